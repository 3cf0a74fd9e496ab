"""How well banks are measured on rivers whose every bank is known: simulated scenes through the whole road.

Run ``python benchmarks/known_river.py`` for the tables (Markdown on stdout); ``--write`` puts them and the figure into
``docs/known-river.md``. Scenes are written as a catalogue, served over HTTP on this machine, fetched, turned into water,
composed per season and measured as those of a real river are. Everything here is SIMULATED.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from known_river_tables import draw, report
from numpy.typing import NDArray

from erosion.banks.as_of import grid_of
from erosion.banks.cells import observe_cells
from erosion.banks.measuring import measure_banks
from erosion.banks.segments import cut_baseline
from erosion.config.region import Region, load_region
from erosion.core.contracts import FLAGS
from erosion.core.raster.grid import Grid
from erosion.simulate.river.law import CUT_SLOPE, SIDES, SIGN
from erosion.simulate.river.river import River

SEEDS = (9401, 9402, 9403)
"""Kept for this benchmark; nothing was developed on them."""

END_M = 1500.0
"""Of the reach that is left out at either end, where the river leaves the picture."""

STEP_M = 10.0
"""Between the lines across the bank [m]."""

SEARCH_M = 120.0

FOUND_M = 10.0
"""Loss over that of the bank around it from which a failure is called, on two lines in a row [m]."""

AROUND_M = 500.0
"""Length of bank whose median loss is that of the bank around."""

YEARS, LENGTH_KM = 4, 11.0
FAMILIES = {
    "Sentinel-2": ("sentinel2",),
    "Landsat": ("landsat",),
    "Sentinel-1": ("sentinel1",),
    "all three": ("sentinel2", "landsat", "sentinel1"),
}
SOURCES = "an_giang_exercise_"

WINDOWS_M = (0.25, 1.5, 4.0)
"""Stage windows beside the usual one, for the curve over the spread of water levels."""


def bank_errors(water: xr.Dataset, epoch: pd.Timestamp, grid: Grid, river: River) -> pd.DataFrame:
    """Compare where the water ends with where the bank is, every 10 m along both banks.

    Returns
    -------
    pandas.DataFrame
        bank, chainage_m, cut (steep, no bar before it), n_clear (clear observations at the pixel of the true bank), true_m (position of the bank
        from the centre line), error_m (measured less true position, landward positive; NaN where there is no edge within
        reach). Positions are on lines at right angles to the centre line, as the transects of shoreline studies are.
    """
    from scipy.ndimage import map_coordinates

    share = water["water_fraction"].sel(epoch=epoch).to_numpy()
    n_clear = water["n_clear"].sel(epoch=epoch).to_numpy()
    offsets = river.offsets(epoch)
    s = np.arange(END_M, river.line.length_m - END_M, STEP_M)
    along = np.arange(-SEARCH_M, SEARCH_M + 0.5, 1.0)
    tables = []
    for side, bank in enumerate(SIDES):
        edge = np.asarray(river.line.at(offsets[side], s))
        steep = river.line.at(river.slope[side], s) <= 1.5 * CUT_SLOPE
        x, y = river.line.xy(s, SIGN[bank] * edge)
        far_x, far_y = river.line.xy(s, SIGN[bank] * (edge + 1.0))
        normal = np.column_stack([far_x - x, far_y - y])
        normal /= np.hypot(*normal.T)[:, None]
        px = (x[:, None] + along * normal[:, :1] - grid.transform.c) / grid.pixel_m - 0.5
        py = (grid.transform.f - y[:, None] - along * normal[:, 1:]) / grid.pixel_m - 0.5
        seen = map_coordinates(np.nan_to_num(share), [py, px], order=1, mode="nearest")
        # A place whose neighbour was not seen is not seen either.
        seen[map_coordinates(np.isnan(share).astype(np.float32), [py, px], order=1, mode="nearest") > 0] = np.nan
        row, column = (
            ((grid.transform.f - y) / grid.pixel_m).astype(int),
            ((x - grid.transform.c) / grid.pixel_m).astype(int),
        )
        tables.append(
            pd.DataFrame(
                {
                    "bank": bank,
                    "chainage_m": s,
                    "cut": steep,
                    "n_clear": n_clear[row, column],
                    "true_m": edge,
                    "error_m": _crossing(seen, along),
                }
            )
        )
    return pd.concat(tables, ignore_index=True)


def _crossing(seen: NDArray[np.float64], along: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return where each row falls through one half nearest to 0, NaN where it does not or something is missing."""
    falls = (seen[:, :-1] >= 0.5) & (seen[:, 1:] < 0.5)
    part = (seen[:, :-1] - 0.5) / np.where(falls, seen[:, :-1] - seen[:, 1:], 1.0)
    place = np.where(falls, along[:-1] + part * (along[1] - along[0]), np.inf)
    nearest = np.abs(place).argmin(axis=1)
    found = place[np.arange(len(place)), nearest]
    return np.where(np.isfinite(found), found, np.nan)


def retreat_errors(
    water: xr.Dataset, region: Region, river: River, first: pd.Timestamp, last: pd.Timestamp
) -> pd.DataFrame:
    """Compare the retreat of bank segments between two epochs with the truth.

    Returns
    -------
    pandas.DataFrame
        One row a segment of the left and right bank: bank, chainage_m (of the truth), cut, true_m, measured_m, sigma_m,
        seen (without the flag low_coverage).
    """
    pair = water.sel(epoch=[first, last])
    baseline = cut_baseline(pair["water_fraction"][0].to_numpy() >= 0.5, grid_of(water), region, f"{first:%Y-%m-%d}")
    banks = measure_banks(observe_cells(pair, baseline, min_island_m2=region.segments.min_island_m2), baseline)
    segments = baseline.segments
    ends = np.array([[line.coords[0], line.coords[-1]] for line in segments.geometry])
    s = np.sort(_chainage(river, ends.reshape(-1, 2)).reshape(-1, 2), axis=1)
    before, after = river.offsets(first), river.offsets(last)
    rows = []
    for i, bank in enumerate(segments["bank"]):
        if bank not in SIDES or s[i, 0] < END_M or s[i, 1] > river.line.length_m - END_M or s[i, 1] - s[i, 0] < 1:
            continue
        side = SIDES.index(bank)
        at = np.linspace(s[i, 0], s[i, 1], 11)
        b0, b1 = (np.asarray(river.line.at(o[side], at)) for o in (before, after))
        squeeze = 1.0 - SIGN[bank] * np.asarray(river.line.at(river.line.curvature, at)) * 0.5 * (b0 + b1)
        lost = np.trapezoid(np.maximum(b1 - b0, 0.0) * squeeze, at)
        rows.append(
            {
                "bank": bank,
                "chainage_m": at.mean(),
                "cut": bool((np.asarray(river.line.at(river.slope[side], at)) <= 1.5 * CUT_SLOPE).all()),
                "true_m": lost / segments["length_m"].iloc[i],
                "measured_m": float(banks["retreat_m"][i, -1]),
                "sigma_m": float(banks["sigma_m"][i, -1]),
                "seen": not int(banks["flags"][i, -1]) & FLAGS["low_coverage"],
            }
        )
    return pd.DataFrame(rows)


def _chainage(river: River, xy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the chainage of points near the river [m]."""
    from scipy.spatial import cKDTree

    nodes = np.column_stack([river.line.x, river.line.y])
    _, nearest = cKDTree(nodes).query(xy)
    ahead = np.column_stack([np.cos(river.line.heading), np.sin(river.line.heading)])[nearest]
    chainage: NDArray[np.float64] = river.line.s[nearest] + ((xy - nodes[nearest]) * ahead).sum(axis=1)
    return chainage


def failures_found(
    before: pd.DataFrame, after: pd.DataFrame, river: River, first: pd.Timestamp, last: pd.Timestamp
) -> dict[str, int]:
    """Return sudden failures found in the change of the bank between two epochs.

    A failure is called where the bank fell back at least :data:`FOUND_M` more than the bank within a quarter of a kilometre
    either side, on two lines in a row. It is a false alarm if nowhere on these lines, nor on the next ones, the true
    bank fell back half as much more than the true bank around it. What is called and is no failure may be a stretch that
    eroded as much: two seasons do not distinguish the two.

    Parameters
    ----------
    before, after
        :func:`bank_errors` of the two epochs.

    Returns
    -------
    dict
        ``large`` failures of 30 m x 15 m and more, ``found`` of them, stretches ``called``, ``false_calls``.
    """
    true = river.failures
    inside = true["chainage_m"].between(END_M, river.line.length_m - END_M)
    within = (true["date"] > first.tz_localize("UTC")) & (true["date"] <= last.tz_localize("UTC"))
    large = true[inside & within & (true["length_m"] >= 30) & (true["depth_m"] >= 15)]
    called = false_calls = found = 0
    for bank in SIDES:
        old, new = before[before["bank"] == bank], after[after["bank"] == bank]
        s = old["chainage_m"].to_numpy()
        truly = new["true_m"].to_numpy() - old["true_m"].to_numpy()
        seen = truly + new["error_m"].to_numpy() - old["error_m"].to_numpy()
        hit = (_above_around(seen) >= FOUND_M) & (old["cut"].to_numpy() & new["cut"].to_numpy())
        hit &= np.append(hit[1:], False) | np.append(False, hit[:-1])
        fell = _above_around(truly) >= 0.5 * FOUND_M
        places = np.flatnonzero(hit)
        for stretch in np.split(places, np.flatnonzero(np.diff(places) > 2) + 1) if places.size else ():
            called += 1
            false_calls += not fell[max(stretch[0] - 1, 0) : stretch[-1] + 2].any()
        for failure in large[large["bank"] == bank].itertuples():
            close = np.abs(s - failure.chainage_m) <= 0.5 * failure.length_m + STEP_M
            found += bool((hit & close).any())
    return {"large": len(large), "found": found, "called": called, "false_calls": false_calls}


def _above_around(moved: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how much more each place moved than the bank around it, the median of what was seen there."""
    window = int(AROUND_M / STEP_M) + 1
    usual = pd.Series(moved).rolling(window, center=True, min_periods=window // 3).median().to_numpy()
    return np.nan_to_num(moved - usual, nan=-np.inf)


def see_river(seed: int, folder: Path, *, density: float, over_http: bool) -> dict[str, pd.DataFrame]:
    """Make an exercise, take it through the whole road, and compare with the truth.

    Returns
    -------
    dict
        ``positions``, ``retreat``, ``failures``, ``cost``: one row a place, a segment, a pair of dry seasons, a river.
    """
    from erosion.simulate.exercise import LAST_YEAR, make_exercise, set_stage
    from erosion.water.read import fetch_scenes

    os.environ["EROSION_STORE"] = str(folder / "store")
    asked = {"years": YEARS, "seed": seed, "length_km": LENGTH_KM, "density": density}
    last = pd.Timestamp(f"{LAST_YEAR}-12-31")
    if over_http:
        sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
        from tests.stac_server import StacServer

        with StacServer(folder / "catalog") as server:
            region = load_region(make_exercise(folder, catalog=server.api_url, **asked))
            started = time.perf_counter()
            fetch_scenes(region, last)
    else:
        region = load_region(make_exercise(folder, **asked))
        started = time.perf_counter()
        fetch_scenes(region, last)
    cost = _cost(region, folder, time.perf_counter() - started)
    river = set_stage(LAST_YEAR + 1 - YEARS, YEARS, seed, LENGTH_KM).river
    truth = pd.read_csv(folder / "truth" / "scenes.csv", parse_dates=["time"])
    about = {"seed": seed, "density": density}
    positions, retreat, failures = [], [], []
    for family, names in FAMILIES.items():
        part = dataclasses.replace(region, water=tuple(SOURCES + name for name in names))
        water = _composites(part, last, family, seed)
        if water is None:
            continue
        epochs = pd.DatetimeIndex(water["epoch"].to_numpy())
        tables = {day: bank_errors(water, day, grid_of(water), river) for day in epochs}
        for k, day in enumerate(epochs):
            facts = _facts(water, k) | {"cloud": _cloud(water, k, truth)}
            positions.append(tables[day].assign(family=family, epoch=day, **facts, **about))
        dry = epochs[water["season"].to_numpy() == "dry"]
        for first, then in zip(dry[:-1], dry[1:], strict=True):
            retreat.append(retreat_errors(water, part, river, first, then).assign(family=family, epoch=then, **about))
            seen = failures_found(tables[first], tables[then], river, first, then)
            failures.append({"family": family, "epoch": then} | seen | about)
    # For the curves: every clear observation that there is, and narrower and wider windows of water level.
    part = dataclasses.replace(region, water=(SOURCES + "sentinel2",))
    variants: list[tuple[str, dict[str, Any]]] = [("any number", {"min_looks": 1, "min_coverage": 0.5})]
    variants += [("window", {"stage_window_m": width}) for width in WINDOWS_M]
    for name, rules in variants:
        other = dataclasses.replace(part, scenes=dataclasses.replace(part.scenes, **rules))
        water = _composites(other, last, f"Sentinel-2, {rules}", seed)
        for k, day in enumerate(pd.DatetimeIndex(water["epoch"].to_numpy()) if water is not None else ()):
            table = bank_errors(water, day, grid_of(water), river)
            positions.append(table.assign(family=name, epoch=day, **_facts(water, k), **about))
    return {
        "positions": pd.concat(positions, ignore_index=True),
        "retreat": pd.concat(retreat, ignore_index=True),
        "failures": pd.DataFrame(failures),
        "cost": pd.DataFrame([cost | about]),
    }


def _composites(region: Region, last: pd.Timestamp, family: str, seed: int) -> xr.Dataset | None:
    """Return the observations of a family of scenes; where there is none that is said and a row of the tables is missing."""
    from erosion.config.store import store_of
    from erosion.core.errors import SourceError
    from erosion.gauges import series as gauge_series
    from erosion.water.read import read_water

    gauges = gauge_series.read(region, store_of(region), last).values
    try:
        return read_water(region, last, gauges)[0].load()
    except SourceError as error:
        print(f"seed {seed}, {family}: {error}", file=sys.stderr)
        return None


def _facts(water: xr.Dataset, k: int) -> dict[str, Any]:
    return {name: water[name].to_numpy()[k] for name in ("season", "n_scenes", "stage_range_m")}


def _cloud(water: xr.Dataset, k: int, truth: pd.DataFrame) -> float:
    """Return the mean cloud of all Sentinel-2 pictures between the first and the last one of an epoch."""
    start, end = (pd.Timestamp(water[name].to_numpy()[k], tz="UTC") for name in ("start", "end"))
    taken = truth[(truth["sensor"] == "sentinel2") & truth["time"].between(start, end + pd.Timedelta(minutes=1))]
    return float(taken.drop_duplicates("time")["cloud_cover"].mean())


def _cost(region: Region, folder: Path, seconds: float) -> dict[str, float]:
    """Return what fetching cost: passes, seconds, pixels of the corridor, bytes of the store, peak memory."""
    from erosion.satellite.corridor import corridor_of

    files = list((folder / "store").rglob("*.r*.tif"))
    return {
        "passes": len(list((folder / "store").rglob("*.r*.json"))),
        "seconds": seconds,
        "pixels": int(corridor_of(region).inside.sum()),
        "stored_bytes": sum(file.stat().st_size for file in files),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--density", type=float, nargs="+", default=[1.0])
    parser.add_argument("--write", action="store_true", help="put tables and figure into docs/known-river.md")
    options = parser.parse_args()
    parts: list[dict[str, pd.DataFrame]] = []
    for number, seed in enumerate(options.seeds):
        for density in options.density:
            with tempfile.TemporaryDirectory() as folder:
                print(f"seed {seed}, density {density:g}", file=sys.stderr, flush=True)
                parts.append(see_river(seed, Path(folder), density=density, over_http=number == 0))
    seen = {name: pd.concat([part[name] for part in parts], ignore_index=True) for name in parts[0]}
    text = report(seen, LENGTH_KM, YEARS, list(FAMILIES))
    print(text)
    if options.write:
        page = Path(__file__).resolve().parents[1] / "docs" / "known-river.md"
        head = page.read_text(encoding="utf-8").split("<!-- figures -->")[0]
        page.write_text(f"{head}<!-- figures -->\n{text}\n", encoding="utf-8")
        draw(seen["positions"], page.with_name("known-river.png"))


if __name__ == "__main__":
    main()
