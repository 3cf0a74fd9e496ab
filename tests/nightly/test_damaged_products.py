"""Published files that are lost or damaged are named, and made again."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from erosion.config.region import load_region
from erosion.nightly.errors import RunError
from erosion.nightly.published import DEGRADED, NOT_PUBLISHED, PUBLISHED, published
from erosion.nightly.run import run
from tests.log_records import logged
from tests.nightly.made_runs import FIRST, SECOND, TARGETS, assert_agreed, home_of, ledger_of, read_json


@pytest.mark.parametrize("spoilt", ["segments_1y.csv", "decisions.parquet", "manifest.json"])
def test_a_spoilt_product_is_made_again(out: Path, region_file: Path, spoilt: str) -> None:
    recorded = ledger_of(out)
    (entry,) = published(home_of(out))["runs"]
    directory = home_of(out) / entry["directory"]
    spoilt = "segments_1y_vi.csv" if spoilt.endswith(".csv") else spoilt
    (directory / spoilt).write_bytes(b"half")
    result = run(load_region(region_file), FIRST, out)
    assert (result.exit_code, result.directory) == (PUBLISHED, directory)
    assert_agreed(out)
    assert ledger_of(out) == recorded


@pytest.mark.parametrize(
    "damage", [None, '{"runs": [', "{}", "[]", '{"version": 99}', '{"runs": 3}', '{"runs": [{"run_id": 1}]}', ""]
)
def test_a_lost_or_damaged_list_is_written_anew(out: Path, region_file: Path, damage: str | None) -> None:
    path = home_of(out) / "published.json"
    listed = path.read_bytes()
    if damage is None:
        path.unlink()
    else:
        path.write_text(damage)
        with pytest.raises(RunError, match=r"published\.json.*the next run of the region writes it anew"):
            published(home_of(out))
    with logged() as messages:
        result = run(load_region(region_file), FIRST, out)
    assert (result.exit_code, result.new) == (PUBLISHED, False)
    assert path.read_bytes() == listed
    assert any(str(path) in line and "this run has done so" in line for line in messages) == (damage is not None)


def test_a_folder_in_place_of_the_list_is_refused_before_anything_is_made(out: Path, region_file: Path) -> None:
    region = load_region(region_file)
    recorded = ledger_of(out)
    path = home_of(out) / "published.json"
    listed = path.read_bytes()
    path.unlink()
    path.mkdir()
    result = run(region, SECOND, out)
    assert result.exit_code == NOT_PUBLISHED
    assert f"{path} is a folder where the list should be; take it away, and the next run" in result.messages[0]
    assert ledger_of(out)["warnings"] == recorded["warnings"] and len(list(home_of(out).glob("20*"))) == 1
    path.rmdir()
    assert run(region, FIRST, out).exit_code == PUBLISHED
    assert path.read_bytes() == listed


def damaged(path: Path, kind: str) -> None:
    content = path.read_bytes()
    half = len(content) // 2
    path.write_bytes(
        {
            "truncated": content[:half],
            "empty": b"",
            "one bit": content[:half] + bytes([content[half] ^ 1]) + content[half + 1 :],
        }[kind]
    )


@pytest.mark.parametrize("kind", ["truncated", "empty", "one bit"])
def test_damaged_segments_of_the_run_before_stop_the_next_one_and_running_it_again_mends_it(
    out: Path, region_file: Path, kind: str
) -> None:
    region = load_region(region_file)
    directory = home_of(out) / published(home_of(out))["runs"][0]["directory"]
    damaged(directory / "segments_1y.parquet", kind)
    result = run(region, SECOND, out)
    assert result.exit_code == NOT_PUBLISHED
    fault = "is empty" if kind == "empty" else "is not what was published"
    assert f"segments_1y.parquet {fault}" in result.messages[0]
    assert "run 2009-08-16 again, which makes them anew" in result.messages[0].lower()
    assert run(region, FIRST, out).exit_code == PUBLISHED
    assert run(region, SECOND, out).exit_code == PUBLISHED
    assert_agreed(out)


def test_other_damage_to_the_run_before_degrades_the_next_one_until_it_is_mended(
    out: Path, region_file: Path, three_runs: Path
) -> None:
    region = load_region(region_file)
    (first,) = published(home_of(out))["runs"]
    directory = home_of(out) / first["directory"]
    needed = {"manifest.json", *(f"segments_{target}.parquet" for target in TARGETS)}
    others = sorted({path.name for path in directory.iterdir()} - needed)
    lost, spoilt = others[::2], others[1::2]
    for name in lost:
        (directory / name).unlink()
    for name in spoilt:
        damaged(directory / name, "one bit")
    result = run(region, SECOND, out)
    assert (result.exit_code, result.new) == (DEGRADED, True) and result.directory is not None
    # What is damaged is a fact of the attempt: the run and its files are those that a whole run before gives.
    whole = home_of(three_runs) / result.directory.name
    assert read_json(whole / "manifest.json")["outputs"] == read_json(result.directory / "manifest.json")["outputs"]
    (message,) = result.messages
    assert message.startswith(f"{first['run_id']}: published files in mamore_crop")
    assert all(f"{name} is missing" in message for name in lost) and {"gauges.json", "segments.gpkg"} < {*others}
    assert all(f"{name} is not what was published" in message for name in spoilt)
    assert "Run 2009-08-16 again, which makes them anew" in message
    manifest = read_json(result.directory / "manifest.json")
    assert manifest["messages"] == [message] and manifest["read"]["messages"] == []
    assert [entry["outcome"] for entry in published(home_of(out))["runs"]] == ["published", "degraded"]

    again = run(region, SECOND, out, fetch=False)
    assert (again.exit_code, again.new, again.messages) == (DEGRADED, False, (message,))
    assert run(region, FIRST, out).exit_code == PUBLISHED
    for fetch in (False, True):
        mended = run(region, SECOND, out, fetch=fetch)
        assert (mended.exit_code, mended.new, mended.messages) == (PUBLISHED, False, ())
    assert_agreed(out)


def test_a_manifest_with_another_number_in_it_is_made_again(out: Path, region_file: Path) -> None:
    directory = home_of(out) / published(home_of(out))["runs"][0]["directory"]
    path = directory / "manifest.json"
    segments = read_json(path)["segments"]
    path.write_text(
        path.read_text("utf-8").replace(f'"segments": {segments},', f'"segments": {segments + 1},'), "utf-8"
    )
    assert read_json(path)["segments"] == segments + 1
    assert run(load_region(region_file), FIRST, out).exit_code == PUBLISHED
    assert read_json(path)["segments"] == segments
    assert_agreed(out)


def test_the_product_of_the_run_before_is_needed(out: Path, region_file: Path) -> None:
    (entry,) = published(home_of(out))["runs"]
    shutil.rmtree(home_of(out) / entry["directory"])
    result = run(load_region(region_file), SECOND, out)
    assert result.exit_code == NOT_PUBLISHED and "run 2009-08-16 again" in result.messages[0]
    assert run(load_region(region_file), FIRST, out).exit_code == PUBLISHED
    assert run(load_region(region_file), SECOND, out).exit_code == PUBLISHED
    assert_agreed(out)
