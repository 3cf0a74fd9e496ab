"""Real satellite pictures through the whole road: rivers of Slovenia and Croatia, the Ucayali, dates with a quality band.

Run ``python benchmarks/real_pictures.py`` for the tables (Markdown on stdout); ``--write`` puts them and the pictures into
``docs/``. Everything is read from ``tests/data``; no network is asked for.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import matplotlib
from real_pictures_maps import drau_picture, narrow_picture, ucayali_picture
from real_pictures_tables import (
    DOCS,
    composite_table,
    composites_table,
    interval_table,
    intervals,
    lake_table,
    pass_table,
    process,
    quality_table,
)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put tables and pictures into docs/")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        grids = {pixel_m: process("drau", Path(folder) / f"{pixel_m:g}", pixel_m) for pixel_m in (60.0, 120.0)}
        rivers = grids[60.0]
        ucayali = process("ucayali", Path(folder))["ucayali"]
        found = intervals(ucayali)
        parts = [
            ("Drau, Mur and Sava: passes", pass_table(rivers)),
            ("Drau, Mur and Sava: composites", composites_table(grids)),
            ("Lakes, km²", lake_table(rivers["drau"])),
            ("Ucayali: composites", composite_table(ucayali)),
            (
                "Ucayali: retreat in m a year, and land lost; outer and inner banks: land that had stood for five years",
                interval_table(found, ucayali),
            ),
            ("Landsat with Fmask", quality_table()),
        ]
        text = "\n\n".join(f"### {title}\n\n{part}" for title, part in parts)
        print(text)
        if options.write:
            matplotlib.use("Agg")
            page = DOCS / "real-pictures.md"
            head = page.read_text(encoding="utf-8").split("<!-- figures -->")[0]
            page.write_text(f"{head}<!-- figures -->\n\n{text}\n", encoding="utf-8")
            drau_picture(rivers["drau"], DOCS / "real-drau.png")
            narrow_picture(rivers, DOCS / "real-narrow.png")
            ucayali_picture(ucayali, found, DOCS / "real-ucayali.png")


if __name__ == "__main__":
    main()
