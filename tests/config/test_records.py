"""Typed records: a value that cannot be computed with is refused by key, in words, and never with a raw error."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from erosion.config.problems import CatalogError, Problems
from erosion.config.records import Key, parse
from erosion.config.sources import read_source
from tests.config.test_catalog import GAUGE, MASKS, changed, write


@pytest.mark.parametrize(
    ("entry", "dotted", "value", "says"),
    [
        (MASKS, "nodata", float("nan"), "nodata: must be a finite number, not nan (float)"),
        (MASKS, "nodata", float("inf"), "nodata: must be a finite number, not inf (float)"),
        (MASKS, "nodata", 2**63, "nodata: must be a whole number of at most 18 digits, is 9.22337e+18"),
        (MASKS, "latency_days", 1e300, "latency_days: must be 36525 at most [day], is 1e+300; is it in another unit?"),
        (MASKS, "latency_days", 10**39, "latency_days: must be 36525 at most [day], is 1e+39"),
        (MASKS, "cadence_days", 40_000, "cadence_days: must be 36525 at most [day], is 40000"),
        (GAUGE, "settle_s", 1e12, "settle_s: must be 86400 at most [s], is 1e+12"),
        (
            MASKS,
            "geo_rmse_m",
            "1e-9",
            "geo_rmse_m: is the text '1e-9', for YAML wants a point and a sign; write it like 1.0e-9",
        ),
        (MASKS, "geo_rmse_m", "2.5e3", "wants a point and a sign; write it like 2.5e+3 [m]"),
        (MASKS, "nodata", "-4E5", "wants a point and a sign; write it like -4.0e+5"),
        (MASKS, "path", "", "path: is empty; give a path"),
        (MASKS, "path", " ", "path: is empty; give a path"),
        (GAUGE, "timezone", "x" * 5000, "x... is no IANA time zone; write one like Asia/Ho_Chi_Minh"),
        (MASKS, "path", "a\0b", "path: 'a\\x00b' holds a NUL character"),
        (MASKS, "path", "x" * 5000, "cannot be looked up ([Errno 36] File name too long"),
        (MASKS, "files", "", "files: '' is no pattern of file names"),
        (MASKS, "files", "a**b", "files: 'a**b' is no pattern of file names"),
        (MASKS, "driver", ["raster_folder"], "driver: ['raster_folder'] is no driver"),
        (MASKS, "title", ["x"] * 5000, "title: must be text, not ['x', 'x'"),
        (GAUGE, "units.stage_m", "c" * 5000, "..., is not one of m, cm, mm, ft"),
    ],
)
def test_a_value_that_cannot_be_computed_with_is_refused_by_key(
    tmp_path: Path, entry: dict[str, Any], dotted: str, value: Any, says: str
) -> None:
    file = write(tmp_path, changed(entry, dotted, value))
    with pytest.raises(CatalogError) as caught:
        read_source(file)
    assert says in str(caught.value).replace("...'", "...").replace("... is not", "..., is not")
    assert len(str(caught.value)) < 1000 + len(str(tmp_path))


def test_half_of_a_surrogate_pair_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path, changed(MASKS, "title", None))
    file.write_text(file.read_text() + 'title: "a\\ud800b"\n')
    with pytest.raises(CatalogError, match=r"title: .* holds half of a surrogate pair"):
        read_source(file)


@dataclass(frozen=True, kw_only=True)
class Ranges:
    share: Annotated[float, Key("a share", "1", above=0, high=1)] = 0.5
    few: Annotated[int, Key("a count", high=3)] = 1
    more: Annotated[float, Key("a number", above=2)] = 3.0


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        ({"share": 0}, "share: must be above 0 and 1 at most [1], is 0"),
        ({"share": 1.5}, "share: must be above 0 and 1 at most [1], is 1.5"),
        ({"few": 4}, "few: must be 3 at most, is 4"),
        ({"more": 2}, "more: must be above 2, is 2"),
    ],
)
def test_every_kind_of_range_is_reported_in_words(raw: dict[str, Any], says: str) -> None:
    problems = Problems(Path("a.yaml"))
    assert parse(Ranges, raw, problems) is None
    assert problems.found == [f"a.yaml: {says}"]


def test_the_ends_of_a_range_are_inside_or_outside_as_the_key_defines() -> None:
    problems = Problems(Path("a.yaml"))
    assert parse(Ranges, {"share": 1, "few": 3, "more": 2.0001}, problems) == Ranges(share=1.0, few=3, more=2.0001)
    assert not problems.found


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**38), 10**38),
    st.floats(),
    st.dates(),
    st.text(max_size=20),
    st.sampled_from(["\0", "..", "/", "~", "*", "**", "[", "%", "\n", "http://[", "https://h:99999"]),
    st.lists(st.one_of(st.integers(-5, 5), st.text(max_size=3), st.floats()), max_size=3),
    st.dictionaries(st.one_of(st.integers(), st.text(max_size=5)), st.integers(), max_size=2),
)


@given(entry=st.sampled_from([MASKS, GAUGE]), data=st.data(), value=ODD)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_value_at_any_key_is_read_or_refused(
    tmp_path: Path, entry: dict[str, Any], data: st.DataObject, value: Any
) -> None:
    keys = [key for key in entry if key != "name"]
    file = write(tmp_path, entry)
    file.write_text(yaml.safe_dump({**entry, data.draw(st.sampled_from(keys)): value}, allow_unicode=True), "utf-8")
    problems: tuple[str, ...] = ()
    try:
        read_source(file)
    except CatalogError as error:
        problems = error.problems
    assert all(problem.startswith(str(file)) for problem in problems)
