"""Rows to learn from: windows and the epochs that judge them, what was known when, and nothing from the future."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from erosion.banks.as_of import NothingKnownError, baseline_on, issue_dates, knowledge_on, observe_region
from erosion.banks.outcomes import measure_loss
from erosion.config.store import store_of
from erosion.features import FAMILIES, REGISTRY, make_features
from erosion.forecast.dataset import (
    LABELS,
    horizon_slack_days,
    judging_epoch,
    observed_as,
    outcomes,
    rows_with_outcomes,
)
from erosion.gauges import series as gauge_series
from erosion.water import read as sources

FEATURES = list(REGISTRY)


def day(text: str) -> pd.Timestamp:
    return pd.Timestamp(text)


# --- which epoch judges a window -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("later", "wanted"),
    [
        (["2001-07-01", "2002-07-01"], "2001-07-01"),
        (["2001-10-28"], "2001-10-28"),  # 484 days, 119 off: 120 are allowed
        (["2001-10-30"], None),
        (["2001-03-03"], "2001-03-03"),  # 245 days, 120 off
        (["2001-03-02"], None),
        (["2000-07-20", "2002-01-01"], None),
        (["2001-06-01", "2001-07-15"], "2001-07-15"),  # the nearer of two
        ([], None),
    ],
)
def test_the_epoch_nearest_to_the_end_judges(later: list[str], wanted: str | None) -> None:
    epochs = pd.DatetimeIndex([day("1999-07-01"), day("2000-07-01"), *map(day, later)])
    assert horizon_slack_days(365) == pytest.approx(120.4, abs=0.1)
    assert judging_epoch(epochs, day("2000-07-01"), 365) == (None if wanted is None else day(wanted))


@given(gaps=st.lists(st.integers(20, 900), min_size=1, max_size=12), horizon=st.sampled_from([90, 365, 1095]))
@settings(max_examples=60, deadline=None)
def test_a_judge_lies_after_the_start_within_the_slack_and_none_is_nearer(gaps: list[int], horizon: int) -> None:
    epochs = pd.DatetimeIndex(day("1990-01-01") + pd.to_timedelta(np.cumsum([0, *gaps]), unit="D"))
    end = judging_epoch(epochs, epochs[0], horizon)
    off = np.abs((epochs[1:] - epochs[0]).days - horizon)
    if end is None:
        assert off.min() > horizon_slack_days(horizon)
    else:
        assert end > epochs[0]
        assert abs((end - epochs[0]).days - horizon) == off.min() <= horizon_slack_days(horizon)


@pytest.mark.parametrize(
    ("version", "wanted"),
    [("2021-03-01", "2021-03-01"), ("2021-02-10", "2021-03-01"), ("2021-04-29", "2021-03-01"), ("2021-07-01", None)],
)
def test_a_season_whose_date_has_moved_is_the_same_observation(version: str, wanted: str | None) -> None:
    epochs = pd.DatetimeIndex([day("2020-03-01"), day("2021-03-01"), day("2022-03-01")])
    assert observed_as(epochs, day(version)) == (None if wanted is None else day(wanted))
    assert observed_as(epochs[:0], day(version)) is None


# --- outcomes --------------------------------------------------------------------------------------------------------------


def test_outcomes_hold_what_was_lost_within_a_window(reach) -> None:
    as_of = day("2004-07-17")
    baseline = baseline_on(reach.region, reach.water, as_of)
    states = observe_region(reach.region, reach.water, baseline)
    result, known = outcomes(reach.water, states, baseline, reach.region.targets)
    assert baseline.version == "2004-07-01"
    assert known == {"1y": day("2005-07-20"), "3y": day("2007-08-27")}  # sixteen days after the masks
    for target, end in (("1y", "2005-07-04"), ("3y", "2007-08-11")):
        loss = measure_loss(states, baseline, day("2004-07-01"), day(end))
        for label, column in LABELS.items():
            np.testing.assert_array_equal(result[f"retreat_{label}_{target}"], loss[column])
    # What is lost within three years is at most what went in each of them, and at least what the first of them took.
    masks = [day("2004-07-01"), *map(day, ("2005-07-04", "2006-07-23", "2007-08-11"))]
    yearly = [measure_loss(states, baseline, *pair)["retreat_m"] for pair in itertools.pairwise(masks)]
    assert (result["retreat_all_3y"] <= sum(yearly) + 1e-6).all()
    assert (result["retreat_all_3y"] >= result["retreat_all_1y"] - 1e-6).all()
    assert result["retreat_all_3y"].sum() > 1.5 * result["retreat_all_1y"].sum() > 0


def test_rows_say_when_each_outcome_was_known(reach, rows) -> None:
    available = set(pd.DatetimeIndex(reach.water["available_at"].to_numpy()))
    for target in reach.region.targets:
        known, retreat = rows[f"known_{target.name}"], rows[f"retreat_all_{target.name}"]
        assert set(known.dropna()) <= available
        assert (known.isna() == retreat.isna()).all()
        slack = horizon_slack_days(target.horizon_days)
        after = (known - rows["as_of"]).dt.days.dropna()
        assert (np.abs(after - target.horizon_days) <= slack).all()
    # No mask of 2002 or 2012, and nothing after 2018: those windows stay open.
    judged = rows.groupby("as_of")["known_1y"].first().notna()
    assert not judged[[day("2001-08-10"), day("2011-08-22"), day("2018-07-08")]].any()
    assert judged[day("2003-07-31")]


def test_established_land_is_part_of_all_land(rows) -> None:
    for target in ("1y", "3y"):
        both = rows[[f"retreat_all_{target}", f"retreat_established_{target}"]].dropna()
        assert len(both) > 5000
        assert (both.iloc[:, 1] <= both.iloc[:, 0] + 1e-6).all()
    early = rows["as_of"] < day("1991-01-01")
    assert rows.loc[early, "retreat_established_1y"].isna().all()  # nothing had stood five years in the archive


def test_a_place_keeps_its_number_when_the_river_moves(rows) -> None:
    first, last = (part for _, part in rows[rows["as_of"].isin(rows["as_of"].iloc[[0, -1]])].groupby("as_of"))
    assert first.loc[first["bank"] == "L", "river_km"].is_monotonic_increasing
    # The river changed its length by kilometres; the numbers of its places did not follow.
    assert last["river_km"].max() == pytest.approx(first["river_km"].max(), abs=2)
    assert (np.diff(np.sort(last["river_km"])) < 2).all()


# --- as of a date ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("date", ["1986-08-01", "1997-07-30", "2011-08-22"])
def test_tonight_s_row_is_the_training_row(reach, rows, date: str) -> None:
    """Reading only what was there on the date gives, bit by bit, the row made with everything loaded."""
    as_of = day(date)
    gauges = gauge_series.read(reach.region, store_of(reach.region), as_of).values
    water, _ = sources.read_water(reach.region, as_of, gauges)
    assert water.sizes["epoch"] < reach.water.sizes["epoch"] and len(gauges) < len(reach.gauges)
    baseline = baseline_on(reach.region, water, as_of)
    tonight = make_features(
        knowledge_on(reach.region, baseline, observe_region(reach.region, water, baseline), gauges, as_of)
    )
    trained = rows.loc[rows["as_of"] == as_of, FEATURES]
    np.testing.assert_array_equal(tonight.to_numpy().view(np.int64), trained.to_numpy().view(np.int64))
    assert tonight.index.tolist() == baseline.segments["segment_id"].tolist()
    everywhere = trained.drop(
        columns=[feature.name for feature in FAMILIES["neck"].FEATURES]
    )  # not every date has a loop
    assert everywhere.notna().any().mean() > (0.3 if date.startswith("1986") else 0.95)  # one mask has no rates


def test_another_future_gives_the_same_rows(reach, rows) -> None:
    """Later masks drowned, later gauge days multiplied: rows of before, and outcomes known before, stay as they were."""
    until = day("1992-12-31")
    late = pd.DatetimeIndex(reach.water["available_at"].to_numpy()) > until
    drowned = reach.water.assign(
        water_fraction=reach.water["water_fraction"].where(~np.asarray(late)[:, None, None], 1.0)
    )
    flood = reach.gauges.copy()
    later = flood["available_at"] > until.tz_localize("UTC") + pd.Timedelta(days=1)
    flood.loc[later, "value"] *= 100
    got = rows_with_outcomes(reach.region, drowned, flood, until=until)
    same = rows[rows["as_of"] <= until].reset_index(drop=True)
    pd.testing.assert_frame_equal(got[FEATURES], same[FEATURES], check_exact=True)
    for target in ("1y", "3y"):
        known = same[f"known_{target}"] <= until
        assert 0 < known.sum() < len(known)
        for column in (f"retreat_all_{target}", f"retreat_established_{target}", f"known_{target}"):
            pd.testing.assert_series_equal(got.loc[known, column], same.loc[known, column], check_exact=True)
            assert got.loc[~known, column].isna().all()
        pd.testing.assert_series_equal(got.loc[known, f"cut_{target}"], same.loc[known, f"cut_{target}"])
        assert not got.loc[~known, [f"moved_{target}", f"cut_{target}"]].any(axis=None)


def test_a_date_before_the_data_is_refused(reach) -> None:
    with pytest.raises(NothingKnownError, match="1986-08-01"):
        rows_with_outcomes(reach.region, reach.water, reach.gauges, until=day("1980-01-01"))
    with pytest.raises(NothingKnownError, match="first observation became available on 1986-08-01"):
        baseline_on(reach.region, reach.water, day("1986-07-31"))


def test_every_mask_is_an_issue_date(reach, rows) -> None:
    dates = issue_dates(reach.water)
    assert len(dates) == 31
    assert rows["as_of"].unique().tolist() == dates.tolist()
    assert (rows["as_of"] - rows["epoch"] == pd.Timedelta(days=16)).all()
