"""``data_sources/*.yaml`` -> typed entries. Every key is known, typed and carries its unit; anything else is an error.

A catalogue file is a fact sheet, so a mistake in it must be met when it is read and not when a number looks odd. The
reader therefore goes through the whole file and reports everything it found at once, each problem with the file, the
dotted key and the mend.
"""

from __future__ import annotations

import codecs
import dataclasses
import datetime
import difflib
import math
import re
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import yaml

CATALOGUE: Final = Path(__file__).resolve().parents[1] / "data_sources"
"""The catalogue that comes with the project."""

DISCHARGE_UNITS: Final[dict[str, float]] = {"m3/s": 1.0, "l/s": 1e-3, "ft3/s": 0.3048**3}
"""Unit -> factor to m3/s."""

STAGE_UNITS: Final[dict[str, float]] = {"m": 1.0, "cm": 1e-2, "mm": 1e-3, "ft": 0.3048}
"""Unit -> factor to m."""

QUALITY_WORDS: Final = ("good", "estimated", "suspect")

T = TypeVar("T")


class CatalogError(ValueError):
    """A catalogue file is wrong. ``problems`` lists every mistake found, each with file, key and mend."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class SourceError(RuntimeError):
    """A source gave nothing usable; the message lists what was tried and why it failed."""


class Skipped(NamedTuple):
    """An observation that was left out, and why."""

    scene: str
    reason: str


@dataclass(frozen=True)
class Key:
    """What a key of a catalogue file means, beside its type: unit and allowed range."""

    meaning: str
    unit: str = ""
    above: float | None = None
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()


LonLat = tuple[float, float]


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
    path: Annotated[Path, Key("the file, relative to the catalogue file")]
    gauge_id: Annotated[str, Key("identifier of the gauge, always text")]
    river: Annotated[str, Key("river the gauge stands on")]
    location: Annotated[LonLat, Key("longitude and latitude", "degree")]
    distance_downstream_km: Annotated[float | None, Key("distance below the reach, negative above it", "km")] = None
    columns: Annotated[GaugeColumns, Key("which column holds what")]
    units: Annotated[GaugeUnits, Key("units of the columns")]
    timezone: Annotated[str, Key("zone of times without an offset, IANA name")]
    time_format: Annotated[str | None, Key("strptime pattern of times that are not ISO 8601")] = None
    datum: Annotated[str | None, Key("zero of the stage; needed where there is a stage column")] = None
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


Source = RasterFolder | GaugeCsv
DRIVERS: Final[dict[str, type[RasterFolder | GaugeCsv]]] = {"raster_folder": RasterFolder, "gauge_csv": GaugeCsv}


class Problems:
    """Mistakes found in one catalogue file, gathered so that a reader mends them in one go."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.found: list[str] = []

    def add(self, key: str, what: str) -> None:
        """Note a mistake at a dotted key; ``what`` says what is wrong and how to mend it."""
        self.found.append(f"{self.file}: {key}: {what}" if key else f"{self.file}: {what}")

    def stop_if_any(self) -> None:
        """Raise :class:`CatalogError` with everything found so far."""
        if self.found:
            raise CatalogError(self.found)


class _StrictLoader(yaml.SafeLoader):
    """Safe loader that refuses a key written twice, where YAML itself would quietly keep the last."""


def _mapping(loader: _StrictLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        if key_node.tag == "tag:yaml.org,2002:merge":  # `<<: *defaults` brings keys in, it is none itself
            continue
        name = loader.construct_object(key_node)
        if isinstance(name, (list, dict)) or name in seen:
            raise yaml.MarkedYAMLError(problem=f"key {name!r} is written twice", problem_mark=key_node.start_mark)
        seen.add(name)
    return dict(loader.construct_mapping(node, deep=True))


_StrictLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def read_yaml(file: Path) -> dict[Any, Any]:
    """Read one catalogue file.

    Raises
    ------
    CatalogError
        Where the file is missing, is no YAML, writes a key twice or holds no keys.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise CatalogError([f"{file}: no such file"]) from None
    except (OSError, UnicodeDecodeError) as err:
        raise CatalogError([f"{file}: cannot be read ({err}); save it as UTF-8 text"]) from err
    try:
        raw = yaml.load(text, Loader=_StrictLoader)
    except yaml.YAMLError as err:
        mark = getattr(err, "problem_mark", None)
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "somewhere"
        raise CatalogError([f"{file}: {where}: {getattr(err, 'problem', err)}; this is not valid YAML"]) from err
    if not isinstance(raw, dict):
        raise CatalogError([f"{file}: holds no keys; write one 'key: value' a line, see docs/region-files.md"])
    return raw


def parse(cls: type[T], raw: Mapping[Any, Any], problems: Problems, prefix: str = "") -> T | None:
    """Turn a mapping into a dataclass by its type hints; mistakes go to ``problems`` and give None.

    Parameters
    ----------
    cls
        Dataclass whose fields are the allowed keys; :class:`Key` annotations carry unit and range.
    raw
        Mapping as read from YAML.
    problems
        Receives every mistake.
    prefix
        Dotted key of ``raw`` inside the file.
    """
    hints = typing.get_type_hints(cls, include_extras=True)
    fields = {f.name: f for f in dataclasses.fields(typing.cast(Any, cls)) if _key_of(hints[f.name]) is not None}
    before = len(problems.found)
    for name in raw:
        if name not in fields:
            near = difflib.get_close_matches(str(name), fields, n=1, cutoff=0.5)
            mend = f"did you mean {prefix}{near[0]}?" if near else f"known keys here: {', '.join(fields)}"
            problems.add(f"{prefix}{name}", f"unknown key; {mend}")
    values: dict[str, Any] = {}
    for name, field in fields.items():
        dotted = f"{prefix}{name}"
        if name in raw:
            values[name] = convert(hints[name], raw[name], dotted, problems)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            meant = _key_of(hints[name])
            problems.add(dotted, f"is missing; add it ({meant.meaning if meant else ''})")
    return cls(**values) if len(problems.found) == before else None


def _key_of(hint: Any) -> Key | None:
    return next((m for m in getattr(hint, "__metadata__", ()) if isinstance(m, Key)), None)


def convert(hint: Any, value: Any, dotted: str, problems: Problems, key: Key | None = None) -> Any:
    """Convert one YAML value to the type ``hint`` asks for; a mistake goes to ``problems`` and gives None."""
    key = _key_of(hint) or key or Key("")
    if typing.get_origin(hint) is Annotated:
        hint = typing.get_args(hint)[0]
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        if value is None:
            return None
        hint = next(a for a in typing.get_args(hint) if a is not type(None))
    if value is None:
        problems.add(dotted, "has no value; give one or take the key out")
        return None
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if dataclasses.is_dataclass(hint):
        if not isinstance(value, dict):
            names = ", ".join(f.name for f in dataclasses.fields(hint))
            problems.add(dotted, f"must hold keys ({names}), not {_show(value)}")
            return None
        return parse(typing.cast(type, hint), value, problems, f"{dotted}.")
    if origin is tuple:
        return _convert_tuple(args, value, key, dotted, problems)
    if origin is dict:
        if not isinstance(value, dict):
            problems.add(dotted, f"must hold keys, not {_show(value)}")
            return None
        keys = [convert(args[0], name, f"{dotted}, key {name}", problems) for name in value]
        items = [convert(args[1], item, f"{dotted}.{name}", problems, key) for name, item in value.items()]
        return dict(zip(keys, items, strict=True))
    return _convert_scalar(hint, value, key, dotted, problems)


def _convert_tuple(args: tuple[Any, ...], value: Any, key: Key, dotted: str, problems: Problems) -> Any:
    open_ended = args[-1] is Ellipsis
    if not isinstance(value, list):
        if open_ended and isinstance(value, (int, str)) and not dataclasses.is_dataclass(args[0]):
            value = [value]  # `water: 1` reads better than `water: [1]`
        else:
            problems.add(dotted, f"must be a list like [a, b], not {_show(value)}")
            return None
    if not open_ended and len(value) != len(args):
        problems.add(dotted, f"needs {len(args)} values, has {len(value)}")
        return None
    kinds = [args[0]] * len(value) if open_ended else args
    return tuple(
        convert(kind, item, f"{dotted}[{i}]", problems, key)
        for i, (kind, item) in enumerate(zip(kinds, value, strict=True))
    )


def _convert_scalar(hint: Any, value: Any, key: Key, dotted: str, problems: Problems) -> Any:
    unit = f" [{key.unit}]" if key.unit else ""
    if hint is bool:
        if isinstance(value, bool):
            return value
        problems.add(dotted, f"must be true or false, not {_show(value)}")
    elif hint in (int, float):
        if isinstance(value, bool) or not isinstance(value, (int, float)) or (hint is int and value != int(value)):
            kind = "a whole number" if hint is int else "a number"
            problems.add(dotted, f"must be {kind}{unit}, not {_show(value)}; write it without unit and quotes")
        elif not math.isfinite(value):
            problems.add(dotted, f"must be a finite number{unit}")
        elif key.above is not None and not value > key.above:
            problems.add(dotted, f"must be above {key.above:g}{unit}, is {value:g}")
        elif (key.low is not None and value < key.low) or (key.high is not None and value > key.high):
            top = "" if key.high is None else f" to {key.high:g}"
            problems.add(dotted, f"must be {key.low:g}{top or ' or more'}{unit}, is {value:g}")
        else:
            return hint(value)
    elif not isinstance(value, str):
        problems.add(dotted, f'must be text, not {_show(value)}; put it in quotes: "{value}"')
    elif key.choices and value not in key.choices:
        near = difflib.get_close_matches(value, key.choices, n=1)
        hint_text = f"; did you mean {near[0]}?" if near else ""
        problems.add(dotted, f"{value!r} is not one of {', '.join(key.choices)}{hint_text}")
    elif hint is Path:
        path = (problems.file.parent / value).resolve()
        if path.exists():
            return path
        problems.add(dotted, f"{value} does not exist (looked for {path}); paths are relative to this file")
    else:
        return value
    return None


def _show(value: Any) -> str:
    return f"{value!r} ({type(value).__name__})"


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
    RasterFolder or GaugeCsv

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


def check_name(name: str, key: str, problems: Problems) -> None:
    """Names become parts of file names and identifiers: letters, digits, ``_`` and ``.`` only."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.]*", name):
        problems.add(
            key, f"{name!r} may hold only letters a-z, digits, _ and . (it becomes part of file names and ids)"
        )


def check_lonlat(point: LonLat, key: str, problems: Problems) -> None:
    """Longitude first, then latitude, in degrees."""
    lon, lat = point
    if not (-180 <= lon <= 180 and -90 <= lat <= 90):
        swap = f"; did you mean [{lat:g}, {lon:g}]?" if abs(lon) <= 90 and abs(lat) <= 180 else ""
        problems.add(key, f"[{lon:g}, {lat:g}] is no [longitude, latitude] in degrees{swap}")


def check_timezone(name: str, problems: Problems) -> None:
    """An IANA zone such as Asia/Ho_Chi_Minh."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        close = difflib.get_close_matches(name, available_timezones(), n=1)
        problems.add("timezone", f"{name!r} is no IANA time zone; " + (f"did you mean {close[0]}?" if close else ""))


def _check_entry(source: Source, problems: Problems) -> None:
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
    pattern = Path(source.files)
    if pattern.is_absolute() or ".." in pattern.parts:
        problems.add("files", f"{source.files!r} must be a pattern inside 'path', like *.tif")
    elif not source.path.is_dir():
        problems.add("path", f"{source.path} is no folder; give the folder, and the pattern under 'files'")
    elif not any(p.is_file() for p in source.path.glob(source.files)):
        problems.add("files", f"no file in {source.path} matches {source.files!r}")


def _validate_gauge(source: GaugeCsv, problems: Problems) -> None:
    _check_entry(source, problems)
    check_lonlat(source.location, "location", problems)
    check_timezone(source.timezone, problems)
    if not source.path.is_file():
        problems.add("path", f"{source.path} is no file")
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


_VALIDATORS: Final[dict[str, Callable[[Any, Problems], None]]] = {
    "raster_folder": _validate_raster,
    "gauge_csv": _validate_gauge,
}
