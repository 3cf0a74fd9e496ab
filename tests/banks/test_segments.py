"""Bank segments of made rivers: ids, sides, directions, cells."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from erosion.banks.channel import ChannelError
from erosion.banks.segments import Baseline, curvature, cut_baseline, middle_xy, near_reach_end
from erosion.config.region import Region
from tests.rivers import PIXEL, make_grid, make_region, sine_river, straight_river


def cut(mask: NDArray[np.bool_], region: Region | None = None) -> Baseline:
    return cut_baseline(mask, make_grid(mask.shape), region or make_region(), "2010-07-01")


def row_column(baseline: Baseline, xy: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    grid = baseline.grid
    row = np.floor((grid.transform.f - xy[:, 1]) / PIXEL).astype(int)
    return row, np.floor((xy[:, 0] - grid.transform.c) / PIXEL).astype(int)


def island_river() -> NDArray[np.bool_]:
    mask = straight_river(80, 120)
    mask[95:105, 140:180] = False
    return mask


def test_ids_are_unique_and_the_same_for_the_same_mask() -> None:
    one, two = cut(sine_river()), cut(sine_river())
    assert one.segments["segment_id"].is_unique
    assert one.segments["segment_id"].tolist() == two.segments["segment_id"].tolist()
    first = one.segments.iloc[0]
    assert first["segment_id"] == f"made-{first['bank']}-{first['chainage_m']:07d}"
    assert (one.owner == two.owner).all()


def test_segments_are_as_long_as_asked() -> None:
    for length in (100.0, 250.0):
        segments = cut(sine_river(), make_region(length_m=length)).segments
        assert segments["length_m"].median() == pytest.approx(length, rel=0.02)
        assert segments["length_m"].between(0.5 * length, 1.5 * length).all()


@pytest.mark.parametrize("mask", [sine_river(), island_river()], ids=["bends", "island"])
def test_landward_points_to_land(mask: NDArray[np.bool_]) -> None:
    baseline = cut(mask)
    middle = middle_xy(baseline.segments.geometry)
    angle = np.radians(baseline.segments["landward_deg"].to_numpy())
    step = 1.5 * PIXEL * np.column_stack([np.sin(angle), np.cos(angle)])
    assert not mask[row_column(baseline, middle + step)].any()
    assert mask[row_column(baseline, middle - step)].all()


def test_curvature_is_positive_on_the_outer_bank_of_either_side() -> None:
    baseline = cut(sine_river())
    segments = baseline.segments
    row = (baseline.grid.y[0] - middle_xy(segments.geometry)[:, 1]) / PIXEL
    north, south = row < 75, row > 125  # around the tops of the bends, which lie 35 pixels off the middle
    outer = ((segments["bank"] == "L") & north) | ((segments["bank"] == "R") & south)
    inner = ((segments["bank"] == "R") & north) | ((segments["bank"] == "L") & south)
    inside = ~near_reach_end(baseline)
    assert (segments["curvature_per_m"][outer & inside] > 0).all()
    assert (segments["curvature_per_m"][inner & inside] < 0).all()
    assert {"L", "R"} == set(segments["bank"][outer & inside])
    # A sine of amplitude A and wavelength W bends with A (2 pi / W)^2 at its top; smoothing takes some of it away.
    top = 35 * (2 * np.pi / 150) ** 2 / PIXEL
    assert segments["curvature_per_m"].max() == pytest.approx(top, rel=0.25)


def test_curvature_of_a_circle() -> None:
    angle = np.linspace(0, np.pi, 500)
    circle = 1000 * np.column_stack([np.cos(angle), np.sin(angle)])
    assert curvature(circle, 1000 * angle[1], 20.0)[100:-100] == pytest.approx(1e-3, rel=0.01)
    assert curvature(circle[::-1], 1000 * angle[1], 20.0)[100:-100] == pytest.approx(-1e-3, rel=0.01)


def test_both_shores_of_an_island_take_the_sign_of_the_bank_they_face() -> None:
    mask = sine_river(width=20)
    top = np.flatnonzero(mask[:, 187])  # top of the northern bend at column 3/4 of the second wave
    middle = int(top.mean())
    mask[middle - 3 : middle + 3, 180:195] = False
    baseline = cut(mask, make_region(min_island_m2=2000.0))
    segments = baseline.segments[baseline.segments["bank"] == "I"]
    assert len(segments) >= 8
    north = np.cos(np.radians(segments["landward_deg"])) < -0.9  # land to the south: the shore that looks north
    south = np.cos(np.radians(segments["landward_deg"])) > 0.9
    left = baseline.segments[(baseline.segments["bank"] == "L")]
    near = left.iloc[(left["chainage_m"] - segments["chainage_m"].median()).abs().argmin()]
    # The northern shore has its land to the right of the flow like the right bank, the southern one like the left bank.
    assert (np.sign(segments["curvature_per_m"][north]) == -np.sign(near["curvature_per_m"])).all()
    assert (np.sign(segments["curvature_per_m"][south]) == np.sign(near["curvature_per_m"])).all()


def test_chainage_grows_downstream_on_both_banks() -> None:
    baseline = cut(sine_river())
    x = middle_xy(baseline.segments.geometry)[:, 0]
    for bank in ("L", "R"):
        mine = (baseline.segments["bank"] == bank).to_numpy()
        assert (np.diff(baseline.segments["chainage_m"][mine]) > 0).all()
        assert np.corrcoef(x[mine], baseline.segments["chainage_m"][mine])[0, 1] > 0.97


def test_width_of_a_straight_river() -> None:
    segments = cut(straight_river(96, 104)).segments
    assert segments["width_m"].to_numpy() == pytest.approx(8 * PIXEL, abs=PIXEL)
    total = segments.groupby("bank")["length_m"].sum()
    assert total["L"] == pytest.approx(total["R"], rel=1e-6)


def test_cells_belong_to_the_nearest_segment() -> None:
    baseline = cut(straight_river(96, 104))
    bank = baseline.segments["bank"].to_numpy()[baseline.owner]
    row = baseline.pixel // baseline.grid.width
    assert (bank[row < 99] == "L").all()
    assert (bank[row > 100] == "R").all()
    assert (baseline.river == ((row >= 96) & (row < 104))).all()
    # The corridor of 600 m is 20 pixels from the bank line between pixels 95 and 96.
    assert (row.min(), row.max()) == (96 - 20, 103 + 20)
    for name in ("L", "R"):
        owner = baseline.owner_on(name, np.arange(baseline.pixel.size))
        assert (owner == baseline.owner)[bank == name].all()
        assert (owner >= 0).mean() > 0.99  # -1 only across from a piece of bank beyond the end
        assert (baseline.segments["bank"].to_numpy()[owner[owner >= 0]] == name).all()


def test_a_river_along_the_edge_has_one_bank() -> None:
    baseline = cut(straight_river(0, 8), make_region((4, 0)))
    assert set(baseline.segments["bank"]) == {"R"}
    assert (baseline.owner_on("L", np.arange(baseline.pixel.size)) == -1).all()


def test_an_island_at_the_end_of_the_reach_is_cut_in_one_piece() -> None:
    mask = straight_river(80, 120)
    mask[95:105, 230:285] = False  # its eastern part lies beyond the last station of the centre line
    baseline = cut(mask)
    island = baseline.segments[baseline.segments["bank"] == "I"]
    ends = np.array([[line.coords[0], line.coords[-1]] for line in island.geometry])
    followed = np.isclose(ends[:, None, 1], ends[None, :, 0]).all(axis=2).sum()
    assert followed == len(island) - 1  # one open chain


def test_segments_longer_than_the_banks_are_an_error() -> None:
    with pytest.raises(ChannelError, match="2010-07-01: every bank is shorter than half a segment of 50000 m"):
        cut(straight_river(), make_region(length_m=50_000.0))
