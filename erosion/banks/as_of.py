"""What was known about a reach on a date, for training and for tonight's run alike."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from affine import Affine
from numpy.typing import NDArray

from erosion.banks.cells import CellStates, observe_cells
from erosion.banks.knowledge import Knowledge
from erosion.banks.measuring import measure_banks
from erosion.banks.segments import Baseline, cut_baseline
from erosion.config.region import Region
from erosion.core.contracts import as_of_instant, known_at
from erosion.core.raster.grid import Grid
from erosion.core.scheduler import threads_unless_cluster


class NothingKnownError(ValueError):
    """No observation of the banks was available on the date."""


def issue_dates(water: xr.Dataset) -> pd.DatetimeIndex:
    """Return the dates on which a new observation of the banks became available, ascending, at midnight UTC."""
    return pd.DatetimeIndex(water["available_at"].to_numpy()).normalize().unique().sort_values()


def water_known(water: xr.Dataset, as_of: pd.Timestamp) -> xr.Dataset:
    """Return the epochs that could be had on a date.

    Raises
    ------
    NothingKnownError
        If there is none.
    """
    known = water.isel(epoch=np.flatnonzero(known_at(water["available_at"].to_numpy(), as_of)))
    if known.sizes["epoch"] == 0:
        first = pd.Timestamp(water["available_at"].to_numpy().min())
        raise NothingKnownError(
            f"nothing was known on {as_of:%Y-%m-%d}; the first observation became available on {first:%Y-%m-%d}"
        )
    return known


def grid_of(water: xr.Dataset) -> Grid:
    """Return the pixel grid of a water product."""
    return Grid(water.attrs["crs"], Affine(*water.attrs["transform"]), water.sizes["x"], water.sizes["y"])


def baseline_on(region: Region, water: xr.Dataset, as_of: pd.Timestamp) -> Baseline:
    """Return the baseline cut from the newest mask known on a date.

    Pixels the newest mask does not show are taken from the last one that does; the edge of what no mask shows is no bank.

    Raises
    ------
    NothingKnownError
        If no mask was known.
    ChannelError
        If no river can be traced in it.
    """
    known = water_known(water, as_of)
    newest = _newest_fraction(known)
    version = f"{known['epoch'].to_numpy()[-1]:.10}"
    return cut_baseline(newest >= 0.5, grid_of(water), region, version, np.isnan(newest))


def observe_region(region: Region, water: xr.Dataset, baseline: Baseline) -> CellStates:
    """Return the river share of a baseline's cells at every epoch of a water product."""
    return observe_cells(water, baseline, min_island_m2=region.segments.min_island_m2)


def knowledge_on(
    region: Region, baseline: Baseline, states: CellStates, gauges: pd.DataFrame, as_of: pd.Timestamp
) -> Knowledge:
    """Return what was known on a date; nothing later than the baseline's own epoch enters.

    Parameters
    ----------
    region
        A region of one reach.
    baseline
        Baseline of that date, from :func:`baseline_on`.
    states
        Cells of that baseline; may hold later epochs, which are left out here.
    gauges
        Gauge series; may hold later values, which are left out here.
    as_of
        The date.
    """
    banks = measure_banks(states.until(pd.Timestamp(baseline.version)), baseline)
    known = gauges[known_at(gauges["available_at"], as_of)] if len(gauges) else gauges
    gauge_id = next((source.gauge_id for source in region.gauge_sources_of(region.reach)), None)
    return Knowledge(baseline, banks, known, gauge_id, as_of)


def data_age_days(baseline: Baseline, as_of: pd.Timestamp) -> int:
    """Return the age of the newest observation of the banks on a date, in whole days."""
    return int((as_of_instant(as_of).tz_localize(None) - pd.Timestamp(baseline.version)).days)


def _newest_fraction(water: xr.Dataset) -> NDArray[np.float32]:
    """Return the newest share of water of each pixel, NaN where no epoch shows it, shape (rows, columns)."""
    with threads_unless_cluster():
        newest = water["water_fraction"].isel(epoch=-1).to_numpy()
        missing = np.isnan(newest)
        for back in range(2, water.sizes["epoch"] + 1):
            if not missing.any():
                break
            older = water["water_fraction"].isel(epoch=-back).to_numpy()
            newest = np.where(missing, older, newest)
            missing = np.isnan(newest)
    return np.asarray(newest)
