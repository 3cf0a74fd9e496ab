"""Observations of a region: each source is read by the driver its catalogue entry names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from erosion.config.drivers import driver
from erosion.config.store import store_of
from erosion.core.contracts import check_water
from erosion.core.errors import Skipped, SourceError
from erosion.satellite.corridor import Corridor, corridor_of
from erosion.water.masks import raster_folder
from erosion.water.scenes.refresh import refresh
from erosion.water.seasons.composites import read_composites

if TYPE_CHECKING:
    import pandas as pd

    from erosion.config.entry import Entry
    from erosion.config.region import Region


def fetch_scenes(
    region: Region,
    as_of: pd.Timestamp | str,
    *,
    full: bool = False,
    new_reference: bool = False,
) -> list[Skipped]:
    """Return what could not be used while the scene store of a reach was brought up to a date: what is new is fetched and
    classified, what is there stays.

    Parameters
    ----------
    region
        A region of one reach, with scene sources.
    as_of
        Scenes that became available later are not fetched.
    full
        Search all years again, not only the last weeks.
    new_reference
        Make the reference anew, and every pass with it.

    Returns
    -------
    list of Skipped
        Scenes that could not be had or not be used, and why; that another process is at work on the store.

    Raises
    ------
    SourceError
        Where the corridor cannot be made.
    """
    corridor = corridor_of(region)
    return refresh(region, corridor, store_of(region), as_of, full=full, new_reference=new_reference)


def read_water(region: Region, as_of: pd.Timestamp | str, gauges: pd.DataFrame) -> tuple[xr.Dataset, list[Skipped]]:
    """Return every water observation of a reach that could be had at ``as_of``.

    Masks are read from their files, scenes from the store that :func:`fetch_scenes` fills.

    Parameters
    ----------
    region
        A region of one reach, from :meth:`Region.by_reach`, whose ``water`` sources are read.
    as_of
        Date of the product.
    gauges
        Checked gauge series of the region (:func:`erosion.gauges.series.read`); scenes are chosen by their stages.

    Returns
    -------
    water : xarray.Dataset
        See :func:`erosion.water.masks.raster_folder.read_water`; where two sources have the same date the one with the
        smaller ``geo_rmse_m`` stands.
    skipped : list of Skipped
        What was left out and why.

    Raises
    ------
    SourceError
        Where no source gave a usable observation.
    """
    masks = region.mask_sources
    if len(masks) == 1 and not region.scene_sources:
        water, skipped = driver(masks[0].driver).read_water(masks[0], region, as_of)
        return check_water(water), skipped
    parts: list[xr.Dataset] = []
    skipped = []
    corridor = None
    if region.scene_sources:
        corridor = corridor_of(region)
        try:
            part, more = read_composites(region, corridor, store_of(region), as_of, gauges)
        except SourceError as err:  # one source may fail where another one stands
            skipped.append(Skipped("scenes", str(err)))
        else:
            parts.append(part)
            skipped += more
    if masks:
        more_parts, more = _read_masks(masks, region, as_of, corridor)
        parts += more_parts
        skipped += more
    if not parts:
        raise SourceError("; ".join(f"{left_out.scene}: {left_out.reason}" for left_out in skipped))
    water, more = _join(parts)
    water.attrs["source_ids"] = list(region.water)
    return check_water(water), [*skipped, *more]


def absent_masks(region: Region) -> list[Skipped]:
    """Return the notes on optional mask sources whose folder is not there; an attempt lists them, no observation is missing."""
    return [source.left_out for source in region.mask_sources if source.left_out is not None]


def read_reaches(
    region: Region, as_of: pd.Timestamp | str, gauges: pd.DataFrame
) -> tuple[dict[str, xr.Dataset], dict[str, list[Skipped]]]:
    """Return the water of every reach of a region; see :func:`read_water`.

    Returns
    -------
    tuple
        Name of each reach of which there is an observation to its water, and of every reach to what was left out: the
        whole reach where there is none.

    Raises
    ------
    SourceError
        Where no reach has a usable observation.
    """
    waters: dict[str, xr.Dataset] = {}
    skipped: dict[str, list[Skipped]] = {}
    for one in region.by_reach():
        name = one.reach.name
        try:
            waters[name], skipped[name] = read_water(one, as_of, gauges)
        except SourceError as err:
            if not one.neighbours:
                raise
            skipped[name] = [Skipped(name, str(err))]
    if not waters:
        raise SourceError("; ".join(f"{item.scene}: {item.reason}" for items in skipped.values() for item in items))
    return waters, skipped


def together(found: Mapping[str, Sequence[Skipped]]) -> list[Skipped]:
    """Return what was left out of several reaches, each thing once, with the reaches it concerns where not all of them.

    Parameters
    ----------
    found
        Name of each reach to what was left out of it.
    """
    reaches: dict[Skipped, list[str]] = {}
    for reach, items in found.items():
        for item in dict.fromkeys(items):
            reaches.setdefault(item, []).append(reach)
    return [
        item if len(names) == len(found) else item._replace(reason=f"{', '.join(names)}: {item.reason}")
        for item, names in reaches.items()
    ]


def _read_masks(
    masks: Sequence[Entry], region: Region, as_of: pd.Timestamp | str, corridor: Corridor | None
) -> tuple[list[xr.Dataset], list[Skipped]]:
    """Return several folders of masks on one grid, that of their own pixels where there are no scenes."""
    batches: list[raster_folder.Batch] = [driver(source.driver).collect(source, region, as_of) for source in masks]
    skipped = [left_out for batch in batches for left_out in batch.skipped]
    if corridor is None:
        grid, corridor = raster_folder.frame_of(batches, region)
    else:
        grid = corridor.grid
    parts = []
    for batch in batches:
        if not batch.scenes:
            continue
        try:
            part, more = raster_folder.assemble(batch, region, grid, corridor)
        except SourceError as err:
            skipped.append(Skipped(batch.source.name, str(err)))
            continue
        skipped += more
        parts.append(part)
    return parts, skipped


def _join(parts: Sequence[xr.Dataset]) -> tuple[xr.Dataset, list[Skipped]]:
    """Return water products on one grid in order of time; of two of one date the sharper one stands."""
    skipped: list[Skipped] = []
    if len(parts) == 1:
        return parts[0], skipped
    shared = set.intersection(*(set(part.variables) for part in parts))
    water = xr.concat(
        [
            part[[name for name in part.data_vars if name in shared]].drop_vars(set(part.coords) - shared)
            for part in parts
        ],
        dim="epoch",
        combine_attrs="drop_conflicts",
        join="exact",
        coords="minimal",
        compat="equals",
    )
    order = np.lexsort((water["geo_rmse_m"].values, water["epoch"].values))
    water = water.isel(epoch=order)
    twice = water.indexes["epoch"].duplicated()
    for i in np.flatnonzero(twice):
        day = str(water["epoch"].values[i])[:10]
        skipped.append(Skipped(str(water["scene_id"].values[i]), f"another source has a sharper observation of {day}"))
    water = water.isel(epoch=np.flatnonzero(~twice))
    water.attrs["history"] = "; ".join(part.attrs["history"] for part in parts)
    water.attrs["content_hash"] = raster_folder.joint_hash([part.attrs["content_hash"] for part in parts])
    return water, skipped
