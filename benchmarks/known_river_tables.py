"""The Markdown tables and the figure of ``known_river.py``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

DRAWS = 2000
"""Resamples of a bootstrap interval."""


def report(seen: dict[str, pd.DataFrame], length_km: float, years: int, families: list[str]) -> str:
    """Return the comparison as Markdown tables.

    Parameters
    ----------
    seen
        Tables of all rivers.
    length_km, years
        Length of a river and how long it is known.
    families
        Families of scenes; the variants beside them are for the curves alone.
    """
    positions, retreat, failures = seen["positions"], seen["retreat"], seen["failures"]
    cut = positions[positions["cut"] & positions["family"].isin(families)]
    epoch = ["seed", "density", "epoch"]
    lines = [
        "**MÔ PHỎNG / SIMULATED.** Rivers made by a computer; what is measured here is how well the way from scenes to banks",
        f"works, not the real river. {positions['seed'].nunique()} rivers of {length_km:g} km, {years} years each. In brackets: "
        "95 % intervals, by drawing whole seasons anew.",
        "",
        "| scenes | season | seasons | position RMSE m | bias m | no edge found |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for (family, season), rows in cut.groupby(["family", "season"], sort=False):
        lines.append(
            f"| {family} | {season} | {rows.groupby(epoch).ngroups} | {rmse(rows, epoch)} | {mean(rows, epoch)} | "
            f"{rows['error_m'].isna().mean():.1%} |"
        )
    lines += [
        "",
        "| scenes | pairs of dry seasons | segments on cut banks | retreat RMSE m | bias m | inside the 95 % interval "
        "| flagged low_coverage | RMSE of the others m | of them inside |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for family, rows in retreat[retreat["cut"]].groupby("family", sort=False):
        rows = rows.assign(error_m=rows["measured_m"] - rows["true_m"])
        inside = rows["error_m"].abs() <= 1.96 * rows["sigma_m"]
        good = rows["seen"].astype(bool)
        lines.append(
            f"| {family} | {rows.groupby(epoch).ngroups} | {len(rows)} | {rmse(rows, epoch)} | {mean(rows, epoch)} | "
            f"{inside.mean():.1%} | {1 - good.mean():.1%} | {rmse(rows[good], epoch)} | {inside[good].mean():.1%} |"
        )
    lines += [
        "",
        "| scenes | failures of 30 m x 15 m and larger | found | stretches called | false |",
        "|---|---:|---:|---:|---:|",
    ]
    for family, rows in failures.groupby("family", sort=False):
        total = rows[["large", "found", "called", "false_calls"]].sum()
        lines.append(
            f"| {family} | {total['large']} | {share(total['found'], total['large'])} | {total['called']} | "
            f"{share(total['false_calls'], total['called'])} |"
        )
    both = cut[cut["season"] == "dry"].assign(year=lambda t: t["epoch"].dt.year)
    wide = both.pivot_table(index=["seed", "density", "year"], columns="family", values="error_m")
    if {"Landsat", "Sentinel-2"} <= set(wide.columns):
        gap = (wide["Landsat"] - wide["Sentinel-2"]).dropna()
        lines += [
            "",
            "Landsat less Sentinel-2, mean position of cut banks in the same dry season: "
            f"{gap.mean():+.2f} m on average, {gap.abs().max():.2f} m at most ({len(gap)} seasons).",
        ]
    lines += ["", "![Accuracy against clear observations, cloud and water level](known-river.png)", ""]
    for title, rows in curves(positions).items():
        lines += [f"| Sentinel-2, {title} | places | position RMSE m | no edge found |", "|---|---:|---:|---:|"]
        lines += [f"| {r.label} | {r.places} | {r.rmse:.2f} | {r.missing:.1%} |" for r in rows.itertuples()]
        lines += [""]
    cost = seen["cost"]
    per_minute = 60 * cost["passes"].sum() / cost["seconds"].sum()
    per_pixel = cost["seconds"].sum() / (cost["passes"] * cost["pixels"]).sum()
    kept = cost["stored_bytes"].sum() / (cost["passes"] * cost["pixels"]).sum()
    lines += [
        f"From search to stored water: {per_minute:.0f} passes a minute on corridors of {cost['pixels'].mean() / 1e6:.1f} million "
        f"pixels ({1e6 * per_pixel:.2f} s a million pixels), {1e6 * kept / 1e6:.2f} MB kept a million pixels, "
        f"at most {cost['peak_mb'].max():.0f} MB of memory in use by the process that also made the pictures.",
    ]
    return "\n".join(lines)


def curves(positions: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return RMSE of cut banks over clear observations, cloud and spread of water levels: label, middle, places, rmse, missing."""
    cut = positions[positions["cut"]]
    dry = cut["season"] == "dry"
    s2 = cut["family"] == "Sentinel-2"
    asked = {
        "clear observations at the place (dry season)": (cut[(cut["family"] == "any number") & dry], "n_clear", (0, 1, 2, 3, 4, 6, 8, 12, 99), ""),
        "mean cloud of the season's pictures (dry season)": (cut[s2 & dry], "cloud", (-0.01, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 1.0), " %"),
        "spread of water levels (both seasons)": (
            cut[s2 | (cut["family"] == "window")], "stage_range_m", (-0.01, 0.25, 0.5, 0.75, 1.0, 1.5, 2.5, 9.0), " m",
        ),
    }  # fmt: skip
    tables = {}
    for title, (rows, name, edges, unit) in asked.items():
        found = []
        for low, high in zip(edges[:-1], edges[1:], strict=True):
            some = rows[(rows[name] > low) & (rows[name] <= high)]
            if len(some) < 200:
                continue
            found.append(
                {
                    "label": _label(max(low, 0), high, name, unit),
                    "middle": some[name].mean(),
                    "places": len(some),
                    "rmse": np.sqrt((some["error_m"] ** 2).mean()),
                    "missing": some["error_m"].isna().mean(),
                }
            )
        tables[title] = pd.DataFrame(found)
    return tables


def _label(low: float, high: float, name: str, unit: str) -> str:
    if name == "n_clear":
        first = int(low) + 1
        return f"{first}" if first == high else f"{first} to {high:g}" if high < 99 else f"{first} and more"
    scale = 100 if unit == " %" else 1
    return f"{scale * low:g} to {scale * high:g}{unit}"


def draw(positions: pd.DataFrame, path: Path) -> None:
    """Draw the curves."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(12, 3.6), layout="constrained", sharey=True)
    for axis, (title, rows) in zip(axes, curves(positions).items(), strict=True):
        axis.plot(rows["middle"], rows["rmse"], "o-", color="#1f5a8a")
        for row in rows.itertuples():
            axis.annotate(
                f"{row.places}", (row.middle, row.rmse), xytext=(0, 6), textcoords="offset points", fontsize=7
            )
        axis.axhline(3.5, color="0.6", lw=0.8, ls="--")
        axis.set_xlabel(
            {"clear": "clear observations at the place", "mean": "mean cloud [share]", "spread": "water levels [m]"}[
                title.split()[0]
            ]
        )
        axis.set_title(title, fontsize=9)
        axis.grid(alpha=0.3)
    axes[0].set_ylim(0, 1.25 * max(rows["rmse"].max() for rows in curves(positions).values()))
    axes[0].set_ylabel("position RMSE on cut banks [m]")
    figure.suptitle(
        "MÔ PHỎNG / SIMULATED: Sentinel-2 on rivers made by a computer; numbers are places; dashed: 0.35 pixel",
        fontsize=10,
    )
    figure.savefig(path, dpi=110)


def rmse(rows: pd.DataFrame, by: list[str]) -> str:
    """Return root mean square of ``error_m`` with its interval."""
    return _with_interval(rows.assign(value=rows["error_m"] ** 2), by, np.sqrt, "{:.2f}")


def mean(rows: pd.DataFrame, by: list[str]) -> str:
    """Return mean of ``error_m`` with its interval."""
    return _with_interval(rows.assign(value=rows["error_m"]), by, lambda v: v, "{:+.2f}")


def _with_interval(rows: pd.DataFrame, by: list[str], turn: Any, form: str) -> str:
    blocks = rows.groupby(by)["value"].agg(["sum", "count"]).to_numpy()
    draws = np.random.default_rng(0).integers(len(blocks), size=(DRAWS, len(blocks)))
    total = blocks[draws].sum(axis=1)
    low, high = np.quantile(turn(total[:, 0] / np.maximum(total[:, 1], 1)), (0.025, 0.975))
    middle = turn(blocks[:, 0].sum() / blocks[:, 1].sum())
    return f"{form.format(middle)} ({form.format(low)} to {form.format(high)})"


def share(part: int, whole: int) -> str:
    """Return a share in percent with its interval (Wilson 1927)."""
    from scipy.stats import binomtest

    if not whole:
        return "none"
    interval = binomtest(int(part), int(whole)).proportion_ci(method="wilson")
    return f"{part / whole:.0%} ({interval.low:.0%} to {interval.high:.0%})"
