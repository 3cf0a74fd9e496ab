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
