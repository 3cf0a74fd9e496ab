"""Water share of optical scenes: areas at made edges, laws, guards, and the river whose banks are known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from erosion.config.region import SceneRules
from erosion.core.raster.grid import Grid
from erosion.satellite.corridor import Corridor
from erosion.simulate.river.law import CUT_SLOPE
from erosion.simulate.river.river import make_river
from erosion.simulate.scenes.sensors import simulate_sentinel2
from erosion.water.classification.mixing import discriminant, share_between, zones_of
from erosion.water.classification.optical import (
    INDICES,
    choose_index,
    normalised_difference,
    optical_share,
    usable_pixels,
)
from erosion.water.classification.threshold import SceneUnusable, find_threshold, otsu, split, split_at
from erosion.water.classification.water import Unusable, water_of
from tests.scenes import (
    BANDS,
    CLEAR_WATER,
    GRASS,
    MUD,
    RULES,
    SAND,
    TURBID_WATER,
    Array,
    Shape,
    attributes,
    averaged,
    bend,
    corridor_for,
    fine_share,
    known,
    optical_scene,
    water_pass,
)

SIZE = (160, 160)


def strip(angle: float, offset: float, half: float = 25.0) -> Shape:
    """A straight river: its normal turned by ``angle`` degrees from the columns, its middle ``offset`` pixels off."""
    a = np.deg2rad(angle)

    def water(row: Array, column: Array) -> NDArray[np.bool_]:
        return np.abs((column - 79.5) * np.cos(a) + (row - 79.5) * np.sin(a) - offset) < half

    return water


def bank_errors(share: Array, water: Shape, angle: float, offset: float) -> NDArray[np.float64]:
    """Water too much on ten-pixel pieces of both banks of :func:`strip`, as a displacement [pixel]."""
    a = np.deg2rad(angle)
    row, column = np.indices(SIZE) - 79.5
    across = column * np.cos(a) + row * np.sin(a) - offset
    along = row * np.cos(a) - column * np.sin(a)
    excess = share - averaged(fine_share(water, SIZE))
    found = []
    for side in (across > 0, across < 0):
        middle = side & (np.abs(along) < 60)
        piece = ((along + 60) // 10).astype(int)
        found.append(np.bincount(piece[middle], weights=excess[middle], minlength=12)[:12] / 10)
    return np.concatenate(found)


@pytest.mark.parametrize("land", [SAND, GRASS, MUD], ids=["sand", "grass", "mud"])
@pytest.mark.parametrize("colour", [CLEAR_WATER, TURBID_WATER], ids=["clear", "turbid"])
def test_a_straight_bank_has_its_area(colour: tuple[float, ...], land: tuple[float, ...]) -> None:
    errors = []
    for seed, (angle, offset) in enumerate([(0, 0.0), (0, 0.3), (90, 0.7), (30, 0.1), (57, 0.5)]):
        water = strip(angle, offset)
        scene = optical_scene(water, SIZE, water_colour=colour, land=land, seed=seed)
        errors.append(bank_errors(optical_share(scene, corridor_for(SIZE), RULES, None).share, water, angle, offset))
    error = np.concatenate(errors)
    assert abs(error.mean()) < 0.05
    assert np.sqrt(np.mean(error**2)) < 0.12


def test_sand_and_grass_behind_one_bank() -> None:
    def stripes(row: Array, column: Array) -> NDArray[np.float32]:
        return (np.sin(row / 12) > 0).astype(np.float32)

    errors = [
        bank_errors(
            optical_share(optical_scene(w, SIZE, land=stripes, seed=seed), corridor_for(SIZE), RULES, None).share,
            w,
            0,
            offset,
        )
        for seed, offset in enumerate((0.0, 0.25, 0.5, 0.75))
        if (w := strip(0, offset))
    ]
    assert abs(np.mean(errors)) < 0.05
    assert np.sqrt(np.mean(np.square(errors))) < 0.15


@pytest.mark.parametrize("bands", [("blue", "green", "red", "nir"), ("green", "nir"), ("green", "swir16")])
def test_fewer_bands_still_give_the_area(bands: tuple[str, ...]) -> None:
    water = strip(30, 0.4)
    scene = optical_scene(water, SIZE, bands=bands, water_colour=CLEAR_WATER)
    found = optical_share(scene, corridor_for(SIZE), RULES, None)
    assert found.facts["index"] == ("MNDWI" if "swir16" in bands else "NDWI")
    assert abs(bank_errors(found.share, water, 30, 0.4).mean()) < 0.05


def test_haze_moves_no_bank() -> None:
    water = strip(30, 0.4)
    scene = optical_scene(water, SIZE)
    for band, veil in zip(BANDS, (0.04, 0.03, 0.022, 0.012, 0.004, 0.002), strict=True):
        scene[band] = scene[band] + np.float32(veil)
    share = optical_share(scene, corridor_for(SIZE), RULES, None).share
    assert abs(bank_errors(share, water, 30, 0.4).mean()) < 0.05


def test_land_and_water_far_from_the_bank_carry_no_noise() -> None:
    water = strip(0, 0.0)
    share = np.asarray(optical_share(optical_scene(water, SIZE, noise=0.01), corridor_for(SIZE), RULES, None).share)
    distance = np.abs(np.abs(np.arange(160) - 79.5) - 25)
    assert set(np.unique(share[:, distance > 5])) <= {0.0, 1.0}
    assert ((share > 0.02) & (share < 0.98))[:, distance < 1].all()


def framed(scene: xr.Dataset, top: int, left: int) -> xr.Dataset:
    """The scene inside a larger one that is missing all around."""
    shape = (scene.sizes["y"] + 20, scene.sizes["x"] + 20)
    corridor = corridor_for(shape)
    inner = (slice(top, top + scene.sizes["y"]), slice(left, left + scene.sizes["x"]))
    data = {}
    for name, values in scene.data_vars.items():
        wide = np.zeros(shape, bool) if name == "clear" else np.full(shape, np.nan, np.float32)
        wide[inner] = values.values
        data[name] = (("y", "x"), wide)
    return xr.Dataset(data, coords={"y": corridor.grid.y, "x": corridor.grid.x}, attrs=scene.attrs)


def test_a_scene_moved_by_whole_pixels_gives_the_same_shares_moved() -> None:
    scene = optical_scene(bend((90, 90), width=25), (90, 90))
    one, two = (water_pass(framed(scene, *at)).percent for at in ((3, 5), (14, 9)))
    assert (one[3:93, 5:95] == two[14:104, 9:99]).all()
    assert (one[3:93, 5:95] != 255).all()
    outside = np.ones(one.shape, bool)
    outside[3:93, 5:95] = False
    assert (one[outside] == 255).all()


@settings(max_examples=8, deadline=None)
@given(st.floats(0.6, 1.5))
def test_brightness_of_the_whole_scene_does_not_matter(gain: float) -> None:
    scene = optical_scene(bend((90, 90), width=25), (90, 90))
    brighter = scene.copy()
    for band in BANDS:
        brighter[band] = scene[band] * np.float32(gain)
    one, two = (water_pass(s).percent.astype(int) for s in (scene, brighter))
    # Not the same to the last per cent: the noise that the discriminant reckons with does not grow with the gain.
    assert np.abs(one - two).max() <= 6
    assert np.abs(one - two).mean() < 0.1


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 120), st.integers(0, 120), st.integers(5, 25))
def test_a_cloud_takes_pixels_away_and_leaves_the_others(row: int, column: int, radius: int) -> None:
    scene = optical_scene(bend(SIZE, width=30), SIZE)
    rows, columns = np.indices(SIZE)
    cloud = np.hypot(rows - row, columns - column) < radius
    clouded = scene.copy()
    clouded["clear"] = (("y", "x"), ~cloud)
    for band in BANDS:
        clouded[band] = scene[band].where(~cloud, 0.45)
    before, after = water_pass(scene).percent.astype(int), water_pass(clouded).percent.astype(int)
    distance = np.hypot(rows - row, columns - column)
    assert (after[cloud] == 255).all()
    # The rest keeps its share but for what threshold, discriminant and local means owe to the pixels that went.
    rest = (after != 255) & (distance > radius + 7)
    assert (before[rest] != 255).all()
    assert np.abs(before - after)[rest].max() <= 15
    assert np.abs(before - after)[rest].mean() < 0.2
    assert (after[distance > radius + 7] != 255).all()


def test_margin_is_a_disc_of_the_rule() -> None:
    scene = optical_scene(strip(0, 0), SIZE)
    clear = np.ones(SIZE, bool)
    clear[40, 20] = False
    scene["clear"] = (("y", "x"), clear)
    scene["blue"][10, 150] = np.nan  # missing, not cloudy: no margin
    usable = np.asarray(usable_pixels(scene, corridor_for(SIZE), 60.0, ["blue", "green"]))
    rows, columns = np.indices(SIZE)
    disc = (rows - 40) ** 2 + (columns - 20) ** 2 <= 6**2
    assert (usable == ~disc & ~((rows == 10) & (columns == 150))).all()
    without = np.asarray(usable_pixels(scene, corridor_for(SIZE), 0.0, ["blue", "green"]))
    assert (~without).sum() == 2


def test_nothing_is_classified_outside_the_corridor() -> None:
    corridor = corridor_for(SIZE)
    inside = np.ones(SIZE, bool)
    inside[:40] = False
    found = water_of(optical_scene(strip(0, 0), SIZE), Corridor(corridor.grid, inside), RULES, None)
    assert not isinstance(found, Unusable)
    assert (found.percent[:40] == 255).all()
    assert (found.percent[40:] != 255).all()
    assert found.facts["clear_share"] == 1.0


def everywhere(row: Array, column: Array) -> NDArray[np.bool_]:
    return np.ones(row.shape, bool)


def nowhere(row: Array, column: Array) -> NDArray[np.bool_]:
    return np.zeros(row.shape, bool)


@pytest.mark.parametrize("water", [everywhere, nowhere], ids=["all water", "all land"])
@pytest.mark.parametrize("with_reference", [False, True])
def test_a_scene_of_one_kind_is_refused(water: Shape, with_reference: bool) -> None:
    reference = known(strip(0, 0), SIZE) if with_reference else None
    found = water_of(optical_scene(water, SIZE), corridor_for(SIZE), RULES, reference)
    assert isinstance(found, Unusable)
    assert "water cannot be distinguished from land" in found.reason


def test_sand_and_grass_are_not_taken_for_water_and_land() -> None:
    def dunes(row: Array, column: Array) -> NDArray[np.float32]:
        return (column > 80).astype(np.float32)

    found = water_of(optical_scene(nowhere, SIZE, land=dunes), corridor_for(SIZE), RULES, None)
    assert isinstance(found, Unusable)
    assert "water usually begins at 0" in found.reason


@pytest.mark.parametrize(
    ("clear_rows", "limit", "said"),
    [(0, 0.2, "0 % of the corridor is clear"), (30, 0.2, "min_clear_share asks for 20 %")],
)
def test_a_clouded_scene_is_refused(clear_rows: int, limit: float, said: str) -> None:
    clear = np.zeros(SIZE, bool)
    clear[:clear_rows] = True
    found = water_of(
        optical_scene(strip(0, 0), SIZE, clear=clear), corridor_for(SIZE), SceneRules(min_clear_share=limit), None
    )
    assert isinstance(found, Unusable)
    assert said in found.reason


def test_a_scene_wholly_missing_is_refused() -> None:
    scene = optical_scene(strip(0, 0), SIZE)
    for band in BANDS:
        scene[band] = scene[band].where(False)
    found = water_of(scene, corridor_for(SIZE), RULES, None)
    assert isinstance(found, Unusable)
    assert "0 % of the corridor is clear" in found.reason


def test_one_bank_in_cloud_borrows_the_reference() -> None:
    # Nearly all that is clear near the bank is land; the reference knows a lake in the corner that is clear as well.
    def with_lake(row: Array, column: Array) -> NDArray[np.bool_]:
        return strip(0, 0)(row, column) | ((row > 120) & (column > 125))

    clear = np.ones(SIZE, bool)
    clear[:, 45:121] = False
    clear[:115, 121:] = False
    scene = optical_scene(with_lake, SIZE, clear=clear)
    found = water_pass(scene, known(with_lake, SIZE), SceneRules(min_clear_share=0.1))
    truth = averaged(fine_share(with_lake, SIZE))
    seen = found.percent != 255
    assert np.abs(found.percent[seen] / 100 - truth[seen]).mean() < 0.01
    assert (found.percent[seen] > 90).any()


def test_a_narrow_river_is_found_without_a_reference() -> None:
    shape = (400, 400)

    def narrow(row: Array, column: Array) -> NDArray[np.bool_]:
        return np.abs(column - 200) < 3

    found = water_pass(optical_scene(narrow, shape, land=lambda r, c: (r > 200).astype(np.float32)))
    assert (found.percent[20:-20, 199:202] > 80).all()
    assert found.percent.sum() / 100 / 400 == pytest.approx(6, abs=0.4)


# Thresholds and indices


@settings(max_examples=30)
@given(st.floats(-5, 5), st.floats(0.5, 20), st.floats(0.1, 0.9))
def test_otsu_falls_between_two_clusters(low: float, gap: float, share: float) -> None:
    rng = np.random.default_rng(0)
    n = int(2000 * share)
    values = np.concatenate(
        [low + 0.1 * gap * rng.uniform(-1, 1, 2000 - n), low + gap * (1 + 0.1 * rng.uniform(-1, 1, n))]
    )
    assert low + 0.09 * gap < otsu(values) < low + 0.91 * gap
    assert split(values).high_share == pytest.approx(n / 2000)
    assert split(values).weakness() is None


def test_otsu_of_an_empty_valley_is_its_middle() -> None:
    assert otsu(np.array([0.0] * 10 + [1.0] * 10)) == pytest.approx(0.5, abs=0.01)
    assert otsu(np.full(10, 3.0)) == 3.0


@pytest.mark.parametrize("draw", ["normal", "uniform"])
def test_one_class_cut_in_two_is_found(draw: str) -> None:
    rng = np.random.default_rng(3)
    values = rng.normal(size=20_000) if draw == "normal" else rng.uniform(size=20_000)
    reason = split(values).weakness()
    assert reason is not None
    assert "of their spread" in reason


def test_a_rare_class_is_found() -> None:
    reason = split_at(np.r_[np.zeros(990), np.ones(10)] + np.linspace(0, 0.01, 1000), 0.5).weakness()
    assert reason is not None
    assert "1.0 %" in reason


def test_threshold_without_pixels_is_refused() -> None:
    corridor = corridor_for((20, 20))
    blank = np.zeros((20, 20), np.float32)
    with pytest.raises(SceneUnusable, match="only 400 clear pixels in the corridor"):
        find_threshold(lambda w: blank[w], np.ones((20, 20), bool), corridor.windows(), 10.0, None)


def test_indices_by_hand() -> None:
    b, g, r, n, s1, s2 = (np.float32([v]) for v in (0.06, 0.10, 0.08, 0.05, 0.02, 0.01))
    by_name = dict(zip(BANDS, (b, g, r, n, s1, s2), strict=True))
    value = {name: float(i.value(*(by_name[band] for band in i.bands))[0]) for name, i in INDICES.items()}
    assert value["NDWI"] == pytest.approx(0.05 / 0.15)
    assert value["MNDWI"] == pytest.approx(0.08 / 0.12)
    assert value["AWEInsh"] == pytest.approx(4 * 0.08 - (0.25 * 0.05 + 2.75 * 0.01), rel=1e-5)
    assert value["AWEIsh"] == pytest.approx(0.06 + 2.5 * 0.10 - 1.5 * 0.07 - 0.25 * 0.01, rel=1e-5)
    assert value["WI2015"] == pytest.approx(1.7204 + 17.1 + 0.24 - 3.5 - 0.9 - 0.71, rel=1e-5)


def test_dark_pixels_keep_an_index_in_range() -> None:
    ratio = normalised_difference(np.float32([-0.002, 0.0, 0.001]), np.float32([0.001, 0.0, -0.003]))
    assert np.isfinite(ratio).all()
    assert np.abs(ratio).max() <= 1


def test_bands_decide_the_index() -> None:
    scene = optical_scene(strip(0, 0), (40, 40))
    assert choose_index(scene).name == "MNDWI"
    assert choose_index(scene.drop_vars("swir16")).name == "NDWI"
    with pytest.raises(SceneUnusable, match="water needs green and swir16, or green and nir"):
        choose_index(scene[["blue", "green", "red", "clear"]])


def test_discriminant_is_zero_on_land_and_one_on_water() -> None:
    rng = np.random.default_rng(0)
    land = (np.array([0.2, 0.3]) + rng.normal(0, 0.02, (500, 2))).astype(np.float32)
    water = (np.array([0.1, 0.05]) + rng.normal(0, 0.01, (500, 2))).astype(np.float32)
    tell = discriminant(land, water)
    assert tell(land.T).mean() == pytest.approx(0, abs=0.01)
    assert tell(water.T).mean() == pytest.approx(1, abs=0.01)
    half = (0.3 * water[:200] + 0.7 * land[:200]).T
    assert tell(half).mean() == pytest.approx(0.3, abs=0.01)
    with pytest.raises(SceneUnusable, match="only 5 pixels of sure land and 500"):
        discriminant(land[:5], water)


def test_land_noisier_than_water_makes_no_area() -> None:
    rng = np.random.default_rng(2)
    distance = np.arange(60)[None, :] - 29.75 + np.zeros((400, 1))
    truth = np.clip(0.5 + distance / 4, 0, 1)  # an edge blurred over four pixels
    value = (truth + 0.15 * rng.standard_normal(truth.shape) * (1 - truth)).astype(np.float32)
    zones = zones_of(distance > 0, np.ones(truth.shape, bool), 3)
    excess = {
        keep: (share_between(value, zones, close=7, around=30, steepen=0.1, keep_area=keep) - truth).sum() / 400
        for keep in (True, False)
    }
    assert abs(excess[True]) < 0.03
    assert excess[False] > 0.06


def test_every_usable_pixel_is_in_one_zone() -> None:
    rng = np.random.default_rng(1)
    wet, usable = rng.random((40, 40)) < 0.5, rng.random((40, 40)) < 0.8
    wet[:, 25:] = True
    wet[:, :8] = False
    zones = zones_of(wet, usable, 2)
    assert (zones.water.astype(int) + zones.land + zones.mixed == usable).all()
    assert zones.water[:, 32:][usable[:, 32:]].all()
    assert zones.land[:, :4][usable[:, :4]].all()


# The river whose banks are known


def test_cut_banks_of_the_known_river() -> None:
    x = np.linspace(0, 5000, 300)
    line = np.column_stack([500_000 + x, 1_200_000 + 350 * np.sin(2 * np.pi * x / 3500 + 1)])
    river = make_river(line, years=2, start=2021, seed=71, width_m=350.0, island=False)
    grid = Grid("EPSG:32648", Affine(10, 0, 499_800, 0, -10, 1_201_000), 540, 200)
    time = pd.Timestamp("2021-02-20", tz="UTC")
    seen = simulate_sentinel2(river, time, grid, np.random.default_rng(5), cloud_cover=0.05)
    data = {}
    for band in BANDS:
        values = seen[band].astype(np.float32) * np.float32(1e-4)
        data[band] = (
            ("y", "x"),
            values if values.shape == grid.shape else np.kron(values, np.ones((2, 2), np.float32)),
        )
    data["clear"] = (("y", "x"), np.isin(np.kron(seen["scl"], np.ones((2, 2), np.uint8)), (4, 5, 6, 7)))
    corridor = Corridor(grid, np.ones(grid.shape, bool))
    scene = xr.Dataset(data, coords={"y": grid.y, "x": grid.x}, attrs=attributes(corridor, "optical", 10.0))
    found = water_of(scene, corridor, RULES, None)
    assert not isinstance(found, Unusable)

    place = river.position(grid)
    s, n = place.s.astype(float), place.n.astype(float)
    bank = np.where(n > 0, *(river.line.at(offset, place.s) for offset in river.offsets(time)))
    slope = np.where(n > 0, *(river.line.at(side, place.s) for side in river.slope))
    beside = (np.abs(np.abs(n) - bank) < 80) & (s > 300) & (s < river.line.length_m - 300)
    cell = (s // 100).astype(int) * 2 + (n > 0)
    truth = river.water_share(time, grid, river.stage(time))
    excess = np.where(found.percent == 255, 0, found.percent / 100 - truth)
    count = np.maximum(np.bincount(cell[beside]), 1)

    def per_cell(values: Array) -> NDArray[np.float64]:
        return np.bincount(cell[beside], weights=values[beside].astype(float), minlength=count.size)

    length = per_cell(np.abs(np.abs(n) - bank) < 10) * 100 / 20
    cut = (per_cell(slope < 1.5 * CUT_SLOPE) == count) & (per_cell(found.percent == 255) == 0) & (length > 70)
    error = (per_cell(excess)[cut] * 100 / length[cut]) / 10  # pixel
    assert cut.sum() > 20
    assert abs(error.mean()) < 0.1
    assert np.sqrt(np.mean(error**2)) < 0.35
