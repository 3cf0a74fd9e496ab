"""What tests of gauge services share: a server, and requests that are made once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from erosion.core.http.retry import RetryPolicy
from erosion.gauges.formats import web
from tests.gauge_server import GaugeServer


@pytest.fixture
def server() -> Iterator[GaugeServer]:
    """A service that answers what a test puts there."""
    with GaugeServer() as running:
        yield running


@pytest.fixture
def asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests that fail are not made again."""
    monkeypatch.setattr(web, "RETRY", RetryPolicy(tries=1, read_s=2.0))
