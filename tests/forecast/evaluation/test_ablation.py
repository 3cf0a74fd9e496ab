"""A family of features is judged on the same rows and draws with it and without it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from erosion.features import FAMILIES
from erosion.forecast.evaluation import ablation
from erosion.forecast.model import MODEL_FEATURES

FIRST = pd.Timestamp("2010-01-01")
OWN = [feature.name for feature in FAMILIES["hydrology"].FEATURES]


def compared(reach, rows: pd.DataFrame) -> pd.DataFrame:
    one = reach.region.targets[:1]
    region = type(reach.region)(**{**vars(reach.region), "targets": one})
    some = rows.iloc[::3].reset_index(drop=True)
    return pd.DataFrame(ablation.compare(some, region, "hydrology", first=FIRST, draws=60))


def test_the_sets_differ_by_the_family_alone() -> None:
    sets = ablation.feature_sets("hydrology")
    assert not set(sets["without"]) & set(OWN)
    assert set(sets["with"]) - set(sets["without"]) == set(OWN)
    assert set(sets["without"]) == set(MODEL_FEATURES)  # none of hydrology is in the model
    assert set(ablation.feature_sets("planform")["with"]) == set(MODEL_FEATURES)
    assert all(len(names) == len(set(names)) for names in sets.values())


def test_a_family_that_knows_the_answer_is_seen_to_help(reach, rows) -> None:
    informed = rows.copy()
    informed[OWN] = np.nan
    informed[OWN[0]] = (informed["retreat_established_1y"] >= 30).astype(float)
    result = compared(reach, informed)
    pr = result[(result["metric"] == "pr_auc") & (result["subset"] == "all")].set_index("features")
    assert pr.loc["with", "value"] > 0.99 and pr.loc["with", "gain_low"] > 0.1
    assert pr.loc["with", "gain"] == pytest.approx(pr.loc["with", "value"] - pr.loc["without", "value"], abs=2e-5)
    assert pr.loc["without", "value"] < 0.9 and "gain" in result and pd.isna(pr.loc["without", "gain"])


def test_a_family_without_information_does_not_help(reach, rows) -> None:
    """A constant is never split on: same trees but for the columns that are drawn, so the interval holds zero."""
    empty = rows.copy()
    empty[OWN] = 1.0
    result = compared(reach, empty)
    gains = result[result["features"] == "with"]
    assert ((gains["gain_low"] <= 0.005) & (gains["gain_high"] >= -0.005)).all()
    text = ablation.table(result.to_dict("records"))
    assert text.count("\n") == 1 + len(gains) and "with less without" in text


def test_the_interval_of_a_difference_is_paired(reach, rows) -> None:
    result = compared(reach, rows)
    mine = result[
        (result["features"] == "with") & (result["metric"] == "brier_skill") & (result["subset"] == "all")
    ].iloc[0]
    assert mine["gain_high"] - mine["gain_low"] < 0.5 * (mine["ci_high"] - mine["ci_low"])
