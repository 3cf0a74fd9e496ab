"""A convolutional network that sees only the last masks, against the project's model on the same rows.

Run ``python benchmarks/convnet.py`` for the table (Markdown on stdout); ``--write`` puts it into
``docs/evaluation/convnet.md`` and the scores into ``convnet.json`` beside it. ``--development`` repeats the comparison on
issue dates before 2006, on which the settings were chosen. Needs PyTorch: ``pip install -e ".[peer]"``.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import logging
import sys
import time
from collections.abc import Sequence as List
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from convnet_strips import Sequence, in_sequence, strips_on
from numpy.typing import NDArray

from erosion.config.region import Region, Target, load_region
from erosion.forecast.calibration import apply_calibration, fit_calibration
from erosion.forecast.distribution import Distribution, distribution_of
from erosion.forecast.evaluation.evaluate import onset_rows
from erosion.forecast.evaluation.skill import (
    DRAWS,
    brier,
    brier_skill,
    draw_blocks,
    pr_auc,
    roc_auc,
    with_interval,
)
from erosion.forecast.evaluation.splits import Split, bootstrap_blocks, splits
from erosion.forecast.model import knots_of, known_rows, predict, split_dates, train_target
from erosion.forecast.training import load_rows

if TYPE_CHECKING:
    from convnet_net import Settings

_log = logging.getLogger("convnet")

REGION, UNTIL = "mamore", pd.Timestamp("2018-12-31")
FIRST = pd.Timestamp("2006-01-01")
"""First test date; everything was chosen on outcomes known before it."""

DEVELOPMENT = pd.Timestamp("2001-08-01")
"""First issue date that is forecast with ``--development``: enough dates before it to train and calibrate both targets."""

LABEL = "established"
SPLIT = "time_space"
MODELS = {"convnet": "ConvNet", "model": "LightGBM", "mean": "mean of their log odds"}
METRICS = {"pr_auc": "PR-AUC", "roc_auc": "ROC-AUC", "brier": "Brier score", "brier_skill": "Brier skill"}
TAIL_M = 100.0
"""Mean retreat beyond the last distance [m]; no score here depends on it."""


def sequence_of(region: Region, rows: pd.DataFrame) -> Sequence:
    """Return the strips of all rows, as known on the issue date of each.

    Raises
    ------
    ValueError
        If the segments of a date are not those of the rows.
    """
    from convnet_net import HALF

    from erosion.banks.epochs.valid import valid_epochs
    from erosion.config.store import store_of
    from erosion.gauges import series as gauge_series
    from erosion.water import read as sources

    gauges = gauge_series.read(region, store_of(region), UNTIL).values
    waters, _ = sources.read_reaches(region, UNTIL, gauges)
    (reach,) = region.by_reach()
    water = valid_epochs(reach, waters[reach.reach.name])[0].load()
    dates = []
    for as_of, of_date in rows.groupby("as_of"):
        strips, segments = strips_on(reach, water, pd.Timestamp(as_of))
        if not np.array_equal(segments, of_date["segment_id"].to_numpy(str)):
            raise ValueError(
                f"the segments of {as_of:%Y-%m-%d} are not those of the rows; make both from the same observations"
            )
        dates.append(strips)
    return in_sequence(dates, HALF)


def forecast_part(
    rows: pd.DataFrame, sequence: Sequence, part: Split, targets: List[Target], settings: Settings, seed: int
) -> dict[str, pd.DataFrame]:
    """Return the test rows of a part with an outcome, target to table, with ``p:<model>`` of all three [1].

    Both models learn from the same rows. Both are calibrated with forecasts of the newest dates by a model that had not seen
    them. Then the project's is fitted anew on everything known, and the network goes on learning from it.
    """
    knots = knots_of(targets)
    tested = [target for target in targets if (part.test & known_rows(rows, target, LABEL)).any()]
    longest = max((target.horizon_days for target in tested), default=0.0)
    trained = {
        target.name: train_target(rows[part.learn(rows, target, LABEL)], target, label=LABEL, knots_m=knots, seed=seed)
        for target in targets
        if target.horizon_days <= longest
    }
    test = rows[part.test]
    forecasts = {"model": predict(trained, test), "convnet": _of_net(rows, sequence, part, targets, settings, seed)}
    result = {}
    for target in tested:
        chances = {name: forecast[target.name].chance(target.threshold_m) for name, forecast in forecasts.items()}
        chances["mean"] = _chance(sum(_log_odds(p) for p in chances.values()) / len(chances))
        known = known_rows(test, target, LABEL)
        columns = {f"p:{name}": chances[name] for name in MODELS}
        result[target.name] = test.assign(origin=part.origin, **columns)[known]
    return result


def _of_net(
    rows: pd.DataFrame, sequence: Sequence, part: Split, targets: List[Target], settings: Settings, seed: int
) -> dict[str, Distribution]:
    """Return the predictive distributions of the network for the test rows of a part."""
    from convnet_net import fit_net, net_log_odds

    knots = knots_of(targets)
    own = [knots.index(target.threshold_m) for target in targets]
    reached = np.stack([rows[f"retreat_{LABEL}_{t.name}"].to_numpy()[:, None] >= knots for t in targets], axis=1)
    learn = np.stack([part.learn(rows, target, LABEL) for target in targets], axis=1)
    early, late = np.zeros_like(learn), np.zeros_like(learn)
    for j, target in enumerate(targets):
        mine = np.flatnonzero(learn[:, j])
        fit, calibrate = split_dates(rows.iloc[mine], target, LABEL)
        early[mine[fit], j], late[mine[calibrate], j] = True, True
    first = fit_net(sequence, reached, early, own, settings, seed)
    lines = []
    for j in range(len(targets)):
        raw = net_log_odds(first, sequence, late[:, j], settings)[:, j]
        lines.append(fit_calibration(raw, reached[late[:, j], j], rows["as_of"].to_numpy()[late[:, j]]))
    whole = fit_net(sequence, reached, learn, own, settings, seed, start=first)
    raw = net_log_odds(whole, sequence, part.test, settings)
    forecasts: dict[str, Distribution] = {}
    shorter = None
    for j in np.argsort([target.horizon_days for target in targets]):
        mine = distribution_of(knots, apply_calibration(raw[:, j], lines[j]), TAIL_M)
        shorter = forecasts[targets[j].name] = mine if shorter is None else mine.at_least(shorter)
    return forecasts


def _log_odds(chance: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.log(chance / (1 - chance))


def _chance(log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 / (1 + np.exp(-log_odds))


def score(tested: pd.DataFrame, region: Region, target: Target, seed: int, draws: int = DRAWS) -> list[dict[str, Any]]:
    """Return tidy records of all models, in the form of ``mamore.json``.

    ``convnet`` and ``mean`` have ``gain``, ``gain_low`` and ``gain_high`` besides: the score less that of the project's model,
    the bootstrap drawing the same stretches of river for both.
    """
    records = []
    for subset, chosen in {"all": np.ones(len(tested), bool), "onset": onset_rows(tested)}.items():
        part = tested[chosen]
        event = part[f"retreat_{LABEL}_{target.name}"].to_numpy(float) >= target.threshold_m
        drawn = draw_blocks(bootstrap_blocks(part, tested), draws, seed)
        scores = {
            name: {
                metric: of(event, part[f"p:{name}"].to_numpy(float), drawn)
                for metric, of in zip(METRICS, (pr_auc, roc_auc, brier, brier_skill), strict=True)
            }
            for name in MODELS
        }
        about = {
            "region": region.name,
            "simulated": region.simulated,
            "target": target.name,
            "labels": LABEL,
            "split": SPLIT,
            "subset": subset,
            "n": len(part),
            "base_rate": round(float(event.mean()), 5),
        }
        for name, of_model in scores.items():
            for metric, values in of_model.items():
                numbers = dict(zip(("value", "ci_low", "ci_high"), with_interval(values), strict=True))
                if name != "model":
                    gain = with_interval(values - scores["model"][metric])
                    numbers |= dict(zip(("gain", "gain_low", "gain_high"), gain, strict=True))
                records.append(about | {"model": name, "metric": metric} | {k: round(v, 5) for k, v in numbers.items()})
    return records


def table(records: List[dict[str, Any]]) -> str:
    """Return the scores as Markdown."""
    lines = [
        f"| target | rows | model | {' | '.join(METRICS.values())} | PR-AUC less LightGBM | Brier skill less LightGBM |",
        "|---" * (5 + len(METRICS)) + "|",
    ]
    frame = pd.DataFrame(records)
    for (target, subset, model), group in frame.groupby(["target", "subset", "model"], sort=False):
        by = group.set_index("metric")
        cells = [f"{r.value:.3f} ({r.ci_low:.3f} to {r.ci_high:.3f})" for r in by.loc[list(METRICS)].itertuples()]
        for metric in ("pr_auc", "brier_skill"):
            r = by.loc[metric]
            cells.append(
                "" if model == "model" else f"{r['gain']:+.3f} ({r['gain_low']:+.3f} to {r['gain_high']:+.3f})"
            )
        rows = f"{subset}, {by['n'].iloc[0]} (base rate {by['base_rate'].iloc[0]:.3f})"
        lines.append(f"| {target} | {rows} | {MODELS[model]} | {' | '.join(cells)} |")
    return "\n".join(lines)


def known_before(rows: pd.DataFrame, targets: List[Target], date: pd.Timestamp) -> pd.DataFrame:
    """Return the rows issued before a date, without the outcomes that were known on or after it."""
    early = rows[rows["as_of"] < date].copy()
    for target in targets:
        early.loc[~(early[f"known_{target.name}"] < date), f"retreat_{LABEL}_{target.name}"] = np.nan
    return early


def compare(
    region: Region, rows: pd.DataFrame, sequence: Sequence, first: pd.Timestamp, settings: Settings, seed: int
) -> list[dict[str, Any]]:
    """Return the scores of all models on the issue dates from ``first`` on."""
    found: dict[str, list[pd.DataFrame]] = {}
    started = time.perf_counter()
    for part in splits(rows, SPLIT, first):
        for name, tested in forecast_part(rows, sequence, part, region.targets, settings, seed).items():
            found.setdefault(name, []).append(tested)
        _log.info(f"{part.origin:%Y-%m-%d}: {part.test.sum()} rows, {time.perf_counter() - started:.0f} s so far")
    return [
        record for target in region.targets for record in score(pd.concat(found[target.name]), region, target, seed)
    ]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--development", action="store_true", help="forecast the issue dates from 2001 to 2005 instead")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", action="store_true", help="put table and scores into docs/evaluation")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if importlib.util.find_spec("torch") is None:
        sys.exit('PyTorch is missing, which this comparison trains its network with; run pip install -e ".[peer]"')
    if options.write and options.development:
        sys.exit("--write is for the test years; run --development without it")
    from convnet_net import Settings

    region = load_region(REGION)
    rows, _ = load_rows(region, UNTIL)
    if options.development:
        rows = known_before(rows, region.targets, FIRST)
    first = DEVELOPMENT if options.development else FIRST
    records = compare(region, rows, sequence_of(region, rows), first, Settings(), options.seed)
    text = table(records)
    print(text)
    if options.write:
        page = Path(__file__).resolve().parents[1] / "docs" / "evaluation" / "convnet.md"
        head = page.read_text(encoding="utf-8").split("<!-- figures -->")[0]
        page.write_text(f"{head}<!-- figures -->\n{text}\n", encoding="utf-8")
        page.with_suffix(".json").write_text(json.dumps(records, indent=0) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
