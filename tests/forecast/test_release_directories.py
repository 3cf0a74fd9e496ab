"""Where releases of a region are made and looked for: no river changes the forecasts of another one."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from erosion.config.region import Region, load_region
from erosion.forecast.release import (
    MODELS,
    ReleaseError,
    check_family,
    find_release,
    models_of,
    models_to_make,
)
from erosion.forecast.training import train_release
from tests.conftest import edit_yaml

UNTIL = pd.Timestamp("2017-12-31")


def foreign(crop: Path, model: str) -> Region:
    """Return a region that is none of the project's, with this family."""
    edit_yaml(crop, model=model)
    return load_region(crop)


def test_another_river_never_adds_to_the_releases_of_a_shipped_one(crop: Path) -> None:
    """The newest release of the family would be taken for the shipped regions."""
    before = sorted(MODELS.iterdir())
    with pytest.raises(
        ReleaseError, match=r"was trained on mamore, .*set `model:` in .*mamore_crop.yaml .*`model: mamore_crop`"
    ):
        train_release(foreign(crop, "mamore"), UNTIL)
    assert sorted(MODELS.iterdir()) == before and not (crop.parent / "models").exists()
    assert models_to_make(foreign(crop, "my_river")) == crop.parent / "models"
    assert models_to_make(load_region("mamore")) == MODELS


def test_a_directory_of_another_region_is_refused(crop: Path, tmp_path: Path) -> None:
    about = tmp_path / "shelf" / "mamore-20100101" / "meta.json"
    about.parent.mkdir(parents=True)
    about.write_text(json.dumps({"region": "elsewhere"}), encoding="utf-8")
    with pytest.raises(ReleaseError, match=r"mamore-20100101 in .*shelf was trained on elsewhere"):
        train_release(foreign(crop, "mamore"), UNTIL, models=tmp_path / "shelf")
    check_family(foreign(crop, "other"), tmp_path / "shelf")
    about.write_text(json.dumps({"region": "mamore_crop"}), encoding="utf-8")
    check_family(foreign(crop, "mamore"), tmp_path / "shelf")


def test_a_river_finds_the_shipped_release_beside_those_of_its_neighbour(crop: Path) -> None:
    (crop.parent / "models" / "other-20200101").mkdir(parents=True)
    assert models_of(foreign(crop, "mamore")) == MODELS
    assert models_of(foreign(crop, "mamore"), "other-20200101") == crop.parent / "models"
    assert models_of(foreign(crop, "other")) == crop.parent / "models"


def test_the_command_that_is_advised_finds_the_region(crop: Path) -> None:
    region = foreign(crop, "ganges")
    with pytest.raises(ReleaseError, match=r"erosion train .*mamore_crop.yaml --until"):
        find_release("ganges", UNTIL, MODELS, region.called)
    assert load_region(region.called).path == region.path
    assert load_region("mamore").called == "mamore"
