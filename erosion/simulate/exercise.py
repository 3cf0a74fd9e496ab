"""An exercise for An Giang: a piece of the Hậu, simulated, with everything a region needs to run on it.

What is written is labelled :data:`erosion.simulate.items.LABEL` in every file that can hold a label. The river's course
is the provisional line of ``erosion/datasets/an_giang``, smoothed; its banks, its erosion and its pictures are made up.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from affine import Affine
from numpy.typing import NDArray

from erosion.grid import Grid
from erosion.simulate.archive import write_catalog, write_scene
from erosion.simulate.centre_line import smooth_line
from erosion.simulate.items import LABEL, landsat_item, sentinel1_item, sentinel2_item
from erosion.simulate.plan import OFFSET_FROM, REPROCESSED, Look, baseline_of, looks
from erosion.simulate.river import River, make_river
from erosion.simulate.sensors import Picture, cloud_percent, see_landsat, see_sentinel1, see_sentinel2

NAME: Final = "an_giang_exercise"
DATA: Final = Path(__file__).resolve().parents[1] / "datasets" / "an_giang"
CRS: Final = "EPSG:32648"
LAST_YEAR: Final = 2025
GAUGE_ZERO_M: Final = 0.9
"""Low water of the dry season on the exercise's gauge [m]."""
AREA_WIDTH_M: Final = 1000.0

_RIVER: Final = "Hau (Bassac)"
_FROM_KM: Final = 42.0  # two bends and a straight reach below Châu Đốc
_SMOOTH_M: Final = 500.0
_WIDTH_M: Final = 500.0
_RIM_M: Final = 150.0
_OVERLAP: Final = 100  # rows that two neighbouring tiles share, either side of their seam
_TILES: Final = ("48PWT", "48PWS")
_TWO_TILES: Final = 18  # relative orbit whose pictures come in two tiles


@dataclass(frozen=True, eq=False)
class Stage:
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
    say: Callable[[str], None] = print,
    length_km: float = 13.0,
    density: float = 1.0,
    catalog: str = "catalog/catalog.json",
) -> Path:
    """Write the exercise: scenes with their catalogue, gauge, communes, region and source files, and the truth.

    Parameters
    ----------
    out
        Folder to write to; made where it is not there. Files of an earlier exercise are written over.
    years
        Whole years, the last of them :data:`LAST_YEAR`.
    seed
        The same seed gives the same bytes.
    say
        Told about the progress.
    length_km
        Length of the river [km].
    density
        Times as many pictures as usual, for shorter or fuller series.
    catalog
        Address under which the region looks for the catalogue; by default the files themselves.

    Returns
    -------
    Path
        The region file, to be given to :func:`erosion.region.load_region`.

    Raises
    ------
    ValueError
        Where there is no year, the river is too short or too long for the line, or ``out`` holds other scenes.
    """
    if years < 1:
        raise ValueError(f"years is {years}; an exercise needs at least one")
    first_year = LAST_YEAR + 1 - years
    planned = looks(first_year, years, seed, density=density)
    if not planned:
        raise ValueError("no picture is planned; raise density")
    _make_room(out)
    say(f"{LABEL}: {length_km:g} km of the Hậu, {first_year}-{LAST_YEAR}, {len(planned)} pictures -> {out}")
    stage = set_stage(first_year, years, seed, length_km)
    rows: list[dict[str, Any]] = []
    for number, look in enumerate(planned, start=1):
        rows.extend(_shoot(out / "catalog", stage, look))
        if number % 10 == 0 or number == len(planned):
            say(f"  {number} of {len(planned)} pictures")
    title = f"{length_km:g} km of the Hậu, An Giang"
    write_catalog(out / "catalog", title, "Satellite scenes of a simulated river; no satellite took them.")
    _write_truth(out / "truth", stage.river, rows)
    _write_gauge(out, stage.river)
    _write_communes(out, stage.river)
    return _write_descriptions(out, stage.river, first_year, catalog)


def set_stage(first_year: int, years: int, seed: int, length_km: float) -> Stage:
    """River and grids of the exercise."""
    from rasterio.features import geometry_mask

    river = make_river(
        smooth_line(_drawn_line(length_km), _SMOOTH_M),
        years=years,
        start=first_year,
        seed=seed,
        width_m=_WIDTH_M,
        crs=CRS,
        erosion_m_per_y=12.0,
        failures_per_km=0.5,
    )
    wide = _centre_line(river).buffer(AREA_WIDTH_M + _RIM_M)
    grid = _covering(wide.bounds, 10.0, 60.0, 0.0)
    # Landsat's pixel corners lie on odd multiples of 15 m.
    landsat = _covering(wide.bounds, 30.0, 30.0, 15.0)
    within, landsat_within = (
        geometry_mask([wide], g.shape, g.transform, all_touched=True, invert=True) for g in (grid, landsat)
    )
    return Stage(river, grid, landsat, within, landsat_within)


def _drawn_line(length_km: float) -> NDArray[np.float64]:
    """Piece of the provisional line of the Hậu [m], longer than the river by what smoothing takes off."""
    import geopandas as gpd
    from shapely.ops import substring

    lines = gpd.read_file(DATA / "river_lines.geojson").to_crs(CRS)
    line = lines.loc[lines["river"] == _RIVER, "geometry"].iloc[0]
    end_m = (_FROM_KM + length_km) * 1000.0
    if length_km < 4.0 or end_m > line.length:
        longest = line.length / 1000.0 - _FROM_KM
        raise ValueError(f"length_km is {length_km:g}; the exercise can be 4 to {longest:.0f} km long")
    return np.asarray(substring(line, _FROM_KM * 1000.0, end_m).coords)


def _centre_line(river: River) -> Any:
    from shapely.geometry import LineString

    inside = river.line.inside
    return LineString(np.column_stack([river.line.x[inside], river.line.y[inside]]))


def _covering(bounds: tuple[float, float, float, float], pixel: float, block: float, corner: float) -> Grid:
    """Grid that covers bounds, its edges on whole multiples of ``block`` from ``corner`` [m]."""
    left, bottom, right, top = bounds
    x0, y0 = (corner + block * np.floor((low - corner) / block) for low in (left, bottom))
    x1, y1 = (corner + block * np.ceil((high - corner) / block) for high in (right, top))
    transform = Affine(pixel, 0.0, float(x0), 0.0, -pixel, float(y1))
    return Grid(CRS, transform, round((x1 - x0) / pixel), round((y1 - y0) / pixel))


def _shoot(folder: Path, stage: Stage, look: Look) -> list[dict[str, Any]]:
    """Take a picture and put it into the catalogue; one row for each item, for the truth."""
    rng = np.random.default_rng(look.seed)
    river = stage.river
    if look.sensor == "sentinel2":
        picture = see_sentinel2(river, look.time, stage.grid, rng, cloud_cover=look.cloud_cover, shift_m=look.shift_m)
        names = _put_sentinel2(folder, stage, look, picture)
    elif look.sensor == "landsat":
        picture = see_landsat(
            river, look.time, stage.landsat_grid, rng, cloud_cover=look.cloud_cover, shift_m=look.shift_m
        )
        picture["qa_pixel"][~stage.landsat_within] = 1
        item = landsat_item(
            stage.landsat_grid,
            look.time,
            number=int(look.platform),
            path_row="126053",
            cloud_percent=cloud_percent(picture),
            published=look.published,
        )
        write_scene(folder, item, picture, stage.landsat_grid, stage.landsat_within)
        names = [(item["id"], look.published)]
    else:
        picture = see_sentinel1(river, look.time, stage.grid, rng, shift_m=look.shift_m)
        # A repeat cycle of twelve days has 175 orbits, whose numbering starts with the 73rd of the first cycle.
        cycle = (look.time - pd.Timestamp("2014-04-03", tz="UTC")) // pd.Timedelta(days=12)
        item = sentinel1_item(
            stage.grid,
            look.time,
            platform=look.platform,
            orbit=look.orbit,
            ascending=look.time.hour < 12,
            absolute_orbit=175 * int(cycle) + look.orbit + 72,
        )
        write_scene(folder, item, picture, stage.grid, stage.within)
        names = [(item["id"], look.published)]
    return [
        {
            "item": name,
            "sensor": look.sensor,
            "time": look.time,
            "published": published,
            "cloud_cover": look.cloud_cover,
            "shift_east_m": look.shift_m[0],
            "shift_north_m": look.shift_m[1],
            "stage_m": round(river.stage(look.time), 3),
        }
        for name, published in names
    ]


def _put_sentinel2(folder: Path, stage: Stage, look: Look, picture: Picture) -> list[tuple[str, pd.Timestamp]]:
    """One item, or two tiles that overlap; and the same again where the scene was processed twice."""
    picture["scl"][~stage.within[1::2, 1::2]] = 0
    baseline, applied = baseline_of(look.time)
    editions = [(0, look.published, baseline, applied)]
    if look.reprocessed is not None:
        editions.append((1, look.reprocessed, REPROCESSED, False))
    half = stage.grid.height // 4 * 2
    cuts = (slice(0, half + _OVERLAP), slice(half - _OVERLAP, stage.grid.height))
    tiles = list(zip(_TILES, cuts, strict=True)) if look.orbit == _TWO_TILES else [(_TILES[1], slice(0, None))]
    put = []
    for sequence, published, edition, taken_off in editions:
        added = 1000 if float(edition) >= OFFSET_FROM and not taken_off else 0
        for tile, rows in tiles:
            part = {band: _cut(values, rows, stage.grid, added) for band, values in picture.items()}
            start, stop, _ = rows.indices(stage.grid.height)
            t = stage.grid.transform
            corner = Affine(t.a, 0.0, t.c, 0.0, t.e, t.f + start * t.e)
            grid = Grid(CRS, corner, stage.grid.width, stop - start)
            item = sentinel2_item(
                grid,
                look.time,
                platform=look.platform,
                tile=tile,
                orbit=look.orbit,
                baseline=edition,
                offset_applied=taken_off,
                cloud_percent=cloud_percent(part),
                published=published,
                sequence=sequence,
            )
            write_scene(folder, item, part, grid, stage.within[rows])
            put.append((item["id"], published))
    return put


def _cut(values: NDArray[Any], rows: slice, grid: Grid, added: int) -> NDArray[Any]:
    """Rows of a tile, in the band's own pixels, with the offset of its edition."""
    factor = grid.height // values.shape[0]
    start, stop, _ = rows.indices(grid.height)
    part = values[start // factor : stop // factor]
    return np.asarray(part + values.dtype.type(added)) if values.dtype == np.uint16 else part


def _make_room(out: Path) -> None:
    """Take away the scenes of an earlier exercise, and only those."""
    import shutil

    catalog = out / "catalog"
    if catalog.exists():
        label = catalog / "catalog.json"
        if not label.is_file() or LABEL not in label.read_text("utf-8"):
            raise ValueError(f"{catalog} holds something that is no exercise; give another folder")
        shutil.rmtree(catalog)
    out.mkdir(parents=True, exist_ok=True)


def _write_truth(folder: Path, river: River, rows: list[dict[str, Any]]) -> None:
    """What nobody knows of a real river: banks on each 1 February, failures, protected banks, errors of the scenes."""
    import geopandas as gpd

    folder.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_csv(folder / "scenes.csv", index=False)
    river.failures.to_csv(folder / "failures.csv", index=False, float_format="%.2f")
    pd.DataFrame([vars(r) for r in river.revetments], columns=["bank", "start_m", "end_m"]).round(1).to_csv(
        folder / "revetments.csv", index=False
    )
    dates = [pd.Timestamp(f"{river.first_year + k}-02-01", tz="UTC") for k in range(river.years)]
    lines = [
        {"label": LABEL, "date": f"{date:%Y-%m-%d}", "bank": bank, "geometry": river.bank_line(date, bank)}
        for date in dates
        for bank in river.banks
    ]
    gpd.GeoDataFrame(lines, geometry="geometry", crs=CRS).to_crs("EPSG:4326").to_file(
        folder / "banks.geojson", driver="GeoJSON", COORDINATE_PRECISION=7
    )


def _write_gauge(out: Path, river: River) -> None:
    """Stage every morning at seven, local time, on the gauge's datum."""
    days = river.hydrograph.days[:-1]
    stage = [river.stage(day) + GAUGE_ZERO_M for day in days]  # midnight UTC is seven o'clock in Việt Nam
    table = pd.DataFrame({"time": days.tz_convert("Asia/Ho_Chi_Minh").strftime("%Y-%m-%d %H:%M"), "stage_m": stage})
    table["note"] = LABEL
    table.round(2).to_csv(out / f"{NAME}_gauge.csv", index=False)


def _write_communes(out: Path, river: River) -> None:
    """Communes that the river's corridor touches."""
    import geopandas as gpd

    communes = gpd.read_file(DATA / "communes.geojson")
    corridor = _centre_line(river).buffer(AREA_WIDTH_M)
    near = communes[communes.to_crs(CRS).intersects(corridor)].assign(label=LABEL)
    near.to_file(out / "communes.geojson", driver="GeoJSON", COORDINATE_PRECISION=5)


def _write_descriptions(out: Path, river: River, first_year: int, catalog: str) -> Path:
    import geopandas as gpd

    line = gpd.GeoSeries([_centre_line(river)], crs=CRS).to_crs("EPSG:4326")
    area = gpd.GeoDataFrame({"label": [LABEL], "river": ["Sông Hậu"]}, geometry=line)
    area.to_file(out / f"{NAME}_area.geojson", driver="GeoJSON", COORDINATE_PRECISION=6)
    lon, lat = line.iloc[0].coords[0]
    texts = {
        f"{NAME}.yaml": _REGION.format(
            name=NAME, label=LABEL, lon=lon, lat=lat, first=first_year, last=LAST_YEAR, width=AREA_WIDTH_M
        ),
        f"{NAME}_sentinel2.yaml": _SENTINEL2.format(name=NAME, label=LABEL, catalog=json.dumps(catalog)),
        f"{NAME}_landsat.yaml": _LANDSAT.format(name=NAME, label=LABEL, catalog=json.dumps(catalog)),
        f"{NAME}_sentinel1.yaml": _SENTINEL1.format(name=NAME, label=LABEL, catalog=json.dumps(catalog)),
        f"{NAME}_gauge.yaml": _GAUGE.format(name=NAME, label=LABEL, lon=lon, lat=lat, zero=GAUGE_ZERO_M),
        "README.md": _README.format(label=LABEL, first=first_year, last=LAST_YEAR, zero=GAUGE_ZERO_M),
    }
    for name, text in texts.items():
        (out / name).write_text(text, "utf-8")
    return out / f"{NAME}.yaml"


_REGION: Final = """\
# {label}
name: {name}
title: {{vi: An Giang (MÔ PHỎNG), en: An Giang (SIMULATED)}}
description: >-
  {label}: an exercise. The course is the provisional line of the Hậu, smoothed; banks, erosion, water levels and
  satellite scenes of {first} to {last} are made by a computer. Nothing here says anything about the real river.
simulated: true
timezone: Asia/Ho_Chi_Minh
crs: EPSG:32648
export_crs: EPSG:9208
pixel_m: 10
reach: hau_exercise
upstream: [{lon:.6f}, {lat:.6f}]
area: {{path: {name}_area.geojson, width_m: {width:g}}}
seasons:
  - {{name: dry, months: [1, 2, 3, 4]}}
  - {{name: post_flood, months: [11, 12]}}
scenes: {{since: "{first}-01-01"}}
water: [{name}_sentinel2, {name}_landsat, {name}_sentinel1]
gauges: [{name}_gauge]
segments: {{length_m: 100, corridor_m: 300}}
targets:
  - {{name: 1y, horizon_days: 365, threshold_m: 10}}
  - {{name: 2y, horizon_days: 730, threshold_m: 20}}
model: {name}
"""

_COMMON: Final = """\
licence: CC0-1.0 (made by a computer)
attribution: "{label}"
citation: "{label}: erosion.simulate"
"""

_SENTINEL2: Final = (
    """\
# {label}
name: {name}_sentinel2
driver: stac
title: "{label} Sentinel-2 L2A"
sensor: optical
catalog: {catalog}
collection: sentinel-2-l2a
bands: {{blue: [blue], green: [green], red: [red], nir: [nir], swir16: [swir16], swir22: [swir22], quality: [scl]}}
units: {{reflectance: "1"}}
scale: 0.0001
boa_offset: sentinel2
nodata: 0
quality: {{kind: classes, usable: [4, 5, 6, 7]}}
pixel_m: 10
cadence_days: 5
latency_days: 1
available_from: created
geo_rmse_m: 4.3   # 3 m in each axis
"""
    + _COMMON
)

_LANDSAT: Final = (
    """\
# {label}
name: {name}_landsat
driver: stac
title: "{label} Landsat 8-9 Collection 2 Level-2"
sensor: optical
catalog: {catalog}
collection: landsat-c2-l2
bands: {{blue: [blue], green: [green], red: [red], nir: [nir08], swir16: [swir16], swir22: [swir22], quality: [qa_pixel]}}
units: {{reflectance: "1"}}
scale: 0.0000275
offset: -0.2
nodata: 0
quality: {{kind: bits, refuse: [0, 1, 2, 3, 4, 5]}}
pixel_m: 30
cadence_days: 8
latency_days: 8
available_from: created
geo_rmse_m: 7.1   # 5 m in each axis
"""
    + _COMMON
)

_SENTINEL1: Final = (
    """\
# {label}
name: {name}_sentinel1
driver: stac
title: "{label} Sentinel-1 RTC"
sensor: radar
catalog: {catalog}
collection: sentinel-1-rtc
bands: {{vv: [vv], vh: [vh]}}
units: {{backscatter: "1"}}
nodata: -32768
pixel_m: 10
cadence_days: 6
latency_days: 1
geo_rmse_m: 5.7   # 4 m in each axis
"""
    + _COMMON
)

_GAUGE: Final = (
    """\
# {label}
name: {name}_gauge
driver: gauge_csv
title: "{label} water level"
path: {name}_gauge.csv
gauge_id: "{name}"
river: Sông Hậu (mô phỏng)
location: [{lon:.6f}, {lat:.6f}]
distance_downstream_km: 0
columns: {{time: time, stage_m: stage_m}}
units: {{stage_m: m}}
timezone: Asia/Ho_Chi_Minh
datum: "made up: low water of the dry season stands at {zero:g} m"
cadence_days: 1
latency_days: 1
"""
    + _COMMON
)

_README: Final = """\
# {label}

Bài tập. Mọi số liệu trong thư mục này do máy tính tạo ra; không dùng cho cảnh báo thật.

An exercise. Everything in this folder was made by a computer and says nothing about the real Hậu: its course is a
provisional line, smoothed; its banks, erosion, water levels and satellite scenes of {first} to {last} are invented.

- `an_giang_exercise.yaml`: the region, to be given to `erosion run`; the files beside it are its sources.
- `catalog/`: the scenes, a static STAC catalogue. Sentinel-2 changes its processing baseline in 2022 (numbers hold 1000
  more, taken off again by the provider from the end of that year), one scene was processed twice, one lies 33 m off, and
  pictures of relative orbit 18 come in two tiles whose seam is not where a real one is.
- `an_giang_exercise_gauge.csv`: water level at seven in the morning; low water of the dry season stands at {zero:g} m.
- `communes.geojson`: the real communes along the line (© 2021 Thang Le Quoc, MIT; geometry from sapnhap.bando.com.vn).
- `truth/`: what nobody knows of a real river. Banks on each 1 February, failures, protected banks, cloud and position
  error of each scene. It is for checking results, and nothing reads it on the way to one.
"""
