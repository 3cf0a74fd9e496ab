"""A document as PDF, A4, with an embedded Vietnamese font."""

from __future__ import annotations

import io
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.enums import TA_CENTER, TA_JUSTIFY
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    Flowable,
    Frame,
    Image,
    KeepTogether,
    ListFlowable,
    ListItem,
    PageTemplate,
    Paragraph,
    Spacer,
)
from reportlab.platypus import PageBreak as NewPage
from reportlab.platypus import Table as Grid

from erosion.core.contracts import LEVEL_COLOURS, LEVEL_TEXT_COLOURS
from erosion.publish.bulletins.blocks import (
    LEFT_SHARE,
    MARGIN_MM,
    PAGE_MM,
    TEXT_WIDTH_MM,
    Block,
    Columns,
    Document,
    Items,
    PageBreak,
    Picture,
    Side,
    Table,
    Text,
)
from erosion.publish.bulletins.errors import BulletinError

SERIF, BOLD, ITALIC, SANS = "DejaVuSerif", "DejaVuSerif-Bold", "DejaVuSerif-Italic", "DejaVuSans"

MARK_SIZE, FOOT_SIZE = 10.0, 7.0
MISSING: Final = "\ufffd"
"""Stands for a character that the font does not have."""

_BUILDING: Final = threading.Lock()  # reportlab's fonts are shared between documents


def write_pdf(document: Document) -> bytes:
    """Return the document as PDF; the same document gives the same bytes.

    Raises
    ------
    BulletinError
        The font is not installed.
    """
    return _build(document)[0]


def pages_of(document: Document, spare_mm: float = 0.0) -> int:
    """Return how many pages the document has as PDF, with so much room to spare at its end."""
    return _build(document, spare_mm)[1]


def _build(document: Document, spare_mm: float = 0.0) -> tuple[bytes, int]:
    with _BUILDING:
        _register_fonts()
        buffer = io.BytesIO()
        top, right, bottom, left = (side * mm for side in MARGIN_MM)
        frame = Frame(
            left, bottom, PAGE_MM[0] * mm - left - right, PAGE_MM[1] * mm - top - bottom,
            leftPadding=0, rightPadding=0, topPadding=0, bottomPadding=0,
        )  # fmt: skip
        template = BaseDocTemplate(
            buffer, pagesize=(PAGE_MM[0] * mm, PAGE_MM[1] * mm), title=_shown(document.title), author="erosion",
            subject=" · ".join(document.marks), creator="erosion", lang=document.language, invariant=1,
        )  # fmt: skip
        template.addPageTemplates([PageTemplate("page", [frame])])
        template.build(
            [flowable for block in document.blocks for flowable in _flowables(block)] + [Spacer(1, spare_mm * mm)],
            canvasmaker=lambda *args, **kwargs: _MarkedPages(document, *args, **kwargs),
        )
        return buffer.getvalue(), template.page


def _register_fonts() -> None:
    """Register the font; it comes with matplotlib and has every Vietnamese letter and the symbols of the levels."""
    if SANS in pdfmetrics.getRegisteredFontNames():
        return
    import matplotlib

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    for name in (SERIF, BOLD, ITALIC, SANS):
        file = folder / f"{name}.ttf"
        if not file.is_file():
            raise BulletinError(
                f"{file} is missing: the PDF needs a font with Vietnamese letters, which comes with matplotlib; "
                "install matplotlib again with pip"
            )
        pdfmetrics.registerFont(TTFont(name, str(file)))
    pdfmetrics.registerFontFamily(SERIF, normal=SERIF, bold=BOLD, italic=ITALIC, boldItalic=BOLD)


class _MarkedPages(Canvas):  # type: ignore[misc]  # the library has no types
    """A canvas that puts marks, footer and the number of all pages on every page once all are known."""

    def __init__(self, document: Document, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._document = document
        self._saved: list[dict[str, Any]] = []

    def showPage(self) -> None:  # noqa: N802  # reportlab's name
        """Keep a page until the number of pages is known."""
        self._saved.append(dict(self.__dict__))
        self._startPage()

    def save(self) -> None:
        """Write every page with its marks, then the file."""
        for number, state in enumerate(self._saved, 1):
            self.__dict__.update(state)
            self._marks(number, len(self._saved))
            super().showPage()
        super().save()

    def _marks(self, number: int, total: int) -> None:
        width, height = PAGE_MM[0] * mm, PAGE_MM[1] * mm
        self.setFont(BOLD, MARK_SIZE)
        self.setFillGray(0)
        self.drawCentredString(width / 2, height - 12 * mm, " – ".join(self._document.marks))
        self.setFont(SERIF, FOOT_SIZE)
        self.drawString(MARGIN_MM[3] * mm, 10 * mm, _shown(self._document.footer))
        page = self._document.page.format(page=number, pages=total)
        self.drawRightString(width - MARGIN_MM[1] * mm, 10 * mm, page)


def _style(name: str) -> ParagraphStyle:
    body = ParagraphStyle("body", fontName=SERIF, fontSize=9.5, leading=13, alignment=TA_JUSTIFY, spaceAfter=3)
    return {
        "body": body,
        "title": ParagraphStyle(
            "title", body, fontName=BOLD, fontSize=13, leading=17, alignment=TA_CENTER, spaceBefore=6
        ),
        "subtitle": ParagraphStyle("subtitle", body, fontName=ITALIC, fontSize=10, alignment=TA_CENTER),
        "heading": ParagraphStyle(
            "heading", body, fontName=BOLD, fontSize=10.5, leading=14, spaceBefore=6, keepWithNext=1
        ),
        "small": ParagraphStyle("small", body, fontSize=7.5, leading=10, spaceAfter=2),
        "cell": ParagraphStyle("cell", fontName=SANS, fontSize=7, leading=8.8),
        "head": ParagraphStyle("head", fontName=SANS, fontSize=6.5, leading=8, alignment=TA_CENTER),
    }[name]


def _flowables(block: Block) -> Sequence[Flowable]:
    match block:
        case Text(text, style):
            return [_paragraph(text, _style(style))]
        case Items(lines, style):
            form = _style(style)
            entries = [ListItem(_paragraph(line, form), value="–") for line in lines]
            return [ListFlowable(entries, bulletType="bullet", start="–", leftIndent=10, bulletFontName=SERIF,
                                 bulletFontSize=form.fontSize)] if entries else []  # fmt: skip
        case Columns(left, right):
            widths = [TEXT_WIDTH_MM * share * mm for share in (LEFT_SHARE, 1.0 - LEFT_SHARE)]
            grid = Grid([[_side(left), _side(right)]], colWidths=widths)
            grid.setStyle([("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (-1, -1), 0)])
            return [KeepTogether([Spacer(1, 4), grid])]
        case Table():
            return [_grid(block), Spacer(1, 4)]
        case Picture(png, width, height, caption, _):
            picture = Image(io.BytesIO(png), width * mm, height * mm)
            return [KeepTogether([picture, _paragraph(caption, _style("small"))])]
        case PageBreak():
            return [NewPage()]


def _side(side: Side) -> list[Paragraph]:
    style = ParagraphStyle(
        "side",
        fontName=BOLD if side.bold else SERIF,
        fontSize=8.5,
        leading=11.5,
        alignment=TA_CENTER if side.centred else 0,
    )
    return [_paragraph(line or "\u00a0", style) for line in side.lines]


def _grid(table: Table) -> Grid:
    cell, head = _style("cell"), _style("head")
    rows: list[list[Paragraph]] = [[_paragraph(text, head) for text in table.head]]
    for texts, level in zip(table.rows, table.levels, strict=True):
        inked = ParagraphStyle("level", cell, textColor=colors.HexColor(LEVEL_TEXT_COLOURS[level]))
        rows.append([_paragraph(text, inked if i == table.level_column else cell) for i, text in enumerate(texts)])
    grid = Grid(rows, colWidths=[width * mm for width in table.widths_mm], repeatRows=1)
    at = table.level_column
    grid.setStyle(
        [
            ("GRID", (0, 0), (-1, -1), 0.4, colors.black),
            ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
            ("BACKGROUND", (0, 0), (-1, 0), colors.HexColor("#e8e8e8")),
            *((side, (0, 0), (-1, -1), 2) for side in ("LEFTPADDING", "RIGHTPADDING", "TOPPADDING", "BOTTOMPADDING")),
            *(
                ("BACKGROUND", (at, i), (at, i), colors.HexColor(LEVEL_COLOURS[level]))
                for i, level in enumerate(table.levels, 1)
            ),
        ]
    )
    return grid


def _paragraph(text: str, style: ParagraphStyle) -> Paragraph:
    return Paragraph(escape(_shown(text)), style)


def _shown(text: str) -> str:
    """Return a text of which every character is in the type."""
    known = pdfmetrics.getFont(SERIF).face.charToGlyph
    return "".join(c if ord(c) in known or c == "\u00a0" else MISSING for c in text)
