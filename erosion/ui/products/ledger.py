"""Warnings and runs from the ledger; every page goes on without it, and shows why it cannot be read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pandas as pd
import streamlit as st

from erosion.alerts import ledger
from erosion.ui.products.reading import stamp

T = TypeVar("T")


def ledger_problem(folder: Path, region: str) -> str | None:
    """Return why the ledger cannot be read, None where it can or there is none."""
    try:
        _of_ledger(folder, _open_warnings, region)
    except ledger.LedgerError as error:
        return str(error)
    return None


def read_changes(folder: Path, run_id: str, target: str) -> pd.DataFrame | None:
    """Return how warnings of a target changed in a run, None where the ledger is missing or cannot say."""
    table = ledger_or_none(folder, _ledger_changes, run_id)
    return None if table is None else table[table["target"] == target]


def read_warning_history(folder: Path, event_id: str) -> pd.DataFrame | None:
    """Return every change of a warning in order, None where the ledger is missing or does not know the warning."""
    return ledger_or_none(folder, _warning_history, event_id)


def count_open_warnings(folder: Path, region: str) -> int | None:
    """Return how many warnings of a region are open now, None where the ledger is missing or cannot be read."""
    return ledger_or_none(folder, _open_warnings, region)


def read_recent_runs(folder: Path, region: str) -> pd.DataFrame | None:
    """Return the newest runs of a region, failed ones too, None where the ledger is missing or cannot be read."""
    return ledger_or_none(folder, _recent_runs, region)


@st.cache_data(max_entries=60, show_spinner=False)
def _ledger_changes(path: str, changed_ns: int, run_id: str) -> pd.DataFrame:
    return ledger.read_ledger(Path(path), lambda engine: ledger.changes_since_previous(engine, run_id))


@st.cache_data(max_entries=200, show_spinner=False)
def _warning_history(path: str, changed_ns: int, event_id: str) -> pd.DataFrame:
    return ledger.read_ledger(Path(path), lambda engine: ledger.history(engine, event_id))


@st.cache_data(max_entries=12, show_spinner=False)
def _open_warnings(path: str, changed_ns: int, region: str) -> int:
    return ledger.read_ledger(Path(path), lambda engine: len(ledger.open_warnings(engine, region)))


@st.cache_data(max_entries=12, show_spinner=False)
def _recent_runs(path: str, changed_ns: int, region: str) -> pd.DataFrame:
    return ledger.read_ledger(Path(path), lambda engine: ledger.recent_runs(engine, region).drop(columns="manifest"))


def _of_ledger(folder: Path, question: Callable[[str, int, str], T], about: str) -> T | None:
    path = folder / "ledger.sqlite"
    return question(str(path), ledger_stamp(path), about) if path.is_file() else None


def ledger_or_none(folder: Path, question: Callable[[str, int, str], T], about: str) -> T | None:
    """Return the answer of the ledger beside the products, None where there is none or it cannot be read or say."""
    try:
        return _of_ledger(folder, question, about)
    except ledger.LedgerError:
        return None  # every page shows ledger_problem in a banner, and the products without the ledger


def ledger_stamp(path: Path) -> int:
    """Return when the ledger last changed; SQLite writes to a file beside it first."""
    return max(stamp(path), stamp(path.with_name(f"{path.name}-wal")))
