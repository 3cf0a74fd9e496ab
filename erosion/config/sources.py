"""``data_sources/*.yaml`` -> typed entries, one kind a driver."""

from __future__ import annotations

import dataclasses
import difflib
import os
import re
from pathlib import Path
from typing import Final

from erosion.config.drivers import DRIVERS, driver
from erosion.config.entry import Entry
from erosion.config.problems import CatalogError, Problems
from erosion.config.records import parse
from erosion.config.strict_yaml import read_yaml
from erosion.core.shipped import shipped

CATALOGUE: Final = shipped("data_sources")
"""The catalogue that comes with the project."""


def catalogue_folders() -> list[Path]:
    """Return the folders whose sources and regions are found by name: those of EROSION_DATA_SOURCES, then the shipped one."""
    own = os.environ.get("EROSION_DATA_SOURCES", "").split(os.pathsep)
    return [*(Path(folder).resolve() for folder in own if folder.strip()), CATALOGUE]


def load_source(name: str, near: Path | None = None) -> Entry:
    """Return one source of the catalogue.

    Parameters
    ----------
    name
        Name of the source: ``<name>.yaml``.
    near
        Region file that asks for it; its folder and the folder above come before :func:`catalogue_folders`.

    Returns
    -------
    Entry
        Of the type that its driver has, see :func:`erosion.config.drivers.driver`.

    Raises
    ------
    CatalogError
        Where there is no such source, or its file has mistakes (all of them are listed).
    """
    folders = ([near.parent, near.parent.parent] if near is not None else []) + catalogue_folders()
    if re.fullmatch(r"[A-Za-z0-9_.-]{1,100}", name) is None:
        raise CatalogError(
            [f"{near or CATALOGUE}: {name[:80]!r} is no name of a source; write letters, digits, _ and ."]
        )
    file = next((f for folder in folders if (f := folder / f"{name}.yaml").is_file()), None)
    if file is None:
        known = sorted({p.stem for folder in catalogue_folders() for p in folder.glob("*.yaml")})
        close = difflib.get_close_matches(name, known, n=1)
        mend = f"did you mean {close[0]}?" if close else f"known sources: {', '.join(known)}"
        if near is not None and (misnamed := _file_with_name(name, near)) is not None:
            mend = f"{misnamed.name} has `name: {name}`; name that file {name}.yaml"
        searched = ", ".join(str(f) for f in dict.fromkeys(folders))
        raise CatalogError([f"{near or CATALOGUE}: source {name!r} has no file {name}.yaml in {searched}; {mend}"])
    return read_source(file)


def _file_with_name(name: str, near: Path) -> Path | None:
    """Return the file beside a region file whose ``name`` is that, for a source whose file has another name."""
    for file in sorted(near.parent.glob("*.y*ml")):
        try:
            if file != near and read_yaml(file).get("name") == name:
                return file
        except (CatalogError, OSError):
            continue
    return None


def read_source(file: Path) -> Entry:
    """Return the entry of one source file; see :func:`load_source`."""
    raw = read_yaml(file)
    problems = Problems(file)
    name = raw.get("driver")
    if not isinstance(name, str) or name not in DRIVERS:
        close = difflib.get_close_matches(str(name), DRIVERS, n=1)
        mend = f"did you mean {close[0]}?" if close else f"known drivers: {', '.join(DRIVERS)}"
        problems.add("driver", f"{name!r} is no driver; {mend}" if "driver" in raw else f"is missing; {mend}")
        problems.stop_if_any()
    assert isinstance(name, str)
    entry: type[Entry] = driver(name).ENTRY
    source = parse(entry, raw, problems)
    if source is not None:
        source = dataclasses.replace(source, described_in=file)
        source.check(problems)
    problems.stop_if_any()
    assert source is not None
    return source
