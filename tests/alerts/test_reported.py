"""Open field reports raise their bank and keep levels from falling, by hand and by law."""

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Transformer

from erosion.alerts.reported import OpenReport, Reported, reported_segments, with_reports

TO_DEGREES = Transformer.from_crs("EPSG:32648", "EPSG:4326", always_xy=True)


def bank(n=12):
    lines = [shapely.LineString([(500_000 + 100 * i, 1_150_000), (500_100 + 100 * i, 1_150_000)]) for i in range(n)]
    return gpd.GeoDataFrame({"segment_id": [f"s{i}" for i in range(n)]}, geometry=lines, crs=32648)


def report(east, north=20.0, verdict="cracked", stretch_id=None, number=7):
    return OpenReport(number, *TO_DEGREES.transform(500_000 + east, 1_150_000 + north), verdict, stretch_id)


def levels(level, before):
    return pd.DataFrame(
        {
            "segment_id": [f"s{i}" for i in range(len(level))],
            "level": level,
            "previous_level": before,
            "held_by": "",
            "why": "same",
        }
    )


def test_a_crack_concerns_the_bank_within_a_hundred_metres():
    found = reported_segments(bank(), [report(450.0)], {})
    assert np.flatnonzero(found.raised).tolist() == [3, 4, 5] == np.flatnonzero(found.held).tolist()
    assert found.far == ()


def test_farther_inland_it_concerns_the_nearest_bank_and_beyond_five_hundred_metres_none():
    assert np.flatnonzero(reported_segments(bank(), [report(450.0, 400.0)], {}).raised).tolist() == [4]
    far = reported_segments(bank(), [report(450.0, 600.0)], {})
    assert not far.held.any() and far.far == (7,)
    named = reported_segments(bank(), [report(450.0, 600.0, stretch_id="x")], {"x": {"s9"}})
    assert np.flatnonzero(named.held).tolist() == [9] and not named.raised.any() and named.far == ()


def test_an_unsure_report_holds_and_does_not_raise():
    found = reported_segments(bank(), [report(450.0, verdict="unsure")], {})
    assert not found.raised.any() and found.held.sum() == 3


def test_a_report_holds_the_whole_stretch_it_names():
    found = reported_segments(bank(), [report(450.0, stretch_id="x")], {"x": {"s4", "s5", "s10"}, "y": {"s1"}})
    assert np.flatnonzero(found.held).tolist() == [3, 4, 5, 10] and np.flatnonzero(found.raised).tolist() == [3, 4, 5]


def test_levels_by_hand():
    yes, no = np.array([True, True, True, True, False]), np.array([False, True, True, True, False])
    table = with_reports(levels([1, 1, 4, 0, 1], [1, 3, 2, 2, 4]), Reported(yes & ~no, no, ()), 3)
    assert table["level"].tolist() == [3, 3, 4, 2, 1]
    assert (
        table["held_by"].tolist() == ["report", "report", "", "report", ""] == table["why"].replace("same", "").tolist()
    )


def test_without_reports_nothing_changes():
    found = reported_segments(bank(3), [], {"x": {"s1"}})
    given_levels = levels([1, 2, 3], [3, 3, 3])
    pd.testing.assert_frame_equal(with_reports(given_levels, found, 3), given_levels)


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(-1, 4), st.booleans(), st.booleans()), min_size=1, max_size=20)
)
def test_reports_lower_nothing_and_hold_what_they_concern(rows):
    level, before, raised, held = (np.array(column) for column in zip(*rows, strict=True))
    table = with_reports(levels(level, before), Reported(raised, held, ()), 3)
    found = table["level"].to_numpy()
    assert (found >= level).all() and (found[held] >= before[held]).all() and (found[raised] >= 3).all()
    untouched = ~raised & ~held
    assert (found[untouched] == level[untouched]).all()
    assert ((table["held_by"] == "report").to_numpy() == (found != level)).all()
