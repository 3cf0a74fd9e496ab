"""Rewrite the column tables of the products page: ``python -m erosion.publish docs/products.md``."""

import sys
from pathlib import Path

from erosion.publish.columns import with_tables

for argument in sys.argv[1:]:
    page = Path(argument)
    page.write_text(with_tables(page.read_text(encoding="utf-8")), encoding="utf-8")
