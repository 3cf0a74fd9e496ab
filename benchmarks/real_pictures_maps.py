"""The maps of ``real_pictures.py``."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import geopandas as gpd
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import rasterio
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.patches import Patch
from numpy.typing import NDArray
from PIL import Image
from real_pictures_tables import BOXES, DATA, LATER, Interval, Processed, read_plain

from erosion.banks.as_of import baseline_on
from erosion.satellite import stac
from erosion.satellite.corridor import Corridor

DPI = 110
SENTINEL = "Contains modified Copernicus Sentinel data 2023; files: mapchete-eo, MIT, © 2022-2025 EOX IT Services"
LANDSAT = "Landsat courtesy of the U.S. Geological Survey; composites: opengeos/data, MIT, © 2020 Qiusheng Wu"


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


def draw_line(axes: Any, seen: Processed, **how: Any) -> None:
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


def drau_picture(seen: Processed, path: Path) -> None:
    """Draw the composite with the river's line, clear observations, and what every single pass showed."""
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
        "Drau, August 2023: share of water, median of the passes (grey: too few clear observations, or outside)",
        fontsize=11,
    )
    figure.colorbar(image, ax=axes, shrink=0.8, label="water share of a pixel of 60 m")
    axes.plot([], [], color="crimson", lw=1, label="line along which scenes are searched")
    axes.legend(loc="upper right", fontsize=8)

    axes = figure.add_subplot(grid[1, 0])
    clear = masked(seen.water["n_clear"].to_numpy()[0], seen.corridor)
    colours = ListedColormap(["#d7191c", "#fdae61", "#ffffbf", "#a6d96a", "#1a9641"]).with_extremes(bad="0.9")
    image = show(axes, clear, seen.corridor, cmap=colours, norm=BoundaryNorm(np.arange(-0.5, 5), 5))
    frame(axes, seen.corridor)
    axes.set_title(f"Clear observations; fewer than {seen.region.scenes.min_looks} give no value", fontsize=9)
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
        refused = "" if record.state == "water" else ", refused"
        axes.set_title(f"{ref.time:%d August}, orbit {ref.pass_id[-3:]}: {share:.0%} clear{refused}", fontsize=9)
    names = ["not imaged", "cloud, shadow, snow (quality band)", "clear land", "clear water (green > near infrared)"]
    handles = [Patch(facecolor=kinds(i), edgecolor="0.5", label=name) for i, name in enumerate(names)]
    figure.legend(handles=handles, loc="lower center", bbox_to_anchor=(0.5, 0.018), ncols=4, fontsize=9, frameon=False)
    figure.get_layout_engine().set(rect=(0, 0.05, 1, 0.95))  # type: ignore[union-attr]
    credit(figure, f"{SENTINEL}. EPSG:32633, north is up.")
    save(figure, path)


def narrow_picture(rivers: dict[str, Processed], path: Path) -> None:
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
            "Lake Ptuj, classified (line: water by ESA's class)",
            1,
        ),
        (
            axes[1],
            sava,
            (512_500, 5_090_500, 529_500, 5_105_000),
            "Sava, about as wide as a pixel of the picture: classified",
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


def ucayali_picture(seen: Processed, found: list[Interval], path: Path) -> None:
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
    rate[~last.measured].plot(ax=axes[1, 1], color="0.45", lw=1.2)
    rate[last.measured].plot(ax=axes[1, 1], column="rate", cmap="YlOrRd", vmin=0, vmax=60, lw=2.4, legend=True,
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
