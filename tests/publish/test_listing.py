"""The list of published runs: read back as it was written, and refused by file and key where it is anything else."""

import copy
import json

import pytest

from erosion.publish.listing import FILE, ListingError, read_listing, write_listing

RUN = {
    "as_of": "2024-06-30",
    "run_id": "rio-2024-06-30-abc",
    "directory": "2024-06-30-abc",
    "outcome": "published",
    "exit_code": 0,
    "model_id": "rio-20240630",
    "newest_epoch": "2024-05-20",
    "data_age_days": 41,
    "finished_at": "2024-07-01T01:00:00+00:00",
    "messages": [],
    "manifest_sha256": "00",
}
LISTING = {
    "version": 1,
    "region": "rio",
    "title": {"vi": "Sông", "en": "River"},
    "reaches": [{"name": "rio", "title": {"vi": "Sông"}}],
    "simulated": False,
    "timezone": "Asia/Ho_Chi_Minh",
    "stale_after_days": 800,
    "targets": [{"name": "1y", "horizon_days": 365, "threshold_m": 30.0}],
    "runs": [RUN],
}


def test_what_is_written_is_read(tmp_path):
    write_listing(tmp_path / FILE, LISTING)
    assert read_listing(tmp_path / FILE) == LISTING


def test_a_list_from_before_there_were_versions_is_read(tmp_path):
    old = copy.deepcopy(LISTING)
    del old["version"], old["reaches"], old["runs"][0]["manifest_sha256"]
    write_listing(tmp_path / FILE, old)
    assert read_listing(tmp_path / FILE) == old


def changed(path, value):
    content = copy.deepcopy(LISTING)
    *way, last = path
    place = content
    for key in way:
        place = place[key]
    place[last] = value
    return json.dumps(content)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "Expecting value"),
        ("{", "is damaged"),
        (json.dumps(LISTING)[:300], "is damaged"),
        ("[" * 100_000, "is damaged"),
        ("{}", "the file: region is missing"),
        ("[]", "the file is \\[\\], not an object"),
        ("null", "the file is null, not an object"),
        (changed(["version"], 2), "is of version 2, this program reads 1"),
        (changed(["version"], "x"), "is of version 'x', this program reads 1"),
        (changed(["runs"], {}), "runs is {}, not a list"),
        (changed(["runs", 0], 7), r"runs\[0\] is 7, not an object"),
        (changed(["runs", 0, "exit_code"], True), r"runs\[0\].exit_code is true, not a number"),
        (changed(["runs", 0, "messages"], [1]), r"runs\[0\].messages\[0\] is 1, not a text"),
        (changed(["runs", 0, "directory"], "../x"), r"runs\[0\]: directory '../x' leaves the region's folder"),
        (changed(["runs", 0, "directory"], ".."), r"runs\[0\]: directory '..' leaves the region's folder"),
        (changed(["runs", 0, "as_of"], "soon"), r"runs\[0\]: as_of 'soon' is no time"),
        (changed(["runs", 0], {"as_of": "2024-06-30"}), r"runs\[0\]: directory is missing"),
        (changed(["title", "vi"], 1), "title.vi is 1, not a text"),
        (changed(["simulated"], 0), "simulated is 0, not true or false"),
        (changed(["stale_after_days"], "800"), 'stale_after_days is "800", not a number'),
    ],
)
def test_a_list_of_another_shape_is_refused_by_file_and_key_with_the_cure(tmp_path, content, reason):
    path = tmp_path / FILE
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ListingError, match=reason) as caught:
        read_listing(path)
    assert str(caught.value).startswith(str(path))
    assert "the next run of the region writes it anew" in str(caught.value)


def test_bytes_that_are_no_text_are_refused(tmp_path):
    (tmp_path / FILE).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ListingError, match="is damaged"):
        read_listing(tmp_path / FILE)
