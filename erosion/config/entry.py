"""What every catalogue entry of a source has, whatever is observed and whichever driver reads it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from erosion.config.strict_yaml import Key, Problems, check_name


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A source of observations: its name, its driver, its rhythm and its terms."""

    name: Annotated[str, Key("name of the source, the same as the file's")]
    driver: Annotated[str, Key("which reader")]
    title: Annotated[str, Key("what a reader of a product sees")]
    cadence_days: Annotated[float, Key("usual time between observations", "day", above=0)]
    latency_days: Annotated[float, Key("from the time of an observation to when it can be had", "day", low=0)]
    licence: Annotated[str, Key("licence of the data")]
    attribution: Annotated[str, Key("who is named where the data are shown")]
    citation: Annotated[str, Key("what is cited in a report")]
    url: Annotated[str | None, Key("where the data come from")] = None
    described_in: Path = Path()


def check_entry(source: Entry, problems: Problems) -> None:
    """Note what is wrong with the shared fields of an entry, beside their types."""
    check_name(source.name, "name", problems)
    if source.name != problems.file.stem:
        problems.add("name", f"is {source.name!r} in a file named {problems.file.name}; make them the same")
