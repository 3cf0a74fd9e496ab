"""Catalogue entry of driver ``raster_folder``."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from erosion.config.entry import Entry, check_folder
from erosion.config.problems import Problems
from erosion.config.records import Key
from erosion.core.folder import DEFAULT_PATTERN


@dataclass(frozen=True, kw_only=True)
class MaskValues:
    """Pixel values of a mask; several values may stand for one class."""

    water: Annotated[tuple[int, ...], Key("pixel value or values that mean river channel")]
    land: Annotated[tuple[int, ...], Key("pixel value or values that mean not channel")]


@dataclass(frozen=True, kw_only=True)
class MaskUnits:
    """Units of a water mask."""

    water_fraction: Annotated[str, Key("unit of the water fraction", choices=("1",))] = "1"


@dataclass(frozen=True, kw_only=True)
class RasterFolder(Entry):
    """A folder of dated GeoTIFF water masks."""

    path: Annotated[Path, Key("folder of the files, relative to the catalogue file", may_lack_if="optional")]
    files: Annotated[str, Key("pattern of the file names, in any letter case; .tif also means .tiff")] = DEFAULT_PATTERN
    values: Annotated[MaskValues, Key("meaning of the pixel values")]
    nodata: Annotated[int | None, Key("pixel value of missing data, beside the file's own nodata tag")] = None
    date_from: Annotated[tuple[str, ...], Key("where the date is read from, in order", choices=("tag", "name"))] = (
        "tag",
        "name",
    )
    date_tag: Annotated[str, Key("GeoTIFF tag that holds the date")] = "acquisition_date"
    year_day: Annotated[str, Key("day given to a file whose name has only a year", "MM-DD")] = "07-01"
    units: Annotated[MaskUnits, Key("units of the values")] = MaskUnits()
    accepted_files: Annotated[
        tuple[str, ...],
        Key(
            "names of files that a person has looked at and found right: no test but that for a repeated image leaves them out"
        ),
    ] = ()
    geo_rmse_m: Annotated[float, Key("geolocation and bank-line error, root mean square", "m", above=0)]
    region_list: ClassVar[str] = "water"

    @property
    def brought_to(self) -> Path | None:
        """The folder of the files."""
        return self.path

    @property
    def brought(self) -> str:
        """The folder, as it is described to a user."""
        return "a folder of dated water masks"

    def check(self, problems: Problems) -> None:
        """Note what is wrong with the entry, beside its types."""
        super().check(problems)
        both = set(self.values.water) & set(self.values.land)
        if both:
            problems.add("values", f"{sorted(both)} stand for water and for land; a value means one thing")
        if self.nodata is not None and self.nodata in {*self.values.water, *self.values.land}:
            problems.add("nodata", f"{self.nodata} also stands for water or land under values; a value means one thing")
        if not self.date_from:
            problems.add("date_from", "is empty; say where the date stands: [tag, name], [tag] or [name]")
        try:
            datetime.date.fromisoformat(f"2001-{self.year_day}")
        except ValueError:
            problems.add("year_day", f'{self.year_day!r} is no day of every year; write "MM-DD" like "07-01"')
        check_folder(self, self.path, self.files, problems)
