"""Real satellite pictures through the whole road: rivers of Slovenia and Croatia, the Ucayali, dates with a quality band.

Run ``python benchmarks/real_pictures.py`` for the tables (Markdown on stdout); ``--write`` puts them and the pictures into
``docs/``. Everything is read from ``tests/data``; no network is asked for.
"""

from __future__ import annotations

import argparse
import dataclasses
import io
import json
import tarfile
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import geopandas as gpd
import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import rasterio
import xarray as xr
from affine import Affine
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.patches import Patch
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import distance_transform_edt

from erosion.banks.as_of import baseline_on, observe_region
from erosion.banks.outcomes import measure_loss
from erosion.banks.segments import Baseline, near_reach_end
from erosion.config.region import Region, load_region
from erosion.core.errors import SourceError
from erosion.satellite import stac
from erosion.satellite.corridor import Corridor, corridor_of
from erosion.water.scenes.pass_records import PassRecord, records
from erosion.water.scenes.refresh import refresh
from erosion.water.seasons.composites import read_composites

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "tests" / "data"
DOCS = ROOT / "docs"
LATER = "2023-12-31"
DPI = 110

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

SENTINEL = "Contains modified Copernicus Sentinel data 2023; files: mapchete-eo, MIT, © 2022-2025 EOX IT Services"
LANDSAT = "Landsat courtesy of the U.S. Geological Survey; composites: opengeos/data, MIT, © 2020 Qiusheng Wu"


class Seen(NamedTuple):
    """What the road made of the pictures of one reach."""

    region: Region
    corridor: Corridor
    passes: list[PassRecord]
    water: xr.Dataset | None


def see(name: str, store: Path, pixel_m: float | None = None) -> dict[str, Seen]:
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
        seen[region.reach.name] = Seen(region, corridor, sorted(newest.values(), key=lambda record: record.time), water)
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


def line_seen(seen: Seen, wet: NDArray[np.bool_]) -> float:
    """Share of the river's line that has water within reach of it [1]."""
    assert seen.region.reach.area is not None
    line = gpd.read_file(seen.region.reach.area.path).to_crs(seen.region.crs).geometry.iloc[0]
    grid = seen.corridor.grid
    points = [line.interpolate(at) for at in np.arange(0, line.length, grid.pixel_m)]
    rows = [int((grid.transform.f - p.y) // grid.pixel_m) for p in points]
    cols = [int((p.x - grid.transform.c) // grid.pixel_m) for p in points]
    return float((distance_transform_edt(~wet)[rows, cols] * grid.pixel_m <= NEAR_LINE_M).mean())


def pass_table(rivers: dict[str, Seen]) -> str:
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


def lake_km2(seen: Seen, box: tuple[float, ...]) -> float:
    """Water of a composite within a box [km2]."""
    assert seen.water is not None
    inside = in_box(seen.water.x.to_numpy(), seen.water.y.to_numpy(), box)
    return float(np.nansum(seen.water["water_fraction"].to_numpy()[0][inside])) * (seen.region.pixel_m / 1000) ** 2


def lake_table(seen: Seen) -> str:
    rows = []
    for lake, box in BOXES.items():
        published = f"{PUBLISHED_KM2[lake]:.2f}" if lake in PUBLISHED_KM2 else ""
        plain = [f"{plain_lake_km2(box, kind):.2f}" for kind in ("ndwi", "scl")]
        rows.append([lake, f"{lake_km2(seen, box):.2f}", *plain, published])
    return table(
        ["", "composite", "NDWI > 0, counted plainly", "class water of ESA, counted plainly", "published"], rows
    )


def composites_table(by_pixel: dict[float, dict[str, Seen]]) -> str:
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
            looks = seen.water["n_clear"].to_numpy()[0][seen.corridor.inside]
            area = float(np.nansum(fraction)) * (pixel_m / 1000) ** 2
            rows.append(
                [
                    *row,
                    f"{100 * float(np.isfinite(fraction)[seen.corridor.inside].mean()):.0f} %",
                    f"{looks.mean():.1f}",
                    f"{area:.1f}",
                    f"{100 * line_seen(seen, fraction >= 0.5):.0f} %",
                ]
            )
    columns = ["grid", "river", "passes used", "corridor told", "looks (mean)", "water, km²"]
    return table([*columns, "of the line within 300 m of water"], rows)


# --- Ucayali ----------------------------------------------------------------------------------------------------------


class Interval(NamedTuple):
    """What the banks lost between two composites."""

    start: pd.Timestamp
    end: pd.Timestamp
    baseline: Baseline
    loss: pd.DataFrame
    told: NDArray[np.bool_]
    bend: NDArray[np.float64]  # +1 outer bank of a bend, -1 inner bank, 0 neither

    def rate(self, chosen: NDArray[np.bool_], of: str = "retreat_m") -> float:
        """Mean retreat of some segments, weighted by length [m/year]."""
        length = self.baseline.segments["length_m"].to_numpy()[chosen]
        return float((self.loss[of].to_numpy(float)[chosen] * length).sum() / length.sum() / self.years)

    def sides(self) -> tuple[float, float]:
        """Mean retreat of established land on outer and inner banks of bends [m/year]; NaN where too little is known."""
        outer, inner = (self.rate(self.told & (self.bend == side), "retreat_established_m") for side in (1, -1))
        return outer, inner

    @property
    def years(self) -> float:
        """Length [year]."""
        return (self.end - self.start).days / 365.25


def intervals(seen: Seen) -> list[Interval]:
    """Measure every interval between neighbouring composites on the banks at its start."""
    assert seen.water is not None
    found = []
    for k in range(seen.water.sizes["epoch"] - 1):
        known = seen.water.isel(epoch=slice(0, k + 2))
        start, end = (pd.Timestamp(epoch) for epoch in known["epoch"].to_numpy()[-2:])
        baseline = baseline_on(seen.region, known.isel(epoch=[k]), pd.Timestamp(LATER))
        loss = measure_loss(observe_region(seen.region, known, baseline), baseline, start, end)
        segments = baseline.segments
        told = (
            (segments["bank"] != "I").to_numpy()
            & ~near_reach_end(baseline)
            & ~loss["channel_moved"].to_numpy()
            & loss["retreat_m"].notna().to_numpy()
        )
        sharp = (segments["curvature_per_m"].abs() * segments["width_m"] > CURVED).to_numpy()
        bend = np.where(sharp, np.sign(segments["curvature_per_m"]), 0.0)  # positive on the outer bank
        found.append(Interval(start, end, baseline, loss, told, bend))
    return found


def plain_loss_km2(seen: Seen, start: pd.Timestamp, end: pd.Timestamp) -> float:
    """Area that was land and became water by MNDWI > 0 of the numbers as they are, in the belt [km2]."""
    first, last = (plain_water(seen, day) for day in (start, end))
    return float((~first[0] & last[0] & first[1]).sum()) * first[2]


def plain_water(seen: Seen, day: pd.Timestamp) -> tuple[NDArray[np.bool_], NDArray[np.bool_], float]:
    """Water by green > SWIR1, the belt, and km2 of a pixel, on the pixels of the file."""
    with rasterio.open(DATA / "ucayali/scenes" / f"ucayali_{day.year}.tif") as file:
        swir, _, green = file.read().astype(int)
        place = file.transform
    latitude = np.radians(place.f + place.e * swir.shape[0] / 2)
    return green > swir, (swir + green) > 0, (111.195 * place.a) ** 2 * float(np.cos(latitude))


def composite_table(seen: Seen) -> str:
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


def interval_table(found: list[Interval], seen: Seen) -> str:
    rows = []
    for one in found:
        outer, inner = one.sides()
        rate = one.loss["retreat_m"].to_numpy()[one.told] / one.years
        lost = (one.loss["retreat_m"] * one.baseline.segments["length_m"].to_numpy()).sum() / 1e6
        rows.append(
            [
                f"{one.start.year} to {one.end.year}",
                f"{len(one.told)}",
                f"{100 * one.told.mean():.0f} %",
                f"{one.rate(one.told):.0f}",
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


# --- pictures ---------------------------------------------------------------------------------------------------------


def frame(axes: Any, corridor: Corridor, box: tuple[float, ...] | None = None, scale_km: float = 10.0) -> None:
    """Axes in kilometres of the map with a scale bar, no ticks."""
    west, south, east, north = box or corridor.grid.bounds
    axes.set_xlim(west, east)
    axes.set_ylim(south, north)
    axes.set_aspect("equal")
    axes.set_xlabel("")
    axes.set_ylabel("")
    axes.set_xticks([])
    axes.set_yticks([])
    left, low = west + 0.03 * (east - west), south + 0.06 * (north - south)
    axes.plot([left, left + 1000 * scale_km], [low, low], color="black", lw=3, solid_capstyle="butt")
    axes.text(left, low + 0.02 * (north - south), f"{scale_km:g} km", fontsize=8, va="bottom")


def show(axes: Any, values: NDArray[Any], corridor: Corridor, **how: Any) -> Any:
    west, south, east, north = corridor.grid.bounds
    return axes.imshow(values, extent=(west, east, south, north), interpolation="nearest", **how)


def masked(values: NDArray[Any], corridor: Corridor) -> NDArray[Any]:
    return np.ma.masked_where(~corridor.inside, values)


def draw_line(axes: Any, seen: Seen, **how: Any) -> None:
    assert seen.region.reach.area is not None
    gpd.read_file(seen.region.reach.area.path).to_crs(seen.region.crs).plot(ax=axes, **how)


def credit(figure: Any, text: str) -> None:
    figure.text(0.01, 0.004, text, fontsize=7, color="0.3")


def save(figure: Any, path: Path) -> None:
    """Write a PNG of 256 colours, small enough for a page."""
    canvas = io.BytesIO()
    figure.savefig(canvas, dpi=DPI)
    plt.close(figure)
    Image.open(canvas).convert("RGB").quantize(256).save(path, optimize=True)


def drau_picture(seen: Seen, path: Path) -> None:
    """Composite with the river's line, looks, and what every single pass showed."""
    assert seen.water is not None
    figure = plt.figure(figsize=(13, 11.6), layout="constrained")
    grid = figure.add_gridspec(3, 3, height_ratios=[2.5, 1, 1])
    fraction = seen.water["water_fraction"].to_numpy()[0]

    axes = figure.add_subplot(grid[0, :])
    blues = plt.get_cmap("YlGnBu").with_extremes(bad="0.75")
    image = show(axes, np.where(seen.corridor.inside, fraction, np.nan), seen.corridor, cmap=blues, vmin=0, vmax=1)
    draw_line(axes, seen, color="crimson", lw=0.6)
    for lake, (west, south, east, north) in BOXES.items():
        axes.plot([west, east, east, west, west], [south, south, north, north, south], color="black", lw=0.8)
        axes.text(west, north + 300, lake, fontsize=8)
    frame(axes, seen.corridor)
    axes.set_title(
        "Drau, August 2023: share of water, median of the passes (grey: too few looks, or outside)", fontsize=11
    )
    figure.colorbar(image, ax=axes, shrink=0.8, label="water share of a pixel of 60 m")
    axes.plot([], [], color="crimson", lw=1, label="line along which pictures are looked at")
    axes.legend(loc="upper right", fontsize=8)

    axes = figure.add_subplot(grid[1, 0])
    looks = masked(seen.water["n_clear"].to_numpy()[0], seen.corridor)
    colours = ListedColormap(["#d7191c", "#fdae61", "#ffffbf", "#a6d96a", "#1a9641"]).with_extremes(bad="0.9")
    image = show(axes, looks, seen.corridor, cmap=colours, norm=BoundaryNorm(np.arange(-0.5, 5), 5))
    frame(axes, seen.corridor)
    axes.set_title(f"Looks used (n_clear); fewer than {seen.region.scenes.min_looks} give no value", fontsize=9)
    figure.colorbar(image, ax=axes, location="bottom", shrink=0.6, aspect=30, ticks=range(5))

    source = seen.region.sources[seen.region.water[0]]
    refs, _ = stac.find_passes(source, seen.region, seen.corridor, "2023-08-01", LATER)
    states = {record.pass_id: record for record in seen.passes}
    kinds = ListedColormap(["white", "#f4a259", "#d9e4cf", "#2b6cb0"])
    for column, ref in enumerate(refs):
        scene = stac.load_pass(ref, source, seen.corridor)
        green, nir, clear = (np.asarray(scene[band]) for band in ("green", "nir", "clear"))
        kind = np.where(~np.isfinite(green), 0, np.where(~clear, 1, np.where(green > nir, 3, 2)))
        axes = figure.add_subplot(grid[1 + (column + 1) // 3, (column + 1) % 3])
        show(axes, masked(kind, seen.corridor), seen.corridor, cmap=kinds, vmin=0, vmax=3)
        frame(axes, seen.corridor, scale_km=20)
        record = states[ref.pass_id]
        share = clear[seen.corridor.inside].mean()
        told = "" if record.state == "water" else ", refused"
        axes.set_title(f"{ref.time:%d August}, orbit {ref.pass_id[-3:]}: {share:.0%} clear{told}", fontsize=9)
    names = ["not imaged", "cloud, shadow, snow (quality band)", "clear land", "clear water (green > near infrared)"]
    handles = [Patch(facecolor=kinds(i), edgecolor="0.5", label=name) for i, name in enumerate(names)]
    figure.legend(handles=handles, loc="lower center", bbox_to_anchor=(0.5, 0.018), ncols=4, fontsize=9, frameon=False)
    figure.get_layout_engine().set(rect=(0, 0.05, 1, 0.95))  # type: ignore[union-attr]
    credit(figure, f"{SENTINEL}. EPSG:32633, north is up.")
    save(figure, path)


def narrow_picture(rivers: dict[str, Seen], path: Path) -> None:
    """Where 120 m are enough and where they are not: a lake, a river of a pixel, a river of half a pixel."""
    figure, axes = plt.subplots(1, 3, figsize=(14, 5.9))
    figure.subplots_adjust(left=0.01, right=0.99, top=0.88, bottom=0.06, wspace=0.04)
    figure.suptitle("August 2023 at 120 m: a lake, a river of a pixel, a river of less", fontsize=13)
    blues = plt.get_cmap("YlGnBu").with_extremes(bad="0.75")
    west, south, east, north = BOXES["Lake Ptuj"]
    drau, sava, mur = (rivers[name] for name in ("drau", "sava", "mur"))
    assert drau.water is not None and sava.water is not None
    for one, seen, box, title, scale_km in (
        (
            axes[0],
            drau,
            (west - 900, south - 900, east + 900, north + 900),
            "Lake Ptuj, told (line: water by ESA's class)",
            1,
        ),
        (
            axes[1],
            sava,
            (512_500, 5_090_500, 529_500, 5_105_000),
            "Sava, about as wide as a pixel of the picture: told",
            4,
        ),
    ):
        assert seen.water is not None
        fraction = np.where(seen.corridor.inside, seen.water["water_fraction"].to_numpy()[0], np.nan)
        image = show(one, fraction, seen.corridor, cmap=blues, vmin=0, vmax=1)
        frame(one, seen.corridor, box, scale_km)
        one.set_title(title, fontsize=10)
    scl = read_plain(DATA / "drau/scenes/sentinel-2-l2a/S2A_33TWM_20230815_0_L2A", "scl")
    axes[0].contour(scl.x, scl.y, (scl == 6).astype(float), levels=[0.5], colors="#1f4fd8", linewidths=0.9)
    axes[1].axhline(5_100_000, color="0.3", lw=0.8, ls="--")
    axes[1].text(512_700, 5_100_120, "upper edge of tile 33TWL", fontsize=7)
    figure.colorbar(image, ax=axes[:2], shrink=0.7, label="water share of a pixel of 60 m", location="bottom")
    folder = DATA / "drau/scenes/sentinel-2-l2a/S2A_33TWM_20230815_0_L2A"
    green, nir = (read_plain(folder, band).astype(float) for band in ("green", "nir"))
    ndwi = ((green - nir) / (green + nir).where(green + nir > 0)).to_numpy()
    half = 60.0
    extent = (float(green.x[0]) - half, float(green.x[-1]) + half, float(green.y[-1]) - half, float(green.y[0]) + half)
    image = axes[2].imshow(ndwi, extent=extent, cmap="RdBu", vmin=-0.8, vmax=0.8, interpolation="nearest")
    frame(axes[2], mur.corridor, (577_000, 5_152_000, 597_000, 5_169_500), 4)
    axes[2].set_title("Mur, narrower than one: refused (NDWI of 15 August)", fontsize=10)
    figure.colorbar(image, ax=axes[2], shrink=0.7, label="NDWI", location="bottom")
    credit(figure, f"{SENTINEL}. EPSG:32633, north is up.")
    save(figure, path)


def ucayali_picture(seen: Seen, found: list[Interval], path: Path) -> None:
    """Water of the first and last composite, bank lines by year, retreat of the last interval and by side of the bend."""
    assert seen.water is not None
    figure, axes = plt.subplots(2, 3, figsize=(14, 9.6), layout="constrained")
    blues = plt.get_cmap("YlGnBu").with_extremes(bad="0.85")
    epochs = pd.DatetimeIndex(seen.water["epoch"].to_numpy())
    for one, k in ((axes[0, 0], 0), (axes[0, 1], -1)):
        fraction = np.where(seen.corridor.inside, seen.water["water_fraction"].to_numpy()[k], np.nan)
        image = show(one, fraction, seen.corridor, cmap=blues, vmin=0, vmax=1)
        frame(one, seen.corridor)
        one.set_title(f"Water, dry season {epochs[k].year}", fontsize=11)
    figure.colorbar(image, ax=axes[0, 1], shrink=0.7, label="water share of a pixel of 90 m")
    with rasterio.open(DATA / "ucayali/scenes/ucayali_2020.tif") as file:
        colour = np.moveaxis(file.read(), 0, -1)
    axes[0, 2].imshow(np.where(colour.any(-1, keepdims=True), colour, 216), aspect="equal")
    axes[0, 2].set_xticks([])
    axes[0, 2].set_yticks([])
    axes[0, 2].set_title("The picture of 2020 (SWIR, near infrared, green)", fontsize=11)

    years = plt.get_cmap("plasma")
    for k, epoch in enumerate(epochs):
        baseline = baseline_on(seen.region, seen.water.isel(epoch=[k]), pd.Timestamp(LATER))
        shade = years(k / len(epochs))
        baseline.segments.plot(ax=axes[1, 0], color=shade, lw=0.8)
        axes[1, 0].plot([], [], color=shade, label=f"{epoch.year}")
    frame(axes[1, 0], seen.corridor)
    axes[1, 0].legend(fontsize=7, loc="upper right", title="bank lines", title_fontsize=8)
    axes[1, 0].set_title("Bank lines by year", fontsize=11)

    last = found[-1]
    show(axes[1, 1], np.where(seen.corridor.inside, seen.water["water_fraction"].to_numpy()[-2], np.nan), seen.corridor,
         cmap="Greys", vmin=0, vmax=3)  # fmt: skip
    rate = last.baseline.segments.assign(rate=last.loss["retreat_m"].to_numpy() / last.years)
    rate[~last.told].plot(ax=axes[1, 1], color="0.45", lw=1.2)
    rate[last.told].plot(ax=axes[1, 1], column="rate", cmap="YlOrRd", vmin=0, vmax=60, lw=2.4, legend=True,
                         legend_kwds={"shrink": 0.7, "label": "m a year"})  # fmt: skip
    axes[1, 1].plot([], [], color="0.45", lw=1.2, label="channel left its bed, end of reach")
    axes[1, 1].legend(fontsize=7, loc="upper right")
    frame(axes[1, 1], seen.corridor)
    axes[1, 1].set_title(f"Retreat of the banks, {last.start.year} to {last.end.year}", fontsize=11)

    later = [one for one in found if np.isfinite(one.sides()).all()]
    at = np.arange(len(later))
    for offset, side, shade, label in ((-0.2, 0, "#c0392b", "outer bank of bends"), (0.2, 1, "#7f8c8d", "inner bank")):
        axes[1, 2].bar(at + offset, [one.sides()[side] for one in later], 0.4, color=shade, label=label)
    axes[1, 2].set_xticks(at, [f"{one.start.year}\n{one.end.year}" for one in later], fontsize=8)
    axes[1, 2].set_ylabel("mean retreat, m a year")
    axes[1, 2].legend(fontsize=8)
    axes[1, 2].set_title("Retreat of land that had stood for five years", fontsize=11)
    figure.suptitle("Ucayali at Pucallpa (Peru), flow from south to north", fontsize=13)
    figure.get_layout_engine().set(rect=(0, 0.02, 1, 0.98))  # type: ignore[union-attr]
    credit(figure, f"{LANDSAT}. EPSG:32718, north is up; days of the composites are not known.")
    save(figure, path)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put tables and pictures into docs/")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        grids = {pixel_m: see("drau", Path(folder) / f"{pixel_m:g}", pixel_m) for pixel_m in (60.0, 120.0)}
        rivers = grids[60.0]
        ucayali = see("ucayali", Path(folder))["ucayali"]
        found = intervals(ucayali)
        parts = [
            ("Drau, Mur and Sava: passes", pass_table(rivers)),
            ("Drau, Mur and Sava: composites", composites_table(grids)),
            ("Lakes, km²", lake_table(rivers["drau"])),
            ("Ucayali: composites", composite_table(ucayali)),
            (
                "Ucayali: retreat in m a year, and land lost; outer and inner banks: land that had stood for five years",
                interval_table(found, ucayali),
            ),
            ("Landsat with Fmask", quality_table()),
        ]
        text = "\n\n".join(f"### {title}\n\n{part}" for title, part in parts)
        print(text)
        if options.write:
            matplotlib.use("Agg")
            page = DOCS / "real-pictures.md"
            head = page.read_text(encoding="utf-8").split("<!-- figures -->")[0]
            page.write_text(f"{head}<!-- figures -->\n\n{text}\n", encoding="utf-8")
            drau_picture(rivers["drau"], DOCS / "real-drau.png")
            narrow_picture(rivers, DOCS / "real-narrow.png")
            ucayali_picture(ucayali, found, DOCS / "real-ucayali.png")


if __name__ == "__main__":
    main()
