"""Rivers of several kinds: what is written can be trained on, says what it is, and nothing runs over its own centre of bend."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio

from erosion.config.region import RIVERS, load_region
from erosion.core.contracts import SIMULATED_NOTICE
from erosion.forecast.training import load_rows
from erosion.simulate.rivers import FIRST_YEAR, KINDS, course, make_rivers, river_of

SHORT = dataclasses.replace(KINDS[1], length_km=6.0, years=5)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return make_rivers(tmp_path_factory.mktemp("made") / "rivers", kinds=(SHORT,))


def test_everything_is_labelled(made: list[Path]) -> None:
    (file,) = made
    region = load_region(file)
    assert region.simulated and region.model == RIVERS and file.stem == "simulated_fast_narrow"
    assert SIMULATED_NOTICE in region.description
    assert region.title["en"].startswith("SIMULATED") and region.title["vi"].startswith("MÔ PHỎNG")
    (source,) = region.mask_sources
    assert SIMULATED_NOTICE in source.title and SIMULATED_NOTICE in source.attribution
    masks = sorted(file.parent.rglob("*.tif"))
    assert len(masks) == SHORT.years and all(path.name.startswith("simulated_") for path in masks)
    for path in masks:
        with rasterio.open(path) as mask:
            assert mask.tags()["label"] == SIMULATED_NOTICE
    assert SIMULATED_NOTICE in (file.parent / "README.md").read_text("utf-8")


def test_the_same_targets_as_the_real_rivers(made: list[Path]) -> None:
    assert load_region(made[0]).targets == load_region("mamore").targets


def test_a_forecast_can_be_learnt_from_it(made: list[Path]) -> None:
    until = pd.Timestamp(f"{FIRST_YEAR + 4}-12-31")
    rows, _ = load_rows(load_region(made[0]), until)
    assert rows["as_of"].nunique() == SHORT.years
    retreat = rows["retreat_all_1y"].dropna()
    assert len(retreat) > 100 and 0.001 < (retreat >= 30).mean() < 0.5


def test_the_same_seed_gives_the_same_river(made: list[Path], tmp_path: Path) -> None:
    again = make_rivers(tmp_path / "again", kinds=(SHORT,))
    for one, other in zip(sorted(made[0].parent.rglob("*.*")), sorted(again[0].parent.rglob("*.*")), strict=True):
        assert one.read_bytes() == other.read_bytes(), one.name
    assert not np.array_equal(course(SHORT, np.random.default_rng(1)), course(SHORT, np.random.default_rng(2)))


@pytest.mark.parametrize("number", range(len(KINDS)), ids=[kind.name for kind in KINDS])
def test_the_centre_line_serves_to_the_last_year(number: int) -> None:
    """Both banks stay on this side of the centre of each bend, and the river does not become another one by its width."""
    kind = KINDS[number]
    river = river_of(kind, [20, number])
    inside = river.line.inside
    left, right = river.offsets(f"{FIRST_YEAR + kind.years - 1}-12-31")[:, inside]
    curvature = river.line.curvature[inside]
    assert (1 - np.maximum(curvature * left, -curvature * right)).min() > 0.2
    assert np.mean(left + right) < 1.4 * kind.width_m


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ValueError, match="holds something"):
        make_rivers(tmp_path, kinds=(SHORT,))
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
