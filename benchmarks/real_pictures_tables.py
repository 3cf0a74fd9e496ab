"""The figures of ``real_pictures.py``: pictures through the whole road, and Markdown tables of what came out."""

from __future__ import annotations

import dataclasses
import json
import tarfile
from pathlib import Path
from typing import Any, NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import rasterio
import xarray as xr
from affine import Affine
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from erosion.banks.as_of import baseline_on, observe_region
from erosion.banks.outcomes import measure_loss
from erosion.banks.segments import Baseline, near_reach_end
from erosion.config.region import Region, load_region
from erosion.core.errors import SourceError
from erosion.satellite.corridor import Corridor, corridor_of
from erosion.water.scenes.pass_records import PassRecord, records
from erosion.water.scenes.refresh import refresh
from erosion.water.seasons.composites import read_composites

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "tests" / "data"
DOCS = ROOT / "docs"
LATER = "2023-12-31"

BOXES = {  # west, south, east, north [m], EPSG:32633
    "Lake Ptuj": (567_200, 5_137_000, 571_600, 5_140_600),
    "Lake Ormož": (589_000, 5_136_600, 591_600, 5_139_300),
}
PUBLISHED_KM2 = {"Lake Ptuj": 3.46}
"""DOPPS BirdLife Slovenia, ptice.si; P. Firbas, Vsa slovenska jezera, DZS, Ljubljana 2001."""

NEAR_LINE_M = 300.0
"""The lines were read off the pictures by eye; water this near to them is the river's."""

CURVED = 0.2
"""Width over radius from which a bank counts as one of a bend."""


class Processed(NamedTuple):
    """What the road made of the pictures of one reach."""

    region: Region
    corridor: Corridor
    passes: list[PassRecord]
    water: xr.Dataset | None


def process(name: str, store: Path, pixel_m: float | None = None) -> dict[str, Processed]:
    """Take the pictures of a region from catalogue or folder to composites, each reach for itself."""
    seen = {}
    whole = load_region(DATA / name / f"{name}.yaml")
    for region in dataclasses.replace(whole, pixel_m=pixel_m or whole.pixel_m).by_reach():
        corridor = corridor_of(region)
        refresh(region, corridor, store, LATER)
        newest = {record.pass_id: record for record in records(store, region, region.water[0])}
        try:
            water = read_composites(region, corridor, store, LATER, pd.DataFrame())[0].compute()
        except SourceError:
            water = None
        seen[region.reach.name] = Processed(
            region, corridor, sorted(newest.values(), key=lambda record: record.time), water
        )
    return seen


def table(columns: list[str], rows: list[list[Any]]) -> str:
    """Lay out a Markdown table; numbers to the right."""
    right = ["---:" if rows and isinstance(rows[0][i], float | int) else "---" for i in range(len(columns))]
    lines = [columns, right, *[[str(cell) for cell in row] for row in rows]]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


# --- Sentinel-2 -------------------------------------------------------------------------------------------------------


def in_box(x: NDArray[np.float64], y: NDArray[np.float64], box: tuple[float, ...]) -> NDArray[np.bool_]:
    """Pixels whose centres lie in a box, shape (rows, columns)."""
    west, south, east, north = box
    return ((y > south) & (y < north))[:, None] & ((x > west) & (x < east))


def plain_lake_km2(box: tuple[float, ...], kind: str) -> float:
    """Median over the scenes without cloud there of pixels that are water by NDWI > 0, or by ESA's classification."""
    areas = []
    for folder in sorted((DATA / "drau/scenes/sentinel-2-l2a").glob("*33TWM*")):
        green, nir, scl = (read_plain(folder, band) for band in ("green", "nir", "scl"))
        inside = in_box(green.x.to_numpy(), green.y.to_numpy(), box)
        if np.isin(scl.to_numpy()[inside], (1, 3, 8, 9, 10)).mean() > 0.03:
            continue
        wet = scl.to_numpy() == 6 if kind == "scl" else green.to_numpy() > nir.to_numpy()
        areas.append(float((wet & inside).sum()) * 0.0144)
    return float(np.median(areas))


def read_plain(folder: Path, band: str) -> xr.DataArray:
    """Numbers of one file at the place its item gives."""
    asset = json.loads((folder / f"{folder.name}.json").read_text(encoding="utf-8"))["assets"][band]
    with rasterio.open(folder / asset["href"]) as file:
        numbers = file.read(1)
    place = Affine(*asset["proj:transform"])
    x = place.c + (np.arange(numbers.shape[1]) + 0.5) * place.a
    y = place.f + (np.arange(numbers.shape[0]) + 0.5) * place.e
    return xr.DataArray(numbers, dims=("y", "x"), coords={"y": y, "x": x})


def line_seen(seen: Processed, wet: NDArray[np.bool_]) -> float:
    """Share of the river's line that has water within reach of it [1]."""
    assert seen.region.reach.area is not None
    line = gpd.read_file(seen.region.reach.area.path).to_crs(seen.region.crs).geometry.iloc[0]
    grid = seen.corridor.grid
    points = [line.interpolate(at) for at in np.arange(0, line.length, grid.pixel_m)]
    rows = [int((grid.transform.f - p.y) // grid.pixel_m) for p in points]
    cols = [int((p.x - grid.transform.c) // grid.pixel_m) for p in points]
    return float((distance_transform_edt(~wet)[rows, cols] * grid.pixel_m <= NEAR_LINE_M).mean())


def pass_table(rivers: dict[str, Processed]) -> str:
    rows = []
    for seen in rivers.values():
        for record in seen.passes:
            facts = record.facts
            water = (
                "; ".join(record.reason.split(";")[:1])
                if record.state != "water"
                else (
                    f"{facts['threshold']:+.2f} ({facts['threshold_from']}), water {100 * facts['water_share']:.1f} %"
                )
            )
            rows.append(
                [
                    seen.region.reach.title["en"],
                    f"{record.time:%d %b}",
                    record.pass_id.rsplit("-", 1)[-1],
                    len(record.scene_ids),
                    f"{100 * facts['clear_share']:.0f} %" if "clear_share" in facts else "",
                    f"{facts['separability']:.1f}" if "separability" in facts else "",
                    water,
                ]
            )  # fmt: skip
    return table(
        ["river", "2023", "orbit", "tiles", "clear", "separability", "NDWI threshold (from), or why not"], rows
    )


def lake_km2(seen: Processed, box: tuple[float, ...]) -> float:
    """Water of a composite within a box [km2]."""
    assert seen.water is not None
    inside = in_box(seen.water.x.to_numpy(), seen.water.y.to_numpy(), box)
    return float(np.nansum(seen.water["water_fraction"].to_numpy()[0][inside])) * (seen.region.pixel_m / 1000) ** 2


def lake_table(seen: Processed) -> str:
    rows = []
    for lake, box in BOXES.items():
        published = f"{PUBLISHED_KM2[lake]:.2f}" if lake in PUBLISHED_KM2 else ""
        plain = [f"{plain_lake_km2(box, kind):.2f}" for kind in ("ndwi", "scl")]
        rows.append([lake, f"{lake_km2(seen, box):.2f}", *plain, published])
    return table(
        ["", "composite", "NDWI > 0, counted plainly", "class water of ESA, counted plainly", "published"], rows
    )


def composites_table(by_pixel: dict[float, dict[str, Processed]]) -> str:
    rows = []
    for pixel_m, rivers in by_pixel.items():
        for seen in rivers.values():
            row = [
                f"{pixel_m:g} m",
                seen.region.reach.title["en"],
                f"{sum(r.state == 'water' for r in seen.passes)} of 5",
            ]
            if seen.water is None:
                rows.append([*row, "no composite", "", "", ""])
                continue
            fraction = seen.water["water_fraction"].to_numpy()[0]
            clear = seen.water["n_clear"].to_numpy()[0][seen.corridor.inside]
            area = float(np.nansum(fraction)) * (pixel_m / 1000) ** 2
            rows.append(
                [
                    *row,
                    f"{100 * float(np.isfinite(fraction)[seen.corridor.inside].mean()):.0f} %",
                    f"{clear.mean():.1f}",
                    f"{area:.1f}",
                    f"{100 * line_seen(seen, fraction >= 0.5):.0f} %",
                ]
            )
    columns = ["grid", "river", "passes used", "corridor classified", "clear observations (mean)", "water, km²"]
    return table([*columns, "of the line within 300 m of water"], rows)


# --- Ucayali ----------------------------------------------------------------------------------------------------------


class Interval(NamedTuple):
    """What the banks lost between two composites."""

    start: pd.Timestamp
    end: pd.Timestamp
    baseline: Baseline
    loss: pd.DataFrame
    measured: NDArray[np.bool_]
    bend: NDArray[np.float64]  # +1 outer bank of a bend, -1 inner bank, 0 neither

    def rate(self, chosen: NDArray[np.bool_], of: str = "retreat_m") -> float:
        """Mean retreat of some segments, weighted by length [m/year]."""
        length = self.baseline.segments["length_m"].to_numpy()[chosen]
        return float((self.loss[of].to_numpy(float)[chosen] * length).sum() / length.sum() / self.years)

    def sides(self) -> tuple[float, float]:
        """Mean retreat of established land on outer and inner banks of bends [m/year]; NaN where too little is known."""
        outer, inner = (self.rate(self.measured & (self.bend == side), "retreat_established_m") for side in (1, -1))
        return outer, inner

    @property
    def years(self) -> float:
        """Length [year]."""
        return (self.end - self.start).days / 365.25


def intervals(seen: Processed) -> list[Interval]:
    """Measure every interval between neighbouring composites on the banks at its start."""
    assert seen.water is not None
    found = []
    for k in range(seen.water.sizes["epoch"] - 1):
        known = seen.water.isel(epoch=slice(0, k + 2))
        start, end = (pd.Timestamp(epoch) for epoch in known["epoch"].to_numpy()[-2:])
        baseline = baseline_on(seen.region, known.isel(epoch=[k]), pd.Timestamp(LATER))
        loss = measure_loss(observe_region(seen.region, known, baseline), baseline, start, end)
        segments = baseline.segments
        measured = (
            (segments["bank"] != "I").to_numpy()
            & ~near_reach_end(baseline)
            & ~loss["channel_moved"].to_numpy()
            & loss["retreat_m"].notna().to_numpy()
        )
        sharp = (segments["curvature_per_m"].abs() * segments["width_m"] > CURVED).to_numpy()
        bend = np.where(sharp, np.sign(segments["curvature_per_m"]), 0.0)  # positive on the outer bank
        found.append(Interval(start, end, baseline, loss, measured, bend))
    return found


def plain_loss_km2(seen: Processed, start: pd.Timestamp, end: pd.Timestamp) -> float:
    """Area that was land and became water by MNDWI > 0 of the numbers as they are, in the belt [km2]."""
    first, last = (plain_water(seen, day) for day in (start, end))
    return float((~first[0] & last[0] & first[1]).sum()) * first[2]


def plain_water(seen: Processed, day: pd.Timestamp) -> tuple[NDArray[np.bool_], NDArray[np.bool_], float]:
    """Water by green > SWIR1, the belt, and km2 of a pixel, on the pixels of the file."""
    with rasterio.open(DATA / "ucayali/scenes" / f"ucayali_{day.year}.tif") as file:
        swir, _, green = file.read().astype(int)
        place = file.transform
    latitude = np.radians(place.f + place.e * swir.shape[0] / 2)
    return green > swir, (swir + green) > 0, (111.195 * place.a) ** 2 * float(np.cos(latitude))


def composite_table(seen: Processed) -> str:
    assert seen.water is not None
    rows = []
    by_year = {record.time.year: record for record in seen.passes}
    for k, epoch in enumerate(pd.DatetimeIndex(seen.water["epoch"].to_numpy())):
        one = seen.water.isel(epoch=[k])
        facts = by_year[epoch.year].facts
        baseline = baseline_on(seen.region, one, pd.Timestamp(LATER))
        wet, belt, pixel_km2 = plain_water(seen, epoch)
        rows.append(
            [
                f"{epoch.year}",
                f"{facts['threshold']:+.2f}",
                f"{facts['separability']:.1f}",
                f"{float(np.nansum(one['water_fraction'].to_numpy())) * 0.0081:.1f}",
                f"{float((wet & belt).sum()) * pixel_km2:.1f}",
                f"{baseline.centre['chainage_m'].max() / 1000:.0f}",
                f"{baseline.segments['width_m'].median():.0f}",
            ]
        )
    head = ["", "MNDWI threshold", "separability", "water, km²", "green > SWIR, counted plainly, km²"]
    return table([*head, "river traced, km", "width (median), m"], rows)


def interval_table(found: list[Interval], seen: Processed) -> str:
    rows = []
    for one in found:
        outer, inner = one.sides()
        rate = one.loss["retreat_m"].to_numpy()[one.measured] / one.years
        lost = (one.loss["retreat_m"] * one.baseline.segments["length_m"].to_numpy()).sum() / 1e6
        rows.append(
            [
                f"{one.start.year} to {one.end.year}",
                f"{len(one.measured)}",
                f"{100 * one.measured.mean():.0f} %",
                f"{one.rate(one.measured):.0f}",
                f"{np.percentile(rate, 90):.0f}",
                f"{rate.max():.0f}",
                f"{outer:.0f}" if np.isfinite(outer) else "",
                f"{inner:.0f}" if np.isfinite(inner) else "",
                f"{lost:.1f}",
                f"{plain_loss_km2(seen, one.start, one.end):.1f}",
            ]
        )
    head = ["", "segments", "kept their channel", "mean", "90 %", "most", "outer bank", "inner bank"]
    return table([*head, "land lost, km²", "counted plainly, km²"], rows)


# --- quality band -----------------------------------------------------------------------------------------------------


def quality_table() -> str:
    """Count the classes of Fmask over all dates."""
    count: dict[int, int] = {}
    dates = bright = 0
    with tarfile.open(DATA / "landsat_qa" / "p035r032.tar.xz") as archive:
        for member in archive:
            file = archive.extractfile(member)
            assert file is not None
            with rasterio.MemoryFile(file.read()) as memory, memory.open() as scene:
                numbers = scene.read()
            dates += 1
            for value, times in zip(*np.unique(numbers[7], return_counts=True), strict=True):
                count[int(value)] = count.get(int(value), 0) + int(times)
            bright += int(((numbers[:6] >= 16_000).any(0) & np.isin(numbers[7], (0, 1))).sum())
    names = {0: "land", 1: "water", 2: "cloud shadow", 3: "snow", 4: "cloud", 255: "fill", -9999: "missing"}
    rows = [
        [f"{value}", name, f"{count.get(value, 0):,}", "yes" if value in (0, 1) else "no"]
        for value, name in names.items()
    ]
    rows.append(["0, 1", "of these cut off at 16,000 in some band", f"{bright}", "no"])
    return f"{dates} dates, {sum(count.values()):,} pixels.\n\n" + table(["Fmask", "", "pixels", "used"], rows)
