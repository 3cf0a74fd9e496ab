"""A field report, to be filled in on a phone; and the newest reports of the region."""

from __future__ import annotations

import re
import uuid
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import pandas as pd
import streamlit as st

from erosion.alerts import ledger
from erosion.core.contracts import BANKS
from erosion.core.vocabulary import Action, FieldVerdict
from erosion.ui import access, html
from erosion.ui.choice import Choice
from erosion.ui.products.decisions import ask, decide, problem
from erosion.ui.products.photos import MEDIA_TYPE, MOST_BYTES, Photo, PhotoError, read_photo, store_photo
from erosion.ui.products.reading import ProductError
from erosion.ui.report_place import PlaceError, Spot, spot_along, spot_at
from erosion.words import write
from erosion.workflow import actions
from erosion.workflow.actions import Who
from erosion.workflow.errors import RefusedError
from erosion.workflow.roles import need

NEWEST: Final = 20
MOST_WORDS: Final = 2_000
PLACES: Final = ("along", "degrees", "photo")
AHEAD: Final = timedelta(minutes=5)
"""How far a phone's clock may be ahead."""

_CHAINAGE: Final = re.compile(r"(?:km)?\s*(\d{1,4})(?:\s*\+\s*(\d{1,3})|[.,](\d{1,3}))?", re.IGNORECASE)


def show(choice: Choice) -> None:
    """Show the page."""
    html.show(html.heading(choice.translate("report.title")), html.note(choice.translate("report.help")))
    using = access.current()
    if using.person is None or using.who is None:
        html.show(html.banner("info", choice.translate("report.viewer"), access.described(using, choice.language)))
    else:
        try:
            need(using.person, Action.REPORT, using.person.communes)
            _form(choice, using.who)
        except RefusedError as error:
            html.show(problem(error, choice.language))
    _newest(choice)


def chainage_m(text: str) -> float | None:
    """Return the metres of a chainage as people write it: ``12+300``, ``km 12+300``, ``12,3``; None for anything else."""
    found = _CHAINAGE.fullmatch(text.strip())
    if found is None:
        return None
    whole, metres, part = found.groups()
    return 1000.0 * int(whole) + (float(metres) if metres else 1000.0 * float(f"0.{part or 0}"))


def _form(choice: Choice, who: Who) -> None:
    state, words = st.session_state, choice.language
    if "report id" not in state:
        state["report id"] = str(uuid.uuid4())
        state["report began"] = datetime.now(ZoneInfo(choice.region.timezone)).replace(second=0, microsecond=0)
        state.pop("report sent", None)
    name = f"{state['report id']} {words}"
    how = st.radio(
        choice.translate("report.where"),
        PLACES,
        format_func=lambda kind: choice.translate(f"report.where.{kind}"),
        key=f"report where {name}",
    )
    with st.form(f"report {name}"):
        given: dict[str, Any] = {"how": how}
        if how == "along":
            present, reaches = list(choice.segments["reach"].unique()), choice.region.reaches
            given["reach"] = present[0]
            if len(present) > 1:
                given["reach"] = st.selectbox(
                    choice.translate("report.reach"),
                    present,
                    index=None,
                    placeholder=choice.translate("report.choose"),
                    format_func=lambda reach: reaches.get(reach, {}).get(words, reach),
                    key=f"report reach {name}",
                )
            given["bank"] = st.selectbox(
                choice.translate("report.bank"),
                [bank for bank in BANKS if (choice.segments["bank"] == bank).any()],
                index=None,  # a bank that nobody chose would often be the wrong one
                placeholder=choice.translate("report.choose"),
                format_func=lambda bank: choice.translate(f"bank.{bank}"),
                key=f"report bank {name}",
            )
            given["chainage"] = st.text_input(
                choice.translate("report.chainage"), placeholder="12+300", max_chars=20, key=f"report chainage {name}"
            )
        elif how == "degrees":
            for what in ("lat", "lon"):
                given[what] = st.number_input(
                    choice.translate(f"report.{what}"), value=None, format="%.6f", key=f"report {what} {name}"
                )
        given["photo"] = st.file_uploader(
            choice.translate("report.photo"),
            type=["jpg", "jpeg", "png", "webp"],
            max_upload_size=MOST_BYTES // 2**20,
            key=f"report photo {name}",
        )
        given["verdict"] = st.selectbox(
            choice.translate("report.verdict"),
            list(FieldVerdict),
            index=None,
            placeholder=choice.translate("report.choose"),
            format_func=lambda verdict: choice.translate(f"found.{verdict}"),
            key=f"report verdict {name}",
        )
        for what in ("crack_length", "crack_width", "edge_distance"):
            given[what] = st.number_input(
                choice.translate(f"report.{what}"), 0.0, 10_000.0, None, format="%.1f", key=f"report {what} {name}"
            )
        given["houses"] = st.number_input(
            choice.translate("report.houses"), 0, 100_000, None, 1, key=f"report houses {name}"
        )
        given["words"] = st.text_area(
            choice.translate("report.words"), max_chars=MOST_WORDS, key=f"report words {name}"
        )
        began = state["report began"]
        left, right = st.columns(2)
        with left:
            day = st.date_input(
                choice.translate("report.day"), began.date(), format="DD/MM/YYYY", key=f"report day {name}"
            )
        with right:
            time = st.time_input(choice.translate("report.time"), began.time(), step=300, key=f"report time {name}")
        given["at"] = datetime.combine(day, time, ZoneInfo(choice.region.timezone))
        sent = st.form_submit_button(choice.translate("report.send"), type="primary", width="stretch")
    if sent:
        _send(choice, who, given)
    if "report sent" in state and st.button(choice.translate("report.another"), key="report another", width="stretch"):
        del state["report id"]
        st.rerun()


def _send(choice: Choice, who: Who, given: dict[str, Any]) -> None:
    state = st.session_state
    try:
        photo = read_photo(given["photo"].getvalue()) if given["photo"] is not None else None
        spot = _spot(choice, given, photo)
    except PhotoError as error:
        html.show(html.banner("bad", choice.translate("report.unsent"), choice.translate(f"report.photo.{error.key}")))
        return
    except PlaceError as error:
        html.show(html.banner("bad", choice.translate("report.unsent"), choice.translate(f"report.place.{error.key}")))
        return
    except ProductError as error:
        html.show(html.banner("bad", choice.translate("report.unsent"), choice.translate("broken.title"), [str(error)]))
        return
    if given["verdict"] is None:
        html.show(html.banner("bad", choice.translate("report.unsent"), choice.translate("report.no_verdict")))
        return
    if given["at"] > datetime.now(given["at"].tzinfo) + AHEAD:
        html.show(html.banner("bad", choice.translate("report.unsent"), choice.translate("report.future")))
        return
    width_cm = given["crack_width"]
    report = ledger.reports.FieldReport(
        client_id=state["report id"],
        region=choice.region.name,
        observed_at=given["at"],
        **{name: value for name, value in spot._asdict().items() if name != "away_m"},
        verdict=given["verdict"],
        words=given["words"].strip(),
        crack_length_m=given["crack_length"],
        crack_width_m=None if width_cm is None else width_cm / 100.0,
        edge_distance_m=given["edge_distance"],
        houses=given["houses"],
    )
    if state.get("report sent", report) != report:
        html.show(html.banner("warn", choice.translate("report.changed"), choice.translate("report.changed.more")))
        return
    try:
        added = decide(lambda engine: actions.report(engine, who, report))
        state["report sent"] = report
        kept = photo is None or _keep(choice, who, added.id, photo)
    except (RefusedError, ledger.LedgerError) as error:
        html.show(problem(error, choice.language))
        return
    place = write.place(spot.bank, spot.chainage_m, choice.language)
    title = choice.translate("report.done" if added.new else "report.again", number=added.id, place=place)
    html.show(
        html.banner(
            "info" if kept else "warn",
            title,
            choice.translate("report.stretch" if spot.stretch_id else "report.no_stretch"),
        )
    )


def _keep(choice: Choice, who: Who, number: int, photo: Photo) -> bool:
    """Store the photo of a report and enter it; return whether it could be stored, else say that it could not."""
    try:
        store_photo(choice.region.folder.parent, photo)
    except OSError as error:
        html.show(
            html.banner(
                "bad",
                choice.translate("report.photo.unsaved"),
                choice.translate("report.photo.unsaved.more"),
                [str(error)],
            )
        )
        return False
    decide(
        lambda engine: actions.add_photo(
            engine, who, number, sha256=photo.sha256, size_bytes=len(photo.jpeg), media_type=MEDIA_TYPE
        )
    )
    return True


def _spot(choice: Choice, given: dict[str, Any], photo: Photo | None) -> Spot:
    if given["how"] == "along":
        if given["reach"] is None or given["bank"] is None:
            raise PlaceError("bank")
        along = chainage_m(given["chainage"])
        if along is None:
            raise PlaceError("chainage")
        return spot_along(choice, given["reach"], given["bank"], along)
    if given["how"] == "photo":
        if photo is None or photo.lon is None or photo.lat is None:
            raise PlaceError("photo")
        return spot_at(choice, photo.lon, photo.lat)
    if given["lon"] is None or given["lat"] is None:
        raise PlaceError("degrees")
    return spot_at(choice, given["lon"], given["lat"])


def _newest(choice: Choice) -> None:
    zone = f"{datetime.now(ZoneInfo(choice.region.timezone)):%z}"
    html.show(html.heading(choice.translate("report.newest", zone=f"{zone[:3]}:{zone[3:]}")))
    try:
        table = ask(lambda connection: ledger.reports.reports(connection, choice.region.name))
    except ledger.LedgerError as error:
        html.show(problem(error, choice.language))
        return
    if table is None or table.empty:
        html.show(html.note(choice.translate("report.none")))
        return
    for row in table.iloc[::-1].head(NEWEST).to_dict("records"):
        html.show(_card(choice, row))


def _card(choice: Choice, row: dict[Any, Any]) -> str:
    words = choice.language

    def measured(what: str, unit: str, decimals: int, factor: float = 1.0) -> tuple[str, str] | None:
        value = row[what]
        if pd.isna(value):
            return None
        return choice.translate(
            f"report.short.{what}"
        ), f"{write.number(factor * value, words, decimals)} {unit}".strip()

    place = (
        write.place(row["bank"], row["chainage_m"], words)
        if row["bank"]
        else f"{write.number(row['lat'], words, 5)}; {write.number(row['lon'], words, 5)}"
    )
    pairs = [
        (choice.translate("report.short.seen"), write.moment(row["observed_at"], words, choice.region.timezone)),
        (choice.translate("report.short.by"), row["actor_name"]),
        measured("crack_length_m", "m", 1),
        measured("crack_width_m", "cm", 1, 100.0),
        measured("edge_distance_m", "m", 1),
        measured("houses", "", 0),
        (choice.translate("report.short.state"), choice.translate("report.open" if row["open"] else "report.closed")),
    ]
    title = choice.translate(
        "report.card", number=row["id"], place=place, verdict=choice.translate(f"found.{row['verdict']}")
    )
    said = html.note(row["words"]) if row["words"] else ""
    return f'<div class="er-place">{html.safe(title)}</div>{html.facts([pair for pair in pairs if pair])}{said}'
