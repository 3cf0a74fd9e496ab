"""The same inputs give the same run, other inputs another, in any place and any order."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from erosion.config.region import load_region
from erosion.core.files import sha256_of
from erosion.nightly.published import DEGRADED, NOT_PUBLISHED, PUBLISHED, published
from erosion.nightly.run import run
from erosion.places.stored import read_stored
from tests.nightly.made_runs import FIRST, SECOND, assert_agreed, home_of, ledger_of, read_json


def test_a_second_run_changes_nothing(out: Path, region_file: Path) -> None:
    def state() -> dict[str, tuple[int, bytes]]:
        files = (path for path in home_of(out).rglob("*") if path.is_file() and path.name != "last_attempt.json")
        return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}

    before, recorded = state(), ledger_of(out)
    result = run(load_region(region_file), FIRST, out)
    assert (result.exit_code, result.new) == (PUBLISHED, False)
    assert state() == before
    assert ledger_of(out) == recorded


def test_what_reference_layers_hold_makes_another_run(out: Path, crop: Path, edit: Callable[..., None]) -> None:
    terms = {"title": {"vi": "Đường", "en": "Roads"}, "licence": "CC0", "attribution": "nobody"}
    edit(crop, places={"roads": {"path": "roads.geojson", **terms}})
    missing = run(load_region(crop), FIRST, out)
    assert (missing.exit_code, missing.new) == (DEGRADED, True)
    assert any("places.roads" in message for message in missing.messages)

    line = {"type": "LineString", "coordinates": [[-65.0, -14.0], [-64.9, -14.9]]}
    road = {"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {}, "geometry": line}]}
    (crop.parent / "roads.geojson").write_text(json.dumps(road))
    whole = run(load_region(crop), FIRST, out)
    assert (whole.exit_code, whole.new) == (PUBLISHED, True)
    assert whole.directory is not None
    manifest = read_json(whole.directory / "manifest.json")
    assert manifest["places"]["layers"]["roads"]["licence"] == "CC0"
    stored = home_of(out) / manifest["places"]["file"]
    assert sha256_of(stored) == manifest["places"]["sha256"] and len(read_stored(stored).roads) == 1
    (crop.parent / "roads.geojson").rename(crop.parent / "other.geojson")
    edit(crop, places={"roads": {"path": "other.geojson", **terms}})
    again = run(load_region(crop), FIRST, out)
    assert (again.exit_code, again.new, again.directory) == (PUBLISHED, False, whole.directory)


def test_another_place_gets_the_same_bytes(one_run: Path, crop: Path, tmp_path: Path) -> None:
    # The region, its data and the products all lie elsewhere.
    result = run(load_region(crop), FIRST, tmp_path / "elsewhere")
    assert result.directory is not None
    (entry,) = published(home_of(one_run))["runs"]
    assert result.directory.name == entry["directory"]
    ours, theirs = (
        read_json(path / "manifest.json") for path in (result.directory, home_of(one_run) / entry["directory"])
    )
    assert len(ours["outputs"]) == 18
    assert (ours["outputs"], ours["memory"]) == (theirs["outputs"], theirs["memory"])


def test_an_older_date_with_later_ones_on_record(three_runs: Path, crop: Path, tmp_path: Path) -> None:
    out = Path(shutil.copytree(three_runs, tmp_path / "out"))
    recorded = ledger_of(out)
    same = run(load_region(crop), SECOND, out)
    assert (same.exit_code, same.new) == (PUBLISHED, False)

    (crop.parent / "masks" / "mamore_2010-07-02.tif").unlink()
    changed = run(load_region(crop), SECOND, out)
    assert (changed.exit_code, changed.directory) == (NOT_PUBLISHED, None)
    assert "on record up to 2011-08-22" in changed.messages[0] and "--out" in changed.messages[0]
    assert "and a new run for 2010-07-18 would rewrite the past" in changed.messages[0]
    assert_agreed(out)
    after = ledger_of(out)
    assert {name: after[name] for name in ("warnings", "transitions", "states")} == {
        name: recorded[name] for name in ("warnings", "transitions", "states")
    }


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("the model", lambda crop, edit: {"release": "mamore-20060808"}),
        ("a setting of the region", lambda crop, edit: edit(crop, policy={"max_level4_share": 0.01})),
        ("a setting of a source", lambda crop, edit: edit(crop.parent / "mamore_masks.yaml", geo_rmse_m=15.0)),
        ("a new file that cannot be read", lambda crop, edit: (crop.parent / "masks" / "m_2009-01-01.tif").touch()),
        ("a gauge", lambda crop, edit: edit(crop, gauges=["guajara_mirim"])),
    ],
)
def test_a_changed_input_is_a_new_run(out: Path, crop: Path, edit: Callable, what: str, change: Callable) -> None:
    settings = change(crop, edit)
    result = run(load_region(crop), FIRST, out, **(settings if isinstance(settings, dict) else {}))
    assert result.exit_code in (PUBLISHED, DEGRADED), result.messages
    assert result.new, what
    assert_agreed(out)
    assert len(published(home_of(out))["runs"]) == 1


def test_inputs_that_come_back_stand_again(out: Path, region_file: Path) -> None:
    """Hindsight by mistake, then the right model again: the map and the ledger show the right one."""
    region = load_region(region_file)
    (first,) = published(home_of(out))["runs"]
    hindsight = run(region, FIRST, out, release="mamore-20180708")
    assert hindsight.exit_code == DEGRADED
    assert published(home_of(out))["runs"][0]["model_id"] == "mamore-20180708"

    back = run(region, FIRST, out)
    assert (back.exit_code, back.new) == (PUBLISHED, True)
    (entry,) = published(home_of(out))["runs"]
    assert entry["model_id"] == "mamore-20090816" and entry["run_id"] != first["run_id"]
    assert_agreed(out)
    again = run(region, FIRST, out)
    assert (again.new, again.directory) == (False, back.directory)
