"""Driver ``vndms``: water level of a station of the Vietnam Disaster Monitoring System (vndms.dmc.gov.vn).

It follows the shapes seen in client code of others and was never tried against the service itself. The service states no
terms: use it with the permission of the authority that runs it (Cục Quản lý đê điều và Phòng, chống thiên tai).

The service gives the last seven days, local time (UTC+7), in labels that leave out the year and mostly the month too. They
are worked out backwards from the present, so an answer that is older than a month without saying so would be read as new.
"""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

import pandas as pd

from erosion.config.gauges import WebGauge, check_datum
from erosion.config.problems import Problems
from erosion.config.records import Key
from erosion.core.errors import Skipped, SourceError
from erosion.gauges.formats.reading import Asked, Reading, joined, readings
from erosion.gauges.formats.station import alarm_differences, number, one_a_time, same_name, shown
from erosion.gauges.formats.web import Service

PATH: Final = "/home/detailRain"

SITE: Final = "https://vndms.dmptc.gov.vn"
"""The map that asks the service; the service is reported to refuse whoever does not come from it."""

DAYS: Final = "7"

LOCAL: Final = datetime.timezone(datetime.timedelta(hours=7))

_NOTHING: Final = frozenset({"-", "", "null"})
_CLOCK: Final = r"(?P<hour>\d{1,2})h(?P<minute>\d{2})?"
_DAY_ALONE: Final = re.compile(_CLOCK + r"/(?P<day>\d{1,2})", re.ASCII)  # 7h00/12
_WITH_MONTH: Final = re.compile(rf"(?:{_CLOCK}\s+)?(?P<day>\d{{1,2}})/(?P<month>\d{{1,2}})", re.ASCII)  # 0h 15/11
_DAY: Final = datetime.timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Vndms(WebGauge):
    """Vietnam Disaster Monitoring System; to be used only with its operator's permission."""

    service: Annotated[str, Key("address of the service")] = "https://vndms.dmc.gov.vn"
    station: Annotated[str, Key("number of the station (mã trạm)")]
    station_name: Annotated[
        str | None, Key("name the service gives the station; values under another one are suspect")
    ] = None

    def check(self, problems: Problems) -> None:
        """Note what is wrong with the entry, beside its types."""
        super().check(problems)
        check_datum(self, problems)


ENTRY: Final = Vndms


def read(source: Vndms, asked: Asked) -> Reading:
    """Return the last seven days of a station.

    Parameters
    ----------
    source
        Catalogue entry.
    asked
        What is wanted; ``until`` is also what labels without month and year are counted back from.

    Returns
    -------
    Reading
        Stage in m as the service gives it; a level that cannot be is left to quality control. Values of a station with
        another name than the entry's are ``suspect``.

    Raises
    ------
    SourceError
        Where the service cannot be asked or refuses, where labels and values do not go together, or where the months of the
        labels are not known.
    """
    form = {"id": source.station, "timeSelect": DAYS, "source": "Water", "fromDate": "", "toDate": ""}
    service = Service(source, source.service)
    answer = service.json(PATH, form=form, headers={"Referer": f"{SITE}/", "Origin": SITE})
    if isinstance(answer, list) and not answer:
        answer = {}
    if not isinstance(answer, Mapping):
        raise SourceError(
            f"{source.name}: the service answers in another shape than it used to (no object); this driver has to be revised"
        )
    if answer.get("error"):
        raise SourceError(f"{source.name}: the service reports {answer['error']!s:.200}")
    labels, texts = _list(answer, "labels"), _list(answer, "value")
    if not labels:
        return Reading(
            joined([]), (Skipped(source.name, "the service has no values of the station; is its number right?"),)
        )
    if len(labels) != len(texts):
        raise SourceError(
            f"{source.name}: the service gives {len(labels)} times and {len(texts)} values, so no value has a sure time; is "
            "its decimal mark a comma now?"
        )
    times, skipped = _times(labels, asked, source)
    values, more = _values(texts, source)
    skipped += more
    table = pd.DataFrame({"time": pd.to_datetime(pd.Series(times, dtype=object), utc=True), "value": values})
    ahead = table["time"] > asked.until
    if ahead.any():
        reason = f"values lie in the future ({shown(table.loc[ahead, 'time'])}); left out: is the clock right?"
        skipped.append(Skipped(source.name, reason))
    table, more = one_a_time(table[table["time"].notna() & ~ahead], "stage", source)
    skipped += more
    skipped += alarm_differences(source, {level: _list(answer, f"bao_dong{level}") for level in (1, 2, 3)})
    name = answer.get("name_vn")
    renamed = source.station_name is not None and bool(name) and not same_name(str(name), source.station_name)
    if renamed:
        reason = (
            f"the service calls the station {name!s:.60}, the entry {source.station_name}; its values are held suspect: is "
            "'station' right?"
        )
        skipped.append(Skipped(source.name, reason))
    if table.empty:
        return Reading(joined([]), tuple(skipped))
    quality = "suspect" if renamed else table["quality"]
    return Reading(readings("stage", pd.DatetimeIndex(table["time"]), table["value"], quality), tuple(skipped))


def _list(answer: Mapping[str, Any], key: str) -> list[str]:
    """Parts of a text with commas; none where it is missing or empty."""
    given = answer.get(key)
    text = "" if given is None else str(given)
    return [" ".join(part.split()) for part in text.split(",")] if text.strip() not in _NOTHING else []


def _values(texts: Iterable[str], source: Vndms) -> tuple[list[float], list[Skipped]]:
    values, wrong = [], []
    for text in texts:
        try:
            values.append(math.nan if text.lower() in _NOTHING else number(text))
        except ValueError:
            values.append(math.nan)
            wrong.append(f"{text!r:.40}")
    skipped = [Skipped(source.name, f"no numbers, taken as missing: {', '.join(wrong[:5])}")] if wrong else []
    return values, skipped


def _times(labels: list[str], asked: Asked, source: Vndms) -> tuple[list[pd.Timestamp | None], list[Skipped]]:
    """UTC instants of the labels, None where one cannot be read; the newest that each can mean is taken."""
    # A clock that is a little ahead must not send its newest label a month back.
    newest = asked.until.tz_convert(LOCAL).date() + _DAY
    alone = [_DAY_ALONE.fullmatch(label) for label in labels]
    if any(alone) and all(_may_be_month(found) for found in alone if found):
        raise SourceError(
            f"{source.name}: labels like {labels[0]!r} can mean a minute and a day or a day and a month; this driver has to be revised"
        )
    times = [
        _instant(found or _WITH_MONTH.fullmatch(label), newest) for found, label in zip(alone, labels, strict=True)
    ]
    read = [time for time, found in zip(times, alone, strict=True) if found and time is not None]
    if read not in (sorted(read), sorted(read, reverse=True)):
        raise SourceError(
            f"{source.name}: the labels from {labels[0]!r} to {labels[-1]!r} are not in order or reach over more than a month, "
            "so their months are not known"
        )
    lost = [f"{label!r:.40}" for label, time in zip(labels, times, strict=True) if time is None]
    skipped = [Skipped(source.name, f"no readable time, left out: {', '.join(lost[:5])}")] if lost else []
    return times, skipped


def _may_be_month(found: re.Match[str]) -> bool:
    return found["minute"] is not None and 1 <= int(found["minute"]) <= 31 and 1 <= int(found["day"]) <= 12


def _instant(found: re.Match[str] | None, newest: datetime.date) -> pd.Timestamp | None:
    """Newest instant a label can mean whose day is not after ``newest``."""
    if found is None:
        return None
    parts = {name: int(text) for name, text in found.groupdict().items() if text is not None}
    hour, minute = parts.get("hour", 0), parts.get("minute", 0)
    if hour > 24 or minute > 59:
        return None
    day = _last_month_with(parts["day"], newest) if "month" not in parts else _last_year_with(parts, newest)
    if day is None:
        return None
    local = datetime.datetime(day.year, day.month, day.day, tzinfo=LOCAL) + datetime.timedelta(
        hours=hour, minutes=minute
    )
    return pd.Timestamp(local).tz_convert("UTC").as_unit("ns")


def _last_month_with(day: int, newest: datetime.date) -> datetime.date | None:
    # Of two months in a row one has a 31st, so two months back there is every day of a month.
    return next((on for back in range(62) if (on := newest - back * _DAY).day == day), None)


def _last_year_with(parts: Mapping[str, int], newest: datetime.date) -> datetime.date | None:
    for year in range(newest.year, newest.year - 9, -1):  # 29 February may be eight years back (1896 to 1904)
        try:
            day = datetime.date(year, parts["month"], parts["day"])
        except ValueError:
            continue
        if day <= newest:
            return day
    return None
