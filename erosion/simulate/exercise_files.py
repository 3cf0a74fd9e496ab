"""The files of the exercise beside its scenes: region, sources, gauge, rain, communes, and the truth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
from shapely.geometry import LineString

from erosion.core.contracts import SIMULATED_NOTICE
from erosion.core.shipped import shipped
from erosion.simulate.rain import daily_rain
from erosion.simulate.river.river import River

NAME: Final = "an_giang_exercise"
DATA: Final = shipped("data_sources") / "datasets" / "an_giang"
CRS: Final = "EPSG:32648"
GAUGE_ZERO_M: Final = 0.9
"""Low water of the dry season on the exercise's gauge [m]."""
ALARM_LEVELS_M: Final = (3.5, 4.0, 4.5)
"""Alarm 1 to 3 on that gauge [m], made up: a common flood of the simulation just reaches the second."""

AREA_WIDTH_M: Final = 1000.0


def centre_line(river: River) -> LineString:
    """Centre line of the river without its prolongations."""
    inside = river.line.inside
    return LineString(np.column_stack([river.line.x[inside], river.line.y[inside]]))


def write_truth(folder: Path, river: River, rows: list[dict[str, Any]]) -> None:
    """What nobody knows of a real river: banks on each 1 February, failures, protected banks, errors of the scenes."""
    folder.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_csv(folder / "scenes.csv", index=False)
    river.failures.to_csv(folder / "failures.csv", index=False, float_format="%.2f")
    pd.DataFrame([vars(r) for r in river.revetments], columns=["bank", "start_m", "end_m"]).round(1).to_csv(
        folder / "revetments.csv", index=False
    )
    dates = [pd.Timestamp(f"{river.first_year + k}-02-01", tz="UTC") for k in range(river.years)]
    lines = [
        {"label": SIMULATED_NOTICE, "date": f"{date:%Y-%m-%d}", "bank": bank, "geometry": river.bank_line(date, bank)}
        for date in dates
        for bank in river.banks
    ]
    gpd.GeoDataFrame(lines, geometry="geometry", crs=CRS).to_crs("EPSG:4326").to_file(
        folder / "banks.geojson", driver="GeoJSON", COORDINATE_PRECISION=7
    )


def write_gauge(out: Path, river: River) -> None:
    """Stage every morning at seven, local time, on the gauge's datum."""
    days = river.hydrograph.days[:-1]
    stage = river.hydrograph.stage_m[:-1] + GAUGE_ZERO_M  # midnight UTC is seven o'clock in Việt Nam
    table = pd.DataFrame({"time": days.tz_convert("Asia/Ho_Chi_Minh").strftime("%Y-%m-%d %H:%M"), "stage_m": stage})
    table["note"] = SIMULATED_NOTICE
    table.round(2).to_csv(out / f"{NAME}_gauge.csv", index=False)


def write_rain(out: Path, river: River) -> None:
    """Rain of each day, local time. The river does not know of it: it has a generator of its own."""
    days = river.hydrograph.days[:-1]
    rain = daily_rain(days, np.random.default_rng([river.seed, 6]))
    table = pd.DataFrame({"time": days.strftime("%Y-%m-%d 00:00"), "rain_mm": rain, "note": SIMULATED_NOTICE})
    table.to_csv(out / f"{NAME}_rain.csv", index=False)


def write_communes(out: Path, river: River) -> None:
    """Communes that the river's corridor touches."""
    communes = gpd.read_file(DATA / "communes.geojson")
    corridor = centre_line(river).buffer(AREA_WIDTH_M)
    near = communes[communes.to_crs(CRS).intersects(corridor)].assign(label=SIMULATED_NOTICE)
    near.to_file(out / "communes.geojson", driver="GeoJSON", COORDINATE_PRECISION=5)


def write_descriptions(out: Path, river: River, first_year: int, catalog: str) -> Path:
    """Region, sources, area and a readme; returns the region's file."""
    line = gpd.GeoSeries([centre_line(river)], crs=CRS).to_crs("EPSG:4326")
    area = gpd.GeoDataFrame({"label": [SIMULATED_NOTICE], "river": ["Sông Hậu"]}, geometry=line)
    area.to_file(out / f"{NAME}_area.geojson", driver="GeoJSON", COORDINATE_PRECISION=6)
    lon, lat = line.iloc[0].coords[0]
    last_year = river.first_year + river.years - 1
    texts = {
        f"{NAME}.yaml": _REGION.format(
            name=NAME,
            label=SIMULATED_NOTICE,
            lon=lon,
            lat=lat,
            first=first_year,
            last=last_year,
            width=AREA_WIDTH_M,
            common=_LAYER.format(name=NAME, label=SIMULATED_NOTICE),
        ),
        f"{NAME}_maps.yaml": _MAPS.format(name=NAME, label=SIMULATED_NOTICE),
        f"{NAME}_sentinel2.yaml": _SENTINEL2.format(name=NAME, label=SIMULATED_NOTICE, catalog=json.dumps(catalog)),
        f"{NAME}_landsat.yaml": _LANDSAT.format(name=NAME, label=SIMULATED_NOTICE, catalog=json.dumps(catalog)),
        f"{NAME}_sentinel1.yaml": _SENTINEL1.format(name=NAME, label=SIMULATED_NOTICE, catalog=json.dumps(catalog)),
        f"{NAME}_gauge.yaml": _GAUGE.format(
            name=NAME, label=SIMULATED_NOTICE, lon=lon, lat=lat, zero=GAUGE_ZERO_M, alarms=list(ALARM_LEVELS_M)
        ),
        f"{NAME}_rain.yaml": _RAIN.format(name=NAME, label=SIMULATED_NOTICE, lon=lon, lat=lat),
        "README.md": _README.format(
            baseline=_BASELINE_2022 if first_year <= 2022 else "",
            far="one lies 33 m off, " if last_year > first_year else "",
            label=SIMULATED_NOTICE,
            first=first_year,
            last=last_year,
            zero=GAUGE_ZERO_M,
            alarms=" / ".join(f"{level:g}" for level in ALARM_LEVELS_M),
        ),
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
reaches:
  - name: hau_exercise
    title: {{vi: Sông Hậu, en: Hậu River}}
    upstream: [{lon:.6f}, {lat:.6f}]
    area: {{path: {name}_area.geojson, width_m: {width:g}}}
    gauges: [{name}_gauge, {name}_rain]
seasons:
  - {{name: dry, months: [1, 2, 3, 4]}}
  - {{name: post_flood, months: [11, 12]}}
scenes: {{since: "{first}-01-01"}}
water: [{name}_maps, {name}_sentinel2, {name}_landsat, {name}_sentinel1]
gauges: [{name}_gauge, {name}_rain]
segments: {{length_m: 100, corridor_m: 300}}
targets:
  - {{name: 1y, horizon_days: 365, threshold_m: 10}}
  - {{name: 2y, horizon_days: 730, threshold_m: 20}}
model: {name}
places:
  communes:
    path: communes.geojson
    title: {{vi: "Xã, phường", en: Communes and wards}}
    fields: {{name: fullName, code: code, former: formerUnits}}
    licence: MIT
    attribution: "© 2021 Thang Le Quoc; geometry from sapnhap.bando.com.vn"
  names:
    path: {name}_names.geojson
    title: {{vi: "Địa danh (MÔ PHỎNG)", en: Named places (SIMULATED)}}
    fields: {{name: name, kind: kind}}
    {common}
  roads:
    path: {name}_roads.geojson
    title: {{vi: "Đường (MÔ PHỎNG)", en: Roads (SIMULATED)}}
    fields: {{name: name, kind: kind}}
    {common}
  buildings:
    path: {name}_buildings.geojson
    title: {{vi: "Nhà (MÔ PHỎNG)", en: Buildings (SIMULATED)}}
    {common}
  schools:
    path: {name}_schools.geojson
    title: {{vi: "Trường học (MÔ PHỎNG)", en: Schools (SIMULATED)}}
    fields: {{name: name}}
    {common}
  population:
    path: {name}_population.tif
    title: {{vi: "Dân số (MÔ PHỎNG)", en: Population (SIMULATED)}}
    licence: CC0-1.0 (made by a computer)
    attribution: "{label}"
    simulated: true
# As in data_sources/regions/an-giang.yaml, and a term for the rain that there is here: judgement; the points are not fitted.
trigger:
  unit: m
  max_age_days: 3
  drawdown: {{days: 3, points: 2, start: 0.2, full: 0.6}}
  low_water: {{within_days: 30, points: 1}}
  rain_on_low_water: {{days: 3, points: 2, start: 30, full: 100}}
  above_alarm: {{points: 1}}
  raises: {{2: 1}}
"""

_LAYER: Final = """\
covers: {name}_covered.geojson
    licence: CC0-1.0 (made by a computer)
    attribution: "{label}"
    simulated: true"""

_COMMON: Final = """\
licence: CC0-1.0 (made by a computer)
attribution: "{label}"
citation: "{label}: erosion.simulate"
"""

_MAPS: Final = (
    """\
# {label}
name: {name}_maps
driver: raster_folder
title: "{label} maps of an older survey"
path: maps
files: "*.tif"
values: {{water: 1, land: 0}}
nodata: 255
date_from: [tag]
units: {{water_fraction: "1"}}
cadence_days: 365
latency_days: 30
geo_rmse_m: 4.3   # 3 m in each axis
"""
    + _COMMON
)

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
driver: gauge_files
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
alarm_levels_m: {alarms}
alarm_source: "{label}: made up; no authority has set them"
cadence_days: 1
latency_days: 1
"""
    + _COMMON
)

_RAIN: Final = (
    """\
# {label}
name: {name}_rain
driver: gauge_files
title: "{label} rain"
path: {name}_rain.csv
gauge_id: "{name}-rain"
river: Sông Hậu (mô phỏng)
location: [{lon:.6f}, {lat:.6f}]
columns: {{time: time, rain_mm: rain_mm}}
units: {{rain_mm: mm}}
timezone: Asia/Ho_Chi_Minh
cadence_days: 1
latency_days: 1.3   # a day's rain is read at seven the morning after
"""
    + _COMMON
)

_BASELINE_2022: Final = """\
Sentinel-2 changes its processing baseline in 2022 (numbers hold 1000
  more, taken off again by the provider from the end of that year). """

_README: Final = """\
# {label}

Bài tập. Mọi số liệu trong thư mục này do máy tính tạo ra; không dùng cho cảnh báo thật.

An exercise. Everything in this folder was made by a computer and says nothing about the real Hậu: its course is a
provisional line, smoothed; its banks, erosion, water levels and satellite scenes of {first} to {last} are invented.

Chạy bài tập, rồi xem bản đồ · Replay the exercise, then see it on the map, from within this folder:

    erosion replay an_giang_exercise.yaml --from {first} --to {last} --out products
    erosion serve --out products

- `an_giang_exercise.yaml`: the region, to be given to `erosion run`; the files beside it are its sources.
- `maps/`: a map of the river for each year before the scenes, as an older survey would have left it.
- `models/`: the model, trained on these maps.
- `store/`: what a run makes of the scenes; it may be deleted and is then made again.
- `catalog/`: the scenes, a static STAC catalogue. {baseline}One scene was processed twice, {far}and
  pictures of relative orbit 18 come in two tiles whose seam is not where a real one is.
- `an_giang_exercise_gauge.csv`: water level at seven in the morning; low water of the dry season stands at {zero:g} m.
  The alarm levels beside it are made up: {alarms} m.
- `an_giang_exercise_rain.csv`: rain of each day, made up. The banks do not feel it.
- `communes.geojson`: the real communes along the line (© 2021 Thang Le Quoc, MIT; geometry from sapnhap.bando.com.vn).
- `an_giang_exercise_names.geojson`, `_roads`, `_buildings`, `_schools`, `_population.tif`: what stands along the river,
  made up and complete within `_covered`; names are numbers, and none is real.
- `truth/`: what nobody knows of a real river. Banks on each 1 February, failures, protected banks, cloud and position
  error of each scene. It is for checking results, and nothing reads it on the way to one.
"""
