"""Levels where no gauge stands, and on days on which none was read: between gauges, and in gaps, by named methods.

Both take what was known on a date (windows of :mod:`erosion.gauges.statistics.windows`) and give the same kind of array, so they
see nothing of later days, and every statistic of a level works on what they give.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import xarray as xr

from erosion.core.arrays import BoolArray, FloatArray, IntArray
from erosion.core.contracts import GAUGE_FLAGS
from erosion.gauges.statistics.seasons import Levels
from erosion.gauges.statistics.windows import Dates

METHODS: Final = ("interpolation", "neighbour")

MIN_PAIRS: Final = 60
"""Days of both gauges before the gap that a regression rests on at least."""

PAST_DAYS: Final = 730
"""A regression uses so many days before the gap."""

MIN_R2: Final = 0.8
"""A neighbour that explains less fills nothing."""

LAGS: Final = tuple(range(11))
"""Days by which a neighbour may be ahead."""


class MixedDatumsError(ValueError):
    """Stages that count from different zeros cannot be put between each other."""


class Station(NamedTuple):
    """Where a gauge stands along the river.

    Attributes
    ----------
    gauge_id
        Its identifier.
    chainage_m
        Distance downstream along the centre line [m]; negative above its beginning.
    datum
        Zero of its stage, in words; None for a discharge, which has none.
    """

    gauge_id: str
    chainage_m: float
    datum: str | None


class _Between(NamedTuple):
    """Gauges on both sides of each place, shape (place,); both are the last gauge beyond it."""

    above: IntArray
    below: IntArray
    share: FloatArray  # of the way from the one above to the one below, 0 to 1
    from_above_m: FloatArray
    to_below_m: FloatArray


def stage_along(
    windows: xr.DataArray, stations: Sequence[Station], chainage_m: FloatArray, wave_m_per_s: float
) -> xr.Dataset:
    """Level at places between gauges, linear along the river, a wave of given speed taken into account.

    Parameters
    ----------
    windows
        Daily levels of gauges, dims (gauge_id, as_of, age).
    stations
        Where those gauges stand that are used.
    chainage_m
        The places, shape (place,) [m].
    wave_m_per_s
        Speed at which rises and falls travel downstream [m/s].

    Returns
    -------
    xarray.Dataset
        Dims (place, as_of, age). ``level``, in the unit of the gauges: that of the gauge above as it was when the
        water of the day passed it and that of the gauge below as it is when it gets there, each as near as the place is to
        it; between days linear. Beyond the last gauge its own level of the day. ``held_days`` [day]: the level of the
        gauge below that is to come is not known yet, the newest one is held for it, and it is so much older than
        wanted. A day is NaN unless the gauge below was read on it or later and the one above when the water passed.

    Raises
    ------
    MixedDatumsError
        If stages count from different zeros.
    ValueError
        If there is no station, one has no levels, two stand in one place, or the wave does not travel downstream.

    Notes
    -----
    Texts of zeros are compared, not zeros: "gauge zero" of two gauges is two zeros; give each the level it lies on.
    """
    stations = _checked(stations, wave_m_per_s)
    lacking = sorted({station.gauge_id for station in stations} - set(windows["gauge_id"].to_numpy().astype(str)))
    if lacking:
        raise ValueError(f"gauge {', '.join(lacking)} has no levels; give levels of every station or leave it out")
    values = windows.sel(gauge_id=[station.gauge_id for station in stations]).to_numpy()
    place = _between(stations, np.asarray(chainage_m, float))
    days = 86_400.0 * wave_m_per_s
    above, _ = _shifted(values[place.above], place.from_above_m / days)
    below, held = _shifted(values[place.below], -place.to_below_m / days)
    share = place.share[:, np.newaxis, np.newaxis]
    same = (place.above == place.below)[:, np.newaxis, np.newaxis]
    level = np.where(same, above, above * (1 - share) + below * share)
    held = np.where(np.isfinite(level) & ~same, held, np.where(np.isfinite(level), 0.0, np.nan))
    dims = ("place", "as_of", "age")
    coords = {
        "place": np.arange(place.share.size),
        "chainage_m": ("place", np.asarray(chainage_m, float)),
        "as_of": windows["as_of"],
        "age": windows["age"],
    }
    return xr.Dataset({"level": (dims, level), "held_days": (dims, held)}, coords=coords)


def levels_along(levels: Levels, stations: Sequence[Station], chainage_m: FloatArray, wave_m_per_s: float) -> Levels:
    """Levels of places between gauges, for :func:`erosion.gauges.statistics.levels.level_statistics`; see :func:`stage_along`."""
    chainage = [station.chainage_m for station in _checked(stations, wave_m_per_s)]
    earlier = math.ceil((max(chainage) - min(chainage)) / (86_400.0 * wave_m_per_s)) + 1

    def windows(dates: Dates, days: int) -> xr.DataArray:
        return stage_along(levels.windows(dates, days + earlier), stations, chainage_m, wave_m_per_s)["level"][
            ..., :days
        ]

    return Levels(windows, levels.first_day)


def _checked(stations: Sequence[Station], wave_m_per_s: float) -> list[Station]:
    """Stations from the uppermost down."""
    if not stations:
        raise ValueError("no gauge stands along the river; give at least one station")
    if not wave_m_per_s > 0:
        raise ValueError(f"a wave of {wave_m_per_s} m/s does not travel downstream; give a speed above 0")
    ordered = sorted(stations, key=lambda station: station.chainage_m)
    for one, other in zip(ordered[:-1], ordered[1:], strict=True):
        if one.chainage_m == other.chainage_m:
            raise ValueError(f"gauges {one.gauge_id} and {other.gauge_id} stand in one place; leave one of them out")
        if " ".join((one.datum or "").split()) != " ".join((other.datum or "").split()):
            raise MixedDatumsError(
                f"the stage of {one.gauge_id} counts from {one.datum!r}, that of {other.gauge_id} from {other.datum!r}; bring "
                "both to one zero (datum_offset_m) before levels between them are given"
            )
    return ordered


def _between(stations: Sequence[Station], chainage_m: FloatArray) -> _Between:
    at = np.array([station.chainage_m for station in stations])
    below = np.searchsorted(at, chainage_m, side="left")
    above = np.clip(below - 1, 0, at.size - 1)
    below = np.minimum(below, at.size - 1)
    above = np.where(at[below] <= chainage_m, below, above)  # at a gauge or below the last one: its own
    length = at[below] - at[above]
    share = np.divide(chainage_m - at[above], length, out=np.zeros(chainage_m.size), where=length > 0)
    apart = length > 0
    return _Between(
        above, below, share, np.where(apart, chainage_m - at[above], 0.0), np.where(apart, at[below] - chainage_m, 0.0)
    )


def _shifted(values: FloatArray, days: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Each row of windows (place, as_of, age) so many days earlier (later where negative), and by how much it is held.

    What lies later than the newest day known is that day's value, but only for days not later than it themselves.
    """
    n = values.shape[2]
    there = np.isfinite(values)
    newest = np.where(there.any(axis=2), there.argmax(axis=2), n)[..., np.newaxis]
    age = np.arange(n)
    wanted = (age + days[:, np.newaxis])[:, np.newaxis]  # (place, 1, age)
    late = np.where(newest <= age, np.maximum(newest - wanted, 0.0), 0.0)
    wanted = np.where(newest <= age, np.maximum(wanted, newest), wanted)
    younger = np.floor(wanted).astype(np.int64)
    older = np.ceil(wanted).astype(np.int64)
    inside = (younger >= 0) & (older < n)
    one = np.take_along_axis(values, np.clip(younger, 0, n - 1), axis=2)
    other = np.take_along_axis(values, np.clip(older, 0, n - 1), axis=2)
    part = wanted - younger
    return np.where(inside, np.where(part == 0, one, one * (1 - part) + other * part), np.nan), late


class Gap(NamedTuple):
    """A gap that was filled, or why it was not."""

    gauge_id: str
    as_of: np.datetime64
    first: np.datetime64
    last: np.datetime64
    method: str
    filled: bool
    reason: str
    """Why it was not; empty where it was."""
    neighbour: str
    r2: float
    lag_days: int
    pairs: int


def fill(
    windows: xr.DataArray, how: str, limit_days: int, *, neighbours: dict[str, str] | None = None
) -> tuple[xr.Dataset, list[Gap]]:
    """Return daily values with gaps between known days filled by a named method; nothing is filled that is not marked.

    Parameters
    ----------
    windows
        Daily levels, dims (gauge_id, as_of, age).
    how
        ``interpolation``: linear between the day before the gap and the day after it. ``neighbour``: by linear
        regression on another gauge, so many days earlier as fits best, both learnt on the :data:`PAST_DAYS` days
        before the gap.
    limit_days
        Longer gaps stay.
    neighbours
        Gauge id -> id of the gauge that its gaps are filled from; needed for ``neighbour``.

    Returns
    -------
    filled : xarray.Dataset
        ``value``, ``qc`` (``good`` as measured, ``estimated`` where filled, ``missing``) and ``flags``
        (:data:`erosion.core.contracts.GAUGE_FLAGS`), dims of ``windows``; attribute ``method``.
    gaps : list of Gap
        Every gap between known days: how it was filled, or why not.

    Raises
    ------
    ValueError
        If the method is unknown or lacks its neighbours.
    """
    if how not in METHODS:
        raise ValueError(f"{how!r} is no method of filling gaps; those are {', '.join(METHODS)}")
    if how == "neighbour" and not neighbours:
        raise ValueError("it is not given which gauge fills the gaps of which; give neighbours")
    ids = [str(name) for name in windows["gauge_id"].to_numpy()]
    values = windows.to_numpy()[..., ::-1].copy()  # oldest day first
    measured = np.isfinite(values)
    gaps: list[Gap] = []
    for gauge, name in enumerate(ids):
        other = (neighbours or {}).get(name)
        if how == "neighbour" and other not in ids:
            continue
        for date, as_of in enumerate(windows["as_of"].to_numpy()):
            mine = windows.to_numpy()[gauge, date, ::-1]
            for first, last in _gaps(measured[gauge, date]):
                r2, lag, pairs, put = np.nan, 0, 0, None
                if last - first + 1 > limit_days:
                    reason = f"longer than {limit_days} days"
                elif how == "interpolation":
                    put = np.interp(
                        np.arange(first, last + 1), [first - 1, last + 1], [mine[first - 1], mine[last + 1]]
                    )
                    reason = ""
                else:
                    theirs = windows.to_numpy()[ids.index(str(other)), date, ::-1]
                    put, r2, lag, pairs = _from_neighbour(mine, theirs, first, last)
                    reason = _why_not(put, r2, pairs)
                    put = None if reason else put
                if put is not None:
                    values[gauge, date, first : last + 1] = put
                days = np.datetime64(as_of, "D") - (values.shape[2] - 1) + np.array([first, last])
                gaps.append(
                    Gap(name, as_of, days[0], days[1], how, put is not None, reason, str(other or ""), r2, lag, pairs)
                )
    filled = np.isfinite(values) & ~measured
    qc = np.where(filled, "estimated", np.where(measured, "good", "missing"))
    flags = np.where(filled, GAUGE_FLAGS["filled"], 0).astype(np.int16)
    parts = {"value": values, "qc": qc, "flags": flags}
    out = xr.Dataset({key: (windows.dims, part[..., ::-1]) for key, part in parts.items()}, coords=windows.coords)
    return out.assign_attrs(method=how, limit_days=limit_days), gaps


def _gaps(there: BoolArray) -> list[tuple[int, int]]:
    """First and last missing day of each gap between two known days."""
    known = np.flatnonzero(there)
    wide = np.flatnonzero(np.diff(known) > 1)
    return [(int(known[i]) + 1, int(known[i + 1]) - 1) for i in wide]


def _from_neighbour(mine: FloatArray, theirs: FloatArray, first: int, last: int) -> tuple[FloatArray, float, int, int]:
    """Values of a gap by the regression that fits the days before it best, its R2, lag and number of days."""
    start = max(first - PAST_DAYS, 0)
    best = (np.full(last - first + 1, np.nan), float("nan"), 0, 0)
    for lag in LAGS:
        day = np.arange(max(start, lag), first)
        x, y = theirs[day - lag], mine[day]
        both = np.isfinite(x) & np.isfinite(y)
        x, y = x[both], y[both]
        if x.size < MIN_PAIRS or np.ptp(x) == 0 or np.ptp(y) == 0:
            continue
        r2 = float(np.corrcoef(x, y)[0, 1] ** 2)
        if best[3] and r2 <= best[1]:
            continue
        slope = float(((x - x.mean()) * (y - y.mean())).sum() / ((x - x.mean()) ** 2).sum())
        gap = np.arange(first, last + 1) - lag
        source = np.where(gap >= 0, theirs[np.maximum(gap, 0)], np.nan)
        best = (y.mean() + slope * (source - x.mean()), r2, lag, int(x.size))
    return best


def _why_not(put: FloatArray, r2: float, pairs: int) -> str:
    if not pairs:
        return f"fewer than {MIN_PAIRS} days of both gauges before it"
    if r2 < MIN_R2:
        return f"the neighbour explains {r2:.0%} of the level, less than {MIN_R2:.0%}"
    return "" if np.isfinite(put).all() else "the neighbour was not read either"
