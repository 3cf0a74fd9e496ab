"""Catalogue entry of driver ``gauge_files``."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from erosion.config.gauges import DISCHARGE_UNITS, RAIN_UNITS, STAGE_UNITS, FolderGauge
from erosion.config.problems import Problems
from erosion.config.records import Key, check_timezone

QUALITY_WORDS: Final = ("good", "estimated", "suspect")


@dataclass(frozen=True, kw_only=True)
class GaugeColumns:
    """Columns of a gauge file."""

    time: Annotated[tuple[str, ...], Key("column of the time, or the columns of date and time of day")]
    discharge_m3s: Annotated[str | None, Key("column of the discharge, in the unit given under units")] = None
    stage_m: Annotated[str | None, Key("column of the water level, in the unit given under units")] = None
    rain_mm: Annotated[
        str | None, Key("column of the rain of the step that begins at the time, in the unit given under units")
    ] = None
    quality: Annotated[str | None, Key("column of the quality code")] = None

    @property
    def named(self) -> tuple[str, ...]:
        """Names of the columns that are read."""
        others = (self.discharge_m3s, self.stage_m, self.rain_mm, self.quality)
        return (*self.time, *(name for name in others if name is not None))


@dataclass(frozen=True, kw_only=True)
class GaugeUnits:
    """Units of a gauge file, converted once when it is read."""

    discharge_m3s: Annotated[str | None, Key("unit of the discharge column", choices=tuple(DISCHARGE_UNITS))] = None
    stage_m: Annotated[str | None, Key("unit of the stage column", choices=tuple(STAGE_UNITS))] = None
    rain_mm: Annotated[str | None, Key("unit of the rain column", choices=tuple(RAIN_UNITS))] = None


@dataclass(frozen=True, kw_only=True)
class QualityCodes:
    """The file's quality codes in three words; an empty text stands for an empty cell."""

    good: Annotated[tuple[str, ...], Key("codes of measured values")] = ()
    estimated: Annotated[tuple[str, ...], Key("codes of estimated values")] = ()
    suspect: Annotated[tuple[str, ...], Key("codes of suspect values")] = ()


@dataclass(frozen=True, kw_only=True)
class GaugeFiles(FolderGauge):
    """A gauge in delimited text or Excel: one file, or a folder into which a logger drops files."""

    files: Annotated[str, Key("pattern of the file names where path is a folder")] = "*.csv"
    sheet: Annotated[str | None, Key("sheet of an Excel file; the first where it is not given")] = None
    columns: Annotated[GaugeColumns, Key("which column holds what")]
    units: Annotated[GaugeUnits, Key("units of the columns")]
    timezone: Annotated[str, Key("zone of times without an offset, IANA name")]
    time_format: Annotated[str | None, Key("strptime pattern of times that are not ISO 8601")] = None
    quality: Annotated[QualityCodes, Key("meaning of the quality codes")] = QualityCodes()
    encoding: Annotated[str | None, Key("encoding of a file that is not UTF-8")] = None
    delimiter: Annotated[str, Key("character between columns")] = ","
    missing: Annotated[tuple[str, ...], Key("texts that stand for a missing value, beside an empty cell")] = ()
    decimal: Annotated[str, Key("decimal mark", choices=(".", ","))] = "."

    @property
    def brought(self) -> str:
        """The file with its columns."""
        return f"the gauge's file (columns {', '.join(self.columns.named)})"

    def check(self, problems: Problems) -> None:
        """Note what is wrong with the entry, beside its types."""
        super().check(problems)
        check_timezone(self.timezone, problems)
        if Path(self.files).is_absolute() or ".." in Path(self.files).parts:
            problems.add(
                "files", f"{self.files!r} leads out of the folder; give a pattern of names in it, like '*.csv'"
            )
        if not self.columns.time:
            problems.add("columns.time", "is empty; name the column of the time")
        elif len(self.columns.time) > 2:
            problems.add(
                "columns.time", f"{list(self.columns.time)} must be one column, or those of date and time of day"
            )
        if self.alarm_levels_m and self.columns.stage_m is None:
            problems.add("alarm_levels_m", "are stages; name the column of the stage under columns.stage_m")
        units = {"discharge_m3s": DISCHARGE_UNITS, "stage_m": STAGE_UNITS, "rain_mm": RAIN_UNITS}
        if all(getattr(self.columns, name) is None for name in units):
            problems.add(
                "columns", "name none of discharge_m3s, stage_m and rain_mm; a gauge gives at least one of them"
            )
        for name, known in units.items():
            column, unit = getattr(self.columns, name), getattr(self.units, name)
            if column is not None and unit is None:
                problems.add(f"units.{name}", f"is missing; say which of {', '.join(known)} column {column!r} is in")
            if column is None and unit is not None:
                problems.add(
                    f"units.{name}", f"is given but columns.{name} is not; add the column or take the unit out"
                )
        if self.columns.stage_m is not None and self.datum is None:
            problems.add(
                "datum", "is missing; a stage means nothing without its zero, e.g. 'gauge zero, 0.2 m above MSL'"
            )
        codes = [code for word in QUALITY_WORDS for code in getattr(self.quality, word)]
        twice = sorted({code for code in codes if codes.count(code) > 1})
        if twice:
            problems.add("quality", f"codes {twice} stand for two qualities; a code means one thing")
        if self.columns.quality is not None and not codes:
            problems.add("quality", f"is missing; say what the codes of column {self.columns.quality!r} mean")
        if self.columns.quality is None and codes:
            problems.add("columns.quality", "is missing; name the column that holds the quality codes")
        if self.encoding is not None:
            try:
                codecs.lookup(self.encoding)
            except LookupError:
                problems.add("encoding", f"{self.encoding!r} is no known encoding; try cp1258, cp1252 or utf-16")
        if len(self.delimiter) != 1:
            problems.add("delimiter", f'{self.delimiter!r} must be one character; a tab is written "\\t"')
        elif self.delimiter == self.decimal and not str(self.path).lower().endswith(".xlsx"):
            problems.add("decimal", f"{self.decimal!r} is also the delimiter; a comma cannot be both")
        if self.time_format is not None and "%" not in self.time_format:
            problems.add("time_format", f"{self.time_format!r} is no strptime pattern; 31/12/2020 is '%d/%m/%Y'")
