"""Bulletins as files: what the command line and the screen ask for."""

from __future__ import annotations

from typing import Final, Literal

from erosion.config.bulletin import BulletinSettings
from erosion.publish.bulletins import content
from erosion.publish.bulletins.blocks import Document
from erosion.publish.bulletins.docx_file import write_docx
from erosion.publish.bulletins.errors import BulletinError
from erosion.publish.bulletins.facts import RunFacts, area_of
from erosion.publish.bulletins.officer import Officer
from erosion.publish.bulletins.pdf import pages_of, write_pdf
from erosion.publish.bulletins.short_text import short_text

Template = Literal["bulletin", "sheet"]

SPARE_MM: Final = 30.0
"""Room left on the page of a commune: a word processor without the type of the DOCX takes a wider one."""

FORMATS: Final = ("pdf", "docx", "txt")


def make_document(
    facts: RunFacts,
    commune: str | None,
    officer: Officer,
    settings: BulletinSettings,
    language: str = "vi",
    template: Template = "bulletin",
) -> Document:
    """Return a bulletin, or the page of a commune.

    Parameters
    ----------
    facts
        From :func:`erosion.publish.bulletins.facts.read_facts`.
    commune
        Code or name of a commune; None for the whole region.
    officer
        What an officer has written.
    settings
        What stands in all bulletins of the office.
    language
        ``vi`` or ``en``.
    template
        ``bulletin``, or ``sheet``: one page.

    Raises
    ------
    BulletinError
        There is no such commune, or the texts are too long for the template.
    """
    area = area_of(facts, commune, language)
    source = content.Source(facts, area, officer, settings, language)
    picture = content.picture_of(source, template)
    if template == "bulletin":
        return content.bulletin(source, picture)
    for rows in range(min(content.SHEET_ROWS, len(area.stretches)), -1, -1):
        page = content.sheet(source, picture, rows)
        if pages_of(page, SPARE_MM) == 1:
            return page
    raise BulletinError(
        "the texts do not fit the one page of a commune; shorten what the officer writes or the recommendations, "
        "or make the bulletin instead"
    )


def make_file(
    kind: str,
    facts: RunFacts,
    commune: str | None,
    officer: Officer,
    settings: BulletinSettings,
    language: str = "vi",
    template: Template = "bulletin",
) -> bytes:
    """Return the bytes of a bulletin as ``pdf``, ``docx`` or ``txt`` (the short text); see :func:`make_document`."""
    if kind == "txt":
        return (short_text(facts, area_of(facts, commune, language), language) + "\n").encode()
    document = make_document(facts, commune, officer, settings, language, template)
    if kind == "pdf":
        return write_pdf(document)
    if kind == "docx":
        return write_docx(document)
    raise BulletinError(f"no format {kind!r}; there are {', '.join(FORMATS)}")
