"""Thresholds of warning levels, computed by hand, and the laws they keep."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from erosion.alerts.thresholds import (
    PRIOR_CASES,
    RAISED_LEVELS,
    LevelBand,
    cases_of,
    choose_thresholds,
    effective_cases,
    from_json,
    ladder,
    limits_of,
    thresholds_of,
    to_json,
    year_range,
)

PRECISION = {2: 0.25, 3: 0.5, 4: 0.75}
START = {2: 0.1875, 3: 0.375, 4: 0.625}
"""Thresholds without a release before: three quarters of 0.25, the middles of 0.25 to 0.5 and of 0.5 to 0.75."""


def odds(p):
    return math.log(p / (1 - p))


def moved(start, asked, cases):
    """Threshold moved towards what the evidence asks for, as the manual of the levels states it."""
    z = odds(start) + cases / (cases + PRIOR_CASES) * (odds(asked) - odds(start))
    return 1 / (1 + math.exp(-z))


def many(values, each, events):
    """Chances with so many rows and events each, every row a case of its own of 100 m."""
    p = np.repeat(values, each)
    event = np.concatenate([np.arange(n) < k for n, k in zip(each, events, strict=True)]).astype(float)
    return p, event, np.full(p.size, 100.0), np.arange(p.size)


def test_without_evidence_thresholds_are_those_of_the_policy():
    found = choose_thresholds([], [], [], [], PRECISION)
    assert thresholds_of(found) == START
    for level, band in found.items():
        assert (band.precision, band.observed, band.rows, band.cases, band.weight) == (PRECISION[level], None, 0, 0, 0)


def test_without_evidence_thresholds_are_those_of_the_release_before():
    before = choose_thresholds(*many([0.7, 0.4, 0.2], [300, 300, 300], [150, 150, 20]), PRECISION)
    assert all(thresholds_of(before)[level] != START[level] for level in (2, 4))
    unknown = [np.nan] * 5
    found = choose_thresholds(unknown, [1.0] * 5, [100.0] * 5, range(5), PRECISION, before)
    assert thresholds_of(found) == thresholds_of(before)


def test_the_precision_is_of_the_band_alone():
    """0.7 eroded nearly always, 0.45 in a third: with the surer rows above it, 0.45 would seem worth a half."""
    p, event, length, case = many([0.7, 0.45], [150, 150], [147, 50])
    found = choose_thresholds(p, event, length, case, PRECISION)
    assert event.mean() > PRECISION[3]
    # Level 4: all rows of 0.7 are worth more than 0.75, and with those of 0.45 less.
    assert found[4].threshold == pytest.approx(moved(0.625, 0.7, 150)) and found[4].weight == 0.5
    # Level 3: the rows below that threshold are worth 1/3, so that nothing below its upper limit is worth a half.
    assert found[3].threshold == pytest.approx(moved(0.375, 0.5, 150))
    assert (found[3].rows, found[3].events, found[3].cases) == (150, 50, pytest.approx(150))
    assert found[3].observed == pytest.approx(1 / 3)
    # Stated is half of the evidence, half of the chances: 150 cases against the 150 of the prior.
    assert found[3].precision == pytest.approx((1 / 3 + 0.45) / 2)
    assert found[4].precision == pytest.approx((0.98 + 0.7) / 2)
    assert found[2].threshold == 0.1875 and found[2].rows == 0


def test_precision_is_of_bank_length_not_of_rows():
    p, event, length = np.array([0.7, 0.6]), np.array([1.0, 0.0]), np.array([900.0, 200.0])
    found = choose_thresholds(p, event, length, [0, 1], PRECISION)
    # 900 of 1100 m: the longer row carries the shorter one, so that 0.6 is asked for.
    assert found[4].threshold == pytest.approx(moved(0.625, 0.6, 1100**2 / (900**2 + 200**2)))
    found = choose_thresholds(p, event, length[::-1], [0, 1], PRECISION)
    assert found[4].threshold == pytest.approx(moved(0.625, 0.7, 1))


def test_equal_probabilities_stand_or_fall_together():
    p, event = np.array([0.7, 0.7, 0.7, 0.7]), np.array([1.0, 1.0, 0.0, 0.0])
    found = choose_thresholds(p, event, np.ones(4), np.arange(4), PRECISION)
    assert found[4].threshold == pytest.approx(moved(0.625, 0.75, 4))  # no threshold keeps it: its upper limit


def test_a_quiet_river_lowers_no_threshold_below_the_limit():
    """Every row of a chance of 0.01 eroded: the level still asks for three quarters of its precision."""
    p, event, length, case = many([0.01], [5000], [5000])
    found = choose_thresholds(p, event, length, case, PRECISION)
    assert thresholds_of(found) == pytest.approx({2: 0.1875, 3: moved(0.375, 0.25, 0), 4: moved(0.625, 0.5, 0)})


def test_rows_of_one_stretch_are_one_case():
    reach, km = np.array(["a", "a", "a", "b"]), np.array([1.0, 4.9, 5.0, 1.0])
    date = np.array(["2001-08-10", "2001-08-10", "2001-08-10", "2001-08-10"], dtype="datetime64[D]")
    first, second, third, fourth = cases_of(reach, km, date)
    assert first == second and len({first, third, fourth}) == 3
    assert len(set(cases_of(reach, km, date + np.arange(4)))) == 4
    assert effective_cases(np.full(8, 100.0), np.zeros(8)) == 1
    assert effective_cases(np.full(8, 100.0), np.arange(8)) == 8
    # 900 m of one and 100 m of another are 1.22 cases: 1000² / (900² + 100²).
    assert effective_cases(np.array([900.0, 100.0]), np.array([0, 1])) == pytest.approx(1.2195, abs=1e-4)


def test_another_stated_precision_starts_anew():
    before = choose_thresholds(*many([0.7, 0.4, 0.2], [300, 300, 300], [150, 150, 20]), PRECISION)
    found = choose_thresholds([], [], [], [], {2: 0.2, 3: 0.5, 4: 0.75}, before)
    assert found[2].threshold == pytest.approx(0.15)  # three quarters of 0.2
    assert found[3].threshold == before[3].threshold and found[4].threshold == before[4].threshold


@pytest.mark.parametrize(
    ("precision", "length_m", "message"),
    [
        ({2: 0.5, 3: 0.4, 4: 0.9}, [1.0, 1.0], "rise with the level"),
        ({2: 0.4, 3: 0.4, 4: 0.9}, [1.0, 1.0], "rise with the level"),
        ({2: 0.0, 3: 0.4, 4: 0.9}, [1.0, 1.0], "between 0 and 1"),
        ({2: 0.5, 4: 0.9}, [1.0, 1.0], r"level \[3\]"),
        ({2: 0.5, 3: 0.6, 4: 0.9}, [1.0, 0.0], "length_m"),
        ({2: 0.5, 3: 0.6, 4: 0.9}, [1.0], "one row each"),
    ],
)
def test_thresholds_refuse_what_they_cannot_use(precision, length_m, message):
    with pytest.raises(ValueError, match=message):
        choose_thresholds([0.5, 0.6], [0, 1], length_m, [0, 1], precision)


@settings(max_examples=100, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    rows=st.integers(0, 400),
    cases=st.integers(1, 400),
    shift=st.floats(-3, 3),
    aims=st.lists(st.floats(0.02, 0.97), min_size=3, max_size=3, unique=True).map(sorted),
)
def test_laws_of_thresholds(seed, rows, cases, shift, aims):
    rng = np.random.default_rng(seed)
    p = rng.integers(0, 41, rows) / 40
    event = (rng.random(rows) < p * np.exp(shift)).astype(float)
    length_m, case = rng.uniform(20, 180, rows), rng.integers(0, cases, rows)
    precision = dict(zip(RAISED_LEVELS, aims, strict=True))
    found, before = None, None
    for _ in range(3):
        before, found = found, choose_thresholds(p, event, length_m, case, precision, found)
        thresholds, limits = list(thresholds_of(found).values()), limits_of(precision)
        assert 0 < thresholds[0] < thresholds[1] < thresholds[2] < 1
        uppers = [*thresholds[1:], math.inf]
        for (level, band), upper in zip(found.items(), uppers, strict=True):
            least, most = limits[level]
            assert math.nextafter(least, 0) <= band.threshold <= most
            inside = (p >= band.threshold) & (p < upper)
            assert (band.rows, band.events) == (inside.sum(), event[inside].sum())
            assert 0 <= band.cases <= len(set(case[inside])) + 1e-9
            if band.rows:
                low, high = sorted((band.observed, float(np.average(p[inside], weights=length_m[inside]))))
                assert low - 1e-9 <= band.precision <= high + 1e-9
            if before is not None:
                assert band.previous == before[level].threshold
                assert (band.weight > 0) or band.threshold == band.previous
    assert from_json(to_json(found)) == found


def test_what_a_release_must_not_hold_is_refused():
    good = to_json(choose_thresholds([], [], [], [], PRECISION))
    assert from_json({}) == {}
    for level, name, value in (("2", "threshold", math.nan), ("4", "threshold", 0.1), ("3", "precision", 1.5)):
        with pytest.raises(ValueError, match=r"levels|thresholds"):
            from_json(good | {level: good[level] | {name: value}})
    with pytest.raises(ValueError, match="level 3 lacks aim"):
        from_json(good | {"3": {k: v for k, v in good["3"].items() if k != "aim"}})
    with pytest.raises(ValueError, match="level 4 lacks"):
        from_json({k: v for k, v in good.items() if k != "4"})


def test_a_level_without_a_threshold_is_never_reached():
    assert np.isinf(ladder(thresholds_of({}))).all()
    band = LevelBand(0.2, 0.25, 0.25, None, 0, 0, 0.0, 0.2, 0.0)
    bands = {2: band, 3: dataclasses.replace(band, threshold=0.4)}
    assert ladder(thresholds_of(bands)).tolist() == [0.2, 0.4, math.inf]


def test_the_range_of_one_year_by_hand() -> None:
    # ln(0.5 / 0.5) = 0; 1.2816 * 1.2 = 1.5379; 1 / (1 + exp(1.5379)) = 0.1769.
    assert year_range(0.5) == pytest.approx((0.1769, 0.8231), abs=1e-4)
    assert year_range(0.34) == pytest.approx((0.0997, 0.7057), abs=1e-4)


@given(st.floats(0.01, 0.99))
def test_the_range_of_one_year_holds_its_share_and_mirrors(share: float) -> None:
    low, high = year_range(share)
    assert 0.0 < low < share < high < 1.0
    assert year_range(1.0 - share) == pytest.approx((1.0 - high, 1.0 - low))
