"""The one place where every product's names, dimensions, units and signs are written down.

A stage hands its product to the next stage through a ``check_*`` function, so a mistake is found where it
was made and not three stages later. Sign convention, everywhere: **retreat > 0 means land was lost to the river**.

Two times belong to every observation: ``time`` (what it describes) and ``available_at`` (when it could first be had).
A product made for ``as_of`` uses only observations with ``available_at <= as_of``; :func:`known_at` is that filter.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    import geopandas as gpd
    import xarray as xr

CONTRACT_VERSION: Final = "1"

SIMULATED_NOTICE: Final = "MÔ PHỎNG / SIMULATED"
"""Printed wherever a product of simulated data could be taken for a real one."""

BANKS: Final = ("L", "R", "I")
"""Left and right looking downstream, and I for the bank of an island."""

#: Quality flags of ``banks``, one bit each, in words a reader of a layer understands.
FLAGS: Final[dict[str, int]] = {
    "low_coverage": 1,  # part of the segment's cell was not observed in one of the two epochs
    "methods_disagree": 2,  # area method and fixed transect differ by more than their noise
    "transect_open": 4,  # no single bank edge on the transect (mouth, side channel, cut-off)
    "channel_moved": 8,  # the channel left this bank between the two epochs (cut-off, avulsion)
    "near_reach_end": 16,  # within one channel width of the end of the mapped reach
}

LEVELS: Final = (0, 1, 2, 3, 4)
"""0 unknown (not enough data), 1 low, 2 medium, 3 high, 4 very high. Nothing is ever called safe."""

LEVEL_COLOURS: Final[dict[int, str]] = {0: "#9e9e9e", 1: "#8ecae6", 2: "#f6d743", 3: "#f3722c", 4: "#c1121f"}
LEVEL_TEXT_COLOURS: Final[dict[int, str]] = {0: "#000000", 1: "#000000", 2: "#000000", 3: "#000000", 4: "#ffffff"}
LEVEL_SYMBOLS: Final[dict[int, str]] = {0: "?", 1: "○", 2: "◔", 3: "◕", 4: "●"}

#: name -> (unit, meaning). The order is the column order of the published layer.
SEGMENT_COLUMNS: Final[dict[str, tuple[str, str]]] = {
    "segment_id": ("", "reach-bank-chainage on this baseline"),
    "reach": ("", "name of the reach"),
    "bank": ("", "L left, R right looking downstream, I island"),
    "chainage_m": ("m", "distance downstream along the centre line of the baseline"),
    "length_m": ("m", "length of the bank line of the segment"),
    "landward_deg": ("degree", "direction from water to land, clockwise from grid north"),
    "curvature_per_m": ("1/m", "signed centre-line curvature; positive on the outer side of a bend"),
    "width_m": ("m", "channel width at the segment"),
    "baseline": ("", "version of the baseline: date of its mask"),
}

CHANCES_M: Final = (10, 20, 30, 60)
"""Distances whose chance is published [m]."""

LINES: Final = {"p10": 0.9, "p30": 0.7, "p50": 0.5, "p70": 0.3, "p90": 0.1}
"""Published quantiles of retreat, each with the chance that retreat passes it."""

SCORE_COLUMNS: Final[dict[str, tuple[str, str]]] = {
    "segment_id": ("", "segment the score belongs to"),
    "as_of": ("", "date whose knowledge the score uses"),
    "target": ("", "name of the target"),
    "horizon_days": ("day", "length of the forecast window that starts at as_of"),
    "threshold_m": ("m", "retreat that counts as an event"),
    "p_event": ("1", "calibrated probability that retreat reaches threshold_m within horizon_days"),
    "chance_10m": ("1", "the same for a retreat of at least 10 m"),
    "chance_20m": ("1", "the same for a retreat of at least 20 m"),
    "chance_30m": ("1", "the same for a retreat of at least 30 m"),
    "chance_60m": ("1", "the same for a retreat of at least 60 m"),
    "retreat_mean_m": ("m", "expected retreat within horizon_days"),
    "loss_mean_ha": ("ha", "expected loss of land: retreat_mean_m along the segment"),
    "retreat_p10_m": ("m", "retreat that is passed with a chance of 90 %: lower end of the 80 % interval"),
    "retreat_p30_m": ("m", "retreat that is passed with a chance of 70 %"),
    "retreat_p50_m": ("m", "retreat that is passed with a chance of 50 %: the median"),
    "retreat_p70_m": ("m", "retreat that is passed with a chance of 30 %"),
    "retreat_p90_m": ("m", "retreat that is passed with a chance of 10 %: upper end of the 80 % interval"),
    "data_age_days": ("day", "age of the newest bank observation at as_of"),
    "model_id": ("", "model release"),
    "reasons": ("", "JSON list of {feature, value, effect}, strongest first"),
}

ALERT_COLUMNS: Final[dict[str, tuple[str, str]]] = {
    "level": ("", "0 unknown, 1 low, 2 medium, 3 high, 4 very high"),
    "model_level": ("", "level without the trigger: what model, hysteresis and cap give"),
    "asked_level": ("", "level that the newest probability asks for by the raise thresholds alone; 0 unknown"),
    "held_by": (
        "",
        "what keeps the level from the one asked for: memory, cap, trigger, report; empty where nothing does",
    ),
    "previous_level": ("", "level of the same place in the run before; -1 where there was none"),
    "candidate_level": (
        "",
        "level that the newest probability gives with hysteresis; while a fall is waited for, the highest since",
    ),
    "candidate_observations": ("", "new observations in a row that have asked for a change to that level"),
    "candidate_since": ("", "as-of date since which it has been asked for"),
    "observed": ("", "date of the newest observation of the place that was counted"),
    "trigger_since": ("", "as-of date since which the trigger has asked for less than it has raised the level by"),
    "why": (
        "",
        "rule that set the level: trigger, trigger_over, report, raised, jumped, held, cleared, same, capped, kept, unknown",
    ),
}

#: Trigger of each segment tonight; all missing where a region has none (see erosion/alerts/trigger.py).
TRIGGER_COLUMNS: Final[dict[str, tuple[str, str]]] = {
    "trigger": ("", "trigger from water levels, rain and forecast: 0 to 3, -1 unknown"),
    "trigger_points": ("", "sum of the points of its terms, at most 3; at least so many where a term is unknown"),
    "trigger_terms": (
        "",
        "JSON list of {term, points, of, value, unit, days, start, full, gauge, title, time, state}, one a term; in the Parquet file only",
    ),
}

#: Columns of each published segment layer, in order; geometry is the bank line.
LAYER_COLUMNS: Final = (
    "segment_id",
    "reach",
    "bank",
    "chainage_m",
    "length_m",
    "landward_deg",
    "level",
    "joint_level",
    "model_level",
    "asked_level",
    "held_by",
    "previous_level",
    "p_event",
    "horizon_days",
    "threshold_m",
    "chance_10m",
    "chance_20m",
    "chance_30m",
    "chance_60m",
    "retreat_mean_m",
    "loss_mean_ha",
    "retreat_p10_m",
    "retreat_p30_m",
    "retreat_p50_m",
    "retreat_p70_m",
    "retreat_p90_m",
    "retreat_last_m",
    "retreat_established_last_m",
    "rate_3y_m_per_y",
    "curvature_per_m",
    "width_m",
    "neck_width_m",
    "p_cutoff",
    "p_cutoff_low",
    "p_cutoff_high",
    "data_age_days",
    "quality",
    "why",
    "unknown_reason",
    "trigger",
    "trigger_points",
    "trigger_terms",
    "stretch_id",
    "event_id",
    "first_issued_at",
    "reasons",
    "model_id",
    "baseline",
    "as_of",
    "simulated",
)

#: Columns of each published layer of stretches, in order; geometry is the bank lines of its segments.
STRETCH_COLUMNS: Final[dict[str, tuple[str, str]]] = {
    "stretch_id": ("", "identifier; it stays as the stretch grows, shrinks, merges or splits"),
    "commune_code": ("", "code of the commune that has most of it; empty where not known"),
    "commune": ("", "name of that commune"),
    "commune_former": ("", "its former names, with commas between"),
    "communes": ("", "codes of all communes that it touches, the largest part first, with spaces between"),
    "place_vi": ("", "where it lies from the nearest landmark or settlement, in Vietnamese; empty where none is known"),
    "place_en": ("", "the same in English"),
    "reach": ("", "name of the reach"),
    "bank": ("", "L left, R right looking downstream, I island"),
    "from_m": ("m", "chainage of the upstream end"),
    "to_m": ("m", "chainage of the downstream end"),
    "length_m": ("m", "length of the bank lines of its segments"),
    "segments": ("", "number of its segments"),
    "level": ("", "highest joint level of its segments; 0 where none of them is known"),
    "previous_level": ("", "its level in the run before, -1 where it is new"),
    "change": ("", "issued, raised, lowered, grown, shrunk, unknown; empty for none"),
    "split_from": ("", "the stretch that it was split from in this run; empty for none"),
    "target_level": ("", "highest level of its segments for this target"),
    "asked_level": ("", "highest level that the newest probabilities of its segments ask for"),
    "p_event": ("1", "highest probability of its segments, of at least threshold_m within horizon_days"),
    "worst_segment_id": ("", "segment with that probability"),
    "horizon_days": ("day", "length of the forecast window"),
    "threshold_m": ("m", "retreat that counts as an event"),
    "retreat_p50_m": ("m", "largest retreat of its segments that is passed with a chance of 50 %"),
    "retreat_p90_m": ("m", "largest retreat of its segments that is passed with a chance of 10 %"),
    "loss_p50_ha": ("ha", "land inside the strips of its segments that are passed with a chance of 50 %"),
    "loss_p90_ha": ("ha", "land inside the strips that are passed with a chance of 10 %"),
    "loss_mean_ha": ("ha", "expected loss of land, the sum over its segments"),
    "buildings_p50": (
        "",
        "buildings on the land that is lost with a chance of 50 %; empty where not known, never 0 for that",
    ),
    "buildings_p90": ("", "buildings on the land that is lost with a chance of 10 %"),
    "buildings_20m": ("", "buildings within 20 m of the bank"),
    "buildings_50m": ("", "buildings within 50 m"),
    "buildings_100m": ("", "buildings within 100 m"),
    "road_m_p90": ("m", "road on the land that is lost with a chance of 10 %"),
    "road_m_100m": ("m", "road within 100 m"),
    "schools_100m": ("", "schools within 100 m"),
    "people_p90": ("", "people on the land that is lost with a chance of 10 %"),
    "people_100m": ("", "people within 100 m"),
    "data_age_days": ("day", "age of the oldest of the newest observations of its segments"),
    "first_issued_at": ("", "as-of date of the run that first issued it"),
    "model_id": ("", "model release"),
    "as_of": ("", "date whose knowledge the run used"),
    "simulated": ("", "true where the observations were simulated: an exercise, not a river"),
}

#: Columns of the published history of bank positions, one row per segment and epoch.
HISTORY_COLUMNS: Final[dict[str, tuple[str, str]]] = {
    "segment_id": ("", "segment of this run's baseline"),
    "epoch": ("", "date of the observation"),
    "retreat_m": ("m", "area-method retreat since the epoch before, all land"),
    "retreat_established_m": ("m", "the same, counting only land that had stood five years"),
    "position_m": ("m", "bank position on the fixed transect, landward of the baseline positive"),
    "sigma_m": ("m", "standard error of a retreat value"),
    "coverage": ("1", "share of the segment's cell observed in both epochs"),
    "flags": ("", "sum of quality-flag bits"),
}

#: Dataset variables of ``banks``, dims (segment_id, epoch). Values at an epoch compare it with the epoch before;
#: the first epoch is NaN in every variable that needs a pair.
BANK_VARIABLES: Final[dict[str, tuple[str, str]]] = {
    "land_loss_m2": ("m2", "land turned into river since the previous epoch"),
    "land_gain_m2": ("m2", "river turned into land since the previous epoch"),
    "land_loss_established_m2": ("m2", "loss of land that had stood in every epoch of the previous five years"),
    "retreat_m": ("m", "land_loss_m2 over segment length"),
    "retreat_established_m": ("m", "land_loss_established_m2 over segment length"),
    "offset_m": ("m", "river area of the cell over segment length, relative to the baseline epoch"),
    "position_m": ("m", "bank position on the fixed transect, landward of the baseline positive"),
    "sigma_m": ("m", "standard error of retreat_m"),
    "coverage": ("1", "share of the cell observed in both epochs"),
    "flags": ("", "sum of quality-flag bits"),
}

#: quantity of a gauge series -> (unit, meaning). A value of rain is the sum of the time step that begins at its time.
QUANTITIES: Final[dict[str, tuple[str, str]]] = {
    "stage": ("m", "water level on the gauge's datum"),
    "discharge": ("m3/s", "discharge"),
    "rain": ("mm", "rain of the time step"),
}

#: What a driver hands over and the store of a gauge keeps, one row a value and revision. An observation has no
#: ``issued_at`` and member -1.
SERIES_COLUMNS: Final[dict[str, tuple[str, str]]] = {
    "quantity": ("", "stage, discharge or rain"),
    "value": ("", "number in unit; NaN where the source marks it as missing"),
    "unit": ("", "unit of the quantity"),
    "datum": ("", "zero of a stage"),
    "time": ("", "UTC instant the value describes; the beginning of a day or step"),
    "available_at": ("", "UTC instant it could first be had"),
    "issued_at": ("", "UTC instant at which a forecast was made; NaT for an observation"),
    "member": ("", "number of an ensemble member from 0; -1 for an observation or a single forecast"),
    "source": ("", "name of the catalogue entry"),
    "quality": ("", "the source's own word: good, estimated, suspect or missing"),
}

#: Observations of all gauges of a region as every later stage reads them, one row a value and revision: what
#: was known on a date is the newest revision available by then (:func:`erosion.gauges.statistics.known_values`).
GAUGE_COLUMNS: Final[dict[str, tuple[str, str]]] = {
    "gauge_id": ("", "identifier, always text"),
    "quantity": ("", "stage, discharge or rain"),
    "time": ("", "UTC instant the value describes"),
    "available_at": ("", "UTC instant this revision could first be had, or a quality flag of it be decided"),
    "value": ("", "number in the unit of the quantity"),
    "qc": ("", "good, estimated, suspect or missing"),
    "flags": ("", "sum of the bits of GAUGE_FLAGS"),
    "source": ("", "name of the catalogue entry"),
}

#: Forecasts of all gauges of a region.
GAUGE_FORECAST_COLUMNS: Final = (
    "gauge_id",
    "quantity",
    "time",
    "available_at",
    "issued_at",
    "member",
    "value",
    "source",
)

#: Flags of quality control of a gauge value, one bit each.
GAUGE_FLAGS: Final[dict[str, int]] = {
    "range": 1,  # outside what is possible at the gauge
    "spike": 2,  # far from the values before and after it
    "flat_line": 4,  # the same value repeated for too long
    "rate": 8,  # rises or falls faster than water does
    "neighbour": 16,  # does not follow the other gauges as it used to
    "datum_jump": 32,  # level shifted for good from one value to the next
    "duplicated_day": 64,  # a day that repeats another day value by value
    "clock_shift": 128,  # hours of the day shifted against before
    "disputed": 256,  # two sources of the gauge differ on this day
    "filled": 512,  # put into a gap by a named method
    "superseded": 1024,  # a source trusted more has the day, this value gives way
}


#: Bands of one satellite pass ("scene"), dims (y, x), float32, NaN for missing. Which of them there are depends on the
#: sensor; ``clear`` (bool) is True for pixels of an optical scene that can be used, before any margin.
SCENE_VARIABLES: Final[dict[str, tuple[str, str]]] = {
    "blue": ("1", "surface reflectance"),
    "green": ("1", "surface reflectance"),
    "red": ("1", "surface reflectance"),
    "nir": ("1", "surface reflectance"),
    "swir16": ("1", "surface reflectance"),
    "swir22": ("1", "surface reflectance"),
    "vv": ("1", "terrain-corrected gamma0, linear power"),
    "vh": ("1", "terrain-corrected gamma0, linear power"),
    "incidence": ("degree", "angle between the beam and the vertical"),
    "clear": ("", "true where no cloud, shadow, cirrus, snow or saturation hides the ground"),
}

#: Attributes of a scene: which pass, when, by which instrument, and its geolocation error.
SCENE_ATTRIBUTES: Final = (
    "crs",
    "transform",
    "pass_id",
    "scene_ids",
    "source",
    "sensor",
    "platform",
    "time",
    "available_at",
    "geo_rmse_m",
    "native_m",
    "items_hash",
)


class ContractError(ValueError):
    """A product does not keep its contract; the message names the product, the column and the mend."""


def known_at(available_at: pd.Series | np.ndarray, as_of: pd.Timestamp) -> np.ndarray:
    """Return True for the observations that could have been known on a date.

    Parameters
    ----------
    available_at
        UTC instants at which observations became available, shape (n,).
    as_of
        Date of the product, read as the end of that UTC day when it has no time of day.

    Returns
    -------
    numpy.ndarray
        Boolean mask, shape (n,).
    """
    limit = as_of_instant(as_of)
    times = pd.to_datetime(pd.Series(available_at), utc=True)
    return (times <= limit).to_numpy()


def in_utc(time: Any) -> pd.Timestamp:
    """Return an instant in UTC; one without a zone is UTC."""
    stamp = pd.Timestamp(time)
    return stamp.tz_localize("UTC") if stamp.tzinfo is None else stamp.tz_convert("UTC")


def as_of_instant(as_of: pd.Timestamp | str) -> pd.Timestamp:
    """Return the last instant whose data an issue date may use (end of the day for a bare date), UTC."""
    stamp = in_utc(as_of)
    if stamp == stamp.normalize():
        stamp = stamp + pd.Timedelta(days=1) - pd.Timedelta(microseconds=1)
    return stamp


def _need(columns: Iterable[object], wanted: Iterable[str], product: str) -> None:
    missing = [name for name in wanted if name not in set(columns)]
    if missing:
        raise ContractError(
            f"{product}: missing {', '.join(missing)}; see erosion/core/contracts.py for what it must carry"
        )


def check_scene(scene: xr.Dataset) -> xr.Dataset:
    """Return one satellite pass, checked: known bands on (y, x), optical ones with ``clear``, and every attribute."""
    unknown = set(scene.data_vars) - set(SCENE_VARIABLES)
    if unknown:
        raise ContractError(f"scene: variables {sorted(map(str, unknown))} are none of {', '.join(SCENE_VARIABLES)}")
    for name, values in scene.data_vars.items():
        if values.dims != ("y", "x"):
            raise ContractError(f"scene: {name} has dims {values.dims}, needs (y, x)")
    _need(scene.attrs, SCENE_ATTRIBUTES, "scene")
    _need(scene.variables, ("green", "clear") if scene.attrs["sensor"] == "optical" else (), "scene")
    return scene


def check_water(water: xr.Dataset) -> xr.Dataset:
    """Return a water product, checked: dims (epoch, y, x), metric CRS, sorted unique epochs, and of each ``available_at``,
    ``scene_id`` and whether a person has ``accepted`` it."""
    _need(water.variables, ("water_fraction", "available_at", "scene_id", "accepted"), "water")
    if water["water_fraction"].dims != ("epoch", "y", "x"):
        raise ContractError(f"water: water_fraction has dims {water['water_fraction'].dims}, needs (epoch, y, x)")
    epochs = pd.DatetimeIndex(water["epoch"].values)
    if not (epochs.is_monotonic_increasing and epochs.is_unique):
        raise ContractError("water: epochs must be sorted and unique; merge observations of one date first")
    if "crs" not in water.attrs:
        raise ContractError("water: attribute crs is missing; the region's metric CRS belongs there")
    return water


def check_segments(segments: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return bank segments, checked: unique ids, known banks, positive lengths, a metric CRS."""
    _need(segments.columns, SEGMENT_COLUMNS, "segments")
    if segments["segment_id"].duplicated().any():
        twice = segments.loc[segments["segment_id"].duplicated(), "segment_id"].iloc[0]
        raise ContractError(f"segments: id {twice} occurs twice; ids are unique on a baseline")
    unknown = set(segments["bank"]) - set(BANKS)
    if unknown:
        raise ContractError(f"segments: bank {sorted(unknown)} is none of {BANKS}")
    if not (segments["length_m"] > 0).all():
        raise ContractError("segments: a segment has no length; drop it where banks are cut")
    if segments.crs is None or segments.crs.is_geographic:
        raise ContractError("segments: coordinates must be metres; give the region a projected CRS")
    return segments


def check_banks(banks: xr.Dataset) -> xr.Dataset:
    """Return bank measurements, checked: dims (segment_id, epoch) and every variable of :data:`BANK_VARIABLES`."""
    _need(banks.variables, BANK_VARIABLES, "banks")
    for name in BANK_VARIABLES:
        if banks[name].dims != ("segment_id", "epoch"):
            raise ContractError(f"banks: {name} has dims {banks[name].dims}, needs (segment_id, epoch)")
    return banks


def check_scores(scores: pd.DataFrame) -> pd.DataFrame:
    """Return forecast scores, checked: probabilities in 0..1 or NaN, ordered quantiles, one row per segment and target."""
    _need(scores.columns, SCORE_COLUMNS, "scores")
    p = scores["p_event"].to_numpy(float)
    if ((p < 0) | (p > 1)).any():
        raise ContractError("scores: p_event outside 0..1; probabilities must come calibrated")
    quantiles = scores[[f"retreat_{name}_m" for name in LINES]].to_numpy(float)
    chances = scores[[f"chance_{distance}m" for distance in CHANCES_M]].to_numpy(float)
    if (np.diff(quantiles, axis=1) < 0).any() or (np.diff(chances, axis=1) > 0).any():
        raise ContractError("scores: chances or quantiles of retreat cross; take them from one distribution")
    if scores.duplicated(["segment_id", "target"]).any():
        raise ContractError("scores: a segment has two rows for one target")
    return scores


def check_gauges(gauges: pd.DataFrame) -> pd.DataFrame:
    """Return gauge series, checked: known quantities, one row a revision, available only after the time they describe."""
    _need(gauges.columns, GAUGE_COLUMNS, "gauges")
    unknown = set(gauges["quantity"]) - set(QUANTITIES)
    if unknown:
        raise ContractError(f"gauges: quantity {sorted(unknown)} is none of {', '.join(QUANTITIES)}")
    if gauges.duplicated(["gauge_id", "quantity", "time", "available_at"]).any():
        raise ContractError("gauges: a gauge has two values for one time; the source decides which one stands")
    if len(gauges) and (gauges["available_at"] < gauges["time"]).any():
        raise ContractError("gauges: a value is available before it was measured; check the latency in the source file")
    return gauges
