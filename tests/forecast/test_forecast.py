"""Training and forecasting on made rows whose law is known: splits, calibration, distributions, reasons."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from erosion.config.region import Target
from erosion.forecast import boosting
from erosion.forecast.calibration import apply_calibration, fit_calibration
from erosion.forecast.distribution import KNOTS_M, Distribution
from erosion.forecast.model import (
    CALIBRATION_DATES,
    LINES,
    REASONS,
    FeatureMismatchError,
    TargetModel,
    TrainingError,
    explain,
    feature_matrix,
    forecast_table,
    knots_of,
    predict,
    split_dates,
    train_target,
)

TARGET = Target(name="1y", horizon_days=365, threshold_m=30.0)
LONGER = Target(name="3y", horizon_days=1095, threshold_m=60.0)
NAMES = ("rate_est_1y", "curvature_1w", "rate_all_3y", "width_m", "flow_scene_ratio")


def made_rows(dates: int = 10, each: int = 400, seed: int = 0, known_after: int = 381) -> pd.DataFrame:
    """Rows of a river whose retreat is last year's rate plus curvature plus noise; the last date is not judged yet."""
    rng = np.random.default_rng(seed)
    n = dates * each
    as_of = np.repeat(pd.date_range("1995-08-01", periods=dates, freq="365D"), each)
    rows = pd.DataFrame({name: rng.normal(size=n) for name in NAMES})
    rows["rate_est_1y"] = rng.gamma(1.0, 25.0, n)
    retreat = np.maximum(0, 0.8 * rows["rate_est_1y"] + 6 * rows["curvature_1w"] + rng.normal(0, 6, n))
    known = pd.Series(as_of + pd.Timedelta(days=known_after))
    last = as_of == as_of.max()
    return rows.assign(
        as_of=as_of,
        reach="made",
        river_km=np.arange(n) % each * 0.05,
        length_m=100.0,
        retreat_established_1y=np.where(last, np.nan, retreat),
        known_1y=known.where(~last),
    )


@pytest.fixture(scope="module")
def made() -> pd.DataFrame:
    return made_rows()


@pytest.fixture(scope="module")
def model(made: pd.DataFrame):
    return train_target(made, TARGET, features=NAMES, precision={2: 0.4, 3: 0.6, 4: 0.8})


def forecast(model: TargetModel, rows: pd.DataFrame) -> Distribution:
    return predict({model.target.name: model}, rows)[model.target.name]


def booster_text(model: TargetModel) -> str:
    return model.exceedance.booster.model_to_string()


# --- what is fitted on and what is calibrated on ---------------------------------------------------------------------------


@given(dates=st.integers(5, 14), known_after=st.integers(200, 1300))
@settings(max_examples=25, deadline=None)
def test_windows_to_fit_on_are_over_before_calibration_starts(dates: int, known_after: int) -> None:
    rows = made_rows(dates=dates, each=2, known_after=known_after)
    try:
        fit, calibrate = split_dates(rows, TARGET, "established")
    except TrainingError:
        return  # too short a series, tried below
    assert not (fit & calibrate).any()
    assert rows.loc[fit, "known_1y"].max() <= rows.loc[calibrate, "as_of"].min()
    assert rows.loc[fit | calibrate, "retreat_established_1y"].notna().all()
    judged = np.sort(rows.loc[rows["known_1y"].notna(), "as_of"].unique())
    assert np.sort(rows.loc[calibrate, "as_of"].unique()).tolist() == judged[-CALIBRATION_DATES:].tolist()


def test_windows_that_reach_into_calibration_are_in_neither_part() -> None:
    rows = made_rows(dates=10, each=1, known_after=2 * 365)  # each window ends at the second date after its start
    fit, calibrate = split_dates(rows, TARGET, "established")
    assert fit.tolist() == [True] * 5 + [False] * 5  # dates 0-4 are over by date 6, date 5 only by date 7
    assert calibrate.tolist() == [False] * 6 + [True] * 3 + [False]


def test_reaches_seen_some_days_apart_are_one_date_of_calibration() -> None:
    one = made_rows(dates=10, each=1, known_after=300)
    other = one.assign(as_of=one["as_of"] + pd.Timedelta(days=20), known_1y=one["known_1y"] + pd.Timedelta(days=20))
    _, alone = split_dates(one, TARGET, "established")
    _, both = split_dates(pd.concat([one, other], ignore_index=True), TARGET, "established")
    assert both.tolist() == [*alone, *alone], "the same three years of each reach"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda rows: rows[rows["as_of"] < "1998-01-01"], "needs more than 3"),
        (lambda rows: rows.assign(known_1y=rows["as_of"] + pd.Timedelta(days=4000)), "no window is over"),
        (lambda rows: rows.assign(retreat_established_1y=1.0), "hold 0 events of at least 30 m"),
        (lambda rows: rows.assign(retreat_established_1y=99.0), "both kinds are needed"),
    ],
)
def test_too_little_to_learn_from_is_said(made: pd.DataFrame, change, words: str) -> None:
    with pytest.raises(TrainingError, match=words):
        train_target(change(made), TARGET, features=NAMES)


def test_rows_not_judged_yet_teach_nothing(made: pd.DataFrame, model) -> None:
    unknown = made["known_1y"].isna()
    other = made.copy()
    other.loc[unknown, list(NAMES)] *= -100
    again = train_target(other, TARGET, features=NAMES)
    assert booster_text(again) == booster_text(model)
    assert again.calibration == model.calibration


def test_calibration_judges_boosters_that_had_not_seen_its_dates(made: pd.DataFrame, model) -> None:
    fit, calibrate = split_dates(made, TARGET, "established")
    # A model of the day calibration starts is fitted on just the rows that were over by then.
    early = train_target(made.assign(known_1y=made["known_1y"].where(fit)), TARGET, features=NAMES)
    kept = made[calibrate]
    reached = kept["retreat_established_1y"].to_numpy()[:, None] >= KNOTS_M
    raw = boosting.log_odds(early.exceedance, feature_matrix(early, kept))
    assert fit_calibration(raw, reached, kept["as_of"].to_numpy()) == model.calibration
    # The boosters that are kept have learnt from the newest years as well.
    other = made.copy()
    other.loc[calibrate, "retreat_established_1y"] = kept["retreat_established_1y"].to_numpy()[::-1]
    again = train_target(other, TARGET, features=NAMES)
    assert booster_text(again) != booster_text(model) != booster_text(early)


def test_windows_in_neither_part_change_no_calibration(made: pd.DataFrame, model) -> None:
    fit, calibrate = split_dates(made, TARGET, "established")
    between = made["known_1y"].notna().to_numpy() & ~fit & ~calibrate
    assert between.any()
    other = made.copy()
    other.loc[between, "retreat_established_1y"] = other.loc[between, "retreat_established_1y"].to_numpy()[::-1]
    again = train_target(other, TARGET, features=NAMES)
    assert again.calibration == model.calibration
    assert booster_text(again) != booster_text(model)


# --- calibration -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("slope", "intercept"), [(1.0, 0.0), (0.5, -0.7), (2.0, 0.4)])
def test_calibration_finds_a_known_distortion(slope: float, intercept: float) -> None:
    rng = np.random.default_rng(1)
    log_odds = rng.normal(-1, 1.5, (60_000, 1))
    event = rng.random((60_000, 1)) < 1 / (1 + np.exp(-(slope * log_odds + intercept)))
    line = fit_calibration(log_odds, event, np.arange(60_000) // 20)
    assert line["slope"] == pytest.approx(slope, abs=0.05)
    assert line["intercept"] == pytest.approx(intercept, abs=0.05)


def test_a_calibration_moves_as_far_as_its_dates_can_tell() -> None:
    """A thousand rows of one flood are one flood: the more dates say the same, the nearer to what they say."""
    rng = np.random.default_rng(3)
    log_odds = rng.normal(-1, 1.5, (12_000, 1))
    event = rng.random((12_000, 1)) < 1 / (1 + np.exp(-(log_odds + 1.0)))
    moved = [
        fit_calibration(log_odds, event, np.arange(12_000) % dates)["intercept"] for dates in (1, 3, 12, 100, 4000)
    ]
    assert moved == sorted(moved)
    assert 0.05 < moved[0] < 0.4 and moved[-1] == pytest.approx(1.0, abs=0.06)
    # Twice the same rows on the same dates, or at two distances alike, say nothing new.
    twice = fit_calibration(np.tile(log_odds, (2, 1)), np.tile(event, (2, 1)), np.tile(np.arange(12_000) % 3, 2))
    assert twice["intercept"] == pytest.approx(moved[1], abs=1e-3)
    beside = fit_calibration(np.tile(log_odds, 2), np.tile(event, 2), np.arange(12_000) % 3)
    assert beside["intercept"] == pytest.approx(moved[1], abs=1e-3)


@given(
    raw=npst.arrays(float, st.integers(4, 60), elements=st.floats(-20, 20)),
    data=st.data(),
)
@settings(max_examples=40, deadline=None)
def test_calibration_keeps_the_order_and_the_range(raw: np.ndarray, data: st.DataObject) -> None:
    """Even where events fall with the raw chance, a calibrated forecast ranks as the raw one does."""
    event = data.draw(npst.arrays(bool, (raw.size, 1)))
    p = apply_calibration(np.sort(raw), fit_calibration(np.sort(raw)[:, None], event, np.arange(raw.size) % 3))
    assert (np.diff(p) >= 0).all()
    assert ((p >= 0) & (p <= 1)).all()


def test_calibrated_chances_are_those_of_what_happens(made: pd.DataFrame, model: TargetModel) -> None:
    fresh = made_rows(seed=9)
    fresh = fresh[fresh["known_1y"].notna()]
    outcome = fresh["retreat_established_1y"].to_numpy()
    distribution = forecast(model, fresh)
    for distance in (10, 30, 60):
        assert distribution.chance(distance).mean() == pytest.approx((outcome >= distance).mean(), abs=0.05)
    event, p = outcome >= 30, distribution.chance(30)
    odds = boosting.log_odds(model.exceedance, feature_matrix(model, fresh))[:, KNOTS_M.index(30)]
    raw = 1 / (1 + np.exp(-odds))
    for low, high in ((0.0, 0.1), (0.5, 1.0)):  # what is nearly sure becomes surer
        inside = (p >= low) & (p < high)
        assert inside.sum() > 200
        assert abs(event[inside].mean() - p[inside].mean()) < abs(event[inside].mean() - raw[inside].mean())
    assert ((p - event) ** 2).mean() < 0.9 * ((raw - event) ** 2).mean()
    assert distribution.share_between(outcome, 0.1, 0.9).mean() == pytest.approx(0.8, abs=0.08)
    assert distribution.mean().mean() == pytest.approx(outcome.mean(), rel=0.15)


# --- boosting --------------------------------------------------------------------------------------------------------------


def test_chances_never_rise_with_distance(made: pd.DataFrame, model: TargetModel) -> None:
    strange = made.assign(rate_est_1y=np.linspace(-500, 900, len(made)), curvature_1w=np.nan)
    for rows in (made, strange):
        raw = boosting.log_odds(model.exceedance, feature_matrix(model, rows))
        assert raw.shape == (len(rows), len(KNOTS_M))
        assert (np.diff(raw, axis=1) <= 1e-9).all()


def test_a_distance_that_nobody_reached_has_a_small_chance(made: pd.DataFrame) -> None:
    low = made.assign(retreat_established_1y=made["retreat_established_1y"].clip(upper=80))
    chance = forecast(train_target(low, TARGET, features=NAMES), made).chance(200.0)
    assert chance.max() < 0.02


def test_thresholds_of_all_targets_are_among_the_distances(made: pd.DataFrame) -> None:
    odd = Target(name="1y", horizon_days=365, threshold_m=33.0)
    assert set(knots_of([odd, LONGER])) == {*KNOTS_M, 33.0, 60.0}
    model = train_target(made, odd, features=NAMES)
    outcome = made["retreat_established_1y"]
    assert forecast(model, made[outcome.notna()]).chance(33.0).mean() == pytest.approx(
        (outcome.dropna() >= 33).mean(), abs=0.05
    )


# --- forecasts -------------------------------------------------------------------------------------------------------------


def test_a_forecast_keeps_its_contract(made: pd.DataFrame, model: TargetModel) -> None:
    table = forecast_table(forecast(model, made), 30.0, made.index)
    chances = ["chance_10m", "chance_20m", "chance_30m", "chance_60m"]
    quantiles = [f"retreat_{name}_m" for name in LINES]
    assert list(table.columns) == ["p_event", *chances, "retreat_mean_m", *quantiles]
    assert table.index.equals(made.index)
    assert (table["p_event"] == table["chance_30m"]).all()
    assert (np.diff(table[chances], axis=1) <= 0).all() and table[chances].stack().between(0, 1).all()
    assert (table[quantiles] >= 0).all().all() and (np.diff(table[quantiles], axis=1) >= 0).all()
    assert table["p_event"].corr(made["rate_est_1y"], method="spearman") > 0.8


def test_chance_and_interval_never_contradict(made: pd.DataFrame, model: TargetModel) -> None:
    """A threshold passed with a chance of 90 % lies within the line of 90 %, one of less than 10 % beyond that of 10 %."""
    table = forecast_table(forecast(model, made), 30.0, made.index)
    for name, chance in LINES.items():
        assert ((table["p_event"] >= chance) == (table[f"retreat_{name}_m"] >= 30.0)).all(), name


def test_a_longer_horizon_is_never_less_likely(made: pd.DataFrame) -> None:
    """Also where the model of three years learnt that less happens than in one."""
    less = made.assign(retreat_established_3y=made["retreat_established_1y"] / 1.3, known_3y=made["known_1y"])
    knots = knots_of([TARGET, LONGER])
    models = {target.name: train_target(less, target, features=NAMES, knots_m=knots) for target in (LONGER, TARGET)}
    both = predict(models, made)
    assert list(both) == ["3y", "1y"]
    alone = forecast(models["3y"], made)
    assert (alone.exceedance < both["1y"].exceedance).any()
    assert (both["3y"].exceedance >= both["1y"].exceedance).all()
    for chance in LINES.values():
        assert (both["3y"].line(chance) >= both["1y"].line(chance)).all()


def test_columns_may_come_in_any_order_and_rows_do_not_see_each_other(made: pd.DataFrame, model: TargetModel) -> None:
    whole = forecast(model, made).exceedance
    assert (whole == forecast(model, made[list(made.columns)[::-1]].assign(more=1.0)).exceedance).all()
    assert (whole[[70]] == forecast(model, made.iloc[[70]]).exceedance).all()


def test_missing_values_are_allowed_and_missing_columns_are_not(made: pd.DataFrame, model: TargetModel) -> None:
    holes = made.assign(rate_est_1y=np.nan)
    assert np.isfinite(forecast(model, holes).exceedance).all()
    with pytest.raises(FeatureMismatchError, match=r"needs 1 features .*\(width_m\)"):
        forecast(model, made.drop(columns="width_m"))


def test_the_seed_decides(made: pd.DataFrame, model) -> None:
    again, other = (train_target(made, TARGET, features=NAMES, seed=seed) for seed in (0, 1))
    assert booster_text(again) == booster_text(model)
    assert booster_text(other) != booster_text(model)


def test_thresholds_rise_with_the_precision_they_promise(model) -> None:
    assert sorted(model.levels) == [2, 3, 4]
    low, mid, high = (model.levels[level] for level in (2, 3, 4))
    assert 0 < low.threshold < mid.threshold < high.threshold < 1
    assert (low.aim, mid.aim, high.aim) == (0.4, 0.6, 0.8)
    assert high.rows > 0 and 0 < high.cases <= 3 * 5  # calibration dates, stretches of 5 km


def test_a_release_before_is_where_thresholds_start_from(made: pd.DataFrame, model) -> None:
    before = {level: dataclasses.replace(band, threshold=band.threshold + 0.01) for level, band in model.levels.items()}
    again = train_target(made, TARGET, features=NAMES, precision={2: 0.4, 3: 0.6, 4: 0.8}, previous=before)
    for level, band in again.levels.items():
        assert band.previous == before[level].threshold
        low, high = sorted((model.levels[level].threshold, before[level].threshold))
        assert low <= band.threshold <= high + 0.01


def test_reasons_are_the_strongest_features_with_their_values(made: pd.DataFrame, model) -> None:
    top = made.sort_values("rate_est_1y").iloc[[-1, 0]].assign(width_m=[np.nan, 1.23456789])
    for (_, row), text in zip(top.iterrows(), explain(model, top), strict=True):
        reasons = json.loads(text)
        assert len(reasons) == REASONS
        effects = [abs(reason["effect"]) for reason in reasons]
        assert effects == sorted(effects, reverse=True)
        assert reasons[0]["feature"] == "rate_est_1y"
        for reason in reasons:
            value = row[reason["feature"]]
            assert reason["value"] is None if np.isnan(value) else reason["value"] == pytest.approx(value, rel=1e-3)
    high, low = (json.loads(text)[0]["effect"] for text in explain(model, top))
    assert high > 0 > low
    assert explain(model, made.iloc[:0]) == []


def test_contributions_add_up_to_the_raw_log_odds(made: pd.DataFrame, model: TargetModel) -> None:
    """Together with the effect of the distance and the log odds of all rows."""
    x = feature_matrix(model, made)[:5]
    at = np.column_stack([x, np.full(5, np.log(30.0), np.float32)])
    parts = np.asarray(model.exceedance.booster.predict(at, pred_contrib=True))
    assert (boosting.contributions(model.exceedance, x, 30.0) == parts[:, : len(NAMES)]).all()
    place = model.exceedance.knots_m.index(30.0)
    np.testing.assert_allclose(
        parts.sum(axis=1) + model.exceedance.base_log_odds[place],
        boosting.log_odds(model.exceedance, x)[:, place],
        rtol=1e-6,
    )
