"""A region: what one deployment watches, read from one YAML file."""

from __future__ import annotations

import dataclasses
import datetime
import difflib
import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pyproj import CRS
from pyproj.exceptions import CRSError

from erosion.config.entry import Entry
from erosion.config.gauges import GaugeSource
from erosion.config.places import PlacesConfig, check_places, check_title
from erosion.config.problems import CatalogError, Problems, shortened
from erosion.config.records import Key, LonLat, check_lonlat, check_name, check_timezone, parse
from erosion.config.scenes import SceneSource
from erosion.config.sources import catalogue_folders, load_source
from erosion.config.strict_yaml import read_yaml
from erosion.config.trigger import Trigger, check_trigger


@dataclass(frozen=True, kw_only=True)
class SegmentRules:
    """How bank lines are cut into segments."""

    length_m: Annotated[float, Key("length of a bank segment", "m", above=0)] = 100.0
    corridor_m: Annotated[
        float, Key("width of the strip either side of a bank line that is measured", "m", above=0)
    ] = 600.0
    min_island_m2: Annotated[float, Key("smaller islands get no segments", "m2", low=0)] = 20000.0
    min_part_m: Annotated[float, Key("shorter separate pieces of water are no river", "m", low=0)] = 2000.0


@dataclass(frozen=True, kw_only=True)
class Target:
    """An event that is forecast: at least ``threshold_m`` of retreat within ``horizon_days``."""

    name: Annotated[str, Key("name of the target in products")]
    horizon_days: Annotated[int, Key("length of the forecast window", "day", above=0)]
    threshold_m: Annotated[float, Key("retreat that counts as an event", "m", above=0)]


@dataclass(frozen=True, kw_only=True)
class Policy:
    """How probabilities become levels."""

    stale_after_days: Annotated[float, Key("older bank observations give level unknown", "day", above=0)] = 800.0
    min_coverage: Annotated[float, Key("less observed share of a segment gives level unknown", "1", low=0, high=1)] = (
        0.5
    )
    observations_to_raise: Annotated[
        int, Key("new observations in a row that must ask for a higher level", "observation", low=1)
    ] = 1
    days_to_raise: Annotated[
        float, Key("or days for which a higher level must be asked for, without a new observation", "day", low=1)
    ] = 7.0
    observations_to_clear: Annotated[
        int, Key("new observations in a row that must ask for a lower level", "observation", low=1)
    ] = 1
    days_to_clear: Annotated[
        float, Key("or days for which a lower level must be asked for, without a new observation", "day", low=1)
    ] = 30.0
    trigger_days_to_clear: Annotated[
        float, Key("days for which the trigger must be lower before a level that it raised falls by one", "day", low=1)
    ] = 2.0
    jump: Annotated[
        float, Key("excess of the probability over a threshold that raises at once", "1", low=0, high=1)
    ] = 0.3
    clear_ratio: Annotated[float, Key("clear threshold as a share of the raise threshold", "1", low=0, high=1)] = 0.8
    max_level4_share: Annotated[float, Key("largest share of bank length at level 4", "1", low=0, high=1)] = 0.05
    warning_from_level: Annotated[int, Key("lowest level that opens a warning", "level", low=1, high=4)] = 2
    report_level: Annotated[
        int,
        Key(
            "level that an open field report of a crack, sinking, undercutting or loss gives its bank",
            "level",
            low=1,
            high=4,
        ),
    ] = 3
    stretch_gap_m: Annotated[
        float, Key("bank below warning_from_level that does not divide a stretch, at most", "m", low=0)
    ] = 200.0
    precision: Annotated[
        dict[int, float],
        Key("share of the length at each level, and no higher one, that shall erode", "1", above=0, high=0.99),
    ] = dataclasses.field(default_factory=lambda: {2: 0.33, 3: 0.5, 4: 0.75})

    RENAMED: ClassVar[Mapping[str, str]] = {
        "runs_to_raise": "observations_to_raise and days_to_raise",
        "runs_to_clear": "observations_to_clear, days_to_clear and trigger_days_to_clear",
    }
    """Keys of before observations and days were counted, to those that took their place."""


@dataclass(frozen=True, kw_only=True)
class Area:
    """Where the river may lie in satellite scenes."""

    path: Annotated[Path, Key("GeoJSON or GeoPackage of river lines or of areas, relative to the region file")]
    width_m: Annotated[float, Key("strip either side of the lines, or rim around the areas", "m", above=0)] = 1500.0


@dataclass(frozen=True, kw_only=True)
class Reach:
    """A stretch of one river: what is measured on one pixel grid, along one centre line."""

    name: Annotated[str, Key("name of the reach, first part of every segment id")]
    title: Annotated[
        dict[str, str], Key("title in Vietnamese (vi) and English (en); the name where it is not given")
    ] = dataclasses.field(default_factory=dict)
    upstream: Annotated[LonLat, Key("longitude and latitude of a point near the upstream end", "degree")]
    area: Annotated[
        Area | None, Key("where the river may lie; needed with scenes, and where there are several reaches")
    ] = None
    gauges: Annotated[
        tuple[str, ...],
        Key("those of the region's gauges that count for this reach, the main one first; all where not given"),
    ] = ()

    @property
    def titles(self) -> dict[str, str]:
        """Title by language."""
        return self.title or {"vi": self.name, "en": self.name}


@dataclass(frozen=True, kw_only=True)
class Season:
    """A part of the year from whose scenes one observation of the banks is made."""

    name: Annotated[str, Key("name of the season in products")]
    months: Annotated[
        tuple[int, ...], Key("months 1 to 12 in order; [12, 1, 2] runs over the new year", low=1, high=12)
    ]


@dataclass(frozen=True, kw_only=True)
class SceneRules:
    """Which scenes and how many clear observations make an observation of a season."""

    since: Annotated[str, Key("first day that scenes are asked for", "YYYY-MM-DD")] = "2016-01-01"
    cloud_margin_m: Annotated[float, Key("rim around cloud and shadow that is not used", "m", low=0)] = 60.0
    min_clear_share: Annotated[
        float, Key("a scene with less of the corridor clear is left out", "1", low=0, high=1)
    ] = 0.2
    max_shift_m: Annotated[float, Key("a scene that lies farther off than this is left out", "m", above=0)] = 20.0
    min_looks: Annotated[int, Key("clear observations a pixel needs in a season", "scene", low=1)] = 2
    min_coverage: Annotated[
        float, Key("share of the corridor with enough clear observations that a season needs", "1", low=0, high=1)
    ] = 0.8
    stage_window_m: Annotated[
        float, Key("spread of water levels within a season's observation, where there is a gauge", "m", above=0)
    ] = 0.75


DEFAULT_TARGETS = (
    Target(name="1y", horizon_days=365, threshold_m=30.0),
    Target(name="3y", horizon_days=1095, threshold_m=60.0),
)


RIVERS = "rivers"
"""Family of the releases that are trained on several rivers; a region that names no ``model`` takes them."""


@dataclass(frozen=True, kw_only=True)
class Region:
    """What one deployment watches: where, from which sources, what it forecasts and when it warns."""

    name: Annotated[str, Key("name of the region, the same as the file's")]
    title: Annotated[dict[str, str], Key("title in Vietnamese (vi) and English (en)")]
    description: Annotated[str, Key("one or two sentences on the river and its data")]
    simulated: Annotated[bool, Key("true where the data are not observations")] = False
    timezone: Annotated[str, Key("local time of dates on the map, IANA name")]
    crs: Annotated[str, Key("projected CRS in metres in which everything is measured")]
    export_crs: Annotated[str, Key("CRS of published coordinates")] = "EPSG:4326"
    pixel_m: Annotated[float, Key("pixel size of the working grid", "m", above=0)]
    reaches: Annotated[tuple[Reach, ...], Key("stretches of river, each with its own line, grid and segments")]
    water: Annotated[tuple[str, ...], Key("names of the water sources")]
    gauges: Annotated[tuple[str, ...], Key("names of the gauge sources")] = ()
    seasons: Annotated[tuple[Season, ...], Key("parts of the year observed from scenes, the most trusted first")] = ()
    scenes: Annotated[SceneRules, Key("which scenes make an observation")] = SceneRules()
    segments: Annotated[SegmentRules, Key("how bank lines are cut into segments")] = SegmentRules()
    targets: Annotated[tuple[Target, ...], Key("events that are forecast")] = DEFAULT_TARGETS
    model: Annotated[str, Key("family of the model release, models/<family>-<date>")] = RIVERS
    policy: Annotated[Policy, Key("how probabilities become levels")] = Policy()
    trigger: Annotated[Trigger | None, Key("what of water levels and rain raises a warning for a night")] = None
    places: Annotated[PlacesConfig | None, Key("reference layers: communes, names, roads, buildings, people")] = None
    path: Path = Path()
    sources: Mapping[str, Entry] = dataclasses.field(default_factory=dict)
    """Catalogue entry of every source that ``water`` and ``gauges`` name, by that name."""
    neighbours: tuple[Reach, ...] = ()
    """The other reaches of the region, where this is a copy from :meth:`by_reach`."""

    @property
    def called(self) -> str:
        """What a command is given to read this region: its name where that finds the file, else the path."""
        found = next((f for f in _candidate_files(self.name) if f.is_file()), None)
        return self.name if found == self.path else str(self.path)

    @property
    def mask_sources(self) -> tuple[Entry, ...]:
        """Sources of water masks, in the order of ``water``: those that give no scenes."""
        return tuple(s for name in self.water if not isinstance(s := self.sources[name], SceneSource))

    @property
    def scene_sources(self) -> tuple[SceneSource, ...]:
        """Sources of satellite scenes, in the order of ``water``."""
        return tuple(s for name in self.water if isinstance(s := self.sources[name], SceneSource))

    @property
    def gauge_sources(self) -> tuple[GaugeSource, ...]:
        """Sources of gauges, in the order of ``gauges``: the most trusted source of a gauge first."""
        return tuple(s for name in self.gauges if isinstance(s := self.sources[name], GaugeSource))

    def gauge_sources_of(self, reach: Reach) -> tuple[GaugeSource, ...]:
        """Sources of the gauges of one reach, the main one first: those it names, all of the region where it names none."""
        names = dict.fromkeys(reach.gauges or self.gauges)
        return tuple(s for name in names if isinstance(s := self.sources[name], GaugeSource))

    def by_reach(self) -> tuple[Region, ...]:
        """Return a copy of the region for each reach: what sources, baselines and features work on."""
        return tuple(
            dataclasses.replace(
                self,
                reaches=(reach,),
                neighbours=(*self.neighbours, *(other for other in self.reaches if other is not reach)),
            )
            for reach in self.reaches
        )

    @property
    def reach(self) -> Reach:
        """The only reach of such a copy."""
        assert len(self.reaches) == 1, f"{self.name} has {len(self.reaches)} reaches; take the copies of by_reach()"
        return self.reaches[0]


def load_region(name_or_path: str | Path) -> Region:
    """Return a region by the name of a file in ``data_sources/regions`` or by the path of a file anywhere.

    Parameters
    ----------
    name_or_path
        ``"mamore"`` or ``"/somewhere/my_river.yaml"``.

    Returns
    -------
    Region

    Raises
    ------
    CatalogError
        Where the region or one of its sources has mistakes; all of them are listed.
    """
    file = find_region(name_or_path)
    problems = Problems(file)
    raw = read_yaml(file)
    region = parse(Region, raw, problems)
    if region is not None:
        _validate(region, problems)
    sources = _read_sources(raw, problems)
    problems.stop_if_any()
    assert region is not None
    return dataclasses.replace(region, path=file, sources=sources)


def find_region(name_or_path: str | Path) -> Path:
    """Path of a region's file; see :func:`load_region`."""
    text = str(name_or_path)
    if text.endswith((".yaml", ".yml")) or "/" in text or "\\" in text:
        return Path(text).resolve()
    files = _candidate_files(text)
    folders = [file.parent for file in files]
    file = next((file for file in files if file.is_file()), None)
    if file is None:
        known = sorted({p.stem for folder in folders for p in folder.glob("*.yaml")})
        close = difflib.get_close_matches(text, known, n=1)
        mend = f"did you mean {close[0]}?" if close else f"known regions: {', '.join(known)}"
        raise CatalogError([f"{files[-1]}: no region {text!r}; {mend}, or give the path of a region file"])
    return file


def _candidate_files(name: str) -> list[Path]:
    """Return the files in which a region of a name is looked for."""
    return [folder / "regions" / f"{name}.yaml" for folder in catalogue_folders()]


def _validate(region: Region, problems: Problems) -> None:
    for key in ("name", "model"):
        check_name(getattr(region, key), key, problems, hyphen=True)
    if region.name != problems.file.stem:
        problems.add("name", f"is {region.name!r} in a file named {problems.file.name}; make them the same")
    check_title(region.title, "title", problems)
    check_timezone(region.timezone, problems)
    _check_reaches(region, problems)
    _check_metric(region, problems)
    _check_crs(region.export_crs, "export_crs", problems)
    if region.segments.length_m < region.pixel_m:
        problems.add(
            "segments.length_m", f"is shorter than a pixel ({region.pixel_m:g} m); a bank is not seen that finely"
        )
    _check_targets(region, problems)
    _check_seasons(region, problems)
    if region.trigger is not None:
        check_trigger(region.trigger, region.gauges, problems)
    if region.places is not None:
        check_places(region.places, problems)


def _check_reaches(region: Region, problems: Problems) -> None:
    if not region.reaches:
        problems.add("reaches", "is empty; name at least one reach, see docs/region-files.md")
    names = [reach.name for reach in region.reaches]
    for name in sorted({name for name in names if names.count(name) > 1}):
        problems.add("reaches", f"{name!r} is there twice; give each reach its own name")
    for i, reach in enumerate(region.reaches):
        check_name(reach.name, f"reaches[{i}].name", problems)
        check_lonlat(reach.upstream, f"reaches[{i}].upstream", problems)
        if reach.title:
            check_title(reach.title, f"reaches[{i}].title", problems)
        for name in reach.gauges:
            if name not in region.gauges:
                problems.add(f"reaches[{i}].gauges", f"{name!r} is not one of gauges, {list(region.gauges)}")


def _check_seasons(region: Region, problems: Problems) -> None:
    taken: dict[int, str] = {}
    for season in region.seasons:
        check_name(season.name, "seasons", problems)
        follows = all(b == a % 12 + 1 for a, b in itertools.pairwise(season.months))
        if not season.months or not follows:
            problems.add(
                "seasons",
                f"{season.name}: months {list(season.months)} must follow each other, like [11, 12] or [12, 1, 2]",
            )
        for month in season.months:
            if taken.setdefault(month, season.name) != season.name:
                problems.add("seasons", f"month {month} is in {taken[month]} and in {season.name}; a scene counts once")
    try:
        datetime.date.fromisoformat(region.scenes.since)
    except ValueError:
        problems.add("scenes.since", f'{region.scenes.since!r} is no date; write "YYYY-MM-DD" in quotes')


def _check_targets(region: Region, problems: Problems) -> None:
    names = [target.name for target in region.targets]
    if not names:
        problems.add("targets", "is empty; name at least one event to forecast")
    for name in names:
        check_name(name, "targets", problems)
    for name in sorted({name for name in names if names.count(name) > 1}):
        problems.add("targets", f"{name!r} is there twice; give each target its own name")
    shares = region.policy.precision
    for level in set(shares) - {2, 3, 4}:
        problems.add(f"policy.precision.{level}", "is no level with a threshold; those are 2, 3 and 4")
    for level in {2, 3, 4} - set(shares):
        problems.add(f"policy.precision.{level}", "is missing; levels 2, 3 and 4 each need a precision")
    ordered = [shares[level] for level in sorted(shares)]
    if len(set(ordered)) < len(ordered) or ordered != sorted(ordered):
        problems.add("policy.precision", "must rise from level 2 to 4; a higher level is a surer one")


def _read_sources(raw: Mapping[Any, Any], problems: Problems) -> dict[str, Entry]:
    """Return the entries of the sources, also where the region itself has mistakes: one check lists everything."""
    found: dict[str, Entry] = {}
    for key in ("water", "gauges"):
        listed = raw.get(key)
        if listed == [] and key == "water":
            problems.add(key, "is empty; name at least one source of water masks")
        names = [name for name in (listed if isinstance(listed, list) else [listed]) if isinstance(name, str)]
        for name in sorted({name for name in names if names.count(name) > 1}):
            problems.add(key, f"{name!r} is there twice; take one out")
        for name in dict.fromkeys(names):
            try:
                source = load_source(name, problems.file)
            except CatalogError as err:
                # A mistake of this file's own names it already.
                for problem in err.problems:
                    problems.add(key, problem.removeprefix(f"{problems.file}: "))
                continue
            if source.region_list == key:
                found[name] = source
            else:
                problems.add(
                    key, f"{name!r} has driver {source.driver}, which gives no {key}; move it to the other list"
                )
    _check_needs(raw, found.values(), problems)
    return found


def _check_needs(raw: Mapping[Any, Any], sources: Iterable[Entry], problems: Problems) -> None:
    """Note what a region must have because of the kinds of its sources."""
    scenes = [source.name for source in sources if isinstance(source, SceneSource)]
    alarmed = {source.name for source in sources if isinstance(source, GaugeSource) and source.alarm_levels_m}
    reaches = raw.get("reaches")
    reaches = [reach for reach in reaches if isinstance(reach, dict)] if isinstance(reaches, list) else []
    reason = f"{', '.join(scenes)} give scenes" if scenes else "several reaches are distinguished by their areas"
    if scenes and not raw.get("seasons"):
        problems.add("seasons", f"is missing; {reason}, see docs/region-files.md")
    trigger = raw.get("trigger")
    if isinstance(trigger, dict) and "above_alarm" in trigger:
        for reach in reaches:
            named = reach.get("gauges") or raw.get("gauges")
            if isinstance(named, list) and not alarmed & {name for name in named if isinstance(name, str)}:
                problems.add(
                    "trigger.above_alarm",
                    f"no gauge of {reach.get('name')} has alarm levels; give one its alarm_levels_m, or take the term out",
                )
    for i, reach in enumerate(reaches):
        if (scenes or len(reaches) > 1) and not reach.get("area"):
            problems.add(f"reaches[{i}].area", f"is missing; {reason}, see docs/region-files.md")


def _check_crs(text: str, key: str, problems: Problems) -> CRS | None:
    try:
        return CRS.from_user_input(text)
    except CRSError:
        problems.add(key, f"{text!r} is no coordinate system; write its EPSG code, e.g. EPSG:32648")
        return None


def _check_metric(region: Region, problems: Problems) -> None:
    """The working CRS must measure in metres where the rivers are."""
    crs = _check_crs(region.crs, "crs", problems)
    if crs is None or not region.reaches:
        return
    advice = f"use {utm_zone(region.reaches[0].upstream)}, the UTM zone of 'upstream'"
    units = {axis.unit_name for axis in crs.axis_info}
    if crs.is_geocentric or (crs.is_vertical and not (crs.is_projected or crs.is_geographic)):
        kind = "geocentric" if crs.is_geocentric else "vertical"
        problems.add("crs", f"{region.crs} is {kind} and gives no place on a map; {advice}")
    elif crs.is_geographic:
        problems.add("crs", f"{region.crs} measures in degrees where metres are needed; {advice}")
    elif not crs.is_projected or units != {"metre"}:
        problems.add("crs", f"{region.crs} measures in {', '.join(sorted(units))} where metres are needed; {advice}")
    elif region.crs.upper() in ("EPSG:3857", "EPSG:3395"):
        problems.add("crs", f"{region.crs} stretches lengths away from the equator; {advice}")
    elif crs.area_of_use is not None:
        area = crs.area_of_use
        for point in (reach.upstream for reach in region.reaches):
            # A zone is usable some degrees beyond its edge; a region in the neighbour's neighbour is a slip of the pen.
            if _within(area.west, area.east, point):
                continue
            far = f"{region.crs} is made for {shortened(area.name)}, far from 'upstream' {list(point)}"
            swapped = (point[1], point[0])
            if abs(point[0]) <= 90 and _within(area.west, area.east, swapped):
                far = f"did you mean 'upstream' {list(swapped)}, longitude first? {far}"
                problems.add("crs", f"{far}; swap the two, or use {utm_zone(point)}")
            else:
                problems.add("crs", f"{far}; {advice}")


def _within(west: float, east: float, point: LonLat) -> bool:
    """Whether a point lies near enough to the longitudes a CRS is made for, across the antimeridian too."""
    return any(west - 6 <= point[0] + turn <= east + 6 for turn in (-360, 0, 360))


def utm_zone(point: LonLat) -> str:
    """EPSG code of the WGS 84 UTM zone of a longitude and latitude (the plain six-degree zones)."""
    lon, lat = point
    zone = int((lon + 180) // 6) % 60 + 1
    return f"EPSG:{(32600 if lat >= 0 else 32700) + zone}"
