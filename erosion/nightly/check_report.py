"""What a check of a region found: sources of water, scenes and gauges, as values and as text."""

from __future__ import annotations

import dataclasses
import textwrap
from dataclasses import dataclass, field
from typing import Any, Final

from erosion.core.contracts import SIMULATED_NOTICE
from erosion.core.errors import Skipped

_SHOWN: Final = 5


@dataclass
class WaterFound:
    """Content of a water source; spans in days, areas in km2, sizes in m. Dates, areas and what is accepted are of the masks that a
    run would use."""

    source: str
    files: int = 0
    usable: int = 0
    first: str | None = None
    last: str | None = None
    reach: str = ""
    dates: list[str] = field(default_factory=list)
    gaps: list[dict[str, Any]] = field(default_factory=list)
    crs: list[str] = field(default_factory=list)
    pixel_m: list[list[float]] = field(default_factory=list)
    resampled: bool | None = None
    extent_m: list[float] | None = None
    grid: list[int] | None = None
    water_km2: list[float] | None = None
    missing_share: float | None = None
    accepted: list[str] = field(default_factory=list)
    licence: str = ""


@dataclass
class ScenesFound:
    """Content of a source of satellite scenes, as known without asking its catalogue; sizes in pixels and km2."""

    source: str
    reach: str = ""
    catalog: str = ""
    collection: str = ""
    grid: list[int] | None = None
    corridor_km2: float | None = None
    windows: int | None = None
    stored: dict[str, int] = field(default_factory=dict)
    first: str | None = None
    last: str | None = None
    licence: str = ""


@dataclass
class GaugeFound:
    """Content of a gauge source; ranges as lowest, median, highest in m3/s or m, gaps in days."""

    source: str
    gauge_id: str = ""
    river: str = ""
    values: int = 0
    first: str | None = None
    last: str | None = None
    discharge_m3s: list[float] | None = None
    stage_m: list[float] | None = None
    rain_mm: list[float] | None = None
    quality: dict[str, float] = field(default_factory=dict)
    gaps: list[dict[str, Any]] = field(default_factory=list)
    licence: str = ""


@dataclass
class LayerFound:
    """Content of a reference layer along the river."""

    layer: str
    file: str
    features: int | None = None
    """Features, or pixels of a raster; None where the layer could not be read."""
    title: dict[str, str] = field(default_factory=dict)
    simulated: bool = False
    licence: str = ""


@dataclass
class Report:
    """Everything a check found.

    Attributes
    ----------
    region, file
        Name of the region and its file.
    problems
        What has to be mended before a run can be trusted.
    warnings
        What is worth attention.
    skipped
        What a run would leave out, and why.
    past
        Those of the skipped that are masks older than the newest valid one: a run lists them and is not degraded.
    water, scenes, gauges
        What the sources hold.
    places
        What the reference layers hold.
    """

    region: str
    file: str
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    past: list[Skipped] = field(default_factory=list)
    water: list[WaterFound] = field(default_factory=list)
    scenes: list[ScenesFound] = field(default_factory=list)
    gauges: list[GaugeFound] = field(default_factory=list)
    places: list[LayerFound] = field(default_factory=list)
    model: list[str] = field(default_factory=list)
    """Which release a run would use, what it was trained on, and the evaluation that is attached."""

    @property
    def ok(self) -> bool:
        """True where nothing has to be mended."""
        return not self.problems

    def as_dict(self) -> dict[str, Any]:
        """The report as plain values that JSON can carry."""
        plain = dataclasses.asdict(self)
        listed = {name: [item._asdict() for item in getattr(self, name)] for name in ("skipped", "past")}
        return {**plain, **listed, "ok": self.ok}

    def lines(self) -> list[str]:
        """The report as text, one line each."""
        out = [f"{self.region} ({self.file})"]
        for water in self.water:
            out += _water_lines(water)
        for scenes in self.scenes:
            out += _scenes_lines(scenes)
        for gauge in self.gauges:
            out += _gauge_lines(gauge)
        for layer in self.places:
            out += _layer_lines(layer)
        for title, entries in (
            ("model", self.model),
            # What has to be mended stands below.
            ("left out", [f"{s.scene}: {s.reason}" for s in self.skipped if s.usual or s in self.past]),
            ("warnings", self.warnings),
            ("to mend", self.problems),
        ):
            if entries:
                out.append(f"  {title}:")
                out += [f"    - {entry}" for entry in entries]
        out.append(f"  {'ok' if self.ok else f'{len(self.problems)} to mend'}")
        return out


def _with_reach(found: WaterFound | ScenesFound) -> str:
    return f"{found.source}, {found.reach}" if found.reach else found.source


def _water_lines(found: WaterFound) -> list[str]:
    out = [f"  {_with_reach(found)}: {found.usable} of {found.files} files usable"]
    if found.first is None:
        return out
    out.append(f"    {len(found.dates)} dates, {found.first} to {found.last}, {_gap_text(found.gaps)}")
    out += textwrap.wrap(
        " ".join(found.dates), 110, initial_indent=" " * 6, subsequent_indent=" " * 6, break_on_hyphens=False
    )
    assert found.extent_m and found.grid and found.water_km2
    sizes = ", ".join(f"{w:g} x {h:g} m" for w, h in found.pixel_m)
    how = "averaged onto the region's grid" if found.resampled else "used as they are"
    out.append(f"    {', '.join(found.crs)}, pixels {sizes}, {how}")
    left, bottom, right, top = found.extent_m
    out.append(f"    grid {found.grid[0]} x {found.grid[1]}, x {left:.0f} to {right:.0f}, y {bottom:.0f} to {top:.0f}")
    low, middle, high = found.water_km2
    missing = f"at most {found.missing_share:.1%} of a scene missing"
    out.append(f"    water {low:g} to {high:g} km2 (median {middle:g}), {missing}")
    if found.accepted:
        out.append(f"    used because 'accepted_files' names them: {', '.join(found.accepted)}")
    out.append(f"    licence: {found.licence}")
    return out


def _scenes_lines(found: ScenesFound) -> list[str]:
    out = [f"  {_with_reach(found)}: scenes of {found.collection} from {found.catalog}"]
    if found.grid is not None:
        out.append(
            f"    corridor {found.corridor_km2:g} km2 on {found.grid[0]} x {found.grid[1]} pixels, {found.windows} windows"
        )
    if found.stored:
        states = ", ".join(f"{count} {state}" for state, count in sorted(found.stored.items()))
        out.append(f"    in the store: {states}; {found.first} to {found.last}")
    else:
        out.append("    nothing in the store yet; `erosion fetch` or a run fills it")
    out.append(f"    licence: {found.licence}")
    return out


def _gauge_lines(found: GaugeFound) -> list[str]:
    out = [f"  {found.source}: gauge {found.gauge_id} ({found.river}), {found.values} values"]
    if found.first is None:
        return out
    out.append(f"    {found.first} to {found.last}, {_gap_text(found.gaps)}")
    for name, unit in (("discharge_m3s", "m3/s"), ("stage_m", "m"), ("rain_mm", "mm")):
        bounds = getattr(found, name)
        if bounds:
            out.append(f"    {name.split('_')[0]} {bounds[0]:g} to {bounds[2]:g} {unit} (median {bounds[1]:g})")
    out.append("    " + ", ".join(f"{share:.1%} {word}" for word, share in found.quality.items()))
    out.append(f"    licence: {found.licence}")
    return out


def _layer_lines(found: LayerFound) -> list[str]:
    unit = "pixels" if found.layer == "population" else "features"
    inside = "not read" if found.features is None else f"{found.features:,} {unit} along the river"
    label = f"{SIMULATED_NOTICE} " if found.simulated else ""
    return [
        f"  places.{found.layer}: {label}{found.file}: {inside}",
        f"    licence: {found.licence}",
    ]


def _gap_text(gaps: list[dict[str, Any]]) -> str:
    if not gaps:
        return "no gap"
    shown = ", ".join(f"{gap['from']} to {gap['to']}" for gap in gaps[:_SHOWN])
    more = f" and {len(gaps) - _SHOWN} more" if len(gaps) > _SHOWN else ""
    return f"{len(gaps)} gap{'s' if len(gaps) > 1 else ''}: {shown}{more}"
