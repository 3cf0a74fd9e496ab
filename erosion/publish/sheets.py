"""The spreadsheets of a layer, one a language."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from erosion.core.contracts import SIMULATED_NOTICE
from erosion.publish import columns as words
from erosion.publish.formats.csv_table import LANGUAGES, sheet_cells, write_csv
from erosion.publish.formats.tables import Cells, number_cells


def write_sheets(
    directory: Path,
    stem: str,
    cells: Cells,
    shown: Sequence[words.Column],
    middle_lon_lat: np.ndarray,
    simulated: bool,
    seal: Callable[[str], None],
) -> None:
    """Write ``<stem>_vi.csv`` and ``<stem>_en.csv``.

    Parameters
    ----------
    directory, stem
        Where the files go, and the first part of their names.
    cells, shown
        The layer's cells and columns, ``level`` among them.
    middle_lon_lat
        Middle of each row's line, shape (n, 2) [degree].
    simulated
        Whether each row must say that the run is simulated.
    seal
        Called with the name of each finished file.
    """
    lon, lat = middle_lon_lat.T
    added: Cells = {
        words.LON.name: number_cells(lon, words.LON.decimals),
        words.LAT.name: number_cells(lat, words.LAT.decimals),
    }
    order: list[words.Column] = []
    for column in shown:
        order += [column, words.LEVEL_WORD] if column.name == "level" else [column]
    order += [words.LON, words.LAT]
    if simulated:
        order.insert(0, words.NOTICE)
        added[words.NOTICE.name] = [SIMULATED_NOTICE] * len(lon)
    sheet = {**sheet_cells(cells, shown), **added}
    for language in LANGUAGES:
        name = f"{stem}_{language}.csv"
        known = {str(level): words.level_label(level, language) for level in words.LEVEL_WORDS[language]}
        sheet[words.LEVEL_WORD.name] = [None if level is None else known[level] for level in cells["level"]]
        write_csv(directory / name, sheet, order, language)
        seal(name)
