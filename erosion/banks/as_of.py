"""What was known about a reach on a date, for training and for tonight's run alike."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from affine import Affine
from numpy.typing import NDArray

from erosion.banks.cells import CellStates, observe_cells
from erosion.banks.channel import pixels_in, river_runs
from erosion.banks.knowledge import Knowledge
from erosion.banks.measuring import measure_banks
from erosion.banks.segments import Baseline, cut_baseline
from erosion.config.region import Region
from erosion.core.contracts import as_of_instant, known_at
from erosion.core.errors import Skipped
from erosion.core.raster.grid import Grid
from erosion.core.scheduler import threads_unless_cluster

WHOLE_SHARE = 0.9
"""Share of the usual that a river must be connected, for its epoch to be valid."""

MOST_WATER = 2.0
"""An epoch in which the river fills more than this many times its usual share shows no banks. On 31 years of the Mamoré, floods and
droughts among them, the share stays between 0.7 and 1.3 times the usual."""


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


def valid_epochs(water: xr.Dataset) -> tuple[xr.Dataset, list[Skipped]]:
    """Return the epochs without those whose river is in pieces where it used to be whole or flooded far beyond its banks.

    Stripes of a failed scan line corrector or unmasked cloud cut the river of a mask into pieces and would read as
    land gained and lost. An epoch is left out when less of its water is connected than 90 % of what is usual in the
    valid epochs before it. A flooded mask, one all of water or with water and land swapped is connected and would read
    as every bank lost: an epoch is left out, too, when more than twice the usual share of what it shows is river; flooded
    fields apart from the river do not count. Later epochs have no part in it, so a decision once taken stands. Too little
    water leaves nothing out, or a first mask all of water would make every good one after it invalid.

    Returns
    -------
    tuple
        The valid epochs, and what was left out and why.
    """
    import dask.array as da  # heavy; it loads while the masks are read

    def shares_of(block: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the share of the water that is connected, and the share of what was seen that is river, shape (epoch, 2, 1)."""
        shares = []
        for image in block:
            runs, keep = river_runs(~(image < 0.5))  # what was not seen may be river and cuts nothing
            unseen = int(np.isnan(image).sum())
            water = pixels_in(image >= 0.5, runs) if unseen else runs.area
            river = int(water[keep].sum())
            shares.append((river / max(int(water.sum()), 1), river / max(image.size - unseen, 1)))
        return np.array(shares).reshape(-1, 2, 1)

    images = da.asarray(water["water_fraction"].data).rechunk({0: 1, 1: -1, 2: -1})
    with threads_unless_cluster():
        shares = images.map_blocks(shares_of, dtype=float, chunks=(images.chunks[0], (2,), (1,))).compute()
    valid: list[int] = []
    skipped = []
    for i, (whole, wet) in enumerate(shares[..., 0]):
        usual_whole, usual_wet = np.median(shares[valid, :, 0], axis=0) if valid else (whole, wet)
        if wet > MOST_WATER * usual_wet:
            reason = (
                f"{wet:.0%} of what was seen is river, usual are {usual_wet:.0%}; a flood, or water and land swapped in "
                "this mask?"
            )
        elif whole < WHOLE_SHARE * usual_whole:
            reason = (
                f"the river is in pieces: {whole:.0%} of the water is connected, usual are {usual_whole:.0%}; "
                "stripes, clouds or a wrong threshold in this mask?"
            )
        else:
            valid.append(i)
            continue
        skipped.append(Skipped(str(water["scene_id"].to_numpy()[i]), reason))
    return water.isel(epoch=valid), skipped


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
