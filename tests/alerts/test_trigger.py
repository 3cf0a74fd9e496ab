"""The nightly trigger: points by hand, what is not known of them, gauges as known on a date, and the words for staff."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from erosion.alerts.trigger import Facts, Gauge, TermSource, term_records, term_sources, water_along, water_on, weigh
from erosion.config.trigger import AboveAlarm, Drawdown, ForecastFall, LowWater, RainOnLowWater, Trigger
from erosion.core.contracts import GAUGE_FORECAST_COLUMNS
from erosion.gauges.statistics.between_gauges import MixedDatumsError
from erosion.ui.trigger.words import words
from tests.gauge_tables import gauge_rows

NAN = np.nan
DRAWDOWN = Drawdown(days=3, points=2, start=0.2, full=0.6)
LOW_WATER = LowWater(within_days=30, points=1)
RAIN = RainOnLowWater(days=3, points=2, start=20, full=60)
ALARM = AboveAlarm(points=1, start=0.0, full=1.0)
AHEAD = ForecastFall(days=5, points=1, start=0.2, full=0.6)
ALL = Trigger(
    unit="m", drawdown=DRAWDOWN, low_water=LOW_WATER, rain_on_low_water=RAIN, above_alarm=ALARM, forecast_fall=AHEAD
)


def trigger_of(**terms):
    return Trigger(**{"unit": "m", **terms})


def facts(**known):
    """What is known at one place: a fresh stage well above low water and below the alarm, no rain, nothing falling."""
    values = {
        "age_days": 0.0,
        "fall": 0.0,
        "passage_days": np.inf,
        "above_mark": 1.0,
        "rain_mm": 0.0,
        "alarm_share": -2.0,
        "forecast_fall": 0.0,
    }
    arrays = np.broadcast_arrays(*({**values, **known}.values()), np.zeros(1))[:-1]
    return Facts(*(array.astype(float) for array in arrays))


def points_of(term, trigger=ALL, **known):
    return weigh(trigger, facts(**known)).terms[term].points.tolist()


# --- points by hand --------------------------------------------------------------------------------------------------


def test_points_grow_in_a_straight_line_from_start_to_full():
    assert points_of("drawdown", fall=[-1.0, 0.2, 0.3, 0.4, 0.6, 5.0]) == pytest.approx([0, 0, 0.5, 1, 2, 2])
    assert points_of("above_alarm", alarm_share=[-0.5, 0.0, 0.25, 1.0, 1.5]) == pytest.approx([0, 0, 0.25, 1, 1])
    assert points_of("forecast_fall", forecast_fall=[0.1, 0.3, 0.7]) == pytest.approx([0, 0.25, 1])


def test_the_first_low_water_counts_most_on_its_day_and_wears_off():
    assert points_of("low_water", passage_days=[0.0, 15.0, 30.0, 90.0]) == pytest.approx([1, 0.5, 0, 0])
    found = weigh(ALL, facts(passage_days=np.inf)).terms["low_water"]
    assert found.points.tolist() == [0] and np.isnan(found.value).all(), "not passed this season is known, and nothing"


def test_rain_counts_only_below_the_low_water_mark():
    assert points_of("rain_on_low_water", rain_mm=[40.0, 40.0, 60.0], above_mark=[-0.1, 0.0, 2.0]) == [1, 0, 0]


def test_the_sum_is_cut_at_three_and_its_whole_part_is_the_level():
    known = facts(
        fall=[0.2, 0.4, 0.6, 0.6, 0.39], passage_days=[np.inf, np.inf, 15.0, 0.0, 15.0],
        alarm_share=[-1.0, -1.0, 0.25, 1.0, -1.0],
    )  # fmt: skip
    result = weigh(ALL, known)
    assert result.points.tolist() == pytest.approx([0, 1, 2.75, 3, 1.45])
    assert result.level.tolist() == result.most.tolist() == [0, 1, 2, 3, 1]


def test_rounding_costs_no_level():
    trigger = trigger_of(
        drawdown=Drawdown(days=1, points=0.7, start=0, full=1),
        low_water=LowWater(within_days=9, points=0.2),
        above_alarm=AboveAlarm(points=0.1),
    )
    assert 0.7 + 0.2 + 0.1 < 1
    assert weigh(trigger, facts(fall=1.0, passage_days=0.0, alarm_share=1.0)).level.tolist() == [1]


def test_a_term_that_is_not_configured_does_not_exist():
    result = weigh(trigger_of(drawdown=DRAWDOWN), facts(fall=0.4, rain_mm=NAN, alarm_share=NAN, forecast_fall=NAN))
    assert list(result.terms) == ["drawdown"]
    assert result.level.tolist() == [1] and result.points == pytest.approx([1])


# --- unknown is never low --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("age", [NAN, 3.5])
def test_without_a_fresh_stage_the_level_is_unknown_whatever_the_rest(age):
    result = weigh(ALL, facts(age_days=age, fall=9.0, alarm_share=1.0, forecast_fall=9.0))
    assert (result.level.tolist(), result.most.tolist()) == ([-1], [3])
    assert np.isnan(result.points).all()
    assert result.old.tolist() == [age == 3.5]
    assert np.isnan(result.terms["drawdown"].points).all() and np.isnan(result.terms["low_water"].points).all()


def test_a_reading_just_fresh_enough_counts():
    assert weigh(ALL, facts(age_days=3.0)).level.tolist() == [0]


def test_another_term_unknown_makes_the_sum_at_least():
    known = facts(fall=[0.4, 0.2], rain_mm=NAN, above_mark=-1.0)
    result = weigh(ALL, known)
    assert result.level.tolist() == [1, -1], "one stands as at least, nought does not"
    assert result.points == pytest.approx([1, 0])
    assert result.most.tolist() == [3, 2]


def test_what_can_give_nothing_need_not_be_known():
    nothing = weigh(ALL, facts(rain_mm=[NAN, 5.0], above_mark=[1.0, NAN]))
    assert nothing.level.tolist() == [0, 0], "no rain counts at a high stage, and little rain at none"
    assert weigh(ALL, facts(rain_mm=[50.0], above_mark=[NAN])).level.tolist() == [-1]


maybe = st.one_of(st.just(NAN), st.floats(-100, 100))
rows = st.tuples(
    st.one_of(st.just(NAN), st.floats(0, 10)),
    maybe,
    st.one_of(st.just(NAN), st.just(np.inf), st.floats(0, 400)),
    maybe,
    st.one_of(st.just(NAN), st.floats(0, 300)),
    maybe,
    maybe,
)


@settings(max_examples=150, deadline=None)
@given(table=st.lists(rows, min_size=1, max_size=8), filled=st.lists(rows, min_size=8, max_size=8))
def test_laws(table, filled):
    known = Facts(*np.array(table, float).T)
    result = weigh(ALL, known)
    assert set(result.level.tolist()) <= {-1, 0, 1, 2, 3}
    assert (result.most >= result.level).all()
    fresh = known.age_days <= ALL.max_age_days
    assert (
        (result.level[~fresh] == -1).all() and (result.points[fresh] <= 3).all() and (result.points[fresh] >= 0).all()
    )
    sure = fresh & np.all([np.isfinite(term.points) for term in result.terms.values()], axis=0)
    assert (result.level[sure] == result.most[sure]).all() and (result.level[sure] >= 0).all()
    assert ((result.level == 0) <= sure).all(), "level 0 only where all is known"
    # Whatever the unknown values turn out to be, the level lies between the two that were returned: at least, and at most.
    truth = Facts(
        *(np.where(np.isnan(a), b, a) for a, b in zip(known, np.array(filled[: len(table)], float).T, strict=True))
    )
    then = weigh(ALL, truth)
    sure = fresh & (then.level >= 0)
    assert (then.level[sure] >= np.maximum(result.level[sure], 0)).all()
    assert (then.level[sure] <= result.most[sure]).all()
    # One night is one row of a history.
    last = weigh(ALL, Facts(*(values[-1:] for values in known)))
    for name in ("level", "most", "points"):
        np.testing.assert_array_equal(getattr(last, name), getattr(result, name)[-1:])


# --- from gauges -----------------------------------------------------------------------------------------------------

YEARS = pd.date_range("2010-01-01", "2015-12-31", freq="D")


def yearly(days, low=1.0, high=5.0):
    """A stage that is lowest on 1 April and highest half a year later [m]."""
    phase = 2 * np.pi * (pd.DatetimeIndex(days).day_of_year.to_numpy() - 91) / 365.25
    return (low + high) / 2 - (high - low) / 2 * np.cos(phase)


def water_of(*given):
    """What is known of a reach as a whole: facts of shape (as_of,), and the gauge of each term."""
    water = water_on(*given)
    assert all((pair[..., 0] == pair[..., 1]).all() for pair in water.whose.values())
    return Facts(*(values[0] for values in water.facts)), {
        name: pair[0, :, 0].tolist() for name, pair in water.whose.items()
    }


def forecast_rows(issued, values, gauge_id="a"):
    issued = pd.Timestamp(issued, tz="UTC")
    time = issued.normalize() + pd.to_timedelta(np.arange(1, len(values) + 1), unit="D")
    table = pd.DataFrame({"time": time, "value": values})
    return table.assign(
        gauge_id=gauge_id, quantity="stage", available_at=issued, issued_at=issued, member=-1, source="made"
    )[list(GAUGE_FORECAST_COLUMNS)]


GAUGES = (Gauge("a", "Tân Châu", (3.5, 4.0, 4.5)), Gauge("b", "Châu Đốc", (3.0, 3.5, 4.0)))


def test_a_fall_is_read_off_the_gauge():
    stage = yearly(YEARS)
    stage[-4:] = [3.0, 2.9, 2.7, 2.45]
    series = gauge_rows(YEARS, stage, gauge_id="a", latency="6h")
    dates = ["2015-12-31", "2016-01-02", "2016-01-05"]
    known, _ = water_of(trigger_of(drawdown=DRAWDOWN), GAUGES, series, None, dates)
    assert known.age_days.tolist() == [0, 2, 5]
    assert known.fall == pytest.approx([0.55, 0.55, 0.55])
    result = weigh(trigger_of(drawdown=DRAWDOWN), known)
    assert result.level.tolist() == [1, 1, -1], "a reading of five days ago is too old for tonight"
    assert result.points[:2] == pytest.approx([1.75, 1.75])


def test_a_share_of_the_yearly_range_is_for_rivers_with_discharge_only():
    flow = 1000 * yearly(YEARS)
    flow[-4:] = [3000, 2900, 2700, 2450]
    series = gauge_rows(YEARS, flow, gauge_id="a", quantity="discharge", latency="6h")
    for unit, known in (("range", True), ("m", False)):
        trigger = dataclasses.replace(trigger_of(drawdown=DRAWDOWN), unit=unit)
        fall = water_of(trigger, GAUGES, series, None, ["2015-12-31"])[0].fall
        assert np.isfinite(fall).all() == known, "a discharge has no metres"
    # 5 to 95 % of five complete years of 1000 to 5000 m3/s; a sine is within that for cos(0.05 pi) of its range.
    assert 550 / fall_range(series) == pytest.approx(550 / (4000 * np.cos(0.05 * np.pi)), rel=0.01)


def fall_range(series):
    trigger = trigger_of(unit="range", drawdown=DRAWDOWN)
    return 550 / water_of(trigger, GAUGES, series, None, ["2015-12-31"])[0].fall[0]


def test_low_water_and_rain_on_it():
    stage = yearly(YEARS)
    series = gauge_rows(YEARS, stage, gauge_id="a", latency="6h")
    rain = gauge_rows(YEARS, np.where(YEARS.month == 3, 10.0, 0.0), gauge_id="b", quantity="rain", latency="6h")
    dates = pd.date_range("2015-01-01", "2015-06-30", freq="D")
    trigger = trigger_of(low_water=LOW_WATER, rain_on_low_water=RAIN)
    known, whose = water_of(trigger, GAUGES, pd.concat([series, rain]), None, dates)
    mark = np.quantile(yearly(YEARS[YEARS.year < 2015]), 0.1)
    below = stage[YEARS.isin(dates)] < mark
    first = int(np.argmax(below))
    assert 30 < first < 90, "the low water of this river begins in March"
    passage = known.passage_days
    assert np.isinf(passage[: first - 2]).all(), "not passed yet, which is known"
    # A day or two either way: the mark is made from the years that are complete when the running one begins.
    since = np.arange(len(dates)) - first
    assert np.abs(passage[first + 2 :] - since[first + 2 :]).max() <= 2
    assert (known.above_mark[below] < 0.02).all() and (known.above_mark[~below] > -0.02).all()
    assert whose["rain_on_low_water"] == [1] * len(dates), "rain comes from the gauge that has it"
    march = dates.slice_indexer("2015-03-05", "2015-03-29")
    assert (known.rain_mm[march] == 30).all()
    march = dates.slice_indexer("2015-03-20", "2015-03-29")
    points = weigh(trigger, known).terms["rain_on_low_water"].points
    assert points[march] == pytest.approx(np.full(10, 0.5)) and (points[: first - 2] == 0).all()


def test_alarm_levels_and_a_forecast_of_the_same_gauge():
    stage = yearly(YEARS)
    stage[-1] = 3.75
    series = gauge_rows(YEARS, stage, gauge_id="a", latency="6h")
    forecasts = pd.concat(
        [
            forecast_rows("2015-12-30T03:00", [3.7, 3.0, 2.0, 1.0, 0.5]),  # an older one
            forecast_rows("2015-12-31T03:00", [3.7, 3.5, 3.4, 3.25, 3.3]),
            forecast_rows("2016-01-01T03:00", [0.0, 0.0, 0.0, 0.0, 0.0]),  # not out yet
        ]
    )
    trigger = trigger_of(above_alarm=ALARM, forecast_fall=AHEAD)
    facts, _ = water_of(trigger, GAUGES, series, forecasts, ["2015-12-31"])
    assert facts.alarm_share == pytest.approx([0.25])
    assert facts.forecast_fall == pytest.approx([0.5])
    assert np.isnan(water_of(trigger, GAUGES, series, forecasts, ["2016-01-10"])[0].forecast_fall).all()


def test_another_gauge_is_used_only_where_the_main_one_has_nothing():
    main = gauge_rows(YEARS[-200:], yearly(YEARS[-200:]), gauge_id="a")
    other = gauge_rows(YEARS, yearly(YEARS) + 1, gauge_id="b")
    series = pd.concat([main, other])
    early, late = YEARS[400], YEARS[-1]
    _, whose = water_of(trigger_of(drawdown=DRAWDOWN), GAUGES, series, None, [early, late])
    assert whose["drawdown"] == [1, 0]
    # A main gauge that has become stale is not replaced: its age is returned.
    stale, whose = water_of(trigger_of(drawdown=DRAWDOWN), GAUGES, pd.concat([main.iloc[:-30], other]), None, [late])
    assert whose["drawdown"] == [0] and stale.age_days.tolist() == [30]


@settings(max_examples=20, deadline=None)
@given(cut=st.integers(100, 2100), seed=st.integers(0, 1000))
def test_nights_up_to_a_date_do_not_know_what_came_later(cut, seed):
    rng = np.random.default_rng(seed)
    series = pd.concat(
        [
            gauge_rows(YEARS, yearly(YEARS) + rng.normal(0, 0.2, len(YEARS)), gauge_id="a"),
            gauge_rows(YEARS, rng.gamma(0.3, 10, len(YEARS)), gauge_id="b", quantity="rain"),
        ]
    )
    late = series.sample(40, random_state=seed)
    late = late.assign(value=late["value"] + 1, available_at=late["available_at"] + pd.Timedelta("20D"))
    series = pd.concat([series, late], ignore_index=True)
    nights = YEARS[max(cut - 5, 0) : cut]
    known = series[series["available_at"] <= nights[-1].tz_localize("UTC") + pd.Timedelta("23h59min")]
    trigger = trigger_of(drawdown=DRAWDOWN, low_water=LOW_WATER, rain_on_low_water=RAIN)
    then = weigh(trigger, water_on(trigger, GAUGES, known, None, nights).facts)
    now = weigh(trigger, water_on(trigger, GAUGES, series, None, nights).facts)
    for name in ("level", "most", "points"):
        np.testing.assert_array_equal(getattr(then, name), getattr(now, name))


ALONG = (
    Gauge("a", "Tân Châu", (3.5, 4.0, 4.5), 10_000.0, "zero"),
    Gauge("b", "Vàm Nao", (), 110_000.0, "zero"),
    Gauge("r", "mưa"),
)
FAST = 1e6
"""A wave so fast [m/s] that nothing is gained or lost on the way."""


def two_gauges(fall_a=0.2, fall_b=0.6):
    """The stage falls by so much in the last three days at one gauge and at the other [m]."""
    stage = yearly(YEARS)
    stage[-10:] = 3.0
    down = np.where(np.arange(len(YEARS)) == len(YEARS) - 1, 1.0, 0.0)
    return pd.concat(
        [
            gauge_rows(YEARS, stage - fall_a * down, gauge_id="a", latency="6h"),
            gauge_rows(YEARS, stage + 1 - fall_b * down, gauge_id="b", latency="6h"),
            gauge_rows(YEARS, np.full(len(YEARS), 30.0), gauge_id="r", quantity="rain", latency="6h"),
        ]
    )


def test_between_two_gauges_the_fall_lies_between_theirs():
    trigger = trigger_of(drawdown=DRAWDOWN, low_water=LOW_WATER, rain_on_low_water=RAIN, wave_m_per_s=FAST)
    places = np.array([0.0, 10_000.0, 60_000.0, 85_000.0, 110_000.0, 200_000.0])
    water = water_along(trigger, ALONG, places, two_gauges(), None, "2015-12-31")
    assert water.facts.fall[:, 0] == pytest.approx([0.2, 0.2, 0.4, 0.5, 0.6, 0.6])
    assert np.isinf(water.facts.passage_days).all() or np.isfinite(water.facts.passage_days).all()
    sources = term_sources(water, ALONG, "2015-12-31")
    assert [source.title for source in sources["drawdown"]] == [
        "Tân Châu", "Tân Châu", "Tân Châu – Vàm Nao", "Tân Châu – Vàm Nao", "Vàm Nao", "Vàm Nao",
    ]  # fmt: skip
    assert {(source.gauge, source.time) for source in sources["rain_on_low_water"]} == {("r", "2015-12-31")}
    result = weigh(trigger, Facts(*(values[:, 0] for values in water.facts)))
    first, *_, last = (json.loads(text)[0] for text in term_records(trigger, result, sources))
    assert (first["gauge"], first["points"], last["gauge"], last["points"]) == ("a", 0.0, "b", 2.0)


def test_a_slow_wave_has_not_got_there_yet():
    """What passed the upper gauge today reaches a place a day downstream tomorrow."""
    trigger = trigger_of(drawdown=DRAWDOWN, wave_m_per_s=100_000 / 2 / 86_400)
    water = water_along(trigger, ALONG, np.array([60_000.0]), two_gauges(0.4, 0.0), None, "2015-12-31")
    assert water.facts.fall[0, 0] == pytest.approx(0.0, abs=0.02)
    fast = water_along(
        trigger_of(drawdown=DRAWDOWN, wave_m_per_s=FAST),
        ALONG,
        np.array([60_000.0]),
        two_gauges(0.4, 0.0),
        None,
        "2015-12-31",
    )
    assert fast.facts.fall[0, 0] == pytest.approx(0.2)


def test_one_stale_gauge_leaves_the_other_one_its_own_stretch():
    series = two_gauges()
    series = series[(series["gauge_id"] != "b") | (series["time"] < pd.Timestamp("2015-12-20", tz="UTC"))]
    trigger = trigger_of(drawdown=DRAWDOWN, wave_m_per_s=FAST)
    water = water_along(trigger, ALONG, np.array([0.0, 60_000.0, 120_000.0]), series, None, "2015-12-31")
    assert water.facts.age_days[:, 0].tolist() == [0, 12, 12]
    assert weigh(trigger, water.facts).level[:, 0].tolist() == [0, -1, -1]


def test_one_gauge_or_a_share_of_the_range_holds_for_the_whole_reach():
    series, places = two_gauges(), np.array([0.0, 60_000.0])
    for trigger, gauges in (
        (trigger_of(drawdown=DRAWDOWN), (ALONG[1], ALONG[2])),
        (trigger_of(unit="range", drawdown=DRAWDOWN), ALONG),
    ):
        water = water_along(trigger, gauges, places, series, None, "2015-12-31")
        alone = water_on(trigger, gauges, series, None, ["2015-12-31"])
        for mine, one in zip(water.facts, alone.facts, strict=True):
            np.testing.assert_array_equal(mine, np.broadcast_to(one, (2, 1)))


def test_stages_of_different_zeros_are_not_put_between_each_other():
    mixed = (ALONG[0], ALONG[1]._replace(datum="another"), ALONG[2])
    with pytest.raises(MixedDatumsError, match="a counts from 'zero', that of b from 'another'"):
        water_along(trigger_of(drawdown=DRAWDOWN), mixed, np.array([0.0]), two_gauges(), None, "2015-12-31")


# --- what is published, and in words ---------------------------------------------------------------------------------

SOURCE = TermSource("019803", "Tân Châu", "2026-11-21")


def records_of(trigger=ALL, source=SOURCE, **known):
    result = weigh(trigger, facts(**known))
    texts = term_records(trigger, result, {name: [source] * result.level.size for name in trigger.terms})
    return [{record["term"]: record for record in json.loads(text)} for text in texts]


def test_a_record_holds_everything_that_the_points_rest_on():
    (record,) = records_of(fall=0.5)
    assert record["drawdown"] == {
        "term": "drawdown", "points": 1.5, "of": 2, "value": 0.5, "unit": "m", "days": 3, "start": 0.2, "full": 0.6,
        "gauge": "019803", "title": "Tân Châu", "time": "2026-11-21", "state": "known",
    }  # fmt: skip
    assert {name: (r["unit"], r["days"], r["start"], r["full"], r["of"]) for name, r in record.items()} == {
        "drawdown": ("m", 3, 0.2, 0.6, 2),
        "low_water": ("day", 30, 30, 0, 1),
        "rain_on_low_water": ("mm", 3, 20, 60, 2),
        "above_alarm": ("1", None, 0, 1, 1),
        "forecast_fall": ("m", 5, 0.2, 0.6, 1),
    }


def test_every_place_has_its_own_record_and_unknown_is_null():
    fallen, stale, dry = records_of(fall=[0.5, 0.5, 0.2], age_days=[0.0, 9.0, 0.0], rain_mm=[0.0, 0.0, NAN])
    assert fallen["drawdown"]["points"] == 1.5 and dry["drawdown"]["points"] == 0
    old = stale["drawdown"]
    assert (old["points"], old["value"], old["state"]) == (None, None, "old")
    (wet,) = records_of(rain_mm=NAN, above_mark=-1.0)
    assert (wet["rain_on_low_water"]["points"], wet["rain_on_low_water"]["state"]) == (None, "unknown")
    (none,) = records_of(age_days=NAN)
    assert none["low_water"]["state"] == "unknown"


@pytest.mark.parametrize(
    ("term", "known", "vi", "en"),
    [
        ("drawdown", {"fall": 0.62}, "nước rút 0,6 m trong 3 ngày tại Tân Châu", "the water fell 0.6 m in 3 days at Tân Châu"),
        ("drawdown", {"fall": 0.04}, "nước không rút trong 3 ngày qua tại Tân Châu", "the water did not fall"),
        ("drawdown", {"fall": -1.0}, "nước không rút trong 3 ngày qua tại Tân Châu", "the water did not fall"),
        ("low_water", {"passage_days": 5.0}, "nước xuống dưới mực kiệt lần đầu trong mùa cách đây 5 ngày", "5 days ago"),
        ("low_water", {}, "mùa này nước chưa xuống dưới mực kiệt tại Tân Châu", "has not been below"),
        ("rain_on_low_water", {"rain_mm": 45.4, "above_mark": -1.0}, "mưa 45 mm trong 3 ngày khi nước kiệt", "45 mm of rain"),
        ("rain_on_low_water", {"rain_mm": 90.0}, "không có mưa đáng kể lúc nước kiệt", "no rain that matters"),
        ("rain_on_low_water", {"rain_mm": NAN, "above_mark": -1.0}, "không rõ mưa bao nhiêu trong 3 ngày", "no data"),
        ("above_alarm", {"alarm_share": 0.25}, "đã lên 25% khoảng từ báo động 1 đến báo động 3", "25% of the way"),
        ("above_alarm", {"alarm_share": -0.1}, "mực nước dưới báo động 1 tại Tân Châu", "below alarm 1"),
        ("above_alarm", {"alarm_share": 1.0}, "mực nước từ báo động 3 trở lên tại Tân Châu", "alarm 3 or above"),
        ("forecast_fall", {"forecast_fall": 1.04}, "dự báo nước rút 1,0 m trong 5 ngày tới", "forecast to fall 1.0 m"),
        ("drawdown", {"age_days": 9.0}, "số liệu đã cũ, lần cuối 21/11/2026", "the data are old, last reading 2026-11-21"),
    ],
)  # fmt: skip
def test_terms_in_words(term, known, vi, en):
    (record,) = records_of(**known)
    assert vi in words(record[term], "vi")
    assert en in words(record[term], "en")


def test_a_fall_as_a_share_of_the_year_in_words():
    (record,) = records_of(trigger_of(unit="range", drawdown=DRAWDOWN), fall=0.125)
    assert words(record["drawdown"], "vi") == "nước rút 12% biên độ năm trong 3 ngày tại Tân Châu"


def test_words_refuse_what_this_program_did_not_publish():
    with pytest.raises(ValueError, match="none of"):
        words({"term": "<b>moon</b>"}, "vi")
