"""Words that stand in published files and in the ledger and are compared in several packages, each set in one place.

Every member equals its text, so a word read from a file is compared as it is.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class RunOutcome(StrEnum):
    """How a run ended, or that it has not: in ``last_attempt.json``, ``published.json``, manifests and the ledger."""

    PUBLISHED = "published"
    DEGRADED = "degraded"
    """Published, with something left out that is not usually left out."""
    FAILED = "failed"
    """Nothing was published."""
    RUNNING = "running"


EXIT_CODES: Final = {RunOutcome.PUBLISHED: 0, RunOutcome.FAILED: 1, RunOutcome.DEGRADED: 2}
"""Exit code of the command for each way a run can end."""
