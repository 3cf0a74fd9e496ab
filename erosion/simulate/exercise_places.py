"""Reference layers of the exercise: made-up places, roads, buildings, schools and people along its river.

Everything stands on land on the last day of the exercise. Names are numbers, so that none can be taken for a real one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import rasterio
import shapely
from affine import Affine
from rasterio.features import geometry_mask
from scipy.ndimage import gaussian_filter1d, maximum_filter1d

from erosion.core.arrays import FloatArray
from erosion.core.contracts import SIMULATED_NOTICE
from erosion.simulate.river.law import SIDES, SIGN
from erosion.simulate.river.river import River

COVERED_M: Final = 2500.0
"""The layers are complete so far from the centre line [m]."""

PEOPLE_PER_BUILDING: Final = 3.6
"""Size of a household in the delta, roughly; made up like the rest."""

PIXEL_M: Final = 100.0

_ROAD_INLAND_M: Final = 60.0
_ROAD_REACH_M: Final = 300.0  # the road keeps clear of the farthest bank within this distance either side
_TRACK_M: Final = 500.0
_BUILDINGS_PER_KM: Final = 60.0
_SETTLEMENT_EVERY_M: Final = 2000.0


def write_places(out: Path, name: str, river: River, crs: str) -> None:
    """Write the layers beside the region file ``name``: GeoJSON in degrees, a GeoTIFF of people, where they are complete."""
    rng = np.random.default_rng([river.seed, 7])
    inside = river.line.inside
    s = river.line.s[inside]
    banks = river.offsets(f"{river.first_year + river.years - 1}-12-31")[:, inside]
    names: list[dict[str, Any]] = []
    roads: list[dict[str, Any]] = []
    schools: list[dict[str, Any]] = []
    buildings: list[FloatArray] = []
    for side, bank in zip(SIDES, banks, strict=True):
        step = float(s[1] - s[0])
        nodes = round(_ROAD_REACH_M / step)
        farthest = maximum_filter1d(bank, 2 * nodes + 1)
        road = gaussian_filter1d(farthest, nodes / 2.0, mode="nearest") + _ROAD_INLAND_M

        def at(where: Any, inland: Any, side: str = side) -> FloatArray:
            """Return coordinates, shape (n, 2), at chainages and distances from the centre line."""
            return np.column_stack(river.line.xy(np.asarray(where, float), SIGN[side] * np.asarray(inland, float)))

        label = {"L": "tả", "R": "hữu"}[side]
        roads.append(
            _feature(
                shapely.LineString(at(s, road)).simplify(1.0), name=f"Đường bờ {label} (mô phỏng)", kind="secondary"
            )
        )
        centres = np.arange(s[0] + _SETTLEMENT_EVERY_M / 2.0, s[-1], _SETTLEMENT_EVERY_M)
        for centre in centres:
            number = len(schools) + 1
            beside = float(np.interp(centre, s, road))
            start, end = at([centre, centre], [beside, beside + _TRACK_M])
            roads.append(_feature(shapely.LineString([start, end]), name=f"Đường ấp {number} (mô phỏng)", kind="track"))
            for place, kind, along, inland in (
                (f"Ấp Mô Phỏng {number}", "hamlet", 0.0, 120.0),
                (f"Chợ Mô Phỏng {number}", "marketplace", 150.0, 25.0),
                (f"Bến phà Mô Phỏng {number}", "ferry_terminal", 400.0, -20.0),
            ):
                names.append(_feature(shapely.Point(at([centre + along], [beside + inland])[0]), name=place, kind=kind))
            school = shapely.Point(at([centre - 200.0], [beside + 40.0])[0])
            schools.append(_feature(school, name=f"Trường Mô Phỏng {number}"))
        buildings.append(_corners(rng, s, bank, road, centres, at))
    outlines = shapely.polygons(np.concatenate(buildings))
    houses = [_feature(outline) for outline in outlines]
    line = shapely.LineString(np.column_stack([river.line.x[inside], river.line.y[inside]]))
    covered = line.simplify(10.0).buffer(COVERED_M, quad_segs=4)
    for layer, rows in (
        ("names", names),
        ("roads", roads),
        ("buildings", houses),
        ("schools", schools),
        ("covered", [_feature(covered)]),
    ):
        table = gpd.GeoDataFrame(rows, geometry="geometry", crs=crs).to_crs("EPSG:4326")
        table.to_file(out / f"{name}_{layer}.geojson", driver="GeoJSON", COORDINATE_PRECISION=7)
    _write_people(out / f"{name}_population.tif", outlines, covered, crs)


def _corners(
    rng: np.random.Generator, s: FloatArray, bank: FloatArray, road: FloatArray, centres: FloatArray, at: Any
) -> FloatArray:
    """Return the outlines of buildings of one bank, shape (n, 5, 2): most in settlements along the road, some by the water."""
    count = round(_BUILDINGS_PER_KM * (s[-1] - s[0]) / 1000.0)
    settled = rng.random(count) < 0.6
    where = np.where(
        settled, rng.choice(centres, count) + rng.normal(0.0, 250.0, count), rng.uniform(s[0], s[-1], count)
    )
    where = np.clip(where, s[0], s[-1])
    near, far = np.interp(where, s, bank), np.interp(where, s, road)
    by_water = rng.random(count) < 0.3
    inland = np.where(by_water, rng.uniform(near + 12.0, far - 8.0), far + 8.0 + rng.gamma(1.5, 25.0, count))
    length, depth = rng.uniform(7.0, 14.0, (2, count))
    around = np.array([(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5), (-0.5, -0.5)])
    corners = [at(where + length * along, inland + depth * across) for along, across in around]
    return np.stack(corners, axis=1)


def _feature(geometry: Any, **columns: str) -> dict[str, Any]:
    return {**columns, "label": SIMULATED_NOTICE, "geometry": geometry}


def _write_people(path: Path, outlines: Any, covered: Any, crs: str) -> None:
    """Write the people of each pixel, those of a building in the pixel of its middle; -99999 beyond the covered land."""
    left, bottom, right, top = covered.bounds
    x0, y1 = PIXEL_M * np.floor(left / PIXEL_M), PIXEL_M * np.ceil(top / PIXEL_M)
    width, height = int(np.ceil((right - x0) / PIXEL_M)), int(np.ceil((y1 - bottom) / PIXEL_M))
    middle = shapely.centroid(outlines)
    col = ((shapely.get_x(middle) - x0) // PIXEL_M).astype(int)
    row = ((y1 - shapely.get_y(middle)) // PIXEL_M).astype(int)
    people = np.zeros((height, width))
    np.add.at(people, (row, col), PEOPLE_PER_BUILDING)
    transform = Affine(PIXEL_M, 0.0, x0, 0.0, -PIXEL_M, y1)
    beyond = geometry_mask([covered], people.shape, transform, all_touched=True)
    people[beyond] = -99999.0
    profile = {"driver": "GTiff", "count": 1, "dtype": "float32", "nodata": -99999.0, "compress": "deflate"}
    with rasterio.open(path, "w", width=width, height=height, crs=crs, transform=transform, **profile) as file:
        file.update_tags(label=SIMULATED_NOTICE)
        file.write(people.astype(np.float32), 1)
