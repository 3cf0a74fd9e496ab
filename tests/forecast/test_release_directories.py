"""Where releases of a region are made and looked for: no river changes the forecasts of another one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from erosion.config.region import RIVERS, Region, load_region
from erosion.forecast.release import (
    MODELS,
    ReleaseError,
    check_family,
    check_family_of_several,
    find_release,
    models_of,
    models_to_make,
    regions_of,
    simulated_share,
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


def test_one_river_never_adds_to_the_family_of_several(crop: Path, tmp_path: Path) -> None:
    """Neither to the default one, shipped or not, nor to another."""
    with pytest.raises(ReleaseError, match=r"rivers are trained on several rivers, .* `model: mamore_crop`"):
        train_release(foreign(crop, RIVERS), UNTIL)
    about = tmp_path / "shelf" / "deltas-20100101" / "meta.json"
    about.parent.mkdir(parents=True)
    both = [{"name": "mamore_crop", "simulated": False}, {"name": "elsewhere", "simulated": True}]
    about.write_text(json.dumps({"regions": both, "simulated": "part"}), encoding="utf-8")
    with pytest.raises(ReleaseError, match="was trained on mamore_crop, elsewhere, so releases of deltas"):
        check_family(foreign(crop, "deltas"), tmp_path / "shelf")
    check_family_of_several("deltas", tmp_path / "shelf")


@pytest.mark.parametrize(
    ("meta", "names", "share"),
    [
        ({"region": "a", "simulated": False}, ("a",), "none"),
        ({"region": "a", "simulated": True}, ("a",), "all"),
        ({"regions": [{"name": "a", "simulated": False}, {"name": "b", "simulated": False}]}, ("a", "b"), "none"),
        ({"regions": [{"name": "a", "simulated": False}, {"name": "b", "simulated": True}]}, ("a", "b"), "part"),
        ({"regions": [{"name": "a", "simulated": True}, {"name": "b", "simulated": True}]}, ("a", "b"), "all"),
    ],
)
def test_what_a_release_was_trained_on(meta: dict[str, Any], names: tuple[str, ...], share: str) -> None:
    """Of releases of one region, which older versions made too, and of several."""
    assert (regions_of(meta), simulated_share(meta)) == (names, share)


def test_a_region_that_names_no_model_takes_the_one_of_several_rivers(crop: Path) -> None:
    edit_yaml(crop, model=None)
    region = load_region(crop)
    assert region.model == RIVERS == "rivers"
    with pytest.raises(ReleaseError, match=r"set `model:` in the region file to a name of its own and train one"):
        find_release(region.model, UNTIL, crop.parent, region.called)
