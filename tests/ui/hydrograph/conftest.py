"""Products with gauges, for the tests of this folder."""

import shutil
from pathlib import Path

import pytest

from tests.ui.made_gauges import add_gauges
from tests.ui.test_browser import address, browser, open_page, outside, pick, settle  # noqa: F401


@pytest.fixture(scope="module")
def published(published, tmp_path_factory):
    """The products of other tests of the screen with gauges and a trigger, to be read only."""
    out = tmp_path_factory.mktemp("gauges") / "products"
    shutil.copytree(published, out)
    add_gauges(out)
    return out


@pytest.fixture
def own(published, tmp_path):
    """Products that a test may spoil."""
    return Path(shutil.copytree(published, tmp_path / "products"))
