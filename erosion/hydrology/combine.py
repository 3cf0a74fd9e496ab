"""Several sources of one gauge -> one series, as it could be known at every instant.

The source that the region lists first is trusted most. Another one speaks for a day only while none before it has a value of that
day that is not doubted; when such a value comes, the other one gives way, and when it is doubted later the other one speaks
again. All of that happens by further revisions, so that what was known on a night stays what it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd

from erosion.catalog import Skipped
from erosion.contracts import GAUGE_COLUMNS, GAUGE_FLAGS
from erosion.gauge_catalog import GaugeSource
from erosion.hydrology.series import USED

NEVER: Final = np.iinfo(np.int64).max

LATELY: Final = pd.Timedelta(days=30)
"""A disagreement of the last days is news; an older one is listed among what is usual."""


def combine(
    series: Sequence[tuple[GaugeSource, pd.DataFrame]], now: pd.Timestamp
) -> tuple[pd.DataFrame, list[Skipped]]:
    """Make one table of all sources of all gauges.

    Parameters
    ----------
    series
        Each source with its observations: :data:`erosion.contracts.GAUGE_COLUMNS`, checked for quality; the most trusted source
        of a gauge first.
    now
        UTC instant up to which the values are known; tells disagreements of late from old ones.

    Returns
    -------
    gauges : pandas.DataFrame
        :data:`erosion.contracts.GAUGE_COLUMNS`, sorted by gauge, quantity, time and ``available_at``.
    skipped : list of Skipped
        Sources left out because their stage has another zero, and days on which two sources disagree.
    """
    skipped: list[Skipped] = []
    parts: list[pd.DataFrame] = []
    by_gauge: dict[tuple[str, str], list[tuple[GaugeSource, pd.DataFrame]]] = {}
    for source, table in series:
        for quantity, rows in table.groupby("quantity", sort=True):
            by_gauge.setdefault((source.gauge_id, str(quantity)), []).append((source, rows))
    for (gauge_id, quantity), listed in by_gauge.items():
        if quantity == "stage":
            listed, more = _of_one_datum(listed)
            skipped += more
        joined, more = _joined(listed, quantity, now)
        skipped += more
        parts.append(joined.assign(gauge_id=gauge_id))
    if not parts:
        return empty_gauges(), skipped
    table = pd.concat(parts, ignore_index=True)[list(GAUGE_COLUMNS)]
    return table.sort_values(
        ["gauge_id", "quantity", "time", "available_at"], kind="stable", ignore_index=True
    ), skipped


def _of_one_datum(
    listed: list[tuple[GaugeSource, pd.DataFrame]],
) -> tuple[list[tuple[GaugeSource, pd.DataFrame]], list[Skipped]]:
    """Leave out sources whose zero is another one than the first source's and who do not say how far it lies off."""
    first = listed[0][0]
    kept, skipped = [], []
    for source, rows in listed:
        same = " ".join((source.datum or "").split()) == " ".join((first.datum or "").split())
        if not same and source.datum_offset_m == 0:
            skipped.append(
                Skipped(
                    source.name,
                    f"its stage counts from {source.datum!r}, that of {first.name} from {first.datum!r}; give datum_offset_m, or make "
                    "the two texts the same where they mean the same zero",
                )
            )
            continue
        kept.append((source, rows.assign(value=rows["value"] + source.datum_offset_m)))
    return kept, skipped


def _joined(
    listed: list[tuple[GaugeSource, pd.DataFrame]], quantity: str, now: pd.Timestamp
) -> tuple[pd.DataFrame, list[Skipped]]:
    source, best = listed[0]
    skipped: list[Skipped] = []
    if len(listed) == 1:
        return best, skipped
    taken = [best]
    above = _changes(best, source)
    for other, rows in listed[1:]:
        disputed, more = _disputes(best, source, rows, other, quantity, now)
        skipped += more
        taken[0] = pd.concat([taken[0], disputed], ignore_index=True) if len(disputed) else taken[0]
        taken.append(_giving_way(rows, other, _turns(above)))
        above = pd.concat([above, _changes(rows, other)], ignore_index=True)
    table = pd.concat(taken, ignore_index=True)
    # Of two sources of one instant the more trusted one, which comes first here, is the revision that stands.
    return table.drop_duplicates(["time", "available_at"], keep="first"), skipped


def _day_of(rows: pd.DataFrame, source: GaugeSource) -> np.ndarray:
    """Day of each value, days since 1970: the nearest midnight names the day of a daily value, see ``series.daily``."""
    time = pd.DatetimeIndex(rows["time"]).as_unit("s").asi8
    return np.asarray((time + (43_200 if source.cadence_days >= 1 else 0)) // 86_400)


def _revisions(rows: pd.DataFrame) -> pd.DataFrame:
    """Add when each revision begins and ends to stand, and whether it can be used."""
    table = rows.sort_values(["time", "available_at"], kind="stable")
    since = pd.DatetimeIndex(table["available_at"]).as_unit("ns").asi8
    following = np.append(table["time"].to_numpy()[1:] == table["time"].to_numpy()[:-1], False)
    until = np.where(following, np.append(since[1:], NEVER), NEVER)
    use = table["qc"].isin(USED).to_numpy() & np.isfinite(table["value"].to_numpy(float))
    return table.assign(since=since, until=until, use=use)


def _changes(rows: pd.DataFrame, source: GaugeSource) -> pd.DataFrame:
    """When values of each day begin (+1) and cease (-1) to be usable: day, at [ns], change."""
    table = _revisions(rows)
    table = table.assign(day=_day_of(table, source))[table["use"]]
    ends = table[table["until"] < NEVER]
    day, at = ([*table["day"], *ends["day"]], [*table["since"], *ends["until"]])
    change = np.repeat([1, -1], [len(table), len(ends)])
    return pd.DataFrame({"day": np.array(day, "int64"), "at": np.array(at, "int64"), "change": change})


def _turns(changes: pd.DataFrame) -> pd.DataFrame:
    """When each day turns from having no usable value to having one, and back: day, at [ns], spoken."""
    sums = changes.groupby(["day", "at"])["change"].sum()
    spoken = sums.groupby("day").cumsum() > 0
    before = spoken.groupby("day").shift(fill_value=False)
    return spoken[spoken != before].rename("spoken").reset_index()


def _giving_way(rows: pd.DataFrame, source: GaugeSource, above: pd.DataFrame) -> pd.DataFrame:
    """Rows of a source as they stand beside more trusted ones, of which ``above`` tells the :func:`_turns`."""
    table = _revisions(rows)
    table["day"] = _day_of(table, source)
    lives = table.reset_index(drop=True).reset_index(names="row")
    at_turns = lives.merge(above, on="day")
    begun = at_turns[at_turns["at"] <= at_turns["since"]]
    covered = (
        begun.drop_duplicates("row", keep="last").set_index("row")["spoken"].reindex(lives["row"], fill_value=False)
    )
    later = at_turns[(at_turns["at"] > at_turns["since"]) & (at_turns["at"] < at_turns["until"])]
    way, again = later[later["spoken"]], later[~later["spoken"]]
    columns = list(GAUGE_COLUMNS)
    return pd.concat(
        [
            lives.loc[~covered.to_numpy(bool), columns],
            _at(way[columns], way["at"].to_numpy()).assign(
                qc="missing", flags=way["flags"] | GAUGE_FLAGS["superseded"]
            ),
            # The doubt itself is a revision of that instant; this one comes after it.
            _at(again[columns], again["at"].to_numpy() + 1_000),
        ],
        ignore_index=True,
    )


def _at(rows: pd.DataFrame, instant_ns: np.ndarray) -> pd.DataFrame:
    return rows.assign(available_at=pd.DatetimeIndex(instant_ns, tz="UTC"))


def _disputes(
    best: pd.DataFrame, source: GaugeSource, rows: pd.DataFrame, other: GaugeSource, quantity: str, now: pd.Timestamp
) -> tuple[pd.DataFrame, list[Skipped]]:
    """Mark values of the first source on days on which the other one, as first known, says something else."""
    one, two = _first_known_days(best, source, quantity), _first_known_days(rows, other, quantity)
    both = one.add_suffix("_one").join(two.add_suffix("_two"), how="inner")
    difference = (both["value_one"] - both["value_two"]).abs()
    larger = both[["value_one", "value_two"]].abs().max(axis=1)
    bound = (
        source.checks.agree_m
        if quantity == "stage"
        else source.checks.agree_share * larger + (5.0 if quantity == "rain" else 0.0)
    )
    torn = both[difference > bound]
    if torn.empty:
        return best.iloc[:0], []
    decided = torn[["since_one", "since_two"]].max(axis=1)
    table = _revisions(best)
    day = pd.Series(_day_of(table, source), table.index)
    when = day.map(decided)
    mine = when.notna() & (table["since"] <= when.fillna(0)) & (table["until"] > when.fillna(0))
    marked = _at(table.loc[mine, list(GAUGE_COLUMNS)], when[mine].to_numpy("int64"))
    # Known at the very instant of the decision: the mark comes after the value.
    marked["available_at"] += pd.Timedelta(microseconds=1)
    marked["flags"] |= GAUGE_FLAGS["disputed"]
    last = pd.Timestamp(int(torn.index.max()), unit="D", tz="UTC")
    worst = difference[torn.index].max()
    unit = {"stage": "m", "discharge": "m3/s", "rain": "mm"}[quantity]
    reason = (
        f"differs from {source.name} on {len(torn)} of {len(both)} days, by up to {worst:.3g} {unit}, last on {last:%Y-%m-%d}; "
        f"{source.name} stands, being listed first"
    )
    return marked, [Skipped(other.name, reason, usual=bool(last < now - LATELY))]


def _first_known_days(rows: pd.DataFrame, source: GaugeSource, quantity: str) -> pd.DataFrame:
    """Daily value of each day from the first revision of its values, and when the last of them came [ns]."""
    table = _revisions(rows)
    table = table[table["use"]].drop_duplicates("time", keep="first")
    grouped = table.assign(day=_day_of(table, source)).groupby("day")
    value = grouped["value"].sum() if quantity == "rain" else grouped["value"].mean()
    return pd.DataFrame({"value": value, "since": grouped["since"].max()})


def empty_gauges() -> pd.DataFrame:
    """Return a gauge table without rows, with the types of a full one."""
    instants = pd.DatetimeIndex([], tz="UTC").as_unit("ns")
    types: dict[str, object] = {"value": np.array([], float), "flags": np.array([], "int32")}
    types |= {"time": instants, "available_at": instants}
    return pd.DataFrame({name: types.get(name, np.array([], dtype=object)) for name in GAUGE_COLUMNS})
