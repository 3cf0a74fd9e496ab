"""``erosion check REGION``: read everything a region would be run on, without running anything.

A problem has to be mended before a run can be trusted; a warning is worth attention. Both are gathered, so that one check
reports all.
"""

from __future__ import annotations

import difflib
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from pyproj import Transformer

from erosion.banks.epochs.valid import accepted_scenes, newer_and_older, short_reach, valid_epochs
from erosion.banks.record import thin_record
from erosion.config.drivers import driver
from erosion.config.entry import Entry
from erosion.config.gauges import GaugeSource, WebGauge, on_zero, zero_of
from erosion.config.problems import CatalogError
from erosion.config.region import Region, load_region
from erosion.config.scenes import SceneSource
from erosion.config.store import store_of
from erosion.core.dates import date_in_name
from erosion.core.errors import Skipped, SourceError
from erosion.core.files import files_digest
from erosion.core.folder import files_in
from erosion.core.raster.geotiff import open_geotiff
from erosion.forecast.evaluation.attached import EvaluationError, evaluation_file, lines, read_evaluation
from erosion.forecast.model import FeatureMismatchError
from erosion.forecast.release import ReleaseError, find_release, load_release, models_of, regions_of
from erosion.gauges.combine import other_zero
from erosion.gauges.series import series_of
from erosion.gauges.store import KEY
from erosion.nightly.check_report import GaugeFound, LayerFound, Report, ScenesFound, WaterFound
from erosion.places.reading import counts, read_places
from erosion.satellite.corridor import Corridor, corridor_of
from erosion.satellite.stac_entry import StacCollection
from erosion.water.masks import raster_folder
from erosion.water.masks.entry import RasterFolder
from erosion.water.masks.mask_file import ground_pixel_m
from erosion.water.masks.raster_folder import Batch
from erosion.water.scenes.pass_records import read_records

GAP_FACTOR: Final = 1.5
"""An interval longer than this many cadences is a gap."""

AREA_FACTOR: Final = 1.5
"""A scene with this many times more or less water than the median scene is a warning: flood, ice, another season."""

UPSTREAM_M: Final = 3000.0
"""Farther from the newest water than this, ``upstream`` is hardly the end of this river."""

MAX_DISCHARGE: Final = 400_000.0
"""No river on Earth carries more [m3/s]; the Amazon's highest is about 300,000."""

_FOR_EVER: Final = pd.Timestamp("2200-01-01")


def check(name_or_path: str | Path) -> Report:
    """Return what a region, by name or path, would be run on; mistakes in its files become problems of the report.

    Parameters
    ----------
    name_or_path
        See :func:`erosion.config.region.load_region`.

    Returns
    -------
    Report
    """
    try:
        region = load_region(name_or_path)
    except CatalogError as err:
        return Report(str(name_or_path), str(name_or_path), problems=list(err.problems))
    return check_region(region)


def check_region(region: Region) -> Report:
    """Return what every file of a region holds, read one at a time; nothing is raised for bad data."""
    report = Report(region.name, str(region.path))
    for one in region.by_reach():
        reach = one.reach.name if one.neighbours else ""
        used: list[pd.Timestamp] = []
        report.water += [_check_masks(source, one, reach, report, used) for source in region.mask_sources]
        if used and not region.scene_sources and (thin := thin_record(pd.DatetimeIndex(used).unique().sort_values())):
            report.problems.append(f"{', '.join([*region.water, *([reach] if reach else [])])}: {thin}")
        if region.scene_sources:
            corridor = _corridor(one, report)
            report.scenes += [_check_scenes(source, one, reach, corridor, report) for source in region.scene_sources]
    water = [*region.mask_sources, *region.scene_sources]
    if all(source.left_out is not None for source in water):
        report.problems.append(f"{region.path}: water: every source is optional and none is there; bring one of them")
    gauges = region.gauge_sources
    for gauge in gauges:
        report.gauges.append(_check_gauge(gauge, region, report))
        zero = zero_of([other for other in gauges if other.gauge_id == gauge.gauge_id])
        if report.gauges[-1].stage_m and not on_zero(gauge, zero):
            left_out = other_zero(gauge, zero)
            report.problems.append(f"{left_out.scene}: {left_out.reason}")
    _check_places(region, report)
    _check_model(region, report)
    # Several reaches read the same files.
    report.problems = list(dict.fromkeys(report.problems))
    report.warnings = list(dict.fromkeys(report.warnings))
    report.skipped = list(dict.fromkeys(report.skipped))
    report.past = list(dict.fromkeys(report.past))
    return report


def _check_places(region: Region, report: Report) -> None:
    """Report what each reference layer has along the river; a run goes on without what cannot be read."""
    if region.places is None:
        return
    places = read_places(region)
    inside = counts(places)
    for kind, entry in region.places.given.items():
        name = f"places.{kind}"
        _take_skipped(report, name, [item for item in places.skipped if item.scene == name])
        report.places.append(
            LayerFound(
                kind,
                entry.path.name,
                inside.get(kind),
                title=entry.title,
                simulated=entry.simulated,
                licence=entry.licence,
            )
        )


def _check_model(region: Region, report: Report) -> None:
    """Report which release a run would use, what it was trained on, and whether an evaluation of it is attached."""
    try:
        path = find_release(region.model, _FOR_EVER, models_of(region), region.called)
        release = load_release(path)
    except (ReleaseError, FeatureMismatchError) as err:
        report.warnings.append(str(err))
        return
    rivers = regions_of(release.meta)
    tested = "a run tests whether this river is like them"
    if release.references is None:
        tested = "it does not say what its features were like, so a run cannot test whether this river is like them"
    own = "this region" if region.name in rivers else f"{', '.join(rivers)}, not on this region"
    report.model.append(f"{release.name} was trained on {own}; {tested}")
    file = evaluation_file(region)
    try:
        evaluation = read_evaluation(file, region.name)
    except EvaluationError as err:
        report.problems.append(f"{file.name}: {err}")
        return
    if evaluation is None:
        if region.name not in rivers:
            report.model.append("never evaluated on this river's own record; `erosion evaluate --attach` does it")
    elif evaluation["release_sha256"] != files_digest(path):
        report.model.append(f"{file.name} is of {evaluation['release']}, not of this release; it counts for none")
    else:
        report.model += [f"{file.name}, {evaluation['made_on']}: {line}" for line in lines(evaluation)]


# --- masks ----------------------------------------------------------------------------------------------------------


def _check_masks(source: Entry, region: Region, reach: str, report: Report, used: list[pd.Timestamp]) -> WaterFound:
    """Return what a source of masks holds; the dates that a run would use are added to ``used``."""
    found = WaterFound(source.name, reach=reach, licence=source.licence)
    name = f"{source.name}, {reach}" if reach else source.name
    if source.left_out is not None:
        _take_skipped(report, source.name, [source.left_out])
        return found
    batch: Batch = driver(source.driver).collect(source, region, _FOR_EVER)
    found.files = len(batch.scenes) + sum(not item.usual for item in batch.skipped) + len(batch.later)
    found.usable = len(batch.scenes)
    _take_skipped(report, source.name, batch.skipped)
    if isinstance(source, RasterFolder):
        _note_two_dates(source, batch, report)
        report.problems += _not_in_folder(source)
    try:
        grid, corridor = raster_folder.frame_of([batch], region)
        water, skipped = raster_folder.assemble(batch, region, grid, corridor)
    except SourceError as err:
        # It lists the reasons of all files, each once.
        repeated = set(_problems_of(source.name, batch.skipped))
        report.problems = [*(problem for problem in report.problems if problem not in repeated), str(err)]
        found.usable = 0
        return found
    _take_skipped(report, source.name, skipped)
    valid, left_out = valid_epochs(region, water)
    found.accepted = accepted_scenes(valid)
    current, past = newer_and_older(water, valid, left_out)
    _take_skipped(report, source.name, current)
    report.skipped += past
    report.past += past

    epochs = pd.DatetimeIndex(valid["epoch"].to_numpy())
    used.extend(epochs)
    found.usable = sum(scene.date.tz_localize(None) in epochs for scene in batch.scenes)
    found.dates = [str(day.date()) for day in epochs]
    found.first, found.last = found.dates[0], found.dates[-1]
    found.gaps = _gaps(epochs, source.cadence_days)
    grids = {scene.grid for scene in batch.scenes}
    found.crs = sorted({own.crs for own in grids})
    found.pixel_m = sorted([round(side, 2) for side in ground_pixel_m(own, region.crs)] for own in grids)
    found.resampled = any(own.offset_in(grid) is None for own in grids)
    found.extent_m = [round(edge, 1) for edge in grid.bounds]
    found.grid = [grid.width, grid.height]
    areas = np.empty(epochs.size)
    missing = np.empty(epochs.size)
    wanted = np.ones(grid.shape, dtype=bool) if corridor is None else corridor.inside
    for i in range(epochs.size):
        block = valid["water_fraction"][i].values
        missing[i] = np.isnan(block[wanted]).mean()
        areas[i] = np.nansum(block, dtype=float) * grid.pixel_m**2 / 1e6
    found.water_km2 = [round(float(v), 3) for v in (areas.min(), np.median(areas), areas.max())]
    found.missing_share = round(float(missing.max()), 4)

    for gap in found.gaps:
        days = f"{gap['days']:.0f} days without an observation"
        report.warnings.append(f"{name}: {days} between {gap['from']} and {gap['to']}")
    middle = float(np.median(areas))
    for day, area in zip(found.dates, areas, strict=True):
        if not middle / AREA_FACTOR <= area <= middle * AREA_FACTOR:
            report.warnings.append(
                f"{name}: {day} shows {area / middle:.2f} times the median water area; another water level, "
                "ice or clouds would move the bank line, too"
            )
    short = short_reach(valid)
    if short is not None:
        report.warnings.append(f"{name}: {short}")
    distance = _to_water(region, grid.x, grid.y, valid["water_fraction"][-1].values)
    if distance > UPSTREAM_M:
        report.warnings.append(
            f"{region.path}: upstream: {list(region.reach.upstream)} lies {distance / 1000:.1f} km from the newest water of "
            f"{source.name}; give [longitude, latitude] of the end the river comes from"
        )
    return found


def _corridor(region: Region, report: Report) -> Corridor | None:
    """Return the corridor of a reach, which all its sources of scenes share; None where it cannot be made."""
    try:
        return corridor_of(region)
    except SourceError as err:
        report.problems.append(str(err))
        return None


def _check_scenes(
    source: SceneSource, region: Region, reach: str, corridor: Corridor | None, report: Report
) -> ScenesFound:
    """Return what the corridor is and what the scene store holds; the network is not asked."""

    found = ScenesFound(source.name, reach, licence=source.licence)
    found.catalog, found.collection = source.archive
    if isinstance(source, StacCollection) and source.token_env is not None and not os.environ.get(source.token_env):
        report.warnings.append(
            f"{source.name}: environment variable {source.token_env} is not set; the catalogue may refuse to answer"
        )
    if corridor is None:
        return found
    found.grid = [corridor.grid.width, corridor.grid.height]
    found.corridor_km2 = round(float(corridor.inside.sum()) * corridor.grid.pixel_m**2 / 1e6, 1)
    found.windows = len(corridor.windows())
    stored, damaged = read_records(store_of(region), region, source)
    _take_skipped(report, source.name, damaged)
    if source.left_out is not None:
        _take_skipped(report, source.name, [source.left_out])
    newest = {record.pass_id: record for record in stored}
    found.stored = dict(Counter(record.state for record in newest.values()))
    times = sorted(record.time for record in newest.values())
    if times:
        found.first, found.last = str(times[0].date()), str(times[-1].date())
    return found


def _take_skipped(report: Report, source: str, skipped: Sequence[Skipped]) -> None:
    report.skipped += skipped
    report.problems += _problems_of(source, skipped)


def _problems_of(source: str, skipped: Sequence[Skipped]) -> list[str]:
    return [
        f"{s.scene}: {s.reason}" if s.scene == source else f"{source}: {s.scene}: {s.reason}"
        for s in skipped
        if not s.usual
    ]


def _not_in_folder(source: RasterFolder) -> list[str]:
    """Return the names under ``accepted_files`` that no file of the folder has."""
    names = sorted({path.name for path in files_in(source.path, source.files)})
    found = []
    for name in dict.fromkeys(source.accepted_files):
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            mend = f"did you mean {near[0]}?" if near else "write the name as the folder shows it, or take it out"
            found.append(
                f"{source.described_in}: accepted_files: no file of {source.path} that 'files' ({source.files}) names is called "
                f"{name}, so it accepts nothing; {mend}"
            )
    return found


def _note_two_dates(source: RasterFolder, batch: Batch, report: Report) -> None:
    """Warn of files whose tag and name hold different dates: one of them is wrong."""
    if len(source.date_from) < 2:
        return
    for scene in batch.scenes:
        named = date_in_name(scene.path.stem, source.year_day)
        if isinstance(named, str):
            continue
        length = {"day": 10, "month": 7, "year": 4}[named.precision]
        if str(named.day)[:length] != str(scene.date)[:length]:
            with open_geotiff(scene.path) as dataset:
                tag = dataset.tags().get(source.date_tag)
            report.warnings.append(
                f"{source.name}: {scene.path.name}: tag {source.date_tag} has {tag}, the name "
                f"{named.day.date()}; {scene.date.date()} is used because 'date_from' is {list(source.date_from)}"
            )


def _to_water(region: Region, x: np.ndarray, y: np.ndarray, fraction: np.ndarray) -> float:
    """Distance from the upstream point to the nearest water pixel [m], 0 where there is no water to compare with."""
    px, py = Transformer.from_crs("EPSG:4326", region.crs, always_xy=True).transform(*region.reach.upstream)
    rows, cols = np.nonzero(fraction >= 0.5)
    return float(np.hypot(x[cols] - px, y[rows] - py).min()) if rows.size else 0.0


def _gaps(times: pd.DatetimeIndex, cadence_days: float) -> list[dict[str, Any]]:
    days = np.diff(times.to_numpy()) / np.timedelta64(1, "D")
    return [
        {"from": str(times[i].date()), "to": str(times[i + 1].date()), "days": round(float(days[i]), 2)}
        for i in np.flatnonzero(days > GAP_FACTOR * cadence_days).tolist()
    ]


# --- gauges ---------------------------------------------------------------------------------------------------------


def _check_gauge(source: GaugeSource, region: Region, report: Report) -> GaugeFound:
    found = GaugeFound(source.name, source.gauge_id, source.river, licence=source.licence)
    try:
        values, skipped = series_of(source, region, store_of(region))
    except SourceError as err:
        report.problems.append(f"{source.name}: {err}")
        return found
    _take_skipped(report, source.name, skipped)
    absent = source.left_out is not None
    table = values[values["issued_at"].isna()].drop_duplicates(KEY, keep="last")
    there = table[table["quality"] != "missing"]
    found.values = len(there)
    shares = table["quality"].value_counts(normalize=True)
    found.quality = {str(word): round(float(share), 4) for word, share in shares.items()}
    if there.empty:
        if not isinstance(source, WebGauge) and not absent:
            report.problems.append(f"{source.name}: no value at all; check {source.described_in}")
        return found
    times = pd.DatetimeIndex(there["time"].drop_duplicates().sort_values())
    found.first, found.last = str(times[0].date()), str(times[-1].date())
    found.gaps = _gaps(times, source.cadence_days)
    for quantity, name in (("discharge", "discharge_m3s"), ("stage", "stage_m"), ("rain", "rain_mm")):
        numbers = there.loc[there["quantity"] == quantity, "value"].dropna().to_numpy()
        if numbers.size:
            setattr(found, name, [round(float(v), 3) for v in (numbers.min(), np.median(numbers), numbers.max())])
    if found.gaps:
        longest = max(found.gaps, key=lambda gap: gap["days"])
        report.warnings.append(
            f"{source.name}: {len(found.gaps)} gaps; the longest, {longest['days']:.0f} days, from {longest['from']} "
            f"to {longest['to']}"
        )
    if found.discharge_m3s and max(map(abs, found.discharge_m3s)) > MAX_DISCHARGE:
        report.problems.append(
            f"{source.described_in}: units.discharge_m3s: values up to {found.discharge_m3s[2]:.3g} m3/s are more than "
            "any river carries; the column is in another unit"
        )
    unused = found.quality.get("suspect", 0.0) + found.quality.get("missing", 0.0)
    if unused > 0.1:
        report.warnings.append(f"{source.name}: {unused:.0%} of the values are suspect or missing and are not used")
    return found
