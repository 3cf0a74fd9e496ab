"""What catalogue entries of gauges share: where a series of water level, discharge or rain comes from, and what is known of it.

Several entries may describe one gauge (the same ``gauge_id``): a file for the past, a service for tonight. The one the
region lists first is trusted most.
"""

from __future__ import annotations

import dataclasses
import datetime
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final
from urllib.parse import urlsplit

from erosion.config.entry import Entry
from erosion.config.problems import Problems
from erosion.config.records import Key, LonLat, check_lonlat

DISCHARGE_UNITS: Final[dict[str, float]] = {"m3/s": 1.0, "l/s": 1e-3, "ft3/s": 0.3048**3}
"""Unit -> factor to m3/s."""

STAGE_UNITS: Final[dict[str, float]] = {"m": 1.0, "cm": 1e-2, "mm": 1e-3, "ft": 0.3048}
"""Unit -> factor to m."""

RAIN_UNITS: Final[dict[str, float]] = {"mm": 1.0, "cm": 10.0, "m": 1000.0, "in": 25.4}
"""Unit of the rain of one time step -> factor to mm."""


@dataclass(frozen=True, kw_only=True)
class GaugeChecks:
    """Limits of impossible and suspect values of a gauge; see :mod:`erosion.gauges.quality.checks` for what is taken otherwise."""

    stage_m: Annotated[tuple[float, ...], Key("lowest and highest possible stage", "m")] = ()
    discharge_m3s: Annotated[tuple[float, ...], Key("lowest and highest possible discharge", "m3/s")] = ()
    rain_mm: Annotated[tuple[float, ...], Key("lowest and highest possible rain of a day", "mm")] = ()
    stage_m_per_hour: Annotated[
        float | None,
        Key("faster rises and falls are flagged, beside those faster than ever in the past", "m/h", above=0),
    ] = None
    flat_days: Annotated[
        float | None,
        Key(
            "a value repeated for longer is that of a broken gauge; learned from its past where not given",
            "day",
            above=0,
        ),
    ] = None
    agree_m: Annotated[float, Key("two sources of this gauge that differ by more in a day disagree", "m", above=0)] = (
        0.1
    )
    agree_share: Annotated[
        float, Key("the same for discharge and rain, as a share of the larger one", "1", above=0)
    ] = 0.2


@dataclass(frozen=True, kw_only=True)
class GaugeSource(Entry):
    """Shared fields of the entries of gauges, whichever driver reads them."""

    gauge_id: Annotated[str, Key("identifier of the gauge, always text; sources of one gauge share it")]
    river: Annotated[str, Key("river the gauge stands on")]
    place: Annotated[str | None, Key("where it stands, in the usual name: Tân Châu; the title where not given")] = None
    location: Annotated[LonLat, Key("longitude and latitude", "degree")]
    distance_downstream_km: Annotated[float | None, Key("distance below the reach, negative above it", "km")] = None
    datum: Annotated[str | None, Key("zero of the stage; needed where there is stage")] = None
    datum_offset_m: Annotated[
        float, Key("added to the stage to bring it to the datum of the gauge's other sources", "m")
    ] = 0.0
    alarm_levels_m: Annotated[
        tuple[float, ...], Key("stages of alarm 1, 2 and 3 (báo động) on the same datum, ascending", "m")
    ] = ()
    alarm_source: Annotated[str | None, Key("who has set the alarm levels; needed with them")] = None
    checks: Annotated[GaugeChecks, Key("what is impossible or suspect at this gauge")] = GaugeChecks()
    region_list: ClassVar[str] = "gauges"
    gives_forecasts: ClassVar[bool] = False
    """True where the driver gives forecasts beside observations."""

    @property
    def called(self) -> str:
        """Name of the gauge in sentences and lists."""
        return self.place or self.title

    def check(self, problems: Problems) -> None:
        """Note what is wrong with the entry, beside its types."""
        super().check(problems)
        check_lonlat(self.location, "location", problems)
        levels = self.alarm_levels_m
        if levels and (len(levels) != 3 or not levels[0] < levels[1] < levels[2]):
            problems.add(
                "alarm_levels_m", f"{list(levels)} must be three rising stages, alarm 1 to 3, like [3.5, 4.0, 4.5]"
            )
        if bool(levels) != (self.alarm_source is not None):
            problems.add("alarm_source", "and alarm_levels_m belong together; give both or neither")
        for key in ("stage_m", "discharge_m3s", "rain_mm"):
            bounds = getattr(self.checks, key)
            if bounds and (len(bounds) != 2 or not bounds[0] < bounds[1]):
                problems.add(f"checks.{key}", f"{list(bounds)} must be the lowest and the highest possible value")


@dataclass(frozen=True, kw_only=True)
class FileGauge(GaugeSource):
    """Shared fields of the entries that are read from files somebody brings."""

    path: Annotated[Path, Key("file or folder, relative to the catalogue file; it may be brought later", may_lack=True)]

    @property
    def brought_to(self) -> Path | None:
        """The file or folder."""
        return self.path


@dataclass(frozen=True, kw_only=True)
class FolderGauge(FileGauge):
    """Shared fields of the entries whose path may be a folder into which files come."""

    files: Annotated[str, Key("pattern of the file names where path is a folder, in any letter case")]
    settle_s: Annotated[
        float, Key("a file of a folder that changed less than this ago may still be written and waits", "s", low=0)
    ] = 60.0


@dataclass(frozen=True, kw_only=True)
class WebGauge(GaugeSource):
    """Shared fields of the entries whose driver asks a service over the network."""

    key_env: Annotated[str | None, Key("environment variable that holds a key of the service")] = None
    first_day: Annotated[str, Key("first day that is asked for", "YYYY-MM-DD")] = "2016-01-01"
    pause_s: Annotated[float, Key("pause between two requests to the service", "s", low=0)] = 1.0

    def check(self, problems: Problems) -> None:
        """Note what is wrong with the entry, beside its types."""
        super().check(problems)
        if not _plain_address(getattr(self, "service", "")):
            problems.add("service", "must be a plain address like https://host.org, without user, password and query")
        try:
            written = datetime.date.fromisoformat(self.first_day).isoformat()
        except ValueError:
            written = ""
        if written != self.first_day:
            problems.add("first_day", f"{self.first_day!r} is no day; write it like 2016-01-01")
        station = getattr(self, "station", None)
        if station is not None and not re.fullmatch(r"[A-Za-z0-9_.-]+", station):
            problems.add("station", f"{station!r} must be plain letters and digits, as the service writes it")
        if self.key_env is not None and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", self.key_env):
            # A key that was written here by mistake must not be repeated in a message.
            problems.add("key_env", "is no name of an environment variable; put the key there and only its name here")


def _plain_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        whole = parts.port is None or parts.port > 0
    except ValueError:
        return False
    plain = not (parts.query or parts.fragment or "@" in parts.netloc or any(mark.isspace() for mark in text))
    return whole and plain and parts.scheme in ("https", "http") and bool(parts.hostname)


def check_datum(source: GaugeSource, problems: Problems) -> None:
    """Note that an entry whose driver gives stages names no zero."""
    if source.datum is None:
        problems.add("datum", "is missing; a stage means nothing without its zero")


def check_grid(source: FolderGauge, problems: Problems) -> None:
    """Note what is wrong with the entry of a folder of grids, which hold no stage."""
    pattern = Path(source.files)
    if not source.files or pattern.is_absolute() or ".." in pattern.parts:
        problems.add("files", f"{source.files!r} must be a pattern inside 'path', like *.nc")
    if source.alarm_levels_m:
        problems.add("alarm_levels_m", "are stages, and this source has none; give them to the source of the stage")


def zero_of(sources: Iterable[GaugeSource]) -> str | None:
    """Return the zero on which the stage of a gauge is given: that of its first entry that names one and no offset to another.

    Parameters
    ----------
    sources
        Every entry of one gauge, the most trusted first.
    """
    named = [source for source in sources if source.datum is not None]
    return next((source.datum for source in named if source.datum_offset_m == 0), named[0].datum if named else None)


def on_zero(source: GaugeSource, zero: str | None) -> bool:
    """Return True where a source's stage, with its offset, is on a gauge's zero."""
    return source.datum_offset_m != 0 or (source.datum or "").split() == (zero or "").split()


def reading_rules(source: GaugeSource) -> dict[str, Any]:
    """Return everything of an entry that changes the values read from it; another one means another series."""
    other = {"title", "river", "place", "distance_downstream_km", "alarm_levels_m", "alarm_source", "checks"}
    other |= {"licence", "attribution", "citation", "url", "described_in", "path", "key_env", "pause_s", "settle_s"}
    other |= {"service", "first_day", "forecast_days", "cadence_days", "optional"}
    return {key: value for key, value in dataclasses.asdict(source).items() if key not in other}
