"""What quality control of gauges finds, and how often it flags what is valid.

Run ``python benchmarks/gauge_quality.py`` for the tables (Markdown on stdout; some two minutes); ``--write`` puts them and the
pictures into ``docs``. Faults are put one kind at a time into the two real Mamoré gauges, and into an hourly tidal stage that
is SIMULATED. A fault counts as found when a value of it carries the flag; what is flagged elsewhere is counted too.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from erosion.config.gauges import GaugeChecks
from erosion.config.region import load_region
from erosion.core.contracts import GAUGE_COLUMNS, GAUGE_FLAGS
from erosion.gauges.drivers.gauge_files_entry import GaugeFiles
from erosion.gauges.health import COUNTED, health
from erosion.gauges.quality.checks import check_quality
from erosion.gauges.quality.flags import SUSPECT_FLAGS
from erosion.gauges.report_figure import FLAG_WORDS, draw

ROOT: Final = Path(__file__).resolve().parents[1]
PAGE: Final = ROOT / "docs" / "gauge-quality.md"
MARK: Final = "<!-- made by benchmarks/gauge_quality.py -->"
LEARNED_DAYS: Final = 1100
"""Faults begin when what is usual has been learned; before, only far larger ones are found."""

PLACES: Final = 60
"""Faults of one kind in one series."""

Fault = Callable[[np.ndarray, int], tuple[int, int]]
"""Changes a series at a place; returns which values the fault is seen in, from and to before."""


class Kind(NamedTuple):
    """A fault of one kind and the flag that should find it."""

    name: str
    size: str
    flag: str
    fault: Fault
    checks: GaugeChecks = GaugeChecks()


def scaled(length: int, factor: float) -> Fault:
    """Multiply some values."""

    def fault(value: np.ndarray, at: int) -> tuple[int, int]:
        value[at : at + length] *= factor
        return at, at + length

    return fault


def shifted(length: int, metres: float) -> Fault:
    """Add to some values; with length 0 to all later ones."""

    def fault(value: np.ndarray, at: int) -> tuple[int, int]:
        value[at : at + length if length else None] += metres
        return at, at + max(length, 1)

    return fault


def stuck(length: int) -> Fault:
    """Repeat a value."""

    def fault(value: np.ndarray, at: int) -> tuple[int, int]:
        value[at : at + length] = value[at]
        return at + 1, at + length

    return fault


def copied(length: int) -> Fault:
    """Repeat the stretch before."""

    def fault(value: np.ndarray, at: int) -> tuple[int, int]:
        value[at : at + length] = value[at - length : at].copy()
        return at, at + length

    return fault


def drifting(length: int, factor: float) -> Fault:
    """Let the series run away from the truth and come back at once."""

    def fault(value: np.ndarray, at: int) -> tuple[int, int]:
        value[at : at + length] *= np.linspace(1, factor, length)
        return at, at + length

    return fault


def stepping(factor: float) -> Fault:
    """Multiply all later values, and at the next place divide them again."""
    times = 0

    def fault(value: np.ndarray, at: int) -> tuple[int, int]:
        nonlocal times
        value[at:] *= factor if times % 2 == 0 else 1 / factor
        times += 1
        return at, at + 1

    return fault


DAILY: Final = (
    Kind("sign lost", "", "range", scaled(1, -1.0)),
    Kind("cubic feet for cubic metres", "", "spike", scaled(1, 35.3)),
    *(Kind("one value wrong", f"x {factor:g}", "spike", scaled(1, factor)) for factor in (1.1, 1.2, 1.3, 1.5, 2.0)),
    *(Kind("one value wrong", f"x {factor:g}", "spike", scaled(1, factor)) for factor in (0.9, 0.8, 0.5)),
    *(Kind("three values wrong", f"x {factor:g}", "spike", scaled(3, factor)) for factor in (1.2, 1.3, 1.5)),
    *(Kind("dead gauge", f"{days} days", "flat_line", stuck(days)) for days in (10, 15, 20, 30, 45, 60)),
    *(Kind("shift for good", f"x {factor:g}", "datum_jump", stepping(factor)) for factor in (1.2, 1.3, 1.5, 0.67)),
    *(Kind("days copied", f"{days} days", "duplicated_day", copied(days)) for days in (5, 7, 10, 15)),
    *(Kind("slow drift over 60 days", f"to x {factor:g}", "neighbour", drifting(60, factor)) for factor in (1.5, 3.0)),
)

HOURLY: Final = (
    *(Kind("one value wrong", f"{cm:+} cm", "spike", shifted(1, cm / 100)) for cm in (20, 30, 50, 100)),
    *(Kind("dead gauge", f"{hours} h", "flat_line", stuck(hours)) for hours in (24, 48, 72, 96)),
    Kind("dead gauge, flat_days: 0.5 given", "24 h", "flat_line", stuck(24), GaugeChecks(flat_days=0.5)),
    *(Kind("shift for good", f"{cm:+} cm", "datum_jump", shifted(0, cm / 100)) for cm in (10, 20, 30, 50)),
    *(Kind("hours copied", f"{hours} h", "duplicated_day", copied(hours)) for hours in (24, 48)),
)


def mamore() -> pd.DataFrame:
    """Both gauges, day by day, available after two days; sorted."""
    folder = ROOT / "data_sources" / "datasets" / "mamore" / "gauges"
    parts = []
    for path in sorted(folder.glob("*.csv")):
        days = pd.read_csv(path, parse_dates=["date"])
        time = days["date"].dt.tz_localize("UTC").dt.as_unit("ns") + pd.Timedelta(hours=4)
        parts.append(_rows(path.name[:8], "discharge", time, days["discharge_m3s"], pd.Timedelta(days=2)))
    return pd.concat(parts, ignore_index=True)


def tide(seed: int, years: int = 5) -> pd.DataFrame:
    """A SIMULATED hourly stage: one flood a year of its own height, five tides that it damps, noise of 1 cm, read in cm."""
    rng = np.random.default_rng(seed)
    hour = np.arange(years * 8766)
    year = hour // 8766
    flood = (1 - np.cos(2 * np.pi * hour / 8766)) / 2 * rng.uniform(2.0, 3.6, years + 1)[year]
    waves = sum(
        height * np.cos(2 * np.pi * hour / period + rng.uniform(0, 6))
        for height, period in ((0.4, 12.4206), (0.15, 12.0), (0.08, 12.6583), (0.2, 23.9345), (0.15, 25.8193))
    )
    stage = 0.6 + flood + waves / (1 + flood / 2) + rng.normal(0, 0.01, hour.size)
    time = pd.Series(pd.date_range("2018-01-01", periods=hour.size, freq="h", tz="UTC")).dt.as_unit("ns")
    return _rows("tide", "stage", time, stage.round(2), pd.Timedelta(hours=1))


def _rows(gauge_id: str, quantity: str, time: pd.Series, value: np.ndarray, latency: pd.Timedelta) -> pd.DataFrame:
    columns = {"gauge_id": gauge_id, "quantity": quantity, "time": time, "available_at": time + latency, "value": value}
    return pd.DataFrame(columns | {"qc": "good", "flags": 0, "source": gauge_id})[list(GAUGE_COLUMNS)]


def newest(gauges: pd.DataFrame, checks: GaugeChecks = GaugeChecks()) -> pd.DataFrame:  # noqa: B008
    """Check a table and return the last revision of each value."""
    checked = check_quality(gauges, dict.fromkeys(gauges["gauge_id"].unique(), checks))
    return checked.drop_duplicates(["gauge_id", "quantity", "time"], keep="last", ignore_index=True)


def found(gauges: pd.DataFrame, kind: Kind, places: int, seed: int) -> dict[str, float]:
    """Put a fault into every series of a table at random places, and count."""
    rng = np.random.default_rng(seed)
    value = gauges["value"].to_numpy().copy()
    spans, near = [], np.zeros(value.size, dtype=bool)
    for at in gauges.groupby("gauge_id").indices.values():
        first, last = at[0], at[-1] + 1
        learned = gauges["time"].iloc[first] + pd.Timedelta(days=LEARNED_DAYS)
        begin = first + int(np.searchsorted(gauges["time"].iloc[first:last], learned))
        slots = np.linspace(begin, last - 200, places + 1).astype(int)
        one = value[first:last]
        for low, high in zip(slots[:-1], slots[1:], strict=True):
            place = int(rng.integers(low, max(low + 1, high - 130)))
            span = kind.fault(one, place - first)
            spans.append((span[0] + first, span[1] + first))
            near[max(spans[-1][0] - 10, 0) : spans[-1][1] + 10] = True
    flags = newest(gauges.assign(value=value), kind.checks)["flags"].to_numpy("int64")
    hits = np.array([np.bitwise_or.reduce(flags[begin:end]) for begin, end in spans])
    suspect = sum(GAUGE_FLAGS[flag] for flag in SUSPECT_FLAGS)
    return {
        "flag": float((hits & GAUGE_FLAGS[kind.flag] > 0).mean()),
        "suspect": float((hits & suspect > 0).mean()),
        "any": float((hits > 0).mean()),
        "elsewhere": 1e4 * float(((flags & suspect > 0) & ~near).sum() / (~near).sum()),
    }


def fault_table(gauges: pd.DataFrame, kinds: tuple[Kind, ...], places: int) -> tuple[list[str], dict[str, list[float]]]:
    """Return the table of one set of faults, and the shares found by kind for the picture."""
    out = [
        "| fault | size | flag | found by it | suspect | any flag | suspect elsewhere, of 10,000 |",
        "|---|---|---|---|---|---|---|",
    ]
    shares: dict[str, list[float]] = {}
    for number, kind in enumerate(kinds):
        # A series that shifts for good again and again is another gauge in the end: fewer of them.
        few = max(places // 5, 1) if kind.flag == "datum_jump" else places
        share = found(gauges, kind, few, number)
        shares.setdefault(kind.name, []).append(share["flag"])
        out.append(
            f"| {kind.name} | {kind.size} | {FLAG_WORDS[kind.flag]} | {share['flag']:.0%} | {share['suspect']:.0%} "
            f"| {share['any']:.0%} | {share['elsewhere']:.1f} |"
        )
    return out, shares


def clock_table() -> list[str]:
    """A clock that is off for ten days, at twenty places of a SIMULATED tide."""
    out = ["| clock off by | days found, of ten | marked elsewhere, of 10,000 |", "|---|---|---|"]
    for hours in (-3, -2, -1, 1, 2, 3):
        gauges = tide(3)
        value = gauges["value"].to_numpy().copy()
        off = np.zeros(value.size, dtype=bool)
        for begin in np.linspace(2000, value.size - 2000, 20).astype(int) // 24 * 24:
            off[begin : begin + 240] = True
            value[begin : begin + 240] = gauges["value"].to_numpy()[begin + hours : begin + 240 + hours]
        flags = newest(gauges.assign(value=value))["flags"].to_numpy("int64") & GAUGE_FLAGS["clock_shift"] > 0
        out.append(f"| {hours:+} h | {flags[off].mean() * 10:.1f} | {1e4 * flags[~off].mean():.0f} |")
    return out


def sound_table() -> list[str]:
    """What is flagged where no fault was put."""
    out = [
        "| series | values | " + " | ".join(FLAG_WORDS[flag] for flag in COUNTED[:-1]) + " |",
        "|---|---|" + "---|" * 8,
    ]
    series: Iterator[tuple[str, pd.DataFrame]] = iter(
        [
            *((f"{name}, daily, real", rows) for name, rows in newest(mamore()).groupby("gauge_id")),
            *((f"tide {seed}, hourly, SIMULATED", newest(tide(seed))) for seed in (1, 2)),
        ]
    )
    for name, rows in series:
        counts = [int((rows["flags"].to_numpy("int64") & GAUGE_FLAGS[flag] > 0).sum()) for flag in COUNTED[:-1]]
        cells = [f"{count} ({1e4 * count / len(rows):.1f})" if count else "0" for count in counts]
        out.append(f"| {name} | {len(rows):,} | " + " | ".join(cells) + " |")
    return out


def picture_of_shares(path: Path, shares: dict[str, list[float]]) -> None:
    """Draw the share found against the size of the fault."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3.4), layout="constrained")
    FigureCanvasAgg(figure)
    names = ("one value wrong", "three values wrong", "dead gauge", "shift for good", "days copied")
    for axes, name in zip(figure.subplots(1, len(names), sharey=True), names, strict=True):
        sizes = [kind.size for kind in DAILY if kind.name == name]
        axes.bar(range(len(sizes)), shares[name], color="#1d5b79")
        axes.set_xticks(range(len(sizes)), sizes, rotation=60, ha="right", fontsize=8)
        axes.set_title(name, fontsize=10)
        axes.set_ylim(0, 1)
        axes.yaxis.set_major_formatter("{x:.0%}")
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", color="#e6eaed")
        axes.set_axisbelow(True)
    figure.suptitle("Faults put into the two Mamoré gauges: share found", x=0.01, ha="left", fontsize=11)
    figure.savefig(path, dpi=90, metadata={"Software": None})


def picture_of_faults(path: Path) -> None:
    """Draw the Guajará-Mirim gauge with one fault of each kind put in."""
    gauges = mamore()
    mine = np.flatnonzero((gauges["gauge_id"] == "15250000").to_numpy())
    value = gauges["value"].to_numpy().copy()
    day = gauges["time"].dt.strftime("%Y-%m-%d").to_numpy()[mine]

    def at(text: str) -> int:
        return int(mine[np.searchsorted(day, text)])

    value[at("1993-03-10")] *= 1.5
    value[at("1999-08-10")] *= 0.5
    value[at("2006-05-05")] *= -1
    value[at("2014-05-01") : at("2014-07-15")] = value[at("2014-05-01")]
    copy = at("2018-02-01")
    value[copy : copy + 20] = value[copy - 20 : copy]
    value[at("2022-06-01") : at("2025-12-31") + 1] *= 1.5
    for text, factor in (("2025-11-12", 1.6), ("2025-11-20", 0.6), ("2025-12-10", 1.4)):
        value[at(text)] *= factor
    gaps = np.r_[at("2009-01-10") : at("2009-08-20"), at("2025-11-26") : at("2025-12-02")]
    region = load_region("mamore")
    sources = [source for source in region.gauge_sources if source.gauge_id == "15250000"]
    assert isinstance(sources[0], GaugeFiles)
    sources = [dataclasses.replace(sources[0], place="Guajará-Mirim WITH FAULTS PUT IN")]
    rows = newest(gauges.assign(value=value, source="guajara_mirim").drop(index=gaps))
    rows = rows[rows["gauge_id"] == "15250000"]
    as_of = pd.Timestamp("2026-01-02")
    draw(path, region, rows, health(rows, as_of, sources).iloc[0].to_dict(), as_of, sources)


def main() -> None:
    """Make the tables, and with ``--write`` the page and its pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--places", type=int, default=PLACES, help="faults of a kind in a series (default %(default)s)")
    parser.add_argument("--write", action="store_true", help="put tables and pictures into docs")
    asked = parser.parse_args()
    daily, shares = fault_table(mamore(), DAILY, asked.places)
    hourly, _ = fault_table(tide(3), HOURLY, asked.places)
    parts = [
        "### Unchanged series\n",
        "Values flagged, and in brackets of 10,000.\n",
        *sound_table(),
        "\n### Faults put into the two real gauges\n",
        *daily,
        "\n### Faults put into a SIMULATED hourly tidal stage\n",
        *hourly,
        "",
        *clock_table(),
    ]
    text = "\n".join(parts)
    print(text)
    if asked.write:
        before, mark, _ = PAGE.read_text("utf-8").partition(MARK)
        PAGE.write_text(f"{before}{mark}\n\n{text}\n", "utf-8")
        picture_of_shares(PAGE.with_name("gauge-quality-found.png"), shares)
        picture_of_faults(PAGE.with_name("gauge-quality-faults.png"))


if __name__ == "__main__":
    main()
