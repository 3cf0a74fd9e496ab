"""``data_sources/*.yaml`` -> typed entries, one kind a driver."""

from __future__ import annotations

import codecs
import dataclasses
import datetime
import difflib
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

from erosion.strict_yaml import (
    CatalogError,
    Key,
    LonLat,
    Problems,
    check_lonlat,
    check_name,
    check_timezone,
    parse,
    read_yaml,
)

CATALOGUE: Final = Path(__file__).resolve().parents[1] / "data_sources"
"""The catalogue that comes with the project."""

DISCHARGE_UNITS: Final[dict[str, float]] = {"m3/s": 1.0, "l/s": 1e-3, "ft3/s": 0.3048**3}
"""Unit -> factor to m3/s."""

STAGE_UNITS: Final[dict[str, float]] = {"m": 1.0, "cm": 1e-2, "mm": 1e-3, "ft": 0.3048}
"""Unit -> factor to m."""

QUALITY_WORDS: Final = ("good", "estimated", "suspect")


class SourceError(RuntimeError):
    """A source gave nothing usable; the message lists what was tried and why it failed."""


class Skipped(NamedTuple):
    """An observation that was left out, and why; ``usual`` where a rule says so and nothing needs mending (clouds)."""

    scene: str
    reason: str
    usual: bool = False


@dataclass(frozen=True, kw_only=True)
class MaskValues:
    """Pixel values of a mask; several values may stand for one class."""

    water: Annotated[tuple[int, ...], Key("pixel value or values that mean river channel")]
    land: Annotated[tuple[int, ...], Key("pixel value or values that mean not channel")]


@dataclass(frozen=True, kw_only=True)
class MaskUnits:
    """Units of a water mask."""

    water_fraction: Annotated[str, Key("unit of the water fraction", choices=("1",))] = "1"


@dataclass(frozen=True, kw_only=True)
class RasterFolder:
    """A folder of dated GeoTIFF water masks."""

    name: Annotated[str, Key("name of the source, the same as the file's")]
    driver: Annotated[str, Key("which reader", choices=("raster_folder",))]
    title: Annotated[str, Key("what a reader of a product sees")]
    path: Annotated[Path, Key("folder of the files, relative to the catalogue file")]
    files: Annotated[str, Key("pattern of the file names")] = "*.tif"
    values: Annotated[MaskValues, Key("meaning of the pixel values")]
    nodata: Annotated[int | None, Key("pixel value of missing data, beside the file's own nodata tag")] = None
    date_from: Annotated[tuple[str, ...], Key("where the date is looked for, in order", choices=("tag", "name"))] = (
        "tag",
        "name",
    )
    date_tag: Annotated[str, Key("GeoTIFF tag that holds the date")] = "acquisition_date"
    year_day: Annotated[str, Key("day given to a file whose name has only a year", "MM-DD")] = "07-01"
    units: Annotated[MaskUnits, Key("units of the values")] = MaskUnits()
    cadence_days: Annotated[float, Key("usual time between observations", "day", above=0)]
    latency_days: Annotated[float, Key("from observation to when it can be had", "day", low=0)]
    geo_rmse_m: Annotated[float, Key("geolocation and bank-line error, root mean square", "m", above=0)]
    licence: Annotated[str, Key("licence of the data")]
    attribution: Annotated[str, Key("who is named where the data are shown")]
    citation: Annotated[str, Key("what is cited in a report")]
    url: Annotated[str | None, Key("where the data come from")] = None
    described_in: Path = Path()


@dataclass(frozen=True, kw_only=True)
class GaugeColumns:
    """Which column of a gauge file holds what."""

    time: Annotated[str, Key("column of the time")]
    discharge_m3s: Annotated[str | None, Key("column of the discharge, in the unit given under units")] = None
    stage_m: Annotated[str | None, Key("column of the water level, in the unit given under units")] = None
    quality: Annotated[str | None, Key("column of the quality code")] = None


@dataclass(frozen=True, kw_only=True)
class GaugeUnits:
    """Units of a gauge file, converted once when it is read."""

    discharge_m3s: Annotated[str | None, Key("unit of the discharge column", choices=tuple(DISCHARGE_UNITS))] = None
    stage_m: Annotated[str | None, Key("unit of the stage column", choices=tuple(STAGE_UNITS))] = None


@dataclass(frozen=True, kw_only=True)
class QualityCodes:
    """The file's quality codes in three words; an empty text stands for an empty cell."""

    good: Annotated[tuple[str, ...], Key("codes of measured values")] = ()
    estimated: Annotated[tuple[str, ...], Key("codes of estimated values")] = ()
    suspect: Annotated[tuple[str, ...], Key("codes of doubtful values")] = ()


@dataclass(frozen=True, kw_only=True)
class GaugeCsv:
    """A river gauge in a delimited text file."""

    name: Annotated[str, Key("name of the source, the same as the file's")]
    driver: Annotated[str, Key("which reader", choices=("gauge_csv",))]
    title: Annotated[str, Key("what a reader of a product sees")]
    path: Annotated[Path, Key("the file, relative to the catalogue file; it may be brought later", may_lack=True)]
    gauge_id: Annotated[str, Key("identifier of the gauge, always text")]
    river: Annotated[str, Key("river the gauge stands on")]
    location: Annotated[LonLat, Key("longitude and latitude", "degree")]
    distance_downstream_km: Annotated[float | None, Key("distance below the reach, negative above it", "km")] = None
    columns: Annotated[GaugeColumns, Key("which column holds what")]
    units: Annotated[GaugeUnits, Key("units of the columns")]
    timezone: Annotated[str, Key("zone of times without an offset, IANA name")]
    time_format: Annotated[str | None, Key("strptime pattern of times that are not ISO 8601")] = None
    datum: Annotated[str | None, Key("zero of the stage; needed where there is a stage column")] = None
    alarm_levels_m: Annotated[
        tuple[float, ...], Key("stages of alarm 1, 2 and 3 (báo động) on the same datum, ascending", "m")
    ] = ()
    alarm_source: Annotated[str | None, Key("who has set the alarm levels; needed with them")] = None
    quality: Annotated[QualityCodes, Key("meaning of the quality codes")] = QualityCodes()
    encoding: Annotated[str | None, Key("encoding of a file that is not UTF-8")] = None
    delimiter: Annotated[str, Key("character between columns")] = ","
    missing: Annotated[tuple[str, ...], Key("texts that stand for a missing value, beside an empty cell")] = ()
    decimal: Annotated[str, Key("decimal mark", choices=(".", ","))] = "."
    cadence_days: Annotated[float, Key("usual time between values", "day", above=0)]
    latency_days: Annotated[float, Key("from the time of a value to when it can be had", "day", low=0)]
    licence: Annotated[str, Key("licence of the data")]
    attribution: Annotated[str, Key("who is named where the data are shown")]
    citation: Annotated[str, Key("what is cited in a report")]
    url: Annotated[str | None, Key("where the data come from")] = None
    described_in: Path = Path()


@dataclass(frozen=True, kw_only=True)
class PixelQuality:
    """Which pixels of a scene can be used, told by a band that comes with it."""

    kind: Annotated[
        str, Key("classes: the band holds class numbers; bits: a flag in each bit", choices=("classes", "bits"))
    ]
    usable: Annotated[tuple[int, ...], Key("classes of usable pixels")] = ()
    refuse: Annotated[tuple[int, ...], Key("bits, counted from 0, any of which makes a pixel unusable")] = ()


@dataclass(frozen=True, kw_only=True)
class SceneUnits:
    """Units of a scene's bands after ``scale`` and ``offset``."""

    reflectance: Annotated[str | None, Key("surface reflectance", choices=("1",))] = None
    backscatter: Annotated[str | None, Key("terrain-corrected gamma0 as linear power", choices=("1",))] = None


OPTICAL_BANDS: Final = ("blue", "green", "red", "nir", "swir16", "swir22")
RADAR_BANDS: Final = ("vv", "vh")

INCIDENCE: Final = "incidence"
"""Band of a radar scene that holds the angle between the beam and the vertical, in degrees, not scaled."""

QUALITY_BANDS: Final = ("quality", "saturation")
"""Bands that say which pixels can be used; each goes with the key of its name."""


@dataclass(frozen=True, kw_only=True)
class SceneSource:
    """What is told of every source of satellite scenes, wherever they lie."""

    name: Annotated[str, Key("name of the source, the same as the file's")]
    driver: Annotated[str, Key("which reader", choices=("stac", "scene_folder"))]
    title: Annotated[str, Key("what a reader of a product sees")]
    sensor: Annotated[str, Key("kind of instrument", choices=("optical", "radar"))]
    units: Annotated[SceneUnits, Key("units of the bands")]
    scale: Annotated[float, Key("value = number in the file x scale + offset")] = 1.0
    offset: Annotated[float, Key("see scale")] = 0.0
    boa_offset: Annotated[
        str,
        Key(
            "sentinel2: 1000 is subtracted first from processing baseline 04.00 on, unless the item says it has been",
            choices=("none", "sentinel2"),
        ),
    ] = "none"
    nodata: Annotated[float | None, Key("number in the file that stands for missing, beside its own nodata tag")] = None
    saturated_from: Annotated[float | None, Key("numbers in the file from here on are saturated")] = None
    quality: Annotated[PixelQuality | None, Key("which pixels can be used")] = None
    saturation: Annotated[PixelQuality | None, Key("the same, told by a band that marks saturated pixels")] = None
    pixel_m: Annotated[float, Key("pixel size of the sharpest band", "m", above=0)]
    cadence_days: Annotated[float, Key("usual time between observations", "day", above=0)]
    latency_days: Annotated[float, Key("from observation to when it can be had", "day", low=0)]
    geo_rmse_m: Annotated[float, Key("geolocation error, root mean square", "m", above=0)]
    licence: Annotated[str, Key("licence of the data")]
    attribution: Annotated[str, Key("who is named where the data are shown")]
    citation: Annotated[str, Key("what is cited in a report")]
    url: Annotated[str | None, Key("where the data come from")] = None
    described_in: Path = Path()


@dataclass(frozen=True, kw_only=True)
class StacCollection(SceneSource):
    """A collection of scenes in a STAC catalogue, an API or static files."""

    catalog: Annotated[str, Key("address of the API, or of catalog.json, or its path relative to this file")]
    collection: Annotated[str, Key("id of the collection")]
    bands: Annotated[dict[str, tuple[str, ...]], Key("our name of a band -> names of its asset, tried in order")]
    signing: Annotated[str, Key("how addresses of files are signed", choices=("none", "planetary_computer"))] = "none"
    token_env: Annotated[str | None, Key("environment variable that holds a bearer token")] = None
    max_cloud_percent: Annotated[float, Key("cloudier scenes are not fetched", "%", low=0, high=100)] = 100.0
    available_from: Annotated[
        str,
        Key(
            "when a scene could first be had: latency after it was taken, or a property of the item",
            choices=("latency", "created", "updated", "published"),
        ),
    ] = "latency"


@dataclass(frozen=True, kw_only=True)
class SceneFolder(SceneSource):
    """A folder of scenes brought by hand: GeoTIFFs with all bands, or one file a band."""

    path: Annotated[Path, Key("folder of the files, relative to the catalogue file")]
    files: Annotated[str, Key("pattern of the file names")] = "*.tif"
    bands: Annotated[
        dict[str, str], Key("our name of a band -> number of the band in the file, or the part of the name it has")
    ]
    date_from: Annotated[tuple[str, ...], Key("where the date is looked for, in order", choices=("tag", "name"))] = (
        "tag",
        "name",
    )
    date_tag: Annotated[str, Key("GeoTIFF tag that holds the date")] = "acquisition_date"


Source = RasterFolder | GaugeCsv | StacCollection | SceneFolder
DRIVERS: Final[dict[str, type[Source]]] = {
    "raster_folder": RasterFolder,
    "gauge_csv": GaugeCsv,
    "stac": StacCollection,
    "scene_folder": SceneFolder,
}


def load_source(name: str, near: Path | None = None) -> Source:
    """Load one source of the catalogue.

    Parameters
    ----------
    name
        Name of the source: ``<name>.yaml``.
    near
        Region file that asks for it; its folder and the folder above are looked in before the project's catalogue.

    Returns
    -------
    RasterFolder, GaugeCsv, StacCollection or SceneFolder

    Raises
    ------
    CatalogError
        Where there is no such source, or its file has mistakes (all of them are listed).
    """
    folders = ([near.parent, near.parent.parent] if near is not None else []) + [CATALOGUE]
    file = next((f for folder in folders if (f := folder / f"{name}.yaml").is_file()), None)
    if file is None:
        known = sorted(p.stem for p in CATALOGUE.glob("*.yaml"))
        close = difflib.get_close_matches(name, known, n=1)
        mend = f"did you mean {close[0]}?" if close else f"known sources: {', '.join(known)}"
        looked = ", ".join(str(f) for f in dict.fromkeys(folders))
        raise CatalogError([f"{near or CATALOGUE}: source {name!r} has no file {name}.yaml in {looked}; {mend}"])
    return read_source(file)


def read_source(file: Path) -> Source:
    """Read one source file; see :func:`load_source`."""
    raw = read_yaml(file)
    problems = Problems(file)
    driver = raw.get("driver")
    if driver not in DRIVERS:
        close = difflib.get_close_matches(str(driver), DRIVERS, n=1)
        mend = f"did you mean {close[0]}?" if close else f"known drivers: {', '.join(DRIVERS)}"
        problems.add("driver", f"{driver!r} is no driver; {mend}" if "driver" in raw else f"is missing; {mend}")
        problems.stop_if_any()
    source = parse(DRIVERS[typing.cast(str, driver)], raw, problems)
    if source is not None:
        _VALIDATORS[source.driver](source, problems)
    problems.stop_if_any()
    assert source is not None
    return dataclasses.replace(source, described_in=file)


def _check_entry(source: RasterFolder | GaugeCsv | SceneSource, problems: Problems) -> None:
    check_name(source.name, "name", problems)
    if source.name != problems.file.stem:
        problems.add("name", f"is {source.name!r} in a file named {problems.file.name}; make them the same")


def _validate_raster(source: RasterFolder, problems: Problems) -> None:
    _check_entry(source, problems)
    both = set(source.values.water) & set(source.values.land)
    if both:
        problems.add("values", f"{sorted(both)} stand for water and for land; a value means one thing")
    if source.nodata is not None and source.nodata in {*source.values.water, *source.values.land}:
        problems.add("nodata", f"{source.nodata} also stands for water or land under values; a value means one thing")
    if not source.date_from:
        problems.add("date_from", "is empty; say where the date stands: [tag, name], [tag] or [name]")
    try:
        datetime.date.fromisoformat(f"2001-{source.year_day}")
    except ValueError:
        problems.add("year_day", f'{source.year_day!r} is no day of every year; write "MM-DD" like "07-01"')
    _check_folder(source.path, source.files, problems)


def _check_folder(path: Path, files: str, problems: Problems) -> None:
    pattern = Path(files)
    if pattern.is_absolute() or ".." in pattern.parts:
        problems.add("files", f"{files!r} must be a pattern inside 'path', like *.tif")
    elif not path.is_dir():
        problems.add("path", f"{path} is no folder; give the folder, and the pattern under 'files'")
    elif not any(p.is_file() for p in path.glob(files)):
        problems.add("files", f"no file in {path} matches {files!r}")


def _validate_gauge(source: GaugeCsv, problems: Problems) -> None:
    _check_entry(source, problems)
    check_lonlat(source.location, "location", problems)
    check_timezone(source.timezone, problems)
    if source.path.exists() and not source.path.is_file():
        problems.add("path", f"{source.path} is no file")
    levels = source.alarm_levels_m
    if levels and (len(levels) != 3 or not levels[0] < levels[1] < levels[2]):
        problems.add(
            "alarm_levels_m", f"{list(levels)} must be three rising stages, alarm 1 to 3, like [3.5, 4.0, 4.5]"
        )
    if bool(levels) != (source.alarm_source is not None):
        problems.add("alarm_source", "and alarm_levels_m belong together; give both or neither")
    if levels and source.columns.stage_m is None:
        problems.add("alarm_levels_m", "are stages; name the column of the stage under columns.stage_m")
    if source.columns.discharge_m3s is None and source.columns.stage_m is None:
        problems.add("columns", "name neither discharge_m3s nor stage_m; a gauge gives at least one of them")
    for name, known in (("discharge_m3s", DISCHARGE_UNITS), ("stage_m", STAGE_UNITS)):
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
    elif source.delimiter == source.decimal:
        problems.add("decimal", f"{source.decimal!r} is also the delimiter; a comma cannot be both")
    if source.time_format is not None and "%" not in source.time_format:
        problems.add("time_format", f"{source.time_format!r} is no strptime pattern; 31/12/2020 is '%d/%m/%Y'")


def _validate_scenes(source: SceneSource, problems: Problems, bands: Mapping[str, object]) -> None:
    _check_entry(source, problems)
    known = (*OPTICAL_BANDS, *QUALITY_BANDS) if source.sensor == "optical" else (*RADAR_BANDS, INCIDENCE, "quality")
    for alias in bands:
        if alias not in known:
            problems.add(f"bands.{alias}", f"is no band of {source.sensor} scenes; those are {', '.join(known)}")
    if source.sensor == "optical":
        if "green" not in bands or not {"nir", "swir16"} & set(bands):
            problems.add("bands", "need green and at least one of nir and swir16; water is told by their contrast")
        if source.units.reflectance is None:
            problems.add("units.reflectance", 'is missing; write "1" and the scale and offset that lead to it')
    else:
        if "vv" not in bands and "vh" not in bands:
            problems.add("bands", "need vv or vh")
        if source.units.backscatter is None:
            problems.add("units.backscatter", 'is missing; write "1": gamma0 as linear power, not decibels')
    for key in QUALITY_BANDS:
        rule: PixelQuality | None = getattr(source, key)
        if (key in bands) != (rule is not None):
            problems.add(key, f"and bands.{key} belong together; give both or neither")
        if rule is not None:
            wanted, other = ("usable", "refuse") if rule.kind == "classes" else ("refuse", "usable")
            if not getattr(rule, wanted):
                problems.add(f"{key}.{wanted}", f"is missing; kind {rule.kind} needs it")
            if getattr(rule, other):
                problems.add(f"{key}.{other}", f"does not go with kind {rule.kind}; take it out")
    if source.scale == 0:
        problems.add("scale", "is 0; every value would be the same")


def _validate_stac(source: StacCollection, problems: Problems) -> None:
    _validate_scenes(source, problems, source.bands)
    if "://" not in source.catalog and not (problems.file.parent / source.catalog).is_file():
        problems.add("catalog", f"{source.catalog} is neither an address nor a file beside this one")
    elif "://" in source.catalog and not source.catalog.startswith(("https://", "http://")):
        problems.add("catalog", f"{source.catalog} must start with https:// or http://")


def _validate_scene_folder(source: SceneFolder, problems: Problems) -> None:
    _validate_scenes(source, problems, source.bands)
    _check_folder(source.path, source.files, problems)


_VALIDATORS: Final[dict[str, Callable[[Any, Problems], None]]] = {
    "raster_folder": _validate_raster,
    "gauge_csv": _validate_gauge,
    "stac": _validate_stac,
    "scene_folder": _validate_scene_folder,
}
