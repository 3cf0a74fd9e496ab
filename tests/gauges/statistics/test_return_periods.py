"""How rare a peak is: against samples of a known law, formulas of another book, and the great flood of the Mamoré."""

from __future__ import annotations

import functools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import genextreme, gumbel_r

from erosion.config.region import load_region
from erosion.config.store import store_of
from erosion.gauges import series as gauge_series
from erosion.gauges.statistics.levels import levels_of
from erosion.gauges.statistics.return_periods import (
    MIN_YEARS,
    fit,
    l_moments,
    peaks_before,
    quantile,
    return_levels,
    return_periods,
)
from erosion.gauges.statistics.windows import revisions

PEAKS = np.array([12.0, 15, 9, 22, 14, 11, 18, 13, 16, 10, 19, 12.5, 14.5, 17, 13.5, 20])


def test_l_moments_of_three_values_by_hand() -> None:
    # b0 = 3, b1 = (0*1 + 1*2 + 2*6) / 3 / 2 = 7/3, b2 = (2*1*6) / 3 / 2 = 2: l2 = 5/3, l3 = 12 - 14 + 3 = 1.
    first, second, skewness = l_moments(np.array([[6.0, 1.0, 2.0]]))
    assert (first[0], second[0]) == (3.0, pytest.approx(5 / 3)) and skewness[0] == pytest.approx(3 / 5)


def test_l_moments_are_expected_differences() -> None:
    """l2 is half the mean distance of two of the values, l3 a third of the mean of highest - 2 * middle + lowest of three."""
    from itertools import combinations

    first, second, skewness = l_moments(PEAKS[np.newaxis])
    assert first[0] == pytest.approx(PEAKS.mean())
    assert second[0] == pytest.approx(np.mean([abs(a - b) for a, b in combinations(PEAKS, 2)]) / 2)
    triples = [sorted(three) for three in combinations(PEAKS, 3)]
    third = np.mean([c - 2 * b + a for a, b, c in triples]) / 3
    assert skewness[0] == pytest.approx(third / second[0])


@pytest.mark.parametrize("shape", [-0.2, 0.0, 0.15, 0.3])
def test_a_known_law_is_found_again(shape: float) -> None:
    law = genextreme(shape, loc=100, scale=20)
    sample = law.rvs(size=40_000, random_state=4)[np.newaxis]
    found = fit(sample)
    assert found.shape[0] == pytest.approx(shape, abs=0.02)
    chance = 1 - 1 / np.array([[2.0, 10, 50]])
    np.testing.assert_allclose(quantile(found, chance)[0], law.ppf(chance[0]), rtol=0.02)
    # The law is written as scipy writes it.
    np.testing.assert_allclose(
        quantile(found, chance)[0],
        genextreme(found.shape[0], loc=found.location[0], scale=found.scale[0]).ppf(chance[0]),
        rtol=1e-9,
    )


def test_gumbel_is_that_of_scipy() -> None:
    sample = gumbel_r(50, 8).rvs(size=40_000, random_state=5)
    found = fit(sample[np.newaxis], "gumbel")
    assert found.location[0] == pytest.approx(50, abs=0.3) and found.scale[0] == pytest.approx(8, rel=0.02)
    levels, _, _ = return_levels(PEAKS, [10.0], "gumbel")
    own = fit(PEAKS[np.newaxis], "gumbel")
    assert levels[0] == pytest.approx(gumbel_r(own.location[0], own.scale[0]).ppf(0.9))


@pytest.mark.parametrize("distribution", ["gev", "gumbel"])
def test_nine_of_ten_intervals_hold_the_truth(distribution: str) -> None:
    law = genextreme(0.0 if distribution == "gumbel" else 0.1, loc=100, scale=20)
    truth = law.ppf(0.9)
    held = 0
    for seed in range(60):
        _, low, high = return_levels(law.rvs(size=40, random_state=seed), [10.0], distribution, seed=seed)
        held += low[0] <= truth <= high[0]
    assert 46 <= held <= 60  # of 60; 54 are expected


@settings(max_examples=25, deadline=None)
@given(st.floats(0.1, 1000), st.floats(-1000, 1000), st.sampled_from(["gev", "gumbel"]))
def test_unit_and_zero_of_the_level_do_not_matter(factor: float, zero: float, distribution: str) -> None:
    once = return_levels(PEAKS, [2.0, 10, 100], distribution)
    other = return_levels(PEAKS * factor + zero, [2.0, 10, 100], distribution)
    for one, two in zip(once, other, strict=True):
        np.testing.assert_allclose(two, one * factor + zero, rtol=1e-6, atol=1e-6 * (factor + abs(zero)))
    levels, low, high = once
    assert (np.diff(levels) > 0).all() and (low < levels).all() and (levels < high).all()


def test_a_period_and_its_level_belong_together() -> None:
    levels, _, _ = return_levels(PEAKS, [5.0, 20.0])
    location, scale, shape = (part[0] for part in fit(PEAKS[np.newaxis]))
    np.testing.assert_allclose(1 / genextreme.sf(levels, shape, location, scale), [5, 20])


def test_too_few_years_and_unknown_laws_are_refused() -> None:
    with pytest.raises(ValueError, match=f"14 years .* {MIN_YEARS} are needed"):
        return_levels(PEAKS[:14], [10.0])
    with pytest.raises(ValueError, match="more than one year"):
        return_levels(PEAKS, [1.0])
    with pytest.raises(ValueError, match="'normal' is no distribution of peaks; those are gev, gumbel"):
        return_levels(PEAKS, [10.0], "normal")


# --- the real gauges ---------------------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=1)
def mamore() -> pd.DataFrame:
    region = load_region("mamore")
    return gauge_series.read(region, store_of(region), "2026-06-01").values


def test_the_flood_of_2014_was_rarer_than_any_before_it() -> None:
    rows = mamore()
    peaks = dict(
        zip(
            ["15200000", "15250000"],
            peaks_before(levels_of(revisions(rows, "discharge"), "discharge"), "2014-08-15"),
            strict=True,
        )
    )
    flow = rows[(rows["gauge_id"] == "15250000") & rows["qc"].isin(["good", "estimated"])].set_index("time")["value"]
    mine = peaks["15250000"]
    assert mine.size >= 30 and mine.max() < flow["2014"].max()
    # The newest complete year is the one that ended in 2013.
    assert mine[0] == flow["2012-09-01":"2013-08-31"].max()
    (_, once_in_100), _, (high_30, _) = return_levels(mine, [30.0, 100.0])
    assert flow["2014"].max() > once_in_100 and flow["2014"].max() > high_30


def test_return_periods_are_those_of_the_date() -> None:
    rows = mamore()
    table = return_periods(rows, "2013-06-01")
    assert set(table["gauge_id"]) == {"15200000", "15250000"} and (table["years"] >= 25).all()
    assert ((table["low"] < table["level"]) & (table["level"] < table["high"])).all()
    limit = pd.Timestamp("2013-06-02", tz="UTC")
    changed = rows.assign(value=np.where(rows["available_at"] >= limit, rows["value"] * 3, rows["value"]))
    pd.testing.assert_frame_equal(return_periods(changed, "2013-06-01"), table, check_exact=True)
    later = return_periods(rows, "2015-06-01").set_index(["gauge_id", "period_years"])["level"]
    before = table.set_index(["gauge_id", "period_years"])["level"]
    assert later["15250000", 100.0] > before["15250000", 100.0]  # the great flood is among its peaks
    assert not len(return_periods(rows, "1995-06-01"))  # too few years
    assert not len(return_periods(rows, "2013-06-01", quantity="stage"))
