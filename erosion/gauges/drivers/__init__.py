"""Drivers of gauges: one small file each with a function ``read(source, asked) -> Reading``, and the registry of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from erosion.config.gauges import (
    Altimetry,
    GaugeFiles,
    GaugeSource,
    Glofas,
    Hydrocron,
    MrcExport,
    MrcForecast,
    MrcTelemetry,
    NasaPower,
    OpenMeteoFlood,
    RainGrid,
    Usgs,
    Vndms,
)
from erosion.gauges.drivers import (
    altimetry,
    gauge_files,
    glofas,
    hydrocron,
    mrc_export,
    mrc_forecast,
    mrc_telemetry,
    nasa_power,
    open_meteo_flood,
    rain_grid,
    usgs,
    vndms,
)
from erosion.gauges.formats.reading import Asked, Reading

__all__ = ["READERS", "Asked", "Reading", "read"]

READERS: Final[Mapping[type[GaugeSource], Callable[[Any, Asked], Reading]]] = {
    GaugeFiles: gauge_files.read,
    MrcExport: mrc_export.read,
    Altimetry: altimetry.read,
    MrcTelemetry: mrc_telemetry.read,
    MrcForecast: mrc_forecast.read,
    Vndms: vndms.read,
    OpenMeteoFlood: open_meteo_flood.read,
    Glofas: glofas.read,
    Usgs: usgs.read,
    Hydrocron: hydrocron.read,
    NasaPower: nasa_power.read,
    RainGrid: rain_grid.read,
}
"""Type of a catalogue entry to the function that reads its source."""


def read(source: GaugeSource, asked: Asked) -> Reading:
    """Reading of a source by the driver of its type; see :mod:`erosion.gauges.formats.reading`."""
    return READERS[type(source)](source, asked)
