"""The trigger on every night of past years, and whether more bank was lost in the years when it was raised.

A year here is the time from one observation of the banks to the next, whenever in the calendar they fall: only for that
is the loss known. One gauge gives one number of nights for a whole reach, so nothing follows for single segments.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd
import xarray as xr
from scipy.stats import rankdata

from erosion.alerts.trigger import Facts, Gauge, water_on, weigh
from erosion.alerts.trigger_night import gauges_of
from erosion.banks.as_of import NothingKnownError, baseline_on, observe_region
from erosion.banks.channel import ChannelError
from erosion.banks.epochs.valid import valid_epochs
from erosion.banks.established import ESTABLISHED_YEARS, YEAR_DAYS
from erosion.banks.outcomes import measure_loss
from erosion.config.region import Region
from erosion.config.store import store_of
from erosion.config.trigger import Trigger
from erosion.core.arrays import FloatArray
from erosion.core.contracts import SIMULATED_NOTICE
from erosion.core.errors import Skipped
from erosion.gauges import series as gauge_series
from erosion.gauges.statistics.windows import daily
from erosion.water import read as sources

MIN_KNOWN: Final = 0.8
"""A year counts where the trigger was known on at least this share of its nights."""
MIN_YEARS: Final = 8
"""Fewer years show no relation."""
MEASURES: Final = {
    "nights_1": "nights a year at level 1 or more",
    "nights_2": "nights a year at level 2 or more",
    "nights_3": "nights a year at level 3",
    "mean_points": "mean points of a night",
    "most_points": "most points of a night",
    "peak": "highest level or discharge, for comparison",
}
"""What of a year is held against what the banks lost: its nights, and the plain height of its water beside them."""


def trigger_history(
    region: Region, first: pd.Timestamp, last: pd.Timestamp, *, draws: int = 2000, seed: int = 0
) -> tuple[dict[str, Any], list[Skipped]]:
    """Return a region's trigger night by night beside what its banks lost.

    Parameters
    ----------
    region
        A region with a trigger.
    first, last
        First and last night.
    draws, seed
        Bootstrap draws over the years, and their seed.

    Returns
    -------
    history : dict
        For JSON: region, simulated, from, to, and for each reach ``seasons`` (nights at each level by water year),
        ``months`` (the same by calendar month), ``years`` (each interval between observations of the banks with its nights
        and its loss) and ``relations`` (see :func:`relation`).
    skipped : list of Skipped
        Observations, readings and years that were left out.

    Raises
    ------
    ValueError
        If the region has no trigger, or the last night lies before the first.
    """
    if region.trigger is None:
        raise ValueError(f"{region.name} has no trigger; write a trigger block into its file, see docs/trigger.md")
    if last < first:
        raise ValueError(f"the last night, {last:%Y-%m-%d}, lies before the first, {first:%Y-%m-%d}; turn them round")
    series, forecasts, flagged, unread_gauges = gauge_series.read(region, store_of(region), last)
    waters, unread = sources.read_reaches(region, last, series)
    skipped = [*sources.together(unread), *unread_gauges, *flagged]
    rng = np.random.default_rng(seed)
    reaches = {}
    for one in region.by_reach():
        name = one.reach.name
        table = nights(region.trigger, gauges_of(one), series, forecasts, first, last)
        about: dict[str, Any] = {
            "seasons": _counts(table, table["season"]),
            "months": _counts(table, table["month"]),
            "years": [],
            "relations": {},
        }
        reaches[name] = about
        if name not in waters:
            continue
        losses, left_out = yearly_losses(one, waters[name])
        skipped += left_out
        years, left_out = years_of(table, losses, _daily(gauges_of(one), series, last))
        skipped += left_out
        about["years"] = [
            {key: None if pd.isna(value) else value for key, value in row.items()} for row in years.to_dict("records")
        ]
        retreat = years["retreat_m_per_year"].to_numpy(float)
        about["relations"] = {
            measure: relation(years[measure].to_numpy(float), retreat, rng, draws) for measure in MEASURES
        }
    history = {
        "region": region.name,
        "simulated": region.simulated,
        "from": f"{first:%Y-%m-%d}",
        "to": f"{last:%Y-%m-%d}",
        "reaches": reaches,
    }
    return history, skipped


def nights(
    trigger: Trigger,
    gauges: list[Gauge],
    series: pd.DataFrame,
    forecasts: pd.DataFrame,
    first: pd.Timestamp,
    last: pd.Timestamp,
) -> pd.DataFrame:
    """Return the trigger of a reach on each night, as known on it.

    Returns
    -------
    pandas.DataFrame
        Index of nights; ``level`` (-1 unknown), ``points``, ``month`` and ``season``, the calendar year in which its water
        year began (the month of low water is the gauge's own, as known on the last night; January where it is not known).
    """
    dates = pd.date_range(first, last, freq="D")
    water = water_on(trigger, gauges, series, forecasts, dates)
    weighed = weigh(trigger, Facts(*(values[0] for values in water.facts)))
    known = water.low_month[np.isfinite(water.low_month)]
    start = int(known[-1]) if known.size else 1
    season = dates.year - (dates.month < start)
    columns = {"level": weighed.level, "points": weighed.points, "month": dates.month, "season": season}
    return pd.DataFrame(columns, index=dates)


def _counts(table: pd.DataFrame, by: pd.Series) -> list[dict[str, int]]:
    """Return the number of nights at each level, one row a value of ``by``."""
    level = table["level"]
    return [
        {str(by.name): int(value), "unknown": int((level[by == value] == -1).sum())}
        | {f"level_{k}": int((level[by == value] == k).sum()) for k in range(4)}
        for value in np.unique(by)
    ]


def yearly_losses(region: Region, water: xr.Dataset) -> tuple[pd.DataFrame, list[Skipped]]:
    """Return what the banks of a reach lost from each valid observation to the next.

    Parameters
    ----------
    region
        A region of one reach.
    water
        Its observations.

    Returns
    -------
    losses : pandas.DataFrame
        ``start``, ``end`` and ``retreat_m``: loss of established land over the length of bank, on a baseline cut from the
        observation at the start.
    skipped : list of Skipped
        Intervals without one.
    """
    valid, skipped = valid_epochs(region, water)
    epochs = pd.DatetimeIndex(valid["epoch"].to_numpy())
    rows = []
    for k in range(len(epochs) - 1):
        start, end = epochs[k], epochs[k + 1]
        # One epoch before the five years shows that the record goes back far enough.
        since = max(0, int(epochs.searchsorted(start - pd.Timedelta(days=ESTABLISHED_YEARS * YEAR_DAYS))) - 1)
        window = valid.isel(epoch=slice(since, k + 2))
        known_from = pd.Timestamp(valid["available_at"].to_numpy()[k])
        try:
            baseline = baseline_on(region, window.isel(epoch=slice(None, -1)), known_from)
        except (NothingKnownError, ChannelError) as error:
            skipped.append(Skipped(f"{start:%Y-%m-%d}", str(error)))
            continue
        loss = measure_loss(observe_region(region, window, baseline), baseline, start, end)
        retreat = loss["retreat_established_m"].to_numpy(float)
        length = baseline.segments["length_m"].to_numpy(float)
        there = np.isfinite(retreat)
        if not there.any():
            reason = f"no land is known to have stood for {ESTABLISHED_YEARS} years by then"
            skipped.append(Skipped(f"{start:%Y-%m-%d} to {end:%Y-%m-%d}", reason, usual=True))
            continue
        rows.append({"start": start, "end": end, "retreat_m": float(np.average(retreat[there], weights=length[there]))})
    return pd.DataFrame(rows, columns=["start", "end", "retreat_m"]), skipped


def _daily(gauges: list[Gauge], series: pd.DataFrame, last: pd.Timestamp) -> pd.Series:
    """Daily level or discharge of the first gauge that has one, as known on the last night; index of days."""
    days = daily(series, last)
    mine = next((days[gauge.gauge_id] for gauge in gauges if gauge.gauge_id in days), None)
    if mine is None:
        return pd.Series(dtype=float, index=pd.DatetimeIndex([]))
    return pd.Series(mine.values, index=pd.DatetimeIndex(mine.first + np.arange(mine.values.size)))


def years_of(table: pd.DataFrame, losses: pd.DataFrame, level: pd.Series) -> tuple[pd.DataFrame, list[Skipped]]:
    """Return the nights between two observations of the banks beside what was lost between them.

    Parameters
    ----------
    table
        From :func:`nights`.
    losses
        From :func:`yearly_losses`.
    level
        Daily level or discharge, index of days.

    Returns
    -------
    years : pandas.DataFrame
        ``start`` and ``end`` (text), ``nights`` (known ones), ``retreat_m_per_year`` and :data:`MEASURES`.
    skipped : list of Skipped
        Years with too few nights.
    """
    rows, skipped = [], []
    for start, end, retreat in losses[["start", "end", "retreat_m"]].itertuples(index=False):
        # The night of an observation belongs to the year before it.
        inside = table[(table.index > start.normalize()) & (table.index <= end.normalize())]
        known = inside[inside["level"] >= 0]
        days = (end - start).days
        if len(known) < MIN_KNOWN * days:
            reason = f"the trigger is known on {len(known)} of {days} nights, less than {MIN_KNOWN:.0%}"
            skipped.append(Skipped(f"{start:%Y-%m-%d} to {end:%Y-%m-%d}", reason, usual=True))
            continue
        scale = YEAR_DAYS / len(known)
        row = {
            "start": f"{start:%Y-%m-%d}",
            "end": f"{end:%Y-%m-%d}",
            "nights": len(known),
            "retreat_m_per_year": round(retreat * YEAR_DAYS / days, 3),
        }
        row |= {f"nights_{k}": round(scale * float((known["level"] >= k).sum()), 2) for k in (1, 2, 3)}
        row |= {"mean_points": round(known["points"].mean(), 4), "most_points": round(known["points"].max(), 3)}
        highest = float(level[(level.index > start.normalize()) & (level.index <= end.normalize())].max())
        rows.append(row | {"peak": round(highest, 3)})
    return pd.DataFrame(rows, columns=["start", "end", "nights", "retreat_m_per_year", *MEASURES]), skipped


def relation(x: FloatArray, y: FloatArray, rng: np.random.Generator, draws: int = 2000) -> dict[str, Any] | None:
    """Return whether years with more of x are years with more of y.

    Parameters
    ----------
    x, y
        One number a year, shape (year,).
    rng
        For the bootstrap over years.
    draws
        How many.

    Returns
    -------
    dict or None
        ``years``; ``spearman``, the rank correlation, with ``spearman_low`` and ``spearman_high``; ``difference``, the mean
        of y in the years with more x than the median less its mean in the others, with ``difference_low`` and
        ``difference_high``; low and high are 95 % intervals of a percentile bootstrap over years (Efron and Tibshirani
        1993, chapter 13). None with fewer than :data:`MIN_YEARS` years, or where x is the same in all of them.
    """
    there = np.isfinite(x) & np.isfinite(y)
    x, y = x[there], y[there]
    if x.size < MIN_YEARS or np.ptp(x) == 0 or np.ptp(y) == 0:
        return None
    picks = rng.integers(0, x.size, (draws, x.size))
    drawn = np.array([(_spearman(x[pick], y[pick]), _difference(x[pick], y[pick])) for pick in picks])
    low, high = np.nanquantile(drawn, (0.025, 0.975), axis=0)
    found: dict[str, Any] = {"years": int(x.size)}
    for k, (name, value) in enumerate((("spearman", _spearman(x, y)), ("difference", _difference(x, y)))):
        numbers = {name: value, f"{name}_low": low[k], f"{name}_high": high[k]}
        found |= {key: round(float(number), 3) for key, number in numbers.items()}
    return found


def _spearman(x: FloatArray, y: FloatArray) -> float:
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan")
    return float(np.corrcoef(rankdata(x), rankdata(y))[0, 1])


def _difference(x: FloatArray, y: FloatArray) -> float:
    more = x > np.median(x)
    return float(y[more].mean() - y[~more].mean()) if more.any() else float("nan")


def lines(history: dict[str, Any]) -> list[str]:
    """Return a history as lines for a terminal."""
    out = (
        [f"{SIMULATED_NOTICE}: a river made by a computer; nothing follows for a real one"]
        if history["simulated"]
        else []
    )
    for name, about in history["reaches"].items():
        out += ["", f"{name}: nights from {history['from']} to {history['to']}", ""]
        out.append("season  unknown  level 0  level 1  level 2  level 3")
        out += [
            f"{row['season']:6d}  {row['unknown']:7d}  {row['level_0']:7d}  {row['level_1']:7d}  {row['level_2']:7d}"
            f"  {row['level_3']:7d}"
            for row in about["seasons"]
        ]
        few = f"; at least {MIN_YEARS} are needed to show a relation" if len(about["years"]) < MIN_YEARS else ""
        out += ["", f"{len(about['years'])} years with bank loss and nights known{few}"]
        shown: dict[str, str] = {} if few else MEASURES
        for measure, meaning in shown.items():
            found = about["relations"].get(measure)
            if found is None:
                out.append(f"  {meaning}: too few years, or the same in all of them")
                continue
            out.append(
                f"  {meaning}: rank correlation with the mean loss {found['spearman']:+.2f} "
                f"[{found['spearman_low']:+.2f}, {found['spearman_high']:+.2f}]; the years with more lost "
                f"{found['difference']:+.2f} m/yr more [{found['difference_low']:+.2f}, {found['difference_high']:+.2f}]"
            )
        out.append("One gauge gives one number of nights for the whole reach: nothing follows for single segments.")
    return out
