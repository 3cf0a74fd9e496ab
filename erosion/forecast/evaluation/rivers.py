"""Forecast skill on rivers never trained on: each river is forecast by models trained on the others alone.

Time is no border between rivers: the flood of a year on one river says nothing of another's, so models learn from all dates of
the others. The baselines learn from the same rows.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from erosion.config.region import load_region
from erosion.forecast.evaluation.evaluate import forecast_part, score_all
from erosion.forecast.evaluation.skill import DRAWS
from erosion.forecast.evaluation.splits import Split
from erosion.forecast.model import TrainingError
from erosion.forecast.rivers import River, check_alike, check_once, load_rivers, together

_log = logging.getLogger(__name__)

LABEL = "established"
"""Land that releases are trained on."""

SPLIT = "river"
"""Name of the split in records."""

_STRETCH = re.compile(r"(?P<region>.+):(?P<first>\d+(\.\d+)?)-(?P<last>\d+(\.\d+)?)")


def read_rivers(names: Sequence[str], until: pd.Timestamp) -> list[River]:
    """Return the rows of regions, or of stretches of them.

    Parameters
    ----------
    names
        Names of regions or paths of their files; ``mamore:0-95`` is the stretch from kilometre 0 to 95 of each of its
        reaches, counted along the centre line of the first date. Stretches of one region stand for two rivers that
        resemble each other as much as rivers can.
    until
        Date up to which observations are used.

    Raises
    ------
    CatalogError
        If a region is not known or has mistakes.
    ValueError
        If a river is there twice, a stretch overlaps another or holds no bank, or the regions are not alike.
    """
    stretches = [_STRETCH.fullmatch(name) for name in names]
    regions = [load_region(match["region"] if match else name) for name, match in zip(names, stretches, strict=True)]
    spans = [(float(match["first"]), float(match["last"])) if match else (0.0, np.inf) for match in stretches]
    labels = [
        f"{region.name}:{span[0]:g}-{span[1]:g}" if match else region.name
        for region, match, span in zip(regions, stretches, spans, strict=True)
    ]
    check_once(labels)
    check_alike(regions)
    for i, (region, (first, last)) in enumerate(zip(regions, spans, strict=True)):
        for other, (start, end), label in zip(regions[:i], spans, labels, strict=False):
            if other.name == region.name and first < end and start < last:
                raise ValueError(f"{labels[i]} and {label} share banks; give stretches that lie apart")
    whole = {one.name: one for one in load_rivers({region.name: region for region in regions}.values(), until)}
    return [
        stretch_of(whole[region.name], label, *span) for label, region, span in zip(labels, regions, spans, strict=True)
    ]


def stretch_of(river: River, name: str, first_km: float, last_km: float) -> River:
    """Return a stretch of a river as a river of its own.

    Raises
    ------
    ValueError
        If it holds no bank.
    """
    rows = river.rows[river.rows["river_km"].between(first_km, last_km)].reset_index(drop=True)
    if rows.empty:
        raise ValueError(f"{name} holds no bank; {river.name} is {river.rows['river_km'].max():.0f} km long")
    return river._replace(name=name, rows=rows)


def evaluate_rivers(
    rivers: Sequence[River], *, held: Sequence[str] | None = None, seed: int = 0, draws: int = DRAWS
) -> list[dict[str, Any]]:
    """Return scores of the model and of every baseline on each river, all of them trained on the others.

    Parameters
    ----------
    rivers
        Two or more, from :func:`read_rivers`.
    held
        Names of the rivers to score; all when None.
    seed
        Seed of models and bootstrap.
    draws
        Bootstrap draws of blocks of river.

    Returns
    -------
    list of dict
        Tidy records as of :func:`erosion.forecast.evaluation.evaluate.evaluate`, with the river as ``region``, ``river`` as
        split, and ``trained_on``, names of the other rivers. A river without any event of a target has no score of it.

    Raises
    ------
    TrainingError
        If there is too little to learn from, or no river can be scored.
    """
    rows = together(rivers)
    targets = rivers[0].region.targets
    records = []
    for one in rivers if held is None else [one for one in rivers if one.name in held]:
        others = ", ".join(other.name for other in rivers if other is not one)
        _log.info(f"{one.name}, trained on {others}")
        mine = (rows["river"] == one.name).to_numpy()
        for name, table in forecast_part(rows, Split(pd.Timestamp.max, ~mine, mine), targets, LABEL, seed).items():
            target = next(target for target in targets if target.name == name)
            scores = score_all(table, one.region, target, LABEL, SPLIT, seed, draws)
            scores = [record for record in scores if not record["subset"].startswith("from_")]
            records += [record | {"region": one.name, "trained_on": others} for record in scores]
    if not records:
        raise TrainingError("no river had an event of any target with a known outcome; give longer series")
    return records


def table(records: Sequence[dict[str, Any]], subset: str = "all") -> str:
    """Return the main scores of one subset as a Markdown table, a row a river, target and model."""
    wanted = ("pr_auc", "roc_auc", "brier_skill", "top10_share", "crps_skill", "coverage80")
    values = {
        (record["region"], record["target"], record["model"], record["metric"]): record
        for record in records
        if record["subset"] == subset
    }
    lines = [
        f"| river | target | base rate | model | mean chance | {' | '.join(wanted)} |",
        "|---" * (5 + len(wanted)) + "|",
    ]
    for river, target, model in dict.fromkeys(key[:3] for key in values):
        cells = [_cell(values.get((river, target, model, metric))) for metric in ("mean_chance", *wanted)]
        about = next(record for key, record in values.items() if key[:3] == (river, target, model))
        simulated = " (simulated)" if about["simulated"] else ""
        lines.append(f"| {river}{simulated} | {target} | {about['base_rate']:.4f} | {model} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(record: dict[str, Any] | None) -> str:
    if record is None or record["value"] is None:
        return ""
    interval = "" if record["ci_low"] is None else f" ({record['ci_low']:.3g} to {record['ci_high']:.3g})"
    return f"{record['value']:.3g}{interval}"
