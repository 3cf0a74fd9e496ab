"""What catalogue entries of satellite scenes share, wherever the scenes lie."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Final

from erosion.config.entry import Entry
from erosion.config.problems import Problems
from erosion.config.records import Key

OPTICAL_BANDS: Final = ("blue", "green", "red", "nir", "swir16", "swir22")
RADAR_BANDS: Final = ("vv", "vh")

INCIDENCE: Final = "incidence"
"""Band of a radar scene that holds the angle between the beam and the vertical, in degrees, not scaled."""

QUALITY_BANDS: Final = ("quality", "saturation")
"""Bands that mark which pixels can be used; each goes with the key of its name."""


@dataclass(frozen=True, kw_only=True)
class PixelQuality:
    """Rule for which pixels of a scene can be used, by a band that comes with it."""

    kind: Annotated[
        str, Key("classes: the band holds class numbers; bits: a flag in each bit", choices=("classes", "bits"))
    ]
    usable: Annotated[tuple[int, ...], Key("classes of usable pixels")] = ()
    refuse: Annotated[
        tuple[int, ...], Key("bits, counted from 0, any of which makes a pixel unusable", low=0, high=63)
    ] = ()


@dataclass(frozen=True, kw_only=True)
class SceneUnits:
    """Units of a scene's bands after ``scale`` and ``offset``."""

    reflectance: Annotated[str | None, Key("surface reflectance", choices=("1",))] = None
    backscatter: Annotated[str | None, Key("terrain-corrected gamma0 as linear power", choices=("1",))] = None


@dataclass(frozen=True, kw_only=True)
class SceneSource(Entry, ABC):
    """Shared fields of the entries of satellite scenes, wherever the scenes lie."""

    sensor: Annotated[str, Key("kind of instrument", choices=("optical", "radar"))]
    units: Annotated[SceneUnits, Key("units of the bands")]
    scale: Annotated[float, Key("value = number in the file x scale + offset")] = 1.0
    offset: Annotated[float, Key("see scale")] = 0.0
    boa_offset: Annotated[
        str,
        Key(
            "sentinel2: 1000 is subtracted first from processing baseline 04.00 on, unless the item says it has been",
            choices=("none", "sentinel2"),
        ),
    ] = "none"
    nodata: Annotated[float | None, Key("number in the file that stands for missing, beside its own nodata tag")] = None
    saturated_from: Annotated[float | None, Key("numbers in the file from here on are saturated")] = None
    quality: Annotated[PixelQuality | None, Key("which pixels can be used")] = None
    saturation: Annotated[PixelQuality | None, Key("the same by a band that marks saturated pixels")] = None
    pixel_m: Annotated[float, Key("pixel size of the sharpest band", "m", above=0)]
    geo_rmse_m: Annotated[float, Key("geolocation error, root mean square", "m", above=0)]
    region_list: ClassVar[str] = "water"

    @property
    @abstractmethod
    def archive(self) -> tuple[str, str]:
        """Place of the scenes, and which of what lies there they are."""


def check_bands(source: SceneSource, bands: Mapping[str, object], problems: Problems) -> None:
    """Note what is wrong with the bands of an entry, by our name of each, and with the rules that go with them."""
    known = (*OPTICAL_BANDS, *QUALITY_BANDS) if source.sensor == "optical" else (*RADAR_BANDS, INCIDENCE, "quality")
    for alias in bands:
        if alias not in known:
            problems.add(f"bands.{alias}", f"is no band of {source.sensor} scenes; those are {', '.join(known)}")
    if source.sensor == "optical":
        if "green" not in bands or not {"nir", "swir16"} & set(bands):
            problems.add("bands", "need green and at least one of nir and swir16; water is found by their contrast")
        if source.units.reflectance is None:
            problems.add("units.reflectance", 'is missing; write "1" and the scale and offset that lead to it')
    else:
        if "vv" not in bands and "vh" not in bands:
            problems.add("bands", "need vv or vh")
        if source.units.backscatter is None:
            problems.add("units.backscatter", 'is missing; write "1": gamma0 as linear power, not decibels')
    for key in QUALITY_BANDS:
        rule: PixelQuality | None = getattr(source, key)
        if (key in bands) != (rule is not None):
            problems.add(key, f"and bands.{key} belong together; give both or neither")
        if rule is not None:
            wanted, other = ("usable", "refuse") if rule.kind == "classes" else ("refuse", "usable")
            if not getattr(rule, wanted):
                problems.add(f"{key}.{wanted}", f"is missing; kind {rule.kind} needs it")
            if getattr(rule, other):
                problems.add(f"{key}.{other}", f"does not go with kind {rule.kind}; take it out")
    if source.scale == 0:
        problems.add("scale", "is 0; every value would be the same")
