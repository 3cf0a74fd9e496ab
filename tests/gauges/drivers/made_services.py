"""Entries of gauge services that a test's server stands for, and what a reading lists."""

from __future__ import annotations

from typing import Any, Final, TypeVar

from erosion.config.gauges import WebGauge
from erosion.gauges.formats.reading import Reading
from tests.gauge_server import GaugeServer

E = TypeVar("E", bound=WebGauge)

TAN_CHAU: Final[dict[str, Any]] = {
    "gauge_id": "019803",
    "river": "Sông Tiền",
    "location": (105.248, 10.801),
    "datum": "zero",
    "alarm_levels_m": (3.5, 4.0, 4.5),
    "alarm_source": "decision",
}
"""The gauge Tân Châu, as several services have it."""


def service_entry(kind: type[E], server: GaugeServer, **keys: Any) -> E:
    """Entry of a service at a test's server, without a pause; keys that say nothing to a test are empty."""
    common = dict.fromkeys(("title", "river", "licence", "attribution", "citation"), "")
    return kind(**{**common, "pause_s": 0.0, "service": server.url, **keys})


def reasons(reading: Reading) -> list[str]:
    """Reasons of all that a reading lists."""
    return [skipped.reason for skipped in reading.skipped]


def reason_text(reading: Reading) -> str:
    """Reasons of all that a reading lists, in lines."""
    return "\n".join(reasons(reading))
