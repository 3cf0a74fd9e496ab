"""The store of a gauge: what was known on a night stays known, whatever comes later."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from erosion.core.contracts import SERIES_COLUMNS, known_at
from erosion.core.errors import Skipped, SourceError
from erosion.gauges.drivers.gauge_files_entry import GaugeColumns, GaugeFiles, GaugeUnits
from erosion.gauges.formats.reading import Reading, joined, readings
from erosion.gauges.store import KEY, Kept, absorb, empty_series, load, path_of, save


def entry(**changes: Any) -> GaugeFiles:
    told = {
        "name": "made",
        "driver": "gauge_files",
        "title": "made",
        "gauge_id": "g",
        "river": "made",
        "location": (105.0, 10.0),
        "datum": "zero",
        "cadence_days": 1.0,
        "latency_days": 2.0,
        "licence": "CC0",
        "attribution": "nobody",
        "citation": "none",
        "path": Path("made.csv"),
        "columns": GaugeColumns(time=("time",), stage_m="stage"),
        "units": GaugeUnits(stage_m="m"),
        "timezone": "UTC",
        "described_in": Path("made.yaml"),
    }
    return GaugeFiles(**{**told, **changes})


SOURCE = entry()
NOTHING = Kept(empty_series())


def day(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="UTC")


def reading(values: dict[str, float], quality: Any = "good", **forecast: Any) -> Reading:
    return Reading(
        joined([readings("stage", pd.to_datetime(list(values), utc=True), list(values.values()), quality, **forecast)])
    )


def known(kept: Kept, as_of: pd.Timestamp) -> dict[str, float]:
    """Value of each day as it stood at an instant."""
    rows = kept.values[kept.values["available_at"] <= as_of].drop_duplicates(KEY, keep="last")
    return {f"{row.time:%m-%d}": row.value for row in rows.itertuples()}


def test_a_first_reading_was_to_be_had_after_its_latency() -> None:
    kept, skipped = absorb(NOTHING, reading({"2020-01-01": 1.0, "2020-01-09": 2.0}), SOURCE, day("2020-01-10 06:00"))
    assert skipped == []
    # The second came a day before its latency was over: it was known when it came.
    assert kept.values["available_at"].tolist() == [day("2020-01-03"), day("2020-01-10 06:00")]
    row = kept.values.iloc[0]
    assert (row["unit"], row["datum"], row["source"], row["member"], row["quality"]) == (
        "m",
        "zero",
        "made",
        -1,
        "good",
    )
    assert pd.isna(row["issued_at"]) and list(kept.values) == list(SERIES_COLUMNS)


def test_a_correction_never_erases_what_was_known() -> None:
    kept, _ = absorb(NOTHING, reading({"2020-01-01": 1.0, "2020-01-02": 2.0}), SOURCE, day("2020-01-05"))
    later, _ = absorb(kept, reading({"2020-01-01": 1.5, "2020-01-02": 2.0}), SOURCE, day("2020-01-20"))
    assert known(later, day("2020-01-19")) == {"01-01": 1.0, "01-02": 2.0}
    assert known(later, day("2020-01-20")) == {"01-01": 1.5, "01-02": 2.0}
    assert len(later.values) == 3, "what did not change is kept once"
    # A value that is taken back is a correction too, and so is one that is only flagged.
    gone, _ = absorb(later, reading({"2020-01-01": np.nan}), SOURCE, day("2020-01-21"))
    assert np.isnan(known(gone, day("2020-01-21"))["01-01"]) and known(gone, day("2020-01-20"))["01-01"] == 1.5
    flagged, _ = absorb(later, reading({"2020-01-02": 2.0}, "suspect"), SOURCE, day("2020-01-21"))
    assert flagged.values["quality"].tolist()[-1] == "suspect" and len(flagged.values) == 4


def test_what_comes_late_is_known_late_and_an_older_record_is_not_late() -> None:
    kept, _ = absorb(NOTHING, reading({"2020-01-01": 1.0, "2020-01-05": 5.0}), SOURCE, day("2020-01-10"))
    came = {"1999-12-31": 0.0, "2020-01-03": 3.0, "2020-01-07": 7.0, "2020-01-09": 9.0}
    later, _ = absorb(kept, reading(came), SOURCE, day("2020-01-12 18:00"))
    at = later.values.set_index(later.values["time"].dt.strftime("%m-%d"))["available_at"]
    assert at["12-31"] == day("2000-01-02"), "older than all that was kept: part of the record"
    assert at["01-03"] == day("2020-01-12 18:00"), "a hole that was filled"
    assert at["01-07"] == day("2020-01-12 18:00"), "due before the source was last asked, and not there then"
    assert at["01-09"] == day("2020-01-11"), "due since"


def test_a_file_of_an_older_program_is_read(tmp_path: Path) -> None:
    """What was left out stood under ``told`` then."""
    path = path_of(tmp_path, "r", SOURCE)
    kept, _ = absorb(NOTHING, reading({"2020-01-01": 1.0}), SOURCE, day("2020-01-05"))
    kept = dataclasses.replace(kept, skipped=(Skipped("made", "a line was left out"),))
    save(path, kept, SOURCE)
    table = pq.read_table(path)
    meta = json.loads(table.schema.metadata[b"erosion"])
    meta["told"] = meta.pop("skipped")
    pq.write_table(
        table.replace_schema_metadata({**table.schema.metadata, b"erosion": json.dumps(meta).encode()}), path
    )
    again, skipped = load(path, SOURCE)
    assert skipped == [] and again.skipped == kept.skipped
    pd.testing.assert_frame_equal(again.values, kept.values)


def test_forecasts_of_several_nights_stand_side_by_side() -> None:
    first = reading({"2020-01-03": 3.0, "2020-01-04": 4.0}, issued_at=day("2020-01-02"))
    second = reading({"2020-01-04": 4.5}, issued_at=day("2020-01-03"))
    kept, _ = absorb(NOTHING, first, SOURCE, day("2020-01-02 05:00"))
    kept, _ = absorb(kept, second, SOURCE, day("2020-01-03 05:00"))
    assert kept.values["value"].tolist() == [3.0, 4.0, 4.5]
    assert kept.values["available_at"].tolist() == [day("2020-01-02 05:00")] * 2 + [day("2020-01-03 05:00")]


def test_values_of_the_future_are_left_out_and_reported() -> None:
    kept, (told,) = absorb(NOTHING, reading({"2020-01-01": 1.0, "2020-03-01": 2.0}), SOURCE, day("2020-01-05"))
    assert known(kept, day("2021-01-01")) == {"01-01": 1.0}
    assert "1 values lie in the future, the first on 2020-03-01" in told.reason and not told.usual
    hour_ahead, none = absorb(NOTHING, reading({"2020-01-05 01:00": 1.0}), SOURCE, day("2020-01-05"))
    assert none == [] and hour_ahead.values["available_at"].tolist() == [day("2020-01-05 01:00")]


@settings(deadline=None, max_examples=60)
@given(
    nights=st.lists(
        st.dictionaries(st.integers(0, 12), st.sampled_from([0.0, 1.0, 2.0, np.nan]), max_size=8),
        min_size=1,
        max_size=6,
    )
)
def test_no_night_changes_what_an_earlier_one_knew(nights: list[dict[int, float]]) -> None:
    start, kept, seen = day("2020-01-01"), NOTHING, []
    for number, night in enumerate(nights):
        now = start + pd.Timedelta(days=8 + 2 * number)
        values = {f"{start + pd.Timedelta(days=k):%Y-%m-%d}": v for k, v in sorted(night.items()) if 8 + 2 * number > k}
        kept, _ = absorb(kept, reading(values), SOURCE, now)
        seen.append((now, kept))
        assert not kept.values.duplicated([*KEY, "available_at"]).any()
        assert (kept.values["available_at"] >= kept.values["time"]).all()
        newest = kept.values.drop_duplicates(KEY, keep="last").set_index("time")["value"]
        for text, value in values.items():
            assert newest[pd.Timestamp(text, tz="UTC")] == value or np.isnan(value)
        assert kept.values["available_at"].max() <= now if len(kept.values) else True
    # What was kept on a night is still there, row by row.
    for now, then in seen:
        rows = kept.values[kept.values["available_at"] <= now]
        merged = then.values.merge(rows, how="left", on=list(SERIES_COLUMNS), indicator=True)
        assert (merged["_merge"] == "both").all()


def test_a_series_comes_back_from_the_disk_as_it_was(tmp_path: Path) -> None:
    parts = [
        reading({"2020-01-01": 1.0, "2020-01-02": np.nan}).values,
        reading({"2020-01-03": 3.0}, issued_at=day("2020-01-02"), member=7).values,
    ]
    kept, _ = absorb(NOTHING, Reading(joined(parts), state={"a.csv": [1, "x"]}), SOURCE, day("2020-01-05"))
    path = path_of(tmp_path, "river", SOURCE)
    save(path, kept, SOURCE)
    back, skipped = load(path, SOURCE)
    assert skipped == [] and back.state == {"a.csv": [1, "x"]} and back.asked_at == day("2020-01-05")
    pd.testing.assert_frame_equal(back.values, kept.values)
    again, _ = absorb(back, Reading(joined(parts)), SOURCE, day("2020-02-05"))
    pd.testing.assert_frame_equal(again.values, kept.values)


def test_another_way_of_reading_begins_anew_and_throws_nothing_away(tmp_path: Path) -> None:
    path = path_of(tmp_path, "river", SOURCE)
    kept, _ = absorb(NOTHING, reading({"2020-01-01": 100.0}), SOURCE, day("2020-01-05"))
    save(path, kept, SOURCE)
    centimetres = dataclasses.replace(SOURCE, units=GaugeUnits(stage_m="cm"))
    fresh, (told,) = load(path, centimetres)
    assert fresh.values.empty and fresh.asked_at is None and "begins anew" in told.reason and told.usual
    now_right, _ = absorb(fresh, reading({"2020-01-01": 1.0}), centimetres, day("2020-01-06"))
    save(path, now_right, centimetres)
    assert load(path, centimetres)[0].values["value"].tolist() == [1.0]
    (old,) = path.parent.glob("made.*.parquet.old")
    assert pd.read_parquet(old)["value"].tolist() == [100.0]
    # Where the file lies, what it is called and who is thanked change nothing.
    assert not load(path, dataclasses.replace(centimetres, path=Path("elsewhere.csv"), title="x", latency_days=2.0))[1]


def test_what_was_put_aside_is_never_written_over(tmp_path: Path) -> None:
    path = path_of(tmp_path, "river", SOURCE)
    centimetres = dataclasses.replace(SOURCE, units=GaugeUnits(stage_m="cm"))
    for number, source in enumerate([SOURCE, centimetres, SOURCE, centimetres, SOURCE]):
        kept, _ = absorb(load(path, source)[0], reading({"2020-01-01": float(number)}), source, day("2020-01-05"))
        save(path, kept, source)
    aside = [pd.read_parquet(old)["value"].tolist() for old in path.parent.glob("made.*.old")]
    assert sorted(aside) == [[0.0], [1.0], [2.0], [3.0]]
    assert load(path, SOURCE)[0].values["value"].tolist() == [4.0]


def test_a_broken_file_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    path = path_of(tmp_path, "river", SOURCE)
    path.parent.mkdir(parents=True)
    for content in (b"", b"PAR1 nonsense", b"{}"):
        path.write_bytes(content)
        with pytest.raises(SourceError, match="put back a copy"):
            load(path, SOURCE)


KILLED = """
import sys, pathlib
sys.path.insert(0, {root!r})
import pandas as pd
from erosion.gauges import store as gauge_store
from tests.gauges.test_gauge_store import NOTHING, SOURCE, absorb, day, reading
path = pathlib.Path(sys.argv[1])
values = {{f"{{d:%Y-%m-%d}}": float(i) for i, d in enumerate(pd.date_range("1990-01-01", "2015-01-01"))}}
kept, _ = absorb(NOTHING, reading(values), SOURCE, day("2020-01-05"))
print("ready", flush=True)
while True:
    gauge_store.save(path, kept, SOURCE)
"""


@pytest.mark.skipif(os.name != "posix", reason="needs a signal that cannot be caught")
def test_a_killed_writer_leaves_a_whole_file(tmp_path: Path) -> None:
    path = path_of(tmp_path, "river", SOURCE)
    root = str(Path(__file__).resolve().parents[2])
    first, _ = absorb(NOTHING, reading({"1990-01-01": 0.0}), SOURCE, day("2020-01-05"))
    save(path, first, SOURCE)
    for wait in (0.0, 0.011, 0.023, 0.037):
        code = KILLED.format(root=root)
        process = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True, cwd=root)
        assert process.stdout is not None and process.stdout.readline().strip() == "ready"
        time.sleep(wait)
        process.send_signal(signal.SIGKILL)
        process.wait()
        kept, _ = load(path, SOURCE)
        assert len(kept.values) in (1, 9132) and known_at(kept.values["available_at"], day("2020-01-05")).all()
