"""``erosion gauges``: how the gauges of a region are doing, in a terminal and as Markdown with figures."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from erosion.config.gauges import GaugeSource
from erosion.config.region import Region
from erosion.core.contracts import GAUGE_FLAGS, QUANTITIES, SIMULATED_NOTICE
from erosion.core.errors import Skipped
from erosion.gauges.health import COUNTED, NOT_MEASURED, health
from erosion.gauges.known import known_values
from erosion.gauges.quality.flags import SUSPECT_FLAGS
from erosion.gauges.report_figure import FLAG_WORDS, RECENT_DAYS, draw
from erosion.gauges.statistics.return_periods import return_periods

_LISTED: Final = 20


def report(
    region: Region, gauges: pd.DataFrame, as_of: pd.Timestamp | str, sources: Sequence[GaugeSource]
) -> tuple[pd.DataFrame, bool]:
    """Return the health of a region's gauges, and whether none of them is stale or mostly suspect.

    Parameters
    ----------
    region
        The region.
    gauges
        Table of :data:`erosion.core.contracts.GAUGE_COLUMNS` with every revision, checked.
    as_of
        Date of the product.
    sources
        Entries of its gauges.
    """
    table = health(gauges, as_of, sources)
    return table, not (table["stale"] | table["suspect"]).any()


def lines(region: Region, table: pd.DataFrame, as_of: pd.Timestamp, skipped: Sequence[Skipped]) -> list[str]:
    """Return the health of gauges as lines for a terminal.

    Parameters
    ----------
    region
        The region.
    table
        What :func:`erosion.gauges.health.health` gave.
    as_of
        Date of the product.
    skipped
        What was left out or flagged when the gauges were read.
    """
    out = [f"{region.name}, gauges as known on {as_of.date()}"]
    if region.simulated:
        out.append(f"{SIMULATED_NOTICE}: these rivers do not exist")
    if table.empty:
        out.append("the region has no gauges; name some under gauges in its file")
    else:
        out += ["", *_aligned(_HEAD, [_cells(row) for row in _records(table)])]
    absent = {source.name for source in region.gauge_sources if source.left_out is not None}
    news = [s for s in skipped if not s.usual or s.scene in absent]
    usual = [s for s in skipped if s not in news]
    if news:
        out += ["", "left out or flagged:"]
        for item in news[:_LISTED]:
            out += textwrap.wrap(f"{item.scene}: {item.reason}", 110, initial_indent="  - ", subsequent_indent="    ")
    more = len(news) - _LISTED
    if more > 0:
        out.append(f"  and {more} more; --json lists all")
    if usual:
        out.append(f"  {len(usual)} more by a rule; --json lists them")
    return out


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


_HEAD: Final = (
    "gauge",
    "what",
    "newest value",
    "age",
    "30 d",
    "365 d",
    "all",
    "quality flags of the last 365 days",
    "",
)


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    gauge = f"{row['title']} ({row['gauge_id']})"
    if not row["quantity"]:
        return (gauge, "", "nothing known", "", "", "", "", "", _state(row))
    unit = QUANTITIES[row["quantity"]][0]
    return (
        gauge,
        row["quantity"],
        f"{row['last_time']:%Y-%m-%d %H:%M} UTC  {row['last_value']:.6g} {unit}",
        _age(row["age_days"]),
        *(_percent(row[f"complete_{window}"]) for window in ("30d", "365d", "all")),
        flags_in_words(row, "365d") or "none",
        _state(row),
    )


def _state(row: Mapping[str, Any]) -> str:
    if not row["quantity"]:
        return "STALE" if row["stale"] else "not there, optional"
    words = []
    if row["stale"]:
        words.append(f"STALE: older than {row['limit_days']:.3g} days")
    if row["suspect"]:
        words.append(f"SUSPECT: {_percent(row['suspect_30d'])} of the last 30 days")
    return "; ".join(words)


def flags_in_words(row: Mapping[str, Any], window: str) -> str:
    """Return the counts of a row of the health table in words: ``3 spike, 12 repeated too long``."""
    return ", ".join(
        f"{row[f'{flag}_{window}']:.0f} {FLAG_WORDS[flag]}" for flag in COUNTED if row[f"{flag}_{window}"] > 0
    )


def _aligned(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in (head, *rows)
    ]


def _age(days: float) -> str:
    return f"{days * 24:.0f} h" if days < 2 else f"{days:.1f} d" if days < 100 else f"{days:.0f} d"


def _percent(share: float) -> str:
    if pd.isna(share):
        return "-"
    if 0.99 <= share < 1:  # one missing day of forty years is not none
        return f"{np.floor(share * 1000) / 10:.1f} %"
    return f"{share * 100:.0f} %"


def as_json(region: Region, table: pd.DataFrame, as_of: pd.Timestamp, skipped: Sequence[Skipped]) -> dict[str, Any]:
    """Return the same for a JSON file."""
    return {
        "region": region.name,
        "simulated": region.simulated,
        "as_of": str(as_of.date()),
        "gauges": _records(table.astype(object).where(table.notna(), None)),
        "skipped": [item._asdict() for item in skipped],
    }


def write_report(
    directory: Path,
    region: Region,
    gauges: pd.DataFrame,
    table: pd.DataFrame,
    as_of: pd.Timestamp,
    sources: Sequence[GaugeSource],
) -> list[Path]:
    """Return the files written: a Markdown report for each gauge, and a picture for each of its quantities.

    Parameters
    ----------
    directory
        Where to; made where it is not there. Files of an earlier report are replaced.
    region
        The region.
    gauges
        Table of :data:`erosion.core.contracts.GAUGE_COLUMNS` with every revision, checked.
    table
        What :func:`erosion.gauges.health.health` gave of it.
    as_of
        Date of the product.
    sources
        Entries of the region's gauges.

    Returns
    -------
    list of pathlib.Path
        The reports, named after the most trusted source of each gauge.
    """
    directory.mkdir(parents=True, exist_ok=True)
    known = known_values(gauges, as_of)
    known = known[np.isfinite(known["value"].to_numpy(float)) & (known["flags"].to_numpy("int64") & NOT_MEASURED == 0)]
    written = []
    for gauge_id, rows in table.groupby("gauge_id", sort=False):
        mine = [source for source in sources if source.gauge_id == gauge_id]
        name = mine[0].name
        parts = [_title(region, mine, as_of)]
        for row in _records(rows):
            of_it = known[((known["gauge_id"] == gauge_id) & (known["quantity"] == row["quantity"])).to_numpy()]
            if not of_it.empty:
                picture = directory / f"{name}_{row['quantity']}.png"
                draw(picture, region, of_it, row, as_of, mine)
                parts.append(f"![{row['quantity']}, all of it and the last {RECENT_DAYS} days]({picture.name})")
            parts.append(_facts(row))
            parts.append(_returns(gauges[(gauges["gauge_id"] == gauge_id).to_numpy()], row, as_of))
            parts.append(_flag_counts(of_it, row))
        path = directory / f"{name}.md"
        path.write_text("\n\n".join(part for part in parts if part) + "\n", encoding="utf-8", newline="\n")
        written.append(path)
    return written


def _title(region: Region, sources: Sequence[GaugeSource], as_of: pd.Timestamp) -> str:
    first = sources[0]
    head = [f"# {first.called} ({first.gauge_id}), {first.river}"]
    if region.simulated:
        head.append(f"**{SIMULATED_NOTICE}: this gauge does not exist.**")
    head.append(f"As known on {as_of.date()}. Region {region.name}. Times are UTC.")
    head += [f"- {source.name}: {source.title}; {source.attribution}; licence: {source.licence}" for source in sources]
    return "\n\n".join(head[: -len(sources)]) + "\n\n" + "\n".join(head[-len(sources) :])


def _facts(row: Mapping[str, Any]) -> str:
    if not row["quantity"]:
        return "**Nothing was known of this gauge.** Is its file there, was its service asked (`erosion fetch`)?"
    unit = QUANTITIES[row["quantity"]][0]
    facts = [
        ("newest value", f"{row['last_value']:.6g} {unit} ({row['last_qc']}), {row['last_time']:%Y-%m-%d %H:%M}"),
        ("age", f"{_age(row['age_days'])}; stale from {row['limit_days']:.3g} days on"),
        ("state", _state(row) or "reports"),
        ("first day", row["first_day"]),
        ("values", f"{row['values']}, usually every {_age(row['cadence_days'])}" if row["values"] > 1 else "1"),
        ("from", row["sources"]),
        *(
            (f"complete, {words}", _percent(row[f"complete_{window}"]))
            for window, words in (("30d", "last 30 days"), ("365d", "last 365 days"), ("all", "all days"))
        ),
        ("quality flags, last 365 days", flags_in_words(row, "365d") or "none"),
        ("quality flags, all", flags_in_words(row, "all") or "none"),
    ]
    return "\n".join(
        [f"## {row['quantity']}", "", "| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in facts)]
    )


def _returns(gauges: pd.DataFrame, row: Mapping[str, Any], as_of: pd.Timestamp) -> str:
    """Return periods of yearly peaks, empty where the record is too short for them."""
    if row["quantity"] not in ("stage", "discharge"):
        return ""
    table = return_periods(gauges, as_of, quantity=row["quantity"])
    if table.empty:
        return ""
    unit = QUANTITIES[row["quantity"]][0]
    lines = [
        f"### Yearly peaks that come back, from {int(table['years'].iloc[0])} complete water years ({table['distribution'].iloc[0].upper()})",
        "",
        f"| once in, years | peak, {unit} | interval |",
        "|---:|---:|---|",
    ]
    lines += [
        f"| {one.period_years:g} | {one.level:.4g} | {one.low:.4g} to {one.high:.4g} |" for one in table.itertuples()
    ]
    return "\n".join([*lines, "", "Dams, dykes and a changing climate are not in these intervals."])


def _flag_counts(values: pd.DataFrame, row: Mapping[str, Any]) -> str:
    """Return a list of stretches of flagged values, newest first."""
    flagged = values[values["flags"].to_numpy("int64") > 0]
    if flagged.empty:
        return ""
    step = (
        pd.Timedelta(days=1.5 * max(row["cadence_days"], 1 / 1440))
        if pd.notna(row["cadence_days"])
        else pd.Timedelta(0)
    )
    new = (flagged["time"].diff() > step) | (flagged["flags"].diff() != 0)
    stretches = [part for _, part in flagged.groupby(new.cumsum())][::-1]
    out = [
        "Flagged values, newest first:",
        "",
        "| from | to | values | why | lowest | highest | suspect |",
        "|---|---|---|---|---|---|---|",
    ]
    for part in stretches[:_LISTED]:
        flags = int(part["flags"].iloc[0])
        why = ", ".join(words for flag, words in FLAG_WORDS.items() if flags & GAUGE_FLAGS[flag])
        suspect = "yes" if any(flags & GAUGE_FLAGS[flag] for flag in SUSPECT_FLAGS) else "no"
        out.append(
            f"| {part['time'].iloc[0]:%Y-%m-%d %H:%M} | {part['time'].iloc[-1]:%Y-%m-%d %H:%M} | {len(part)} | {why} "
            f"| {part['value'].min():.6g} | {part['value'].max():.6g} | {suspect} |"
        )
    if len(stretches) > _LISTED:
        out.append(f"\nand {len(stretches) - _LISTED} earlier stretches")
    return "\n".join(out)
