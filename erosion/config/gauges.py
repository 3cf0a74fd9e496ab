"""Catalogue entries of gauges: where a series of water level, discharge or rain comes from, one kind a driver.

Several entries may describe one gauge (the same ``gauge_id``): a file for the past, a service for tonight. The one the
region lists first is trusted most.
"""

from __future__ import annotations

import codecs
import dataclasses
import datetime
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from erosion.config.entry import Entry, check_entry
from erosion.config.strict_yaml import Key, LonLat, Problems, check_lonlat, check_timezone

DISCHARGE_UNITS: Final[dict[str, float]] = {"m3/s": 1.0, "l/s": 1e-3, "ft3/s": 0.3048**3}
"""Unit -> factor to m3/s."""

STAGE_UNITS: Final[dict[str, float]] = {"m": 1.0, "cm": 1e-2, "mm": 1e-3, "ft": 0.3048}
"""Unit -> factor to m."""

RAIN_UNITS: Final[dict[str, float]] = {"mm": 1.0, "cm": 10.0, "m": 1000.0, "in": 25.4}
"""Unit of the rain of one time step -> factor to mm."""

QUALITY_WORDS: Final = ("good", "estimated", "suspect")


@dataclass(frozen=True, kw_only=True)
class GaugeChecks:
    """What is impossible or doubtful at this gauge; see :mod:`erosion.gauges.quality.checks` for what is taken otherwise."""

    stage_m: Annotated[tuple[float, ...], Key("lowest and highest possible stage", "m")] = ()
    discharge_m3s: Annotated[tuple[float, ...], Key("lowest and highest possible discharge", "m3/s")] = ()
    rain_mm: Annotated[tuple[float, ...], Key("lowest and highest possible rain of a day", "mm")] = ()
    stage_m_per_hour: Annotated[
        float | None,
        Key("faster rises and falls are doubted, beside those faster than ever in the past", "m/h", above=0),
    ] = None
    flat_days: Annotated[
        float | None,
        Key("a value repeated for longer is a dead gauge's; learned from its past where not given", "day", above=0),
    ] = None
    agree_m: Annotated[float, Key("two sources of this gauge that differ by more in a day disagree", "m", above=0)] = (
        0.1
    )
    agree_share: Annotated[
        float, Key("the same for discharge and rain, as a share of the larger one", "1", above=0)
    ] = 0.2


@dataclass(frozen=True, kw_only=True)
class GaugeSource(Entry):
    """What is told of every source of a gauge's series, whatever it comes from."""

    gauge_id: Annotated[str, Key("identifier of the gauge, always text; sources of one gauge share it")]
    river: Annotated[str, Key("river the gauge stands on")]
    place: Annotated[str | None, Key("where it stands, as people say it: Tân Châu; the title where not given")] = None
    location: Annotated[LonLat, Key("longitude and latitude", "degree")]
    distance_downstream_km: Annotated[float | None, Key("distance below the reach, negative above it", "km")] = None
    datum: Annotated[str | None, Key("zero of the stage; needed where there is stage")] = None
    datum_offset_m: Annotated[
        float, Key("added to the stage to bring it to the datum of the gauge's other sources", "m")
    ] = 0.0
    alarm_levels_m: Annotated[
        tuple[float, ...], Key("stages of alarm 1, 2 and 3 (báo động) on the same datum, ascending", "m")
    ] = ()
    alarm_source: Annotated[str | None, Key("who has set the alarm levels; needed with them")] = None
    checks: Annotated[GaugeChecks, Key("what is impossible or doubtful at this gauge")] = GaugeChecks()

    @property
    def called(self) -> str:
        """What a sentence or a list calls the gauge."""
        return self.place or self.title


@dataclass(frozen=True, kw_only=True)
class FileGauge(GaugeSource):
    """What every source has that is read from files which somebody brings."""

    path: Annotated[Path, Key("file or folder, relative to the catalogue file; it may be brought later", may_lack=True)]

    @property
    def brought_to(self) -> Path | None:
        """The file or folder."""
        return self.path


@dataclass(frozen=True, kw_only=True)
class GaugeColumns:
    """Which column of a gauge file holds what."""

    time: Annotated[tuple[str, ...], Key("column of the time, or the columns of date and time of day")]
    discharge_m3s: Annotated[str | None, Key("column of the discharge, in the unit given under units")] = None
    stage_m: Annotated[str | None, Key("column of the water level, in the unit given under units")] = None
    rain_mm: Annotated[
        str | None, Key("column of the rain of the step that begins at the time, in the unit given under units")
    ] = None
    quality: Annotated[str | None, Key("column of the quality code")] = None

    @property
    def named(self) -> tuple[str, ...]:
        """Names of the columns that are read."""
        others = (self.discharge_m3s, self.stage_m, self.rain_mm, self.quality)
        return (*self.time, *(name for name in others if name is not None))


@dataclass(frozen=True, kw_only=True)
class GaugeUnits:
    """Units of a gauge file, converted once when it is read."""

    discharge_m3s: Annotated[str | None, Key("unit of the discharge column", choices=tuple(DISCHARGE_UNITS))] = None
    stage_m: Annotated[str | None, Key("unit of the stage column", choices=tuple(STAGE_UNITS))] = None
    rain_mm: Annotated[str | None, Key("unit of the rain column", choices=tuple(RAIN_UNITS))] = None


@dataclass(frozen=True, kw_only=True)
class QualityCodes:
    """The file's quality codes in three words; an empty text stands for an empty cell."""

    good: Annotated[tuple[str, ...], Key("codes of measured values")] = ()
    estimated: Annotated[tuple[str, ...], Key("codes of estimated values")] = ()
    suspect: Annotated[tuple[str, ...], Key("codes of doubtful values")] = ()


@dataclass(frozen=True, kw_only=True)
class GaugeFiles(FileGauge):
    """A gauge in delimited text or Excel: one file, or a folder into which a logger drops files."""

    files: Annotated[str, Key("pattern of the file names where path is a folder")] = "*.csv"
    settle_s: Annotated[
        float, Key("a file of a folder that changed less than this ago may still be written and waits", "s", low=0)
    ] = 60.0
    sheet: Annotated[str | None, Key("sheet of an Excel file; the first where it is not given")] = None
    columns: Annotated[GaugeColumns, Key("which column holds what")]
    units: Annotated[GaugeUnits, Key("units of the columns")]
    timezone: Annotated[str, Key("zone of times without an offset, IANA name")]
    time_format: Annotated[str | None, Key("strptime pattern of times that are not ISO 8601")] = None
    quality: Annotated[QualityCodes, Key("meaning of the quality codes")] = QualityCodes()
    encoding: Annotated[str | None, Key("encoding of a file that is not UTF-8")] = None
    delimiter: Annotated[str, Key("character between columns")] = ","
    missing: Annotated[tuple[str, ...], Key("texts that stand for a missing value, beside an empty cell")] = ()
    decimal: Annotated[str, Key("decimal mark", choices=(".", ","))] = "."

    @property
    def brought(self) -> str:
        """The file with its columns."""
        return f"the gauge's file (columns {', '.join(self.columns.named)})"


@dataclass(frozen=True, kw_only=True)
class MrcExport(FileGauge):
    """A CSV export of the Mekong River Commission's data portal, or of another AQUARIUS portal."""

    clock: Annotated[
        str,
        Key(
            "what its times are: local (as the column's head says, whatever the Z), utc, or auto: told from the file",
            choices=("auto", "local", "utc"),
        ),
    ] = "auto"

    @property
    def brought(self) -> str:
        """The series of the portal."""
        return "the series, exported from the portal as CSV,"


@dataclass(frozen=True, kw_only=True)
class Altimetry(FileGauge):
    """Water level of a river from satellite altimetry, a text file of Hydroweb or a GeoJSON of the Copernicus land service."""

    @property
    def brought(self) -> str:
        """The file of the service."""
        return "the file of the crossing"


@dataclass(frozen=True, kw_only=True)
class WebGauge(GaugeSource):
    """What is told of every source that is asked over the network."""

    key_env: Annotated[str | None, Key("environment variable that holds a key of the service")] = None
    first_day: Annotated[str, Key("first day that is asked for", "YYYY-MM-DD")] = "2016-01-01"
    pause_s: Annotated[float, Key("pause between two requests to the service", "s", low=0)] = 1.0


@dataclass(frozen=True, kw_only=True)
class MrcTelemetry(WebGauge):
    """Near-real-time telemetry of the Mekong River Commission."""

    service: Annotated[str, Key("address of the service")] = "https://api.mrcmekong.org"
    station: Annotated[str, Key("identifier of the station, text with its leading zero")]
    station_name: Annotated[str | None, Key("name the service gives the station; another one is listed")] = None


@dataclass(frozen=True, kw_only=True)
class MrcForecast(WebGauge):
    """Flood-forecast pages of the Mekong River Commission: seasonal tables and the five-day forecast."""

    service: Annotated[str, Key("address of the service")] = "https://ffw.mrcmekong.org"
    station: Annotated[str, Key("code of the station, like TCH")]


@dataclass(frozen=True, kw_only=True)
class Vndms(WebGauge):
    """Vietnam Disaster Monitoring System; to be used only with its operator's permission."""

    service: Annotated[str, Key("address of the service")] = "https://vndms.dmc.gov.vn"
    station: Annotated[str, Key("number of the station (mã trạm)")]
    station_name: Annotated[
        str | None, Key("name the service gives the station; values under another one are suspect")
    ] = None


@dataclass(frozen=True, kw_only=True)
class OpenMeteoFlood(WebGauge):
    """Discharge of the Open-Meteo flood API: past, and an ensemble forecast."""

    service: Annotated[str, Key("address of the service")] = "https://flood-api.open-meteo.com"
    model: Annotated[str, Key("model of the service")] = "seamless_v4"
    forecast_days: Annotated[int, Key("days of forecast", "day", low=0, high=210)] = 10
    ensemble: Annotated[bool, Key("every member of the forecast, not only its median")] = False


@dataclass(frozen=True, kw_only=True)
class Glofas(FileGauge):
    """Discharge of GloFAS at a point, from NetCDF files of the Copernicus store that somebody has brought."""

    files: Annotated[str, Key("pattern of the file names where path is a folder")] = "*.nc"
    settle_s: Annotated[
        float, Key("a file that changed less than this ago may still be written and waits", "s", low=0)
    ] = 60.0
    reach_cells: Annotated[
        int, Key("the largest river within so many cells of the location is taken", "cell", low=0)
    ] = 1


@dataclass(frozen=True, kw_only=True)
class Usgs(WebGauge):
    """Gauges of the U.S. Geological Survey."""

    service: Annotated[str, Key("address of the service")] = "https://api.waterdata.usgs.gov"
    api: Annotated[
        str, Key("ogc: the API of today; waterservices: the older one", choices=("ogc", "waterservices"))
    ] = "ogc"
    station: Annotated[str, Key("number of the site, like 01646500")]
    series: Annotated[str, Key("daily means or values as they come", choices=("daily", "continuous"))] = "daily"
    quantity: Annotated[str, Key("what is asked for", choices=("discharge", "stage"))] = "discharge"
    timezone: Annotated[str, Key("zone of the site's days and of times without an offset, IANA name")]
    time_series: Annotated[
        str | None, Key("series or method to take where the site has several; the longest where it is not given")
    ] = None


@dataclass(frozen=True, kw_only=True)
class Hydrocron(WebGauge):
    """Water level of the SWOT satellite at a reach or node, over NASA's Hydrocron."""

    service: Annotated[str, Key("address of the service")] = "https://soto.podaac.earthdatacloud.nasa.gov"
    feature: Annotated[str, Key("kind of place", choices=("Reach", "Node", "PriorLake"))] = "Reach"
    feature_id: Annotated[str, Key("identifier of the place in SWORD or the lake database, text")]


@dataclass(frozen=True, kw_only=True)
class NasaPower(WebGauge):
    """Daily rain at a point from NASA POWER."""

    service: Annotated[str, Key("address of the service")] = "https://power.larc.nasa.gov"


@dataclass(frozen=True, kw_only=True)
class RainGrid(FileGauge):
    """Rain at a point, or on average around it, from NetCDF or Zarr grids like those of ERA5-Land and IMERG."""

    files: Annotated[
        str, Key("pattern of the names where path is a folder of NetCDF files or Zarr stores, like *.HDF5")
    ] = "*.nc*"
    settle_s: Annotated[
        float, Key("a file that changed less than this ago may still be written and waits", "s", low=0)
    ] = 60.0
    variable: Annotated[str | None, Key("name of the variable; found by its name and unit where not given")] = None
    counting: Annotated[
        str,
        Key(
            "step: rain of each step; running: sum since midnight UTC, as in ERA5-Land; auto: told from the file",
            choices=("auto", "step", "running"),
        ),
    ] = "auto"
    radius_km: Annotated[
        float, Key("mean over the cells within this distance; the nearest one alone with 0", "km", low=0)
    ] = 0.0


GAUGE_DRIVERS: Final[dict[str, type[GaugeSource]]] = {
    "gauge_files": GaugeFiles,
    "mrc_export": MrcExport,
    "altimetry": Altimetry,
    "mrc_telemetry": MrcTelemetry,
    "mrc_forecast": MrcForecast,
    "vndms": Vndms,
    "open_meteo_flood": OpenMeteoFlood,
    "glofas": Glofas,
    "usgs": Usgs,
    "hydrocron": Hydrocron,
    "nasa_power": NasaPower,
    "rain_grid": RainGrid,
}


def check_gauge(source: GaugeSource, problems: Problems) -> None:
    """Note what is wrong with an entry, beside what its types say."""
    check_entry(source, problems)
    check_lonlat(source.location, "location", problems)
    levels = source.alarm_levels_m
    if levels and (len(levels) != 3 or not levels[0] < levels[1] < levels[2]):
        problems.add(
            "alarm_levels_m", f"{list(levels)} must be three rising stages, alarm 1 to 3, like [3.5, 4.0, 4.5]"
        )
    if bool(levels) != (source.alarm_source is not None):
        problems.add("alarm_source", "and alarm_levels_m belong together; give both or neither")
    for key in ("stage_m", "discharge_m3s", "rain_mm"):
        bounds = getattr(source.checks, key)
        if bounds and (len(bounds) != 2 or not bounds[0] < bounds[1]):
            problems.add(f"checks.{key}", f"{list(bounds)} must be the lowest and the highest possible value")
    if isinstance(source, WebGauge):
        _check_web(source, problems)
    check = _CHECKS.get(source.driver)
    if check is not None:
        check(source, problems)


def _check_files(source: GaugeFiles, problems: Problems) -> None:
    check_timezone(source.timezone, problems)
    if Path(source.files).is_absolute() or ".." in Path(source.files).parts:
        problems.add("files", f"{source.files!r} leads out of the folder; give a pattern of names in it, like '*.csv'")
    if not source.columns.time:
        problems.add("columns.time", "is empty; name the column of the time")
    elif len(source.columns.time) > 2:
        problems.add(
            "columns.time", f"{list(source.columns.time)} must be one column, or those of date and time of day"
        )
    if source.alarm_levels_m and source.columns.stage_m is None:
        problems.add("alarm_levels_m", "are stages; name the column of the stage under columns.stage_m")
    units = {"discharge_m3s": DISCHARGE_UNITS, "stage_m": STAGE_UNITS, "rain_mm": RAIN_UNITS}
    if all(getattr(source.columns, name) is None for name in units):
        problems.add("columns", "name none of discharge_m3s, stage_m and rain_mm; a gauge gives at least one of them")
    for name, known in units.items():
        column, unit = getattr(source.columns, name), getattr(source.units, name)
        if column is not None and unit is None:
            problems.add(f"units.{name}", f"is missing; say which of {', '.join(known)} column {column!r} is in")
        if column is None and unit is not None:
            problems.add(f"units.{name}", f"is given but columns.{name} is not; add the column or take the unit out")
    if source.columns.stage_m is not None and source.datum is None:
        problems.add("datum", "is missing; a stage means nothing without its zero, e.g. 'gauge zero, 0.2 m above MSL'")
    codes = [code for word in QUALITY_WORDS for code in getattr(source.quality, word)]
    twice = sorted({code for code in codes if codes.count(code) > 1})
    if twice:
        problems.add("quality", f"codes {twice} stand for two qualities; a code means one thing")
    if source.columns.quality is not None and not codes:
        problems.add("quality", f"is missing; say what the codes of column {source.columns.quality!r} mean")
    if source.columns.quality is None and codes:
        problems.add("columns.quality", "is missing; name the column that holds the quality codes")
    if source.encoding is not None:
        try:
            codecs.lookup(source.encoding)
        except LookupError:
            problems.add("encoding", f"{source.encoding!r} is no known encoding; try cp1258, cp1252 or utf-16")
    if len(source.delimiter) != 1:
        problems.add("delimiter", f'{source.delimiter!r} must be one character; a tab is written "\\t"')
    elif source.delimiter == source.decimal and not str(source.path).lower().endswith(".xlsx"):
        problems.add("decimal", f"{source.decimal!r} is also the delimiter; a comma cannot be both")
    if source.time_format is not None and "%" not in source.time_format:
        problems.add("time_format", f"{source.time_format!r} is no strptime pattern; 31/12/2020 is '%d/%m/%Y'")


def _check_web(source: WebGauge, problems: Problems) -> None:
    if not _plain_address(getattr(source, "service", "")):
        problems.add("service", "must be a plain address like https://host.org, without user, password and query")
    try:
        written = datetime.date.fromisoformat(source.first_day).isoformat()
    except ValueError:
        written = ""
    if written != source.first_day:
        problems.add("first_day", f"{source.first_day!r} is no day; write it like 2016-01-01")
    station = getattr(source, "station", None)
    if station is not None and not re.fullmatch(r"[A-Za-z0-9_.-]+", station):
        problems.add("station", f"{station!r} must be plain letters and digits, as the service writes it")
    if source.key_env is not None and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", source.key_env):
        # A key that was written here by mistake must not be repeated in a message.
        problems.add("key_env", "is no name of an environment variable; put the key there and only its name here")


def _plain_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        whole = parts.port is None or parts.port > 0
    except ValueError:
        return False
    plain = not (parts.query or parts.fragment or "@" in parts.netloc or any(mark.isspace() for mark in text))
    return whole and plain and parts.scheme in ("https", "http") and bool(parts.hostname)


def _check_usgs(source: Usgs, problems: Problems) -> None:
    check_timezone(source.timezone, problems)
    if source.quantity == "stage":
        _needs_datum(source, problems)
    home = {"ogc": "https://api.waterdata.usgs.gov", "waterservices": "https://waterservices.usgs.gov"}
    if any(source.service.startswith(home[api]) for api in home if api != source.api):
        problems.add("service", f"{source.service!r} does not speak api {source.api!r}; {home[source.api]} does")


def _check_hydrocron(source: Hydrocron, problems: Problems) -> None:
    _needs_datum(source, problems)
    digits = {"Reach": 11, "Node": 14, "PriorLake": 10}[source.feature]
    if re.fullmatch(rf"[0-9]{{{digits}}}", source.feature_id) is None:
        problems.add("feature_id", f"{source.feature_id!r} must be the {digits} digits of a {source.feature}, as text")


def _needs_datum(source: GaugeSource, problems: Problems) -> None:
    if source.datum is None:
        problems.add("datum", "is missing; a stage means nothing without its zero")


def _check_grid(source: Glofas | RainGrid, problems: Problems) -> None:
    pattern = Path(source.files)
    if not source.files or pattern.is_absolute() or ".." in pattern.parts:
        problems.add("files", f"{source.files!r} must be a pattern inside 'path', like *.nc")
    if source.alarm_levels_m:
        problems.add("alarm_levels_m", "are stages, and this source has none; give them to the source of the stage")


_CHECKS: Final[dict[str, Callable[[Any, Problems], None]]] = {
    "glofas": _check_grid,
    "rain_grid": _check_grid,
    "gauge_files": _check_files,
    "altimetry": _needs_datum,
    "mrc_telemetry": _needs_datum,
    "mrc_forecast": _needs_datum,
    "vndms": _needs_datum,
    "usgs": _check_usgs,
    "hydrocron": _check_hydrocron,
}


def zero_of(sources: Iterable[GaugeSource]) -> str | None:
    """Zero on which the stage of a gauge is given: that of its first entry that names one and no offset to another.

    Parameters
    ----------
    sources
        Every entry of one gauge, the most trusted first.
    """
    named = [source for source in sources if source.datum is not None]
    return next((source.datum for source in named if source.datum_offset_m == 0), named[0].datum if named else None)


def on_zero(source: GaugeSource, zero: str | None) -> bool:
    """Say whether a source's stage, with its offset, is on a gauge's zero."""
    return source.datum_offset_m != 0 or (source.datum or "").split() == (zero or "").split()


def reading_rules(source: GaugeSource) -> dict[str, Any]:
    """Everything of an entry that changes the values read from it; another one means another series."""
    told = {"title", "river", "place", "distance_downstream_km", "alarm_levels_m", "alarm_source", "checks"}
    told |= {"licence", "attribution", "citation", "url", "described_in", "path", "key_env", "pause_s", "settle_s"}
    told |= {"service", "first_day", "forecast_days", "cadence_days", "optional"}
    return {key: value for key, value in dataclasses.asdict(source).items() if key not in told}
