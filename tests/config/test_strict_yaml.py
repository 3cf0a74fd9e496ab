"""Strict YAML: what cannot be read or computed with is refused by key, never with a raw error."""

from __future__ import annotations

import os
from dataclasses import MISSING, fields
from pathlib import Path

import pytest

from erosion.config.problems import MAX_LISTED, CatalogError
from erosion.config.region import Region, load_region
from erosion.config.strict_yaml import MAX_BYTES, read_yaml

FAULTS = Path(__file__).parents[1] / "data" / "faults" / "yaml"


def refused(file: Path) -> str:
    """Message with which a source or region file is refused."""
    with pytest.raises(CatalogError) as caught:
        load_region(file)
    assert all(problem.startswith(str(file)) for problem in caught.value.problems)
    return str(caught.value)


@pytest.mark.parametrize(
    ("file", "says"),
    [
        ("special_bomb_in_title.yaml", "e[0]: line 6: here the file has more than 10,000 values"),
        ("special_merge_bomb.yaml", "m4.<<[2]: line 27: here the file has more than 10,000 values"),
        ("special_bignum.yaml", "policy.stale_after_days: line 23: a number of 5,000 characters, 99999"),
    ],
)
def test_bombs_and_huge_numbers_are_refused_by_key(file: str, says: str) -> None:
    assert says in refused(FAULTS / file)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: " + "[" * 30_000, "a[0][0][0][0]: line 1: is nested more than 20 levels deep"),
        ("a: " + "[" * 25 + "]" * 25, "is nested more than 20 levels deep"),
        ("{a: " * 10_000, "a.a.a.a.a: line 1: is nested more than 20 levels deep"),
        ("a: &a [1, *a]", "a[1]: line 1: *a repeats what it is a part of"),
        ("a: &a {b: *a}", "a.b: line 1: *a repeats what it is a part of"),
        ("a: {b: 0x" + "f" * 5000 + "}", "a.b: line 1: a number of 5,002 characters"),
        ("a: 1" + ":59" * 2000 + ".5", "a: line 1: a number of 6,003 characters"),
        ("x: 1\na: 2024-13-45", "a: line 2: 2024-13-45 cannot be read (month must be in 1..12)"),
        ("a: [1, 0x_]", "a[1]: line 1: 0x_ cannot be read"),
        ("a: 59:59", "a: line 1: YAML reads 59:59 as a number of base 60; write the number itself"),
        ("a: {b: 1:30.5}", "a.b: line 1: YAML reads 1:30.5 as a number of base 60"),
        ("a: [1, 010]", "a[1]: line 1: YAML reads 010 as an octal number; write it without the leading 0"),
        ("a: -0_17", "a: line 1: YAML reads -0_17 as an octal number"),
        ("a: !!int abc", "a: line 1: tag 'tag:yaml.org,2002:int' is not allowed here"),
        ("a: !!timestamp abc", "a: line 1: tag 'tag:yaml.org,2002:timestamp' is not allowed here"),
        ("? !!set {b}\n: 1", "tag 'tag:yaml.org,2002:set' is not allowed here"),
        ("[a]: 1", "line 1, column 1: a key must be one word"),
        ("a: *b", "found undefined alias 'b'"),
        ("a: " + "x" * MAX_BYTES, f"is larger than {MAX_BYTES:,} bytes"),
        ("a: [" + "1, " * 10_001 + "]", "a[9997]: line 1: here the file has more than 10,000 values"),
        ("driver: [a]", "title: is missing"),
        ("water: ['\\0', ../x, " + "y" * 300 + "]", "water: '../x' is no name of a source"),
        ('water: ["\\0"]', "water[0]: '\\x00' holds a NUL character"),
    ],
)
def test_what_cannot_be_built_is_refused_by_key_and_line(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(text)
    assert says.replace("{file}", str(file)) in refused(file)


def test_of_thousands_of_mistakes_the_first_are_listed_and_the_others_counted(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("".join(f"k{i}: {i}\n" for i in range(4900)))
    told = refused(file).splitlines()
    missing = sum(field.default is MISSING and field.default_factory is MISSING for field in fields(Region))
    assert len(told) == MAX_LISTED + 1 and f"k{MAX_LISTED - 1}: unknown key" in told[-2]
    assert told[-1] == f"{file}: and {4900 + missing - MAX_LISTED:,} more problems; mend these first"


def test_numbers_with_zeros_that_are_no_octal_ones_are_read(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("a: [0, 0.5, 100, 0x1f, '010', '59:59', 08-15, 12:ab]")
    assert read_yaml(file) == {"a": [0, 0.5, 100, 31, "010", "59:59", "08-15", "12:ab"]}


def test_a_file_of_the_largest_size_is_read(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("".join(f"key_{i:04d}: [1, 2.5, three, '{'x' * 60}']\n" for i in range(700)))
    assert 0.9 * MAX_BYTES < file.stat().st_size <= MAX_BYTES
    assert len(read_yaml(file)) == 700


def test_a_pipe_in_place_of_a_file_does_not_hold_up_the_reader(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.yaml")
    assert "is no regular file" in refused(tmp_path / "a.yaml")
