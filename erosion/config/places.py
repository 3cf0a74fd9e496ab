"""Settings of the reference layers that give a bank a name and tell what stands beside it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from erosion.config.problems import Problems
from erosion.config.records import Key

SETTLEMENTS: Final = (
    "city",
    "town",
    "village",
    "hamlet",
    "suburb",
    "quarter",
    "neighbourhood",
    "isolated_dwelling",
    "island",
    "islet",
)
"""Values of the key ``place`` of OpenStreetMap that are inhabited places, or islands that people name them by."""


@dataclass(frozen=True, kw_only=True)
class LayerEntry:
    """A file of reference data: where it is, what it is called, and its terms."""

    path: Annotated[Path, Key("file, relative to the region file", may_lack=True)]
    title: Annotated[dict[str, str], Key("title in Vietnamese (vi) and English (en)")]
    optional: Annotated[bool, Key("true where the file may stay away and that is no mistake")] = False
    licence: Annotated[str, Key("licence of the data")]
    attribution: Annotated[str, Key("who is named where the data are shown")]
    url: Annotated[str | None, Key("where the data come from")] = None
    simulated: Annotated[bool, Key("true where the data are not observations")] = False


@dataclass(frozen=True, kw_only=True)
class VectorEntry(LayerEntry):
    """A layer of points, lines or areas."""

    layer: Annotated[str | None, Key("name of the layer; needed where the file has several")] = None
    where: Annotated[str | None, Key("condition in SQL that a feature must meet, such as highway IS NOT NULL")] = None
    encoding: Annotated[str | None, Key("encoding of a Shapefile without .cpg, such as UTF-8")] = None
    covers: Annotated[
        Path | None,
        Key(
            "GeoJSON or GeoPackage of the areas in which the layer is complete; else the extent of its features",
            may_lack=True,
        ),
    ] = None

    @property
    def columns(self) -> dict[str, str]:
        """Our name of a column -> the file's name of the field."""
        return {}


@dataclass(frozen=True, kw_only=True)
class CommuneFields:
    """Which fields of a layer of communes hold what."""

    name: Annotated[str, Key("field of the name")]
    code: Annotated[str, Key("field of the code")]
    former: Annotated[
        str | None, Key("field of the former units: a list, or one text with commas or semicolons in between")
    ] = None


@dataclass(frozen=True, kw_only=True)
class Communes(VectorEntry):
    """Areas of communes."""

    fields: Annotated[CommuneFields, Key("our names of the columns -> fields of the file")]

    @property
    def columns(self) -> dict[str, str]:
        """See :attr:`VectorEntry.columns`."""
        return _given(name=self.fields.name, code=self.fields.code, former=self.fields.former)


@dataclass(frozen=True, kw_only=True)
class NameFields:
    """Which fields of a layer of named places hold what."""

    name: Annotated[str, Key("field of the name")]
    kind: Annotated[str | None, Key("field of the kind, such as hamlet or market")] = None


@dataclass(frozen=True, kw_only=True)
class Names(VectorEntry):
    """Settlements and landmarks."""

    fields: Annotated[NameFields, Key("our names of the columns -> fields of the file")]
    settlements: Annotated[
        tuple[str, ...], Key("kinds that are settlements; the others are landmarks. Without a kind all are settlements")
    ] = SETTLEMENTS

    @property
    def columns(self) -> dict[str, str]:
        """See :attr:`VectorEntry.columns`."""
        return _given(name=self.fields.name, kind=self.fields.kind)


@dataclass(frozen=True, kw_only=True)
class RoadFields:
    """Which fields of a layer of roads hold what."""

    name: Annotated[str | None, Key("field of the name")] = None
    kind: Annotated[str | None, Key("field of the class, such as primary or track")] = None


@dataclass(frozen=True, kw_only=True)
class Roads(VectorEntry):
    """Lines of roads."""

    fields: Annotated[RoadFields, Key("our names of the columns -> fields of the file")] = RoadFields()

    @property
    def columns(self) -> dict[str, str]:
        """See :attr:`VectorEntry.columns`."""
        return _given(name=self.fields.name, kind=self.fields.kind)


@dataclass(frozen=True, kw_only=True)
class Buildings(VectorEntry):
    """Buildings: their outlines or a point each."""


@dataclass(frozen=True, kw_only=True)
class SchoolFields:
    """Which fields of a layer of schools hold what."""

    name: Annotated[str | None, Key("field of the name")] = None


@dataclass(frozen=True, kw_only=True)
class Schools(VectorEntry):
    """Schools: their outlines or a point each."""

    fields: Annotated[SchoolFields, Key("our names of the columns -> fields of the file")] = SchoolFields()

    @property
    def columns(self) -> dict[str, str]:
        """See :attr:`VectorEntry.columns`."""
        return _given(name=self.fields.name)


@dataclass(frozen=True, kw_only=True)
class Population(LayerEntry):
    """GeoTIFF of the number of people in each pixel."""

    nodata_is_nobody: Annotated[
        bool, Key("true where a pixel without a value holds nobody; false where how many it holds is not known")
    ] = False


@dataclass(frozen=True, kw_only=True)
class PlacesConfig:
    """Reference layers of a region; a layer that is not given is not known, and what depends on it says so."""

    communes: Annotated[Communes | None, Key("areas of communes")] = None
    names: Annotated[Names | None, Key("settlements and landmarks")] = None
    roads: Annotated[Roads | None, Key("lines of roads")] = None
    buildings: Annotated[Buildings | None, Key("buildings, as outlines or points")] = None
    schools: Annotated[Schools | None, Key("schools, as outlines or points")] = None
    population: Annotated[Population | None, Key("GeoTIFF of people a pixel")] = None

    @property
    def given(self) -> dict[str, LayerEntry]:
        """The layers that are given, by name."""
        return {f.name: entry for f in dataclasses.fields(self) if (entry := getattr(self, f.name)) is not None}


def check_places(places: PlacesConfig, problems: Problems) -> None:
    """Note what is wrong with the reference layers of a region, beside their types."""
    if not places.given:
        problems.add("places", "has no layer; give one, like communes, or take the key out")
    for kind, entry in places.given.items():
        check_title(entry.title, f"places.{kind}.title", problems)
        if isinstance(entry, VectorEntry):
            for name, field in entry.columns.items():
                if not field.strip():
                    problems.add(f"places.{kind}.fields.{name}", "is empty; name a field of the file")
        if isinstance(entry, Names) and entry.fields.kind is None and entry.settlements != SETTLEMENTS:
            problems.add("places.names.settlements", "needs fields.kind, the field that holds the kind")


def check_title(title: Mapping[str, str], key: str, problems: Problems) -> None:
    """Note a title that lacks a language, or has one that is not shown."""
    for language in ("vi", "en"):
        if language not in title:
            problems.add(f"{key}.{language}", "is missing; the map is in Vietnamese (vi) and English (en)")
    for language in sorted(set(title) - {"vi", "en"}):
        problems.add(f"{key}.{language}", "unknown key; known keys here: vi, en")


def _given(**columns: str | None) -> dict[str, str]:
    return {name: field for name, field in columns.items() if field is not None}
