"""The bulletin of the chosen date as a draft: what the officer writes, a preview, and the files."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pypdfium2
import streamlit as st

from erosion.config.bulletin import read_settings, settings_file
from erosion.config.problems import CatalogError
from erosion.publish.bulletins.blocks import Document
from erosion.publish.bulletins.docx_file import write_docx
from erosion.publish.bulletins.errors import BulletinError
from erosion.publish.bulletins.facts import RunFacts, area_of, communes, read_facts
from erosion.publish.bulletins.make import Template, make_document
from erosion.publish.bulletins.officer import MAX_TEXT, TEXTS, Officer
from erosion.publish.bulletins.pdf import write_pdf
from erosion.publish.bulletins.short_text import short_text
from erosion.ui import html
from erosion.ui.choice import Choice, select
from erosion.ui.products.reading import stamp
from erosion.words import write

SHOWN_PAGES = 4
PREVIEW_SCALE = 1.6
"""Pixels a point of the page."""

WHOLE = ""
"""Stands for the whole region where a commune is chosen."""


def show(choice: Choice) -> None:
    """Show the page."""
    html.show(html.heading(choice.translate("page.bulletin")), html.note(choice.translate("bulletin.page.lead")))
    try:
        path = choice.run.directory / f"stretches_{choice.target.name}.parquet"
        facts = _facts(str(choice.region.folder), choice.run.as_of, choice.target.name, stamp(path))
        settings = read_settings(settings_file(choice.region.folder))
    except (BulletinError, CatalogError) as error:
        html.show(html.banner("bad", choice.translate("bulletin.failed"), str(error)))
        return
    commune, template = _what(choice, facts)
    officer = _officer(choice)
    _short(choice, facts, commune)
    asked = (choice.region.name, choice.run.as_of, choice.target.name, choice.language, commune, template)
    if st.button(choice.translate("bulletin.make"), type="primary", icon=":material/visibility:"):
        st.session_state["bulletin asked"] = (*asked, officer)
    if st.session_state.get("bulletin asked") == (*asked, officer):
        try:
            _paper(choice, make_document(facts, commune, officer, settings, choice.language, template))
        except BulletinError as error:
            html.show(html.banner("bad", choice.translate("bulletin.failed"), str(error)))


@st.cache_resource(max_entries=4, show_spinner=False)
def _facts(folder: str, as_of: str, target: str, changed_ns: int) -> RunFacts:
    return read_facts(Path(folder), as_of, target)


def _what(choice: Choice, facts: RunFacts) -> tuple[str | None, Template]:
    named = communes(facts, choice.language)
    if not named:
        html.show(html.note(choice.translate("bulletin.no.communes")))
    whole = choice.translate("bulletin.choose.whole", place=facts.region_title(choice.language))
    one, two = st.columns([2, 1])
    with one:
        commune = select(
            f"bulletin area {choice.region.name}",
            choice.translate("bulletin.choose.area"),
            [WHOLE, *named],
            lambda code: f"{named[code]} · {code}" if code else whole,
        )
    with two:
        template = select(
            "bulletin kind",
            choice.translate("bulletin.choose.kind"),
            ["bulletin", "sheet"],
            lambda kind: choice.translate(f"bulletin.kind.{kind}"),
        )
    return commune or None, "sheet" if template == "sheet" else "bulletin"


def _officer(choice: Choice) -> Officer:
    name = f"{choice.region.name} {choice.run.as_of}"
    # Asked once: a box whose first value changes with the minute would forget what was written in it.
    now = st.session_state.setdefault(f"issue default {name}", datetime.now(ZoneInfo(choice.region.timezone)))
    texts: dict[str, str] = {}
    with st.expander(choice.translate("bulletin.write"), expanded=True):
        one, two, three = st.columns(3)
        with one:
            texts["number"] = st.text_input(
                choice.translate("bulletin.field.number"), key=f"number {name}", max_chars=60
            )
        with two:
            day = st.date_input(
                choice.translate("bulletin.field.date"), now.date(), key=f"issue day {name}", format="DD/MM/YYYY"
            )
        with three:
            time = st.time_input(
                choice.translate("bulletin.field.time"), now.time().replace(second=0, microsecond=0), key=f"issue time {name}",
                step=60,
            )  # fmt: skip
        for field in ("now", "warning", "risk", "recommendations"):
            texts[field] = st.text_area(
                choice.translate(f"bulletin.field.{field}"), key=f"{field} {name}", max_chars=MAX_TEXT, height=80
            )
        texts["signer"] = st.text_input(choice.translate("bulletin.field.signer"), key=f"signer {name}", max_chars=120)
    assert set(texts) == set(TEXTS)
    issued = datetime.combine(day, time, ZoneInfo(choice.region.timezone))
    return Officer(issued_at=issued, **texts)


def _short(choice: Choice, facts: RunFacts, commune: str | None) -> None:
    text = short_text(facts, area_of(facts, commune, choice.language), choice.language)
    html.show(html.heading(choice.translate("bulletin.short", n=write.number(len(text), choice.language))))
    st.code(text, language=None, wrap_lines=True)
    _download(choice, "txt", text.encode(), "text/plain", commune)


def _paper(choice: Choice, document: Document) -> None:
    pdf = write_pdf(document)
    one, two, _ = st.columns([1, 1, 2])
    with one:
        _download(choice, "pdf", pdf, "application/pdf", None)
    with two:
        word = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
        _download(choice, "docx", write_docx(document), word, None)
    pages, total = _pictures(pdf)
    html.show(html.heading(choice.translate("bulletin.preview")))
    if total > len(pages):
        shown, count = (write.number(n, choice.language) for n in (len(pages), total))
        html.show(html.note(choice.translate("bulletin.preview.more", shown=shown, total=count)))
    for page in pages:
        st.image(page, width=760)


@st.cache_data(max_entries=4, show_spinner=False)
def _pictures(pdf: bytes) -> tuple[list[Any], int]:
    """Return the first pages as pictures, and how many pages there are."""
    with pypdfium2.PdfDocument(pdf) as file:
        return [file[i].render(scale=PREVIEW_SCALE).to_pil() for i in range(min(SHOWN_PAGES, len(file)))], len(file)


def _download(choice: Choice, kind: str, data: bytes, mime: str, commune: str | None) -> None:
    st.download_button(
        choice.translate(f"bulletin.download.{kind}"),
        data=data,
        file_name=f"{choice.region.name}_{choice.run.as_of}{f'_{commune}' if commune else ''}.{kind}",
        mime=mime,
        on_click="ignore",
        icon=":material/download:",
        key=f"bulletin {kind}",
    )
