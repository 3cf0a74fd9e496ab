"""Words of published files: their texts are what older files and the ledger hold."""

from __future__ import annotations

import json

import pandas as pd
import pyarrow as pa

from erosion.core.vocabulary import (
    EXIT_CODES,
    ChangeKind,
    ForecastOutcome,
    HydrographKind,
    RunOutcome,
    TermState,
    WarningState,
)


def test_outcomes_of_runs_are_the_texts_of_published_files() -> None:
    assert [str(outcome) for outcome in RunOutcome] == ["published", "degraded", "failed", "running"]
    assert json.dumps({"outcome": RunOutcome.DEGRADED}) == '{"outcome": "degraded"}'
    assert json.loads('"failed"') == RunOutcome.FAILED
    assert (pd.Series(["failed", "published"]) == RunOutcome.FAILED).tolist() == [True, False]


def test_exit_codes_are_those_of_the_handbook() -> None:
    """0 fine, 1 not published, 2 degraded; a run at work has none."""
    assert {str(outcome): code for outcome, code in EXIT_CODES.items()} == {"published": 0, "failed": 1, "degraded": 2}


def test_states_and_changes_of_warnings_are_the_texts_the_ledger_checks() -> None:
    """The CHECK constraints of the first version of its tables."""
    assert [str(state) for state in WarningState] == ["open", "closed"]
    assert {str(kind) for kind in ChangeKind} == {"issued", "raised", "lowered", "moved", "unknown", "closed"}


def test_states_of_trigger_terms_are_the_texts_of_the_layers() -> None:
    assert json.dumps(list(TermState)) == '["known", "old", "unknown"]'


def test_outcomes_of_forecasts_and_kinds_of_series_are_the_texts_of_the_tables() -> None:
    assert [str(outcome) for outcome in ForecastOutcome] == ["hit", "miss", "false_alarm", "quiet", "unknown"]
    assert [str(kind) for kind in HydrographKind] == ["observed", "forecast", "last_year", "usual"]
    assert pa.array([ForecastOutcome.HIT, HydrographKind.USUAL]).to_pylist() == ["hit", "usual"]
