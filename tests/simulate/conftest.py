"""An exercise of five years that several files read."""

from __future__ import annotations

from pathlib import Path

import pystac
import pytest

from erosion.simulate.exercise import make_exercise
from tests.shared import made_once
from tests.simulate.made_exercise import SETTINGS


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the exercise; only to be read."""

    def make(folder: Path) -> None:
        make_exercise(folder, **SETTINGS)

    return made_once(tmp_path_factory, "exercise", make)


@pytest.fixture(scope="session")
def items(made: Path) -> list[pystac.Item]:
    return list(pystac.Catalog.from_file(made / "catalog" / "catalog.json").get_items(recursive=True))
