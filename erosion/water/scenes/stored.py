"""Newest stored revision of every pass of a source, and which of them have to be made again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from erosion.config.scenes import SceneSource
from erosion.core.errors import Skipped
from erosion.water.scenes.pass_records import RECORD_NAME, PassRecord, damage, read_records

if TYPE_CHECKING:
    from erosion.config.region import Region, SceneRules

_OF_SOURCE: Final = (
    "bands", "scale", "offset", "nodata", "saturated_from", "quality", "saturation", "boa_offset", "pixel_m", "geo_rmse_m",
)  # fmt: skip
_OF_REGION: Final = ("cloud_margin_m", "min_clear_share", "max_shift_m")


@dataclass(frozen=True)
class Recipe:
    """What decides the water of a pass, beside its files.

    Attributes
    ----------
    processing
        Version of the method.
    corridor
        Digest of the corridor.
    settings
        Hash of the settings of source and region, see :func:`settings_of`.
    reference
        Id of the reference; None while there is none.
    """

    processing: int
    corridor: str
    settings: str
    reference: str | None


@dataclass
class Stored:
    """What the store holds of a source.

    Attributes
    ----------
    newest
        Newest readable record of each pass, by pass id.
    damaged
        Revision of each pass whose record or pixels are damaged, by pass id; it may have no readable record.
    """

    newest: dict[str, PassRecord]
    damaged: dict[str, int]

    def stale(self, recipe: Recipe) -> Iterator[PassRecord]:
        """Return the newest records that have to be made again although their items are the same."""
        return (record for record in self.newest.values() if self.is_stale(record, recipe))

    def is_stale(self, record: PassRecord, recipe: Recipe) -> bool:
        """Return True for a stored pass that has to be made again although its items are the same."""
        return (
            record.state == "failed"
            or self.damaged.get(record.pass_id, -1) >= record.revision
            or record.processing != recipe.processing
            or record.corridor != recipe.corridor
            or record.settings not in ("", recipe.settings)
            or (_depends_on_reference(record) and recipe.reference not in (None, record.reference))
        )

    def put(self, record: PassRecord) -> None:
        """Take up a record that was just written."""
        self.newest[record.pass_id] = record
        self.damaged.pop(record.pass_id, None)


def read_stored(store: Path, region: Region, source: SceneSource) -> tuple[Stored, list[Skipped]]:
    """Return what the store holds of a source, its pixels compared with their hashes, and a list of what is damaged."""
    found, skipped = read_records(store, region, source)
    damaged = {}
    for item in skipped:
        match = RECORD_NAME.fullmatch(item.scene)
        if match is not None:
            damaged[match["pass_id"]] = int(match["revision"])
    newest = {record.pass_id: record for record in found}  # by pass and revision: the newest one stays
    for record in newest.values():
        problem = damage(record) if record.state == "water" else None
        if problem is not None:
            name = f"{record.pass_id}.r{record.revision}.json"
            skipped.append(Skipped(name, f"the stored pass is damaged ({problem}); the next night makes it anew"))
            damaged[record.pass_id] = record.revision
    return Stored(newest, damaged), skipped


def settings_of(source: SceneSource, rules: SceneRules) -> str:
    """Return the hash of the settings of source and region that decide the water of a pass."""
    of_source = [repr(getattr(source, name, None)) for name in _OF_SOURCE]
    of_region = [repr(getattr(rules, name)) for name in _OF_REGION]
    return hashlib.sha256("\n".join([*of_source, *of_region]).encode()).hexdigest()


def _depends_on_reference(record: PassRecord) -> bool:
    """Return True for a pass that another reference changes; one that was unusable before there was any stays so."""
    return record.state == "water" or bool(record.reference)
