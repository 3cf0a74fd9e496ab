"""``data_sources/*.yaml`` -> typed entries, one kind a driver."""

from __future__ import annotations

import dataclasses
import datetime
import difflib
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

from erosion.config.entry import Entry, check_entry
from erosion.config.gauges import GAUGE_DRIVERS, check_gauge
from erosion.config.strict_yaml import CatalogError, Key, Problems, parse, read_yaml
from erosion.core.folder import DEFAULT_PATTERN, files_in
from erosion.core.shipped import shipped

CATALOGUE: Final = shipped("data_sources")
"""The catalogue that comes with the project."""


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
class RasterFolder(Entry):
    """A folder of dated GeoTIFF water masks."""

    path: Annotated[Path, Key("folder of the files, relative to the catalogue file", may_lack_if="optional")]
    files: Annotated[str, Key("pattern of the file names, in any letter case; .tif also means .tiff")] = DEFAULT_PATTERN
    values: Annotated[MaskValues, Key("meaning of the pixel values")]
    nodata: Annotated[int | None, Key("pixel value of missing data, beside the file's own nodata tag")] = None
    date_from: Annotated[tuple[str, ...], Key("where the date is looked for, in order", choices=("tag", "name"))] = (
        "tag",
        "name",
    )
    date_tag: Annotated[str, Key("GeoTIFF tag that holds the date")] = "acquisition_date"
    year_day: Annotated[str, Key("day given to a file whose name has only a year", "MM-DD")] = "07-01"
    units: Annotated[MaskUnits, Key("units of the values")] = MaskUnits()
    geo_rmse_m: Annotated[float, Key("geolocation and bank-line error, root mean square", "m", above=0)]

    @property
    def brought_to(self) -> Path | None:
        """The folder of the files."""
        return self.path

    @property
    def brought(self) -> str:
        """What lies in the folder."""
        return "a folder of dated water masks"


@dataclass(frozen=True, kw_only=True)
class PixelQuality:
    """Which pixels of a scene can be used, told by a band that comes with it."""

    kind: Annotated[
        str, Key("classes: the band holds class numbers; bits: a flag in each bit", choices=("classes", "bits"))
    ]
    usable: Annotated[tuple[int, ...], Key("classes of usable pixels")] = ()
    refuse: Annotated[
        tuple[int, ...], Key("bits, counted from 0, any of which makes a pixel unusable", low=0, high=63)
    ] = ()


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
class SceneSource(Entry):
    """What is told of every source of satellite scenes, wherever they lie."""

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
    geo_rmse_m: Annotated[float, Key("geolocation error, root mean square", "m", above=0)]


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

    @property
    def brought_to(self) -> Path | None:
        """The file of a catalogue on disk, None for one that has an address."""
        return None if "://" in self.catalog else (self.described_in.parent / self.catalog).resolve()

    @property
    def brought(self) -> str:
        """What lies on disk."""
        return "the catalogue"


@dataclass(frozen=True, kw_only=True)
class SceneFolder(SceneSource):
    """A folder of scenes brought by hand: GeoTIFFs with all bands, or one file a band."""

    path: Annotated[Path, Key("folder of the files, relative to the catalogue file", may_lack_if="optional")]
    files: Annotated[str, Key("pattern of the file names, in any letter case; .tif also means .tiff")] = DEFAULT_PATTERN
    bands: Annotated[
        dict[str, str], Key("our name of a band -> number of the band in the file, or the part of the name it has")
    ]
    date_from: Annotated[tuple[str, ...], Key("where the date is looked for, in order", choices=("tag", "name"))] = (
        "tag",
        "name",
    )
    date_tag: Annotated[str, Key("GeoTIFF tag that holds the date")] = "acquisition_date"

    @property
    def brought_to(self) -> Path | None:
        """The folder of the files."""
        return self.path

    @property
    def brought(self) -> str:
        """What lies in the folder."""
        return "a folder of scenes"


DRIVERS: Final[dict[str, type[Entry]]] = {
    "raster_folder": RasterFolder,
    "stac": StacCollection,
    "scene_folder": SceneFolder,
    **GAUGE_DRIVERS,
}


def catalogue_folders() -> list[Path]:
    """Return the folders whose sources and regions are found by name: those of EROSION_DATA_SOURCES, then the shipped one."""
    own = os.environ.get("EROSION_DATA_SOURCES", "").split(os.pathsep)
    return [*(Path(folder).resolve() for folder in own if folder.strip()), CATALOGUE]


def load_source(name: str, near: Path | None = None) -> Entry:
    """Load one source of the catalogue.

    Parameters
    ----------
    name
        Name of the source: ``<name>.yaml``.
    near
        Region file that asks for it; its folder and the folder above are looked in before :func:`catalogue_folders`.

    Returns
    -------
    RasterFolder, StacCollection, SceneFolder or a :class:`erosion.config.gauges.GaugeSource`

    Raises
    ------
    CatalogError
        Where there is no such source, or its file has mistakes (all of them are listed).
    """
    folders = ([near.parent, near.parent.parent] if near is not None else []) + catalogue_folders()
    if re.fullmatch(r"[A-Za-z0-9_.-]{1,100}", name) is None:
        raise CatalogError(
            [f"{near or CATALOGUE}: {name[:80]!r} is no name of a source; write letters, digits, _ and ."]
        )
    file = next((f for folder in folders if (f := folder / f"{name}.yaml").is_file()), None)
    if file is None:
        known = sorted({p.stem for folder in catalogue_folders() for p in folder.glob("*.yaml")})
        close = difflib.get_close_matches(name, known, n=1)
        mend = f"did you mean {close[0]}?" if close else f"known sources: {', '.join(known)}"
        looked = ", ".join(str(f) for f in dict.fromkeys(folders))
        raise CatalogError([f"{near or CATALOGUE}: source {name!r} has no file {name}.yaml in {looked}; {mend}"])
    return read_source(file)


def read_source(file: Path) -> Entry:
    """Read one source file; see :func:`load_source`."""
    raw = read_yaml(file)
    problems = Problems(file)
    driver = raw.get("driver")
    if not isinstance(driver, str) or driver not in DRIVERS:
        close = difflib.get_close_matches(str(driver), DRIVERS, n=1)
        mend = f"did you mean {close[0]}?" if close else f"known drivers: {', '.join(DRIVERS)}"
        problems.add("driver", f"{driver!r} is no driver; {mend}" if "driver" in raw else f"is missing; {mend}")
        problems.stop_if_any()
    assert isinstance(driver, str)
    source = parse(DRIVERS[driver], raw, problems)
    if source is not None:
        source = dataclasses.replace(source, described_in=file)
        _VALIDATORS[source.driver](source, problems)
    problems.stop_if_any()
    assert source is not None
    return source


def _validate_raster(source: RasterFolder, problems: Problems) -> None:
    check_entry(source, problems)
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
    _check_folder(source, problems)


def _check_folder(source: RasterFolder | SceneFolder, problems: Problems) -> None:
    path, files = source.path, source.files
    pattern = Path(files)
    if pattern.is_absolute() or ".." in pattern.parts:
        problems.add("files", f"{files!r} must be a pattern inside 'path', like *.tif")
    elif source.left_out is not None:
        return
    elif not path.is_dir():
        problems.add("path", f"{path} is no folder; give the folder, and the pattern under 'files'")
    else:
        try:
            if not files_in(path, files):
                problems.add("files", f"no file in {path} matches {files!r}")
        except (ValueError, NotImplementedError, OSError) as err:  # '' or 'a**b', a name that is too long
            problems.add("files", f"{files!r} is no pattern of file names ({err}); write one like *.tif")


def _validate_scenes(source: SceneSource, problems: Problems, bands: Mapping[str, object]) -> None:
    check_entry(source, problems)
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
    at = source.brought_to
    if at is not None and not at.is_file() and source.left_out is None:
        problems.add("catalog", f"{source.catalog} is neither an address nor a file beside this one")
    elif "://" in source.catalog and not source.catalog.startswith(("https://", "http://")):
        problems.add("catalog", f"{source.catalog} must start with https:// or http://")


def _validate_scene_folder(source: SceneFolder, problems: Problems) -> None:
    _validate_scenes(source, problems, source.bands)
    _check_folder(source, problems)


_VALIDATORS: Final[dict[str, Callable[[Any, Problems], None]]] = {
    "raster_folder": _validate_raster,
    "stac": _validate_stac,
    "scene_folder": _validate_scene_folder,
    **dict.fromkeys(GAUGE_DRIVERS, check_gauge),
}
