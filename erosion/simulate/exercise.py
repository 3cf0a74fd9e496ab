"""An exercise for An Giang: a piece of the Hậu, simulated, with everything a region needs to run on it.

What is written is labelled :data:`erosion.core.contracts.SIMULATED_NOTICE` in every file that can hold a label. The river's course
is the provisional line of ``data_sources/datasets/an_giang``, smoothed; its banks, its erosion and its pictures are made up.
"""

from __future__ import annotations

import dataclasses
import logging
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.features import geometry_mask
from shapely.ops import substring
from tqdm import tqdm

from erosion.config.region import load_region
from erosion.core.arrays import UNOBSERVED
from erosion.core.contracts import SIMULATED_NOTICE
from erosion.core.raster.grid import Grid
from erosion.forecast.training import train_release
from erosion.simulate.exercise_files import (
    AREA_WIDTH_M,
    CRS,
    DATA,
    NAME,
    centre_line,
    write_communes,
    write_descriptions,
    write_gauge,
    write_rain,
    write_truth,
)
from erosion.simulate.exercise_places import write_places
from erosion.simulate.river.centre_line import smooth_line
from erosion.simulate.river.river import River, make_river
from erosion.simulate.scenes.archive import write_catalog, write_scene
from erosion.simulate.scenes.items import landsat_item, sentinel1_item, sentinel2_item
from erosion.simulate.scenes.plan import OFFSET_FROM, Acquisition, acquisitions, baseline_of
from erosion.simulate.scenes.sensors import (
    Picture,
    cloud_percent,
    simulate_landsat,
    simulate_sentinel1,
    simulate_sentinel2,
)

_log = logging.getLogger(__name__)

LAST_YEAR: Final = 2025

EARLIER_YEARS: Final = 16
"""Years before the first scene of which there is one map of the river each, as an older survey would have left it: a
forecast needs a record to learn from."""

_MAP_ERROR_M: Final = 3.0  # of a map's position, each axis

_RIVER: Final = "Hau (Bassac)"
_FROM_KM: Final = 42.0  # two bends and a straight reach below Châu Đốc
_SMOOTH_M: Final = 500.0
_WIDTH_M: Final = 500.0
_RIM_M: Final = 150.0
_OVERLAP: Final = 100  # rows that two neighbouring tiles share, either side of their seam
_TILES: Final = ("48PWT", "48PWS")
_TWO_TILES: Final = 18  # relative orbit whose pictures come in two tiles


@dataclass(frozen=True, eq=False)
class Setting:
    """Where the exercise plays: the river, the grids of its pictures, and the pixels that are kept."""

    river: River
    grid: Grid
    landsat_grid: Grid
    within: NDArray[np.bool_]
    landsat_within: NDArray[np.bool_]


def make_exercise(
    out: Path,
    *,
    years: int = 6,
    seed: int = 20,
    length_km: float = 12.0,
    density: float = 1.0,
    catalog: str = "catalog/catalog.json",
    again: bool = False,
    train: bool = False,
) -> Path:
    """Return the region file of an exercise written here: scenes with their catalogue, older maps, gauge, rain, communes
    and other reference layers, region and source files, the truth.

    Parameters
    ----------
    out
        Folder to write to: a new or an empty one. It appears whole or not at all.
    years
        Whole years, the last of them :data:`LAST_YEAR`.
    seed
        The same seed gives the same bytes.
    length_km
        Length of the river [km].
    density
        Times as many pictures as usual, for shorter or fuller series.
    catalog
        Address under which the region looks for the catalogue; by default the files themselves.
    again
        Make an exercise that is in the folder anew; what else lies there stays.
    train
        Train its model too, see :func:`train_exercise`.

    Returns
    -------
    Path
        The region file, to be given to :func:`erosion.config.region.load_region`.

    Raises
    ------
    ValueError
        Where there is no year, the river is too short or too long for the line, or ``out`` holds something else, or an
        exercise while ``again`` is not given, or one with products.
    """
    if years < 1:
        raise ValueError(f"years is {years}; an exercise needs at least one")
    first_year = LAST_YEAR + 1 - years
    planned = acquisitions(first_year, years, seed, density=density)
    if not planned:
        raise ValueError("no picture is planned; raise density")
    out = out.resolve()
    _check_room(out, again)
    setting = set_stage(first_year, years, seed, length_km)
    title = f"{length_km:g} km of the Hậu, An Giang"
    _log.info(
        f"{SIMULATED_NOTICE}: {length_km:g} km of the Hậu, {first_year}-{LAST_YEAR}, {len(planned)} pictures -> {out}"
    )
    # Made beside and renamed: whoever stops it leaves what was there before.
    made = out.parent / f".tmp-{out.name}"
    shutil.rmtree(made, ignore_errors=True)
    try:
        for folder in ("catalog", "store"):
            (made / folder).mkdir(parents=True)
        rows: list[dict[str, Any]] = []
        for number, acquisition in enumerate(
            tqdm(planned, desc=SIMULATED_NOTICE, unit="picture", disable=None), start=1
        ):
            rows.extend(_write_scenes(made / "catalog", setting, acquisition))
            if number % 10 == 0 or number == len(planned):
                _log.info(f"  {number} of {len(planned)} pictures")
        write_catalog(made / "catalog", title, "Satellite scenes of a simulated river; no satellite took them.")
        _write_maps(made / "maps", setting, first_year, seed)
        write_truth(made / "truth", setting.river, rows)
        write_gauge(made, setting.river)
        write_rain(made, setting.river)
        write_communes(made, setting.river)
        write_places(made, NAME, setting.river, CRS)
        region = write_descriptions(made, setting.river, first_year, catalog)
        if train:
            train_exercise(region)
        _put(made, out)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return out / region.name


def train_exercise(region_file: Path) -> Path:
    """Return the release trained on what was known before the first scene; it goes into ``models`` beside the region.

    Returns
    -------
    Path
        The release.

    Raises
    ------
    erosion.forecast.model.TrainingError
        Where too little happened on the simulated river to learn from.
    """
    region = load_region(region_file)
    until = pd.Timestamp(region.scenes.since)
    # Before the first scene the maps are all there is: without the scenes no message asks to fetch them.
    region = dataclasses.replace(region, water=tuple(source.name for source in region.mask_sources))
    models = region_file.parent / "models"
    shutil.rmtree(models / f"{region.model}-{until:%Y%m%d}", ignore_errors=True)
    models.mkdir(exist_ok=True)
    return train_release(region, until, models=models)


def set_stage(first_year: int, years: int, seed: int, length_km: float) -> Setting:
    """River and grids of the exercise; the river is known :data:`EARLIER_YEARS` before the first scene."""
    river = make_river(
        smooth_line(_drawn_line(length_km), _SMOOTH_M),
        years=years + EARLIER_YEARS,
        start=first_year - EARLIER_YEARS,
        seed=seed,
        width_m=_WIDTH_M,
        crs=CRS,
        erosion_m_per_y=12.0,
        failures_per_km=0.5,
    )
    wide = centre_line(river).buffer(AREA_WIDTH_M + _RIM_M)
    grid = _covering(wide.bounds, 10.0, 60.0, 0.0)
    # Landsat's pixel corners lie on odd multiples of 15 m.
    landsat = _covering(wide.bounds, 30.0, 30.0, 15.0)
    within, landsat_within = (
        geometry_mask([wide], g.shape, g.transform, all_touched=True, invert=True) for g in (grid, landsat)
    )
    return Setting(river, grid, landsat, within, landsat_within)


def _write_maps(folder: Path, setting: Setting, first_year: int, seed: int) -> None:
    """One map of the dry season for each year before the scenes: 1 water, 0 land, 255 beyond the strip."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([seed, 5])
    grid = setting.grid
    profile = {
        "driver": "GTiff",
        "count": 1,
        "dtype": "uint8",
        "nodata": int(UNOBSERVED),
        "compress": "deflate",
        "tiled": True,
    }
    for year in range(first_year - EARLIER_YEARS, first_year):
        east, north = rng.normal(0.0, _MAP_ERROR_M, 2)
        share = setting.river.water_share(f"{year}-03-01", grid, 0.0, (float(east), float(north)))
        water = np.where(setting.within, share >= 0.5, UNOBSERVED).astype(np.uint8)
        path = folder / f"simulated_{year}-03-01.tif"
        with rasterio.open(
            path, "w", width=grid.width, height=grid.height, crs=CRS, transform=grid.transform, **profile
        ) as file:
            file.update_tags(acquisition_date=f"{year}-03-01", label=SIMULATED_NOTICE)
            file.write(water, 1)


def _drawn_line(length_km: float) -> NDArray[np.float64]:
    """Piece of the provisional line of the Hậu [m], longer than the river by what smoothing takes off."""
    lines = gpd.read_file(DATA / "river_lines.geojson").to_crs(CRS)
    line = lines.loc[lines["river"] == _RIVER, "geometry"].iloc[0]
    end_m = (_FROM_KM + length_km) * 1000.0
    if not (length_km >= 4.0 and end_m <= line.length):  # a length that is no number is neither
        longest = line.length / 1000.0 - _FROM_KM
        raise ValueError(f"length_km is {length_km:g}; the exercise can be 4 to {longest:.0f} km long")
    return np.asarray(substring(line, _FROM_KM * 1000.0, end_m).coords)


def _covering(bounds: tuple[float, float, float, float], pixel: float, block: float, corner: float) -> Grid:
    """Grid that covers bounds, its edges on whole multiples of ``block`` from ``corner`` [m]."""
    left, bottom, right, top = bounds
    x0, y0 = (corner + block * np.floor((low - corner) / block) for low in (left, bottom))
    x1, y1 = (corner + block * np.ceil((high - corner) / block) for high in (right, top))
    transform = Affine(pixel, 0.0, float(x0), 0.0, -pixel, float(y1))
    return Grid(CRS, transform, round((x1 - x0) / pixel), round((y1 - y0) / pixel))


def _write_scenes(folder: Path, setting: Setting, acquisition: Acquisition) -> list[dict[str, Any]]:
    """Return one row for each item of a simulated scene, for the truth, after adding the items to the catalogue."""
    rng = np.random.default_rng(acquisition.seed)
    river = setting.river
    if acquisition.sensor == "sentinel2":
        picture = simulate_sentinel2(
            river, acquisition.time, setting.grid, rng, cloud_cover=acquisition.cloud_cover, shift_m=acquisition.shift_m
        )
        names = _put_sentinel2(folder, setting, acquisition, picture)
    elif acquisition.sensor == "landsat":
        picture = simulate_landsat(
            river,
            acquisition.time,
            setting.landsat_grid,
            rng,
            cloud_cover=acquisition.cloud_cover,
            shift_m=acquisition.shift_m,
        )
        picture["qa_pixel"][~setting.landsat_within] = 1
        item = landsat_item(
            setting.landsat_grid,
            acquisition.time,
            number=int(acquisition.platform),
            path_row="126053",
            cloud_percent=cloud_percent(picture),
            published=acquisition.published,
        )
        write_scene(folder, item, picture, setting.landsat_grid, setting.landsat_within)
        names = [(item["id"], acquisition.published)]
    else:
        picture = simulate_sentinel1(river, acquisition.time, setting.grid, rng, shift_m=acquisition.shift_m)
        # A repeat cycle of twelve days has 175 orbits, whose numbering starts with the 73rd of the first cycle.
        cycle = (acquisition.time - pd.Timestamp("2014-04-03", tz="UTC")) // pd.Timedelta(days=12)
        item = sentinel1_item(
            setting.grid,
            acquisition.time,
            platform=acquisition.platform,
            orbit=acquisition.orbit,
            ascending=acquisition.time.hour < 12,
            absolute_orbit=175 * int(cycle) + acquisition.orbit + 72,
        )
        write_scene(folder, item, picture, setting.grid, setting.within)
        names = [(item["id"], acquisition.published)]
    return [
        {
            "item": name,
            "sensor": acquisition.sensor,
            "time": acquisition.time,
            "published": published,
            "cloud_cover": acquisition.cloud_cover,
            "shift_east_m": acquisition.shift_m[0],
            "shift_north_m": acquisition.shift_m[1],
            "stage_m": round(river.stage(acquisition.time), 3),
        }
        for name, published in names
    ]


def _put_sentinel2(
    folder: Path, setting: Setting, acquisition: Acquisition, picture: Picture
) -> list[tuple[str, pd.Timestamp]]:
    """One item, or two tiles that overlap; and the same again where the scene was processed twice."""
    picture["scl"][~setting.within[1::2, 1::2]] = 0
    baseline, applied = baseline_of(acquisition.time)
    editions = [(0, acquisition.published, baseline, applied)]
    if acquisition.reprocessed is not None:
        editions.append((1, acquisition.reprocessed, baseline_of(acquisition.reprocessed)[0], False))
    half = setting.grid.height // 4 * 2
    cuts = (slice(0, half + _OVERLAP), slice(half - _OVERLAP, setting.grid.height))
    tiles = list(zip(_TILES, cuts, strict=True)) if acquisition.orbit == _TWO_TILES else [(_TILES[1], slice(0, None))]
    put = []
    for sequence, published, edition, taken_off in editions:
        added = 1000 if float(edition) >= OFFSET_FROM and not taken_off else 0
        for tile, rows in tiles:
            part = {band: _cut(values, rows, setting.grid, added) for band, values in picture.items()}
            start, stop, _ = rows.indices(setting.grid.height)
            t = setting.grid.transform
            corner = Affine(t.a, 0.0, t.c, 0.0, t.e, t.f + start * t.e)
            grid = Grid(CRS, corner, setting.grid.width, stop - start)
            item = sentinel2_item(
                grid,
                acquisition.time,
                platform=acquisition.platform,
                tile=tile,
                orbit=acquisition.orbit,
                baseline=edition,
                offset_applied=taken_off,
                cloud_percent=cloud_percent(part),
                published=published,
                sequence=sequence,
            )
            write_scene(folder, item, part, grid, setting.within[rows])
            put.append((item["id"], published))
    return put


def _cut(values: NDArray[Any], rows: slice, grid: Grid, added: int) -> NDArray[Any]:
    """Rows of a tile, in the band's own pixels, with the offset of its edition."""
    factor = grid.height // values.shape[0]
    start, stop, _ = rows.indices(grid.height)
    part = values[start // factor : stop // factor]
    return np.asarray(part + values.dtype.type(added)) if values.dtype == np.uint16 else part


def _check_room(out: Path, again: bool) -> None:
    """Refuse a directory that holds something else than an exercise to be made anew."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    label = out / "catalog" / "catalog.json"
    if not label.is_file() or SIMULATED_NOTICE not in label.read_text("utf-8"):
        raise ValueError(f"{out} holds something that is no exercise; give another folder, a new or an empty one")
    if not again:
        raise ValueError(
            f"{out} holds an exercise already; give another folder, or --again to make it anew: its scenes, maps, truth, "
            "models and the store of its observations are then taken away"
        )
    if (out / "products").exists():
        raise ValueError(
            f"{out / 'products'} was made from the exercise that is there; remove it, or give another folder"
        )


def _put(made: Path, out: Path) -> None:
    """Put an exercise in its place; of the one before only files that are not its own are kept."""
    if not out.exists() or not any(out.iterdir()):
        if out.exists():
            out.rmdir()
        made.rename(out)
        return
    own = {out / "catalog", out / "truth", out / "store" / NAME}
    own |= {*(out / "models").glob(f"{NAME}-*"), *(out / "maps").glob("simulated_*.tif")}

    def left(folder: str, names: list[str]) -> list[str]:
        paths = (Path(folder, name) for name in names)
        return [path.name for path in paths if path in own or (made / path.relative_to(out)).is_file()]

    shutil.copytree(out, made, ignore=left, dirs_exist_ok=True)
    before = out.parent / f".tmp-{out.name}-before"
    shutil.rmtree(before, ignore_errors=True)
    out.rename(before)
    made.rename(out)
    shutil.rmtree(before)
    _log.info(f"the exercise that was in {out} is gone: its scenes, maps, truth, models and store")
