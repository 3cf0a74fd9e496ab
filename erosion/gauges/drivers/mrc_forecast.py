"""Driver ``mrc_forecast``: season tables and the five-day forecast of the Mekong River Commission's flood-forecast pages.

It follows the shapes seen in client code of others and was never tried against the pages themselves; the data may not be
passed on without the Commission's permission. The season tables hold one row a calendar day and one column a year, as
text that is almost JSON; the forecast page holds the last observed days and the days ahead in one list. A day is a local
day (UTC+7) and a value has the time at which its day begins.

What the pages leave open: whether a day's value is its mean or its reading at 7 in the morning. ``latency_days`` counts from
the beginning of the day.
"""

from __future__ import annotations

import datetime
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final

import pandas as pd

from erosion.config.gauges import WebGauge, check_datum
from erosion.config.problems import Problems
from erosion.config.records import Key
from erosion.core.errors import Skipped, SourceError
from erosion.gauges.formats.reading import Asked, Reading, joined, readings
from erosion.gauges.formats.station import alarm_differences, number, one_a_time, shown
from erosion.gauges.formats.web import Service

WET: Final = "/fetchwet_st.php"
"""Table of 1 June to 31 October; seen in client code."""

DRY: Final = "/fetchdry_st.php"
"""Table of 1 November to 31 May. The name is made after its twin's: nobody's code that could be read asks for it."""

FORECAST: Final = "/fetch_stforecast.php"

LOCAL: Final = datetime.timezone(datetime.timedelta(hours=7))

MISSING_M: Final = 0.0
"""The pages write 0.0 where there is no value; a level of exactly zero is lost with them.

Such a day is left out and not given as missing: a value that the forecast page had for it would be taken back as soon as
that page has moved on."""

_DRY_MONTHS: Final = frozenset({11, 12, 1, 2, 3, 4, 5})
_DAY: Final = pd.Timedelta(days=1)
_NO_YEARS: Final = frozenset({"date_gmt", "Max", "Min", "AVG", "floodLevel", "alarmLevel"})
_MONTH_DAY: Final = re.compile(r"\d{4}-(\d{2})-(\d{2})")
_MENDS: Final = re.compile(
    r"""(?P<text>"(?:[^"\\]|\\.)*")"""  # a text stays as it is
    r"""|(?P<before>[{,]\s*)(?P<key>[A-Za-z_]\w*|\d{4}(?:\.\d{1,4})?)(?=\s*:)"""
    r"""|,(?=\s*[}\]])""",
    re.ASCII,
)


@dataclass(frozen=True, kw_only=True)
class MrcForecast(WebGauge):
    """Flood-forecast pages of the Mekong River Commission: seasonal tables and the five-day forecast."""

    service: Annotated[str, Key("address of the service")] = "https://ffw.mrcmekong.org"
    station: Annotated[str, Key("code of the station, like TCH")]
    gives_forecasts: ClassVar[bool] = True

    def check(self, problems: Problems) -> None:
        """Note what is wrong with the entry, beside its types."""
        super().check(problems)
        check_datum(self, problems)


ENTRY: Final = MrcForecast


def read(source: MrcForecast, asked: Asked) -> Reading:
    """Return daily stages of past seasons, of this one, and the forecast.

    Parameters
    ----------
    source
        Catalogue entry.
    asked
        What is wanted. Only the tables of seasons that it touches are asked for, and they come whole, from
        ``first_day`` of the entry on.

    Returns
    -------
    Reading
        Stages in m. Days of the tables are ``good``; the last days of the forecast page are ``estimated`` where the tables do
        not have them yet. Forecasts are issued when the last observed day could be had: its beginning and the entry's
        ``latency_days``, or the present where that is sooner.

    Raises
    ------
    SourceError
        Where none of the pages can be had.
    """
    service = Service(source, source.service)
    skipped: list[Skipped] = []
    failed: list[SourceError] = []
    days: dict[pd.Timestamp, float] = {}
    pages = _pages(source, asked)
    for path in pages:
        try:
            rows = _rows(service, path, source)
            table, more = _season(rows, path == DRY, source, asked)
        except SourceError as error:
            failed.append(error)
            continue
        days |= table
        skipped += more
    observed = pd.DataFrame({"time": list(days), "value": list(days.values())}, columns=["time", "value"])
    parts = [_stages(observed.assign(quality="good"))] if days else []
    try:
        recent, ahead, more = _forecast(_rows(service, FORECAST, source), days, source, asked)
        parts += [recent, ahead]
        skipped += more
    except SourceError as error:
        failed.append(error)
    if len(failed) > len(pages):
        raise failed[-1]
    skipped += [Skipped(source.name, str(error)) for error in failed]
    return Reading(joined(parts), tuple(dict.fromkeys(skipped)))


def repaired(text: str) -> str:
    """Return what the pages write as JSON: bare keys (names, years, water years) quoted, no comma before a closing bracket.

    Nothing else is mended; what is still no JSON is no answer of this service.
    """

    def mend(found: re.Match[str]) -> str:
        if found["key"] is not None:
            return f'{found["before"]}"{found["key"]}"'
        return found["text"] or ""

    return _MENDS.sub(mend, text)


def _pages(source: MrcForecast, asked: Asked) -> list[str]:
    """Season tables that hold a day from ``since`` to ``until``."""
    first = max(_first_day(source), asked.until - 366 * _DAY)
    if asked.since is not None:
        first = max(first, asked.since)
    local = pd.date_range(first.tz_convert(LOCAL).normalize(), asked.until.tz_convert(LOCAL), freq="D")
    months = {day.month for day in local}
    return [path for path, wanted in ((WET, months - _DRY_MONTHS), (DRY, months & _DRY_MONTHS)) if wanted]


def _rows(service: Service, path: str, source: MrcForecast) -> list[Mapping[str, Any]]:
    text = service.text(path, {"StCode": source.station})
    try:
        rows = json.loads(repaired(text), object_pairs_hook=_each_once)
    except (ValueError, RecursionError) as error:
        start = " ".join(text[:60].split())
        raise SourceError(f"{source.name}: {path}: cannot be read ({error}); it begins {start!r}") from None
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise SourceError(
            f"{source.name}: {path}: answers in another shape than it used to (no list of days); this driver has to be revised"
        )
    return rows


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) < len(pairs):
        raise ValueError("a day has two columns of one name")
    return row


def _season(
    rows: Sequence[Mapping[str, Any]], dry: bool, source: MrcForecast, asked: Asked
) -> tuple[dict[pd.Timestamp, float], list[Skipped]]:
    """Values of a season table: beginning of the local day in UTC -> stage [m]."""
    name = "dry-season table" if dry else "wet-season table"
    if not rows:
        return {}, [Skipped(source.name, f"the {name} is empty; is station {source.station!r} right?")]
    columns = list(dict.fromkeys(column for row in rows for column in row if column not in _NO_YEARS))
    years = {column: _first_year(column, dry) for column in columns}
    skipped = []
    unknown = [column for column in columns if years[column] is None]
    if unknown:
        skipped.append(Skipped(source.name, f"{name}: columns {', '.join(unknown[:8])} are no years; left out"))
    first = _first_day(source)
    values: dict[pd.Timestamp, float] = {}
    odd: list[str] = []
    wrong: list[str] = []
    ahead: list[pd.Timestamp] = []
    for row in rows:
        found = _MONTH_DAY.fullmatch(str(row.get("date_gmt")))
        month, day = (int(part) for part in found.groups()) if found else (0, 0)
        if not _in_season(month, day, dry):
            odd.append(f"{row.get('date_gmt')!r:.20}")
            continue
        for column, year in years.items():
            if year is None:
                continue
            value = _stage(row.get(column), wrong)
            time = _day_begins(year + (dry and month < 11), month, day)
            if math.isnan(value):
                continue
            if time is None:
                odd.append(f"29 February in column {column}")
            elif time > asked.until:  # the column of this season goes on to its end
                ahead.append(time)
            elif time >= first:
                values[time] = value
    for texts, why in (
        (odd, "no days of this season, left out"),
        (wrong, "no numbers, left out"),
        ([shown(sorted(ahead))] if ahead else [], "days to come are no measurements, left out"),
    ):
        if texts:
            skipped.append(Skipped(source.name, f"{name}: {why}: {', '.join(texts[:5])}"))
    skipped += alarm_differences(source, _levels(rows, "alarmLevel", "floodLevel"))
    if not values:
        skipped.append(Skipped(source.name, f"the {name} holds no value"))
    return values, skipped


def _first_year(column: str, dry: bool) -> int | None:
    """Year in which a column begins: "2009" in the wet season; "2009.10" is the water year 2009/10 in the dry one."""
    if not re.fullmatch(r"\d{4}(\.\d{1,2})?" if dry else r"\d{4}", column, re.ASCII):
        return None
    year = int(column[:4])
    # As a number 2019.20 has lost its last zero, 1999.00 both.
    return year if not dry or math.isclose(float(column), year + (year + 1) % 100 / 100) else None


def _in_season(month: int, day: int, dry: bool) -> bool:
    # 2024 is a leap year: every day of a calendar is in it.
    return 1 <= month <= 12 and (month in _DRY_MONTHS) == dry and _day_begins(2024, month, day) is not None


def _day_begins(year: int, month: int, day: int) -> pd.Timestamp | None:
    try:
        return pd.Timestamp(datetime.datetime(year, month, day, tzinfo=LOCAL)).tz_convert("UTC").as_unit("ns")
    except (ValueError, OverflowError):
        return None


def _first_day(source: MrcForecast) -> pd.Timestamp:
    return pd.Timestamp(source.first_day).tz_localize(LOCAL).tz_convert("UTC")


def _stage(given: Any, wrong: list[str]) -> float:
    try:
        value = number(given)
    except ValueError:
        wrong.append(f"{given!r:.40}")
        return math.nan
    return math.nan if value == MISSING_M else value


def _levels(rows: Iterable[Mapping[str, Any]], alarm: str, flood: str) -> dict[int, list[Any]]:
    # The first and the third of the Vietnamese levels: so at Tân Châu, 3.5 and 4.5 m.
    return {1: [row.get(alarm) for row in rows], 3: [row.get(flood) for row in rows]}


def _forecast(
    rows: Sequence[Mapping[str, Any]], known: Mapping[pd.Timestamp, float], source: MrcForecast, asked: Asked
) -> tuple[pd.DataFrame, pd.DataFrame, list[Skipped]]:
    """Last observed days that the tables do not have, and the forecast after them."""
    nothing = joined([])
    if not rows:
        reason = f"the forecast page is empty; is station {source.station!r} right?"
        return nothing, nothing, [Skipped(source.name, reason)]
    wrong: list[str] = []
    odd: list[str] = []
    found: dict[bool, list[tuple[pd.Timestamp, float]]] = {False: [], True: []}
    for row in rows:
        time = _calendar_day(row.get("date_gmt"))
        if time is None:
            odd.append(f"{row.get('date_gmt')!r:.20}")
            continue
        is_ahead = row.get("P") is not None
        value = _stage(row["P"] if is_ahead else row.get("val"), wrong)
        if not math.isnan(value):
            found[is_ahead].append((time, value))
    skipped = []
    for texts, why in ((odd, "no readable day, left out"), (wrong, "no numbers, left out")):
        if texts:
            skipped.append(Skipped(source.name, f"forecast page: {why}: {', '.join(texts[:5])}"))
    late = [time for time, _ in found[False] if time > asked.until]
    if late:
        reason = f"forecast page: days to come without the mark of a forecast, left out: {shown(late)}"
        skipped.append(Skipped(source.name, reason))
    observed, more = _daily([(time, value) for time, value in found[False] if time <= asked.until], source)
    skipped += more
    skipped += alarm_differences(source, _levels(rows, "as", "ft"))
    if observed.empty:
        if found[True]:
            reason = "the forecast page has no observed day, so it is not known when its forecast was made; left out"
            skipped.append(Skipped(source.name, reason))
        return nothing, nothing, skipped
    last = observed["time"].iloc[-1]
    # The day on which observation and forecast meet is in the list as both.
    ahead, more = _daily([(time, value) for time, value in found[True] if time > last], source)
    skipped += more
    skipped += _disagreeing(observed, known, source)
    issued_at = min(last + pd.Timedelta(days=source.latency_days), asked.until)
    new = observed[[time not in known for time in observed["time"]]]
    recent = new.assign(quality=new["quality"].replace("good", "estimated"))
    return _stages(recent), _stages(ahead, issued_at), skipped


def _calendar_day(text: Any) -> pd.Timestamp | None:
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", str(text), re.ASCII):
        return None
    year, month, day = (int(part) for part in str(text).split("-"))
    return _day_begins(year, month, day)


def _daily(days: list[tuple[pd.Timestamp, float]], source: MrcForecast) -> tuple[pd.DataFrame, list[Skipped]]:
    return one_a_time(pd.DataFrame(days, columns=["time", "value"]), "stage", source)


def _disagreeing(observed: pd.DataFrame, known: Mapping[pd.Timestamp, float], source: MrcForecast) -> list[Skipped]:
    apart = [
        time
        for time, value in zip(observed["time"], observed["value"], strict=True)
        if abs(known.get(time, math.nan) - value) > source.checks.agree_m
    ]
    if not apart:
        return []
    reason = f"season table and forecast page differ by more than {source.checks.agree_m:g} m on {shown(apart)}; the table's stand"
    return [Skipped(source.name, reason)]


def _stages(days: pd.DataFrame, issued_at: pd.Timestamp | None = None) -> pd.DataFrame:
    if days.empty:
        return joined([])
    return readings("stage", pd.DatetimeIndex(days["time"]), days["value"], days["quality"], issued_at=issued_at)
