"""A small made world of satellite passes: files in a folder, a driver that reads them, and their classification.

A file ``2021-02-03_x.tif`` holds two bands: the water share, and 1 where the ground was seen. It can be had a day after
it was taken.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import rasterio
import xarray as xr
import yaml
from affine import Affine
from numpy.typing import NDArray

from erosion.config.region import Reach, Region, SceneRules, Season
from erosion.config.scenes import SceneSource
from erosion.config.sources import load_source
from erosion.core.errors import Skipped, SourceError
from erosion.core.raster.grid import Grid
from erosion.gauges.combine import empty_gauges
from erosion.satellite.corridor import Corridor
from erosion.satellite.grouping import PassRef
from erosion.water.classification.reference import WaterReference
from erosion.water.classification.water import Unusable, WaterPass
from erosion.water.scenes.pass_records import PassRecord, records
from erosion.water.scenes.refresh import refresh
from erosion.water.seasons.composites import read_composites
from tests.gauge_tables import gauge_rows

CRS = "EPSG:32648"
SHAPE = (20, 30)
GRID = Grid(CRS, Affine(10, 0, 500_000, 0, -10, 1_200_000), SHAPE[1], SHAPE[0])
DAY = pd.Timedelta(days=1)
DRY = Season(name="dry", months=(1, 2, 3))
FLOOD = Season(name="flood", months=(11, 12))

NO_GAUGE = empty_gauges()
HERE = (8, 12)
"""Row and column of a pixel of the corridor."""

OUTSIDE = (0, 0)
"""Row and column of a pixel outside it."""

SOURCE: dict[str, Any] = {
    "driver": "scene_folder",
    "title": "Made scenes",
    "files": "*",
    "bands": {"green": "1", "nir": "2"},
    "units": {"reflectance": "1"},
    "cadence_days": 5,
    "latency_days": 1,
    "licence": "none",
    "attribution": "made",
    "citation": "made",
}


def corridor() -> Corridor:
    """Rows 2 to 17 of the grid; the rest is never kept."""
    inside = np.zeros(SHAPE, bool)
    inside[2:18] = True
    return Corridor(GRID, inside)


class Folder:
    """A driver over the files of the world; counts what it loads and can be made to fail."""

    def __init__(self) -> None:
        self.loaded: list[str] = []
        self.searched: list[tuple[pd.Timestamp, pd.Timestamp]] = []
        self.broken: set[str] = set()
        self.unreachable = False
        self.incomplete = False
        self.at_load: Any = None

    def find_passes(
        self,
        source: Any,
        region: Region,
        corridor: Corridor,
        start: pd.Timestamp,
        end: pd.Timestamp,
        known: Mapping[str, str] | None = None,
    ) -> tuple[list[PassRef], list[Skipped]]:
        if self.unreachable:
            raise SourceError(f"{source.name}: the catalogue does not answer")
        self.searched.append((start, end))
        refs = []
        for file in sorted(source.path.glob("*.tif")):
            day, _, rest = file.stem.partition("_")
            time = pd.Timestamp(day, tz="UTC") + pd.Timedelta(hours=3)
            if start <= time <= end:
                pass_id = f"{source.name}-sat-{time:%Y%m%d}-{rest}"
                latency = pd.Timedelta(days=source.latency_days)
                digest = hashlib.sha256(file.read_bytes()).hexdigest()
                refs.append(PassRef(pass_id, source.name, time, time + latency, (str(file),), digest))  # type: ignore[arg-type]
        return refs, [Skipped(source.name, "a page was not read")] if self.incomplete else []

    def load_pass(self, ref: PassRef, source: SceneSource, corridor: Corridor) -> xr.Dataset:
        self.loaded.append(ref.pass_id)
        if self.at_load is not None:
            self.at_load(ref)
        if ref.pass_id in self.broken:
            raise SourceError("the tile is cut short; asked for it 4 times")
        with rasterio.open(str(ref.items[0])) as file:
            share, clear = file.read()
        attrs = {
            "crs": CRS,
            "transform": tuple(GRID.transform)[:6],
            "pass_id": ref.pass_id,
            "scene_ids": [Path(str(ref.items[0])).name],
            "source": source.name,
            "sensor": source.sensor,
            "platform": "sat",
            "time": ref.time.isoformat(),
            "available_at": ref.available_at.isoformat(),
            "geo_rmse_m": source.geo_rmse_m,
            "native_m": source.pixel_m,
            "items_hash": ref.items_hash,
        }
        return xr.Dataset({"green": (("y", "x"), share), "clear": (("y", "x"), clear > 0)}, attrs=attrs)


def classify(
    scene: xr.Dataset, corridor: Corridor, rules: SceneRules, reference: WaterReference | None
) -> WaterPass | Unusable:
    """Take the share that the file holds; with a reference, note that there was one."""
    clear = scene["clear"].to_numpy()
    clear_share = float(clear[corridor.inside].mean())
    if clear_share < rules.min_clear_share:
        return Unusable(f"only {clear_share:.0%} of the corridor is clear, needed are {rules.min_clear_share:.0%}")
    percent = np.where(clear, np.rint(100 * scene["green"].to_numpy()), 255).astype(np.uint8)
    facts = {
        "clear_share": clear_share,
        "shift_x_m": 0.0,
        "shift_y_m": 0.0,
        "shift_measured": reference is not None,
        "shift_error_m": 2.0 if reference is not None else None,
    }
    return WaterPass(percent, facts)


@dataclasses.dataclass
class World:
    """A region on the disk, its store, and the driver."""

    base: Path
    driver: Folder = dataclasses.field(default_factory=Folder)
    rules: dict[str, Any] = dataclasses.field(default_factory=dict)
    seasons: tuple[Season, ...] = (DRY, FLOOD)
    sources: list[str] = dataclasses.field(default_factory=list)
    gauges: tuple[str, ...] = ()
    corridor: Corridor = dataclasses.field(default_factory=corridor)
    store_name: str = "store"

    @property
    def store(self) -> Path:
        return self.base / self.store_name

    @property
    def region(self) -> Region:
        return Region(
            name="made",
            title={"vi": "Sông mẫu", "en": "Made river"},
            description="A made river.",
            simulated=True,
            timezone="UTC",
            crs=CRS,
            pixel_m=10,
            reaches=(Reach(name="made", upstream=(105.0, 10.8)),),
            water=tuple(self.sources),
            gauges=self.gauges,
            seasons=self.seasons,
            scenes=SceneRules(**{"since": "2020-01-01", "min_looks": 3, **self.rules}),
            model="made",
            path=self.base / "made.yaml",
            sources={name: load_source(name, self.base / "made.yaml") for name in (*self.sources, *self.gauges)},
        )

    def source(self, name: str = "s2", *, sensor: str = "optical", pixel_m: float = 10, geo_rmse_m: float = 5) -> World:
        entry = {**SOURCE, "name": name, "path": name, "sensor": sensor, "pixel_m": pixel_m, "geo_rmse_m": geo_rmse_m}
        if sensor == "radar":
            entry |= {"bands": {"vv": "1", "vh": "2"}, "units": {"backscatter": "1"}}
        (self.base / name).mkdir()
        (self.base / name / "README").write_text("Made scenes; there may be none.")
        (self.base / f"{name}.yaml").write_text(yaml.safe_dump(entry), "utf-8")
        self.sources.append(name)
        return self

    def scene(
        self,
        day: str,
        share: float | NDArray[Any] = 1.0,
        clear: bool | NDArray[Any] = True,
        source: str = "s2",
        orbit: str = "1",
    ) -> str:
        """Write a scene; return the id of its pass."""
        bands = np.stack([np.broadcast_to(np.asarray(b, np.float32), SHAPE) for b in (share, clear)])
        profile = {"driver": "GTiff", "count": 2, "height": SHAPE[0], "width": SHAPE[1], "dtype": "float32"}
        path = self.base / source / f"{day}_{orbit}.tif"
        with rasterio.open(path, "w", crs=CRS, transform=GRID.transform, **profile) as file:
            file.write(bands)
        return f"{source}-sat-{day.replace('-', '')}-{orbit}"

    def night(self, as_of: str, **options: Any) -> list[Skipped]:
        now = options.pop("now", pd.Timestamp(as_of, tz="UTC") + pd.Timedelta(hours=20))
        options = {"drivers": {"scene_folder": self.driver}, "to_water": classify, "processing": 1, **options}
        return refresh(self.region, self.corridor, self.store, as_of, now, **options)


def read(world: World, as_of: str, gauges: pd.DataFrame = NO_GAUGE) -> tuple[xr.Dataset, list[Skipped]]:
    """The water product of a world as of a date, and what was left out."""
    return read_composites(world.region, world.corridor, world.store, as_of, gauges)


def at_here(water: xr.Dataset, name: str, epoch: int = -1) -> float:
    """A variable of an epoch at :data:`HERE`."""
    return float(water[name][epoch, HERE[0], HERE[1]])


def bend_at(east_px: float) -> np.ndarray:
    """Water share of a bending river that lies so many pixels further east."""
    y, x = np.mgrid[0:220, 0:260]
    return np.clip(20.5 - np.abs(y - 110 - 40 * np.sin((x - east_px) / 40)), 0, 1)


def scenes_by_hand(tmp_path: Path, scenes: list[tuple[str, float]]) -> World:
    """Files of a bending river on some days, for the project's own reader and water."""
    world = World(tmp_path, seasons=(DRY,), sources=["hand"])
    grid = Grid(CRS, GRID.transform, 260, 220)
    y, x = np.mgrid[0:220, 0:260]
    world.corridor = Corridor(grid, np.abs(y - 110 - 40 * np.sin(x / 40)) < 60)
    (tmp_path / "hand").mkdir()
    rng = np.random.default_rng(1)
    for day, east in scenes:
        water = bend_at(east)
        bands = [a * water + b * (1 - water) for a, b in ((0.08, 0.07), (0.03, 0.30), (0.01, 0.25))]
        profile = {"driver": "GTiff", "count": 3, "height": 220, "width": 260, "dtype": "uint16", "crs": CRS}
        with rasterio.open(tmp_path / "hand" / f"{day}.tif", "w", transform=grid.transform, **profile) as file:
            noisy = np.array(bands) + rng.normal(0, 0.005, (3, 220, 260))
            file.write(np.clip(10_000 * noisy, 1, None).astype(np.uint16))
    files = {"green": "1", "nir": "2", "swir16": "3"}
    entry = {**SOURCE, "name": "hand", "path": "hand", "files": "*.tif", "bands": files, "scale": 1e-4, "nodata": 0}
    entry |= {"sensor": "optical", "pixel_m": 10, "geo_rmse_m": 5}
    (tmp_path / "hand.yaml").write_text(yaml.safe_dump(entry))
    return world


def gauge(levels: dict[str, float], gauge_id: str = "g", late_days: float = 1, qc: str = "good") -> pd.DataFrame:
    """Water levels [m] by time, as a gauge series."""
    return gauge_rows(list(levels), list(levels.values()), gauge_id=gauge_id, latency=f"{late_days}D", qc=qc)


def stored(world: World, source: str = "s2") -> dict[str, PassRecord]:
    """Every stored record of a source by the name of its file."""
    return {record.path.stem: record for record in records(world.store, world.region, source)}


def store_files(store: Path) -> dict[str, bytes]:
    """Everything in a store but when it was first seen and searched."""
    found = {}
    for path in sorted(store.rglob("*")):
        if path.is_file() and path.name not in (".lock", "search.json"):
            content = path.read_bytes()
            if path.suffix == ".json":
                record = json.loads(content)
                record.pop("seen_at", None)
                content = json.dumps(record).encode()
            found[path.relative_to(store).as_posix()] = content
    return found
