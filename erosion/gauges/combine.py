"""Several sources of one gauge -> one series, as it could be known at every instant.

The source that the region lists first is trusted most. Another one stands for a day only while none before it has a value of that
day that is not flagged; when such a value comes, the other one gives way, and when it is flagged later the other one stands
again. All of that happens by further revisions, so that what was known on a night stays what it was.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd

from erosion.config.gauges import GaugeSource, on_zero
from erosion.core.arrays import NEVER
from erosion.core.contracts import GAUGE_COLUMNS, GAUGE_FLAGS, QUANTITIES
from erosion.core.errors import Skipped
from erosion.gauges.known import USED

LATELY: Final = pd.Timedelta(days=30)
"""A disagreement of the last days is news; an older one is listed among what is usual."""

WHOLE_DAY: Final = 0.8
"""Two sources are compared on a day once each has given this share of the day's values."""

SAME_INSTANT: Final = pd.Timedelta(minutes=30)
"""Values of two sources that both read several times a day are compared where they are no farther apart."""

RAIN_MM: Final = 5.0
"""Two sources of rain disagree only above this difference and their share."""


def combine(
    series: Sequence[tuple[GaugeSource, pd.DataFrame]], now: pd.Timestamp, zeros: Mapping[str, str | None]
) -> tuple[pd.DataFrame, list[Skipped]]:
    """Return one table of all sources of all gauges.

    Parameters
    ----------
    series
        Each source with its observations: :data:`erosion.core.contracts.GAUGE_COLUMNS`, checked for quality; the most trusted source
        of a gauge first.
    now
        UTC instant up to which the values are known; separates recent disagreements from old ones.
    zeros
        Gauge id to the zero of its stage, from :func:`erosion.config.gauges.zero_of` of all its entries: also those that have
        no value yet, or a value would change its zero when another source begins to stand.

    Returns
    -------
    gauges : pandas.DataFrame
        :data:`erosion.core.contracts.GAUGE_COLUMNS`, sorted by gauge, quantity, time and ``available_at``.
    skipped : list of Skipped
        Sources left out because their stage has another zero, and days on which two sources disagree.
    """
    skipped: list[Skipped] = []
    parts: list[pd.DataFrame] = []
    by_gauge: dict[tuple[str, str], list[tuple[GaugeSource, pd.DataFrame]]] = {}
    for source, table in series:
        for quantity, rows in table.groupby("quantity", sort=True):
            if quantity == "stage":
                if not on_zero(source, zeros[source.gauge_id]):
                    skipped.append(other_zero(source, zeros[source.gauge_id]))
                    continue
                rows = rows.assign(value=rows["value"] + source.datum_offset_m)
            by_gauge.setdefault((source.gauge_id, str(quantity)), []).append((source, rows))
    for (gauge_id, quantity), listed in by_gauge.items():
        if len(listed) == 1:
            parts.append(listed[0][1].assign(gauge_id=gauge_id))
            continue
        joined = _spoken(listed)
        disputed_days, more = _disputes(listed, quantity, now)
        parts.append(_marked(joined, disputed_days).assign(gauge_id=gauge_id))
        skipped += more
    if not parts:
        return empty_gauges(), skipped
    table = pd.concat(parts, ignore_index=True)[list(GAUGE_COLUMNS)]
    return table.sort_values(
        ["gauge_id", "quantity", "time", "available_at"], kind="stable", ignore_index=True
    ), skipped


def other_zero(source: GaugeSource, zero: str | None) -> Skipped:
    """The listed item of a source that is left out because its stage counts from elsewhere."""
    return Skipped(
        source.name,
        f"its stage counts from {source.datum!r}, that of gauge {source.gauge_id} from {zero!r}; give datum_offset_m, or make "
        "the two texts the same where they mean the same zero",
    )


def _day_of(rows: pd.DataFrame, source: GaugeSource) -> np.ndarray:
    """Day of each value, days since 1970: the nearest midnight names the day of a daily value, see ``windows``."""
    time = pd.DatetimeIndex(rows["time"]).as_unit("s").asi8
    return np.asarray((time + (43_200 if source.cadence_days >= 1 else 0)) // 86_400)


def _revisions(rows: pd.DataFrame, source: GaugeSource) -> pd.DataFrame:
    """Return the revisions with their day, when each begins and ends to stand [ns], and whether it can be used."""
    table = rows.sort_values(["time", "available_at"], kind="stable")
    since = pd.DatetimeIndex(table["available_at"]).as_unit("ns").asi8
    following = np.append(table["time"].to_numpy()[1:] == table["time"].to_numpy()[:-1], False)
    until = np.where(following, np.append(since[1:], NEVER), NEVER)
    use = table["qc"].isin(USED).to_numpy() & np.isfinite(table["value"].to_numpy(float))
    return table.assign(day=_day_of(table, source), since=since, until=until, use=use)


def _turns(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return which source is used for each day from when to when: day, begins, ends [ns], rank.

    The first that has a usable value of the day; where none has, the first that has any.
    """
    n = len(tables)
    day, at, change = [], [], []
    for rank, table in enumerate(tables):
        ending = (table["until"] < NEVER).to_numpy()
        use, here = table["use"].to_numpy(int), np.ones(len(table), int)
        for sign, chosen, instant in ((1, np.ones(len(table), bool), "since"), (-1, ending, "until")):
            moved = np.zeros((int(chosen.sum()), 2 * n), int)
            moved[:, rank], moved[:, n + rank] = sign * use[chosen], sign * here[chosen]
            day.append(table["day"].to_numpy()[chosen])
            at.append(table[instant].to_numpy()[chosen])
            change.append(moved)
    days, instants, changes = np.concatenate(day), np.concatenate(at), np.concatenate(change)
    order = np.lexsort((instants, days))
    days, instants = days[order], instants[order]
    # Every value that begins ends or stands for ever, so sums over all days give those of one only up to its predecessors'.
    counts = np.cumsum(changes[order], axis=0)
    first = np.flatnonzero(np.append(True, days[1:] != days[:-1]))
    before = np.concatenate([np.zeros((1, 2 * n), int), counts[first[1:] - 1]])
    counts -= np.repeat(before, np.diff(np.append(first, len(days))), axis=0)
    last = np.append((days[1:] != days[:-1]) | (instants[1:] != instants[:-1]), True)
    days, instants, counts = days[last], instants[last], counts[last]
    rank = np.argmax(counts > 0, axis=1) % n
    new = np.append(True, (days[1:] != days[:-1]) | (rank[1:] != rank[:-1]))
    days, instants, rank = days[new], instants[new], rank[new]
    ends = np.append(np.where(days[1:] == days[:-1], instants[1:], NEVER), NEVER)
    return pd.DataFrame({"day": days, "begins": instants, "ends": ends, "rank": rank})


def _spoken(listed: Sequence[tuple[GaugeSource, pd.DataFrame]]) -> pd.DataFrame:
    """Return the rows of the source that stands, at the instants at which it begins to, and withdrawals of those that give way."""
    tables = [_revisions(rows, source) for source, rows in listed]
    turns = _turns(tables)
    columns = list(GAUGE_COLUMNS)
    shown, gone = [], []
    for rank, table in enumerate(tables):
        lives = table.merge(turns[turns["rank"] == rank], on="day")
        begins, ends = lives[["since", "begins"]].max(axis=1), lives[["until", "ends"]].min(axis=1)
        lives, begins, ends = lives[begins < ends], begins[begins < ends], ends[begins < ends]
        shown.append(_at(lives[columns], begins))
        away = (lives["ends"] <= lives["until"]) & (ends < NEVER)
        flags = lives.loc[away, "flags"] | GAUGE_FLAGS["superseded"]
        gone.append(_at(lives.loc[away, columns], ends[away]).assign(qc="missing", flags=flags))
    # Where the source that stands now has the same instant, its value is the revision and no withdrawal is needed.
    table = pd.concat([*shown, *gone], ignore_index=True)
    return table.drop_duplicates(["time", "available_at"], keep="first")


def _at(rows: pd.DataFrame, instant_ns: pd.Series) -> pd.DataFrame:
    return rows.assign(available_at=pd.DatetimeIndex(instant_ns.to_numpy("int64"), tz="UTC"))


def _disputes(
    listed: Sequence[tuple[GaugeSource, pd.DataFrame]], quantity: str, now: pd.Timestamp
) -> tuple[pd.Series, list[Skipped]]:
    """Days on which two sources differ, with the instant at which that could first be known [ns], and the reason that is listed.

    Values as they first came are compared, so that a disagreement once found stays found.
    """
    disputed_days: list[pd.Series] = []
    skipped = []
    unit = QUANTITIES[quantity][0]
    for (source, rows), (other, others) in itertools.combinations(listed, 2):
        both = _pairs(rows, source, others, other, quantity)
        difference = (both["one"] - both["two"]).abs()
        share = source.checks.agree_share * both[["one", "two"]].abs().max(axis=1)
        bound = source.checks.agree_m if quantity == "stage" else share + (RAIN_MM if quantity == "rain" else 0.0)
        apart = both[difference > bound]
        if apart.empty:
            continue
        disputed_days.append(apart.groupby("day")["since"].min())
        last = pd.Timestamp(int(apart["day"].max()), unit="D", tz="UTC")
        reason = (
            f"differs from {source.name} on {apart['day'].nunique()} of {both['day'].nunique()} days, by up to "
            f"{difference[apart.index].max():.3g} {unit}, last on {last:%Y-%m-%d}; {source.name} stands, being listed first"
        )
        skipped.append(Skipped(other.name, reason, usual=bool(last < now - LATELY)))
    days = pd.concat(disputed_days).groupby(level=0).min() if disputed_days else pd.Series(dtype="int64")
    return days, skipped


def _pairs(
    rows: pd.DataFrame, source: GaugeSource, others: pd.DataFrame, other: GaugeSource, quantity: str
) -> pd.DataFrame:
    """Values of two sources that describe the same: day, one, two, and since when both were known [ns]."""
    first = [_first_usable(part, own) for part, own in ((rows, source), (others, other))]
    if max(source.cadence_days, other.cadence_days) < 1 and quantity != "rain":
        one, two = (part[["time", "day", "value", "since"]].sort_values("time") for part in first)
        pairs = pd.merge_asof(
            one, two, on="time", direction="nearest", tolerance=SAME_INSTANT, suffixes=("_one", "_two")
        ).dropna(subset="value_two")
        day = pairs["day_one"].to_numpy("int64")
    else:
        days = [_whole_days(part, own, quantity) for part, own in zip(first, (source, other), strict=True)]
        pairs = days[0].add_suffix("_one").join(days[1].add_suffix("_two"), how="inner")
        day = pairs.index.to_numpy("int64")
    since = pairs[["since_one", "since_two"]].max(axis=1).astype("int64")
    out = {"day": day, "one": pairs["value_one"].to_numpy(), "two": pairs["value_two"].to_numpy()}
    return pd.DataFrame({**out, "since": since.to_numpy()})


def _first_usable(rows: pd.DataFrame, source: GaugeSource) -> pd.DataFrame:
    table = _revisions(rows, source)
    return table[table["use"]].drop_duplicates("time", keep="first")


def _whole_days(first: pd.DataFrame, source: GaugeSource, quantity: str) -> pd.DataFrame:
    """Value of each day from the first so many of its values that came, and when the last of these came [ns]."""
    needed = 1 if source.cadence_days >= 1 else math.ceil(WHOLE_DAY / source.cadence_days)
    if quantity == "rain" and source.cadence_days < 1:
        needed = math.floor(1 / source.cadence_days)  # a sum lacks what is missing
    came = first.sort_values(["day", "since", "time"], kind="stable")
    came = came[came.groupby("day").cumcount() < needed]
    grouped = came.groupby("day")
    value = grouped["value"].sum() if quantity == "rain" else grouped["value"].mean()
    table = pd.DataFrame({"value": value, "since": grouped["since"].max()})
    return table[(grouped.size() >= needed).to_numpy()]


def _marked(table: pd.DataFrame, disputed_days: pd.Series) -> pd.DataFrame:
    """Return the rows with those of disputed days marked from the instant of the decision on, also those that come later."""
    if disputed_days.empty:
        return table
    table = table.sort_values(["time", "available_at"], kind="stable", ignore_index=True)
    since = pd.DatetimeIndex(table["available_at"]).as_unit("ns").asi8
    following = np.append(table["time"].to_numpy()[1:] == table["time"].to_numpy()[:-1], False)
    until = np.where(following, np.append(since[1:], NEVER), NEVER)
    stamp = pd.DatetimeIndex(table["time"]).as_unit("s").asi8
    # A daily value and the readings of the same day may lie in two UTC days: the day of either will do.
    decided = np.full(len(table), NEVER)
    for shift in (0, 43_200):
        decided = np.minimum(
            decided, disputed_days.reindex((stamp + shift) // 86_400, fill_value=NEVER).to_numpy("int64")
        )
    bit = GAUGE_FLAGS["disputed"]
    later = since >= decided
    table.loc[later, "flags"] |= bit
    standing = (since < decided) & (until > decided) & (decided < NEVER)
    marks = _at(table[standing], pd.Series(decided[standing])).assign(flags=table.loc[standing, "flags"] | bit)
    return pd.concat([table, marks], ignore_index=True)


def empty_gauges() -> pd.DataFrame:
    """Return a gauge table without rows, with the types of a full one."""
    instants = pd.DatetimeIndex([], tz="UTC").as_unit("ns")
    types: dict[str, object] = {"value": np.array([], float), "flags": np.array([], "int32")}
    types |= {"time": instants, "available_at": instants}
    return pd.DataFrame({name: types.get(name, np.array([], dtype=object)) for name in GAUGE_COLUMNS})
