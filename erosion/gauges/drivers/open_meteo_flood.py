"""Driver ``open_meteo_flood``: discharge of GloFAS at a point, over the flood API of Open-Meteo.

It is a model's river and not a gauge: every value is of quality ``estimated``, and the number is that of a grid cell some
five kilometres wide, which may hold a side channel. The day of ``asked.until`` and the days after it are a forecast, issued at
the start of that UTC day, because the service gives neither when its model was run nor which run a day comes from; days
that are over count as observations. The past has no ensemble.

Never tried against the live service. The tests answer with constructed documents in the shape of its published description.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final, NamedTuple

import numpy as np
import pandas as pd

from erosion.config.gauges import WebGauge
from erosion.config.records import Key
from erosion.core.errors import Skipped, SourceError
from erosion.core.geodesy import great_circle_km
from erosion.gauges.formats import answers
from erosion.gauges.formats.periods import pieces, whole_days
from erosion.gauges.formats.reading import Asked, Reading, joined, readings
from erosion.gauges.formats.web import Service

YEARS: Final = 5
"""So much of the past is asked for at once."""

FAR_DEG: Final = 0.1
"""A cell whose centre is farther from the gauge than this is another place; the service's cells are 0.05 degrees wide."""

_PATH: Final = "/v1/flood"
_DISCHARGE: Final = "river_discharge"
_MEDIAN: Final = "river_discharge_median"
_MEMBER: Final = re.compile(r"river_discharge_member(\d{1,3})")
_UNITS: Final = ("m³/s", "m3/s")


class _Answer(NamedTuple):
    time: pd.DatetimeIndex  # shape (n,)
    columns: Mapping[str, np.ndarray]  # name -> shape (n,), m3/s
    cell: tuple[float, float]  # longitude, latitude


@dataclass(frozen=True, kw_only=True)
class OpenMeteoFlood(WebGauge):
    """Discharge of the Open-Meteo flood API: past, and an ensemble forecast."""

    service: Annotated[str, Key("address of the service")] = "https://flood-api.open-meteo.com"
    model: Annotated[str, Key("model of the service")] = "seamless_v4"
    forecast_days: Annotated[int, Key("days of forecast", "day", low=0, high=210)] = 10
    ensemble: Annotated[bool, Key("every member of the forecast, not only its median")] = False
    gives_forecasts: ClassVar[bool] = True


ENTRY: Final = OpenMeteoFlood


def read(source: OpenMeteoFlood, asked: Asked) -> Reading:
    """Return the past and the forecast of tonight.

    Parameters
    ----------
    source
        Catalogue entry.
    asked
        What is wanted.

    Returns
    -------
    Reading
        Discharge in m3/s. The past has member -1. A forecast has member -1 (the median of the ensemble), or with ``ensemble``
        member 0 (the control run) and 1 to 50. A day of the past without a number is missing, but for the newest ones,
        which are not there yet. ``state`` holds the cell that the values come from.

    Raises
    ------
    SourceError
        Where there is no answer, none in m3/s or with UTC days, or not one number.
    """
    service = Service(source, source.service)
    today = asked.until.tz_convert("UTC").floor("D")
    skipped: list[Skipped] = []
    parts: list[pd.DataFrame] = []
    cells: list[tuple[float, float]] = []
    for first, last in pieces(*whole_days(source, asked), YEARS):
        answer = _ask(service, source, {"start_date": f"{first:%Y-%m-%d}", "end_date": f"{last:%Y-%m-%d}"}, skipped)
        wanted = (answer.time >= first) & (answer.time <= last)
        parts.append(
            readings("discharge", answer.time[wanted], _column(source, answer, _DISCHARGE)[wanted], "estimated")
        )
        cells.append(answer.cell)
    past = joined(parts)
    # The newest days without a number are not there yet; were they handed over, their numbers would later be corrections.
    there = np.flatnonzero(past["value"].notna())
    past = past.iloc[: there[-1] + 1 if there.size else 0]
    forecast = []
    if source.forecast_days:
        answer = _ask(service, source, {"forecast_days": source.forecast_days}, skipped)
        cells.append(answer.cell)
        forecast = _forecast(source, answer, today, skipped)
    if not cells:
        return Reading(past, skipped, asked.state)
    _list_cell_distance(source, cells, asked, skipped)
    values = joined([past, *forecast])
    if not len(values):
        raise SourceError(
            f"{source.name}: no number at all for the cell at {_place(cells[-1])}; it may lie off the model's rivers: move "
            "location to a cell of the river"
        )
    return Reading(values, skipped, {"cell": list(cells[-1])})


def _ask(service: Service, source: OpenMeteoFlood, days: Mapping[str, Any], skipped: list[Skipped]) -> _Answer:
    lon, lat = source.location
    params: dict[str, Any] = {"latitude": lat, "longitude": lon, "models": source.model, "timezone": "GMT", **days}
    if "forecast_days" not in days:
        params["daily"] = _DISCHARGE
    elif source.ensemble:
        params |= {"daily": _DISCHARGE, "ensemble": "true"}
    else:
        params["daily"] = f"{_DISCHARGE},{_MEDIAN}"
    if service.key:
        params["apikey"] = service.key
    answer = service.json(_PATH, params)
    if isinstance(answer, list) and answer:
        skipped.append(
            Skipped(source.name, f"answered for {len(answer)} places where one was asked for; the first is taken")
        )
        answer = answer[0]
    return _read_answer(source, answer)


def _read_answer(source: OpenMeteoFlood, answer: Any) -> _Answer:
    if not isinstance(answer, dict):
        raise SourceError(f"{source.name}: the answer is no object; has the service changed?")
    if answer.get("error"):
        raise SourceError(f"{source.name}: the service reports {str(answer.get('reason'))[:200]!r}")
    daily, units = answer.get("daily"), answer.get("daily_units")
    if not isinstance(daily, dict) or not isinstance(daily.get("time"), list) or not isinstance(units, dict):
        raise SourceError(f"{source.name}: the answer has no block of daily values; has the service changed?")
    if answer.get("utc_offset_seconds", 0) != 0:
        raise SourceError(
            f"{source.name}: the days of the answer are not UTC days ({str(answer.get('timezone'))[:40]})"
        )
    try:
        time = pd.to_datetime(pd.Index(daily["time"], dtype=object), format="%Y-%m-%d", utc=True)
        cell = (float(answer["longitude"]), float(answer["latitude"]))
    except (KeyError, TypeError, ValueError) as error:
        raise SourceError(f"{source.name}: a day or the place of the answer cannot be read ({error})") from None
    if time.has_duplicates or not all(map(math.isfinite, cell)):
        raise SourceError(f"{source.name}: the answer names a day twice, or its place is no place")
    columns = {}
    for name, values in daily.items():
        if name not in (_DISCHARGE, _MEDIAN) and not _MEMBER.fullmatch(name):
            continue
        if units.get(name) not in _UNITS:
            raise SourceError(f"{source.name}: {name} is in {str(units.get(name))[:40]!r}; m³/s is needed")
        columns[name] = answers.from_json(values, len(time), f"{source.name}: {name}")
    return _Answer(time, columns, cell)


def _column(source: OpenMeteoFlood, answer: _Answer, name: str) -> np.ndarray:
    if name not in answer.columns:
        raise SourceError(f"{source.name}: the answer has no {name}; is model {source.model!r} still offered?")
    return answer.columns[name]


def _forecast(
    source: OpenMeteoFlood, answer: _Answer, today: pd.Timestamp, skipped: list[Skipped]
) -> list[pd.DataFrame]:
    """One table a member. A null in a forecast is no row."""
    if not len(answer.time) or answer.time.min() != today:
        begins = f"{answer.time.min():%Y-%m-%d}" if len(answer.time) else "nowhere"
        reason = (
            f"its forecast begins {begins} and not on {today:%Y-%m-%d}, so it was not made then; no forecast is taken"
        )
        skipped.append(Skipped(source.name, reason))
        return []
    members = {int(found[1]): name for name in answer.columns if (found := _MEMBER.fullmatch(name))}
    if source.ensemble and members:
        chosen = {0: _DISCHARGE, **members}
    elif not source.ensemble and np.isfinite(answer.columns.get(_MEDIAN, np.array([]))).any():
        chosen = {-1: _MEDIAN}
    else:
        missed = "members" if source.ensemble else "median"
        skipped.append(Skipped(source.name, f"gives no {missed} of its ensemble; the single run {_DISCHARGE} is taken"))
        chosen = {-1: _DISCHARGE}
    tables = []
    for member, name in sorted(chosen.items()):
        values = _column(source, answer, name)
        given = np.isfinite(values)
        tables.append(
            readings("discharge", answer.time[given], values[given], "estimated", issued_at=today, member=member)
        )
    return tables


def _list_cell_distance(
    source: OpenMeteoFlood, cells: list[tuple[float, float]], asked: Asked, skipped: list[Skipped]
) -> None:
    before = tuple(asked.state.get("cell") or cells[0])
    for cell in dict.fromkeys(cells):
        east = (cell[0] - source.location[0] + 180) % 360 - 180
        north = cell[1] - source.location[1]
        km = float(great_circle_km(source.location, *cell))
        far = max(abs(east), abs(north)) > FAR_DEG
        reason = f"values come from the model's cell at {_place(cell)}, {km:.1f} km from the location of the entry"
        if far:
            reason += "; that is another place: is the location right?"
        skipped.append(Skipped(source.name, reason, usual=not far))
        if cell != before:
            reason = f"values used to come from the cell at {_place(before)} and now from {_place(cell)}; the series may break"
            skipped.append(Skipped(source.name, reason))


def _place(cell: tuple[float, ...]) -> str:
    return f"{cell[1]:.3f}, {cell[0]:.3f} (latitude, longitude)"
