"""``hydrograph.parquet`` and ``gauges.json``: the gauges of a run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from erosion.core.contracts import SIMULATED_NOTICE
from erosion.core.files import sha256_of, write_json
from erosion.publish.errors import writing

TABLE = "hydrograph.parquet"
FACTS = "gauges.json"


def write_gauges(directory: Path, table: pd.DataFrame, facts: Mapping[str, Any], *, simulated: bool) -> dict[str, str]:
    """Return the files written of what :func:`erosion.gauges.hydrograph.hydrograph` returns.

    Parameters
    ----------
    directory
        Directory of the run.
    table, facts
        Rows of the days, and what is published of each gauge.
    simulated
        Whether the water levels were made up; both files then say so.

    Returns
    -------
    dict
        Name of each file to the SHA-256 of its bytes.

    Raises
    ------
    ExportError
        If a file cannot be written.
    """
    about = {"simulated": "true" if simulated else "false"} | ({"notice": SIMULATED_NOTICE} if simulated else {})
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    arrow = arrow.replace_schema_metadata({**(arrow.schema.metadata or {}), **about})
    with writing(directory / TABLE):
        pq.write_table(arrow, directory / TABLE, compression="zstd")
    with writing(directory / FACTS):
        write_json(directory / FACTS, {**about, "simulated": simulated, **facts})
    return {name: sha256_of(directory / name) for name in (TABLE, FACTS)}
