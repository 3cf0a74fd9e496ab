"""The manifest of a run: what is written is read back, and another shape is refused by the name of the key."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from erosion.publish.manifest import FILE, Manifest, read_manifest, write_manifest

MANIFEST: Manifest = {
    "contract_version": "1", "region": "rio", "simulated": False, "as_of": "2010-07-18",
    "outcome": "degraded", "messages": ["a.tif: truncated"],
    "skipped": [{"scene": "a.tif", "reason": "truncated", "usual": False}],
    "read": {"messages": [], "skipped": []},
    "fetch": [{"scene": "a.tif", "reason": "truncated", "usual": False}],
    "model_id": "rio-20090816",
    "reaches": {
        "north": {"newest_epoch": "2010-07-02", "missing": None, "left_out": ["pond"], "accepted": ["b.tif"]},
        "south": {"newest_epoch": None, "missing": "no mask"},
    },
    "trigger": {"north": {"level": 3, "points": 3.0}}, "newest_epoch": "2010-07-02", "data_age_days": 16,
    "inputs": {"as_of": "2010-07-18"}, "inputs_hash": "ab", "segments": 12,
    "levels": {"1y": {"0": 0.0, "1": 1.2}}, "stages": [{"stage": "read", "seconds": 2}],
    "outputs": {"segments.gpkg": "00"}, "memory": {"decisions.parquet": "11"}, "versions": {"python": "3.11"},
    "started_at": "2010-07-18T20:00:00+00:00", "finished_at": "2010-07-18T20:01:00+00:00",
}  # fmt: skip


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    write_manifest(tmp_path, MANIFEST)
    assert read_manifest(tmp_path) == MANIFEST
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_keys_of_later_and_earlier_programs(tmp_path: Path) -> None:
    later: dict[str, Any] = {**MANIFEST, "new_key": [1, 2]}
    (tmp_path / FILE).write_text(json.dumps(later), encoding="utf-8")
    assert read_manifest(tmp_path) == later
    del later["read"], later["fetch"], later["reaches"]["north"]["left_out"], later["reaches"]["north"]["accepted"]
    (tmp_path / FILE).write_text(json.dumps(later), encoding="utf-8")
    assert read_manifest(tmp_path) == later


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda m: m.pop("outputs"), "outputs is missing"),
        (lambda m: m.update(messages="none"), 'messages is "none", not a list'),
        (lambda m: m["skipped"].append("a.tif"), 'skipped[1] is "a.tif", not an object'),
        (lambda m: m["reaches"]["south"].pop("missing"), "reaches.south: missing is missing"),
        (lambda m: m["reaches"]["south"].update(missing=3), "reaches.south.missing is 3, not a text"),
        (lambda m: m.update(trigger=[]), "trigger is [], not an object"),
        (lambda m: m["levels"]["1y"].update({"0": "x"}), 'levels.1y.0 is "x", not a number'),
        (lambda m: m.update(segments=True), "segments is true, not a number"),
        (lambda m: m["stages"][0].update(seconds=None), "stages[0].seconds is null, not a number"),
    ],
)
def test_another_shape_is_refused_by_name(tmp_path: Path, edit: Callable[[Any], None], words: str) -> None:
    content = json.loads(json.dumps(MANIFEST))
    edit(content)
    (tmp_path / FILE).write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ValueError) as refused:
        read_manifest(tmp_path)
    assert words in str(refused.value)


@pytest.mark.parametrize("content", ["", "{", "[" * 100_000, "7", "[]", '"text"', "\ufeff{}"])
def test_what_is_no_manifest_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content, encoding="utf-8")
    with pytest.raises(ValueError):
        read_manifest(tmp_path)


def test_a_manifest_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_manifest(tmp_path)
