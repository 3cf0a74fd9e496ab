"""Score forecasts on rivers never trained on, with and without simulated rivers among the others.

Every exercise holds out each of its rivers in turn; see :mod:`erosion.forecast.evaluation.rivers`.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pandas as pd

from erosion.core.logs import log_to_console
from erosion.forecast.evaluation.rivers import evaluate_rivers, read_rivers, stretch_of, table
from erosion.forecast.rivers import River
from erosion.simulate.rivers import make_rivers

OBSERVED: Final = ("mamore", "athabasca")
HALVES: Final = {"mamore:0-95": (0.0, 95.0), "mamore:107-300": (107.0, 300.0)}
"""Two stretches of the Mamoré with 12 km of river between them: more than the buffer of the evaluation in space."""

SHOWN: Final = ("model", "logistic", "last_year", "climatology")
PAGE: Final = Path(__file__).resolve().parents[1] / "docs" / "evaluation" / "rivers.md"
MARK: Final = "<!-- scores -->"


def read(folder: Path, until: pd.Timestamp) -> list[River]:
    """Return the rows of the observed rivers and of simulated ones that are made in a folder."""
    return read_rivers([*OBSERVED, *(str(file) for file in make_rivers(folder / "rivers"))], until)


def exercises(rivers: Sequence[River], draws: int) -> list[dict[str, Any]]:
    """Return the records of every exercise, with its name as ``exercise``.

    Simulated rivers are learnt from and not scored: how well one is forecast says nothing of a real river.
    """
    mamore, athabasca, *made = rivers
    halves = [stretch_of(mamore, name, *span) for name, span in HALVES.items()]
    records = []
    for name, taking_part, held in (
        ("observed rivers alone", [mamore, athabasca], OBSERVED),
        ("with simulated rivers", [mamore, athabasca, *made], OBSERVED),
        ("halves of the Mamoré, observed rivers alone", [*halves, athabasca], tuple(HALVES)),
        ("halves of the Mamoré, with simulated rivers", [*halves, athabasca, *made], tuple(HALVES)),
    ):
        scores = evaluate_rivers(taking_part, held=held, draws=draws)
        records += [{"exercise": name} | record for record in scores if _kept(record)]
    return records


def _kept(record: dict[str, Any]) -> bool:
    """Return whether a record is kept: reliability and the rows beside cutoffs would fill a file of three megabytes."""
    return record["subset"] in ("all", "onset") and not record["metric"].startswith("reliability")


def report(records: Sequence[dict[str, Any]]) -> str:
    """Return the tables of the page."""
    shown = [record for record in records if record["model"] in SHOWN]
    lines = []
    for name in dict.fromkeys(record["exercise"] for record in shown):
        mine = [record for record in shown if record["exercise"] == name]
        lines += [f"## {name[0].upper()}{name[1:]}", "", table(mine), ""]
        lines += ["Onset: quiet so far, on the outer side of the bend upstream.", "", table(mine, "onset"), ""]
    return "\n".join(lines)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--until", type=pd.Timestamp, default=pd.Timestamp("2021-12-31"), help="YYYY-MM-DD")
    parser.add_argument("--draws", type=int, default=200, help="bootstrap draws (default %(default)s)")
    parser.add_argument("--write", action="store_true", help="put records and tables into docs/evaluation")
    options = parser.parse_args()
    log_to_console()
    with tempfile.TemporaryDirectory() as folder:
        rivers = read(Path(folder), options.until)
    records = exercises(rivers, options.draws)
    text = report(records)
    print(text)
    if options.write:
        PAGE.with_suffix(".json").write_text(json.dumps(records, indent=0) + "\n", encoding="utf-8")
        head = PAGE.read_text(encoding="utf-8").split(MARK)[0]
        PAGE.write_text(f"{head}{MARK}\n\n{text}", encoding="utf-8")


if __name__ == "__main__":
    main()
