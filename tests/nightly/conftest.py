"""Products of nightly runs on the short real reach."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from erosion.config.region import load_region
from erosion.nightly.published import PUBLISHED
from erosion.nightly.run import run
from tests.nightly.made_runs import FIRST, SECOND, THIRD
from tests.shared import made_once


@pytest.fixture(scope="session")
def region_file(crop_data: Path) -> Path:
    return crop_data / "mamore_crop.yaml"


@pytest.fixture(scope="session")
def three_runs(region_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Products of three dates; read only."""

    def make(out: Path) -> None:
        region = load_region(region_file)
        for as_of in (FIRST, SECOND, THIRD):
            result = run(region, as_of, out)
            assert (result.exit_code, result.new, result.messages) == (PUBLISHED, True, ())

    return made_once(tmp_path_factory, "three_runs", make)


@pytest.fixture(scope="session")
def one_run(region_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Products of the first date; only to be copied."""

    def make(out: Path) -> None:
        assert run(load_region(region_file), FIRST, out).exit_code == PUBLISHED

    return made_once(tmp_path_factory, "one_run", make)


@pytest.fixture
def out(one_run: Path, tmp_path: Path) -> Path:
    """Products of the first date, to go on from."""
    return Path(shutil.copytree(one_run, tmp_path / "out"))
