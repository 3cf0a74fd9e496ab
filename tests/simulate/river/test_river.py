"""Laws of the known river: what is said about its banks, its water and its failures agrees, and follows the law."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from erosion.core.raster.grid import Grid
from erosion.simulate.river.centre_line import CentreLine
from erosion.simulate.river.hydrograph import Hydrograph
from erosion.simulate.river.law import BAR_SLOPE, SIDES, law_of_bends
from erosion.simulate.river.river import FIELD_M, River, make_river
from tests.simulate.made import CORNER, CRS, LENGTH, grid_over, small_river, swing

START, END = pd.Timestamp("2021-02-01", tz="UTC"), pd.Timestamp("2023-12-31", tz="UTC")

FAILURE_FILL = 4.0 / 5.0
"""Area of a failure over its length times its depth: the integral of its outline ``1 - (2 u)^4`` over u in -1/2 .. 1/2."""


@pytest.fixture(scope="module")
def river() -> River:
    return small_river()


def per_metre(river: River, time: pd.Timestamp, side: int) -> NDArray[np.float64]:
    """Water per metre of centre line on one side [m]: b -+ curvature b^2 / 2, the bend's inside being shorter."""
    bank, inside = river.offsets(time)[side], river.line.inside
    return (bank - (-1.0) ** side * river.line.curvature * bank**2 / 2.0)[inside]


def island_area(river: River, time: pd.Timestamp) -> float:
    """Area of the island at low water [m2]: half ellipses either side of its widest place."""
    if river.island is None:
        return 0.0
    # The island lies on the centre line, so what the bend takes from one side it gives to the other.
    return float(np.pi / 2.0 * river.island.half_width_m * (river.island.tail_m - river.island_head(time)))


def lost_area(river: River, start: pd.Timestamp, end: pd.Timestamp) -> dict[str, float]:
    """Land turned into river less river turned into land between two instants [m2], per bank and on the island."""
    s = river.line.s[river.line.inside]
    lost = {
        bank: float(np.trapezoid(per_metre(river, end, i) - per_metre(river, start, i), s))
        for i, bank in enumerate(SIDES)
    }
    return lost | {"I": island_area(river, start) - island_area(river, end)}


def water_area(river: River, time: pd.Timestamp) -> float:
    """Water between chainage 0 and the end of the line at low water, the island taken out [m2]."""
    across = per_metre(river, time, 0) + per_metre(river, time, 1)
    return float(np.trapezoid(across, river.line.s[river.line.inside])) - island_area(river, time)


def water_polygon(river: River, time: pd.Timestamp) -> shapely.Polygon:
    """Water between the ends of the line, from the bank lines."""
    left, right = (np.array(river.bank_line(time, bank).coords) for bank in "LR")
    return shapely.Polygon(np.vstack([left, right[::-1]])) - shapely.Polygon(river.bank_line(time, "I").coords)


def boxes(grid: Grid) -> NDArray[np.object_]:
    half = 0.5 * grid.pixel_m
    x, y = np.meshgrid(grid.x, grid.y)
    return np.asarray(shapely.box(x - half, y - half, x + half, y + half))


def test_the_same_seed_gives_the_same_river_and_another_one_another(river: River) -> None:
    twin, other = small_river(), small_river(seed=6)
    assert (twin.offsets(END) == river.offsets(END)).all()
    assert twin.failures.equals(river.failures)
    assert (twin.water_share(END, grid_over()) == river.water_share(END, grid_over())).all()
    assert not np.allclose(other.offsets(START), river.offsets(START), atol=0.5)


@pytest.mark.parametrize("pixel", [10.0, 20.0, 30.0])
def test_share_of_every_pixel_is_the_area_its_bank_lines_cut_out_of_it(river: River, pixel: float) -> None:
    grid = grid_over(pixel)
    share = river.water_share(END, grid)
    exact = shapely.area(shapely.intersection(boxes(grid), water_polygon(river, END))) / pixel**2
    error = (share - exact)[:, 1:-1]  # the bank lines end on the first and last column's edges
    assert np.abs(error).max() < 0.05
    mixed = (exact > 0.001) & (exact < 0.999)
    assert np.abs(error[mixed[:, 1:-1]]).mean() < 0.004
    assert abs(error.sum()) < 0.001 * mixed.sum()


@settings(max_examples=15, deadline=None)
@given(
    shift=st.tuples(st.floats(0, 20), st.floats(0, 20)),
    day=st.integers(0, 1090),
)
def test_shares_sum_to_the_area_of_the_water_wherever_the_grid_lies(shift: tuple[float, float], day: int) -> None:
    river = _RIVER
    time = pd.Timestamp("2021-01-01", tz="UTC") + pd.Timedelta(days=day)
    share = river.water_share(time, grid_over(shift=(0.0, shift[1])), shift_m=(0.0, -shift[0]))
    assert share.sum() * 400.0 == pytest.approx(water_area(river, time), rel=4e-4)


_RIVER = small_river()


def test_area_that_went_is_the_difference_of_two_pictures_and_the_integral_of_the_retreat(river: River) -> None:
    grid = grid_over(10.0)
    lost = lost_area(river, START, END)
    seen = (river.water_share(END, grid) - river.water_share(START, grid)).sum() * 100.0
    assert seen == pytest.approx(sum(lost.values()), abs=0.02 * sum(abs(v) for v in lost.values()))
    retreat = river.retreat(START, END)
    for bank in "LR":
        line = np.array(river.bank_line(START, bank).coords)
        length = np.hypot(*np.diff(line, axis=0).T)
        mine = retreat.sel(bank=bank).to_numpy()
        assert (0.5 * (mine[1:] + mine[:-1]) * length).sum() == pytest.approx(lost[bank], rel=0.05, abs=100.0)


def test_a_picture_out_of_place_shows_everything_moved_by_that_much(river: River) -> None:
    grid = grid_over(10.0)
    moved = river.water_share(START, grid, shift_m=(20.0, -10.0))
    still = river.water_share(START, grid)
    error = np.abs(moved[1:, 2:] - still[:-1, :-2])  # two pixels east, one south
    assert error.max() < 0.1  # to first order: 22 m beside a bend of 500 m
    assert error.mean() < 0.001


def test_nothing_erodes_at_the_revetment_and_something_does_beside_it(river: River) -> None:
    (wall,) = river.revetments
    retreat = river.retreat(START, END).sel(bank=wall.bank)
    assert (retreat.sel(chainage_m=slice(wall.start_m, wall.end_m)) == 0).all()
    assert float(retreat.sel(chainage_m=slice(wall.end_m + 60, wall.end_m + 400)).max()) > 2.0
    bare = small_river(revetment=False)
    assert bare.revetments == ()
    there = bare.retreat(START, END).sel(bank=wall.bank, chainage_m=slice(wall.start_m, wall.end_m))
    assert float(there.mean()) > 2.0


def test_banks_stand_still_in_the_dry_season_and_move_in_the_flood(river: River) -> None:
    for year in (2021, 2022, 2023):
        assert (river.offsets(f"{year}-01-01") == river.offsets(f"{year}-04-30")).all()
        assert float(river.retreat(f"{year}-07-01", f"{year}-12-16").max()) > 1.0
    assert (river.offsets("2021-12-31") == river.offsets("2022-01-01T00:00")).all()


@settings(max_examples=30, deadline=None)
@given(days=st.lists(st.integers(0, 1095), min_size=3, max_size=3, unique=True))
def test_retreat_adds_up_in_time_and_never_turns_back(days: list[int]) -> None:
    a, b, c = (pd.Timestamp("2021-01-01", tz="UTC") + pd.Timedelta(days=d) for d in sorted(days))
    whole = _RIVER.retreat(a, c)
    first, second = _RIVER.retreat(a, b), _RIVER.retreat(b, c)
    assert (first + second).to_numpy() == pytest.approx(whole.to_numpy(), abs=1e-9)
    # A bank that erodes does so in both parts, one that grows grows in both; a failure only ever takes.
    eroding = (_RIVER.yearly[:, :, _RIVER.line.inside] >= 0).all(axis=0)
    assert eroding.any()
    assert (first.to_numpy()[eroding] >= -1e-9).all()
    assert (second.to_numpy()[eroding] >= -1e-9).all()


def test_outer_banks_retreat_and_inner_banks_grow_some_way_below_the_apex() -> None:
    angle = np.linspace(0, 2.0, 80)
    bend = 900.0 * np.column_stack([np.sin(angle), 1 - np.cos(angle)])  # turning left: the right bank is the outer
    before = np.column_stack([np.linspace(-2000, -50, 30), np.zeros(30)])
    out = np.array([np.cos(2.0), np.sin(2.0)])
    after = bend[-1] + np.outer(np.linspace(50, 3000, 40), out)
    line = np.vstack([before, bend, after]) + CORNER
    river = small_river(line, failures_per_km=0.0, island=False, revetment=False)
    retreat = river.retreat(START, END)
    s = retreat["chainage_m"].to_numpy()
    outer, inner = retreat.sel(bank="R").to_numpy(), retreat.sel(bank="L").to_numpy()
    below = (s > 2900) & (s < 3800)
    assert outer[below].mean() > 5.0
    assert inner[below].mean() < -2.0
    eaten = np.maximum(outer, 0.0)
    apex = 2000 + 900.0
    assert (eaten * s).sum() / eaten.sum() > apex + 200
    assert np.maximum(outer, 0)[s < 1700].max() < 1.0  # nothing much on the straight above


def test_the_law_of_a_bend_that_begins_is_that_of_howard_and_knutson() -> None:
    # Curvature 0 and then k for ever: R1 / R0 = -1 + 2.5 (1 - exp(-x / l)), l = h / (2 Cf) = 12 / 0.0072 m.
    s = np.arange(0.0, 20_000.0, 5.0)
    curvature = np.where(s >= 6000, 1e-3, 0.0)
    zero = np.zeros_like(s)
    law = law_of_bends(CentreLine(CRS, s, s, zero, zero, curvature, float(s[-1])), 100.0)
    expected = {x: -1 + 2.5 * (1 - np.exp(-x / (12 / 0.0072))) for x in (300, 1500, 3000)}
    got = {x: float(law[np.searchsorted(s, 6000 + x)]) for x in expected}
    assert got[300] / got[3000] == pytest.approx(expected[300] / expected[3000], rel=0.02)
    assert got[1500] / got[3000] == pytest.approx(expected[1500] / expected[3000], rel=0.03)
    assert got[3000] < 0  # turning left, the left bank is the inner one
    assert abs(law[np.searchsorted(s, 5900)]) < 1e-9


def test_every_failure_appears_at_its_date_with_its_length_and_depth() -> None:
    river = small_river(failures_per_km=5.0)
    alone = river.failures[~river.failures.duplicated(["date", "bank"], keep=False)]
    assert len(alone) >= 12
    for row in alone.itertuples():
        before, after = row.date - pd.Timedelta(minutes=1), row.date
        bite = river.retreat(before, after).sel(bank=row.bank)
        sign = 1 if row.bank == "L" else -1
        gone = bite.to_numpy() > 0.5
        s = bite["chainage_m"].to_numpy()
        assert gone[np.abs(s - row.chainage_m) < 0.3 * row.length_m].all()
        assert not gone[np.abs(s - row.chainage_m) > 0.6 * row.length_m].any()
        assert float(bite.max()) == pytest.approx(row.depth_m, rel=0.02)
        line = np.array(river.bank_line(before, row.bank).coords)
        along = np.hypot(*np.diff(line, axis=0).T)
        middle = 0.5 * (bite.to_numpy()[1:] + bite.to_numpy()[:-1])
        # Depth is measured across, where the wall of the bite leans; the plan area is what the law says.
        bank = river.offsets(before)[0 if sign > 0 else 1][river.line.inside]
        stretch = 1 - sign * river.line.curvature[river.line.inside] * bank
        area = np.trapezoid(bite.to_numpy() * stretch, s)
        assert area == pytest.approx(FAILURE_FILL * row.length_m * row.depth_m, rel=0.06)
        assert (along[middle > 0.02 * row.depth_m]).sum() == pytest.approx(row.length_m, rel=0.35)
        assert 30 <= row.length_m <= 100
        assert 10 <= row.depth_m <= 40
        month_day = (row.date.month, row.date.day)
        assert (5, 1) <= month_day <= (6, 20) or (10, 5) <= month_day <= (12, 19)


def test_a_failure_takes_its_area_out_of_the_picture(river: River) -> None:
    row = river.failures[~river.failures.duplicated("date", keep=False)].iloc[0]
    grid = grid_over(10.0)
    before, after = row["date"] - pd.Timedelta(seconds=1), row["date"]
    gone = (river.water_share(after, grid) - river.water_share(before, grid)).sum() * 100.0
    assert gone == pytest.approx(FAILURE_FILL * row["length_m"] * row["depth_m"], rel=0.08)


def test_failures_lie_on_banks_that_erode_and_not_on_the_revetment() -> None:
    river = small_river(failures_per_km=8.0)
    (wall,) = river.revetments
    for row in river.failures.itertuples():
        side = 0 if row.bank == "L" else 1
        node = int(np.argmin(np.abs(river.line.s - row.chainage_m)))
        assert river.yearly[row.date.year - 2021, side, node] > 0
        assert row.bank != wall.bank or not wall.start_m - 30 < row.chainage_m < wall.end_m + 30


def test_a_metre_of_stage_moves_bars_by_tens_of_metres_and_cut_banks_by_less_than_one(river: River) -> None:
    grid = grid_over(10.0)
    place = river.position(grid)
    more = river.water_share(START, grid, 1.0) - river.water_share(START, grid, 0.0)
    for side, sign in ((0, 1), (1, -1)):
        slope = river.line.at(river.slope[side], place.s)
        mine = (sign * place.n > 0.5 * river.width_m * 0.6) & (np.abs(place.s - 0.5 * LENGTH) < 1900)
        for kind, low, high in (("cut", 0.0, 0.5), ("bar", BAR_SLOPE - 0.5, np.inf)):
            there = (slope >= low) & (slope <= high)
            nodes = river.line.inside & (river.slope[side] >= low) & (river.slope[side] <= high)
            nodes &= np.abs(river.line.s - 0.5 * LENGTH) < 1900
            step = river.line.s[1] - river.line.s[0]
            if nodes.sum() * step < 200:
                continue
            moved = more[mine & there].sum() * 100.0 / (nodes.sum() * step)
            assert (0.2 < moved < 1.0) if kind == "cut" else (moved > 15.0)
    assert (river.slope > BAR_SLOPE - 0.5).any()
    assert (more >= -1e-6).all()


def test_fields_flood_above_their_height_and_not_behind_dikes(river: River) -> None:
    grid = grid_over()
    assert river.flooded_fields(grid, 0.9 * FIELD_M).max() == 0.0
    some, much = (river.flooded_fields(grid, level) > 0.5 for level in (FIELD_M + 1.0, FIELD_M + 2.5))
    assert 0 < some.sum() < much.sum() < much.size
    assert (much | ~some).all()
    assert not much[np.abs(river.position(grid).n) < 0.5 * river.width_m].any()  # the river itself is no field


def test_the_island_loses_its_head_only(river: River) -> None:
    assert river.island is not None
    assert river.island_head(END) - river.island_head(START) > 10.0
    before, after = (np.array(river.bank_line(t, "I").coords) for t in (START, END))
    s0, s1 = river.line.locate(*before.T)[0], river.line.locate(*after.T)[0]
    assert s1.max() == pytest.approx(s0.max(), abs=0.5)
    assert s1.min() - s0.min() == pytest.approx(river.island_head(END) - river.island_head(START), abs=0.5)
    assert lost_area(river, START, END)["I"] > 0


def test_stage_is_low_in_april_and_high_in_the_flood_and_the_year_is_done_by_december(river: River) -> None:
    water = river.hydrograph
    for year in (2021, 2022, 2023):
        months = {m: np.mean([water.stage(f"{year}-{m:02d}-{d:02d}") for d in range(1, 29)]) for m in range(1, 13)}
        assert max(months, key=lambda m: months[m]) in (9, 10)
        assert min(months, key=lambda m: months[m]) in (2, 3, 4, 5)
        assert months[10] - months[4] > 1.0
    assert water.share_done("2022-07-01") == (1, 0.0)
    assert water.share_done("2022-12-17") == (1, 1.0)
    done = [water.share_done(day)[1] for day in pd.date_range("2022-01-01", "2022-12-31", freq="9h", tz="UTC")]
    assert (np.diff(done) >= 0).all()


def test_a_higher_flood_takes_more() -> None:
    made = Hydrograph.made(2000, 40, np.random.default_rng(0))
    peak = [made.stage_m[np.asarray(made.days.year) == 2000 + k].max() for k in range(40)]
    assert np.corrcoef(peak, made.intensity)[0, 1] > 0.9
    assert 0.6 < made.intensity.mean() < 1.4


def test_years_with_twice_the_flood_take_twice_the_land() -> None:
    river = small_river(years=8, failures_per_km=0.0, erosion_m_per_y=4.0)
    eaten = np.maximum(river.yearly, 0.0).sum(axis=(1, 2))
    rate = eaten / river.hydrograph.intensity
    assert rate == pytest.approx(np.full(8, rate.mean()), rel=0.25)  # the year's luck along the bank remains


def test_what_cannot_be_is_refused(river: River) -> None:
    with pytest.raises(ValueError, match="2021-01-01 to 2024-01-01"):
        river.offsets("2024-02-01")
    with pytest.raises(ValueError, match="2021-01-01 to 2024-01-01"):
        river.water_share("2020-12-31", grid_over())
    with pytest.raises(ValueError, match="no bank 'X'"):
        river.bank_line(START, "X")
    with pytest.raises(ValueError, match="too tight"):
        small_river(width_m=700.0, line=swing(amplitude=1500.0))
    with pytest.raises(ValueError, match="at least one"):
        small_river(years=0)
    with pytest.raises(ValueError, match="long; a river 160 m wide"):
        small_river(line=swing(0.0, 500.0))
    with pytest.raises(ValueError, match="lose"):
        small_river(years=60)
    with pytest.raises(ValueError, match="width_m"):
        make_river(swing(), years=1, start=2021, seed=0, width_m=-5.0)
