"""Drivers of gauges: one small file each, named like the driver, with a function ``read(source, asked) -> Reading``."""

from __future__ import annotations

from importlib import import_module

from erosion.config.gauges import GaugeSource
from erosion.gauges.formats.reading import Asked, Reading

__all__ = ["Asked", "Reading", "read"]


def read(source: GaugeSource, asked: Asked) -> Reading:
    """Ask the driver that an entry names; see :mod:`erosion.gauges.formats.reading`."""
    # A night imports only the drivers that its region uses.
    reading: Reading = import_module(f"{__name__}.{source.driver}").read(source, asked)
    return reading
