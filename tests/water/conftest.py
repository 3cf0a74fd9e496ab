"""A small made world of passes for the tests of scenes and seasons."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scene_world import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A region with one optical source and no scene yet."""
    return World(tmp_path).source()
