"""``erosion bulletin``: the end of the file's name says the format; mistakes are one line with the mend."""

from __future__ import annotations

import io

import docx
import pypdfium2
import pytest

from erosion.cli.command_line import main
from tests.publish.bulletins.made_runs import publish_run, stretches


@pytest.fixture
def home(tmp_path):
    return publish_run(tmp_path, stretches(12))


def bulletin(home, out, *more):
    return main(["bulletin", "long-xuyen", "--products", str(home.parent), "--out", str(out), *more])


def test_a_bulletin_of_each_format(home, tmp_path):
    times = ("--issued", "2026-11-30T07:30+07:00", "--number", "7/TB")
    assert bulletin(home, tmp_path / "tin.pdf", *times) == 0
    with pypdfium2.PdfDocument(tmp_path / "tin.pdf") as file:
        text = " ".join(file[0].get_textpage().get_text_bounded().split())
    assert "Tin phát lúc 07:30 30/11/2026 (+07:00)" in text and "Số: 7/TB" in text
    assert bulletin(home, tmp_path / "tin.docx", "--commune", "30003", "--language", "en", "--date", "2024-06-30") == 0
    word = docx.Document(io.BytesIO((tmp_path / "tin.docx").read_bytes()))
    texts = [paragraph.text for paragraph in word.paragraphs]
    assert "RIVERBANK EROSION BULLETIN" in texts and "Xã Nhơn Mỹ (formerly: Xã Mỹ Hội Đông)" in texts
    assert bulletin(home, tmp_path / "tin.txt") == 0
    assert (tmp_path / "tin.txt").read_text("utf-8").startswith("DỰ THẢO. Cảnh báo sạt lở bờ sông")
    assert bulletin(home, tmp_path / "phieu.PDF", "--sheet", "--commune", "Xã Mỹ Hòa Hưng") == 0
    with pypdfium2.PdfDocument(tmp_path / "phieu.PDF") as file:
        assert len(file) == 1


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--date", "2023-01-01"], "nothing of 2023-01-01 is published"),
        (["--commune", "x"], "this run knows no such commune"),
        (["--issued", "7h30"], "write it as 2026-11-30T07:30+07:00"),
        (["--issued", "2026-11-30T07:30"], "has no zone"),
        (["--settings", "nowhere.yaml"], "no such file"),
    ],
)
def test_mistakes_are_one_line_and_leave_no_file(home, tmp_path, capsys, more, says):
    assert bulletin(home, tmp_path / "tin.pdf", *more) == 1
    error = capsys.readouterr().err
    assert says in error and error.startswith("erosion: ") and "mistake in the program" not in error
    assert not (tmp_path / "tin.pdf").exists()


def test_a_format_that_there_is_not(home, tmp_path, capsys):
    assert bulletin(home, tmp_path / "tin.odt") == 1
    assert "there are .pdf, .docx, .txt" in capsys.readouterr().err
