"""The drivers: what reads a source, by the name that its catalogue entry gives."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

DRIVERS: Final[dict[str, str]] = {
    # water masks
    "raster_folder": "erosion.water.masks.raster_folder",
    # satellite scenes
    "stac": "erosion.satellite.stac",
    "scene_folder": "erosion.satellite.scene_folder",
    # gauges
    "gauge_files": "erosion.gauges.drivers.gauge_files",
    "mrc_export": "erosion.gauges.drivers.mrc_export",
    "altimetry": "erosion.gauges.drivers.altimetry",
    "mrc_telemetry": "erosion.gauges.drivers.mrc_telemetry",
    "mrc_forecast": "erosion.gauges.drivers.mrc_forecast",
    "vndms": "erosion.gauges.drivers.vndms",
    "open_meteo_flood": "erosion.gauges.drivers.open_meteo_flood",
    "glofas": "erosion.gauges.drivers.glofas",
    "usgs": "erosion.gauges.drivers.usgs",
    "hydrocron": "erosion.gauges.drivers.hydrocron",
    "nasa_power": "erosion.gauges.drivers.nasa_power",
    "rain_grid": "erosion.gauges.drivers.rain_grid",
}
"""Name of each driver -> its module; see :func:`driver`. A further driver is a module and a line here."""


def driver(name: str) -> Any:
    """Return the module of a driver.

    Every one has ``ENTRY``, the type of its catalogue entries (:class:`erosion.config.entry.Entry`), and the functions that
    read its kind of source: masks ``collect(source, region, as_of) -> Batch``; scenes ``find_passes`` and ``load_pass``; gauges
    ``read(source, asked) -> Reading``. It is imported when a source first names it: drivers stand above this package, and a
    region loads only those it uses.

    Raises
    ------
    KeyError
        Where there is no driver of the name.
    """
    return import_module(DRIVERS[name])
