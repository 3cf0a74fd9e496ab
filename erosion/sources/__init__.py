"""Observations of a region: each source is read by the driver its catalogue entry names."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from erosion.catalog import GaugeCsv, RasterFolder, Skipped, SourceError, load_source
from erosion.contracts import GAUGE_COLUMNS, check_gauges, check_water
from erosion.sources import gauge_csv, raster_folder

if TYPE_CHECKING:
    import xarray as xr

    from erosion.region import Region

__all__ = ["Skipped", "SourceError", "read_gauges", "read_water"]

WATER_DRIVERS: Final[dict[str, Callable[..., Any]]] = {"raster_folder": raster_folder.read_water}
GAUGE_DRIVERS: Final[dict[str, Callable[..., Any]]] = {"gauge_csv": gauge_csv.read_gauge}


def read_water(region: Region, as_of: pd.Timestamp | str) -> tuple[xr.Dataset, list[Skipped]]:
    """Read every water observation of a region that could be had at ``as_of``.

    Parameters
    ----------
    region
        Region whose ``water`` sources are read.
    as_of
        Date of the product.

    Returns
    -------
    water : xarray.Dataset
        See :func:`erosion.sources.raster_folder.read_water`; where two sources have the same date the one with the
        smaller ``geo_rmse_m`` stands.
    skipped : list of Skipped
        What was left out and why.

    Raises
    ------
    SourceError
        Where no source gave a usable observation.
    """
    import xarray as xr

    sources = [load_source(name, region.path) for name in region.water]
    assert all(isinstance(source, RasterFolder) for source in sources)
    if len(sources) == 1:
        water, skipped = WATER_DRIVERS[sources[0].driver](sources[0], region, as_of)
        return check_water(water), skipped
    batches = [raster_folder.collect(source, region, as_of) for source in sources if isinstance(source, RasterFolder)]
    skipped = [left_out for batch in batches for left_out in batch.skipped]
    grid = raster_folder.common_grid([scene for batch in batches for scene in batch.scenes], region, batches)
    parts = []
    for batch in batches:
        if not batch.scenes:
            continue
        try:
            part, more = raster_folder.assemble(batch, region, grid)
        except SourceError as err:  # one source may fail where another one stands
            skipped.append(Skipped(batch.source.name, str(err)))
            continue
        skipped += more
        parts.append(part)
    if not parts:
        raise SourceError("; ".join(f"{left_out.scene}: {left_out.reason}" for left_out in skipped))
    water = xr.concat(
        parts, dim="epoch", combine_attrs="drop_conflicts", join="exact", coords="minimal", compat="equals"
    )
    order = np.lexsort((water["geo_rmse_m"].values, water["epoch"].values))
    water = water.isel(epoch=order)
    twice = water.indexes["epoch"].duplicated()
    for i in np.flatnonzero(twice):
        day = str(water["epoch"].values[i])[:10]
        skipped.append(Skipped(str(water["scene_id"].values[i]), f"another source has a sharper observation of {day}"))
    water = water.isel(epoch=np.flatnonzero(~twice))
    water.attrs["source_ids"] = list(region.water)
    water.attrs["history"] = "; ".join(part.attrs["history"] for part in parts)
    water.attrs["content_hash"] = raster_folder.joint_hash([part.attrs["content_hash"] for part in parts])
    return check_water(water), skipped


def read_gauges(region: Region, as_of: pd.Timestamp | str) -> tuple[pd.DataFrame, list[Skipped]]:
    """Read every gauge value of a region that could be had at ``as_of``.

    A gauge that cannot be read is listed and the others go on: the forecast can do without one.

    Parameters
    ----------
    region
        Region whose ``gauges`` sources are read; there may be none.
    as_of
        Date of the product.

    Returns
    -------
    gauges : pandas.DataFrame
        Columns of :data:`erosion.contracts.GAUGE_COLUMNS`, sorted by gauge and time.
    skipped : list of Skipped
        Lines, values and gauges that were left out and why.
    """
    tables: list[pd.DataFrame] = []
    skipped: list[Skipped] = []
    for name in region.gauges:
        source = load_source(name, region.path)
        assert isinstance(source, GaugeCsv)
        try:
            table, more = GAUGE_DRIVERS[source.driver](source, as_of)
        except SourceError as err:
            skipped.append(Skipped(name, str(err)))
            continue
        tables.append(table)
        skipped += more
    gauges = pd.concat(tables, ignore_index=True) if tables else gauge_csv.empty_table()
    return check_gauges(
        gauges.loc[:, list(GAUGE_COLUMNS)].sort_values(["gauge_id", "time"], ignore_index=True)
    ), skipped
