"""Files of a folder: a pattern names them in any letter case, and what it leaves out is listed with its reason."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from erosion.core.folder import files_in, unused_in


def fill(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.tif", ["River_1.TIF", "c.tiff", "river_2.tif"]),
        ("RIVER_*.tif", ["River_1.TIF", "river_2.tif"]),
        ("river_[12].tif", ["River_1.TIF", "river_2.tif"]),
        ("river_[!1].tif", ["river_2.tif"]),
        ("*/*.tif", ["Sub/d.tif"]),
        ("sub/*.tif", ["Sub/d.tif"]),
        ("**/*.Tiff", ["c.tiff"]),
        ("*.CSV", ["e.csv"]),
    ],
)
def test_a_pattern_names_files_in_any_letter_case(tmp_path: Path, pattern: str, expected: list[str]) -> None:
    fill(tmp_path, "River_1.TIF", "river_2.tif", "c.tiff", "Sub/d.tif", "e.csv", "f.tif.part")
    assert [path.relative_to(tmp_path).as_posix() for path in files_in(tmp_path, pattern)] == expected


def test_what_is_not_used_is_listed_with_its_reason(tmp_path: Path) -> None:
    fill(
        tmp_path,
        "a.tif",
        "a.tfw",
        "a.tif.aux.xml",
        "b.jp2",
        "b.tfw",
        "c.tif.part",
        "LICENSE",
        ".hidden",
        "n.txt",
        "old/d.tif",
    )
    found = unused_in(tmp_path, "*.tif", files_in(tmp_path, "*.tif"))
    assert {item.name: item.usual for item in found} == {
        ".hidden": True, "LICENSE": True, "b.jp2": False, "b.tfw": False, "c.tif.part": False, "n.txt": True, "old": True,
    }  # fmt: skip
    reasons = {item.name: item.reason for item in found}
    assert reasons["n.txt"] == "does not match the pattern under 'files' (*.tif)"
    assert reasons["b.jp2"].startswith("does not match the pattern under 'files' (*.tif); make it a GeoTIFF")
    assert reasons["old"] == "is a folder; the pattern under 'files' (*.tif) names nothing in it"


def test_what_a_pattern_of_ones_own_leaves_out_is_usual(tmp_path: Path) -> None:
    fill(tmp_path, "l8_a.tif", "s2_a.tif", "in/l8_b.tif", "in/x.jp2")
    found = unused_in(tmp_path, "**/l8_*.tif", files_in(tmp_path, "**/l8_*.tif"))
    assert [(item.name, item.usual) for item in found] == [("in/x.jp2", True), ("s2_a.tif", True)]


@pytest.mark.skipif(os.name != "posix", reason="needs pipes and links of POSIX")
@pytest.mark.parametrize("pattern", ["*.tif", "river_*.tif"])
def test_what_has_the_name_of_a_file_and_is_none_is_listed_with_its_true_reason(tmp_path: Path, pattern: str) -> None:
    fill(tmp_path, "river_a.tif", "elsewhere/x.dat")
    (tmp_path / "river_gone.tif").symlink_to("/nowhere/at/all")
    (tmp_path / "river_loop.tif").symlink_to("river_loop.tif")
    (tmp_path / "river_folder.tif").mkdir()
    (tmp_path / "river_linked.tif").symlink_to("elsewhere")
    (tmp_path / "river_device.tif").symlink_to("/dev/null")
    os.mkfifo(tmp_path / "river_pipe.TIF")
    used = files_in(tmp_path, pattern)
    assert used == [tmp_path / "river_a.tif"]
    found = {item.name: item for item in unused_in(tmp_path, pattern, used)}
    says = {
        "river_gone.tif": "is a link that leads to no file (No such file or directory)",
        "river_loop.tif": "is a link that leads to no file (Too many levels of symbolic links)",
        "river_folder.tif": "is a folder with the name of a file",
        "river_linked.tif": "is a folder with the name of a file",
        "river_device.tif": "is a device with the name of a file",
        "river_pipe.TIF": "is a pipe with the name of a file",
    }
    assert {name for name, item in found.items() if not item.usual} == set(says)
    assert all(found[name].reason.startswith(reason) for name, reason in says.items())
    assert found["elsewhere"].usual
