"""Windows of the files of a pass, read onto the region's grid.

The position of a file is read from the file itself and compared with its item. What fails for a reason that may pass
is tried again; what fails for good is reported with scene, file and reason.
"""

from __future__ import annotations

import math
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final, NamedTuple, Protocol, TypeVar
from xml.sax.saxutils import escape

import numpy as np
import pandas as pd
import pystac
import rasterio
import shapely.geometry
from affine import Affine
from rasterio.enums import Interleaving
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader

from erosion.config.scenes import QUALITY_BANDS, SceneSource
from erosion.core.errors import SourceError
from erosion.core.http.errors import WebError
from erosion.core.http.redaction import without_secrets
from erosion.core.http.retry import RetryPolicy
from erosion.core.http.session import Answer
from erosion.core.raster.geotiff import leads_elsewhere
from erosion.core.raster.grid import Grid, same_crs
from erosion.core.raster.windows import Window
from erosion.satellite.items import BAND_NUMBER, stated_crs, stated_grid, time_of

T = TypeVar("T")

FORMATS: Final = ["GTiff", "JP2OpenJPEG", "JP2KAK", "JP2ECW", "JP2MrSID"]
"""Drivers that may open a file: formats that hold their pixels. Others (VRT) name files and addresses, whatever the ending."""

MOST_BLOCK_BYTES: Final = 500_000_000
"""A block is read as a whole; one that a few kilobytes unfold to more than this would take the memory of the night."""

LONGEST_S: Final = 3_600.0
"""Time of one pass [s]; a server that is always just within the limit of one read would hold a night up for days. 100 MB over
a line of 0.5 Mbit/s take 1600 s."""

MOST_FINER: Final = 100.0
"""Pixels of a file along one of the region's; a window of more would be read for hours."""


class Header(NamedTuple):
    """Position and type of one band, read from its file."""

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
    def retry(self) -> RetryPolicy:
        """How often and with which waits a read is tried."""

    def address(self, href: str) -> str:
        """Address to open: signed where that is needed."""

    def options(self, address: str) -> dict[str, Any]:
        """GDAL options for reading from an address."""

    def probe(self, address: str) -> Answer | None:
        """Answer of the server about an address; None for a local file."""

    def refused(self) -> bool:
        """Return whether another signature can be had for one that a server refused."""


class LocalFiles:
    """Files on this machine: opened as they are, and a broken one stays broken."""

    retry = RetryPolicy(tries=1)

    def address(self, href: str) -> str:
        """Return the path."""
        return href

    def options(self, address: str) -> dict[str, Any]:
        """Return no options."""
        return {}

    def probe(self, address: str) -> Answer | None:
        """Return None: there is no server."""
        return None

    def refused(self) -> bool:
        """Return False: there is no signature to renew."""
        return False


class WindowReader:
    """Reads windows of files onto one grid."""

    # Files that this process has read, and in which state of their pass.
    _known: ClassVar[dict[str, str]] = {}

    def __init__(
        self, grid: Grid, source: SceneSource, access: Access, items_hash: str, longest_s: float = LONGEST_S
    ) -> None:
        from odc.geo.geobox import GeoBox  # heavy: half a second, and most commands read no scene

        self.grid, self.source, self.access, self.items_hash = grid, source, access, items_hash
        self.geobox = GeoBox(grid.shape, grid.transform, grid.crs)
        self._stop = threading.Event()
        self._longest_s, self._started = longest_s, time.monotonic()
        self._failure: SourceError | None = None

    def header(self, file: File) -> Header:
        """Position and type of the band of a file, compared with what its item states."""
        band = _band_number(file.asset)

        def read(address: str) -> Header:
            if self._known.setdefault(file.asset.href, self.items_hash) != self.items_hash:
                _forget_bytes(address, self.access.options(address))  # it was published anew under the same name
                self._known[file.asset.href] = self.items_hash
            with DatasetReader(_gdal_path(address), driver=FORMATS, sharing=False) as dataset:
                elsewhere = leads_elsewhere(dataset)
                if elsewhere:
                    raise _LastingError(elsewhere)
                if band > dataset.count:
                    raise _LastingError(f"has {dataset.count} bands; band {band} is asked for")
                placed = dataset.crs is not None and dataset.transform != Affine.identity()
                if placed:
                    grid = Grid(dataset.crs.to_string(), dataset.transform, dataset.width, dataset.height)
                else:
                    grid = _placed_by_metadata(file, dataset.width, dataset.height)
                problem = _too_much(dataset, grid, self.grid)
                if problem:
                    raise _LastingError(problem)
                tagged = dataset.nodatavals[band - 1]
                missing = self.source.nodata if tagged is None and file.alias not in QUALITY_BANDS else None
                dtype = dataset.dtypes[band - 1]
                return Header(
                    grid,
                    band,
                    dataset.count,
                    tagged if tagged is not None else missing,
                    dtype,
                    placed and missing is None,
                )

        header = self._with_retries(file, read)
        problem = _contradiction(file, header)
        if problem:
            raise SourceError(f"{file.label}: {problem}")
        return header

    def window(self, file: File, header: Header, window: Window) -> np.ndarray:
        """Numbers of one window as they are in the file, float32, shape of the window, NaN where it has none."""
        import odc.stac  # heavy: seconds, and most commands read no scene

        method = "nearest" if file.alias in QUALITY_BANDS else resampling(header.grid, self.grid)

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

        return self._with_retries(file, read)

    def _with_retries(self, file: File, read: Callable[[str], T]) -> T:
        """Result of a read, tried again after a failure that may pass; SourceError with scene and file after the last try."""
        failures = 0
        while True:
            if self._failure is not None:  # another file of the pass is beyond hope, and so is the pass
                raise SourceError(str(self._failure))
            if time.monotonic() - self._started > self._longest_s:
                self._failure = SourceError(
                    f"{file.label}: its pass is not read after {self._longest_s:g} s; the network or the server is too slow, "
                    "the next night tries again"
                )
                continue
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
                if again_s is None or failures >= self.access.retry.tries:
                    tried = f" (tried {failures} times)" if failures > 1 else ""
                    self._failure = SourceError(f"{file.label}: {reason}{tried}")
                    self._stop.set()
                    raise self._failure from None
            self._stop.wait(again_s)

    def _diagnose(self, address: str, err: Exception, failures: int) -> tuple[str, float | None]:
        """Reason in words, and seconds until the next try (None: it would not help)."""
        retry = self.access.retry
        if isinstance(err, _LastingError | WebError):  # the latter has been tried often enough where it comes from
            return str(err), None
        cause = _one_line(err)
        answer = self.access.probe(address)
        if answer is None:  # a file on this machine stays broken; a store that cannot be asked may mend itself
            return f"cannot be read: {cause}", retry.wait_s(failures) if "://" in address else None
        if answer.lasting:
            return answer.words, None
        wait = retry.wait_s(failures, answer.retry_after_s)
        if answer.status is None:
            return answer.words, wait
        if answer.status in (401, 403):
            again = self.access.refused() and failures == 1
            return f"the server refuses it (HTTP {answer.status})", wait if again else None
        if answer.status in (400, 404, 405, 410, 451):
            return f"the server does not have it (HTTP {answer.status})", None
        if answer.status >= 400:
            if wait > retry.longest_wait_s:
                return f"HTTP {answer.status}, and the server asks to wait {wait:.0f} s", None
            return f"HTTP {answer.status}", wait
        return f"the file comes broken or cut short: {cause}", wait


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


def pixel_m_of(own: Grid, source: SceneSource) -> float:
    """Pixel size of a file [m]; that of the catalogue where the file measures in degrees."""
    return source.pixel_m if rasterio.CRS.from_user_input(own.crs).is_geographic else round(own.pixel_m, 3)


def meets(own: Grid, grid: Grid, window: Window) -> bool:
    """Return whether a window of the grid touches a file; True where that cannot be computed, and it is read."""
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
            "https://example.org/pixels.tif",  # odc-stac needs one; what is opened is set by patch_url
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


def _placed_by_metadata(file: File, width: int, height: int) -> Grid:
    """Grid of a file without a position: the extent its metadata give, in the pixels it has."""
    stated = stated_grid(file.item, file.asset)
    if stated is None:
        raise _LastingError("has no position, and its metadata give none (proj:code, proj:transform, proj:shape)")
    t = stated.transform
    across, down = stated.width / width, stated.height / height
    return Grid(stated.crs, Affine(t.a * across, t.b * down, t.c, t.d * across, t.e * down, t.f), width, height)


def _contradiction(file: File, header: Header) -> str | None:
    """Return where a file contradicts its metadata, in words, or None; one of the two is wrong, so neither is used."""
    stated = stated_crs(file.item, file.asset)
    if stated is None:
        return None
    try:
        agree = same_crs(stated, header.grid.crs)
    except (RasterioError, ValueError):  # the latter: rasterio's CRSError
        return f"its metadata give the CRS {stated!r}, which is none"
    if not agree:
        return f"its metadata say {stated}, the file says {header.grid.crs}; one of them is wrong"
    grid = stated_grid(file.item, file.asset)
    if grid is None or not file.asset.extra_fields.get("proj:transform"):
        return None
    apart = max(abs(a - b) for a, b in zip(grid.bounds, header.grid.bounds, strict=True))
    if apart > 2 * max(grid.pixel_m, header.grid.pixel_m):
        return f"the file lies {apart:.0f} m off the place its metadata give"
    return None


def _forget_bytes(address: str, options: Mapping[str, Any]) -> None:
    """Make GDAL drop what it remembers of a file: bytes that came broken must not be served again from memory."""
    path = _gdal_path(address)
    if not path.startswith("/vsi"):
        return
    try:
        with rasterio.Env(**{**options, "CPL_VSIL_CURL_NON_CACHED": "/".join(path.split("/", 2)[:2]) + "/"}):
            DatasetReader(path, driver=FORMATS, sharing=False).close()
    except (RasterioError, OSError):
        pass  # the read that follows meets the same failure and reports it


def _too_much(dataset: DatasetReader, own: Grid, grid: Grid) -> str | None:
    """Return what makes a file too much to read, in words, or None."""
    rows, cols = dataset.block_shapes[0]
    together = dataset.count if dataset.interleaving is Interleaving.pixel else 1
    size = rows * cols * np.dtype(dataset.dtypes[0]).itemsize * together
    if size > MOST_BLOCK_BYTES:
        return f"comes in blocks of {rows} x {cols} pixels, {size / 1e6:.0f} MB each; at most {MOST_BLOCK_BYTES / 1e6:.0f} MB"
    columns, lines = _pixels_within(own, grid)
    if max(columns, lines) > MOST_FINER:
        return (
            f"has {max(columns, lines):.0f} pixels along one of the region's; at most {MOST_FINER:.0f}, raise pixel_m"
        )
    return None


def _one_line(err: Exception) -> str:
    cause: BaseException = err
    while cause.__cause__ is not None:
        cause = cause.__cause__
    text = without_secrets(cause).strip().split("\n")[0]
    return re.sub(r"/vsicurl/\S*/", "", text)[:200] or type(cause).__name__
