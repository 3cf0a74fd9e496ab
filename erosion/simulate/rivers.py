"""Simulated rivers of several kinds, each with yearly masks and a region file, to train and to score a forecast on.

What is written is labelled :data:`erosion.core.contracts.SIMULATED_NOTICE` in every file that can hold a label, and lies at
sea, where no real river is. The course of a river is a sine-generated curve (Langbein and Leopold 1966, USGS Professional
Paper 422-H), its banks erode by :mod:`erosion.simulate.river.law`.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import rasterio
from affine import Affine
from pyproj import Transformer
from tqdm import tqdm

from erosion.core.arrays import FloatArray
from erosion.core.contracts import SIMULATED_NOTICE
from erosion.core.raster.grid import Grid
from erosion.simulate.river.river import River, make_river
from erosion.simulate.texture import along_line

_log = logging.getLogger(__name__)

CRS: Final = "EPSG:32648"
PIXEL_M: Final = 30.0
FIRST_YEAR: Final = 1986
"""Year of the first mask."""

MASK_DAY: Final = "03-01"
"""Day of each mask: low water, when no bank moves."""

WIDTH_TO_DEPTH: Final = 40.0
"""Width over depth of a sand-bed river."""

_START_M: Final = (500_000.0, 750_000.0)  # the sea south of Ca Mau
_STEP_M: Final = 50.0
_RIM_M: Final = 900.0  # from the banks to the edge of a mask
_POSITION_ERROR_M: Final = 4.2  # of a mask, each axis
_STAGE_M: Final = (0.0, 0.6)  # over low water, on the day of a mask


@dataclass(frozen=True)
class Kind:
    """A kind of river.

    Attributes
    ----------
    name
        Last part of the region's name.
    title
        Title in Vietnamese and English.
    width_m
        Mean width [m].
    length_km
        Length along the channel [km].
    swing_deg
        Largest angle between the channel and the axis of its valley [degree].
    bend_w
        Length of a pair of bends along the channel [widths].
    erosion_m_per_y
        Retreat of a strongly eroding bank; see :func:`erosion.simulate.river.river.make_river`.
    years
        Yearly masks: as many as the fixed centre line of the river allows, whose width must not double.
    """

    name: str
    title: tuple[str, str]
    width_m: float
    length_km: float
    swing_deg: float
    bend_w: float
    erosion_m_per_y: float
    years: int = 25


KINDS: Final = (
    Kind("slow_wide", ("sông rộng, xói chậm", "wide and slow"), 700.0, 30.0, 40.0, 13.0, 12.0),
    Kind("fast_narrow", ("sông hẹp, xói nhanh", "narrow and fast"), 300.0, 24.0, 40.0, 18.0, 20.0, 15),
    Kind("curved", ("sông uốn khúc mạnh", "strongly curved"), 350.0, 28.0, 70.0, 18.0, 12.0, 20),
    Kind("quiet", ("sông gần thẳng, yên", "nearly straight and quiet"), 450.0, 24.0, 15.0, 14.0, 3.0),
    Kind("fast_wide", ("sông rộng, xói nhanh", "wide and fast"), 600.0, 40.0, 40.0, 18.0, 35.0, 14),
)


def make_rivers(out: Path, *, seed: int = 20, kinds: Sequence[Kind] = KINDS) -> list[Path]:
    """Return the region files of one river of each kind, written here with their masks and sources.

    Parameters
    ----------
    out
        Folder to write to: a new or an empty one. It appears whole or not at all.
    seed
        The same seed gives the same rivers.
    kinds
        What rivers to make.

    Raises
    ------
    ValueError
        Where ``out`` holds something.
    """
    out = out.resolve()
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ValueError(f"{out} holds something; give another folder, a new or an empty one")
    made = out.parent / f".tmp-{out.name}"
    shutil.rmtree(made, ignore_errors=True)
    try:
        names = [_write(made, kind, [seed, number]) for number, kind in enumerate(kinds)]
        (made / "README.md").write_text(_README.format(label=SIMULATED_NOTICE), "utf-8")
        if out.exists():
            out.rmdir()
        made.rename(out)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return [out / name for name in names]


def river_of(kind: Kind, seed: Sequence[int]) -> River:
    """Return a river of a kind; the same seed gives the same one."""
    rng = np.random.default_rng(seed)
    return make_river(
        course(kind, rng),
        years=kind.years,
        start=FIRST_YEAR,
        seed=int(rng.integers(2**31)),
        width_m=kind.width_m,
        depth_m=kind.width_m / WIDTH_TO_DEPTH,
        crs=CRS,
        erosion_m_per_y=kind.erosion_m_per_y,
        failures_per_km=0.3,
        island=False,
        revetment=False,
    )


def course(kind: Kind, rng: np.random.Generator) -> FloatArray:
    """Return the points of a sine-generated curve whose bends differ in length and swing by about a fifth, shape (n, 2) [m]."""
    count = round(kind.length_km * 1000.0 / _STEP_M) + 1
    bend_m = kind.bend_w * kind.width_m
    scale = bend_m / _STEP_M
    phase = np.cumsum(2 * np.pi / scale * np.exp(0.12 * along_line(count, scale, rng)))
    swing = np.radians(kind.swing_deg) * np.clip(1.0 + 0.15 * along_line(count, scale, rng), 0.5, 1.2)
    heading = swing * np.sin(phase)
    steps = _STEP_M * np.column_stack([np.cos(heading), np.sin(heading)])
    return np.asarray(_START_M + np.vstack([np.zeros(2), np.cumsum(steps, axis=0)]))


def _write(out: Path, kind: Kind, seed: Sequence[int]) -> str:
    """Write masks, source and region of one river; returns the name of the region's file."""
    name = f"simulated_{kind.name}"
    river = river_of(kind, seed)
    _log.info(f"{SIMULATED_NOTICE}: {name}, {kind.length_km:g} km, {kind.years} masks")
    rng = np.random.default_rng([*seed, 1])
    grid = _grid(river)
    folder = out / "masks" / name
    folder.mkdir(parents=True)
    for year in tqdm(range(FIRST_YEAR, FIRST_YEAR + kind.years), desc=SIMULATED_NOTICE, unit="mask", disable=None):
        date = f"{year}-{MASK_DAY}"
        east, north = rng.normal(0.0, _POSITION_ERROR_M, 2)
        share = river.water_share(date, grid, float(rng.uniform(*_STAGE_M)), (float(east), float(north)))
        with rasterio.open(
            folder / f"{name}_{date}.tif",
            "w",
            driver="GTiff",
            count=1,
            dtype="uint8",
            compress="deflate",
            width=grid.width,
            height=grid.height,
            crs=CRS,
            transform=grid.transform,
        ) as file:
            file.update_tags(acquisition_date=date, label=SIMULATED_NOTICE)
            file.write((share >= 0.5).astype(np.uint8), 1)
    start = Transformer.from_crs(CRS, "EPSG:4326", always_xy=True).transform(*_START_M)
    about: dict[str, Any] = {
        "name": name,
        "label": SIMULATED_NOTICE,
        "vi": kind.title[0],
        "en": kind.title[1],
        "pixel": PIXEL_M,
    }
    about |= {"lon": start[0], "lat": start[1], "width": kind.width_m, "length": kind.length_km}
    (out / f"{name}.yaml").write_text(_REGION.format(**about), "utf-8")
    (out / f"{name}_masks.yaml").write_text(_MASKS.format(**about), "utf-8")
    return f"{name}.yaml"


def _grid(river: River) -> Grid:
    """Return the grid that holds the river at its end with a rim of land; its edges cut both ends of the river."""
    inside = river.line.inside
    left, right = river.offsets(river.hydrograph.days[-1])[:, inside]
    y = np.concatenate([river.line.xy(river.line.s[inside], offset)[1] for offset in (left, -right)])
    first, last = river.line.x[inside][[0, -1]]
    x0, y0, x1, y1 = (round(edge / PIXEL_M) for edge in (first, y.min() - _RIM_M, last, y.max() + _RIM_M))
    return Grid(CRS, Affine(PIXEL_M, 0.0, PIXEL_M * x0, 0.0, -PIXEL_M, PIXEL_M * y1), x1 - x0, y1 - y0)


_REGION: Final = """\
# {label}
name: {name}
title: {{vi: "MÔ PHỎNG: {vi}", en: "SIMULATED: {en}"}}
description: >-
  {label}: {length:g} km of a river {width:g} m wide, made by a computer and laid into the sea. It says nothing about any
  real river.
simulated: true
timezone: UTC
crs: EPSG:32648
pixel_m: {pixel:g}
reaches:
  - {{name: {name}, upstream: [{lon:.5f}, {lat:.5f}]}}
water: [{name}_masks]
"""

_MASKS: Final = """\
# {label}
name: {name}_masks
driver: raster_folder
title: "{label} yearly masks"
path: masks/{name}
files: "*.tif"
values: {{water: 1, land: 0}}
date_from: [tag]
units: {{water_fraction: "1"}}
cadence_days: 365
latency_days: 16
geo_rmse_m: 6.0   # 4.2 m in each axis
licence: CC0-1.0 (made by a computer)
attribution: "{label}"
citation: "{label}: erosion.simulate"
"""

_README: Final = """\
# {label}

Các sông do máy tính tạo ra; không dùng cho cảnh báo thật.

Rivers made by a computer, to train and to score a forecast on. They lie at sea and say nothing about any real river.

- `simulated_*.yaml`: a region each, to be given to `erosion train` and `erosion evaluate`, and the source of its masks.
- `masks/`: one mask a year, 1 water, 0 land, 30 m.
"""
