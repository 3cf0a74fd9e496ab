"""The shape of made rivers: circles, one bend on a straight, waves; signs, lags, memory and the law of scale."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from erosion.features import REGISTRY, make_features
from erosion.features.planform import GAMMA, LAGS_M, LAGS_W, OMEGA, SCALES_W, compute


def circle(radius: float, turn: float, arc: float = 5.0, step: float = 10.0) -> np.ndarray:
    """River round a circle: turn +1 to the left, -1 to the right."""
    angle = np.arange(0.0, arc, step / radius)
    return radius * np.column_stack([np.sin(angle), turn * (1 - np.cos(angle))])


def wave(scale: float = 1.0, *, length: float = 1500.0, height: float = 200.0) -> np.ndarray:
    """Six waves, shifted so that no point is an exact inflection, where rounding would decide the sign."""
    x = np.linspace(0.0, 9000.0, 901)
    return scale * np.column_stack([x, height * np.sin(2 * np.pi * (x + 3) / length)])


def one_bend(start: float = 2000.0, radius: float = 400.0, angle: float = 1.0) -> np.ndarray:
    """Straight, a left turn between two chainages, straight; points 10 m apart."""
    along = np.arange(0.0, 6000.0, 10.0)
    heading = np.clip((along - start) / radius, 0.0, angle)
    return np.cumsum(10.0 * np.column_stack([np.cos(heading), np.sin(heading)]), axis=0)


# --- curvature ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("turn", [1.0, -1.0])
@pytest.mark.parametrize("radius", [800.0, 1500.0])
def test_curvature_of_a_circle_is_one_over_its_radius(made, yearly, turn: float, radius: float) -> None:
    width = 100.0
    known = made(yearly(2), line=circle(radius, turn), width=width).know()
    got = compute(known)
    segments = known.baseline.segments
    outer = (segments["bank"] == ("R" if turn > 0 else "L")).to_numpy()
    chainage = segments["chainage_m"].to_numpy()
    for scale in SCALES_W:
        # Smoothing by s shrinks a circle to radius R exp(-s^2 / 2 R^2).
        wanted = width / (radius * np.exp(-0.5 * (scale * width / radius) ** 2))
        away = (chainage > 5 * scale * width) & (chainage < chainage.max() - 5 * scale * width)
        values = got[f"curvature_{scale:g}w".replace(".", "p")]
        assert values[away & outer] == pytest.approx(wanted, rel=2e-3)
        assert values[away & ~outer] == pytest.approx(-wanted, rel=2e-3)


def test_a_straight_river_has_no_curvature(made, yearly) -> None:
    got = compute(made(yearly(2)).know())
    for name, values in got.items():
        if "curvature" in name:
            assert np.nan_to_num(values) == pytest.approx(0, abs=1e-12), name
    assert np.isnan(got["bend_place"]).all()  # no inflection, no bend


def test_an_island_s_shores_lie_as_the_land_they_face(made, yearly) -> None:
    """Land to the right of the flow is the outer side of a left turn, whichever bank it belongs to."""
    known = made(yearly(2), line=circle(1000, 1), width=100.0, banks="LRI").know()
    got, bank = compute(known)["curvature_1w"], known.baseline.segments["bank"].to_numpy()
    np.testing.assert_allclose(got[bank == "I"], got[bank == "L"])  # its made shore faces as the left bank does


# --- lag and memory -------------------------------------------------------------------------------------------------------


def test_a_lag_looks_upstream(made, yearly) -> None:
    known = made(yearly(2), line=one_bend(), width=100.0).know()
    got = compute(known)
    chainage = known.baseline.segments["chainage_m"].to_numpy()
    right = (known.baseline.segments["bank"] == "R").to_numpy()
    here = chainage[right][np.argmax(got["curvature_1w"][right])]
    assert 2000 < here < 2400
    for lag in LAGS_M:
        values = got[f"curvature_up{lag}m"]
        top = chainage[right][np.nanargmax(values[right])]
        assert top == pytest.approx(here + lag, abs=100)
        assert (values[right & (chainage < 1800)][~np.isnan(values[right & (chainage < 1800)])] < 1e-3).all()
    for lag in LAGS_W:  # widths of 100 m are steps of one segment: the very same number, further down
        mine, lagged = got["curvature_1w"][right], got[f"curvature_up{lag}w"][right]
        assert np.isnan(lagged[:lag]).all()
        np.testing.assert_allclose(lagged[lag:], mine[:-lag], atol=1e-12)


def test_the_memory_of_constant_curvature_is_that_curvature(made, yearly) -> None:
    width = 100.0
    known = made(yearly(2), line=circle(1000, 1, arc=6.0), width=width).know()
    got = compute(known)
    outer = (known.baseline.segments["bank"] == "R").to_numpy()
    chainage = known.baseline.segments["chainage_m"].to_numpy()
    middle = outer & (chainage > 0.6 * chainage.max()) & (chainage < chainage.max() - 500)
    for decay in (2, 4, 8):
        wanted = (OMEGA + GAMMA) * got["curvature_0p5w"][middle]
        assert got[f"upstream_curvature_{decay}w"][middle] == pytest.approx(wanted, rel=1e-2)
        assert wanted == pytest.approx(1.5 * width / 1000, rel=1e-2)


def test_the_memory_fades_by_e_in_its_length(made, yearly) -> None:
    known = made(yearly(2), line=one_bend(start=4000.0, angle=0.3), width=100.0).know()
    right = (known.baseline.segments["bank"] == "R").to_numpy()
    chainage = known.baseline.segments["chainage_m"].to_numpy()[right]
    for decay in (2, 4, 8):
        values = compute(known)[f"upstream_curvature_{decay}w"][right]
        first, later = (values[chainage == c][0] for c in (4650.0, 4650.0 + 100.0 * decay))
        assert later / first == pytest.approx(np.exp(-1), rel=0.01)


@given(at=st.integers(3500, 5000), angle=st.floats(-1.0, 1.0))
@settings(max_examples=10, deadline=None)
def test_what_lies_downstream_does_not_matter(made, yearly, at: int, angle: float) -> None:
    """Turning the river below a place changes no upstream feature above it, beyond the reach of the smoothing."""
    straight_on = one_bend()
    turned = straight_on.copy()
    k = at // 10
    rotation = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    turned[k:] = (straight_on[k:] - straight_on[k]) @ rotation + straight_on[k]
    before, after = (compute(made(yearly(2), line=line, width=100.0).know()) for line in (straight_on, turned))
    rows = np.flatnonzero(np.arange(50.0, 5990, 100.0) < at - 450)  # four widths of smoothing
    for name in ("curvature_1w", "curvature_up500m", "curvature_up6w", "upstream_curvature_8w", "width_gradient"):
        np.testing.assert_allclose(after[name][rows], before[name][rows], atol=1e-9, err_msg=name)


# --- bends and width --------------------------------------------------------------------------------------------------------


def test_bends_of_a_wave_run_from_inflection_to_inflection(made, yearly) -> None:
    known = made(yearly(2), line=wave(), width=60.0, length_m=25.0).know()
    got = compute(known)
    left = (known.baseline.segments["bank"] == "L").to_numpy()
    line = known.baseline.centre
    half_wave = line["chainage_m"].iloc[-1] / 12
    inner = left & np.isfinite(got["bend_place"])
    inner[np.flatnonzero(inner)[[0, -1]]] = False
    assert got["bend_length_w"][inner] == pytest.approx(half_wave / 60.0, rel=0.03)
    assert ((got["bend_place"][inner] >= 0) & (got["bend_place"][inner] < 1)).all()
    x = np.interp(known.baseline.segments["chainage_m"], line["chainage_m"], line["x"])
    crest = inner & (np.abs((x + 3 - 375) % 1500) < 15)  # the river turns right at a crest
    assert got["bend_place"][crest] == pytest.approx(0.5, abs=0.03)
    assert (got["bend_peak"][crest] > 0).all()  # left is the outer bank there
    assert np.abs(got["curvature_1w"][inner] / got["bend_peak"][inner]).max() <= 1 + 1e-9


def test_width_of_an_even_and_of_a_widening_river(made, yearly) -> None:
    even = compute(made(yearly(2), width=250.0).know())
    assert even["width_m"] == pytest.approx(250)
    assert even["width_ratio"] == pytest.approx(1)
    assert even["width_gradient"] == pytest.approx(0)
    widening = compute(made(yearly(2), width=100.0 + 0.02 * np.arange(0.0, 3001.0, 20.0)).know())
    assert widening["width_gradient"][12:18] == pytest.approx(0.02, rel=0.01)


# --- the law of scale --------------------------------------------------------------------------------------------------------

IN_METRES = {f"curvature_up{lag}m" for lag in LAGS_M} | {"loss_share_6y", "opposite_gain_3y_w", "channel_moved_6y"}
"""Pure numbers whose definition holds a length in metres: a lag, a yearly loss that counts, a stretch of bank."""


@given(scale=st.floats(0.5, 4.0))
@settings(max_examples=8, deadline=None)
def test_a_river_twice_as_large_has_the_same_pure_numbers(made, yearly, scale: float) -> None:
    rng = np.random.default_rng(0)
    small = made(yearly(8), line=wave(), width=80.0)
    n = len(small.baseline().segments)
    small.loss, small.gain = rng.gamma(1.0, 5.0, (n, 8)), rng.gamma(1.0, 5.0, (n, 8))
    large = made(yearly(8), line=wave(scale), width=80.0 * scale, length_m=100.0 * scale)
    large.loss, large.gain = small.loss * scale, small.gain * scale
    one, other = make_features(small.know()), make_features(large.know())
    assert len(one) == len(other)
    tested = [f.name for f in REGISTRY.values() if f.unit in ("1", "1/y") and f.name not in IN_METRES]
    assert {"rate_est_3y_w", "curvature_4w", "upstream_curvature_4w", "bend_length_w", "width_ratio"} <= set(tested)
    for name in tested:
        np.testing.assert_allclose(other[name], one[name], rtol=1e-6, atol=1e-9, err_msg=name)
    np.testing.assert_allclose(other["rate_all_3y"], scale * one["rate_all_3y"])
