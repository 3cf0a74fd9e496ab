"""Stretches as the pages read them: order, runs of older programs, names, changes."""

import dataclasses
import sqlite3

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from erosion.publish.stretch_names import commune_text
from erosion.ui.products.reading import ProductError
from erosion.ui.products.regions import read_region
from erosion.ui.products.stretches import (
    YOUNGER_COLUMNS,
    Change,
    read_stretches,
    stretch_changes,
    stretch_log,
    stretch_name,
    stretch_place,
)


@pytest.fixture(scope="module")
def region(published):
    return read_region(published / "song-thu")


def file_of(run):
    return run.directory / "stretches_1y.parquet"


def test_stretches_are_worst_first_with_all_columns(region):
    run = region.runs[-1]
    table, file = read_stretches(run, "1y"), gpd.read_parquet(file_of(run))
    assert table["rank"].tolist() == list(range(1, len(file) + 1))
    assert table["level"].is_monotonic_decreasing
    assert table[table["level"] == 4]["p_event"].is_monotonic_decreasing
    assert set(table["stretch_id"]) == set(file["stretch_id"])
    assert set(YOUNGER_COLUMNS) <= set(table)


def test_columns_of_a_newer_program_are_unknown_and_never_0(own):
    run = read_region(own / "song-thu").runs[-1]
    file = gpd.read_parquet(file_of(run))
    file.drop(columns=[name for name in YOUNGER_COLUMNS if name in file]).to_parquet(file_of(run))
    table = read_stretches(run, "1y")
    assert table[list(YOUNGER_COLUMNS)].isna().all(axis=None)
    assert len(table) == len(file)


def test_a_run_without_the_file_has_none_and_a_broken_one_is_named(own):
    run = read_region(own / "song-thu").runs[-1]
    whole = gpd.read_parquet(file_of(run))
    whole.drop(columns="p_event").to_parquet(file_of(run))
    with pytest.raises(ProductError, match=r"stretches_1y\.parquet: column p_event is missing"):
        read_stretches(run, "1y")
    whole.assign(level=7).to_parquet(file_of(run))
    with pytest.raises(ProductError, match="level is none of"):
        read_stretches(run, "1y")
    pd.concat([whole, whole.head(1)]).to_parquet(file_of(run))
    with pytest.raises(ProductError, match="a stretch occurs twice"):
        read_stretches(run, "1y")
    whole.assign(length_m="long").to_parquet(file_of(run))
    with pytest.raises(ProductError, match=r"stretches_1y\.parquet"):
        read_stretches(run, "1y")
    file_of(run).write_bytes(b"not what it was")
    with pytest.raises(ProductError, match=r"stretches_1y\.parquet"):
        read_stretches(run, "1y")
    file_of(run).unlink()
    assert read_stretches(run, "1y") is None


def test_infinite_numbers_of_a_file_are_unknown(own):
    run = read_region(own / "song-thu").runs[-1]
    gpd.read_parquet(file_of(run)).assign(retreat_p90_m=np.inf, buildings_20m=-np.inf).to_parquet(file_of(run))
    assert read_stretches(run, "1y")[["retreat_p90_m", "buildings_20m"]].isna().all(axis=None)


ROW = {
    "reach": "thu", "bank": "L", "from_m": 4600.0, "to_m": 7149.6, "commune": None, "commune_former": None,
    "place_vi": None, "place_en": None,
}  # fmt: skip


def test_names(region):
    known = ROW | {
        "commune": "xã Mỹ Hòa Hưng", "commune_former": "xã Mỹ Hòa Hưng, phường Bình Đức",
        "place_vi": "cách chợ Vàm Cống 400 m về phía bắc", "place_en": "400 m north of Vam Cong market",
    }  # fmt: skip
    rivers = dataclasses.replace(region, reaches={"thu": {"vi": "Sông Thử", "en": "Test River"}, "hai": {}})
    assert commune_text(ROW, "vi") is None and commune_text(ROW | {"commune": " "}, "vi") is None
    assert commune_text(known, "vi") == "xã Mỹ Hòa Hưng (cũ: xã Mỹ Hòa Hưng, phường Bình Đức)"
    assert commune_text(known | {"commune_former": np.nan}, "vi") == "xã Mỹ Hòa Hưng"
    assert stretch_name(ROW, region, "vi") == "Sông Thử (song-thu) · Bờ trái · km 4+600–7+150"
    assert stretch_place(ROW, region, "vi") == "Bờ trái · km 4+600–7+150"
    assert stretch_name(ROW, rivers, "en") == "Test River · Left bank · km 4+600–7+150"
    assert stretch_name(known, region, "vi").endswith(
        "Bình Đức) · Bờ trái · km 4+600–7+150 · cách chợ Vàm Cống 400 m về phía bắc"
    )
    assert stretch_name(known, rivers, "en").endswith("km 4+600–7+150 · 400 m north of Vam Cong market")
    assert stretch_name(known | {"place_vi": np.nan}, rivers, "vi").endswith("Sông Thử · Bờ trái · km 4+600–7+150")


def test_open_stretches_and_closed_ones_of_a_run(own):
    """What opened is the table's; what closed, and former lengths, only the ledger knows."""
    region = read_region(own / "song-thu")
    run = region.runs[-1]
    table = read_stretches(run, "1y")
    changes, recorded = stretch_changes(region, run, table)
    assert recorded
    with sqlite3.connect(own / "ledger.sqlite") as connection:
        rows = pd.read_sql(
            "SELECT * FROM stretch_transitions WHERE run_id = ?", connection, params=[run.run_id]
        ).set_index("stretch_id")
    assert set(changes["stretch_id"]) == set(rows.index)
    for row in changes.to_dict("records"):
        mine = rows.loc[row["stretch_id"]]
        assert (row["from_level"], row["to_level"]) == (mine["from_level"], mine["to_level"])
        assert row["from_length_m"] == pytest.approx(mine["from_length_m"], nan_ok=True)
    assert {"closed", "merged"} & set(changes["what"]), "the made river lets a stretch end"
    (own / "ledger.sqlite").unlink()
    alone, recorded = stretch_changes(region, run, table)
    assert not recorded
    assert set(alone["stretch_id"]) == set(table.loc[table["change"] != "", "stretch_id"])
    assert not {"closed", "merged"} & set(alone["what"])
    open_ones = changes[~changes["what"].isin(["closed", "merged"])]
    assert alone[["stretch_id", "what", "from_level", "to_level"]].equals(
        open_ones[["stretch_id", "what", "from_level", "to_level"]].reset_index(drop=True)
    )


def test_changes_are_told_apart(region):
    run = region.runs[-1]
    some = read_stretches(run, "1y").head(3)
    kinds = pd.DataFrame(
        [("issued", None, -1), ("issued", "old", -1), ("raised", None, 0), ("raised", None, 2), ("lowered", None, 4),
         ("grown", None, 2), ("shrunk", None, 2), ("unknown", None, 3), ("nonsense", None, 2), ("", None, 2)],
        columns=["change", "split_from", "previous_level"],
    )  # fmt: skip
    table = pd.concat([some.iloc[[0]]] * len(kinds), ignore_index=True).assign(
        **kinds, stretch_id=[f"made-{i}" for i in range(len(kinds))]
    )
    elsewhere = dataclasses.replace(region, folder=region.folder / "no" / "ledger")
    found, _ = stretch_changes(elsewhere, run, table)
    assert dict(zip(found["stretch_id"], found["what"], strict=True)) == {
        "made-0": "new", "made-1": "split", "made-2": "found", "made-3": "raised", "made-4": "lowered", "made-5": "grown",
        "made-6": "shrunk", "made-7": "unknown",
    }  # fmt: skip
    assert [list(Change).index(what) for what in found["what"]] == sorted(
        list(Change).index(what) for what in found["what"]
    )


def test_the_log_of_a_stretch(region, tmp_path):
    folder = region.folder.parent
    name = read_stretches(region.runs[-1], "1y")["stretch_id"].iloc[0]
    steps = stretch_log(folder, name)
    assert steps["kind"].iloc[0] == "issued" and steps["as_of"].is_monotonic_increasing
    assert stretch_log(folder, "no such stretch") is None
    assert stretch_log(tmp_path, name) is None
