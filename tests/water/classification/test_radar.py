"""Water share of radar scenes: speckle, edges, look-alikes, incidence, guards."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from erosion.water.classification.radar import (
    average_speckle,
    incidence_slopes,
    keep_river,
    mask_dark_land,
    radar_share,
    to_db,
)
from erosion.water.classification.reference import WaterReference
from erosion.water.classification.water import Unusable, water_of
from tests.scenes import (
    RULES,
    Array,
    Shape,
    averaged,
    bend,
    corridor_for,
    fine_share,
    known,
    percent_of,
    radar_scene,
    water_pass,
)

SIZE = (240, 240)


def river(row: Array, column: Array) -> NDArray[np.bool_]:
    return np.abs(column - 100.3) < 30


def with_field(water: Shape, top: float, bottom: float, left: float, right: float) -> Shape:
    def wet(row: Array, column: Array) -> NDArray[np.bool_]:
        return water(row, column) | ((row > top) & (row < bottom) & (column > left) & (column < right))

    return wet


def bank_errors(percent: NDArray[np.uint8], water: Shape) -> NDArray[np.float64]:
    """Water too much on ten-pixel pieces of both banks of a river that flows down the columns [pixel]."""
    # Laying a scene on a reference leaves a pixel or two at the rim of the picture without neighbours.
    assert (percent[2:-2, 50:150] != 255).all()
    excess = np.where(percent == 255, 0, percent / 100 - averaged(fine_share(water, SIZE)))
    halves = [excess[:, :100].sum(axis=1), excess[:, 100:].sum(axis=1)]
    return np.concatenate([half.reshape(-1, 10).mean(axis=1) for half in halves])


# Speckle


def test_averaging_keeps_the_mean_and_quiets_the_speckle() -> None:
    power = np.random.default_rng(0).gamma(4.4, 1 / 4.4, (300, 300)).astype(np.float32)
    smooth = average_speckle(power, 1.5)
    assert smooth.mean() == pytest.approx(1, abs=0.005)
    # Gaussian weights of 1.5 pixels average 4 pi 1.5^2 = 28 pixels of 4.4 looks each.
    assert smooth[10:-10, 10:-10].std() == pytest.approx(1 / np.sqrt(28.3 * 4.4), rel=0.1)


def test_averaging_leaves_the_middle_of_an_edge() -> None:
    power = np.where(np.arange(80) < 40, 0.01, 0.2).astype(np.float32) * np.ones((60, 1), np.float32)
    smooth = average_speckle(power, 1.5)[30]
    assert 0.5 * (smooth[39] + smooth[40]) == pytest.approx(0.105, abs=1e-4)


def test_missing_pixels_weigh_nothing_and_stay_missing() -> None:
    power = np.full((30, 30), 0.1, np.float32)
    power[:, :10] = np.nan
    smooth = average_speckle(power, 1.5)
    assert np.isnan(smooth[:, :10]).all()
    assert smooth[:, 10:] == pytest.approx(0.1)


def test_decibels() -> None:
    assert to_db(np.float32([1.0, 0.1, 0.0])) == pytest.approx([0, -10, -60])


# Edges


def test_banks_of_single_scenes() -> None:
    errors = np.concatenate(
        [bank_errors(water_pass(radar_scene(river, SIZE, seed=s)).percent, river) for s in range(4)]
    )
    assert abs(errors.mean()) < 0.15
    assert np.sqrt(np.mean(errors**2)) < 0.5


def test_thirty_metres_lost_are_found() -> None:
    def eaten(row: Array, column: Array) -> NDArray[np.bool_]:
        return river(row, column) | ((np.abs(row - 120) < 25) & (column > 100) & (column < 133.3))

    found = water_pass(radar_scene(eaten, SIZE, seed=5), known(river, SIZE))
    assert (found.percent[100:140, 125:145] != 255).all()
    lost = (found.percent[100:140, 100:160] / 100).sum(axis=1).mean() - 30.8
    assert lost == pytest.approx(3, abs=0.5)


@pytest.mark.parametrize("band", ["vv", "vh"])
def test_one_polarisation_is_enough(band: str) -> None:
    scene = radar_scene(river, SIZE)[[band]]
    found = water_pass(scene)
    assert found.facts["bands"] == [band]
    assert abs(bank_errors(found.percent, river).mean()) < 0.3


def test_houses_move_the_bank_beside_them_less_than_two_pixels_and_no_other() -> None:
    scene = radar_scene(river, SIZE, seed=2)
    rows, columns = np.indices(SIZE)
    houses = (columns > 134) & (columns < 139) & (rows % 40 < 10)
    for band in ("vv", "vh"):
        scene[band] = scene[band].where(~houses, 1.0)
    percent = water_pass(scene).percent[:, 100:160]
    known_bank = (percent != 255).all(axis=1)  # in front of houses a bank may be left unknown
    error = (percent / 100).sum(axis=1) - 30.8
    between = (np.arange(240) % 40 >= 17) & (np.arange(240) % 40 < 33)
    assert known_bank[between].all()
    assert abs(error[between].mean()) < 0.15
    assert np.abs(error[known_bank]).max() < 2


# Look-alikes


def test_a_flooded_field_apart_from_the_river_is_land() -> None:
    wet = with_field(river, 40, 110, 160, 220)
    found = water_pass(radar_scene(wet, SIZE), known(river, SIZE))
    assert (found.percent[35:115, 150:235] == 0).all()
    assert found.facts["look_alike_pixels"] > 3500
    assert abs(bank_errors(found.percent, river).mean()) < 0.3


def test_a_flooded_field_that_touches_the_river_ends_near_the_known_bank() -> None:
    wet = with_field(river, 80, 140, 100, 220)
    found = water_pass(radar_scene(wet, SIZE), known(river, SIZE))
    edge = int(130.3 + 15 + 2)  # 150 m beyond the low-water bank
    assert (found.percent[90:130, edge:235] == 0).all()
    assert (found.percent[90:130, 134:142] > 90).all()


def test_without_a_reference_ponds_are_land() -> None:
    wet = with_field(river, 40, 48, 200, 208)
    found = water_pass(radar_scene(wet, SIZE))
    assert (found.percent[30:60, 190:220] == 0).all()


def test_keep_river_by_hand() -> None:
    share = np.zeros((60, 60), np.float32)
    share[:, 10:20] = 1  # the river
    share[5, 9] = 0.4  # its mixed bank
    share[30:35, 50:55] = 1  # a field
    share[30:35, 49] = 0.3  # its edge
    share[50, 20:52] = 1  # a ditch from the river
    percent = np.zeros((60, 60), np.uint8)
    percent[:, 12:18] = 100
    percent[0, 0] = 255
    every = [(slice(0, 60), slice(0, 60))]
    assert keep_river(share, WaterReference(percent, True), every, 10.0) == 25 + (52 - 33)
    assert share[30:35, 45:].sum() == 0
    assert share[50, 20:33].all()  # to 150 m from the last known water, column 17
    assert not share[50, 33:].any()
    assert share[5, 9] == np.float32(0.4)
    assert share[:, 10:20].all()
    assert keep_river(np.zeros((60, 60), np.float32), None, every, 10.0) == 0


def test_dry_sand_is_left_out() -> None:
    scene = radar_scene(river, SIZE, seed=3)
    rows, columns = np.indices(SIZE)
    bar = (columns >= 131) & (columns < 143) & (rows > 60) & (rows < 180)
    speckle = np.random.default_rng(9).gamma(4.4, 1 / 4.4, (2, *SIZE)).astype(np.float32)
    for i, (band, level) in enumerate((("vv", -15.0), ("vh", -23.0))):
        scene[band] = scene[band].where(~bar, speckle[i] * 10 ** (level / 10))
    found = water_pass(scene, known(river, SIZE))
    inside = found.percent[70:170, 134:140]
    assert ((inside == 255) | (inside < 50)).mean() > 0.95
    assert (found.percent[:, 80:125] == 100).mean() > 0.99  # the river itself stays
    assert found.facts["dark_land_pixels"] > 500


def test_wind_on_the_known_river_is_water() -> None:
    share = np.ones((20, 20), np.float32)
    percent = np.full((20, 20), 100, np.uint8)
    rough = np.ones((20, 20), bool)
    every = [(slice(0, 20), slice(0, 20))]
    assert mask_dark_land(share, rough, WaterReference(percent, True), every) == 0
    assert mask_dark_land(share, rough, None, every) > 300


# Incidence


@settings(max_examples=20)
@given(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5))
def test_slopes_of_both_classes(land: float, water: float) -> None:
    angle = np.tile(np.linspace(32, 44, 1000, dtype=np.float32), 2)
    is_water = np.arange(2000) >= 1000
    darkness = np.where(is_water, 24 + water * (angle - 38), 10 + land * (angle - 38)).astype(np.float32)
    assert incidence_slopes(darkness, angle, 17.0) == pytest.approx((land, water), abs=1e-3)
    assert incidence_slopes(darkness, np.full(2000, 38, np.float32), 17.0) == (0, 0)


def test_water_that_brightens_towards_near_range() -> None:
    angle = np.linspace(30, 45, SIZE[0], dtype=np.float32)[:, None] * np.ones((1, SIZE[1]), np.float32)
    scene = radar_scene(river, SIZE, incidence=angle, water_slope=-0.4)
    found = water_pass(scene)
    assert found.facts["water_db_per_degree"] == pytest.approx(-0.4, abs=0.15)
    assert abs(bank_errors(found.percent, river).mean()) < 0.3


# Guards


@pytest.mark.parametrize("wet", [0.0, 1.0])
def test_a_scene_of_one_kind_is_refused(wet: float) -> None:
    def all_of_it(row: Array, column: Array) -> NDArray[np.bool_]:
        return np.full(row.shape, bool(wet))

    found = water_of(radar_scene(all_of_it, SIZE), corridor_for(SIZE), RULES, None)
    assert isinstance(found, Unusable)
    assert "water cannot be distinguished from land" in found.reason


def test_wind_that_hides_the_river_is_refused() -> None:
    found = water_of(radar_scene(river, SIZE, water_db=(-10.0, -16.0)), corridor_for(SIZE), RULES, known(river, SIZE))
    assert isinstance(found, Unusable)
    assert "water cannot be distinguished from land near the bank" in found.reason


def test_a_border_of_zeros_is_missing() -> None:
    scene = radar_scene(river, SIZE)
    for band in ("vv", "vh"):
        scene[band][:60] = 0.0
    found = water_pass(scene)
    assert (found.percent[:60] == 255).all()
    assert (found.percent[60:] != 255).all()
    assert found.facts["clear_share"] == pytest.approx(0.75)
    for band in ("vv", "vh"):
        scene[band][:200] = np.nan
    refused = water_of(scene, corridor_for(SIZE), RULES, None)
    assert isinstance(refused, Unusable)
    assert "17 % of the corridor is seen" in refused.reason


def test_a_scene_without_polarisations_is_refused() -> None:
    scene = radar_scene(river, SIZE, incidence=np.full(SIZE, 38, np.float32)).drop_vars(["vv", "vh"])
    assert water_of(scene, corridor_for(SIZE), RULES, None) == Unusable("has neither vv nor vh")


def test_radar_lies_on_an_optical_reference() -> None:
    shape = (400, 400)

    def moved(row: Array, column: Array) -> NDArray[np.bool_]:
        return bend(shape)(row - 0.8, column + 0.5)

    facts = water_pass(radar_scene(moved, shape, seed=4), known(bend(shape), shape)).facts
    assert facts["shift_x_m"] == pytest.approx(-5, abs=2)
    assert facts["shift_y_m"] == pytest.approx(-8, abs=2)


def test_share_is_a_share() -> None:
    found, facts, bare = radar_share(radar_scene(river, SIZE), corridor_for(SIZE), RULES, None)
    share = np.asarray(found)
    assert share.dtype == np.float32
    assert 0 <= np.nanmin(share) <= np.nanmax(share) <= 1
    assert facts["threshold"] == pytest.approx(0.5 * (facts["land_value"] + facts["water_value"]), abs=4)
    assert bare is not None
    assert percent_of(river, SIZE).shape == bare.shape
