"""Emergency zones by hand: along the bank, inland, and their corners in the national grid."""

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Transformer

from erosion.exposure.emergency_zone import ZoneError, corner_table, emergency_zone


def bank(n=10, landward=0.0):
    """Segments of 100 m along a straight bank running east at 1,150,000 m north; land lies north of it."""
    lines = [shapely.LineString([(500_000 + 100 * i, 1_150_000), (500_100 + 100 * i, 1_150_000)]) for i in range(n)]
    return gpd.GeoDataFrame(
        {
            "segment_id": [f"s{i}" for i in range(n)], "reach": "hau", "bank": "L",
            "chainage_m": 50.0 + 100.0 * np.arange(n), "landward_deg": landward,
        },
        geometry=lines,
        crs=32648,
    )  # fmt: skip


def test_the_zone_of_2023_is_sixty_metres_up_and_two_hundred_and_forty_down():
    zone = emergency_zone(bank(), "s3", 60.0, 240.0, 30.0)
    assert zone.area.bounds == pytest.approx((500_290.0, 1_150_000.0, 500_590.0, 1_150_030.0))
    assert zone.area.area == pytest.approx(300.0 * 30.0)
    assert (zone.upstream_m, zone.downstream_m) == (60.0, 240.0)
    assert shapely.length(zone.bank) == pytest.approx(300.0)


def test_land_lies_where_the_segment_says():
    assert emergency_zone(bank(landward=180.0), "s3", 50.0, 50.0, 20.0).area.bounds[1] == pytest.approx(1_149_980.0)
    with pytest.raises(ZoneError, match="land side of s3"):
        emergency_zone(bank(landward=np.nan), "s3", 50.0, 50.0, 20.0)


def test_where_the_mapped_bank_ends_the_zone_is_shorter_and_says_so():
    zone = emergency_zone(bank(), "s0", 200.0, 100.0, 20.0)
    assert (zone.upstream_m, zone.downstream_m) == pytest.approx((50.0, 100.0))


def test_the_other_bank_and_a_piece_beyond_a_gap_are_not_the_zone():
    both = bank()
    both.loc[9, "geometry"] = shapely.LineString([(500_900, 1_150_400), (501_000, 1_150_400)])
    zone = emergency_zone(both, "s8", 0.0, 500.0, 20.0)
    assert zone.downstream_m == pytest.approx(50.0), "s9 is another piece of bank"


@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        ((-1.0, 5.0, 5.0), "upstream: -1"),
        ((1.0, np.nan, 5.0), "downstream: nan"),
        ((0.0, 0.0, 5.0), "no area"),
        ((5.0, 5.0, 0.0), "no area"),
    ],
)
def test_lengths_that_are_none_are_refused(lengths, message):
    with pytest.raises(ZoneError, match=message):
        emergency_zone(bank(), "s3", *lengths)


def test_a_segment_of_another_run_is_named():
    with pytest.raises(ZoneError, match="no segment elsewhere"):
        emergency_zone(bank(), "elsewhere", 10.0, 10.0, 10.0)


def test_corners_stand_in_the_national_grid_clockwise_from_the_northernmost():
    zone = emergency_zone(bank(), "s3", 60.0, 240.0, 30.0)
    table = corner_table(zone.area, "EPSG:32648", "EPSG:9208")
    assert table["corner"].tolist() == [1, 2, 3, 4] and table["x_m"].iloc[0] == table["x_m"].max()
    way = Transformer.from_crs("EPSG:32648", "EPSG:9208", always_xy=True)
    expected = {
        tuple(np.round(way.transform(x, y), 1)) for x in (500_290.0, 500_590.0) for y in (1_150_000.0, 1_150_030.0)
    }
    assert {(row.y_m, row.x_m) for row in table.itertuples()} == expected
    ring = shapely.linearrings(table[["y_m", "x_m"]].to_numpy())
    assert not shapely.is_ccw(ring)


@given(st.floats(0.0, 400.0), st.floats(1.0, 400.0), st.floats(1.0, 200.0))
def test_the_zone_reaches_as_far_as_asked_and_no_farther(upstream, downstream, inland):
    zone = emergency_zone(bank(20), "s10", upstream, downstream, inland)
    west, south, east, north = zone.area.bounds
    assert (east - west, north - south) == pytest.approx((upstream + downstream, inland))
    assert shapely.covers(shapely.buffer(zone.area, 1e-6), zone.bank)
