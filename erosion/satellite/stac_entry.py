"""Catalogue entry of driver ``stac``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from erosion.config.problems import Problems
from erosion.config.records import Key
from erosion.config.scenes import SceneSource, check_bands
from erosion.core.http.addresses import AddressError, parse
from erosion.core.http.redaction import without_secrets


@dataclass(frozen=True, kw_only=True)
class StacCollection(SceneSource):
    """A collection of scenes in a STAC catalogue, an API or static files."""

    catalog: Annotated[str, Key("address of the API, or of catalog.json, or its path relative to this file")]
    collection: Annotated[str, Key("id of the collection")]
    bands: Annotated[dict[str, tuple[str, ...]], Key("our name of a band -> names of its asset, tried in order")]
    signing: Annotated[str, Key("how addresses of files are signed", choices=("none", "planetary_computer"))] = "none"
    token_env: Annotated[str | None, Key("environment variable that holds a bearer token")] = None
    max_cloud_percent: Annotated[float, Key("cloudier scenes are not fetched", "%", low=0, high=100)] = 100.0
    available_from: Annotated[
        str,
        Key(
            "when a scene could first be had: latency after it was taken, or a property of the item",
            choices=("latency", "created", "updated", "published"),
        ),
    ] = "latency"

    @property
    def archive(self) -> tuple[str, str]:
        """Address of the catalogue and id of the collection."""
        return self.catalog, self.collection

    @property
    def brought_to(self) -> Path | None:
        """The file of a catalogue on disk, None for one that has an address."""
        return None if "://" in self.catalog else (self.described_in.parent / self.catalog).resolve()

    @property
    def brought(self) -> str:
        """What lies on disk."""
        return "the catalogue"

    def check(self, problems: Problems) -> None:
        """Note what is wrong with the entry, beside its types."""
        super().check(problems)
        check_bands(self, self.bands, problems)
        at = self.brought_to
        if at is not None and not at.is_file() and self.left_out is None:
            problems.add("catalog", f"{self.catalog} is neither an address nor a file beside this one")
        elif at is None and not self.catalog.startswith(("https://", "http://")):
            problems.add("catalog", f"{self.catalog} must start with https:// or http://")
        elif at is None:
            try:
                parse(self.catalog)
            except AddressError as err:
                problems.add("catalog", f"{without_secrets(self.catalog)} {err}")
