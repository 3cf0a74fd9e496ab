"""One pass of a satellite: from the files of its items to calibrated bands on the region's grid.

A pass is everything one platform saw of the region on one orbit of one day; its items are the tiles it comes in.
Numbers are read with odc-stac, window by window of the corridor, become physical values once, and are put together so
that every pixel has all its bands from one item.
"""

from __future__ import annotations

import hashlib
import math
import re
import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple, Protocol, TypeVar
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

import numpy as np
import pandas as pd
import rasterio
from affine import Affine
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from erosion.catalog import OPTICAL_BANDS, RADAR_BANDS, PixelQuality, SceneSource, SourceError
from erosion.contracts import check_scene
from erosion.grid import Grid, same_crs
from erosion.sources.web import Answer, Patience, WebError, keep_secrets_from_logs, without_secrets

if TYPE_CHECKING:
    import pystac
    import xarray as xr

    from erosion.corridor import Corridor

T = TypeVar("T")

WINDOW: Final = 1024
"""Pixels along a side of one read: as large as the tiles of the usual files, far below the 2048 that bounds memory."""

THREADS: Final = 4
"""Reads under way at once; they wait for the network, not for a processor."""

BOA_SHIFT: Final = 1000.0
"""Sentinel-2 numbers carry this much more from processing baseline 04.00 on (BOA_ADD_OFFSET = -1000), so that slightly
negative reflectances can be written. Source: Sentinel-2 Products Specification Document, version 14.9."""

ALREADY_SHIFTED: Final = 0.2
"""Where more of the clear pixels than this would get a negative green reflectance, the shift was taken out before."""

PLAUSIBLE_REFLECTANCE: Final = (-0.1, 1.6)
"""Median of a scene outside of this is no surface reflectance: scale or offset are wrong."""

PLAUSIBLE_GAMMA0: Final = (0.0, 10.0)
"""Median of a radar scene outside of this is no linear power (decibels are negative)."""

BAND_NUMBER: Final = "band_number"
"""Field of an asset: which band of its file is meant, where that is not the first."""

_APPLIED: Final = ("earthsearch:boa_offset_applied", "sentinel:boa_offset_applied")
_BASELINE: Final = (
    "s2:processing_baseline",
    "sentinel2:processing_baseline",
    "sentinel:processing_baseline",
    "processing:version",
)
_PRODUCT: Final = ("s2:product_uri", "s2:product_title", "sentinel2:product_title", "sentinel:product_id")
_IN_PRODUCT: Final = re.compile(r"_N(\d{2})(\d{2})_")


@dataclass(frozen=True)
class PassRef:
    """What one platform saw of a region on one orbit of one day.

    Attributes
    ----------
    pass_id
        ``<source>-<platform>-<YYYYMMDD>-<orbit, or x>``.
    source
        Name of the catalogue entry.
    time
        UTC instant of the first item.
    available_at
        UTC instant from which all items could be had.
    items
        Tiles of the pass, in the order in which they fill the grid.
    items_hash
        Changes when the provider publishes something else under the same pass.
    cloud_percent
        Mean of what the items say [%], None where they say nothing.
    """

    pass_id: str
    source: str
    time: pd.Timestamp
    available_at: pd.Timestamp
    items: tuple[pystac.Item, ...]
    items_hash: str
    cloud_percent: float | None = None


class Header(NamedTuple):
    """Position and type of one band of one file, as the file itself tells."""

    grid: Grid
    band: int
    bands: int
    nodata: float | None
    dtype: str
    plain: bool  # False: position or nodata is not the file's own


@dataclass(frozen=True, eq=False)
class File:
    """The file of one band of one item."""

    item: pystac.Item
    alias: str
    asset: pystac.Asset

    @property
    def label(self) -> str:
        """Scene, band and file name, for messages."""
        name = without_secrets(self.asset.href).rsplit("/", 1)[-1]
        return f"{self.item.id}: {self.alias} ({name})"


class Access(Protocol):
    """How the files of a source are reached."""

    @property
    def patience(self) -> Patience:
        """How long a bad network is borne."""

    def address(self, href: str) -> str:
        """Address to open: signed where that is needed."""

    def options(self, address: str) -> dict[str, Any]:
        """GDAL options for reading from an address."""

    def look(self, address: str) -> Answer | None:
        """Ask the server what is wrong with an address; None for a local file."""

    def refused(self) -> bool:
        """Take note that a server refused the signature; True where another one can be had."""


class LocalFiles:
    """Files on this machine: opened as they are, and a broken one stays broken."""

    patience = Patience(tries=1)

    def address(self, href: str) -> str:
        """Return the path."""
        return href

    def options(self, address: str) -> dict[str, Any]:
        """No options are needed."""
        return {}

    def look(self, address: str) -> Answer | None:
        """No server is there to ask."""
        return None

    def refused(self) -> bool:
        """No signature is there to renew."""
        return False


# --- what items say -------------------------------------------------------------------------------------------------


def bands_of(source: SceneSource) -> dict[str, tuple[str, ...]]:
    """Our band names and the names of assets they may have, in the order of the catalogue entry."""
    bands: Mapping[str, Any] = getattr(source, "bands")  # noqa: B009 (both kinds of scene source have it)
    return {alias: (alias,) if isinstance(names, str) else tuple(names) for alias, names in bands.items()}


def assets_of(item: pystac.Item, source: SceneSource) -> dict[str, pystac.Asset]:
    """The item's asset of each of our bands; bands it lacks are absent."""
    found = {}
    for alias, names in bands_of(source).items():
        name = next((name for name in names if name in item.assets), None)
        if name is not None:
            found[alias] = item.assets[name]
    return found


def lacking(item: pystac.Item, source: SceneSource) -> str | None:
    """Say in words what an item lacks to be of use, or None."""
    found, wanted = assets_of(item, source), bands_of(source)
    if source.sensor == "optical":
        needed: list[str] = [b for b in ("green", "quality") if b in wanted and b not in found]
        contrast = [b for b in ("nir", "swir16") if b in wanted]
        if not any(b in found for b in contrast):
            needed.append(" or ".join(contrast))
    else:
        beams = [b for b in RADAR_BANDS if b in wanted]
        needed = [] if any(b in found for b in beams) else [" or ".join(beams)]
    if not needed:
        return None
    names = {name for alias in " or ".join(needed).split(" or ") for name in wanted[alias]}
    has = ", ".join(sorted(item.assets)[:12]) or "none"
    return f"has no file for {', '.join(needed)} (looked for {', '.join(sorted(names))}; it has {has})"


def processing_baseline(properties: Mapping[str, Any]) -> tuple[int, int] | None:
    """Sentinel-2 processing baseline, (4, 0) for 04.00, from its own property or from the product's name."""
    for key in _BASELINE:
        match = re.fullmatch(r"\s*N?(\d{1,2})\.(\d{1,2})\s*", str(properties.get(key, "")))
        if match:
            return int(match[1]), int(match[2])
    for key in _PRODUCT:
        match = _IN_PRODUCT.search(str(properties.get(key, "")))
        if match:
            return int(match[1]), int(match[2])
    return None


def boa_shift(properties: Mapping[str, Any], rule: str) -> float:
    """Number to subtract from the file's numbers before ``scale`` and ``offset``: 0 or 1000, exactly once.

    The ``offset`` that items advertise for a band is not looked at: on Earth Search it says -0.1 also where the shift
    has been taken out of the files already.

    Parameters
    ----------
    properties
        Properties of the item.
    rule
        ``boa_offset`` of the catalogue entry.

    Raises
    ------
    ValueError
        Where the item tells no baseline, so that one cannot know.
    """
    if rule == "none":
        return 0.0
    if any(properties.get(key) is True for key in _APPLIED):
        return 0.0
    baseline = processing_baseline(properties)
    if baseline is None:
        raise ValueError(
            "tells no processing baseline, so whether 1000 is to be subtracted is not known; "
            "set boa_offset: none in the catalogue entry if its numbers are plain"
        )
    return BOA_SHIFT if baseline >= (4, 0) else 0.0


def hash_items(items: Sequence[pystac.Item], source: SceneSource) -> str:
    """SHA-256 of what would change if the provider published a pass anew.

    Identifiers, time of the last change, processing baseline, and per file its path and checksum. Host and query of an
    address are left out: a mirror or another signature is no other file. Of a local path only the name counts.
    """
    parts: list[str] = []
    for item in sorted(items, key=lambda item: item.id):
        properties = item.properties
        parts += [item.id, str(properties.get("updated", "")), str(processing_baseline(properties) or "")]
        for alias, asset in sorted(assets_of(item, source).items()):
            href = asset.href
            path = urlsplit(href).path if "://" in href else Path(href).name
            sums = [str(asset.extra_fields.get(key, "")) for key in ("file:checksum", "checksum:multihash")]
            parts += [alias, path, *sums]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


# --- loading --------------------------------------------------------------------------------------------------------


def load(
    ref: PassRef, source: SceneSource, corridor: Corridor, access: Access, only: Sequence[str] | None = None
) -> xr.Dataset:
    """Load one pass.

    Parameters
    ----------
    ref
        The pass.
    source
        Catalogue entry: bands, scale and offset, quality rule.
    corridor
        Grid of the region and the part of it that is read.
    access
        How the files are reached.
    only
        Bands to load; None for all that the pass has. ``clear`` comes with any optical band.

    Returns
    -------
    xarray.Dataset
        A scene (:func:`erosion.contracts.check_scene`): float32 bands on (y, x), NaN outside the image and outside the
        corridor's windows, ``clear`` for optical ones. Beyond the contract the attributes hold ``boa_shift`` (what was
        subtracted, by item) and ``notes`` (what was found odd about the pass).

    Raises
    ------
    SourceError
        Where a file cannot be read after the tries that ``access`` allows, or is not what the catalogue says. The
        message names the scene, the file and the reason.
    """
    import odc.stac  # noqa: F401 (its loggers must be there before secrets are kept from them)
    import xarray as xr

    keep_secrets_from_logs()
    # Where a file has no position its metadata may tell it, or an error does. A filter for good: threads share them.
    warnings.simplefilter("ignore", NotGeoreferencedWarning)
    shifts = [_shift_of(item, source) for item in ref.items]
    numbers, owner, native_m = _gather(ref, source, corridor, access, only)
    scene, notes, subtracted = _calibrate(numbers, owner, corridor.windows(WINDOW), shifts, source, ref)
    grid = corridor.grid
    dims = ("y", "x")
    return check_scene(
        xr.Dataset(
            {name: (dims, values, {} if name == "clear" else {"units": "1"}) for name, values in scene.items()},
            coords={"y": ("y", grid.y, {"units": "m"}), "x": ("x", grid.x, {"units": "m"})},
            attrs={
                "crs": grid.crs,
                "transform": tuple(grid.transform)[:6],
                "pass_id": ref.pass_id,
                "scene_ids": [item.id for item in ref.items],
                "source": source.name,
                "sensor": source.sensor,
                "platform": platform_of(ref.items[0]),
                "time": ref.time.isoformat(),
                "available_at": ref.available_at.isoformat(),
                "geo_rmse_m": source.geo_rmse_m,
                "native_m": native_m,
                "items_hash": ref.items_hash,
                "boa_shift": subtracted,
                "notes": notes,
            },
        )
    )


def _gather(
    ref: PassRef,
    source: SceneSource,
    corridor: Corridor,
    access: Access,
    only: Sequence[str] | None,
) -> tuple[dict[str, np.ndarray], np.ndarray, float]:
    """Read the windows of the corridor: numbers of each band, the item each pixel is from (-1: none), and pixel size."""
    files = [_wanted_files(item, source, only) for item in ref.items]
    aliases = [alias for alias in _order(source) if any(alias in wanted for wanted in files)]
    numbers = {alias: np.full(corridor.grid.shape, np.nan, np.float32) for alias in aliases}
    owner = np.full(corridor.grid.shape, -1, np.int16)
    windows, native = corridor.windows(WINDOW), set()
    reader = _Reader(corridor.grid, source, access, ref.items_hash)
    with ThreadPoolExecutor(THREADS) as pool:
        for index, (item, wanted) in enumerate(zip(ref.items, files, strict=True)):
            found = [File(item, alias, asset) for alias, asset in wanted.items()]
            headers = dict(zip(found, pool.map(reader.header, found), strict=True))
            native |= {_pixel_m(header.grid, source) for file, header in headers.items() if file.alias != "quality"}
            key, *others = found
            tasks = [
                (key, headers[key], window)
                for window in windows
                if (owner[window] < 0).any() and _meets(headers[key].grid, corridor.grid, window)
            ]
            touched = []
            for (_, _, window), values in zip(tasks, pool.map(reader.window, tasks), strict=True):
                mine = (owner[window] < 0) & np.isfinite(values)
                owner[window][mine] = index
                numbers[key.alias][window][mine] = values[mine]
                if mine.any():
                    touched.append(window)
            tasks = [(file, headers[file], window) for window in touched for file in others]
            for (file, _, window), values in zip(tasks, pool.map(reader.window, tasks), strict=True):
                mine = owner[window] == index
                numbers[file.alias][window][mine] = values[mine]
    return numbers, owner, min(native, default=source.pixel_m)


def platform_of(item: pystac.Item) -> str:
    """Platform in one spelling: ``LANDSAT_8`` and ``Sentinel-2B`` become ``landsat-8`` and ``sentinel-2b``."""
    text = str(item.properties.get("platform") or item.properties.get("constellation") or "unknown")
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "unknown"


def _order(source: SceneSource) -> list[str]:
    """Bands of a source, the one that decides where an item has an image first."""
    first = OPTICAL_BANDS if source.sensor == "optical" else RADAR_BANDS
    known = ["green", *first] if source.sensor == "optical" else list(first)
    return [alias for alias in dict.fromkeys([*known, "quality"]) if alias in bands_of(source)]


def _wanted_files(item: pystac.Item, source: SceneSource, only: Sequence[str] | None) -> dict[str, pystac.Asset]:
    found = assets_of(item, source)
    order = _order(source)
    always = {order[0], "quality"} if order else set()
    return {a: found[a] for a in order if a in found and (only is None or a in only or a in always)}


def _shift_of(item: pystac.Item, source: SceneSource) -> float:
    try:
        return boa_shift(item.properties, source.boa_offset)
    except ValueError as err:
        raise SourceError(f"{item.id}: {err}") from None


class _Reader:
    """Reads windows of files onto one grid, patiently."""

    # Files that this process has read, and in which state of their pass.
    _known: ClassVar[dict[str, str]] = {}

    def __init__(self, grid: Grid, source: SceneSource, access: Access, items_hash: str) -> None:
        from odc.geo.geobox import GeoBox

        self.grid, self.source, self.access, self.items_hash = grid, source, access, items_hash
        self.geobox = GeoBox(grid.shape, grid.transform, grid.crs)
        self._stop = threading.Event()
        self._failure: SourceError | None = None

    def header(self, file: File) -> Header:
        """Read where a file lies, and hold it against what the item says."""
        band = _band_number(file.asset)

        def read(address: str) -> Header:
            if self._known.setdefault(file.asset.href, self.items_hash) != self.items_hash:
                _forget_bytes(address, self.access.options(address))  # it was published anew under the same name
                self._known[file.asset.href] = self.items_hash
            with rasterio.open(_gdal_path(address), sharing=False) as dataset:
                if band > dataset.count:
                    raise _LastingError(f"has {dataset.count} bands; band {band} is asked for")
                placed = dataset.crs is not None and dataset.transform != Affine.identity()
                if placed:
                    grid = Grid(dataset.crs.to_string(), dataset.transform, dataset.width, dataset.height)
                else:
                    grid = _placed_by_metadata(file, dataset.width, dataset.height)
                tagged = dataset.nodatavals[band - 1]
                missing = self.source.nodata if tagged is None and file.alias != "quality" else None
                dtype = dataset.dtypes[band - 1]
                return Header(
                    grid,
                    band,
                    dataset.count,
                    tagged if tagged is not None else missing,
                    dtype,
                    placed and missing is None,
                )

        header = self._patiently(file, read)
        problem = _contradiction(file, header)
        if problem:
            raise SourceError(f"{file.label}: {problem}")
        return header

    def window(self, task: tuple[File, Header, tuple[slice, slice]]) -> np.ndarray:
        """Read one window, float32 in the numbers of the file, NaN where it has none."""
        import odc.stac

        file, header, window = task
        method = "nearest" if file.alias == "quality" else resampling(header.grid, self.grid)

        def read(address: str) -> np.ndarray:
            text = _source_text(address, header)
            loaded = odc.stac.load(
                [_one_band_item(file.item, header)],
                bands=["pixels"],
                geobox=self.geobox[window],
                resampling=method,
                dtype="float32",
                nodata=math.nan,
                groupby="id",
                patch_url=lambda _: text,
                stac_cfg={"*": {"warnings": "ignore"}},
            )
            return np.asarray(loaded["pixels"].values[0])

        return self._patiently(file, read)

    def _patiently(self, file: File, read: Callable[[str], T]) -> T:
        """Read, and try again after a failure that may pass; SourceError that names scene and file after the last."""
        failures = 0
        while True:
            if self._failure is not None:  # another file of the pass is beyond hope, and so is the pass
                raise SourceError(str(self._failure))
            address = file.asset.href
            try:
                address = self.access.address(file.asset.href)
                options = self.access.options(address)
                if failures:
                    _forget_bytes(address, options)
                with rasterio.Env(**options):
                    return read(address)
            except (RasterioError, OSError, ValueError, RuntimeError) as err:  # the last: pyproj
                failures += 1
                reason, again_s = self._diagnose(address, err, failures)
                if again_s is None or failures >= self.access.patience.tries:
                    tried = f" (tried {failures} times)" if failures > 1 else ""
                    self._failure = SourceError(f"{file.label}: {reason}{tried}")
                    self._stop.set()
                    raise self._failure from None
            self._stop.wait(again_s)

    def _diagnose(self, address: str, err: Exception, failures: int) -> tuple[str, float | None]:
        """Reason in words, and seconds until the next try (None: it would not help)."""
        patience = self.access.patience
        if isinstance(err, _LastingError | WebError):  # the latter has been tried often enough where it comes from
            return str(err), None
        said = _one_line(err)
        answer = self.access.look(address)
        if answer is None:  # a file on this machine stays broken; a store that cannot be asked may mend itself
            return f"cannot be read: {said}", patience.wait_s(failures) if "://" in address else None
        wait = patience.wait_s(failures, answer.retry_after_s)
        if answer.status is None:
            return answer.words, wait
        if answer.status in (401, 403):
            again = self.access.refused() and failures == 1
            return f"the server refuses it (HTTP {answer.status})", wait if again else None
        if answer.status in (400, 404, 405, 410, 451):
            return f"the server does not have it (HTTP {answer.status})", None
        if answer.status >= 400:
            if wait > patience.longest_wait_s:
                return f"HTTP {answer.status}, and the server asks to wait {wait:.0f} s", None
            return f"HTTP {answer.status}", wait
        return f"the file comes broken or cut short: {said}", wait


class _LastingError(ValueError):
    """A failure that another try does not mend."""


def resampling(own: Grid, grid: Grid) -> str:
    """Method for bringing a band onto the grid: as it is, interpolated, or averaged over the larger pixels.

    Pixels that fall on the grid's pixels are taken as they are. Pixels of at most two thirds of the grid's are
    averaged, since a point of an interpolated field would pick one of them and let the rest go.
    """
    if own.offset_in(grid) is not None:
        return "nearest"
    columns, rows = _pixels_within(own, grid)
    return "average" if max(columns, rows) >= 1.5 else "bilinear"


def _pixels_within(own: Grid, grid: Grid) -> tuple[float, float]:
    left, bottom, right, top = own.bounds_in(grid.crs)
    return grid.pixel_m * own.width / (right - left), grid.pixel_m * own.height / (top - bottom)


def _pixel_m(own: Grid, source: SceneSource) -> float:
    """Pixel size of a file [m]; that of the catalogue where the file measures in degrees."""
    return source.pixel_m if rasterio.CRS.from_user_input(own.crs).is_geographic else round(own.pixel_m, 3)


def _meets(own: Grid, grid: Grid, window: tuple[slice, slice]) -> bool:
    """Say whether a window of the grid touches a file; where that cannot be told it is read."""
    rows, cols = window
    t = grid.transform
    corner = Grid(
        grid.crs,
        Affine(t.a, t.b, t.c + cols.start * t.a, t.d, t.e, t.f + rows.start * t.e),
        cols.stop - cols.start,
        rows.stop - rows.start,
    )
    try:
        left, bottom, right, top = corner.bounds_in(own.crs)
    except (RasterioError, ValueError):
        return True
    if not np.isfinite([left, bottom, right, top]).all() or left > right:
        return True
    own_left, own_bottom, own_right, own_top = own.bounds
    return left < own_right and right > own_left and bottom < own_top and top > own_bottom


# --- files as GDAL sees them ----------------------------------------------------------------------------------------


def _band_number(asset: pystac.Asset) -> int:
    return int(asset.extra_fields.get(BAND_NUMBER, 1))


def _gdal_path(address: str) -> str:
    for scheme, prefix in (("s3://", "/vsis3/"), ("gs://", "/vsigs/")):
        if address.startswith(scheme):
            return prefix + address[len(scheme) :]
    if address.startswith(("http://", "https://")):
        return f"/vsicurl/{address}"
    return address.removeprefix("file://")


def _source_text(address: str, header: Header) -> str:
    """What odc-stac opens: the file, or a wrapper that gives one of several bands or a position to a file without."""
    path = _gdal_path(address)
    if header.bands == 1 and header.plain:
        return path
    grid = header.grid
    t = grid.transform
    kind = {"uint8": "Byte", "int8": "Int8"}.get(header.dtype, header.dtype.title().replace("Uint", "UInt"))
    nodata = "" if header.nodata is None else f"<NoDataValue>{header.nodata!r}</NoDataValue>"
    return (
        f'<VRTDataset rasterXSize="{grid.width}" rasterYSize="{grid.height}"><SRS>{escape(grid.crs)}</SRS>'
        f"<GeoTransform>{t.c!r}, {t.a!r}, {t.b!r}, {t.f!r}, {t.d!r}, {t.e!r}</GeoTransform>"
        f'<VRTRasterBand dataType="{kind}" band="1">{nodata}<SimpleSource>'
        f'<SourceFilename relativeToVRT="0">{escape(path)}</SourceFilename><SourceBand>{header.band}</SourceBand>'
        "</SimpleSource></VRTRasterBand></VRTDataset>"
    )


def _one_band_item(item: pystac.Item, header: Header) -> pystac.Item:
    """Item with one asset, described by the file itself, so that odc-stac does not depend on the provider's words."""
    import pystac
    import shapely.geometry

    left, bottom, right, top = header.grid.bounds_in("EPSG:4326")
    one = pystac.Item(
        item.id,
        shapely.geometry.mapping(shapely.geometry.box(left, bottom, right, top)),
        [left, bottom, right, top],
        pd.Timestamp(time_of(item)).to_pydatetime(),
        {},
        stac_extensions=["https://stac-extensions.github.io/projection/v2.0.0/schema.json"],
    )
    one.add_asset(
        "pixels",
        pystac.Asset(
            "https://example.org/pixels.tif",  # odc-stac wants one; what is opened is told by patch_url
            media_type=pystac.MediaType.GEOTIFF,
            roles=["data"],
            extra_fields={
                "proj:wkt2": rasterio.CRS.from_user_input(header.grid.crs).to_wkt(),
                "proj:shape": [header.grid.height, header.grid.width],
                "proj:transform": list(header.grid.transform)[:6],
            },
        ),
    )
    return one


def time_of(item: pystac.Item) -> pd.Timestamp:
    """UTC instant of an item: its ``datetime``, or the start of its interval."""
    stamp = item.datetime or item.properties.get("start_datetime")
    if stamp is None:
        raise ValueError("has neither datetime nor start_datetime")
    time = pd.Timestamp(stamp)
    return time.tz_localize("UTC") if time.tzinfo is None else time.tz_convert("UTC")


def said_crs(item: pystac.Item, asset: pystac.Asset | None = None) -> str | None:
    """CRS that the metadata give, from ``proj:code`` (newer items) or ``proj:epsg``, of the asset or the item."""
    for fields in (asset.extra_fields, item.properties) if asset is not None else (item.properties,):
        if fields.get("proj:code"):
            return str(fields["proj:code"])
        if fields.get("proj:epsg"):
            return f"EPSG:{int(fields['proj:epsg'])}"
        if fields.get("proj:wkt2"):
            return str(fields["proj:wkt2"])
    return None


def said_grid(item: pystac.Item, asset: pystac.Asset) -> Grid | None:
    """Grid that the metadata give for a file, or None."""
    crs = said_crs(item, asset)
    fields = {**item.properties, **asset.extra_fields}
    transform, shape = fields.get("proj:transform"), fields.get("proj:shape")
    if crs is None or not transform or not shape:
        return None
    return Grid(crs, Affine(*[float(v) for v in transform[:6]]), int(shape[1]), int(shape[0]))


def _placed_by_metadata(file: File, width: int, height: int) -> Grid:
    """Grid of a file without a position: the extent its metadata give, in the pixels it has."""
    said = said_grid(file.item, file.asset)
    if said is None:
        raise _LastingError("has no position, and its metadata give none (proj:code, proj:transform, proj:shape)")
    t = said.transform
    across, down = said.width / width, said.height / height
    return Grid(said.crs, Affine(t.a * across, t.b * down, t.c, t.d * across, t.e * down, t.f), width, height)


def _contradiction(file: File, header: Header) -> str | None:
    """Say in words where a file lies elsewhere than its metadata say; one of the two is wrong, so neither is used."""
    said = said_crs(file.item, file.asset)
    if said is None:
        return None
    try:
        agree = same_crs(said, header.grid.crs)
    except RasterioError:
        return f"its metadata give the CRS {said!r}, which is none"
    if not agree:
        return f"its metadata say {said}, the file says {header.grid.crs}; one of them is wrong"
    grid = said_grid(file.item, file.asset)
    if grid is None or not file.asset.extra_fields.get("proj:transform"):
        return None
    apart = max(abs(a - b) for a, b in zip(grid.bounds, header.grid.bounds, strict=True))
    if apart > 2 * max(grid.pixel_m, header.grid.pixel_m):
        return f"the file lies {apart:.0f} m off the place its metadata give"
    return None


def _forget_bytes(address: str, options: Mapping[str, Any]) -> None:
    """Have GDAL drop what it remembers of a file: bytes that came broken must not be served again from memory."""
    path = _gdal_path(address)
    if not path.startswith("/vsi"):
        return
    try:
        with rasterio.Env(**{**options, "CPL_VSIL_CURL_NON_CACHED": "/".join(path.split("/", 2)[:2]) + "/"}):
            rasterio.open(path, sharing=False).close()
    except (RasterioError, OSError):
        pass  # the read that follows meets the same failure and reports it


def _one_line(err: Exception) -> str:
    cause: BaseException = err
    while cause.__cause__ is not None:
        cause = cause.__cause__
    text = without_secrets(cause).strip().split("\n")[0]
    return re.sub(r"/vsicurl/\S*/", "", text)[:200] or type(cause).__name__


# --- numbers to values ----------------------------------------------------------------------------------------------


def _calibrate(
    numbers: dict[str, np.ndarray],
    owner: np.ndarray,
    windows: Sequence[tuple[slice, slice]],
    shifts: Sequence[float],
    source: SceneSource,
    ref: PassRef,
) -> tuple[dict[str, np.ndarray], list[str], dict[str, float]]:
    """Turn numbers of the files into values, in place and window by window, and judge which pixels are clear."""
    bands = [alias for alias in numbers if alias != "quality"]
    held = [assets_of(item, source) for item in ref.items]
    clear = np.zeros(owner.shape, bool)
    for window in windows:
        part = {alias: values[window] for alias, values in numbers.items()}
        for alias in bands:
            if source.nodata is not None:
                part[alias][part[alias] == np.float32(source.nodata)] = np.nan
        clear[window] = _clear(part, owner[window], held, source)
    numbers.pop("quality", None)
    shifts, notes = _check_shifts(numbers, owner, clear, windows, shifts, ref)
    due = np.array([*shifts, 0.0], np.float32)  # the last one is that of pixels without an item, -1
    for window in windows:
        shift = due[owner[window]] if any(shifts) else None
        for alias in bands:
            values = numbers[alias][window]
            if shift is not None:
                values -= shift
            values *= np.float32(source.scale)
            values += np.float32(source.offset)
    _check_values({alias: numbers[alias] for alias in bands}, clear, windows, source, ref)
    order = OPTICAL_BANDS if source.sensor == "optical" else RADAR_BANDS
    scene = {alias: numbers[alias] for alias in order if alias in numbers}
    if source.sensor == "optical":
        scene["clear"] = clear
    return scene, notes, {item.id: shift for item, shift in zip(ref.items, shifts, strict=True)}


def _clear(
    part: Mapping[str, np.ndarray], owner: np.ndarray, held: Sequence[Mapping[str, object]], source: SceneSource
) -> np.ndarray:
    """Judge the pixels of a window: seen in every band that its item has, let through by the quality band, not saturated."""
    bands = [alias for alias in part if alias != "quality"]
    clear = owner >= 0
    if "quality" in part:
        clear &= usable(part["quality"], source.quality)
    for alias in bands:
        seen = np.isfinite(part[alias])
        # A band that an item does not come with makes none of the item's pixels unclear.
        lacks = [index for index, has in enumerate(held) if alias not in has]
        clear &= seen | np.isin(owner, lacks) if lacks else seen
        if source.saturated_from is not None:
            clear &= ~(part[alias] >= source.saturated_from)
    return clear


def _check_shifts(
    numbers: Mapping[str, np.ndarray],
    owner: np.ndarray,
    clear: np.ndarray,
    windows: Sequence[tuple[slice, slice]],
    shifts: Sequence[float],
    ref: PassRef,
) -> tuple[list[float], list[str]]:
    """Shifts that are really due, and a note on each item whose numbers tell that its shift was taken out before."""
    due, notes = list(shifts), []
    for index, shift in enumerate(shifts):
        if not shift:
            continue
        judged = below = 0
        for window in windows:
            green = numbers["green"][window][(owner[window] == index) & clear[window]]
            judged, below = judged + green.size, below + int((green < shift).sum())
        if below > ALREADY_SHIFTED * judged:
            due[index] = 0.0
            notes.append(
                f"{ref.items[index].id}: says that {shift:.0f} is still to be subtracted, but {below / judged:.0%} of "
                "its clear pixels would become negative: it has been subtracted already"
            )
    return due, notes


def usable(numbers: np.ndarray, quality: PixelQuality | None) -> np.ndarray:
    """Say which pixels a quality band lets through; a pixel without a quality number is not usable.

    Parameters
    ----------
    numbers
        Quality band, float, NaN for missing, any shape.
    quality
        Classes that are usable, or bits (counted from 0) any of which makes a pixel unusable.
    """
    known = np.isfinite(numbers)
    if quality is None:
        return known
    whole = np.where(known, numbers, 0).astype(np.int32)
    if quality.kind == "classes":
        return known & np.isin(whole, quality.usable)
    mask = sum(1 << bit for bit in set(quality.refuse))
    return known & ((whole & mask) == 0)


def _check_values(
    bands: Mapping[str, np.ndarray],
    clear: np.ndarray,
    windows: Sequence[tuple[slice, slice]],
    source: SceneSource,
    ref: PassRef,
) -> None:
    """Refuse values that cannot be what the catalogue says: a wrong scale or offset, or decibels."""
    low, high = PLAUSIBLE_REFLECTANCE if source.sensor == "optical" else PLAUSIBLE_GAMMA0
    what = "a surface reflectance" if source.sensor == "optical" else "a linear gamma0"
    step = max(int(clear.size**0.5) // 1000, 1)  # a million pixels tell the median as well as all of them
    for alias, values in bands.items():
        parts = [values[window][::step, ::step][clear[window][::step, ::step]] for window in windows]
        seen = np.concatenate(parts) if parts else np.empty(0, np.float32)
        seen = seen[np.isfinite(seen)]
        median = float(np.median(seen)) if seen.size else low
        if not low <= median <= high:
            raise SourceError(
                f"{ref.pass_id}: {alias} has the median {median:.4g}, which is not {what}; "
                f"check 'scale' and 'offset' in {source.described_in}"
            )
