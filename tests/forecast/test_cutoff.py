"""The chance of a cutoff: which necks were cut, the hazard by hand, its laws, and what is learnt from made necks."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from erosion.config.region import Target
from erosion.features.neck import Necks
from erosion.forecast.cutoff import (
    NARROWING_W,
    PRIOR_MEAN,
    PRIOR_SPREAD,
    CutoffModel,
    cutoff_of_segments,
    fit_cutoff,
    necks_cut,
    predict_cutoff,
)

YEAR = 365.25
TARGETS = (
    Target(name="1y", horizon_days=YEAR, threshold_m=30),
    Target(name="3y", horizon_days=3 * YEAR, threshold_m=60),
)


def necks(width_w: np.ndarray, narrowing_w: np.ndarray, channel_m: float = 300.0) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "neck_width_m": np.asarray(width_w) * channel_m,
            "neck_width_w": np.asarray(width_w, float),
            "neck_closing_rate": np.asarray(narrowing_w) * channel_m,
        }
    )


def model(*mean: float, spread: float = 0.1) -> CutoffModel:
    return CutoffModel(np.array(mean), np.eye(3) * spread**2, 100, 10)


# --- which necks were cut --------------------------------------------------------------------------------------------------


def loop_line(height: float, shift: float = 0.0) -> pd.DataFrame:
    """River from west to east along y = 0 that goes up and round between x = 2000 and x = 2400, as high as ``height``."""
    corners = np.add([[0, 0], [2000, 0], [2000, height], [2400, height], [2400, 0], [4400, 0]], [0.0, shift])
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(corners, axis=0).T))])
    chainage = np.arange(0.0, along[-1], 20.0)
    x, y = (np.interp(chainage, along, corners[:, i]) for i in (0, 1))
    return pd.DataFrame({"chainage_m": chainage, "x": x, "y": y, "width_m": 100.0, "part": 0})


BEFORE = loop_line(2000.0)
CHAINAGE = np.array([1000.0, 2100.0, 6300.0])  # one segment away, and one on each limb 100 m up
LOOP = Necks(
    np.array([-1, 2, 1]), np.array([np.nan, 300.0, 300.0]), np.array([np.nan, 4200.0, 4200.0]), np.array([-1, 0, 0])
)


@pytest.mark.parametrize(
    ("later", "cut"),
    [
        ([], False),
        ([loop_line(2000.0)], False),
        ([loop_line(1500.0)], False),  # the loop is shorter, but the river still goes round
        ([loop_line(0.0)], True),
        ([loop_line(2000.0), loop_line(0.0), loop_line(0.0)], True),  # once cut, it was cut
        ([loop_line(0.0, shift=-400.0)], False),  # another change took the river away from both limbs
    ],
)
def test_a_neck_is_cut_when_the_river_no_longer_goes_round(later: list[pd.DataFrame], cut: bool) -> None:
    assert necks_cut(LOOP, CHAINAGE, BEFORE, later).tolist() == [False, cut, cut]


# --- the hazard by hand ----------------------------------------------------------------------------------------------------


def test_a_hazard_that_knows_neither_width_nor_narrowing_is_a_constant_rate() -> None:
    got = predict_cutoff(model(np.log(0.2), 0.0, 0.0), necks([1.0, 5.0], [0.0, 0.3]), 3 * YEAR)
    assert got["p_cutoff"].to_numpy() == pytest.approx(1 - np.exp(-0.2 * 3))


def test_a_neck_that_stands_still_has_the_hazard_of_its_width() -> None:
    got = predict_cutoff(model(-1.0, -2.0, 0.0), necks([2.0], [0.0]), YEAR)
    assert got["p_cutoff"].to_numpy() == pytest.approx(1 - np.exp(-np.exp(-1.0) / 4))


def test_the_hazard_follows_the_neck_as_it_narrows() -> None:
    """With a hazard of one over the width, narrowing from 2 to 1 width in two years sums to the integral ln 2 / 0.5."""
    got = predict_cutoff(model(0.0, -1.0, 0.0), necks([2.0], [0.5]), 2 * YEAR)
    assert got["p_cutoff"].to_numpy() == pytest.approx(1 - np.exp(-np.log(2) / 0.5), rel=2e-3)


def test_the_interval_by_hand() -> None:
    """Of a constant rate only the intercept is unsure: the log of the summed hazard has its standard deviation."""
    unsure = CutoffModel(np.array([np.log(0.2), 0.0, 0.0]), np.diag([0.5**2, 1e-12, 1e-12]), 100, 10)
    got = predict_cutoff(unsure, necks([1.0], [NARROWING_W]), YEAR).iloc[0]
    assert got["p_cutoff_low"] == pytest.approx(1 - np.exp(-0.2 * np.exp(-1.645 * 0.5)))
    assert got["p_cutoff_high"] == pytest.approx(1 - np.exp(-0.2 * np.exp(1.645 * 0.5)))


def test_what_is_not_known_has_no_chance() -> None:
    got = predict_cutoff(model(*PRIOR_MEAN), necks([np.nan, 2.0, 2.0], [0.1, np.nan, 0.1]), YEAR)
    assert got.isna().all(axis=1).tolist() == [True, True, False]


# --- laws ------------------------------------------------------------------------------------------------------------------


@given(
    width=st.floats(0.05, 6.0),
    wider=st.floats(0.0, 3.0),
    narrowing=st.floats(-0.2, 0.8),
    faster=st.floats(0.0, 0.5),
    days=st.floats(30, 2000),
    longer=st.floats(0, 2000),
)
@settings(max_examples=100, deadline=None)
def test_wider_slower_and_shorter_is_never_likelier(
    width: float, wider: float, narrowing: float, faster: float, days: float, longer: float
) -> None:
    made = model(*PRIOR_MEAN)
    base = predict_cutoff(made, necks([width], [narrowing]), days).iloc[0]
    assert 0 <= base["p_cutoff_low"] <= base["p_cutoff"] <= base["p_cutoff_high"] <= 1
    assert predict_cutoff(made, necks([width + wider], [narrowing]), days)["p_cutoff"][0] <= base["p_cutoff"] + 1e-12
    assert predict_cutoff(made, necks([width], [narrowing + faster]), days)["p_cutoff"][0] >= base["p_cutoff"] - 1e-12
    assert predict_cutoff(made, necks([width], [narrowing]), days + longer)["p_cutoff"][0] >= base["p_cutoff"] - 1e-12


# --- learning --------------------------------------------------------------------------------------------------------------


def history(n: int, truth: CutoffModel, seed: int = 0) -> pd.DataFrame:
    """Necks of one reach on one date each, with windows that end as the true model says."""
    rng = np.random.default_rng(seed)
    rows = necks(np.exp(rng.uniform(np.log(0.3), np.log(6.0), n)), rng.uniform(0.0, 0.4, n))
    rows["reach"], rows["as_of"], rows["neck"] = "made", np.arange(n), 0
    for target in TARGETS:
        rows[f"known_{target.name}"] = pd.Timestamp("2000-01-01")
        rows[f"cut_{target.name}"] = rng.random(n) < predict_cutoff(truth, rows, target.horizon_days)["p_cutoff"]
    return rows


def test_many_necks_teach_the_hazard_they_came_from() -> None:
    truth = model(-2.5, -1.2, 0.8)
    got = fit_cutoff(history(20000, truth), TARGETS)
    off = (got.mean - truth.mean) / np.sqrt(np.diag(got.covariance))
    assert np.abs(off).max() < 4
    assert np.sqrt(np.diag(got.covariance)).max() < 0.1


def test_without_a_neck_the_prior_is_the_model() -> None:
    none = history(1, model(*PRIOR_MEAN)).iloc[:0]
    got = fit_cutoff(none, TARGETS)
    np.testing.assert_allclose(got.mean, PRIOR_MEAN)
    np.testing.assert_allclose(np.sqrt(np.diag(got.covariance)), PRIOR_SPREAD)
    assert (got.necks, got.cuts) == (0, 0)


def test_more_necks_make_surer() -> None:
    truth = model(*PRIOR_MEAN)
    few, many = (np.trace(fit_cutoff(history(n, truth), TARGETS).covariance) for n in (20, 2000))
    assert many < few < np.square(PRIOR_SPREAD).sum()


def test_windows_that_are_not_over_teach_nothing() -> None:
    rows = history(200, model(*PRIOR_MEAN))
    open_rows = history(100, model(3.0, 0.0, 0.0), seed=1).assign(as_of=lambda t: t["as_of"] + 1000)
    for target in TARGETS:
        open_rows[f"known_{target.name}"] = pd.NaT
    one, other = fit_cutoff(rows, TARGETS), fit_cutoff(pd.concat([rows, open_rows], ignore_index=True), TARGETS)
    np.testing.assert_array_equal(one.mean, other.mean)


def test_only_the_narrowest_place_of_a_loop_is_a_case() -> None:
    rows = history(100, model(*PRIOR_MEAN))
    wider = rows.assign(neck_width_m=rows["neck_width_m"] * 1.5, neck_width_w=rows["neck_width_w"] * 1.5)
    both = pd.concat([rows, wider], ignore_index=True)
    assert fit_cutoff(both, TARGETS).necks == fit_cutoff(rows, TARGETS).necks == 200


def test_all_segments_of_a_neck_have_its_chance() -> None:
    features = necks([np.nan, 2.0, 1.0, 3.0], [0.1, 0.1, 0.1, 0.1]).set_axis(list("abcd"))
    four = Necks(np.array([-1, 2, 1, 2]), features["neck_width_m"].to_numpy(), np.zeros(4), np.array([-1, 0, 0, 0]))
    got = cutoff_of_segments(model(*PRIOR_MEAN), features, four, YEAR)
    assert got.index.tolist() == list("abcd")
    assert got.loc["a"].isna().all()
    wanted = predict_cutoff(model(*PRIOR_MEAN), necks([1.0], [0.1]), YEAR)["p_cutoff"][0]
    assert got.loc[["b", "c", "d"], "p_cutoff"].to_numpy() == pytest.approx(wanted)
    assert got.loc[["b", "c", "d"], "neck_width_m"].tolist() == [300.0] * 3


def test_a_river_without_loops_has_no_chance() -> None:
    features = necks([np.nan, np.nan], [np.nan, np.nan])
    none = Necks(np.array([-1, -1]), np.full(2, np.nan), np.full(2, np.nan), np.array([-1, -1]))
    assert cutoff_of_segments(model(*PRIOR_MEAN), features, none, YEAR).isna().all(axis=None)


# --- on disk ---------------------------------------------------------------------------------------------------------------


def test_a_model_is_read_as_it_was_written() -> None:
    made = fit_cutoff(history(50, model(*PRIOR_MEAN)), TARGETS)
    read = CutoffModel.from_json(json.loads(json.dumps(made.as_json())))
    np.testing.assert_array_equal(read.mean, made.mean)
    np.testing.assert_array_equal(read.covariance, made.covariance)


@pytest.mark.parametrize(
    "change",
    [
        {"mean": [0.0, float("nan"), 0.0]},
        {"mean": [0.0, 0.0]},
        {"covariance": [[1, 0, 0], [0, -1, 0], [0, 0, 1]]},
        {"covariance": [[1, 0.5, 0], [0, 1, 0], [0, 0, 1]]},
    ],
)
def test_numbers_that_are_no_model_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="cutoff model"):
        CutoffModel.from_json(model(*PRIOR_MEAN).as_json() | change)
