"""CSV as a spreadsheet opens it: numbers are numbers, dates are dates, text is never run as a formula."""

import csv
import io
import json
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from datetime import date, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from erosion.core.contracts import SIMULATED_NOTICE
from erosion.publish import write_all
from erosion.publish.columns import SHOWN
from erosion.publish.formats.csv_table import guarded

SHOWN_COLUMNS = tuple(column.name for column in SHOWN)

NUMBER = {"vi": re.compile(r"-?\d+(,\d+)?"), "en": re.compile(r"-?\d+(\.\d+)?")}
SEPARATOR = {"vi": ";", "en": ","}
NUMERIC = [
    name for name in SHOWN_COLUMNS if name.endswith(("_m", "_deg", "_per_m", "_per_y", "_days", "_runs", "level"))
]


def rows_of(path, language):
    """Read a file as a spreadsheet of that language would: head and rows by machine name."""
    text = path.read_bytes().decode("utf-8")
    assert text.startswith("\ufeff")
    table = list(csv.reader(io.StringIO(text[1:], newline=""), delimiter=SEPARATOR[language]))
    heads, body = table[0], table[1:]
    names = [re.search(r"\[(\w+)\]$", head)[1] if language == "vi" else head for head in heads]
    assert all(len(row) == len(names) for row in body)
    return heads, [dict(zip(names, row, strict=True)) for row in body]


def number(text, language):
    assert NUMBER[language].fullmatch(text), text
    return float(text.replace(",", "."))


@pytest.fixture(params=["vi", "en"])
def language(request):
    return request.param


@pytest.fixture
def table(published, language):
    return rows_of(published / f"segments_1y_{language}.csv", language)


def test_columns_are_the_layer_and_three_more(table):
    _, rows = table
    names = list(rows[0])
    assert [name for name in names if name in SHOWN_COLUMNS] == list(SHOWN_COLUMNS)
    assert [name for name in names if name not in SHOWN_COLUMNS] == ["level_word", "lon", "lat"]
    assert names.index("level_word") == names.index("level") + 1


def test_numbers_are_numbers_of_that_language(table, language, layer):
    _, rows = table
    for name in [*NUMERIC, "p_event"]:
        for text, value in zip((row[name] for row in rows), layer[name], strict=True):
            if np.isnan(value):
                assert text == ""
            else:
                assert number(text, language) == pytest.approx(value, abs=0.051 if abs(value) > 1 else 0.006)
    assert rows[1]["retreat_last_m"] == ("0,00" if language == "vi" else "0.00")  # -0.001 is no negative zero
    assert rows[3]["curvature_per_m"] == ("0,0012500" if language == "vi" else "0.0012500")
    assert rows[4]["p_event"] == ("0,9877" if language == "vi" else "0.9877")


def test_dates(table, language):
    _, rows = table
    form = "%d/%m/%Y" if language == "vi" else "%Y-%m-%d"
    assert datetime.strptime(rows[0]["as_of"], form).date() == date(2024, 6, 30)
    assert datetime.strptime(rows[3]["first_issued_at"], form).date() == date(2023, 6, 30)
    assert rows[0]["first_issued_at"] == ""


def test_words(table, language):
    _, rows = table
    words = {"vi": ("4 ● rất cao", "không"), "en": ("4 ● very high", "false")}[language]
    assert rows[4]["level_word"] == words[0]
    assert [row["held_by"] for row in rows] == ["", "", "", "cap", "trigger"]
    assert rows[0]["simulated"] == words[1]


def test_middle_of_the_segment(table, language, layer):
    _, rows = table
    middle = layer.geometry.interpolate(0.5, normalized=True).to_crs("EPSG:4326")
    for row, point in zip(rows, middle, strict=True):
        assert number(row["lon"], language) == pytest.approx(point.x, abs=6e-7)
        assert number(row["lat"], language) == pytest.approx(point.y, abs=6e-7)


def test_reasons_stay_json(table, reasons):
    _, rows = table
    assert json.loads(rows[4]["reasons"]) == reasons


def test_heads(published):
    vietnamese, _ = rows_of(published / "segments_1y_vi.csv", "vi")
    assert vietnamese[3] == "Lý trình (m) [chainage_m]"
    assert "Mức nguy cơ (mô hình) [level]" in vietnamese
    assert "Tốc độ lùi bờ 3 năm (m/năm) [rate_3y_m_per_y]" in vietnamese
    assert "Xác suất bờ lùi đến ngưỡng (0–1) [p_event]" in vietnamese
    assert len(set(vietnamese)) == len(vietnamese)


def test_lines_end_as_spreadsheets_expect(published):
    raw = (published / "segments_1y_en.csv").read_bytes()
    assert raw.count(b"\r\n") == raw.count(b"\n") == 6


def test_a_simulated_file_says_so_in_its_first_column(exercise, language):
    _, rows = rows_of(exercise / f"segments_1y_{language}.csv", language)
    assert next(iter(rows[0])) == "notice"
    assert {row["notice"] for row in rows} == {SIMULATED_NOTICE}
    assert {row["simulated"] for row in rows} == {"có" if language == "vi" else "true"}


ATTACKS = [
    "=1+1", "+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1+1", "\u00a0=1", "\ufeff=1", "＝1+1", "＠x",
    '=HYPERLINK("http://x";"y")', "=cmd|' /C calc'!A0", ";=1+1", ',=1+1', '";=1', 'x"\r\n=1+1',
]  # fmt: skip


def test_no_cell_of_text_is_a_formula(tmp_path, layer, history, region, language):
    attacked = layer.iloc[np.arange(len(ATTACKS)) % len(layer)].reset_index(drop=True)
    attacked["segment_id"] = [f"s{i}" for i in range(len(ATTACKS))]
    attacked["quality"] = attacked["event_id"] = ATTACKS
    write_all(tmp_path, {"1y": attacked}, history, region)
    _, rows = rows_of(tmp_path / f"segments_1y_{language}.csv", language)
    for row, attack in zip(rows, ATTACKS, strict=True):
        for name in ("quality", "event_id"):
            assert row[name] in (attack, f"'{attack}")
            assert row[name].lstrip("\ufeff\u200b\u00a0 \t\r\n")[0] not in "=+-@＝＋－＠"
        # Nothing leaked into a neighbouring cell.
        assert row["asked_level"] in "01234"
        assert row["model_id"] == "bank-20240101"


@pytest.mark.parametrize("plain", ["hau-R-0000100", "a=b", "3-4", "lở bờ", "", "[]", "'x", "(1)"])
def test_harmless_text_is_left_alone(plain):
    assert guarded(plain) == plain


def test_negative_numbers_stay_numbers(table, language):
    _, rows = table
    assert number(rows[2]["curvature_per_m"], language) == -0.0005
    assert rows[0]["previous_level"] == "-1"


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=20))
def test_guarded_text_never_starts_a_formula(text):
    safe = guarded(text)
    assert safe in (text, f"'{text}")
    assert not safe.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


@pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice Calc is not installed")
@pytest.mark.parametrize(("language", "separator", "locale"), [("vi", 59, 1066), ("en", 44, 1033)])
def test_libreoffice_opens_numbers_as_numbers(tmp_path, layer, history, region, language, separator, locale):
    layer.loc[3, "quality"] = "=1+1"
    write_all(tmp_path, {"1y": layer}, history, region)
    # Tokens: separator, quote, UTF-8, first line, columns, language, quoted cells as text, dates and numbers detected.
    command = [
        "soffice", "--headless", f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}", "--convert-to", "fods",
        f"--infilter=CSV:{separator},34,76,1,,{locale},false,true", "--outdir", str(tmp_path),
        str(tmp_path / f"segments_1y_{language}.csv"),
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    cells = cells_of(tmp_path / f"segments_1y_{language}.fods")
    names = [re.search(r"\w+(?=\]?$)", text)[0] for _, text in cells[0]]
    fourth = dict(zip(names, cells[4], strict=True))
    assert fourth["segment_id"] == ("string", "hau-R-0000300")
    assert fourth["level_word"][1].startswith("3 ◕ ")
    for name in ("p_event", "retreat_p90_m", "level", "landward_deg", "lon", "horizon_days"):
        assert fourth[name][0] == "float", name
    assert float(fourth["retreat_p90_m"][1]) == 44.25
    assert float(fourth["p_event"][1]) == 0.5
    assert 105.4 < float(fourth["lon"][1]) < 105.7
    assert fourth["as_of"] == ("date", "2024-06-30")
    assert fourth["first_issued_at"] == ("date", "2023-06-30")
    assert fourth["quality"] == ("string", "'=1+1")
    assert len(cells) == 6


def cells_of(path):
    """Cells of a flat OpenDocument sheet as (type, value), repeated ones written out; formulas are an error."""
    office = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
    table = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
    paragraph = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}p"
    rows = []
    for row in ET.parse(path).getroot().iter(f"{table}table-row"):
        cells = []
        for cell in row.findall(f"{table}table-cell"):
            assert cell.get(f"{table}formula") is None
            kind = cell.get(f"{office}value-type")
            value = cell.get(f"{office}value") or cell.get(f"{office}date-value") or cell.findtext(paragraph, "")
            cells += [(kind, value)] * int(cell.get(f"{table}number-columns-repeated", 1))
        rows.append(cells)
    return rows
