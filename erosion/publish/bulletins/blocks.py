"""The parts of a printed document, which every format writes in its own way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

PAGE_MM: Final = (210.0, 297.0)
MARGIN_MM: Final = (20.0, 15.0, 20.0, 25.0)
"""Top, right, bottom, left; the left one leaves room for binding."""

TEXT_WIDTH_MM: Final = PAGE_MM[0] - MARGIN_MM[1] - MARGIN_MM[3]

LEFT_SHARE: Final = 0.45
"""Share of the width that the left of two columns has; the name of the state is longer than that of an office."""

Style = Literal["title", "subtitle", "heading", "body", "small"]


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str
    style: Style = "body"


@dataclass(frozen=True)
class Items:
    """A list of lines."""

    lines: tuple[str, ...]
    style: Style = "body"


@dataclass(frozen=True)
class Side:
    """One half of a row of two."""

    lines: tuple[str, ...]
    bold: bool = False
    centred: bool = True


@dataclass(frozen=True)
class Columns:
    """Two texts beside each other, such as who issues and the motto of the state."""

    left: Side
    right: Side


@dataclass(frozen=True)
class Table:
    """A table whose head is repeated on every page."""

    head: tuple[str, ...]
    widths_mm: tuple[float, ...]
    rows: tuple[tuple[str, ...], ...]
    levels: tuple[int, ...]
    """Level of each row, which gives its cell of the level a colour."""
    level_column: int


@dataclass(frozen=True)
class Picture:
    """A PNG and what stands below it."""

    png: bytes
    width_mm: float
    height_mm: float
    caption: str
    alternative: str
    """What it shows, for who cannot see it."""


@dataclass(frozen=True)
class PageBreak:
    """What follows begins a page."""


Block = Text | Items | Columns | Table | Picture | PageBreak


@dataclass(frozen=True)
class Document:
    """A document that can be written as PDF or DOCX."""

    title: str
    language: str
    marks: tuple[str, ...]
    """Stand at the top of every page: that it is a draft, that its data are simulated."""
    footer: str
    page: str
    """Page number, with ``{page}`` and ``{pages}``."""
    date: str
    """YYYY-MM-DD: of the metadata, so that the same content gives the same bytes."""
    blocks: tuple[Block, ...]
