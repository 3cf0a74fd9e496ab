"""Driver ``nasa_power``: daily rain at a point from NASA POWER.

The rain is that of a reanalysis on a grid of about half a degree (parameter ``PRECTOTCORR``), so every value is of quality
``estimated``. UTC days are asked for; days of local solar time, the service's default, are refused, since they would stand beside
the others as further days. The newest days hold the fill value until the reanalysis reaches them: they are not there
yet and are not handed over.

Never tried against the live service. The tests answer with constructed documents in the shape that its clients read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

import numpy as np
import pandas as pd

from erosion.config.gauges import WebGauge
from erosion.config.records import Key
from erosion.core.errors import Skipped, SourceError
from erosion.gauges.formats import answers
from erosion.gauges.formats.periods import pieces, whole_days
from erosion.gauges.formats.reading import Asked, Reading, joined, readings
from erosion.gauges.formats.web import Service

YEARS: Final = 5
"""So much is asked for at once."""

FAR_DEG: Final = 0.1
"""The answer names the place that was asked for; one farther off than this is another's."""

_PATH: Final = "/api/temporal/daily/point"
_RAIN: Final = "PRECTOTCORR"
_UNITS: Final = ("mm/day", "mm/d", "mm day-1", "mm d-1", "mm day^-1", "mm")


@dataclass(frozen=True, kw_only=True)
class NasaPower(WebGauge):
    """Daily rain at a point from NASA POWER."""

    service: Annotated[str, Key("address of the service")] = "https://power.larc.nasa.gov"


ENTRY: Final = NasaPower


def read(source: NasaPower, asked: Asked) -> Reading:
    """Return the rain of whole UTC days.

    Parameters
    ----------
    source
        Catalogue entry.
    asked
        What is wanted.

    Returns
    -------
    Reading
        Rain in mm of the UTC day that begins at its time. A day with the fill value is missing, but for the newest ones,
        which are left out. Rain below zero is missing and listed.

    Raises
    ------
    SourceError
        Where there is no answer, or it is of another place, unit or kind of day.
    """
    service = Service(source, source.service)
    skipped: list[Skipped] = []
    first, last = whole_days(source, asked)
    parts = [_piece(service, source, start, end, skipped) for start, end in pieces(first, last, YEARS)]
    table = joined(parts)
    there = np.flatnonzero(table["value"].notna())
    table = table.iloc[: there[-1] + 1 if there.size else 0]
    if not len(table) and first <= last:
        skipped.append(Skipped(source.name, f"no rain yet for {first:%Y-%m-%d} to {last:%Y-%m-%d}"))
    return Reading(table, skipped)


def _piece(
    service: Service, source: NasaPower, first: pd.Timestamp, last: pd.Timestamp, skipped: list[Skipped]
) -> pd.DataFrame:
    lon, lat = source.location
    params = {
        "parameters": _RAIN,
        "community": "AG",
        "longitude": lon,
        "latitude": lat,
        "start": f"{first:%Y%m%d}",
        "end": f"{last:%Y%m%d}",
        "format": "JSON",
        "time-standard": "UTC",
    }
    answer = service.json(_PATH, params)
    try:
        header = answer["header"]
        days = answer["properties"]["parameter"][_RAIN]
        unit = answer["parameters"][_RAIN]["units"]
        place = [float(number) for number in answer["geometry"]["coordinates"][:2]]
        fill = float(header["fill_value"])
        standard = header.get("time_standard", "UTC")
        texts, raw = list(days), list(days.values())
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise SourceError(
            f"{source.name}: the answer lacks what is needed ({error!r}); has the service changed?"
        ) from None
    if standard != "UTC":
        raise SourceError(
            f"{source.name}: the answer has days of {str(standard)[:20]!r} though UTC days were asked for"
        )
    if unit not in _UNITS:
        raise SourceError(f"{source.name}: {_RAIN} is in {str(unit)[:40]!r}; mm/day is needed")
    if len(place) != 2 or max(abs(place[0] - lon), abs(place[1] - lat)) > FAR_DEG:
        raise SourceError(f"{source.name}: the answer is of {place} and not of {[lon, lat]} (longitude, latitude)")
    try:
        time = pd.to_datetime(pd.Index(texts, dtype=object), format="%Y%m%d", utc=True)
    except ValueError as error:
        raise SourceError(f"{source.name}: a day of the answer cannot be read ({error})") from None
    values = answers.from_json(raw, len(time), f"{source.name}: {_RAIN}")
    values[np.isclose(values, fill)] = np.nan
    below = values < 0
    if below.any():
        reason = f"{int(below.sum())} days have rain below zero, the first {values[below][0]:g} mm; they are missing"
        skipped.append(Skipped(source.name, reason))
        values[below] = np.nan
    wanted = (time >= first) & (time <= last)
    table = readings("rain", time[wanted], values[wanted], "estimated")
    return table.sort_values("time", kind="stable", ignore_index=True)
