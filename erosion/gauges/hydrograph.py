"""What a map shows of the gauges of a region on a date: recent days, the same days a year ago, what is usual, the forecast.

Everything is a function of what was known on the date. A day is the UTC day, as everywhere in hydrology: the nearest UTC midnight
names the day of a daily value.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from erosion.config.gauges import GaugeSource
from erosion.config.region import Reach
from erosion.core.contracts import GAUGE_FLAGS, QUANTITIES, as_of_instant, known_at
from erosion.core.vocabulary import HydrographKind
from erosion.gauges.known import USED, known_values

AHEAD_DAYS: Final = 10
"""So far beyond the date reach the forecast, last year's line and what is usual."""

USUAL_DAYS: Final = 15
"""What is usual on a day comes from the days of earlier years so many days either side of it."""

USUAL_YEARS: Final = 3
"""Fewer earlier years give no usual range."""

USUAL_SHARE: Final = 0.5
"""An earlier year counts where at least this share of its days around the day has a value."""

BAND: Final = (0.1, 0.9)
"""Quantiles between which lies what is usual, and the band of a forecast."""

MIN_MEMBERS: Final = 5
"""A forecast of fewer members has no band."""

DAY_H: Final = 12.0
"""A mean stands for a day whose values cover so many hours: a tide. Less of a tidal day would show the hour, not the river."""

FLAG_DAYS: Final = 30
"""Quality flags of so many days are counted."""

STALE_CADENCES: Final = 3
STALE_DAYS: Final = 2.0
"""A gauge is stale when its newest value is older than three cadences and the latency, and than this many days: a date stands
for its last instant, and a run made at its beginning cannot have that day's values."""

NOT_SUSPECT: Final = GAUGE_FLAGS["filled"] | GAUGE_FLAGS["superseded"]

#: Columns of the table, published as ``hydrograph.parquet``.
COLUMNS: Final[dict[str, tuple[str, str]]] = {
    "gauge_id": ("", "identifier of the gauge"),
    "quantity": ("", "stage, discharge or rain"),
    "kind": ("", "observed, forecast, last_year or usual"),
    "day": ("", "day the row stands for; for last_year the day one year after its value"),
    "value": (
        "",
        "observed: mean of the day (rain: sum), NaN for several values of less than half a day; forecast and usual: median",
    ),
    "low": (
        "",
        "observed: lowest value of the day; forecast: 10 % of members; usual: 10 % of the days of earlier years",
    ),
    "high": ("", "the same, highest and 90 %"),
    "suspect": ("", "true where the row rests on values that a check or their source flags as suspect"),
    "filled": ("", "true where a value was put into a gap"),
}


@dataclass(frozen=True, kw_only=True)
class Station:
    """A gauge of a region with all sources of its series.

    Attributes
    ----------
    sources
        Catalogue entries of the gauge, the most trusted first.
    reaches
        Names of the reaches it counts for.
    main_of
        Those of them whose main gauge it is.
    """

    sources: tuple[GaugeSource, ...]
    reaches: tuple[str, ...] = ()
    main_of: tuple[str, ...] = ()

    @property
    def gauge_id(self) -> str:
        """Identifier that the sources share."""
        return self.sources[0].gauge_id


def stations(sources: Sequence[GaugeSource], reaches: Sequence[Reach]) -> tuple[Station, ...]:
    """Return the sources of a region by gauge, in the order of the list.

    Parameters
    ----------
    sources
        Catalogue entries in the order of the region's list.
    reaches
        Reaches of the region; one that names no gauges is spoken for by all of them.
    """
    gauge_of = {source.name: source.gauge_id for source in sources}
    heard = {reach.name: [gauge_of[name] for name in reach.gauges or gauge_of] for reach in reaches}
    return tuple(
        Station(
            sources=tuple(source for source in sources if source.gauge_id == gauge_id),
            reaches=tuple(name for name, ids in heard.items() if gauge_id in ids),
            main_of=tuple(name for name, ids in heard.items() if ids[:1] == [gauge_id]),
        )
        for gauge_id in dict.fromkeys(gauge_of.values())
    )


def hydrograph(
    gauges: pd.DataFrame,
    forecasts: pd.DataFrame,
    as_of: pd.Timestamp | str,
    stations: Sequence[Station],
    nights: int = 400,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return what is published of the gauges of a region.

    Parameters
    ----------
    gauges
        Gauge table (see :data:`erosion.core.contracts.GAUGE_COLUMNS`); rows of other gauges than ``stations`` are not used.
    forecasts
        Forecast table (see :data:`erosion.core.contracts.GAUGE_FORECAST_COLUMNS`).
    as_of
        Date of the product.
    stations
        Gauges of the region (see :func:`stations`).
    nights
        Days up to the date that are shown.

    Returns
    -------
    table : pandas.DataFrame
        :data:`COLUMNS`, sorted by gauge (in the order of ``stations``), quantity, kind, day and ``suspect``. A day has one observed row
        from its usable values and one from its suspect ones, where it has such values.
    facts : dict
        Facts beside the table, ready for JSON: ``as_of`` and ``gauges``, one entry for each gauge and quantity. A gauge
        of which nothing is known has one entry whose quantity is None.
    """
    known = known_values(gauges, as_of)
    known = known[np.isfinite(known["value"].to_numpy(float)) & (known["qc"] != "missing").to_numpy()]
    known = known.assign(filled=(known["flags"].to_numpy("int64") & GAUGE_FLAGS["filled"]) > 0)
    coming = _newest_issues(forecasts, as_of, stations)
    today = as_of_instant(as_of).tz_localize(None).to_datetime64().astype("datetime64[D]")
    tables: list[pd.DataFrame] = []
    facts: list[dict[str, Any]] = []
    for station in stations:
        mine = known[(known["gauge_id"] == station.gauge_id).to_numpy()]
        ahead = coming[(coming["gauge_id"] == station.gauge_id).to_numpy()]
        there = set(mine["quantity"]) | set(ahead["quantity"])
        for quantity in [name for name in QUANTITIES if name in there]:
            values = _with_day(mine[(mine["quantity"] == quantity).to_numpy()], station)
            issue = _with_day(ahead[(ahead["quantity"] == quantity).to_numpy()], station)
            parts = {
                HydrographKind.OBSERVED: _observed(values, today - np.timedelta64(nights - 1, "D")),
                **_earlier_years(values, today, nights),
                HydrographKind.FORECAST: _forecast(issue, today),
            }
            if parts[HydrographKind.FORECAST].empty:
                issue = issue.iloc[:0]
            tables += [
                part.assign(gauge_id=station.gauge_id, quantity=quantity, kind=kind) for kind, part in parts.items()
            ]
            facts.append(_facts(station, quantity, values, issue, as_of))
        if not there:
            facts.append(_facts(station, None, _with_day(mine, station), _with_day(ahead, station), as_of))
    empty = _rows(np.array([], "datetime64[D]"), np.array([])).assign(gauge_id="", quantity="", kind="")
    table = pd.concat([empty, *tables], ignore_index=True).astype({"gauge_id": str, "quantity": str, "kind": str})
    return table[list(COLUMNS)], {"as_of": str(today), "gauges": facts}


def _with_day(rows: pd.DataFrame, station: Station) -> pd.DataFrame:
    """Return the values with the day of each and how many hours it stands for; the nearest midnight names the day of a daily value."""
    cadence = {source.name: source.cadence_days for source in station.sources}
    step_days = rows["source"].map(cadence).astype(float).to_numpy()
    time = pd.DatetimeIndex(rows["time"]).tz_convert("UTC").tz_localize(None).as_unit("ns").to_numpy()
    half = np.where(step_days >= 1, np.timedelta64(12, "h"), np.timedelta64(0, "h"))
    return rows.assign(day=(time + half).astype("M8[D]"), stands_h=24.0 * np.minimum(step_days, 1.0))


def _by_day(values: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Mean, lowest, highest (NaN where there is one value) and ``filled`` of each day; of rain the sum alone."""
    rain = bool((values["quantity"] == "rain").any())
    grouped = values.groupby(keys, sort=True)
    found = grouped["value"].agg(["sum" if rain else "mean", "min", "max", "size"])
    found.columns = pd.Index(["value", "low", "high", "size"])
    found["filled"] = grouped["filled"].any()
    several = (found["size"] > 1) & (not rain)
    found[["low", "high"]] = found[["low", "high"]].where(several)
    hours = (grouped["time"].max() - grouped["time"].min()).dt.total_seconds() / 3600.0 + grouped["stands_h"].max()
    found["whole"] = (hours >= DAY_H) | rain
    return found.drop(columns="size")


def _rows(
    day: np.ndarray,
    value: np.ndarray,
    low: np.ndarray | None = None,
    high: np.ndarray | None = None,
    suspect: np.ndarray | None = None,
    filled: np.ndarray | None = None,
) -> pd.DataFrame:
    """Return columns of one kind as rows; all of shape (day,)."""
    nothing, no = np.full(day.shape, np.nan), np.zeros(day.shape, bool)
    return pd.DataFrame(
        {
            "day": pd.DatetimeIndex(day.astype("datetime64[ms]")),
            "value": value.astype(float),
            "low": nothing if low is None else low.astype(float),
            "high": nothing if high is None else high.astype(float),
            "suspect": no if suspect is None else suspect.astype(bool),
            "filled": no if filled is None else filled.astype(bool),
        }
    )


def _observed(values: pd.DataFrame, first: np.datetime64) -> pd.DataFrame:
    recent = values[values["day"].to_numpy() >= first]
    found = _by_day(recent.assign(suspect=~recent["qc"].isin(USED)), ["day", "suspect"]).reset_index()
    given = found["whole"] | found["suspect"] | found["low"].isna()
    return _rows(
        found["day"].to_numpy().astype("datetime64[D]"),
        found["value"].where(given).to_numpy(),
        found["low"].to_numpy(),
        found["high"].to_numpy(),
        found["suspect"].to_numpy(),
        found["filled"].to_numpy(),
    )


def _earlier_years(values: pd.DataFrame, today: np.datetime64, nights: int) -> dict[str, pd.DataFrame]:
    """Values of the year before, and what is usual in the years before; rain, which comes in bursts, has neither."""
    nothing = _rows(np.array([], "datetime64[D]"), np.array([]))
    used = values[values["qc"].isin(USED).to_numpy() & (values["quantity"] != "rain").to_numpy()]
    if used.empty:
        return {HydrographKind.LAST_YEAR: nothing, HydrographKind.USUAL: nothing}
    mean = _by_day(used, ["day"]).query("whole")["value"]
    if mean.empty:
        return {HydrographKind.LAST_YEAR: nothing, HydrographKind.USUAL: nothing}
    seen = mean.index.to_numpy().astype("datetime64[D]")
    first = seen[0]
    series = np.full(int((seen[-1] - first).astype(int)) + 1, np.nan)
    series[(seen - first).astype(int)] = mean.to_numpy()

    shown = np.arange(today - np.timedelta64(nights - 1, "D"), today + np.timedelta64(AHEAD_DAYS + 1, "D"))
    years = range(1, int((shown[-1] - first).astype(int) // 365) + 2)
    around = np.arange(-USUAL_DAYS, USUAL_DAYS + 1)
    earlier = np.full((len(years), shown.size, around.size), np.nan)
    for i, back in enumerate(years):
        at = (pd.DatetimeIndex(shown) - pd.DateOffset(years=back)).to_numpy().astype("datetime64[D]") - first
        place = at.astype(int)[:, None] + around
        inside = (place >= 0) & (place < series.size)
        earlier[i] = np.where(inside, series[np.clip(place, 0, series.size - 1)], np.nan)
    year_ago = earlier[0][:, USUAL_DAYS]
    there = np.isfinite(year_ago)

    counts = np.isfinite(earlier).mean(axis=2) >= USUAL_SHARE
    enough = counts.sum(axis=0) >= USUAL_YEARS
    last_year = _rows(shown[there], year_ago[there])
    if not enough.any():
        return {HydrographKind.LAST_YEAR: last_year, HydrographKind.USUAL: nothing}
    pool = np.where(counts[..., None], earlier, np.nan)[:, enough]  # year, day, days around
    low, middle, high = np.nanquantile(pool, (BAND[0], 0.5, BAND[1]), axis=(0, 2))
    return {HydrographKind.LAST_YEAR: last_year, HydrographKind.USUAL: _rows(shown[enough], middle, low, high)}


def _newest_issues(forecasts: pd.DataFrame, as_of: pd.Timestamp | str, stations: Sequence[Station]) -> pd.DataFrame:
    """Newest known forecast of each gauge and quantity; of two of one instant that of the more trusted source."""
    known = forecasts[known_at(forecasts["available_at"], pd.Timestamp(as_of))]
    trust = {source.name: i for station in stations for i, source in enumerate(station.sources)}
    known = known.assign(trust=known["source"].map(trust).astype(float))
    known = known.sort_values(["issued_at", "trust", "available_at"], ascending=[False, True, False], kind="stable")
    series = ["gauge_id", "quantity"]
    first = known.groupby(series)[["issued_at", "source"]].transform("first")
    newest = known[((known["issued_at"] == first["issued_at"]) & (known["source"] == first["source"])).to_numpy()]
    newest = newest.drop_duplicates([*series, "time", "member"], keep="first")
    return newest[np.isfinite(newest["value"].to_numpy(float))].drop(columns="trust")


def _forecast(issue: pd.DataFrame, today: np.datetime64) -> pd.DataFrame:
    """Median and band over the members; nothing where the whole forecast lies in the past."""
    day = issue["day"].to_numpy().astype("datetime64[D]")
    if issue.empty or day.max() <= today:
        return _rows(np.array([], "datetime64[D]"), np.array([]))
    if (issue["member"] >= 0).any():  # an ensemble is given by its members, not by the single run beside it
        issue = issue[(issue["member"] >= 0).to_numpy()]
    issue = issue[issue["day"].to_numpy() <= today + np.timedelta64(AHEAD_DAYS, "D")]
    by_member = issue.groupby(["day", "member"], sort=True)["value"]
    values = by_member.sum() if issue["quantity"].iloc[0] == "rain" else by_member.mean()
    of_day = values.groupby("day", sort=True)
    enough = (of_day.size() >= MIN_MEMBERS).to_numpy()
    low, high = (np.where(enough, of_day.quantile(share).to_numpy(), np.nan) for share in BAND)
    return _rows(of_day.size().index.to_numpy().astype("datetime64[D]"), of_day.median().to_numpy(), low, high)


def _facts(
    station: Station,
    quantity: str | None,
    values: pd.DataFrame,
    issue: pd.DataFrame,
    as_of: pd.Timestamp | str,
) -> dict[str, Any]:
    """Everything of one gauge and quantity that is not a value of a day."""
    now = as_of_instant(as_of)
    first = station.sources[0]
    measured = values[~values["filled"].to_numpy(bool)]
    last = _reading(measured, now)
    usable = _reading(measured[measured["qc"].isin(USED).to_numpy()], now)
    used = [source for source in station.sources if source.name in {*values["source"], *issue["source"]}]
    limit = max(
        STALE_DAYS, min(STALE_CADENCES * source.cadence_days + source.latency_days for source in station.sources)
    )
    stage = quantity in ("stage", None)
    warned = next((source for source in station.sources if source.alarm_levels_m), None) if stage else None
    zeros = [source for source in station.sources if source.datum] if stage else []
    # Sources that name an offset are brought to the zero of those that name none.
    zero = next((source for source in zeros if source.datum_offset_m == 0), zeros[0] if zeros else None)
    return {
        "gauge_id": station.gauge_id,
        "title": first.called,
        "river": first.river,
        "reaches": list(station.reaches),
        "main_of": list(station.main_of),
        "quantity": quantity,
        "unit": None if quantity is None else QUANTITIES[quantity][0],
        "datum": None if zero is None else zero.datum,
        "alarm_levels": [] if warned is None else [level + warned.datum_offset_m for level in warned.alarm_levels_m],
        "alarm_source": None if warned is None else warned.alarm_source,
        "location": list(first.location),
        "last_reading": last,
        "last_usable": usable,
        "max_age_hours": 24.0 * limit,
        "stale": last is None or last["age_hours"] > 24.0 * limit,
        "cadence_days": max((source.cadence_days for source in used), default=first.cadence_days),
        "sources": [
            {
                "name": source.name,
                "title": source.title,
                "attribution": source.attribution,
                "licence": source.licence,
                "url": source.url,
            }
            for source in used
        ],
        "flag_counts": dict(_flag_counts(values, now)),
        "forecast": None
        if issue.empty
        else {
            "issued_at": issue["issued_at"].iloc[0].isoformat(),
            "source": str(issue["source"].iloc[0]),
            "members": int(issue.loc[issue["member"] >= 0, "member"].nunique()) or 1,
        },
    }


def _reading(values: pd.DataFrame, now: pd.Timestamp) -> dict[str, Any] | None:
    if values.empty:
        return None
    row = values.iloc[int(pd.DatetimeIndex(values["time"]).argmax())]
    return {
        "time": row["time"].isoformat(),
        "value": float(row["value"]),
        "age_hours": round((now - row["time"]).total_seconds() / 3600.0, 2),
        "suspect": row["qc"] not in USED,
        "source": str(row["source"]),
    }


def _flag_counts(values: pd.DataFrame, now: pd.Timestamp) -> Iterator[tuple[str, int]]:
    """Yield the number of recent values by quality flag; ``source`` where only their source calls them suspect."""
    recent = values[(values["time"] > now - pd.Timedelta(days=FLAG_DAYS)).to_numpy()]
    flags = recent["flags"].to_numpy("int64")
    for name, bit in GAUGE_FLAGS.items():
        count = int(((flags & bit) > 0).sum())
        if count and not bit & NOT_SUSPECT:
            yield name, count
    alone = int(((recent["qc"] == "suspect").to_numpy() & ((flags & ~NOT_SUSPECT) == 0)).sum())
    if alone:
        yield "source", alone
