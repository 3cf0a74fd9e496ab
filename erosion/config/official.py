"""A version of the official classes of banks, and how a list of them is written: a YAML file beside the list."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from erosion.config.problems import CatalogError, Problems
from erosion.config.records import Key, parse
from erosion.config.strict_yaml import read_yaml


@dataclass(frozen=True, kw_only=True)
class ClassEntry:
    """One class."""

    code: Annotated[str, Key("as the list writes it")]
    vi: Annotated[str, Key("name in Vietnamese")]
    en: Annotated[str, Key("name in English")]


@dataclass(frozen=True, kw_only=True)
class ListFields:
    """Columns of the list; a piece of bank is given by its line, by two ends, or by chainage and bank."""

    official_id: Annotated[str, Key("number of the piece in the list")]
    title: Annotated[str, Key("name of the piece")]
    class_code: Annotated[str, Key("class")]
    commune: Annotated[str | None, Key("code or name of the commune")] = None
    reach: Annotated[str | None, Key("name of the reach")] = None
    bank: Annotated[str | None, Key("bank: L, R, I, trái, phải, cù lao, left, right, island")] = None
    from_km: Annotated[str | None, Key("chainage of the upstream end, in kilometres")] = None
    to_km: Annotated[str | None, Key("chainage of the downstream end, in kilometres")] = None
    start_x: Annotated[str | None, Key("easting or longitude of one end")] = None
    start_y: Annotated[str | None, Key("northing or latitude of one end")] = None
    end_x: Annotated[str | None, Key("easting or longitude of the other end")] = None
    end_y: Annotated[str | None, Key("northing or latitude of the other end")] = None


@dataclass(frozen=True, kw_only=True)
class OfficialScheme:
    """A version of a scheme of classes."""

    scheme: Annotated[str, Key("name of the scheme")]
    legal_basis: Annotated[str, Key("document that makes the classes")]
    classes: Annotated[tuple[ClassEntry, ...], Key("the classes, the worst first")]
    fields: Annotated[ListFields, Key("columns of the list")]
    crs: Annotated[str, Key("CRS of the coordinates of a table, such as EPSG:9208")] = "EPSG:4326"


def read_scheme(file: Path) -> OfficialScheme:
    """Return the scheme of a file.

    Raises
    ------
    CatalogError
        The file is missing or has mistakes; all of them are named.
    """
    problems = Problems(file)
    found = parse(OfficialScheme, read_yaml(file), problems)
    if found is not None:
        codes = [one.code for one in found.classes]
        if len(set(codes)) < len(codes) or not codes:
            problems.add("classes", "needs classes, each code once")
        ends = [found.fields.start_x, found.fields.start_y, found.fields.end_x, found.fields.end_y]
        if any(ends) and not all(ends):
            problems.add("fields", "names some of start_x, start_y, end_x and end_y; name all four or none")
    problems.stop_if_any()
    if found is None:
        raise CatalogError([f"{file}: cannot be read"])
    return found
