"""Driver ``scene_folder``: scenes brought by hand, as GeoTIFFs with all bands or as one file a band."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import pandas as pd
import pystac
import shapely.geometry
from affine import Affine
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from erosion.config.entry import check_folder
from erosion.config.problems import Problems
from erosion.config.records import Key
from erosion.config.scenes import SceneSource, check_bands
from erosion.core.contracts import as_of_instant, in_utc
from erosion.core.dates import date_of_file
from erosion.core.errors import Skipped, SourceError
from erosion.core.files import sha256_of
from erosion.core.folder import DEFAULT_PATTERN, files_in, unused_in
from erosion.core.raster.geotiff import GdalError, crs_problem, open_geotiff
from erosion.core.raster.grid import Grid
from erosion.satellite import passes
from erosion.satellite.footprint import corridor_boxes, touches
from erosion.satellite.grouping import PassRef, group
from erosion.satellite.items import BAND_NUMBER, boa_shift, lacking, time_of
from erosion.satellite.window_reader import LocalFiles

if TYPE_CHECKING:
    import xarray as xr

    from erosion.config.region import Region
    from erosion.satellite.corridor import Corridor

_GAP: Final = re.compile(r"[-_. ]+")

_LANDSAT: Final = re.compile(r"(?<![A-Za-z0-9])L[COTEM]\d{7}((?:19|20)\d{2})(\d{3})[A-Z]{3}\d{2}(?![A-Za-z0-9])")
"""Landsat scene identifier as given before 2017: sensor, satellite, path, row, year and day of the year, station, version."""


@dataclass(frozen=True, kw_only=True)
class SceneFolder(SceneSource):
    """A folder of scenes brought by hand: GeoTIFFs with all bands, or one file a band."""

    path: Annotated[Path, Key("folder of the files, relative to the catalogue file", may_lack_if="optional")]
    files: Annotated[str, Key("pattern of the file names, in any letter case; .tif also means .tiff")] = DEFAULT_PATTERN
    bands: Annotated[
        dict[str, str], Key("our name of a band -> number of the band in the file, or the part of the name it has")
    ]
    date_from: Annotated[tuple[str, ...], Key("where the date is read from, in order", choices=("tag", "name"))] = (
        "tag",
        "name",
    )
    date_tag: Annotated[str, Key("GeoTIFF tag that holds the date")] = "acquisition_date"

    @property
    def archive(self) -> tuple[str, str]:
        """The folder and the pattern of its files."""
        return str(self.path), self.files

    @property
    def brought_to(self) -> Path | None:
        """The folder of the files."""
        return self.path

    @property
    def brought(self) -> str:
        """What lies in the folder."""
        return "a folder of scenes"

    def check(self, problems: Problems) -> None:
        """Note what is wrong with the entry, beside its types."""
        super().check(problems)
        check_bands(self, self.bands, problems)
        check_folder(self, self.path, self.files, problems)


ENTRY: Final = SceneFolder


def find_passes(
    source: SceneFolder,
    region: Region,
    corridor: Corridor,
    start: pd.Timestamp | str,
    end: pd.Timestamp | str,
    known: Mapping[str, str] | None = None,
) -> tuple[list[PassRef], list[Skipped]]:
    """Passes of a folder of scenes between two dates; parameters and result as for a catalogue.

    Files of one date are one pass. A file with all bands is an item of its own; files of one band each belong together
    when their names are the same but for the part that names the band.

    Raises
    ------
    SourceError
        Where the folder cannot be read.
    """
    if source.left_out is not None:
        return [], [source.left_out]
    first, last = in_utc(start), as_of_instant(pd.Timestamp(end))
    try:
        files = files_in(source.path, source.files)
        unused = unused_in(source.path, source.files, files)
    except OSError as err:
        raise SourceError(f"{source.name}: folder {source.path} cannot be read: {err}") from None
    skipped = []
    for left_out in unused:
        date = _date(left_out.name, {}, source)
        if isinstance(date, str) or first <= date <= last:
            skipped.append(Skipped(*left_out))
    items: dict[str, pystac.Item] = {}
    for path in files:
        found = _read_file(path, source)
        if isinstance(found, Skipped):
            skipped.append(found)
            continue
        names, item = found
        if not first <= time_of(item) <= last:
            continue
        whole = items.setdefault(item.id, item)
        if whole.assets and set(names) & set(whole.assets):
            skipped.append(Skipped(path.name, f"is a second file for {', '.join(names)} of {item.id}; take one out"))
            continue
        for name, asset in names.items():
            whole.add_asset(name, asset)
    places = corridor_boxes(corridor)
    used = []
    for item in items.values():
        problem = _problem(item, source)
        if not touches(item, places):
            skipped.append(Skipped(item.id, "lies outside the region's corridor; check its CRS and position"))
        elif problem:
            skipped.append(Skipped(item.id, problem))
        else:
            used.append(item)
    refs, doubled = group(used, source)
    return refs, [*skipped, *doubled]


def load_pass(ref: PassRef, source: SceneFolder, corridor: Corridor) -> xr.Dataset:
    """Bands of one pass; see :func:`erosion.satellite.passes.load`, whose parameters, result and errors it shares."""
    return passes.load(ref, source, corridor, LocalFiles())


def _problem(item: pystac.Item, source: SceneFolder) -> str | None:
    try:
        boa_shift(item.properties, source.boa_offset)
    except ValueError as err:
        return str(err)
    return lacking(item, source)


def _read_file(path: Path, source: SceneFolder) -> tuple[dict[str, pystac.Asset], pystac.Item] | Skipped:
    """Bands that a file holds and an item for it, or why it is of no use."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)  # reported below
            with open_geotiff(path) as dataset:
                tags, count, crs, transform = dataset.tags(), dataset.count, dataset.crs, dataset.transform
                width, height = dataset.width, dataset.height
    except (RasterioError, OSError, ValueError) as err:
        return Skipped(path.name, f"cannot be read ({err}); it may be cut short, fetch it again")
    date = _date(path.name, tags, source)
    if isinstance(date, str):
        return Skipped(path.name, date)
    if crs is None or transform == Affine.identity():
        return Skipped(path.name, "has no position; georeference it (gdal_edit.py -a_srs ... -a_ullr ... file)")
    problem = crs_problem(crs)
    if problem:
        return Skipped(path.name, problem)
    numbers = {alias: int(text) for alias, text in source.bands.items() if text.strip().isdigit()}
    beyond = [alias for alias, number in numbers.items() if not 1 <= number <= count]
    if beyond:
        return Skipped(path.name, f"has {count} bands, too few for {', '.join(beyond)} in 'bands'")
    parts = {alias: text for alias, text in source.bands.items() if alias not in numbers}
    named = [alias for alias, text in parts.items() if _part(text).search(path.stem)]
    if len(named) > 1:
        return Skipped(path.name, f"its name fits {' and '.join(named)}; make 'bands' distinguish them")
    if not numbers and not named:
        return Skipped(path.name, f"its name holds none of {', '.join(parts.values())}, so it is no known band")
    numbers |= dict.fromkeys(named, 1)
    stem = _part(parts[named[0]]).sub("", path.stem, count=1) if named else path.stem
    folders = path.parent.relative_to(source.path).parts
    scene = _GAP.sub("_", "_".join((*folders, stem))).strip("_") or path.parent.name
    try:
        digest = sha256_of(path)
        left, bottom, right, top = Grid(crs.to_string(), transform, width, height).bounds_in("EPSG:4326")
    except (OSError, RasterioError, GdalError) as err:
        return Skipped(path.name, f"cannot be read or placed ({err})")
    properties = {"platform": tags.get("platform", "local"), "s2:product_uri": path.name}
    if "processing_baseline" in tags:
        properties["s2:processing_baseline"] = tags["processing_baseline"]
    outline = shapely.geometry.mapping(shapely.geometry.box(left, bottom, right, top))
    item = pystac.Item(scene, outline, [left, bottom, right, top], date.to_pydatetime(), properties)
    return {
        alias: pystac.Asset(str(path.resolve()), extra_fields={BAND_NUMBER: number, "file:checksum": digest})
        for alias, number in numbers.items()
    }, item


def _date(name: str, tags: dict[str, str], source: SceneFolder) -> pd.Timestamp | str:
    """Day of a scene, or why there is none; a year or a month alone does for a mask, not for a scene."""
    found = date_of_file(name, tags, source.date_from, source.date_tag)
    landsat = _LANDSAT.search(name) if "name" in source.date_from else None
    if not isinstance(found, str):
        return found.day
    if landsat is None:
        return found
    day = pd.Timestamp(f"{landsat[1]}-01-01", tz="UTC") + pd.Timedelta(days=int(landsat[2]) - 1)
    if day.year != int(landsat[1]):
        return f"no date: the name has day {landsat[2]} of {landsat[1]}; write the day into it, like 2018-06-22"
    return day


def _part(text: str) -> re.Pattern[str]:
    """Pattern for the part of a file name that names a band: B1 is no part of B11, nor red of rededge."""
    return re.compile(rf"(?<![A-Za-z0-9]){re.escape(text)}(?![A-Za-z0-9])", re.IGNORECASE)
