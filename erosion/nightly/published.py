"""What a region has published and how its last attempt ended: ``published.json`` and ``last_attempt.json``, for the map."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import sqlalchemy as sa

from erosion.alerts import ledger
from erosion.config.region import Region
from erosion.core.files import write_json

PUBLISHED, NOT_PUBLISHED, DEGRADED = 0, 1, 2
"""Exit codes: fine; nothing published; published, but something was missing or stale."""


class RunError(RuntimeError):
    """A run published nothing; the message says why."""


KEPT_MESSAGES = 20
"""Messages of a run that the two files repeat; its manifest has all."""


def published(home: Path) -> dict[str, Any]:
    """Return what a region has published, ``{"runs": []}`` where nothing is."""
    path = home / "published.json"
    if not path.is_file():
        return {"runs": []}
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise RunError(f"{path} is damaged ({error}); the next run of the region writes it anew") from error
    return content


def list_published(engine: sa.Engine, home: Path, region: Region, out: Path) -> None:
    """Bring ``published.json`` to what the ledger says, also of a run that was killed before it could list itself.

    Runs whose directory was taken away are left out.
    """
    runs = ledger.RUNS.c
    select = sa.select(runs.run_id, runs.product).where(
        runs.region == region.name, runs.outcome != "failed", runs.superseded_by.is_(None)
    )
    with engine.connect() as connection:
        products = connection.execute(select.order_by(runs.as_of)).all()
    try:
        listed = published(home)
    except RunError:
        listed = {"runs": []}
    known = {entry["run_id"]: entry for entry in listed["runs"]}
    entries = []
    for run_id, product in products:
        try:
            entry = known.get(run_id) or _entry(run_id, out / product)
        except (OSError, ValueError):
            continue
        if (out / product / "manifest.json").is_file():
            entries.append(entry)
    content = {
        "region": region.name,
        "title": dict(region.title),
        "reaches": [{"name": reach.name, "title": reach.titles} for reach in region.reaches],
        "simulated": region.simulated,
        "timezone": region.timezone,
        "stale_after_days": region.policy.stale_after_days,
        "targets": [dataclasses.asdict(target) for target in region.targets],
        "runs": entries,
    }
    if content != listed:
        write_json(home / "published.json", content)


def _entry(run_id: str, directory: Path) -> dict[str, Any]:
    manifest = json.loads((directory / "manifest.json").read_text(encoding="utf-8"))
    return {
        "as_of": manifest["as_of"],
        "run_id": run_id,
        "directory": directory.name,
        "outcome": manifest["outcome"],
        "exit_code": PUBLISHED if manifest["outcome"] == "published" else DEGRADED,
        "model_id": manifest["model_id"],
        "newest_epoch": manifest["newest_epoch"],
        "data_age_days": manifest["data_age_days"],
        "finished_at": manifest["finished_at"],
        "messages": manifest["messages"][:KEPT_MESSAGES],
    }


def note_failure(home: Path, as_of: pd.Timestamp, message: str) -> None:
    """Write that a run did not even start into ``last_attempt.json``, for the map; only where there are products."""
    if home.is_dir():
        now = datetime.now(UTC).isoformat()
        attempt = {"as_of": f"{as_of:%Y-%m-%d}", "started_at": now}
        finish_attempt(home, attempt, NOT_PUBLISHED, (message,), lambda _: None)


def start_attempt(home: Path, as_of: pd.Timestamp, started: datetime) -> dict[str, Any]:
    """Write that a run is at work into ``last_attempt.json`` and return what was written."""
    attempt = {"as_of": f"{as_of:%Y-%m-%d}", "started_at": started.isoformat(), "outcome": "running"}
    write_json(home / "last_attempt.json", attempt)
    return attempt


def finish_attempt(
    home: Path, attempt: Mapping[str, Any], exit_code: int, messages: Sequence[str], say: Callable[[str], None]
) -> None:
    """Write how a run ended into ``last_attempt.json``; where that fails it is said and nothing more."""
    done = {
        "finished_at": datetime.now(UTC).isoformat(),
        "outcome": {PUBLISHED: "published", DEGRADED: "degraded"}.get(exit_code, "failed"),
        "exit_code": exit_code,
        "message": "; ".join(messages[:KEPT_MESSAGES]),
    }
    try:
        write_json(home / "last_attempt.json", {**attempt, **done})
    except OSError as error:
        say(f"how the run ended could not be written to {home / 'last_attempt.json'}: {error}")
