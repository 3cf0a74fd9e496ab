"""What every catalogue entry of a source has, whatever is observed and whichever driver reads it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from erosion.config.problems import Problems
from erosion.config.records import Key, check_name
from erosion.core.errors import Skipped
from erosion.core.folder import files_in


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A source of observations: its name, its driver, its rhythm and its terms."""

    name: Annotated[str, Key("name of the source, the same as the file's")]
    driver: Annotated[str, Key("which reader")]
    title: Annotated[str, Key("what a reader of a product sees")]
    optional: Annotated[
        bool, Key("true where the file or folder may stay away: a region goes on without it and is not degraded")
    ] = False
    cadence_days: Annotated[float, Key("usual time between observations", "day", above=0)]
    latency_days: Annotated[float, Key("from the time of an observation to when it can be had", "day", low=0)]
    licence: Annotated[str, Key("licence of the data")]
    attribution: Annotated[str, Key("who is named where the data are shown")]
    citation: Annotated[str, Key("what is cited in a report")]
    url: Annotated[str | None, Key("where the data come from")] = None
    described_in: Path = Path()
    region_list: ClassVar[str]
    """Key of a region file that lists such sources: ``water`` or ``gauges``."""

    @property
    def brought_to(self) -> Path | None:
        """File or folder that somebody brings; None where the driver asks a service."""
        return None

    @property
    def brought(self) -> str:
        """Noun phrase for what somebody brings there."""
        return "the files"

    @property
    def is_there(self) -> bool:
        """False where a file or folder that somebody has to bring does not exist."""
        try:
            return self.brought_to is None or self.brought_to.exists()
        except OSError:  # it may be there; the driver reports why it cannot be read
            return True

    @property
    def left_out(self) -> Skipped | None:
        """Note on an optional source that nobody has brought, with how to bring it; None for any other source."""
        if not self.optional or self.is_there:
            return None
        return Skipped(self.name, f"not there, optional: bring {self.brought} to {self.brought_to}", usual=True)

    def check(self, problems: Problems) -> None:
        """Note what is wrong with the entry, beside its types; what a driver adds calls this first."""
        check_name(self.name, "name", problems)
        if self.name != problems.file.stem:
            problems.add("name", f"is {self.name!r} in a file named {problems.file.name}; make them the same")
        if self.optional and self.brought_to is None:
            problems.add("optional", f"is for files and folders; driver {self.driver} asks a service, take the key out")


def check_folder(source: Entry, path: Path, files: str, problems: Problems) -> None:
    """Note what is wrong with the folder of an entry and the pattern of its files."""
    pattern = Path(files)
    if pattern.is_absolute() or ".." in pattern.parts:
        problems.add("files", f"{files!r} must be a pattern inside 'path', like *.tif")
    elif source.left_out is not None:
        return
    elif not path.is_dir():
        problems.add("path", f"{path} is no folder; give the folder, and the pattern under 'files'")
    else:
        try:
            if not files_in(path, files):
                problems.add("files", f"no file in {path} matches {files!r}")
        except (ValueError, NotImplementedError, OSError) as err:  # '' or 'a**b', a name that is too long
            problems.add("files", f"{files!r} is no pattern of file names ({err}); write one like *.tif")
