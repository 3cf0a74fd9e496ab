"""The test of whether a release is applicable: its distance against SciPy, its bound by simulation, and real rivers."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from erosion.banks.as_of import baseline_on, knowledge_on, observe_region
from erosion.banks.epochs.valid import valid_epochs
from erosion.config.region import load_region
from erosion.core.vocabulary import ShiftVerdict
from erosion.features import make_features
from erosion.forecast.applicability import (
    FEWEST_DATES,
    LEVELS,
    RECORD_Y,
    Reference,
    compared_features,
    conformal_p_value,
    distance_to,
    judge,
    ks_distance,
    reference_of,
    references_as_json,
    references_from_json,
    references_of,
)
from erosion.forecast.model import MODEL_FEATURES
from erosion.gauges import series as gauge_series
from erosion.water import read as sources

NAMES = ("rate_all_3y", "curvature_1w")
SAMPLE = st.lists(st.integers(-5, 5), min_size=1, max_size=30)


def made_rows(rng: np.random.Generator, dates: int, *, size: int = 40, length_km: float = 12.0) -> pd.DataFrame:
    """Rows of a river whose dates are exchangeable: each has a level of its own, drawn as those of the others are."""
    as_of = np.repeat(pd.date_range("1995-08-01", periods=dates, freq="365D"), size)
    level = np.repeat(rng.normal(size=(dates, 1)), size, axis=0)
    values = level + rng.normal(size=(dates * size, len(NAMES)))
    place = np.tile(np.linspace(0.0, length_km, size), dates)
    return pd.DataFrame(values, columns=list(NAMES)).assign(reach="made", as_of=as_of, epoch=as_of, river_km=place)


def reference_from(rng: np.random.Generator, dates: int, **options: float) -> Reference:
    """Reference of a made river whose record began three years before its first date, so that every date counts."""
    rows = made_rows(rng, dates, **options)
    begin = rows.iloc[:1].assign(epoch=rows["epoch"].min() - pd.Timedelta(days=366 * RECORD_Y))
    return reference_of(pd.concat([begin, rows], ignore_index=True), NAMES)


# --- the distance ----------------------------------------------------------------------------------------------------------


@given(SAMPLE, SAMPLE)
def test_the_distance_is_that_of_scipy(one: list[int], other: list[int]) -> None:
    mine = ks_distance(np.array([*one, np.nan]), np.sort(np.array(other, dtype=float)))
    assert mine == pytest.approx(ks_2samp(one, other, method="asymp").statistic, abs=1e-12)


def test_the_distance_by_hand() -> None:
    assert ks_distance(np.array([1.0, 2.0]), np.array([3.0, 4.0])) == 1.0
    assert ks_distance(np.array([1.0, 3.0, np.nan]), np.array([1.0, 2.0, 3.0, 4.0])) == 0.25
    assert math.isnan(ks_distance(np.array([np.nan]), np.array([1.0])))


def test_quantiles_stand_for_all_rows_to_a_hundredth() -> None:
    rng = np.random.default_rng(1)
    rows = made_rows(rng, 12, size=300)
    rows["rate_all_3y"] = np.maximum(rows["rate_all_3y"], 0.0)  # many banks stand still
    kept = reference_of(rows, NAMES)
    new = made_rows(rng, 1, size=200)
    for name, sample in kept.quantiles.items():
        exact = ks_2samp(new[name].astype(np.float32), rows.loc[rows["epoch"] > "1998-08-01", name].astype(np.float32))
        assert ks_distance(new[name].to_numpy(np.float32).astype(float), sample) == pytest.approx(
            exact.statistic, abs=1 / (LEVELS - 1)
        )


def test_what_grows_with_the_record_is_not_compared() -> None:
    compared = compared_features(MODEL_FEATURES)
    assert set(MODEL_FEATURES) - set(compared) >= {"rate_all_record", "years_since_loss"}
    assert not any(name.endswith("_record") for name in compared)
    assert {"rate_est_1y", "width_m", "curvature_1w"} <= set(compared)


# --- the p-value -----------------------------------------------------------------------------------------------------------


def test_the_p_value_by_hand() -> None:
    assert conformal_p_value(0.5, np.array([0.1, 0.2, 0.3])) == 0.25
    assert conformal_p_value(0.2, np.array([0.1, 0.2, 0.3])) == 0.75
    assert conformal_p_value(0.0, np.array([0.1, 0.2, 0.3])) == 1.0


def test_false_alarms_stay_below_the_stated_bound() -> None:
    worlds, dates = 300, 10
    rng = np.random.default_rng(7)
    alarms = 0
    for _ in range(worlds):
        rows = made_rows(rng, dates + 1, size=25)
        begin = rows.iloc[:1].assign(epoch=pd.Timestamp("1990-01-01"))
        new = rows["as_of"] == rows["as_of"].max()
        reference = reference_of(pd.concat([begin, rows[~new]], ignore_index=True), NAMES)
        result = judge(rows[new], 10.0, {"made": reference})
        assert result.false_alarm == pytest.approx(1 / (dates + 1))
        alarms += result.verdict == ShiftVerdict.BEYOND
    bound = 1 / (dates + 1)
    assert alarms / worlds <= bound + 3 * math.sqrt(bound * (1 - bound) / worlds)
    assert alarms > 0, "the limit is never passed; it is no test"


def test_a_whole_date_is_never_farther_than_its_farthest_stretch() -> None:
    """The distance is convex, so the bound holds for a reach of any length from one stretch up."""
    rng = np.random.default_rng(3)
    rows = made_rows(rng, 12, size=200, length_km=110.0)
    reference = reference_from(np.random.default_rng(4), 12)
    date = rows[rows["as_of"] == rows["as_of"].max()]
    parts = [distance_to(part, reference) for _, part in date.groupby(np.minimum(date["river_km"] // 27.5, 3))]
    assert len(parts) == 4
    assert distance_to(date, reference) <= max(parts) + 1e-12


def test_short_stretches_are_farther_than_whole_dates() -> None:
    long = reference_from(np.random.default_rng(5), 12, size=80, length_km=100.0)
    one = reference_from(np.random.default_rng(5), 12, size=80, length_km=24.0)
    assert long.distances[-1] > one.distances[-1]
    assert len(long.distances) == len(one.distances) == 12


# --- verdicts --------------------------------------------------------------------------------------------------------------


def test_what_cannot_be_tested_is_not() -> None:
    rng = np.random.default_rng(2)
    new = made_rows(rng, 1)
    none = judge(new, 10.0, None)
    assert none.verdict == ShiftVerdict.NOT_TESTED and "does not say" in none.why
    short = judge(new, 2.9, {"made": reference_from(rng, 12)})
    assert short.verdict == ShiftVerdict.NOT_TESTED and "record too short: 2.9 years" in short.why
    few = judge(new, 10.0, {"made": reference_from(rng, FEWEST_DATES - 1)})
    assert few.verdict == ShiftVerdict.NOT_TESTED and "8 dates" in few.why
    assert math.isnan(few.distance) and math.isnan(few.p_value)
    blank = judge(new.assign(**dict.fromkeys(NAMES, np.nan)), 10.0, {"made": reference_from(rng, 12)})
    assert blank.verdict == ShiftVerdict.NOT_TESTED


def test_another_river_is_told() -> None:
    reference = reference_from(np.random.default_rng(6), 19)
    other = made_rows(np.random.default_rng(8), 1)
    other[list(NAMES)] += 20.0
    result = judge(other, 10.0, {"made": reference})
    assert result.verdict == ShiftVerdict.BEYOND
    assert (result.distance, result.p_value, result.false_alarm, result.dates) == (1.0, 0.05, 0.05, 19)
    assert result.limit == reference.distances[-1]


def test_the_mamore_is_within_and_the_athabasca_beyond_the_limit(rows: pd.DataFrame) -> None:
    reference = reference_of(rows[rows["as_of"] <= "2009-12-31"], MODEL_FEATURES)
    assert len(reference.distances) >= FEWEST_DATES
    for date in ("2010-07-18", "2011-08-22", "2017-08-06", "2018-07-08"):
        assert judge(rows[rows["as_of"] == date], 20.0, {"mamore": reference}).verdict == ShiftVerdict.WITHIN, date
    region = load_region("athabasca")
    as_of = pd.Timestamp("2011-12-31")
    gauges = gauge_series.read(region, region.path.parent, as_of).values
    water, _ = sources.read_water(region, as_of, gauges)
    water, _ = valid_epochs(region, water)
    baseline = baseline_on(region, water, as_of)
    known = knowledge_on(region, baseline, observe_region(region, water, baseline), gauges, as_of)
    result = judge(make_features(known), 24.0, {"mamore": reference})
    assert result.verdict == ShiftVerdict.BEYOND
    assert result.distance > 1.2 * result.limit


# --- on disk ---------------------------------------------------------------------------------------------------------------


def test_a_reference_is_the_same_after_a_round_trip() -> None:
    reference = reference_from(np.random.default_rng(9), 12)
    again = Reference.from_json(json.loads(json.dumps(reference.as_json())))
    assert again.distances == reference.distances
    for name, values in reference.quantiles.items():
        np.testing.assert_array_equal(again.quantiles[name].astype(np.float32), values.astype(np.float32))


def test_equal_values_of_a_file_and_of_a_night_are_equal() -> None:
    third = pd.DataFrame({"loss_share_6y": [1 / 3, 1 / 3, 2 / 3]})
    rows = pd.concat([third] * 12, ignore_index=True).assign(
        reach="made", as_of=np.repeat(pd.date_range("1990-08-01", periods=12, freq="YS"), 3), river_km=1.0
    )
    reference = reference_of(rows.assign(epoch=rows["as_of"]), ["loss_share_6y"])
    again = Reference.from_json(json.loads(json.dumps(reference.as_json())))
    assert distance_to(third, again) < 0.01


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"distances": [0.2, 0.1]}, "distances"),
        ({"distances": [0.2, 1.1]}, "distances"),
        ({"distances": [float("nan")]}, "distances"),
        ({"quantiles": {}}, "one feature or more"),
        ({"quantiles": {"width_m": [1.0] * (LEVELS - 1)}}, "quantiles"),
        ({"quantiles": {"width_m": [*[1.0] * (LEVELS - 1), 0.5]}}, "quantiles"),
        ({"quantiles": {"width_m": [*[1.0] * (LEVELS - 1), float("inf")]}}, "quantiles"),
    ],
)
def test_what_no_training_gives_is_refused(change: dict[str, object], rule: str) -> None:
    content = reference_from(np.random.default_rng(9), 12).as_json()
    with pytest.raises(ValueError, match=rule):
        Reference.from_json({**content, **change})


def test_a_release_from_before_says_nothing() -> None:
    assert references_from_json({"levels": [0.0, 1.0], "features": {}}) is None


def test_a_release_of_several_rivers_keeps_each_and_all_are_within() -> None:
    """Rivers that differ must not hide a third: each has a limit of its own."""
    rng = np.random.default_rng(11)
    one, two = made_rows(rng, 14), made_rows(rng, 14)
    two[list(NAMES)] += 30.0
    early = pd.Timestamp("1990-01-01")
    parts = []
    for name, rows in (("one", one), ("two", two)):
        rows["reach"] = f"{name}/made"
        parts += [rows.iloc[:1].assign(epoch=early, river=name), rows[rows["as_of"] < "2008-01-01"].assign(river=name)]
    found = references_of(pd.concat(parts, ignore_index=True), NAMES, "")
    again = references_from_json(json.loads(json.dumps(references_as_json(found))))
    assert again is not None and list(again) == ["one", "two"]
    for name, rows in (("one", one), ("two", two)):
        result = judge(rows[rows["as_of"] == "2000-07-30"], 10.0, again)
        assert (result.verdict, result.river) == (ShiftVerdict.WITHIN, name)
    between = one.assign(**{name: one[name] + 15.0 for name in NAMES})
    assert judge(between[between["as_of"] == "2000-07-30"], 10.0, again).verdict == ShiftVerdict.BEYOND
    few = {"one": again["one"], "two": Reference(again["two"].quantiles, again["two"].distances[:5])}
    assert judge(two[two["as_of"] == "2000-07-30"], 10.0, few).verdict == ShiftVerdict.BEYOND
