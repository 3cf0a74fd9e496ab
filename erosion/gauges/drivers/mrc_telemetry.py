"""Driver ``mrc_telemetry``: water level and rain of the Mekong River Commission's near-real-time telemetry.

It follows the shapes seen in client code of others and was never tried against the service itself. The service is reported
to answer without a key by some and to want one by others; the data may not be passed on without the Commission's
permission, so this driver is for those who have it, and no key comes with it.

The rain of a row is kept at the time of its row: whether it fell before or after that time is not known, and a quarter of
an hour is the whole difference.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

import pandas as pd
from pyproj import Geod

from erosion.config.gauges import WebGauge, check_datum
from erosion.config.problems import Problems
from erosion.config.records import Key
from erosion.core.errors import Skipped, SourceError
from erosion.gauges.formats.reading import Asked, Reading, joined, readings
from erosion.gauges.formats.station import alarm_differences, number, one_a_time, same_name, shown
from erosion.gauges.formats.web import Service

STATIONS: Final = "/api/v1/time-series/telemetry/recent/stations"
MEASUREMENTS: Final = "/api/v1/time-series/telemetry/recent/measurement"

KEY_HEADER: Final = "X-API-Key"
"""Header of the key, as in client code for another part of the same host."""

FAR_KM: Final = 2.0
"""A station farther from where the entry has it is another one, or was moved."""

_QUANTITIES: Final = {"stage": "w", "rain": "r"}
_ZONED: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}.*(?:Z|[+-]\d{2}:?\d{2})")


@dataclass(frozen=True, kw_only=True)
class MrcTelemetry(WebGauge):
    """Near-real-time telemetry of the Mekong River Commission."""

    service: Annotated[str, Key("address of the service")] = "https://api.mrcmekong.org"
    station: Annotated[str, Key("identifier of the station, text with its leading zero")]
    station_name: Annotated[str | None, Key("name the service gives the station; another one is listed")] = None

    def check(self, problems: Problems) -> None:
        """Note what is wrong with the entry, beside its types."""
        super().check(problems)
        check_datum(self, problems)


ENTRY: Final = MrcTelemetry


def read(source: MrcTelemetry, asked: Asked) -> Reading:
    """Return what the service has of a station: the last days, every 15 minutes.

    Parameters
    ----------
    source
        Catalogue entry.
    asked
        What is wanted; all that the service gives up to ``until`` comes, also where less was asked for.

    Returns
    -------
    Reading
        Stage in m and rain in mm. Values of a station that lies elsewhere than in the entry are ``suspect``.

    Raises
    ------
    SourceError
        Where the service cannot be asked, refuses, or answers something else.
    """
    service = Service(source, source.service)
    headers = {KEY_HEADER: service.key} if service.key else {}
    rows = _measurements(service.json(f"{MEASUREMENTS}/{source.station}", headers=headers), source)
    if not rows:
        return Reading(joined([]), (Skipped(source.name, "the service has no measurements of the station"),))
    placed, skipped = _check_station(service, headers, source)
    table, more = _table(rows, asked, source)
    skipped += more
    parts = []
    for quantity in _QUANTITIES:
        if table[quantity].isna().all():  # a station without that sensor
            continue
        values, more = one_a_time(table.rename(columns={quantity: "value"})[["time", "value"]], quantity, source)
        skipped += more
        quality = values["quality"] if placed else "suspect"
        parts.append(readings(quantity, pd.DatetimeIndex(values["time"]), values["value"], quality))
    if not parts:
        skipped.append(Skipped(source.name, "the service lists times and no value with any of them"))
    return Reading(joined(parts), tuple(skipped))


def _measurements(answer: Any, source: MrcTelemetry) -> list[Any]:
    rows = answer.get("measurements") if isinstance(answer, Mapping) else answer
    if not isinstance(answer, Mapping) or not (rows is None or isinstance(rows, list)):
        raise SourceError(
            f"{source.name}: the service answers in another shape than it used to (no list 'measurements'); this driver "
            "has to be revised"
        )
    answered = answer.get("stationId")
    if answered is not None and not _is_ours(answered, source):
        raise SourceError(
            f"{source.name}: asked for station {source.station}, the service answers for {answered!s:.40}"
        )
    return rows or []


def _is_ours(identifier: Any, source: MrcTelemetry) -> bool:
    # A service that writes its identifiers as numbers loses their leading zero.
    return str(identifier).lstrip("0") == source.station.lstrip("0")


def _table(rows: list[Any], asked: Asked, source: MrcTelemetry) -> tuple[pd.DataFrame, list[Skipped]]:
    """Columns time, stage and rain, in the order of the answer."""
    skipped: list[Skipped] = []
    dated = [row for row in rows if isinstance(row, Mapping) and _ZONED.fullmatch(str(row.get("d")))]
    times = pd.to_datetime(
        pd.Series([row["d"] for row in dated], dtype=object), format="ISO8601", utc=True, errors="coerce"
    )
    lost = len(rows) - int(times.notna().sum())
    if lost:
        reason = f"{lost} of {len(rows)} measurements have no readable time with its zone; left out"
        skipped.append(Skipped(source.name, reason))
    ahead = times > asked.until
    if ahead.any():
        reason = f"measurements lie in the future ({shown(times[ahead])}); left out: is the clock right?"
        skipped.append(Skipped(source.name, reason))
    kept = (times.notna() & ~ahead).to_numpy()
    table = pd.DataFrame({"time": times[kept].dt.as_unit("ns")}).reset_index(drop=True)
    chosen = [row for row, good in zip(dated, kept, strict=True) if good]
    for quantity, key in _QUANTITIES.items():
        table[quantity], wrong = _numbers([row.get(key) for row in chosen])
        if wrong:
            skipped.append(Skipped(source.name, f"{quantity}: no numbers, taken as missing: {', '.join(wrong[:5])}"))
    return table, skipped


def _numbers(given: list[Any]) -> tuple[list[float], list[str]]:
    values, wrong = [], []
    for value in given:
        try:
            values.append(number(value))
        except ValueError:
            values.append(math.nan)
            wrong.append(f"{value!r:.40}")
    return values, wrong


def _check_station(service: Service, headers: Mapping[str, str], source: MrcTelemetry) -> tuple[bool, list[Skipped]]:
    """Return whether the station stands where the entry puts it, as far as the service reports its place, and what is odd."""
    try:
        answer = service.json(STATIONS, headers=headers)
    except SourceError as error:
        return True, [Skipped(source.name, f"name and place of the station could not be looked up: {error}")]
    listed = [row for row in answer if isinstance(row, Mapping)] if isinstance(answer, list) else []
    mine = next((row for row in listed if _is_ours(row.get("stationId"), source)), None)
    if mine is None:
        reason = f"station {source.station} is not in the service's list of {len(listed)}; was it closed or given another number?"
        return True, [Skipped(source.name, reason)]
    skipped: list[Skipped] = []
    name = mine.get("name")
    if source.station_name is not None and name and not same_name(str(name), source.station_name):
        reason = f"the service calls the station {name!s:.60}, the entry {source.station_name}; is it still the same?"
        skipped.append(Skipped(source.name, reason))
    skipped += alarm_differences(source, {1: [mine.get("alarmStage")], 3: [mine.get("floodStage")]})
    km = _distance_km(mine, source)
    if km is None:
        skipped.append(Skipped(source.name, "the service gives no place of the station"))
    elif km > FAR_KM:
        reason = (
            f"the service has the station {km:.1f} km from the entry's location; its values are held suspect: if it was moved, "
            "look at its zero and mend 'location'"
        )
        skipped.append(Skipped(source.name, reason))
        return False, skipped
    return True, skipped


def _distance_km(row: Mapping[str, Any], source: MrcTelemetry) -> float | None:
    try:
        lon, lat = number(row.get("longitude")), number(row.get("latitude"))
    except ValueError:
        return None
    if not (abs(lon) <= 180.0 and abs(lat) <= 90.0):
        return None
    return float(Geod(ellps="WGS84").inv(*source.location, lon, lat)[2]) / 1000.0
