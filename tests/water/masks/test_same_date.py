"""Several masks of one date."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from erosion.config.region import Region
from erosion.core.errors import SourceError
from erosion.water.masks.raster_folder import read_water
from tests.water.masks.made_masks import CORNER, mask, source, write

# --- several files a date -----------------------------------------------------------------------------------------------


def test_tiles_of_one_date_are_joined(tmp_path: Path, mamore: Region) -> None:
    whole = mask(np.s_[5:9, :], (20, 24))
    left, right = whole[:, :14].copy(), whole[:, 10:].copy()  # they overlap by four columns
    left[:, 12:] = 255
    write(tmp_path / "left_2000-07-01.tif", left, nodata=255)
    write(tmp_path / "right_2000-07-01.tif", right, corner=(CORNER[0] + 300, CORNER[1]))
    write(tmp_path / "other_2001-07-01.tif", whole)
    water, skipped = read_water(source(tmp_path), mamore, "2002-01-01")
    assert skipped == [] and water.sizes["epoch"] == 2
    np.testing.assert_array_equal(water["water_fraction"].values[0], whole)
    assert water["scene_id"].values[0] == "left_2000-07-01.tif+right_2000-07-01.tif"


def test_files_of_one_date_that_disagree_are_dropped_and_listed(tmp_path: Path, mamore: Region) -> None:
    write(tmp_path / "a_2000-07-01.tif", mask(np.s_[:, 4:8]))
    write(tmp_path / "b_2000-07-01.tif", mask(np.s_[:, 6:10]))
    write(tmp_path / "c_2001-07-01.tif", mask())
    water, skipped = read_water(source(tmp_path), mamore, "2002-01-01")
    assert [str(day)[:10] for day in water["epoch"].values] == ["2001-07-01"]
    assert [s.scene for s in skipped] == ["a_2000-07-01.tif + b_2000-07-01.tif"]
    assert "80 of 240 common pixels (33.3%" in skipped[0].reason and "2000-07-01" in skipped[0].reason


def test_a_narrow_river_in_a_wide_image_does_not_hide_a_disagreement(tmp_path: Path, mamore: Region) -> None:
    # Both shores moved by a pixel: 0.4 % of the pixels, but a fifth of the river.
    write(tmp_path / "a_2000-07-01.tif", mask(np.s_[:, 200:209], (20, 500)))
    write(tmp_path / "b_2000-07-01.tif", mask(np.s_[:, 201:210], (20, 500)))
    with pytest.raises(SourceError, match="files of one date disagree"):
        read_water(source(tmp_path), mamore, "2002-01-01")


def test_a_pixel_or_two_may_differ(tmp_path: Path, mamore: Region) -> None:
    other = mask()
    other[3, 8] = 1
    write(tmp_path / "a_2000-07-01.tif", mask())
    write(tmp_path / "b_2000-07-01.tif", other)
    water, skipped = read_water(source(tmp_path), mamore, "2002-01-01")
    assert skipped == []
    np.testing.assert_array_equal(water["water_fraction"].values[0], mask())


@pytest.mark.parametrize(
    ("names", "what"),
    [(("river_2000.tif", "other_2000.tif"), "year"), (("a_2000-02.tif", "b_2000-02.tif"), "month"),
     (("a_2000-02-15.tif", "b_2000-02.tif"), "month"), (("a_2000.tif", "a_2000 (1).tif"), "year")],
)  # fmt: skip
def test_files_of_a_guessed_day_are_never_joined_where_they_show_the_same_ground(
    tmp_path: Path, mamore: Region, names: tuple[str, str], what: str
) -> None:
    for name in names:  # the same pixels: no disagreement gives them away
        write(tmp_path / name, mask())
    write(tmp_path / "c_2001-07-01.tif", mask())
    water, skipped = read_water(source(tmp_path), mamore, "2002-01-01")
    assert [str(day)[:10] for day in water["epoch"].values] == ["2001-07-01"]
    (item,) = skipped
    assert item.scene == " + ".join(sorted(names)) and not item.usual
    assert f"a day that is guessed from a {what} alone" in item.reason
    assert "write the day into each name, like 2018-06-22" in item.reason


def test_tiles_of_a_guessed_day_that_share_a_rim_at_most_are_joined(tmp_path: Path, mamore: Region) -> None:
    whole = mask(np.s_[5:9, :], (20, 100))
    write(tmp_path / "left_2000.tif", whole[:, :51])
    write(
        tmp_path / "right_2000.tif", whole[:, 49:], corner=(CORNER[0] + 49 * 30, CORNER[1])
    )  # 2 of 51 columns in both
    water, skipped = read_water(source(tmp_path), mamore, "2002-01-01")
    assert skipped == []
    np.testing.assert_array_equal(water["water_fraction"].values[0], whole)


def test_each_of_two_months_of_a_year_in_words_is_refused_by_name(tmp_path: Path, mamore: Region) -> None:
    write(tmp_path / "river 2000 tháng 2.tif", mask(np.s_[:, 4:8]))
    write(tmp_path / "river 2000 tháng 11.tif", mask(np.s_[:, 4:8]))
    write(tmp_path / "c_2001-07-01.tif", mask())
    water, skipped = read_water(source(tmp_path), mamore, "2002-01-01")
    assert water.sizes["epoch"] == 1
    assert {(item.scene, "the name holds tháng" in item.reason) for item in skipped} == {
        ("river 2000 tháng 2.tif", True),
        ("river 2000 tháng 11.tif", True),
    }
