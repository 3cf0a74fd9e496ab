"""A document as DOCX, A4, in the font that offices use."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime
from typing import Any, Final

import docx
from docx.document import Document as Word
from docx.enum.table import WD_TABLE_ALIGNMENT
from docx.enum.text import WD_ALIGN_PARAGRAPH, WD_BREAK
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Mm, Pt, RGBColor
from docx.table import Table as Grid
from docx.text.paragraph import Paragraph

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

FONT: Final = "Times New Roman"
"""The font of administrative documents (Decree 30/2020/NĐ-CP); programs without it take one of the same widths."""

_SIZE_PT: Final = {
    "title": 14,
    "subtitle": 12,
    "heading": 12,
    "body": 12,
    "small": 9,
    "right": 12,
    "cell": 8,
    "head": 8,
}
CELL_MARGIN_MM: Final = 0.7

LEADING: Final = 1.2
"""Line spacing over the font size: fixed, so that a page is as full whatever font is substituted."""

_ALIGNMENT: Final = {
    "title": WD_ALIGN_PARAGRAPH.CENTER,
    "subtitle": WD_ALIGN_PARAGRAPH.CENTER,
    "head": WD_ALIGN_PARAGRAPH.CENTER,
    "body": WD_ALIGN_PARAGRAPH.JUSTIFY,
}
_STAMP: Final = (1980, 1, 1, 0, 0, 0)
"""Time of every entry of the archive, so that the same document gives the same bytes."""


def write_docx(document: Document) -> bytes:
    """Return the document as DOCX; the same document gives the same bytes."""
    word = docx.Document()
    _page(word, document)
    for block in document.blocks:
        _write(word, block)
    date = datetime.fromisoformat(document.date).replace(tzinfo=UTC)
    facts = word.core_properties
    facts.title, facts.author, facts.language = document.title[:255], "erosion", document.language
    facts.subject, facts.comments, facts.last_modified_by = " · ".join(document.marks)[:255], "", "erosion"
    facts.created = facts.modified = date
    facts.revision = 1
    buffer = io.BytesIO()
    word.save(buffer)
    return _with_fixed_times(buffer.getvalue())


def _with_fixed_times(archive: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            entry = zipfile.ZipInfo(name, _STAMP)
            entry.compress_type, entry.create_system = zipfile.ZIP_DEFLATED, 0
            new.writestr(entry, old.read(name))
    return out.getvalue()


def _page(word: Word, document: Document) -> None:
    normal = word.styles["Normal"]
    normal.font.name, normal.font.size = FONT, Pt(_SIZE_PT["body"])
    fonts = normal.element.get_or_add_rPr().get_or_add_rFonts()
    for script in ("w:eastAsia", "w:cs", "w:hAnsi"):
        fonts.set(qn(script), FONT)
    language = OxmlElement("w:lang")
    language.set(qn("w:val"), {"vi": "vi-VN", "en": "en-US"}[document.language])
    normal.element.get_or_add_rPr().append(language)
    normal.paragraph_format.space_after = Pt(3)
    section = word.sections[0]
    section.page_width, section.page_height = (Mm(side) for side in PAGE_MM)
    section.top_margin, section.right_margin, section.bottom_margin, section.left_margin = (Mm(m) for m in MARGIN_MM)
    section.header_distance = section.footer_distance = Mm(9)
    head = section.header.paragraphs[0]
    _run(head, " – ".join(document.marks), 11, bold=True)
    head.alignment = WD_ALIGN_PARAGRAPH.CENTER
    foot = section.footer.paragraphs[0]
    foot.style.font.size = Pt(8)  # also of the numbers that the word processor fills in
    foot.alignment = WD_ALIGN_PARAGRAPH.CENTER
    before, _, rest = document.page.partition("{page}")
    between, _, after = rest.partition("{pages}")
    _run(foot, f"{document.footer} · {before}", 8)
    _field(foot, "PAGE")
    _run(foot, between, 8)
    _field(foot, "NUMPAGES")
    _run(foot, after, 8)


def _write(word: Word, block: Block) -> None:
    match block:
        case Text(text, style):
            _paragraph(word.add_paragraph(), text, style)
        case Items(lines, style):
            for line in lines:
                paragraph = word.add_paragraph()
                _paragraph(paragraph, f"– {line}", style)
                paragraph.paragraph_format.left_indent = Mm(4)
                paragraph.paragraph_format.first_line_indent = Mm(-4)
        case Columns(left, right):
            grid = word.add_table(1, 2)
            _fix_widths(grid, (TEXT_WIDTH_MM * LEFT_SHARE, TEXT_WIDTH_MM * (1.0 - LEFT_SHARE)))
            for cell, side in zip(grid.rows[0].cells, (left, right), strict=True):
                _side(cell, side)
            _gap(word)
        case Table():
            _grid(word, block)
        case Picture(png, width, height, caption, alternative):
            paragraph = word.add_paragraph()
            paragraph.paragraph_format.keep_with_next = True
            shape = paragraph.add_run().add_picture(io.BytesIO(png), Mm(width), Mm(height))
            shape._inline.docPr.set("descr", alternative)
            _paragraph(word.add_paragraph(), caption, "small")
        case PageBreak():
            word.add_paragraph().add_run().add_break(WD_BREAK.PAGE)


def _paragraph(paragraph: Paragraph, text: str, style: str) -> None:
    bold = style in ("title", "heading")
    _run(paragraph, text, _SIZE_PT[style], bold=bold, italic=style == "subtitle")
    if style in _ALIGNMENT:
        paragraph.alignment = _ALIGNMENT[style]
    paragraph.paragraph_format.keep_with_next = style == "heading"
    if style == "small":
        paragraph.paragraph_format.space_after = Pt(1)
    if style == "heading":
        paragraph.paragraph_format.space_before = Pt(6)


def _run(paragraph: Paragraph, text: str, size_pt: float, *, bold: bool = False, italic: bool = False) -> Any:
    run = paragraph.add_run(text)
    run.font.size, run.bold, run.italic = Pt(size_pt), bold, italic
    paragraph.paragraph_format.line_spacing = Pt(LEADING * size_pt)
    return run


def _field(paragraph: Paragraph, name: str) -> None:
    """Add a number that the word processor fills in, such as that of the page."""
    run = _run(paragraph, "", 8)
    for kind in ("begin", "instr", "end"):
        element = OxmlElement("w:instrText" if kind == "instr" else "w:fldChar")
        if kind == "instr":
            element.text = name
        else:
            element.set(qn("w:fldCharType"), kind)
        run._r.append(element)


def _side(cell: Any, side: Side) -> None:
    for number, line in enumerate(side.lines):
        paragraph = cell.paragraphs[0] if number == 0 else cell.add_paragraph()
        _run(paragraph, line, 10.5, bold=side.bold)
        paragraph.paragraph_format.space_after = Pt(0)
        if side.centred:
            paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER


def _grid(word: Word, table: Table) -> None:
    grid = word.add_table(1 + len(table.rows), len(table.head))
    grid.style = "Table Grid"
    grid.alignment = WD_TABLE_ALIGNMENT.CENTER
    _fix_widths(grid, table.widths_mm)
    # python-docx finds the cells of a table anew at each access, which takes minutes for hundreds of rows.
    rows = [list(row.cells) for row in grid.rows]
    for texts, cells in zip((table.head, *table.rows), rows, strict=True):
        for text, cell in zip(texts, cells, strict=True):
            paragraph = cell.paragraphs[0]
            _paragraph(paragraph, text, "head" if texts is table.head else "cell")
            paragraph.paragraph_format.space_after = Pt(0)
    for cells, level in zip(rows[1:], table.levels, strict=True):
        _colour(cells[table.level_column], level)
    for row in grid.rows:
        properties = row._tr.get_or_add_trPr()
        properties.append(OxmlElement("w:cantSplit"))
    first = grid.rows[0]._tr.get_or_add_trPr()
    first.append(OxmlElement("w:tblHeader"))
    _gap(word)


def _gap(word: Word) -> None:
    """Add the paragraph that must follow a table, as low as can be."""
    form = word.add_paragraph().paragraph_format
    form.space_after, form.line_spacing = Pt(0), Pt(4)


def _colour(cell: Any, level: int) -> None:
    shade = OxmlElement("w:shd")
    shade.set(qn("w:val"), "clear")
    shade.set(qn("w:color"), "auto")
    shade.set(qn("w:fill"), LEVEL_COLOURS[level].lstrip("#"))
    cell._tc.get_or_add_tcPr().append(shade)
    for run in cell.paragraphs[0].runs:
        run.font.color.rgb = RGBColor.from_string(LEVEL_TEXT_COLOURS[level].lstrip("#").upper())


def _fix_widths(grid: Grid, widths_mm: tuple[float, ...]) -> None:
    grid.autofit = False
    margins = OxmlElement("w:tblCellMar")
    for side in ("w:left", "w:right"):
        margin = OxmlElement(side)
        margin.set(qn("w:w"), str(round(Mm(CELL_MARGIN_MM).twips)))
        margin.set(qn("w:type"), "dxa")
        margins.append(margin)
    grid._tbl.tblPr.append(margins)
    for column, width in zip(grid.columns, widths_mm, strict=True):
        column.width = Mm(width)
    for row in grid.rows:
        for cell, width in zip(row.cells, widths_mm, strict=True):
            cell.width = Mm(width)
