"""Files of a folder that somebody fills by hand: those that a pattern names, and those that it leaves out."""

from __future__ import annotations

import re
import stat
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, NamedTuple

DEFAULT_PATTERN: Final = "*.tif"

_COMPANIONS: Final = (".aux.xml", ".ovr", ".msk", ".tfw", ".tifw", ".tfwx", ".wld", ".prj", ".qml", ".sld", ".aux")
"""Endings of files that belong to a raster beside them."""

_NO_DATA: Final = frozenset(
    {".txt", ".md", ".pdf", ".doc", ".docx", ".xlsx", ".csv", ".html", ".xml", ".json", ".yaml", ".yml", ".qgz", ".qgs",
     ".ini", ".db", ".log"}
)  # fmt: skip
"""Endings of files that hold no raster: notes, licences, descriptions, and what systems leave behind."""


class Unused(NamedTuple):
    """A file or folder that is not read, and why; ``usual`` where nothing needs mending."""

    name: str
    reason: str
    usual: bool


def files_in(folder: Path, pattern: str, is_one: Callable[[Path], bool] = Path.is_file) -> list[Path]:
    """Files of a folder that match a pattern, sorted. Letter case makes no difference, and .tif also means .tiff.

    Parameters
    ----------
    folder
        The folder.
    pattern
        Pattern of names, relative to it.
    is_one
        What counts as a file; a store of many files may be one.
    """
    patterns = [pattern, f"{pattern}f"] if pattern.lower().endswith(".tif") else [pattern]
    return sorted({path for one in patterns for path in folder.glob(_any_case(one)) if is_one(path)})


def unused_in(folder: Path, pattern: str, used: Iterable[Path]) -> list[Unused]:
    """Files and folders beside the used files that are not used, sorted by name.

    Not listed are files that belong to a used one by their name (``.aux.xml``, ``.tfw``). Usual are files that hold no
    raster, folders, and whatever a pattern other than the default leaves out; anything else may be an observation that
    was meant to be used. What the pattern names and is no file, such as a link to nothing, is never usual.
    """
    used = set(used)
    folders = {folder} | {path.parent for path in used}
    above = {parent for path in used for parent in path.parents}
    beginnings = {name for path in used for name in (path.name, path.stem)}
    # A folder that a pattern without an ending names is a folder like any other.
    named = set(files_in(folder, pattern, lambda path: bool(Path(pattern).suffix) or not path.is_dir()))
    found = []
    for path in sorted(path for one in folders for path in one.iterdir()):
        if path in used or path in above or _companion(path, beginnings):
            continue
        name = path.relative_to(folder).as_posix()
        if path in named and (problem := _no_file(path)):
            found.append(Unused(name, problem, False))
            continue
        if path.is_dir():
            found.append(Unused(name, f"is a folder; the pattern under 'files' ({pattern}) names nothing in it", True))
            continue
        no_data = path.suffix.lower() in _NO_DATA or not path.suffix or path.name.startswith((".", "~"))
        usual = no_data or pattern.lower() != DEFAULT_PATTERN
        mend = "" if usual else "; make it a GeoTIFF with that ending, change the pattern, or take it out"
        found.append(Unused(name, f"does not match the pattern under 'files' ({pattern}){mend}", usual))
    return found


def _no_file(path: Path) -> str | None:
    """Return why a path that has the name of a file cannot be read as one; None where it is a file."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        if path.is_symlink():
            return f"is a link that leads to no file ({error.strerror or error}); mend the link, or take it out"
        return f"cannot be looked at ({error.strerror or error}); mend that, or take it out"
    if stat.S_ISREG(mode):
        return None
    kinds = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
    kind = kinds.get(stat.S_IFMT(mode), "a device")
    return f"is {kind} with the name of a file; put the file in its place, or take it out"


def _companion(path: Path, beginnings: set[str]) -> bool:
    name = path.name.lower()
    return any(name.endswith(end) and path.name[: -len(end)] in beginnings for end in _COMPANIONS)


def _any_case(pattern: str) -> str:
    """Pattern for the same names in any letter case; what is in brackets stays."""
    parts = re.split(r"(\[[^]]*\])", pattern)
    return "".join(
        part
        if i % 2
        else "".join(
            f"[{c.lower()}{c.upper()}]" if len(c.lower() + c.upper()) == 2 and c.lower() != c.upper() else c
            for c in part
        )
        for i, part in enumerate(parts)
    )
