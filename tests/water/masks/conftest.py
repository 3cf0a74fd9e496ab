"""The region of the real masks, loaded once for all tests of masks."""

from __future__ import annotations

import pytest

from erosion.config.region import Region, load_region


@pytest.fixture(scope="session")
def mamore() -> Region:
    return load_region("mamore")
