"""Which files of a folder of grids are read, and that every other one is listed with its reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from erosion.core.errors import SourceError
from erosion.gauges.formats.grid_files import find

ENTRY = Path("rain.yaml")


def test_letter_case_of_a_name_makes_no_difference(tmp_path: Path) -> None:
    for name in ("a.nc", "b.NC", "c.Nc"):
        (tmp_path / name).write_bytes(b"x")
    store = tmp_path / "D.NC"
    store.mkdir()
    (store / ".zgroup").write_text("{}")
    for pattern in ("*.nc", "*.NC"):
        files, skipped = find(tmp_path, pattern, 0.0, ENTRY)
        assert sorted(file.name for file in files) == ["D.NC", "a.nc", "b.NC", "c.Nc"] and skipped == []


@pytest.mark.parametrize("pattern", ["*.tif", "*.TIF"])
def test_tif_also_means_tiff(tmp_path: Path, pattern: str) -> None:
    for name in ("a.tif", "b.TIF", "c.tiff", "d.TIFF"):
        (tmp_path / name).write_bytes(b"x")
    files, skipped = find(tmp_path, pattern, 0.0, ENTRY)
    assert sorted(file.name for file in files) == ["a.tif", "b.TIF", "c.tiff", "d.TIFF"] and skipped == []


def test_what_is_not_read_is_listed_with_its_reason(tmp_path: Path) -> None:
    for name in ("a.nc", "b.grib", "c.nc.part", "readme.txt", ".DS_Store"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "older").mkdir()
    (tmp_path / "older" / "x.nc").write_bytes(b"x")
    files, skipped = find(tmp_path, "*.nc", 0.0, ENTRY)
    assert [file.name for file in files] == ["a.nc"]
    assert [item.scene for item in skipped] == [".DS_Store", "b.grib", "c.nc.part", "older", "readme.txt"]
    assert all(item.usual for item in skipped)
    assert {item.reason for item in skipped if item.scene != "older"} == {
        "does not match the pattern under 'files' (*.nc)"
    }
    assert skipped[3].reason == "is a folder; the pattern under 'files' (*.nc) names nothing in it"
    # A pattern that reaches into folders reads them, and lists what else lies there.
    (tmp_path / "older" / "y.grib").write_bytes(b"x")
    files, skipped = find(tmp_path, "*/*.nc", 0.0, ENTRY)
    assert [file.name for file in files] == ["older/x.nc"]
    assert [item.scene for item in skipped] == [
        ".DS_Store",
        "a.nc",
        "b.grib",
        "c.nc.part",
        "older/y.grib",
        "readme.txt",
    ]


def test_a_folder_without_a_file_to_read_names_what_is_there(tmp_path: Path) -> None:
    for name in ("b.grib", "c.nc4"):
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(SourceError, match=r"no file matches '\*\.nc' \(there are b\.grib, c\.nc4\); bring one, or set"):
        find(tmp_path, "*.nc", 0.0, ENTRY)
