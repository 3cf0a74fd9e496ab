"""What a bulletin says of a published run: its stretches, their names, and what the run records of itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import geopandas as gpd
import pandas as pd
import pyarrow.parquet as pq
import pyogrio

from erosion.core.files import sha256_of
from erosion.core.text import clean
from erosion.publish.bulletins.errors import BulletinError
from erosion.publish.integrity import CHANGED, damage
from erosion.publish.listing import FILE, ListedRun, ListedTarget, Listing, ListingError, read_listing
from erosion.publish.manifest import Manifest, read_manifest
from erosion.publish.stretch_names import name_text, with_former
from erosion.words import translate, write

WITHIN_M: Final = (20, 50, 100)
"""Distances within which houses are counted [m]."""

LATER_COLUMNS: Final = (
    "commune_code", "commune", "commune_former", "communes", "place_vi", "place_en",
    *(f"buildings_{metres}m" for metres in WITHIN_M),
)  # fmt: skip
"""Columns that are read as missing where a run does not have them."""


@dataclass(frozen=True)
class RunFacts:
    """A published run of one region and target."""

    listing: Listing
    run: ListedRun
    target: ListedTarget
    manifest: Manifest
    about: Mapping[str, Any]
    """Metadata of its files."""
    stretches: gpd.GeoDataFrame
    """Worst first; lines in metres."""
    segments: gpd.GeoDataFrame
    """All bank lines in the same CRS: ``reach``, ``bank``, ``chainage_m``, ``joint_level``."""
    communes: Mapping[str, tuple[str, str | None]]
    """Code of each commune of the reference layers to its name and its former names."""

    def region_title(self, language: str) -> str:
        """Return the title of the region."""
        return name_text(self.listing["title"].get(language)) or self.listing["region"]

    def reach_title(self, reach: str, language: str) -> str:
        """Return the title of a reach; of an older list that does not name it, its machine name."""
        titles = {entry["name"]: entry["title"] for entry in self.listing.get("reaches", [])}
        return name_text(titles.get(reach, {}).get(language)) or name_text(reach) or ""

    @property
    def timezone(self) -> str:
        """Zone in which times are written."""
        return self.listing["timezone"]


@dataclass(frozen=True)
class Area:
    """What a bulletin is of: a commune, or the whole region."""

    title: str
    """Name of the commune with its former ones, or of the region."""
    code: str | None
    """Code of the commune; None for the whole region."""
    stretches: gpd.GeoDataFrame
    """Its stretches, worst first; ``no`` is their number in the bulletin, from 1."""


def read_facts(home: Path, as_of: str | None = None, target: str | None = None) -> RunFacts:
    """Return what a region has published of a date.

    Parameters
    ----------
    home
        Folder of the region's products.
    as_of
        YYYY-MM-DD; the newest published date where not given.
    target
        Name of a forecast target; the first where not given.

    Raises
    ------
    BulletinError
        There is no such run or target, a file is damaged, or the run is of a program that knew no stretches.
    """
    if not (home / FILE).exists():
        raise BulletinError(
            f"{home} has no {FILE}: nothing of this region is published there; make it with `erosion run`"
        )
    try:
        listing = read_listing(home / FILE)
    except ListingError as error:
        raise BulletinError(str(error)) from error
    run, wanted = _run(home, listing, as_of), _target(home, listing, target)
    directory = home / run["directory"]
    damaged = damage(directory, run.get("manifest_sha256"))
    if damaged:
        files = "; ".join(f"{name} {fault}" for name, fault in damaged.items())
        raise BulletinError(
            f"no bulletin is made of damaged files: in {directory} {files}; "
            f"run {run['as_of']} again with `erosion run`, which makes them anew"
        )
    path = directory / f"stretches_{wanted['name']}.parquet"
    if not path.exists():
        raise BulletinError(
            f"{path} is missing: the run is of a program that knew no stretches of bank; "
            f"run {run['as_of']} again with `erosion run`"
        )
    try:
        manifest = read_manifest(directory)
        about = json.loads((pq.read_schema(path).metadata or {}).get(b"about", b"{}"))
        stretches = _metres(gpd.read_parquet(path))
        lines = gpd.read_parquet(directory / f"segments_{wanted['name']}.parquet")
    except (OSError, ValueError) as error:
        raise BulletinError(f"{path} cannot be read: {error}; run {run['as_of']} again with `erosion run`") from error
    needed = [name for name in _NEEDED if name not in stretches]
    if needed:
        raise BulletinError(
            f"{path}: column {', '.join(needed)} is missing; run {run['as_of']} again with `erosion run`"
        )
    stretches = stretches.assign(**{name: None for name in LATER_COLUMNS if name not in stretches})
    stretches = stretches.sort_values("level", ascending=False, kind="stable", ignore_index=True)
    if "joint_level" not in lines:
        lines["joint_level"] = lines["level"]
    lines = lines[["reach", "bank", "chainage_m", "joint_level", "geometry"]].to_crs(stretches.crs)
    return RunFacts(listing, run, wanted, manifest, about, stretches, lines, _communes(home, run, manifest))


_NEEDED: Final = (
    "stretch_id", "reach", "bank", "from_m", "to_m", "length_m", "level", "change", "retreat_p50_m", "retreat_p90_m",
    "loss_p50_ha", "loss_p90_ha",
)  # fmt: skip


def _communes(home: Path, run: ListedRun, manifest: Manifest) -> dict[str, tuple[str, str | None]]:
    """Return the communes of the run's reference layers; empty where it has none."""
    entry = manifest.get("places")
    if entry is None:
        return {}
    path = home / entry["file"]
    try:
        if path.resolve().parent.parent != home.resolve() or sha256_of(path) != entry["sha256"]:
            raise BulletinError(f"{path} {CHANGED}; run {run['as_of']} again with `erosion run`")
        if "communes" not in {str(name) for name, _ in pyogrio.list_layers(path)}:
            return {}
        table = pyogrio.read_dataframe(path, layer="communes", columns=["code", "name", "former"], read_geometry=False)
    except (OSError, pyogrio.errors.DataSourceError) as error:
        raise BulletinError(f"{path} cannot be read: {error}; run {run['as_of']} again with `erosion run`") from error
    rows = zip(table["code"], table["name"], table["former"], strict=True)
    return {
        code: (name_text(name) or code, name_text(former)) for value, name, former in rows if (code := name_text(value))
    }


def _metres(table: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the lines in metres: a scale bar needs them, and a region may publish in degrees."""
    if table.crs is not None and table.crs.is_projected:
        return table
    return table.to_crs(table.estimate_utm_crs() if len(table) else "EPSG:3857")


def _run(home: Path, listing: Listing, as_of: str | None) -> ListedRun:
    runs = {run["as_of"]: run for run in listing["runs"]}
    if not runs:
        raise BulletinError(f"{home} has no published run; make one with `erosion run`")
    if as_of is not None and as_of not in runs:
        raise BulletinError(
            f"nothing of {as_of} is published in {home}; the newest date is {max(runs)}. "
            f"Make that of {as_of} with `erosion run --date {as_of}`, or give another date"
        )
    return runs[as_of or max(runs)]


def _target(home: Path, listing: Listing, target: str | None) -> ListedTarget:
    targets = {one["name"]: one for one in listing["targets"]}
    if not targets or (target is not None and target not in targets):
        known = ", ".join(targets) or "none"
        raise BulletinError(f"{home} publishes no forecast target {target or ''}; there is {known}")
    return targets[target] if target is not None else next(iter(targets.values()))


def communes(facts: RunFacts, language: str) -> dict[str, str]:
    """Return the communes along the river, code to name with the former ones; sorted by name.

    They are those of the run's reference layers. Where it has none, those that its stretches name; one that stretches
    only touch then has its code for a name.
    """
    found = dict(facts.communes)
    for row in facts.stretches.to_dict("records"):
        code = name_text(row["commune_code"])
        if code and code not in found:
            found[code] = (name_text(row["commune"]) or code, name_text(row["commune_former"]))
    for row in facts.stretches.to_dict("records"):
        for code in (name_text(row["communes"]) or "").split():
            found.setdefault(code, (code, None))
    named = {code: with_former(name, former, language) for code, (name, former) in found.items()}
    return dict(sorted(named.items(), key=lambda item: (item[1], item[0])))


def area_of(facts: RunFacts, commune: str | None, language: str) -> Area:
    """Return the stretches of a commune, or of the whole region where none is given.

    Parameters
    ----------
    facts
        The run.
    commune
        Code of a commune, or its name without the former ones.
    language
        Of the title.

    Raises
    ------
    BulletinError
        No stretch is in such a commune, or two communes have the name.
    """
    table = facts.stretches
    if commune is None:
        return Area(facts.region_title(language), None, _numbered(table))
    known = communes(facts, language)
    wanted = clean(commune) or ""
    listed = [(code, name) for code, (name, _) in facts.communes.items()]
    listed += [(name_text(code) or "", name_text(name) or "") for code, name in zip(
        table["commune_code"], table["commune"], strict=True)]  # fmt: skip
    named = {code for code, name in listed if code and name.casefold() == wanted.casefold()}
    codes = {wanted} if wanted in known else named
    if len(codes) != 1:
        those = "; ".join(f"{code} {name}" for code, name in known.items()) or "none: this run names no communes"
        why = "several communes have this name, give the code" if codes else "this run knows no such commune"
        raise BulletinError(f"commune {wanted!r}: {why}. Communes of this run: {those}")
    code = codes.pop()
    touches = [
        code == name_text(row["commune_code"]) or code in (name_text(row["communes"]) or "").split()
        for row in table[["commune_code", "communes"]].to_dict("records")
    ]
    return Area(known[code], code, _numbered(table[touches]))


def _numbered(table: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    return cast("gpd.GeoDataFrame", table.reset_index(drop=True).assign(no=range(1, len(table) + 1)))


def bank_text(row: Mapping[str, Any], reach_title: str, language: str) -> str:
    """Return bank, reach and chainage of a stretch; without the reach where its title is empty."""
    bank = translate(language, f"bank.{row['bank']}")
    start, end = write.chainage(row["from_m"]), write.chainage(row["to_m"])
    if not reach_title:
        return translate(language, "bulletin.bank", bank=bank, start=start, end=end)
    return translate(language, "bulletin.bank.reach", bank=bank, reach=reach_title, start=start, end=end)


def change_counts(table: pd.DataFrame) -> dict[str, int]:
    """Return how many stretches changed in which way since the run before."""
    return {str(kind): int(count) for kind, count in table["change"].value_counts().items()}
