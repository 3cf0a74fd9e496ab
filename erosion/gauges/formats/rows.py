"""Rows of a delimited text or an Excel sheet, one after the other.

A file of gigabytes takes no more memory than a small one. Everything about a file is untrusted: what its name claims,
its encoding, its length, the length of its lines.
"""

from __future__ import annotations

import codecs
import csv
import re
import warnings
import zipfile
from collections.abc import Generator, Iterable, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any, Final, TextIO

from erosion.core.errors import Skipped, SourceError

EXCEL: Final = (".xlsx", ".xlsm")
"""Suffixes of the files that are read as Excel."""

LONGEST_LINE: Final = 100_000
"""A longer line, in characters, is no line of a table and is left out."""

_MOST_UNPACKED: Final = 1_000_000_000  # bytes; an Excel file is a ZIP file, and a small one can unpack to anything
_MOST_SHEET_ROWS: Final = 1_048_576  # what Excel itself allows
_LONGEST_CELL: Final = 20  # lines; a cell with more of them is a quotation mark that was not closed
_SHOWN: Final = 8
_OLD_EXCEL: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_MARKUP: Final = ("<!doctype html", "<html", "<head", "<meta", "<table", "<?xml")


class Notes:
    """What was left out or flagged in one file, by line number; the list stays short however long the file is.

    Parameters
    ----------
    name
        Name of the file as a reader of the list knows it.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._counts: dict[tuple[str, bool], tuple[list[int], list[int], list[str]]] = {}

    def add(self, what: str, lines: Iterable[int] = (), samples: Iterable[str] = (), *, usual: bool = False) -> None:
        """Note something of some lines; of many lines the first are named, of many samples three are shown."""
        count, first, shown = self._counts.setdefault((what, usual), ([0], [], []))
        for line in lines:
            count[0] += 1
            if len(first) < _SHOWN:
                first.append(int(line))
        for sample in samples:
            if len(shown) < 3 and repr(sample[:40]) not in shown:
                shown.append(repr(sample[:40]))

    @property
    def skipped(self) -> list[Skipped]:
        """The notes, in the order in which they first came."""
        out = []
        for (what, usual), ((count,), first, shown) in self._counts.items():
            more = f" and {count - len(first)} more" if count > len(first) else ""
            where = f"line{'s' if count > 1 else ''} {', '.join(map(str, first))}{more}: " if count else ""
            out.append(Skipped(self._name, where + what + (f" ({', '.join(shown)})" if shown else ""), usual))
        return out


def rows(
    path: Path, notes: Notes, *, encoding: str | None, delimiter: str, sheet: str | None, entry: Path
) -> Generator[tuple[int, list[Any]], None, None]:
    """Return the rows of a file that are not blank, one at a time, with their line numbers.

    Parameters
    ----------
    path
        Delimited text, or Excel where the suffix is one of :data:`EXCEL`.
    notes
        Receives lines that are left out.
    encoding
        Encoding of a text that is not UTF-8.
    delimiter
        Character between the columns of a text.
    sheet
        Sheet of an Excel file; the first where it is None.
    entry
        Catalogue file, named in messages.

    Yields
    ------
    line : int
        Number of the line, or row of the sheet, from 1.
    cells : list
        Texts; of a sheet also numbers, dates, times and None. All rows of a sheet are as long as those before them.

    Raises
    ------
    SourceError
        Where the file cannot be opened or is not what its name claims.
    """
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError as err:
        raise SourceError(f"{path}: cannot be read ({err}); check 'path' in {entry}") from None
    excel = path.suffix.lower() in EXCEL
    _refuse_disguise(path, head, excel)
    return _sheet_rows(path, sheet, entry) if excel else _text_rows(path, head, notes, encoding, delimiter, entry)


def cell_text(cell: object) -> str:
    """A cell as the text that a person sees: a whole number has no decimals, an empty cell is an empty text."""
    if isinstance(cell, str):
        return cell.strip()
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    return str(cell)


def _refuse_disguise(path: Path, head: bytes, excel: bool) -> None:
    if head.startswith(_OLD_EXCEL):
        what = "is an Excel file with a password" if excel else "is an Excel file of the old kind (.xls)"
        raise SourceError(f"{path}: {what}; open it in Excel and save it as .xlsx without a password, or as CSV")
    wide = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    text = head.decode("utf-16" if wide else "utf-8", "replace").lstrip("\ufeff \t\r\n")
    if text.lower().startswith(_MARKUP):
        title = re.search(r"<title[^>]*>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
        named = f" ({' '.join(title.group(1).split())[:80]!r})" if title else ""
        raise SourceError(
            f"{path}: is a web page or XML{named}, whatever its name; a portal gives one where one has to sign in "
            "first, or calls a page .xls. Fetch it again as CSV, or open it in Excel and save it as .xlsx"
        )
    zipped = head.startswith(b"PK\x03\x04")
    if zipped and not excel:
        raise SourceError(f"{path}: is an Excel or ZIP file, not text; name it .xlsx if Excel opens it, else unpack it")
    if excel and not zipped:
        raise SourceError(f"{path}: is no Excel file, whatever its name; if it is text, name it .csv")


def _text_rows(
    path: Path, head: bytes, notes: Notes, encoding: str | None, delimiter: str, entry: Path
) -> Generator[tuple[int, list[Any]], None, None]:
    found = _encoding(path, head, encoding, entry)
    with path.open(encoding=found) as file:
        reader = csv.reader(_lines(file, notes), delimiter=delimiter, skipinitialspace=True)
        before = 0
        try:
            for row in reader:
                if reader.line_num - before > _LONGEST_CELL:
                    raise csv.Error("a quotation mark is not closed")
                before = reader.line_num
                if any(row):
                    yield before, row
        except csv.Error as err:
            raise SourceError(f"{path}: line {before + 1}: {err}; this is no delimited text") from None
        except (OSError, UnicodeError) as err:
            raise SourceError(f"{path}: after line {before}: {err}; is it still being written?") from None


def _lines(file: TextIO, notes: Notes) -> Iterator[str]:
    number = 0
    rest = ""
    while piece := file.read(1 << 20):
        *lines, rest = (rest + piece).split("\n")
        yield from _text_lines(lines, number, notes)
        number += len(lines)
        rest = rest[: LONGEST_LINE + 1]  # more is not needed to know that it is too long
    yield from _text_lines([rest] if rest else [], number, notes)


def _text_lines(lines: list[str], number: int, notes: Notes) -> Iterator[str]:
    """Return lines with blank ones in the place of those that are no text; ``number`` lines came before."""
    for i, line in enumerate(lines):
        if len(line) > LONGEST_LINE:
            notes.add(f"longer than {LONGEST_LINE} characters, left out", [number + i + 1])
            line = ""
        elif "\0" in line:
            notes.add("holds NUL bytes, as after a power cut, left out", [number + i + 1])
            line = ""
        yield line + "\n"


def _encoding(path: Path, head: bytes, declared: str | None, entry: Path) -> str:
    """Encoding in which the whole file can be read."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        tried = ["utf-16"]
    elif head.count(0) > len(head) // 4:
        # Text of Latin letters in UTF-16 is valid UTF-8 with NUL bytes.
        tried = [declared] if declared else []
    else:
        tried = ["utf-8-sig", *([declared] if declared else [])]
    for encoding in tried:
        decoder = codecs.getincrementaldecoder(encoding)()
        try:
            with path.open("rb") as file:
                while chunk := file.read(1 << 20):
                    decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeError:
            continue
        return encoding
    if not tried:
        raise SourceError(f"{path}: is no UTF-8 text; every other byte is zero: set 'encoding' in {entry} to utf-16-le")
    raise SourceError(
        f"{path}: is not {' or '.join(tried)} text; set 'encoding' in {entry} "
        "(a Vietnamese Windows file is often cp1258, a western one cp1252)"
    )


def _sheet_rows(path: Path, sheet: str | None, entry: Path) -> Generator[tuple[int, list[Any]], None, None]:
    import openpyxl  # takes long to import; most gauges come as text

    def opened(results: bool) -> Iterator[tuple[Any, ...]]:
        book = openpyxl.load_workbook(path, read_only=True, data_only=results)
        names = [one.title for one in book.worksheets]
        if not names or (sheet is not None and sheet not in names):
            raise SourceError(
                f"{path}: has no sheet {sheet!r}; it has {', '.join(map(repr, names))}: mend 'sheet' in {entry}"
            )
        chosen = book.worksheets[names.index(sheet) if sheet is not None else 0]
        chosen.reset_dimensions()  # the size that a file states may be wrong, and rows would be lost
        yield from chosen.iter_rows(values_only=True)
        book.close()

    number = width = 0
    try:
        with zipfile.ZipFile(path) as packed:
            if sum(member.file_size for member in packed.infolist()) > _MOST_UNPACKED:
                raise SourceError(f"{path}: unpacks to more than {_MOST_UNPACKED // 10**9} GB; save the sheet as CSV")
            formulas = _has_formulas(packed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of styles and rules that do not concern the cells
            # A formula that no Excel has ever computed has no result. It is handed on as its text, so that it is listed
            # and not taken for an empty cell.
            texts = opened(results=False) if formulas else iter(())
            for row, written in zip_longest(opened(results=True), texts, fillvalue=()):
                number += 1
                if number > _MOST_SHEET_ROWS:
                    break
                cells = list(row)
                for i, formula in enumerate(written[: len(cells)]):
                    if cells[i] is None and formula is not None:
                        cells[i] = formula if isinstance(formula, str) else "=..."
                width = max(width, len(cells))
                if any(cell not in (None, "") for cell in cells):
                    yield number, cells + [None] * (width - len(cells))
    except SourceError:
        raise
    except Exception as err:  # a broken workbook fails in as many ways as it can be broken
        reason = f"{type(err).__name__}: {err}"[:200]
        raise SourceError(
            f"{path}: cannot be read as Excel ({reason}); open it in Excel and save it anew, or as CSV"
        ) from None


def _has_formulas(packed: zipfile.ZipFile) -> bool:
    for name in packed.namelist():
        if name.startswith("xl/worksheets/"):
            with packed.open(name) as member:
                tail = b""
                while chunk := member.read(1 << 20):
                    if re.search(rb"<f[ >/]", tail + chunk):
                        return True
                    tail = chunk[-2:]
    return False
