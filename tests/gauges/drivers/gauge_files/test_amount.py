"""Gauge files of many values: ten minutes become one value, and memory is bounded."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from erosion.gauges.drivers import gauge_files_table
from erosion.gauges.drivers.gauge_files import read
from erosion.gauges.drivers.gauge_files_entry import GaugeColumns
from erosion.gauges.formats import compact
from erosion.gauges.formats.rows import Notes
from tests.gauges.drivers.gauge_files.made_gauge_files import ALL, CODED, check, gauge, reasons, rows, values

# --- much data -------------------------------------------------------------------------------------------------------------


def test_values_closer_than_ten_minutes_become_the_median_of_their_ten_minutes(tmp_path: Path) -> None:
    text = (
        "t,h,r,s\n2020-01-01T00:01Z,1,0.5,1\n2020-01-01T00:05Z,9,0.25,1\n2020-01-01T00:09:59Z,2,1,1\n"
        "2020-01-01T00:10Z,4,0,1\n2020-01-01T00:12Z,6,0,1\n2020-01-01T00:15Z,99,0,3\n"
        "2020-01-01T00:33Z,7,2,1\n2020-01-01T00:41Z,,,1\n2020-01-01T00:42Z,8,1,1\n2020-01-01T00:43Z,,,1\n2020-01-01T00:51Z,,,1\n"
    )
    columns = GaugeColumns(time=("t",), stage_m="h", rain_mm="r", quality="s")
    source = gauge(tmp_path, text, columns=columns, quality=CODED["quality"])
    reading = read(source, ALL)
    check(reading)
    # 00:10 is the median of the two good values; a value alone in its ten minutes keeps its own time.
    assert rows(reading, "stage")[:4] == [
        ("2020-01-01 00:00", 2.0, "good"),
        ("2020-01-01 00:10", 5.0, "good"),
        ("2020-01-01 00:33", 7.0, "good"),
        ("2020-01-01 00:40", 8.0, "good"),
    ]
    assert rows(reading, "rain")[:4] == [
        ("2020-01-01 00:00", 1.75, "good"),
        ("2020-01-01 00:10", 0.0, "suspect"),
        ("2020-01-01 00:33", 2.0, "good"),
        ("2020-01-01 00:40", 1.0, "suspect"),  # two minutes of it are missing
    ]
    assert rows(reading, "stage")[4][::2] == rows(reading, "rain")[4][::2] == ("2020-01-01 00:51", "missing")
    assert [(item.reason[:38], item.usual) for item in reading.skipped] == [
        ("stage: 9 values closer together than t", True),
        ("rain: 9 values closer together than te", True),
    ]


def test_values_ten_minutes_apart_are_left_alone(tmp_path: Path) -> None:
    times = pd.date_range("2020-01-01T00:03", periods=200, freq="10min").strftime("%Y-%m-%d %H:%M")
    source = gauge(tmp_path, "t,q\n" + "".join(f"{t},{i}\n" for i, t in enumerate(times)))
    assert [v[1] for v in values(source)] == list(range(200)) and reasons(source) == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(
    seconds=st.lists(st.tuples(st.integers(0, 7200), st.integers(0, 9)), min_size=1, max_size=40),
    order=st.sampled_from(["rising", "falling"]),
    most=st.integers(1, 30),
    quantity=st.sampled_from(["stage", "rain"]),
)
def test_how_much_is_held_at_once_changes_no_value(
    monkeypatch: pytest.MonkeyPatch, seconds: list[tuple[int, int]], order: str, most: int, quantity: str
) -> None:
    """Of a file sorted either way; duplicates of a time lie together in it."""
    told = sorted(dict(seconds).items(), reverse=order == "falling")

    def kept(at_most: int) -> pd.DataFrame:
        monkeypatch.setattr(compact, "_MOST_RAW", at_most)
        one = compact.Compact(quantity, Notes("x"))
        for i, (second, value) in enumerate(told):
            time = np.array([second * 10**9])
            one.add(time, np.array([float(value)]), np.array([3], dtype=np.int8), np.array([i]))
        return compact.as_reading(quantity, one.values())

    pd.testing.assert_frame_equal(kept(most), kept(10**9))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(st.permutations(range(12)))
def test_the_order_of_the_lines_changes_no_value(tmp_path: Path, order: list[int]) -> None:
    lines = [f"2020-01-01T{i // 4:02d}:{i % 4 * 3:02d}Z,{i * i % 7}\n" for i in range(12)]
    shuffled = gauge(tmp_path, "t,q\n" + "".join(lines[i] for i in order), "a.csv")
    plain = gauge(tmp_path, "t,q\n" + "".join(lines), "b.csv")
    pd.testing.assert_frame_equal(read(shuffled, ALL).values, read(plain, ALL).values)


def test_a_file_takes_memory_for_its_years_and_not_for_its_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gauge_files_table, "_BLOCK", 2000)
    monkeypatch.setattr(compact, "_MOST_RAW", 5000)
    times = pd.date_range("2020-01-01", "2020-01-02", freq="30s", inclusive="left").strftime("%Y-%m-%dT%H:%M:%SZ")
    day = "".join(f"{time},{time[11:13]}.5,{'x' * 500}\n" for time in times)
    peaks = []
    for copies in (1, 2, 6):
        source = gauge(tmp_path, "t,q,note\n" + day * copies)
        tracemalloc.start()
        got = values(source)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert [v[1] for v in got] == [hour + 0.5 for hour in range(24) for _ in range(6)]
    assert peaks[2] < 1.3 * peaks[1], f"{peaks} bytes of memory for 1, 2 and 6 copies of {len(day)} characters"


def test_a_line_without_an_end_takes_little_memory(tmp_path: Path) -> None:
    source = gauge(tmp_path, "t,q\n2020-01-01,1\n" + "9" * 20_000_000 + "\n2020-01-02,2\n")
    tracemalloc.start()
    got = values(source)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [v[1] for v in got] == [1.0, 2.0] and peak < 8_000_000
