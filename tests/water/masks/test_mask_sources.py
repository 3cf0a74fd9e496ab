"""Several sources of masks, in any order."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from erosion.config.region import load_region
from erosion.config.sources import CATALOGUE, load_source
from erosion.core.errors import Skipped
from erosion.gauges.combine import empty_gauges
from erosion.water import read as sources
from erosion.water.masks.entry import RasterFolder
from erosion.water.masks.raster_folder import read_water
from tests.water.masks.made_masks import mask, write

# --- several sources --------------------------------------------------------------------------------------------------


def test_two_sources_share_a_grid_and_the_sharper_one_stands(tmp_path: Path) -> None:
    base = yaml.safe_load((CATALOGUE / "mamore_masks.yaml").read_text("utf-8"))
    for name, error in (("landsat", 6.0), ("sentinel", 5.0)):
        (tmp_path / name).mkdir()
        entry = {**base, "name": name, "path": name, "geo_rmse_m": error}
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(entry, allow_unicode=True), "utf-8")
    write(tmp_path / "landsat" / "a_2000-07-01.tif", mask())
    write(tmp_path / "landsat" / "b_2001-07-01.tif", mask())
    fine = np.repeat(np.repeat(mask(np.s_[:, 5:8]), 3, axis=0), 3, axis=1)
    write(tmp_path / "sentinel" / "c_2001-07-01.tif", fine, pixel=10.0)
    write(tmp_path / "sentinel" / "d_2002-07-01.tif", fine, pixel=10.0)
    region = yaml.safe_load((CATALOGUE / "regions" / "mamore.yaml").read_text("utf-8"))
    region |= {"name": "two", "water": ["landsat", "sentinel"], "gauges": []}
    del region["trigger"]  # there is no gauge
    (tmp_path / "two.yaml").write_text(yaml.safe_dump(region, allow_unicode=True), "utf-8")
    water, skipped = sources.read_water(load_region(tmp_path / "two.yaml"), "2003-01-01", empty_gauges())
    assert list(water["scene_id"].values) == ["a_2000-07-01.tif", "c_2001-07-01.tif", "d_2002-07-01.tif"]
    assert list(water["source_id"].values) == ["landsat", "sentinel", "sentinel"]
    assert skipped == [Skipped("b_2001-07-01.tif", "another source has a sharper observation of 2001-07-01")]
    assert water["water_fraction"].chunks is not None and water["water_fraction"].chunks[0] == (1, 1, 1)
    np.testing.assert_array_equal(water["water_fraction"].values, [mask(), mask(np.s_[:, 5:8]), mask(np.s_[:, 5:8])])
    # A source whose files of its only date disagree does not stop the other, nor does one that had nothing yet.
    write(tmp_path / "landsat" / "a_again_2000-07-01.tif", mask(np.s_[:, 8:11]))
    write(tmp_path / "landsat" / "b_2001-07-01.tif", np.zeros((20, 12), np.uint8))
    one, skipped = sources.read_water(load_region(tmp_path / "two.yaml"), "2003-01-01", empty_gauges())
    assert list(one["source_id"].values) == ["sentinel", "sentinel"]
    assert [s.scene for s in skipped] == ["b_2001-07-01.tif", "landsat"]
    (tmp_path / "landsat" / "a_again_2000-07-01.tif").unlink()
    early, _ = sources.read_water(load_region(tmp_path / "two.yaml"), "2001-01-01", empty_gauges())
    assert list(early["source_id"].values) == ["landsat"]


@settings(max_examples=10, deadline=None)
@given(order=st.permutations(range(4)))
def test_the_order_in_which_files_arrive_changes_nothing(order: list[int]) -> None:
    import tempfile

    region = load_region("mamore")
    masks = CATALOGUE / "datasets/mamore/masks"
    files = sorted(masks.glob("*.tif"))[:4]
    chosen = load_source("mamore_masks")
    assert isinstance(chosen, RasterFolder)
    with tempfile.TemporaryDirectory() as folder:
        for i in order:
            shutil.copy(files[i], folder)
        water, _ = read_water(dataclasses.replace(chosen, path=Path(folder)), region, "2018-12-31")
        expected, _ = read_water(chosen, region, "1989-12-31")
        assert water.attrs["content_hash"] == expected.attrs["content_hash"]
