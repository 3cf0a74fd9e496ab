"""PDF and DOCX read back by programs that did not write them: every stretch, every diacritic, every mark on every page."""

from __future__ import annotations

import hashlib
import io
import os
import re
import shutil
import subprocess
import unicodedata
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import docx
import numpy as np
import pypdfium2
import pytest
from PIL import Image

from erosion.publish.bulletins.facts import read_facts
from erosion.publish.bulletins.make import make_file
from erosion.publish.bulletins.officer import Officer
from tests.publish.bulletins.made_runs import publish_run, settings, stretches

LETTERS = "aăâeêioôơuưy"
TONES = ("", "\u0300", "\u0301", "\u0303", "\u0309", "\u0323")
ALPHABET = " ".join(unicodedata.normalize("NFC", letter + tone) for letter in LETTERS for tone in TONES) + " đ"
"""All 73 vowels with tones of Vietnamese, and đ."""

OFFICER = Officer(
    number="12/TB-BCH",
    issued_at=datetime(2026, 11, 30, 7, 30, tzinfo=ZoneInfo("Asia/Ho_Chi_Minh")),
    now=f"Vết nứt dài 12 m.\n{ALPHABET}\n{ALPHABET.upper()}",
    warning="Triều cường đêm nay.",
    signer="Nguyễn Thị Ngọc Quỳnh",
)
HOSTILE = (
    "<b>Xã</b> <img src=x onerror=alert(1)> & <para fontSize=99> =HYPERLINK(\"http://evil\") $x^2$ {0} \u202eđảo\u202c "
    "\x00\x07\ufeff \U0001f4a5 ភ្នំ 漢 a\u0300\u0301\u0302\u0303\u0304\u0305"
)  # fmt: skip


def made(tmp_path: Path, count: int, kind: str, *, simulated: bool = False, **options: Any) -> bytes:
    columns = options.pop("columns", {})
    table = stretches(count, simulated=simulated, **columns)
    facts = read_facts(publish_run(tmp_path, table, simulated=simulated, title=options.pop("title", "Sông Hậu")))
    commune, officer = options.pop("commune", None), options.pop("officer", OFFICER)
    return make_file(kind, facts, commune, officer, settings(), **options)


def pages(pdf: bytes) -> list[str]:
    """Text of each page as pdfium reads it, white space made single."""
    with pypdfium2.PdfDocument(pdf) as file:
        return [" ".join(page.get_textpage().get_text_bounded().split()) for page in file]


def whole(pdf: bytes) -> str:
    return " ".join(pages(pdf))


def docx_text(data: bytes) -> str:
    word = docx.Document(io.BytesIO(data))
    texts = [paragraph.text for paragraph in word.paragraphs]
    texts += [
        cell.text for table in word.tables for row in table._tbl.tr_lst for cell in docx.table._Row(row, table).cells
    ]
    return "\n".join(texts)


@pytest.mark.parametrize("count", [0, 1, 60, 400])
def test_every_stretch_is_in_the_pdf_once_and_the_marks_on_every_page(tmp_path, count):
    text = pages(made(tmp_path, count, "pdf", simulated=True))
    assert all("MÔ PHỎNG / SIMULATED · DIỄN TẬP – DỰ THẢO" in page for page in text)
    assert [re.search(r"Trang (\d+)/(\d+)", page).groups() for page in text] == [
        (str(i), str(len(text))) for i in range(1, len(text) + 1)
    ]
    joined = " ".join(text).replace("\ufffe", "")
    for i in range(count):
        first, last = 1000 + 150 * i, 1100 + 150 * i
        place = rf"km {first // 1000}\+{first % 1000:03d} – km {last // 1000}\+{last % 1000:03d}"
        assert len(re.findall(rf"{place}(?!\d)", joined)) == 1, place
    assert ("PHỤ LỤC" in joined) == (count > 10)
    assert ("Không có đoạn bờ nào cần chú ý" in joined) == (count == 0)


def test_every_vietnamese_letter_comes_out_of_the_pdf_and_docx(tmp_path):
    text = whole(made(tmp_path / "a", 3, "pdf"))
    word = docx_text(made(tmp_path / "b", 3, "docx"))
    for letters in (ALPHABET, ALPHABET.upper()):
        assert letters in text and letters in word
    for said in (
        "Tin phát lúc 07:30 30/11/2026 (+07:00)", "Số: 12/TB-BCH", "1. Hiện trạng", "2. Cảnh báo", "3. Cấp độ rủi ro",
        "4. Khuyến nghị", "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", "Quyết định số 01/2011/QĐ-TTg", "Nguyễn Thị Ngọc Quỳnh",
        "4 ● rất cao", "3 ◕ cao", "2 ◔ trung bình", "Xã Nhơn Mỹ (cũ: Xã Mỹ Hội Đông)", "Nơi nhận:",
        "Sentinel-2, Copernicus Sentinel, CC BY-SA 3.0 IGO. Tân Châu, Đài KTTV An Giang, theo cơ quan.", "12 / 24", "0,12 / 0,34",
        "0 / chưa có số liệu / 1.234", "khoảng 4 trên 5 mét bờ bị lở", "cách chợ Vàm Cống 400 m về phía bắc",
    ):  # fmt: skip
        assert said in text, said
        assert said in word, said


def test_the_disaster_risk_level_is_only_what_the_officer_writes(tmp_path):
    empty = whole(made(tmp_path / "a", 3, "pdf"))
    assert "cấp độ rủi ro thiên tai" not in empty.lower()
    assert re.search(r"3\. Cấp độ rủi ro …+ \(người có thẩm quyền ghi\)", empty)
    written = whole(made(tmp_path / "b", 3, "pdf", officer=Officer(risk="Cấp 2")))
    assert "3. Cấp độ rủi ro Cấp 2 4. Khuyến nghị" in written


def test_a_docx_has_every_stretch_the_marks_and_a_repeated_head(tmp_path):
    data = made(tmp_path, 60, "docx", simulated=True)
    word = docx.Document(io.BytesIO(data))
    assert word.sections[0].header.paragraphs[0].text == "MÔ PHỎNG / SIMULATED · DIỄN TẬP – DỰ THẢO"
    assert (word.sections[0].page_width.mm, word.sections[0].page_height.mm) == (
        pytest.approx(210, abs=0.1),
        pytest.approx(297, abs=0.1),
    )
    tables = [table for table in word.tables if len(table.columns) == 8]
    numbers = [row.cells[0].text for table in tables for row in table.rows[1:]]
    assert numbers == [str(i) for i in range(1, 61)]
    assert all("w:tblHeader" in table.rows[0]._tr.xml for table in tables)
    assert len(word.inline_shapes) == 1
    fonts = {
        run.font.name or word.styles["Normal"].font.name for paragraph in word.paragraphs for run in paragraph.runs
    }
    assert fonts == {"Times New Roman"}


@pytest.mark.parametrize("kind", ["pdf", "docx", "txt"])
def test_the_same_input_gives_the_same_bytes(tmp_path, kind):
    digests = {hashlib.sha256(made(tmp_path / name, 12, kind)).hexdigest() for name in ("a", "b")}
    assert len(digests) == 1


@pytest.mark.parametrize("kind", ["pdf", "docx"])
def test_hostile_text_is_only_text_and_stays_on_the_page(tmp_path, kind):
    columns = {
        "commune": HOSTILE, "commune_former": "x" * 5_000, "place_vi": "Ấp " + "dài" * 2_000, "reach": HOSTILE,
    }  # fmt: skip
    officer = Officer(
        *(HOSTILE,), now=HOSTILE, warning="y" * 3_000, risk=HOSTILE, recommendations=HOSTILE, signer=HOSTILE
    )
    data = made(tmp_path, 60, kind, columns=columns, officer=officer, title=HOSTILE)
    text = whole(data) if kind == "pdf" else docx_text(data)
    flat = re.sub(r"\s|\ufffe|\x02", "", text)
    assert "<b>Xã</b><imgsrc=xonerror=alert(1)>&<parafontSize=99>" in flat
    assert not set("\x00\x07\u202e\u202c\ufeff") & set(text)
    assert flat.count("y") >= 3_000, "a long word is broken, not cut"
    if kind == "pdf":
        with pypdfium2.PdfDocument(data) as file:
            for page in file:
                texts = page.get_textpage()
                box = np.array([texts.get_rect(i) for i in range(texts.count_rects())])
                assert (box[:, 0] > 25 / 25.4 * 72 - 1).all() and (box[:, 2] < 210 / 25.4 * 72).all()
                assert (box[:, 1] > 0).all() and (box[:, 3] < 297 / 25.4 * 72).all()
        assert b"/URI" not in data and b"/JavaScript" not in data
    else:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            body = archive.read("word/document.xml").decode()
        assert "w:hyperlink" not in body and "w:fldSimple" not in body and "<img" not in body


@pytest.mark.parametrize("count", [0, 1, 60, 400])
@pytest.mark.parametrize("hostile", [False, True])
def test_a_commune_sheet_is_one_page_and_counts_what_it_does_not_list(tmp_path, count, hostile):
    columns = {"place_vi": "Ấp " + "dài" * 2_000, "commune_former": "x" * 5_000} if hostile else {}
    columns |= {"commune_code": "30001", "communes": "30001"}
    commune = "30001" if count else None
    data = made(tmp_path, count, "pdf", template="sheet", commune=commune, columns=columns, officer=Officer())
    (text,) = pages(data)
    listed = len(re.findall(r"km \d+\+\d{3} – km", text))
    assert ("Còn" in text) == (listed < count)
    if listed < count:
        assert f"Còn {count - listed} đoạn khác" in text
    assert listed >= min(count, 1 if hostile else 8)


def pictures_of(pdf: bytes) -> list[Image.Image]:
    with pypdfium2.PdfDocument(pdf) as file:
        return [page.render(scale=1).to_pil() for page in file]


def test_pages_have_ink_within_their_margins_only(tmp_path):
    for page in pictures_of(made(tmp_path, 60, "pdf", simulated=True)):
        grey = np.asarray(page.convert("L"))
        assert grey.shape == (842, 596)
        ink = np.argwhere(grey < 200)
        assert ink[:, 1].min() >= 68 and ink[:, 1].max() <= 596 - 40, "25 mm on the left, 15 mm on the right"
        assert ink[:, 0].min() >= 20 and ink[:, 0].max() <= 842 - 20


def test_english_says_no_vietnamese_but_names(tmp_path):
    text = whole(made(tmp_path, 3, "pdf", simulated=True, language="en"))
    assert "RIVERBANK EROSION BULLETIN" in text and "1. Present state" in text and "no data yet" in text
    assert "MÔ PHỎNG / SIMULATED · EXERCISE – DRAFT" in text and "Hiện trạng" not in text


@pytest.mark.skipif(shutil.which("soffice") is None, reason="needs LibreOffice")
@pytest.mark.parametrize("template", ["bulletin", "sheet"])
def test_a_word_processor_lays_the_docx_out(tmp_path, template):
    file = tmp_path / "tin.docx"
    file.write_bytes(made(tmp_path / "a", 12, "docx", simulated=True, template=template))
    profile = f"-env:UserInstallation=file://{tmp_path}/profile"
    command = ["soffice", profile, "--headless", "--convert-to", "pdf", "--outdir", str(tmp_path), str(file)]
    subprocess.run(command, check=True, capture_output=True, timeout=240, env=os.environ | {"HOME": str(tmp_path)})
    text = pages((tmp_path / "tin.pdf").read_bytes())
    here = pages(made(tmp_path / "b", 12, "pdf", simulated=True, template=template))
    assert len(text) <= len(here) + (template == "bulletin"), "a type of another width may take a page more"
    assert all("MÔ PHỎNG / SIMULATED · DIỄN TẬP – DỰ THẢO" in page for page in text)
    assert "km 2+650 – km 2+750" in " ".join(text) or template == "sheet"
