"""How the last attempt of a region ended: ``last_attempt.json``, for the map."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from erosion.core.files import write_json
from erosion.core.vocabulary import EXIT_CODES, RunOutcome
from erosion.nightly.published import KEPT_MESSAGES, NOT_PUBLISHED

_log = logging.getLogger(__name__)

_OUTCOMES = {code: outcome for outcome, code in EXIT_CODES.items()}


def note_failure(home: Path, as_of: pd.Timestamp, message: str) -> None:
    """Write that a run did not even start into ``last_attempt.json``, for the map; only where there are products."""
    if home.is_dir():
        now = datetime.now(UTC).isoformat()
        attempt = {"as_of": f"{as_of:%Y-%m-%d}", "started_at": now}
        finish_attempt(home, attempt, NOT_PUBLISHED, (message,))


def start_attempt(home: Path, as_of: pd.Timestamp, started: datetime) -> dict[str, Any]:
    """Return what is written into ``last_attempt.json``: that a run has started."""
    attempt = {"as_of": f"{as_of:%Y-%m-%d}", "started_at": started.isoformat(), "outcome": RunOutcome.RUNNING}
    write_json(home / "last_attempt.json", attempt)
    return attempt


def finish_attempt(home: Path, attempt: Mapping[str, Any], exit_code: int, messages: Sequence[str]) -> None:
    """Write how a run ended into ``last_attempt.json``; where that fails it is logged and nothing more."""
    done = {
        "finished_at": datetime.now(UTC).isoformat(),
        "outcome": _OUTCOMES[exit_code],
        "exit_code": exit_code,
        "message": "; ".join(messages[:KEPT_MESSAGES]),
    }
    try:
        write_json(home / "last_attempt.json", {**attempt, **done})
    except OSError as error:
        _log.warning(f"how the run ended could not be written to {home / 'last_attempt.json'}: {error}")
