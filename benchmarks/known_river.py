"""How well banks are measured on rivers whose every bank is known: simulated scenes through the whole road.

Run ``python benchmarks/known_river.py`` for the tables (Markdown on stdout); ``--write`` puts them into
``docs/known-river.md``. Scenes are written as a catalogue, served over HTTP on this machine, fetched, turned into water,
composed per season and measured as those of a real river are. Everything here is SIMULATED.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from erosion.asof import grid_of
from erosion.banks import measure_banks, observe_cells
from erosion.grid import Grid
from erosion.region import Region, load_region
from erosion.segments import cut_baseline
from erosion.simulate.law import CUT_SLOPE, SIDES, SIGN
from erosion.simulate.river import River

SEEDS = (8201, 8202, 8203)
"""Kept for this benchmark; nothing was developed on them."""

END_M = 1500.0
"""Of the reach that is left out at either end, where the river leaves the picture."""

STEP_M = 20.0
SEARCH_M = 120.0
FOUND_M = 7.0
"""Loss over that of the bank around it from which a failure counts as found [m]."""

YEARS, LENGTH_KM = 4, 11.0
FAMILIES = {
    "Sentinel-2": ("sentinel2",),
    "Landsat": ("landsat",),
    "Sentinel-1": ("sentinel1",),
    "all three": ("sentinel2", "landsat", "sentinel1"),
}
SOURCES = "an_giang_exercise_"


def bank_errors(share: NDArray[np.float32], grid: Grid, river: River, when: pd.Timestamp) -> pd.DataFrame:
    """Compare where the water ends with where the bank is, every 20 m along both banks.

    Returns
    -------
    pandas.DataFrame
        bank, chainage_m, cut (steep, no bar before it), error_m (measured less true position, landward positive; NaN
        where there is no edge within reach).
    """
    from scipy.ndimage import map_coordinates

    offsets = river.offsets(when)
    s = np.arange(END_M, river.line.length_m - END_M, STEP_M)
    along = np.arange(-SEARCH_M, SEARCH_M + 0.5, 1.0)
    tables = []
    for side, bank in enumerate(SIDES):
        edge = river.line.at(offsets[side], s)
        lean = river.line.at(np.gradient(offsets[side], river.line.s), s)
        steep = river.line.at(river.slope[side], s) <= 1.5 * CUT_SLOPE
        x, y = river.line.xy(s, SIGN[bank] * edge)
        # The bank's own normal, landward: the centre line's turned by the lean of the bank against it.
        far_x, far_y = river.line.xy(s, SIGN[bank] * (edge + 1.0))
        out = np.column_stack([far_x - x, far_y - y])
        flow = np.column_stack([out[:, 1], -out[:, 0]]) * SIGN[bank]
        normal = out - lean[:, None] * flow
        normal /= np.hypot(*normal.T)[:, None]
        px = (x[:, None] + along * normal[:, :1] - grid.transform.c) / grid.pixel_m - 0.5
        py = (grid.transform.f - y[:, None] - along * normal[:, 1:]) / grid.pixel_m - 0.5
        seen = map_coordinates(np.nan_to_num(share), [py, px], order=1, mode="nearest")
        # A place whose neighbour was not seen is not seen either.
        seen[map_coordinates(np.isnan(share).astype(np.float32), [py, px], order=1, mode="nearest") > 0] = np.nan
        tables.append(pd.DataFrame({"bank": bank, "chainage_m": s, "cut": steep, "error_m": _crossing(seen, along)}))
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
        One row a segment of the left and right bank: bank, chainage_m (of the truth), cut, true_m, measured_m, sigma_m.
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
    water: xr.Dataset, river: River, first: pd.Timestamp, last: pd.Timestamp
) -> tuple[int, int, int, int]:
    """Look for sudden failures in the change of the bank between two epochs.

    The bank's position is read every 20 m at both epochs; where it fell back at least :data:`FOUND_M` more than the bank
    within half a kilometre around it, on two places in a row, a failure is called.

    Returns
    -------
    tuple
        Failures of 30 m x 15 m and larger, those of them found, stretches called, stretches called in vain.
    """
    grid = grid_of(water)
    before, after = (
        bank_errors(water["water_fraction"].sel(epoch=day).to_numpy(), grid, river, day) for day in (first, last)
    )
    true = river.failures
    inside = true["chainage_m"].between(END_M, river.line.length_m - END_M)
    within = (true["date"] > first.tz_localize("UTC")) & (true["date"] <= last.tz_localize("UTC"))
    large = true[inside & within & (true["length_m"] >= 30) & (true["depth_m"] >= 15)]
    called = in_vain = found = 0
    for side, bank in enumerate(SIDES):
        rows = (before["bank"] == bank).to_numpy()
        s = before.loc[rows, "chainage_m"].to_numpy()
        edge = [np.asarray(river.line.at(river.offsets(day)[side], s)) for day in (first, last)]
        moved = (after.loc[rows, "error_m"].to_numpy() + edge[1]) - (before.loc[rows, "error_m"].to_numpy() + edge[0])
        usual = pd.Series(moved).rolling(25, center=True, min_periods=8).median().to_numpy()
        steep = (before.loc[rows, "cut"] & after.loc[rows, "cut"]).to_numpy()
        hit = (moved - usual >= FOUND_M) & steep
        hit &= np.roll(hit, 1) | np.roll(hit, -1)
        any_failure = true[(true["bank"] == bank) & within]
        for piece in np.split(np.flatnonzero(hit), np.flatnonzero(np.diff(np.flatnonzero(hit)) > 2) + 1):
            if piece.size:
                called += 1
                near = np.abs(any_failure["chainage_m"].to_numpy()[:, None] - s[piece]).min(axis=1, initial=np.inf)
                in_vain += not (near <= 0.5 * any_failure["length_m"].to_numpy() + 2 * STEP_M).any()
        for failure in large[large["bank"] == bank].itertuples():
            close = np.abs(s - failure.chainage_m) <= 0.5 * failure.length_m + STEP_M
            found += bool((hit & close).any())
    return len(large), found, called, in_vain


def see_river(seed: int, folder: Path, *, density: float, over_http: bool) -> dict[str, pd.DataFrame]:
    """Make an exercise, take it through the whole road, and compare with the truth.

    Returns
    -------
    dict
        ``positions``, ``retreat``, ``failures``: one row a place, a segment, a pair of dry seasons.
    """
    from erosion.corridor import corridor_of
    from erosion.simulate.exercise import LAST_YEAR, make_exercise, set_stage
    from erosion.sources import fetch_scenes, read_water

    os.environ["EROSION_STORE"] = str(folder / "store")
    asked = {"years": YEARS, "seed": seed, "length_km": LENGTH_KM, "density": density, "say": lambda _: None}
    last = pd.Timestamp(f"{LAST_YEAR}-12-31")
    if over_http:
        sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
        from tests.stac_server import StacServer

        with StacServer(folder / "catalog") as server:
            region = load_region(make_exercise(folder, catalog=server.api_url, **asked))
            fetch_scenes(region, last)
    else:
        region = load_region(make_exercise(folder, **asked))
        fetch_scenes(region, last)
    river = set_stage(LAST_YEAR + 1 - YEARS, YEARS, seed, LENGTH_KM).river
    grid = corridor_of(region).grid
    about = {"seed": seed, "density": density}
    positions, retreat, failures = [], [], []
    for family, names in FAMILIES.items():
        part = dataclasses.replace(region, water=tuple(SOURCES + name for name in names))
        try:
            water, _ = read_water(part, last)
        except Exception as error:  # a family without a single season is a row that is missing, and said
            print(f"seed {seed}, {family}: {error}", file=sys.stderr)
            continue
        water = water.load()
        epochs = pd.DatetimeIndex(water["epoch"].to_numpy())
        for k, day in enumerate(epochs):
            table = bank_errors(water["water_fraction"][k].to_numpy(), grid, river, day)
            facts = {name: water[name].to_numpy()[k] for name in ("season", "n_scenes", "stage_range_m")}
            positions.append(table.assign(family=family, epoch=day, **facts, **about))
        dry = epochs[water["season"].to_numpy() == "dry"]
        for first, then in zip(dry[:-1], dry[1:], strict=True):
            retreat.append(retreat_errors(water, part, river, first, then).assign(family=family, epoch=then, **about))
            large, found, called, vain = failures_found(water, river, first, then)
            failures.append(
                {"family": family, "epoch": then, "large": large, "found": found, "called": called, "vain": vain}
                | about
            )
    return {
        "positions": pd.concat(positions, ignore_index=True),
        "retreat": pd.concat(retreat, ignore_index=True),
        "failures": pd.DataFrame(failures),
    }


def report(seen: dict[str, pd.DataFrame]) -> str:
    """Put the comparison into Markdown tables."""
    positions, retreat, failures = seen["positions"], seen["retreat"], seen["failures"]
    lines = [
        "**MÔ PHỎNG / SIMULATED.** Rivers made by a computer; what is measured here is how well the way from scenes to banks",
        "works, not the real river.",
        "",
        "| scenes | season | cut banks seen | position RMSE m | bias m | no edge found | median error by epoch m |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    cut = positions[positions["cut"]]
    for (family, season), rows in cut.groupby(["family", "season"], sort=False):
        error = rows["error_m"]
        by_epoch = rows.groupby(["seed", "density", "epoch"])["error_m"].median().abs()
        lines.append(
            f"| {family} | {season} | {len(rows)} | {np.sqrt((error**2).mean()):.2f} | {error.mean():+.2f} | "
            f"{error.isna().mean():.1%} | {by_epoch.median():.2f} |"
        )
    lines += [
        "",
        "| scenes | pairs of dry seasons | segments on cut banks | retreat RMSE m | bias m | inside the 95 % interval |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for family, rows in retreat[retreat["cut"]].groupby("family", sort=False):
        error = rows["measured_m"] - rows["true_m"]
        inside = (error.abs() <= 1.96 * rows["sigma_m"]).mean()
        pairs = rows.groupby(["seed", "density", "epoch"]).ngroups
        lines.append(
            f"| {family} | {pairs} | {len(rows)} | {np.sqrt((error**2).mean()):.2f} | {error.mean():+.2f} | {inside:.1%} |"
        )
    lines += [
        "",
        "| scenes | failures of 30 m x 15 m and larger | found | called in vain |",
        "|---|---:|---:|---:|",
    ]
    for family, rows in failures.groupby("family", sort=False):
        total = rows[["large", "found", "called", "vain"]].sum()
        lines.append(
            f"| {family} | {total['large']} | {total['found'] / max(total['large'], 1):.0%} | "
            f"{total['vain'] / max(total['called'], 1):.0%} of {total['called']} |"
        )
    both = (
        positions[positions["cut"] & (positions["season"] == "dry")]
        .groupby(["family", "seed", "density", "epoch"])["error_m"]
        .mean()
    )
    by_year = both.rename("error").reset_index().assign(year=lambda t: t["epoch"].dt.year)
    wide = by_year.pivot_table(index=["seed", "density", "year"], columns="family", values="error")
    if {"Landsat", "Sentinel-2"} <= set(wide.columns):
        gap = (wide["Landsat"] - wide["Sentinel-2"]).dropna()
        lines += [
            "",
            f"Landsat less Sentinel-2, mean position of cut banks in the same dry season: {gap.mean():+.2f} m on average, {gap.abs().max():.2f} m at most ({len(gap)} seasons).",
        ]
    lines += ["", "| Sentinel-2 dry seasons with | epochs | position RMSE m |", "|---|---:|---:|"]
    s2 = cut[(cut["family"] == "Sentinel-2") & (cut["season"] == "dry")]
    for name, edges in (("n_scenes", (0, 5, 8, 12, 99)), ("stage_range_m", (0.0, 0.3, 0.6, 9.0))):
        for low, high in zip(edges[:-1], edges[1:], strict=True):
            rows = s2[(s2[name] > low) & (s2[name] <= high)]
            if len(rows):
                epochs = rows.groupby(["seed", "density", "epoch"]).ngroups
                words = (
                    f"{low} to {high} m of water level" if name == "stage_range_m" else f"{low + 1} to {high} scenes"
                )
                lines.append(f"| {words} | {epochs} | {np.sqrt((rows['error_m'] ** 2).mean()):.2f} |")
    return "\n".join(lines)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--density", type=float, nargs="+", default=[1.0])
    parser.add_argument("--write", action="store_true", help="put the tables into docs/known-river.md")
    options = parser.parse_args()
    seen: list[dict[str, pd.DataFrame]] = []
    for number, seed in enumerate(options.seeds):
        for density in options.density:
            with tempfile.TemporaryDirectory() as folder:
                print(f"seed {seed}, density {density:g}", file=sys.stderr, flush=True)
                seen.append(see_river(seed, Path(folder), density=density, over_http=number == 0))
    text = report({name: pd.concat([part[name] for part in seen], ignore_index=True) for name in seen[0]})
    print(text)
    if options.write:
        page = Path(__file__).resolve().parents[1] / "docs" / "known-river.md"
        head = page.read_text(encoding="utf-8").split("<!-- figures -->")[0]
        page.write_text(f"{head}<!-- figures -->\n{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
