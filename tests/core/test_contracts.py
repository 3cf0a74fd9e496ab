"""Contracts of products: what keeps one passes unchanged, each breach is refused by name with its mend; as-of instants."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import LineString

from erosion.core.contracts import (
    BANK_VARIABLES,
    GAUGE_COLUMNS,
    SCENE_ATTRIBUTES,
    SCORE_COLUMNS,
    SEGMENT_COLUMNS,
    ContractError,
    as_of_instant,
    check_banks,
    check_gauges,
    check_scene,
    check_scores,
    check_segments,
    check_water,
    in_utc,
    known_at,
)

Change = Callable[[Any], Any]


def scene() -> xr.Dataset:
    attrs: dict[str, Any] = dict.fromkeys(SCENE_ATTRIBUTES, "x") | {"sensor": "optical"}
    bands = {name: (("y", "x"), np.zeros((2, 3), np.float32)) for name in ("green", "nir")}
    return xr.Dataset({**bands, "clear": (("y", "x"), np.ones((2, 3), bool))}, attrs=attrs)


def water() -> xr.Dataset:
    epochs = pd.DatetimeIndex(["2020-01-01", "2021-01-01"]).as_unit("ns")
    return xr.Dataset(
        {"water_fraction": (("epoch", "y", "x"), np.zeros((2, 2, 3), np.float32)), "available_at": ("epoch", epochs)},
        coords={"epoch": epochs, "scene_id": ("epoch", ["a.tif", "b.tif"]), "accepted": ("epoch", [False, True])},
        attrs={"crs": "EPSG:32648"},
    )


def segments() -> gpd.GeoDataFrame:
    columns: dict[str, Any] = dict.fromkeys(SEGMENT_COLUMNS, 0.0)
    columns |= {"segment_id": ["r-L-0", "r-R-0"], "bank": ["L", "R"], "length_m": [100.0, 90.0]}
    lines = [LineString([(0, 0), (100, 0)]), LineString([(0, 50), (90, 50)])]
    return gpd.GeoDataFrame(columns, geometry=lines, crs="EPSG:32648")


def banks() -> xr.Dataset:
    return xr.Dataset({name: (("segment_id", "epoch"), np.zeros((2, 3))) for name in BANK_VARIABLES})


def scores() -> pd.DataFrame:
    columns: dict[str, Any] = dict.fromkeys(SCORE_COLUMNS, 0.0)
    columns |= {"segment_id": ["a", "b"], "target": "lost_30m_1y", "p_event": [0.2, np.nan]}
    columns |= {f"retreat_p{level}_m": [float(level), np.nan] for level in (10, 30, 50, 70, 90)}
    columns |= {f"chance_{distance}m": [1.0 / distance, np.nan] for distance in (10, 20, 30, 60)}
    return pd.DataFrame(columns)


def gauges() -> pd.DataFrame:
    columns: dict[str, Any] = dict.fromkeys(GAUGE_COLUMNS, 0)
    times = pd.DatetimeIndex(["2021-01-01", "2021-01-02"], tz="UTC")
    columns |= {"gauge_id": "g", "quantity": "stage", "time": times, "available_at": times + pd.Timedelta(days=1)}
    return pd.DataFrame(columns)


@pytest.mark.parametrize(
    ("check", "product"),
    [
        (check_scene, scene()),
        (check_water, water()),
        (check_segments, segments()),
        (check_banks, banks()),
        (check_scores, scores()),
        (check_gauges, gauges()),
        (check_gauges, gauges().iloc[:0]),
    ],
)
def test_a_product_that_keeps_its_contract_is_returned_as_it_is(check: Change, product: Any) -> None:
    before = product.copy(deep=True)
    assert check(product) is product
    assert product.equals(before)


def without_attr(name: str) -> Change:
    def change(product: xr.Dataset) -> xr.Dataset:
        product.attrs.pop(name)
        return product

    return change


@pytest.mark.parametrize(
    ("check", "product", "change", "words"),
    [
        (check_scene, scene, lambda s: s.assign(red_edge=s["green"]), r"variables \['red_edge'\] are none of blue, green"),
        (check_scene, scene, lambda s: s.assign(red=s["green"].T), r"red has dims \('x', 'y'\), needs \(y, x\)"),
        (check_scene, scene, lambda s: s.drop_vars("clear"), "missing clear"),
        (check_scene, scene, lambda s: s.drop_vars("green"), "missing green"),
        (check_scene, scene, without_attr("items_hash"), "missing items_hash"),
        (check_water, water, lambda w: w.drop_vars("available_at"), "missing available_at"),
        (check_water, water, lambda w: w.drop_vars("scene_id"), "missing scene_id"),
        (check_water, water, lambda w: w.drop_vars("accepted"), "missing accepted"),
        (check_water, water, lambda w: w.transpose("y", "x", "epoch"), r"needs \(epoch, y, x\)"),
        (check_water, water, lambda w: w.isel(epoch=[1, 0]), "epochs must be sorted and unique"),
        (check_water, water, lambda w: w.isel(epoch=[0, 0]), "merge observations of one date first"),
        (check_water, water, without_attr("crs"), "the region's metric CRS belongs there"),
        (check_segments, segments, lambda s: s.drop(columns="width_m"), "missing width_m"),
        (check_segments, segments, lambda s: s.assign(segment_id="one"), "id one occurs twice"),
        (check_segments, segments, lambda s: s.assign(bank=["L", "M"]), r"bank \['M'\] is none of"),
        (check_segments, segments, lambda s: s.assign(length_m=[1.0, 0.0]), "a segment has no length"),
        (check_segments, segments, lambda s: s.assign(length_m=[1.0, np.nan]), "a segment has no length"),
        (check_segments, segments, lambda s: s.to_crs("EPSG:4326"), "coordinates must be metres"),
        (check_banks, banks, lambda b: b.drop_vars("sigma_m"), "missing sigma_m"),
        (check_banks, banks, lambda b: b.assign(flags=b["flags"].T), r"flags has dims \('epoch', 'segment_id'\)"),
        (check_scores, scores, lambda s: s.assign(p_event=[0.2, 1.01]), "p_event outside 0..1"),
        (check_scores, scores, lambda s: s.assign(p_event=[-0.01, 0.5]), "p_event outside 0..1"),
        (check_scores, scores, lambda s: s.assign(retreat_p10_m=[31.0, np.nan]), "quantiles of retreat cross"),
        (check_scores, scores, lambda s: s.assign(chance_60m=[0.3, np.nan]), "chances or quantiles of retreat cross"),
        (check_scores, scores, lambda s: s.assign(retreat_p90_m=[69.0, np.nan]), "quantiles of retreat cross"),
        (check_scores, scores, lambda s: s.assign(segment_id="a"), "two rows for one target"),
        (check_gauges, gauges, lambda g: g.drop(columns="flags"), "missing flags"),
        (check_gauges, gauges, lambda g: g.assign(quantity="level"), r"quantity \['level'\] is none of stage"),
        (check_gauges, gauges, lambda g: g.iloc[[0, 0]], "two values for one time"),
        (check_gauges, gauges, lambda g: g.assign(available_at=g["time"] - pd.Timedelta("1s")), "check the latency"),
    ],
)  # fmt: skip
def test_each_breach_is_refused_by_name(check: Change, product: Change, change: Change, words: str) -> None:
    with pytest.raises(ContractError, match=words):
        check(change(product()))


def test_radar_has_neither_green_nor_clear() -> None:
    radar = scene().drop_vars(["green", "nir", "clear"]).assign(vv=(("y", "x"), np.ones((2, 3), np.float32)))
    assert check_scene(radar.assign_attrs(sensor="radar")) is not None


# --- as of ---


def test_a_bare_date_is_the_end_of_its_day_in_utc() -> None:
    assert as_of_instant("2021-02-03") == pd.Timestamp("2021-02-03T23:59:59.999999Z")
    assert as_of_instant("2021-02-03T12:00") == pd.Timestamp("2021-02-03T12:00Z")
    assert as_of_instant("2021-02-03T05:00+07:00") == pd.Timestamp("2021-02-02T22:00Z")
    assert in_utc("2021-02-03T05:00+07:00") == pd.Timestamp("2021-02-02T22:00Z") and in_utc("2021-02-03").tz is not None


def test_known_is_what_was_available_by_the_end_of_the_day() -> None:
    times = pd.Series(pd.DatetimeIndex(["2021-02-03T23:59:59", "2021-02-04T00:00", "NaT"], tz="UTC"))
    assert known_at(times, pd.Timestamp("2021-02-03")).tolist() == [True, False, False]
    assert known_at(times.dt.tz_localize(None).to_numpy(), pd.Timestamp("2021-02-04T00:00:01")).tolist() == [
        True,
        True,
        False,
    ]


days = st.datetimes(pd.Timestamp("1990-01-01"), pd.Timestamp("2040-01-01"))


@given(st.lists(days, max_size=20), days, days)
def test_a_later_date_knows_all_that_an_earlier_one_knew(times: list[Any], one: Any, other: Any) -> None:
    available = pd.Series(pd.to_datetime(times, utc=True))
    early, late = sorted((pd.Timestamp(one), pd.Timestamp(other)))
    before, after = known_at(available, early), known_at(available, late)
    assert not (before & ~after).any()
    assert (available[before] <= as_of_instant(early)).all() and (available[~after] > as_of_instant(late)).all()
