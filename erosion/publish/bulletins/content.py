"""A bulletin and a commune sheet as blocks: what the run says, what the officer writes, what the office prints always."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from erosion.config.bulletin import BulletinSettings
from erosion.core.contracts import LEVELS, SIMULATED_NOTICE
from erosion.core.text import clean
from erosion.core.vocabulary import RunOutcome, StretchChange
from erosion.publish.applicability import applicability_words
from erosion.publish.bulletins.blocks import (
    TEXT_WIDTH_MM,
    Block,
    Columns,
    Document,
    Items,
    PageBreak,
    Picture,
    Side,
    Table,
    Text,
)
from erosion.publish.bulletins.facts import (
    WITHIN_M,
    Area,
    RunFacts,
    bank_text,
    change_counts,
)
from erosion.publish.bulletins.figure import draw_map, fitting_height, shown_on
from erosion.publish.bulletins.officer import BLANK, Officer, issued_text
from erosion.publish.columns import level_label, plain_share
from erosion.publish.stretch_names import commune_text, name_text, place_text
from erosion.words import translate, write

ROWS_IN_BODY: Final = 10
"""Stretches listed in section 2; the others follow in an annex."""

SHEET_ROWS: Final = 20
"""Most stretches listed on the page of a commune."""

MAP_WIDTH_MM: Final = TEXT_WIDTH_MM
MAP_HEIGHT_MM: Final = {"bulletin": (48.0, 125.0), "sheet": (48.0, 75.0)}
"""Least and greatest height of the map of each template [mm]."""

_WIDTHS_MM: Final = (8.0, 38.0, 32.0, 12.0, 24.0, 16.0, 18.0, 22.0)


@dataclass(frozen=True)
class Source:
    """All that a bulletin is made of, in one language."""

    facts: RunFacts
    area: Area
    officer: Officer
    settings: BulletinSettings
    language: str

    def say(self, key: str, **values: object) -> str:
        """Return a text of the bulletin."""
        return translate(self.language, key, **values)


def marks_of(facts: RunFacts, language: str) -> tuple[str, ...]:
    """Return what stands on every page: nothing is approved yet, and simulated data are an exercise."""
    return tuple(filter(None, (_simulated_mark(facts, language), translate(language, "bulletin.draft"))))


def bulletin(source: Source, picture: Picture) -> Document:
    """Return the bulletin of a commune or of the whole region."""
    say, officer = source.say, source.officer
    rows = source.area.stretches
    body, rest = rows.iloc[:ROWS_IN_BODY], rows.iloc[ROWS_IN_BODY:]
    blocks: list[Block] = [
        _head(source),
        Text(say("bulletin.title"), "title"),
        Text(source.area.title, "subtitle"),
        Text(issued_text(officer.issued_at, source.language, source.facts.timezone), "subtitle"),
        Items(source.settings.legal_basis.get(source.language, ()), "small"),
        Text(say("bulletin.section.now"), "heading"),
        *(Text(line) for line in (*now_lines(source), *officer.lines("now"))),
        Text(say("bulletin.section.warning"), "heading"),
        *(Text(line) for line in (*warning_lines(source), *officer.lines("warning"))),
        *([_table(source, body)] if len(body) else []),
        *([Text(say("bulletin.table.rest", n=write.number(len(rest), source.language)), "small")] if len(rest) else []),
        Text(say("bulletin.table.note"), "small"),
        picture,
        Text(say("bulletin.section.risk"), "heading"),
        *(Text(line) for line in officer.lines("risk") or (say("bulletin.risk.blank", blank=BLANK),)),
        Text(say("bulletin.section.advice"), "heading"),
        Items(_advice(source)),
        _signature(source),
        Text(say("bulletin.sources", lines=" ".join(source_lines(source))), "small"),
    ]
    if len(rest):
        blocks += [PageBreak(), Text(say("bulletin.annex"), "heading"), _table(source, rest)]
    return _document(source, say("bulletin.title"), blocks)


def sheet(source: Source, picture: Picture, rows: int) -> Document:
    """Return the page of a commune with its first ``rows`` stretches."""
    say, officer = source.say, source.officer
    listed, total = source.area.stretches.iloc[:rows], len(source.area.stretches)
    left = total - len(listed)
    blocks: list[Block] = [
        Text(say("bulletin.sheet.title", place=source.area.title), "title"),
        Text(issued_text(officer.issued_at, source.language, source.facts.timezone), "subtitle"),
        *(Text(line, "small") for line in (*now_lines(source), *officer.lines("now"), *officer.lines("warning"))),
        *([_table(source, listed)] if len(listed) else []),
        *([Text(say("bulletin.sheet.rest", n=write.number(left, source.language)), "small")] if left else []),
        Text(say("bulletin.table.note"), "small"),
        picture,
        Items(_advice(source), "small"),
        Text(say("bulletin.sources", lines=" ".join(source_lines(source))), "small"),
    ]
    return _document(source, say("bulletin.sheet.title", place=source.area.title), blocks)


def now_lines(source: Source) -> list[str]:
    """Return what section 1 says of the run: age of the data, how much bank asks for attention, what changed."""
    facts, language, say = source.facts, source.language, source.say
    run, table = facts.run, source.area.stretches
    age = (pd.Timestamp(run["as_of"]) - pd.Timestamp(run["newest_epoch"])).days
    lines = [
        say(
            "bulletin.now.data",
            date=write.day(run["as_of"], language),
            newest=write.day(run["newest_epoch"], language),
            days=write.number(age, language),
        )
    ]
    limit = facts.listing["stale_after_days"]
    if limit is not None and age > limit:
        lines.append(say("bulletin.now.stale", days=write.number(limit, language)))
    if run["outcome"] != RunOutcome.PUBLISHED:
        lines.append(say("bulletin.now.degraded"))
    if table.empty:
        return [*lines, say("bulletin.now.none")]
    parts = [
        say(
            "bulletin.now.level",
            level=level_label(level, language),
            n=write.number(len(mine), language),
            km=write.number(mine["length_m"].sum() / 1000.0, language, 1),
        )
        for level in reversed(LEVELS)
        if len(mine := table[table["level"] == level])
    ]
    lines.append(
        say(
            "bulletin.now.count",
            n=write.number(len(table), language),
            km=write.number(table["length_m"].sum() / 1000.0, language, 1),
            parts="; ".join(parts),
        )
    )
    counts = change_counts(table)
    changes = [
        say(f"bulletin.change.{kind}", n=write.number(counts[kind], language))
        for kind in (StretchChange.ISSUED, StretchChange.RAISED, StretchChange.LOWERED, StretchChange.UNKNOWN)
        if counts.get(kind)
    ]
    lines.append(say("bulletin.now.changes", parts="; ".join(changes)) if changes else say("bulletin.now.same"))
    return lines


def warning_lines(source: Source) -> list[str]:
    """Return what section 2 says before its table: window, what the numbers mean, and how far they can be relied on."""
    facts, language, say = source.facts, source.language, source.say
    target = facts.target
    end = pd.Timestamp(facts.run["as_of"]) + pd.Timedelta(days=target["horizon_days"])
    lines = [
        say(
            "bulletin.warning.window" if len(source.area.stretches) else "bulletin.warning.none",
            start=write.day(facts.run["as_of"], language),
            end=write.day(end, language),
            threshold=write.number(target["threshold_m"], language),
        )
    ]
    worth = facts.manifest.get("level_worth", {}).get(target["name"], {})
    there = set(source.area.stretches["level"].astype(int))
    shares = []
    for level in reversed(LEVELS):
        if level in there and str(level) in worth:
            part, of = plain_share(worth[str(level)]["precision"])
            shares.append(say("bulletin.worth.level", level=level_label(level, language), part=part, of=of))
    if shares:
        lines.append(say("bulletin.worth", parts="; ".join(shares)))
    applicability = facts.manifest.get("applicability")
    if applicability is not None:
        lines.append(" ".join(filter(None, applicability_words(applicability, language))))
    return [*(line for line in lines if line), say("bulletin.level.note")]


def source_lines(source: Source) -> list[str]:
    """Return the licence and attribution of what the run was made of, as it records them."""
    language, say = source.language, source.say
    lines = [say("bulletin.sources.model", model=clean(source.facts.run["model_id"]) or "")]
    try:
        credits = json.loads(source.facts.about.get("sources", "[]"))
    except (TypeError, ValueError):
        credits = []
    if not isinstance(credits, list) or not credits:
        lines.append(say("bulletin.sources.none"))
        credits = []
    places = source.facts.manifest.get("places")
    for entry in [*credits, *(places["layers"].values() if places else ())]:
        if not isinstance(entry, Mapping):
            continue
        title = entry.get("title")
        named = title.get(language) or title.get("vi") if isinstance(title, Mapping) else title
        texts = (clean(value, 300) for value in (named, entry.get("attribution"), entry.get("licence")))
        simulated = SIMULATED_NOTICE if entry.get("simulated") else None
        lines.append(say("bulletin.sources.entry", text=", ".join(text for text in (*texts, simulated) if text)))
    return list(dict.fromkeys(lines))


def houses_text(row: Mapping[str, Any], language: str) -> str:
    """Return the houses within each distance of the bank; what is unknown is said, never 0."""
    values = [row.get(f"buildings_{metres}m") for metres in WITHIN_M]
    unknown = translate(language, "bulletin.unknown")
    if all(write.missing(value) for value in values):
        return unknown
    return " / ".join(unknown if write.missing(value) else write.number(value, language) for value in values)


def _head(source: Source) -> Columns:
    number = source.say("bulletin.number", number=" ".join(source.officer.lines("number")) or BLANK)
    issuer = source.settings.issuer.get(source.language, ())
    return Columns(
        Side((*issuer, number), bold=True), Side(source.settings.heading.get(source.language, ()), bold=True)
    )


def _signature(source: Source) -> Columns:
    recipients = (source.say("bulletin.recipients"), *source.settings.recipients.get(source.language, ()))
    signer = " ".join(source.officer.lines("signer")) or BLANK
    title = source.settings.signer.get(source.language, "")
    signed = (title, source.say("bulletin.sign"), "", "", "", signer)
    return Columns(Side(recipients, centred=False), Side(signed, bold=True))


def _advice(source: Source) -> tuple[str, ...]:
    return source.officer.lines("recommendations") or source.settings.recommendations.get(source.language, ())


def picture_of(source: Source, template: str) -> Picture:
    """Return the map of a bulletin or sheet with what stands below it."""
    facts, area, language = source.facts, source.area, source.language
    whole = area.code is None
    shown = shown_on(facts.segments, area.stretches, whole=whole)
    size_mm = (MAP_WIDTH_MM, fitting_height(shown, MAP_WIDTH_MM, *MAP_HEIGHT_MM[template]))
    png = draw_map(
        facts.segments,
        area.stretches,
        language,
        size_mm,
        whole=whole,
        mark=_simulated_mark(facts, language),
        reach_titles={str(reach): facts.reach_title(str(reach), language) for reach in set(facts.segments["reach"])},
    )
    say = source.say
    return Picture(png, *size_mm, caption=say("bulletin.map.caption"), alternative=say("bulletin.map.alternative"))


def _simulated_mark(facts: RunFacts, language: str) -> str:
    """Return that the data are simulated and this is an exercise; empty for real data."""
    if not facts.listing["simulated"]:
        return ""
    return f"{SIMULATED_NOTICE} · {translate(language, 'bulletin.exercise')}"


def _table(source: Source, rows: pd.DataFrame) -> Table:
    head = tuple(
        source.say(f"bulletin.column.{name}")
        for name in ("no", "stretch", "commune", "length", "level", "retreat", "land", "houses")
    )
    records = [
        {str(key): value for key, value in row.items()} for row in rows.drop(columns="geometry").to_dict("records")
    ]
    return Table(
        head,
        _WIDTHS_MM,
        tuple(_cells(source, row) for row in records),
        tuple(int(row["level"]) for row in records),
        level_column=4,
    )


def _cells(source: Source, row: Mapping[str, Any]) -> tuple[str, ...]:
    language, say = source.language, source.say
    name = ", ".join(
        part
        for part in (
            bank_text(row, source.facts.reach_title(row["reach"], language), language).replace("km ", "km\u00a0"),
            place_text(row, language),
        )
        if part
    )
    unknown = say("bulletin.unknown")
    return (
        str(row["no"]),
        name,
        commune_text(row, language) or unknown,
        write.number(row["length_m"], language),
        level_label(int(row["level"]), language),
        _pair(row["retreat_p50_m"], row["retreat_p90_m"], 0, language, unknown),
        _pair(row["loss_p50_ha"], row["loss_p90_ha"], 2, language, unknown),
        houses_text(row, language),
    )


def _pair(likely: Any, unlikely: Any, decimals: int, language: str, unknown: str) -> str:
    if write.missing(likely) and write.missing(unlikely):
        return unknown
    return " / ".join(
        unknown if write.missing(value) else _number(value, decimals, language) for value in (likely, unlikely)
    )


def _number(value: float, decimals: int, language: str) -> str:
    """Return a number; what is more than nothing does not become 0."""
    least = 10.0**-decimals
    if 0.0 < value < least / 2.0:
        return f"<{write.number(least, language, decimals)}"
    return write.number(value, language, decimals)


def _document(source: Source, title: str, blocks: Sequence[Block]) -> Document:
    say, run = source.say, source.facts.run
    place = name_text(source.area.title) or ""
    return Document(
        title=f"{title} – {place}" if place not in title else title,
        language=source.language,
        marks=marks_of(source.facts, source.language),
        footer=say("bulletin.footer", date=write.day(run["as_of"], source.language), run=clean(run["run_id"]) or ""),
        page=say("bulletin.page", page="{page}", pages="{pages}"),
        date=run["as_of"],
        blocks=tuple(blocks),
    )
