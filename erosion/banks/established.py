"""Established land: land for so long that bars and water-level flicker are ruled out."""

from __future__ import annotations

from typing import Final

ESTABLISHED_YEARS: Final = 5.0
"""Land that stayed land this long is established: bars and water-level flicker are not."""

START_SLACK_DAYS: Final = 180.0
"""How much later than five years ago a series may start and still show established land."""

YEAR_DAYS: Final = 365.25
