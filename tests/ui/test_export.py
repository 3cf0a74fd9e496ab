"""The list as a workbook and as CSV, read back by other programs."""

import csv
from io import BytesIO, StringIO

import geopandas as gpd
import numpy as np
import openpyxl
import pytest

from erosion.core.contracts import SIMULATED_NOTICE
from erosion.ui import export
from erosion.ui.choice import Choice
from erosion.ui.products.regions import read_region
from erosion.ui.stretch_table import described

FORMULAS = ("=HYPERLINK(A1)", "+1", "-1+2", "@SUM(A1)", "\t=1", " =1", "＝1", "\ufeff=1")


def choice_of(folder, language="vi", region="song-thu"):
    found = read_region(folder / region)
    return Choice(language, found, found.runs[-1], None, found.targets[0])


def shown(choice):
    return described(choice, choice.stretches)


def sheets(content):
    book = openpyxl.load_workbook(BytesIO(content))
    return book, book.worksheets[0], book.worksheets[1]


def columns(sheet):
    head, *rows = sheet.iter_rows(values_only=True)
    return {name: [row[at] for row in rows] for at, name in enumerate(head)}


def test_the_workbook_holds_what_the_file_holds(published):
    choice = choice_of(published)
    book, sheet, words = sheets(export.workbook(choice, shown(choice)))
    file = gpd.read_parquet(choice.run.directory / "stretches_1y.parquet").set_index("stretch_id")
    table = columns(sheet)
    assert len(table["Mã đoạn bờ"]) == len(file) and set(table["Mã đoạn bờ"]) == set(file.index)
    mine = file.loc[table["Mã đoạn bờ"]]
    assert table["Mức nguy cơ (mô hình)"] == mine["level"].tolist()
    assert table["Xác suất"] == pytest.approx(mine["p_event"].round(4).tolist())
    assert table["Chiều dài (mét)"] == pytest.approx(mine["length_m"].round().tolist())
    assert table["Bờ lùi, xác suất 10% (mét)"] == pytest.approx(mine["retreat_p90_m"].round(1).tolist())
    assert table["Mức bằng chữ"][0] == "4 ● rất cao"
    assert {value.year for value in table["Phát lần đầu"]} <= {2022, 2023, 2024}
    assert sheet.freeze_panes == "A2"
    assert all(cell.font.bold for cell in sheet[1])
    assert sheet.column_dimensions["B"].width > 40
    said = {str(row[0]): row[1] for row in words.iter_rows(values_only=True)}
    assert said["Ngày phát hành"] == "30/06/2024"
    assert "từ 30 m trong 365 ngày" in said["Xác suất"]
    assert "Không có nghĩa là bằng không" in said["chưa có số liệu"]
    assert book.sheetnames == ["Đoạn bờ", "Giải thích"]


def test_unknown_exposure_is_said_and_never_0(own):
    choice = choice_of(own)
    path = choice.run.directory / "stretches_1y.parquet"
    file = gpd.read_parquet(path)
    known = np.where(np.arange(len(file)) == 0, 0.0, np.nan)
    file.assign(buildings_20m=known, buildings_50m=known + 12, people_100m=None).to_parquet(path)
    first = file["stretch_id"].iloc[0]
    table = columns(sheets(export.workbook(choice, shown(choice)))[1])
    at = table["Mã đoạn bờ"].index(first)
    assert (table["Nhà trong 20 m"][at], table["Nhà trong 50 m"][at]) == (0, 12)
    others = [value for i, value in enumerate(table["Nhà trong 20 m"]) if i != at]
    assert set(others) == set(table["Nhà trong 100 m"]) == set(table["Nhân khẩu trong 100 m"]) == {"chưa có số liệu"}
    rows = list(csv.DictReader(StringIO(export.csv(choice, shown(choice)).decode("utf-8-sig")), delimiter=";"))
    by_id = {row["Mã đoạn bờ [stretch_id]"]: row for row in rows}
    assert by_id[first]["Nhà trong 20 m [buildings_20m]"] == "0"
    assert {row["Nhà trong 100 m [buildings_100m]"] for row in rows} == {"chưa có số liệu"}


@pytest.mark.parametrize("text", [*FORMULAS, "xã \x00\x07\x1f\ufffe<b>&amp;", "dòng\nhai", 'a;b,"c"'])
def test_text_of_files_stays_text(own, text):
    """A name that begins as a formula gets an apostrophe; characters that no workbook can hold are left out."""
    choice = choice_of(own)
    path = choice.run.directory / "stretches_1y.parquet"
    evil = gpd.read_parquet(path).assign(
        commune=text, commune_former=text, commune_code=text, communes=text, place_vi=text, place_en=text
    )
    evil.to_parquet(path)
    _, sheet, _ = sheets(export.workbook(choice, shown(choice)))
    assert all(cell.data_type != "f" for row in sheet.iter_rows() for cell in row)
    communes = set(columns(sheet)["Xã/phường"])
    rows = list(
        csv.DictReader(StringIO(export.csv(choice, shown(choice)).decode("utf-8-sig"), newline=""), delimiter=";")
    )
    assert len(rows) == len(evil)
    (said,) = {row["Xã/phường [commune]"] for row in rows}
    if text in FORMULAS:
        assert communes == {said} == {f"'{text}"}
        assert all(row["Đoạn bờ [name]"].startswith("'") for row in rows)
    else:
        assert said == text
        assert communes == {"xã <b>&amp;" if "\x00" in text else text}


def test_an_exercise_says_so_on_every_row_and_sheet(published):
    choice = choice_of(published, region="tap-duot")
    book, sheet, words = sheets(export.workbook(choice, shown(choice)))
    assert set(columns(sheet)["Lưu ý"]) == {SIMULATED_NOTICE}
    assert all("SIMULATED" in name for name in book.sheetnames)
    assert words["A1"].value == SIMULATED_NOTICE
    text = export.csv(choice, shown(choice)).decode("utf-8-sig")
    assert all(line.startswith(SIMULATED_NOTICE) for line in text.splitlines()[1:])
    real = choice_of(published)
    assert SIMULATED_NOTICE not in export.csv(real, shown(real)).decode("utf-8-sig")


def test_csv_is_for_spreadsheets_of_the_language(published):
    vi, en = choice_of(published), choice_of(published, "en")
    head, first, *_ = export.csv(vi, shown(vi)).decode("utf-8-sig").split("\r\n")
    row = dict(zip(head.split(";"), first.split(";"), strict=True))
    assert row["Mức bằng chữ [level_word]"] == "4 ● rất cao"
    assert "," in row["Xác suất (0–1) [p_event]"] and row["Phát lần đầu [first_issued_at]"].count("/") == 2
    english = list(csv.DictReader(StringIO(export.csv(en, shown(en)).decode("utf-8-sig"))))
    file = gpd.read_parquet(en.run.directory / "stretches_1y.parquet").set_index("stretch_id")
    for row in english:
        assert float(row["p_event"]) == pytest.approx(round(file.loc[row["stretch_id"], "p_event"], 4))
    assert english[0]["level_word"] == "4 ● very high" and english[0]["buildings_20m"] == "no data yet"
