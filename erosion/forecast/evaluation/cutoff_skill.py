"""How good the chance of a cutoff is: each group of dates is forecast from what was known before it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from erosion.config.region import Target
from erosion.forecast.cutoff import fit_cutoff, neck_table, predict_cutoff


def forecast_cutoffs(
    rows: pd.DataFrame, targets: Sequence[Target], groups: Iterable[tuple[pd.Timestamp, pd.Timestamp]]
) -> pd.DataFrame:
    """Return the necks of all test dates whose windows are over, with their forecasts.

    Parameters
    ----------
    rows
        From ``dataset.rows_with_outcomes``.
    targets
        Their windows are forecast.
    groups
        First issue date and end of each group of test dates that one model serves; the model knows the outcomes known on the
        first.

    Returns
    -------
    pandas.DataFrame
        One row per target and narrowest place of a loop: target, cut (1 or 0), p_cutoff, p_cutoff_low, p_cutoff_high,
        p_climatology (share of the windows known before that ended with a cut), and the columns of ``rows``.
    """
    parts = []
    necks = neck_table(rows)
    for start, end in groups:
        before = necks.copy()
        for target in targets:
            known = f"known_{target.name}"
            before[known] = before[known].where(before[known] <= start)
        model = fit_cutoff(before, targets)
        test = necks[(necks["as_of"] >= start) & (necks["as_of"] < end)]
        for target in targets:
            over = test[test[f"known_{target.name}"].notna() & test["neck_closing_rate"].notna()]
            earlier = before.loc[before[f"known_{target.name}"].notna(), f"cut_{target.name}"]
            parts.append(
                over.join(predict_cutoff(model, over, target.horizon_days)).assign(
                    target=target.name,
                    cut=over[f"cut_{target.name}"].astype(float),
                    p_climatology=(earlier.sum() + 0.5) / (len(earlier) + 1),  # never sure of what was not seen yet
                )
            )
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def cutoff_table(forecasts: pd.DataFrame) -> str:
    """Return the scores of :func:`forecast_cutoffs` as a Markdown table, a row a target."""
    lines = [
        "| target | windows of necks | cut | expected (90 %) | Brier score | of climatology | log loss | of climatology |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, part in forecasts.groupby("target", sort=False) if len(forecasts) else ():
        cut = part["cut"].to_numpy(float)
        scores = []
        for column in ("p_cutoff", "p_climatology"):
            p = part[column].to_numpy(float).clip(1e-6, 1 - 1e-6)
            scores.append((((p - cut) ** 2).mean(), -np.where(cut == 1, np.log(p), np.log1p(-p)).mean()))
        (brier, loss), (base_brier, base_loss) = scores
        low, expected, high = (part[f"p_cutoff{end}"].sum() for end in ("_low", "", "_high"))
        lines.append(
            f"| {name} | {len(part)} | {cut.sum():.0f} | {expected:.1f} ({low:.1f} to {high:.1f}) | {brier:.4f} | "
            f"{base_brier:.4f} | {loss:.3f} | {base_loss:.3f} |"
        )
    return "\n".join(lines)
