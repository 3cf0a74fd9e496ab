"""Published files of a run: one writer a format, all fed from the same typed table.

>>> from erosion.publish import write_all  # doctest: +SKIP
>>> write_all(directory, {"1y": layer}, history, region, {"licence": "..."})  # doctest: +SKIP
"""

from erosion.publish.bands import retreat_band
from erosion.publish.errors import ExportError
from erosion.publish.run import RegionLike, write_all

__all__ = ["ExportError", "RegionLike", "retreat_band", "write_all"]
