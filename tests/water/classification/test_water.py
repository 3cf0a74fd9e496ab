"""One pass to water: what comes out, on what it lies, and what is refused."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr
from numpy.typing import NDArray

from erosion.config.region import SceneRules
from erosion.core.contracts import ContractError
from erosion.core.raster.block_array import BlockArray
from erosion.satellite.corridor import Corridor
from erosion.water.classification.reference import WaterReference
from erosion.water.classification.water import METHOD, Unusable, water_of
from tests.scenes import (
    RULES,
    SAND,
    Array,
    Shape,
    bend,
    corridor_for,
    known,
    optical_scene,
    percent_of,
    radar_scene,
    water_pass,
)

SIZE = (300, 300)
LENGTH = 2 * 850  # both banks of the bend, pixels, roughly


def moved(shape: Shape, rows: float, columns: float) -> Shape:
    def water(row: Array, column: Array) -> NDArray[np.bool_]:
        return shape(row - rows, column - columns)

    return water


@pytest.mark.parametrize("make", [optical_scene, radar_scene])
@pytest.mark.parametrize("with_reference", [False, True])
def test_what_comes_out(make: object, with_reference: bool) -> None:
    scene = make(bend(SIZE), SIZE)  # type: ignore[operator]
    found = water_pass(scene, known(bend(SIZE), SIZE) if with_reference else None)
    assert found.percent.dtype == np.uint8
    assert found.percent.shape == SIZE
    assert ((found.percent <= 100) | (found.percent == 255)).all()
    facts = json.loads(json.dumps(found.facts))
    assert facts == found.facts
    wanted = {"index", "threshold", "land_value", "water_value", "clear_share", "water_share", "shift_x_m", "shift_y_m"}
    assert wanted | {"separability"} <= set(facts)
    assert facts["reference"] is facts["shift_measured"] is with_reference
    assert facts["method"] == METHOD
    seen = found.percent[found.percent != 255]
    assert facts["water_share"] == pytest.approx(seen.mean() / 100, abs=0.002)
    if not with_reference:
        assert facts["shift_x_m"] == facts["shift_y_m"] == 0
        assert (found.percent != 255).all()


def test_a_displaced_scene_is_laid_on_the_reference() -> None:
    found = water_pass(optical_scene(moved(bend(SIZE), 0.7, -1.2), SIZE), known(bend(SIZE), SIZE))
    assert found.facts["shift_x_m"] == pytest.approx(-12, abs=1)
    assert found.facts["shift_y_m"] == pytest.approx(-7, abs=1)  # rows run south, y runs north
    assert found.facts["shift_error_m"] < 2
    excess = found.percent.astype(float) - percent_of(bend(SIZE), SIZE)
    inner = (slice(5, -5), slice(5, -5))
    assert (found.percent[inner] != 255).all()
    assert abs(excess[inner].sum()) / 100 / LENGTH < 0.05
    assert np.abs(excess[inner]).mean() * 300 * 300 / 100 / LENGTH < 0.6


def test_thirty_metres_of_erosion_stay_erosion() -> None:
    before = percent_of(bend(SIZE), SIZE).astype(float)
    after = percent_of(bend(SIZE, bite=3), SIZE).astype(float)
    found = water_pass(optical_scene(bend(SIZE, bite=3), SIZE), known(bend(SIZE), SIZE))
    assert np.hypot(found.facts["shift_x_m"], found.facts["shift_y_m"]) < 1
    seen = found.percent != 255
    rows, columns = np.indices(SIZE)
    bitten = seen & (rows > 200) & (columns > 5) & (columns < 75)  # the eaten bank and nothing else
    lost, truth = ((p - before)[bitten].sum() / 100 for p in (found.percent.astype(float), after))
    assert truth > 100  # pixels
    assert lost == pytest.approx(truth, rel=0.06)
    eaten = seen & (after > before + 99)
    assert found.percent[eaten].mean() > 85


def test_a_scene_that_lies_too_far_off_is_refused() -> None:
    scene = optical_scene(moved(bend(SIZE), 3, 0), SIZE)
    found = water_of(scene, corridor_for(SIZE), RULES, known(bend(SIZE), SIZE))
    assert isinstance(found, Unusable)
    assert "max_shift_m is 20" in found.reason
    assert "north" in found.reason
    wide = water_of(scene, corridor_for(SIZE), SceneRules(max_shift_m=40), known(bend(SIZE), SIZE))
    assert not isinstance(wide, Unusable)
    assert wide.facts["shift_y_m"] == pytest.approx(-30, abs=2)


def test_gaps_in_the_reference_do_no_harm() -> None:
    reference = known(bend(SIZE), SIZE)
    reference.percent[:, 100:160] = 255
    found = water_pass(optical_scene(moved(bend(SIZE), 0.5, 0), SIZE), reference)
    assert found.facts["shift_y_m"] == pytest.approx(-5, abs=1)
    assert (found.percent[5:-5, 100:160] != 255).all()


def test_a_reference_that_knows_nothing_is_said() -> None:
    blank = WaterReference(np.full(SIZE, 255, np.uint8), established=False)
    found = water_of(optical_scene(bend(SIZE), SIZE), corridor_for(SIZE), RULES, blank)
    assert isinstance(found, Unusable)
    assert "only 0 clear pixels near the bank" in found.reason


def test_coarser_pixels_of_another_sensor_lie_on_the_same_banks() -> None:
    blur = dict.fromkeys(("blue", "green", "red", "nir", "swir16", "swir22"), 1.7)
    coarse = optical_scene(bend(SIZE), SIZE, blur=blur, native_m=30.0, land=SAND)
    fine = water_pass(optical_scene(bend(SIZE), SIZE, land=SAND), known(bend(SIZE), SIZE)).percent.astype(float)
    other = water_pass(coarse, known(bend(SIZE), SIZE)).percent.astype(float)
    inner = (slice(5, -5), slice(5, -5))
    assert abs((other - fine)[inner].sum()) / 100 / LENGTH < 0.15


def in_blocks(scene: xr.Dataset, rows: int, corridor: Corridor) -> xr.Dataset:
    """The scene at the top of a grid of ``rows`` rows, held where the corridor is."""
    size = scene.sizes["y"], scene.sizes["x"]
    (window,) = corridor.windows()
    data = {}
    for name, values in scene.data_vars.items():
        held = BlockArray((rows, size[1]), [window], values.dtype.type, np.nan if name != "clear" else False)
        held[slice(0, size[0]), slice(0, size[1])] = values.values
        data[name] = (("y", "x"), held.lazily())
    return xr.Dataset(data, coords={"y": corridor.grid.y, "x": corridor.grid.x}, attrs=scene.attrs)


@pytest.mark.parametrize("make", [optical_scene, radar_scene])
def test_memory_goes_with_the_corridor_not_with_the_grid(make: Callable[..., xr.Dataset]) -> None:
    scene, peaks, found = make(bend(SIZE), SIZE), [], []
    for rows in (512, 40 * 512):
        inside = np.zeros((rows, SIZE[1]), bool)
        inside[: SIZE[0]] = True
        corridor = Corridor(corridor_for(inside.shape).grid, inside)
        percent = np.full(inside.shape, 255, np.uint8)
        percent[: SIZE[0]] = percent_of(bend(SIZE), SIZE)
        reference, tall = WaterReference(percent, established=True), in_blocks(scene, rows, corridor)
        tracemalloc.start()
        result = water_of(tall, corridor, RULES, reference)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert not isinstance(result, Unusable)
        found.append(result.percent[: SIZE[0]])
    np.testing.assert_array_equal(found[0], found[1])
    # A byte a pixel of the grid for the result, and for a radar scene two masks more; an array of numbers takes four, of
    # which what one window needs for itself hides less than one and a half here.
    assert peaks[1] - peaks[0] < 2.5 * 39 * 512 * SIZE[1]


def test_another_grid_is_a_mistake() -> None:
    scene = optical_scene(bend((100, 100)), (100, 100))
    with pytest.raises(ValueError, match="has 100 x 100 pixels, the corridor 300 x 300"):
        water_of(scene, corridor_for(SIZE), RULES, None)
    with pytest.raises(ValueError, match="the reference has shape"):
        water_of(scene, corridor_for((100, 100)), RULES, known(bend(SIZE), SIZE))


def test_a_scene_without_its_attributes_is_a_mistake() -> None:
    scene = optical_scene(bend((100, 100)), (100, 100))
    del scene.attrs["native_m"]
    with pytest.raises(ContractError, match="native_m"):
        water_of(scene, corridor_for((100, 100)), RULES, None)
