"""Evaluation without leaks: no test row, no neighbour of one and nothing known later reaches a fit; tidy records come out."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from erosion.config.region import Target
from erosion.features import REGISTRY
from erosion.forecast.evaluation import splits as module
from erosion.forecast.evaluation.baselines import LOGISTIC_FEATURES, RATE_BASELINES
from erosion.forecast.evaluation.evaluate import ONSET, SPLITS, evaluate, forecast_part, onset_rows, score_all, table
from erosion.forecast.evaluation.splits import BLOCK_KM, BUFFER_KM, FOLDS, origins, splits
from erosion.forecast.model import MODEL_FEATURES, TrainingError

PLACE = ["region", "model", "target", "labels", "split", "subset", "metric"]
KEYS = [*PLACE, "simulated", "value", "ci_low", "ci_high", "n", "base_rate"]
TARGET = Target(name="1y", horizon_days=365, threshold_m=30.0)
FIRST = pd.Timestamp("2005-01-01")


def made_rows(dates: int = 12, each: int = 260) -> pd.DataFrame:
    """A made archive of 130 km of river whose features all hold a little of the truth."""
    rng = np.random.default_rng(2)
    n = dates * each
    as_of = np.repeat(pd.date_range("1996-08-01", periods=dates, freq="365D"), each)
    truth = rng.normal(size=n)
    names = sorted({*MODEL_FEATURES, *LOGISTIC_FEATURES, *RATE_BASELINES.values()})
    rows = pd.DataFrame({name: 10 * (truth + rng.normal(0, 3, n)) for name in names})
    retreat = np.maximum(0, 25 * truth + rng.normal(0, 10, n))
    known = as_of + pd.Timedelta(days=365)
    return rows.assign(
        reach="made",
        as_of=as_of,
        river_km=np.tile(np.linspace(0, 129.9, each), dates),
        length_m=100.0,
        moved_1y=rng.random(n) < 0.05,
        known_1y=known,
        retreat_all_1y=retreat,
        retreat_established_1y=0.9 * retreat,
    )


@pytest.fixture(scope="module")
def archive() -> pd.DataFrame:
    return made_rows()


def forecasts(rows: pd.DataFrame, split: str) -> pd.DataFrame:
    parts = [forecast_part(rows, part, (TARGET,), "established", 0) for part in splits(rows, split, FIRST)]
    return pd.concat([part["1y"] for part in parts])


@pytest.fixture(scope="module")
def in_time(archive: pd.DataFrame) -> pd.DataFrame:
    return forecasts(archive, "time")


@pytest.fixture(scope="module")
def in_space(archive: pd.DataFrame) -> pd.DataFrame:
    return forecasts(archive, "time_space")


def guesses(forecast: pd.DataFrame) -> pd.DataFrame:
    return forecast[[c for c in forecast if c.startswith(("p:", "m:"))]].sort_index()


def spoiled(rows: pd.DataFrame, where: np.ndarray) -> pd.DataFrame:
    """Rows whose outcomes are turned upside down in some places."""
    other = rows.copy()
    for name in ("retreat_all_1y", "retreat_established_1y"):
        other.loc[where, name] = 80.0 - other.loc[where, name]
    return other


# --- leaks -----------------------------------------------------------------------------------------------------------------


def test_nothing_known_after_the_origin_is_learnt_from(archive: pd.DataFrame, in_time: pd.DataFrame) -> None:
    groups = origins(archive, FIRST)
    assert len(groups) == 1
    start = groups[0][0]
    late = (archive["known_1y"] > start).to_numpy()
    assert late.sum() >= 3 * 260
    pd.testing.assert_frame_equal(
        guesses(forecasts(spoiled(archive, late), "time")), guesses(in_time), check_exact=True
    )
    early = spoiled(archive, ~late)
    changed = guesses(forecasts(early, "time"))
    assert all((changed[name] != guesses(in_time)[name]).any() for name in changed if name.startswith("p:"))


def test_no_outcome_of_a_block_or_its_buffer_is_learnt_from(archive: pd.DataFrame, in_space: pd.DataFrame) -> None:
    """Blocks of 25 km: one fold holds out km 0-25 and 125-150; 5 km more on either side are not used."""
    assert (BLOCK_KM, BUFFER_KM, FOLDS) == (25, 5, 5)
    km = archive["river_km"].to_numpy()
    held, near = (km < 25) | (km >= 125), (km <= 30) | (km >= 120)
    again = forecasts(spoiled(archive, near), "time_space")
    mine = in_space.index[held[in_space.index]]
    assert len(mine) > 100
    pd.testing.assert_frame_equal(guesses(again).loc[mine], guesses(in_space).loc[mine], check_exact=True)
    others = in_space.index[~near[in_space.index]]
    assert (again.loc[others, "p:model"] != in_space.loc[others, "p:model"]).any()


def test_each_test_row_is_forecast_once(archive: pd.DataFrame, in_time: pd.DataFrame, in_space: pd.DataFrame) -> None:
    wanted = archive.index[archive["as_of"] >= FIRST]
    for forecast in (in_time, in_space):
        assert sorted(forecast.index) == wanted.tolist()
        p = forecast.filter(like="p:")
        assert p.notna().all().all() and ((p >= 0) & (p <= 1)).all().all()


@given(
    gaps=st.lists(st.integers(100, 800), min_size=1, max_size=15),
    first=st.integers(0, 3000),
)
@settings(max_examples=40, deadline=None)
def test_every_date_from_the_first_on_has_one_model(gaps: list[int], first: int) -> None:
    dates = pd.Timestamp("2000-01-01") + pd.to_timedelta(np.cumsum([0, *gaps]), unit="D")
    start = pd.Timestamp("2000-01-01") + pd.Timedelta(days=first)
    groups = origins(pd.DataFrame({"as_of": dates}), start)
    for date in dates:
        serving = [begin for begin, end in groups if begin <= date < end]
        assert len(serving) == (date >= start)
    assert all(end - begin < pd.Timedelta(days=1096) for begin, end in groups)
    assert all(begin in dates for begin, _ in groups)


PLACES = st.lists(st.tuples(st.sampled_from(["tien", "hau"]), st.floats(0, 150)), min_size=1, max_size=30)


@given(PLACES, st.data())
@settings(max_examples=60, deadline=None)
def test_distance_to_the_blocks_held_out_is_along_one_reach(
    places: list[tuple[str, float]], data: st.DataObject
) -> None:
    rows = pd.DataFrame(places, columns=["reach", "river_km"])
    blocks = {(reach, km // 25) for reach, km in places}
    held = data.draw(st.sets(st.sampled_from(sorted(blocks))))
    got = module._distance_km(rows, pd.Series([(reach, km // 25) in held for reach, km in places]), 25.0)
    for (reach, place), distance in zip(places, got, strict=True):
        away = [max(25 * b - place, place - 25 * (b + 1), 0) for on, b in held if on == reach]
        assert distance == pytest.approx(min(away, default=np.inf))


@pytest.mark.parametrize(
    ("places", "block", "buffer"),
    [
        ([("a", 40.0), ("a", 230.0)], 25.0, 5.0),
        ([("a", 70.0), ("b", 60.0)], 25.0, 5.0),
        ([("a", 1.0), ("a", 12.0)], 2.4, 0.48),
        ([("a", 4.0), ("b", 6.0), ("b", 1.0)], 2.0, 0.4),
    ],
)
def test_a_short_river_has_five_blocks_too(places: list[tuple[str, float]], block: float, buffer: float) -> None:
    rows = pd.DataFrame(places, columns=["reach", "river_km"])
    assert module.space_of(rows) == pytest.approx((block, buffer))
    assert module.blocks_of(rows, module.space_of(rows)[0]).max() <= 9


@given(PLACES, st.sampled_from([5.0, 25.0]))
@settings(max_examples=60, deadline=None)
def test_a_block_lies_on_one_reach_and_is_of_one_length(places: list[tuple[str, float]], length: float) -> None:
    rows = pd.DataFrame(places, columns=["reach", "river_km"])
    block = module.blocks_of(rows, length)
    for _, one in rows.groupby(block):
        assert one["reach"].nunique() == 1 and len(set(one["river_km"] // length)) == 1
    assert block.nunique() == len({(reach, km // length) for reach, km in places})
    alone = rows[rows["reach"] == rows["reach"].iloc[0]]
    assert (block[alone.index] == np.floor(alone["river_km"] / length)).all(), "the first reach counts from 0"


# --- onset -----------------------------------------------------------------------------------------------------------------


def test_onset_is_quiet_banks_outside_of_the_bend_upstream() -> None:
    rows = pd.DataFrame(
        {
            "rate_est_1y": [0, 9.9, 10, 0, 0, np.nan, 0],
            "rate_all_3y": [0, 9.9, 0, 10, 0, 0, 0],
            "curvature_up1000m": [0.1, 0.1, 0.1, 0.1, -0.1, 0.1, np.nan],
        }
    )
    assert onset_rows(rows).tolist() == [True, True, False, False, False, False, False]


# --- records ---------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def records(reach, rows: pd.DataFrame) -> list[dict]:
    """One target, every sixth segment of the short real reach, test dates from 2015."""
    region = dataclasses.replace(reach.region, targets=reach.region.targets[:1])
    some = rows.iloc[::6].reset_index(drop=True)
    return evaluate(some, region, first=pd.Timestamp("2015-08-01"), draws=30, labels=("all", "established"))


def test_records_are_tidy(records: list[dict]) -> None:
    assert all(sorted(record) == sorted(KEYS) for record in records)
    frame = pd.DataFrame(records)
    assert not frame.duplicated(PLACE).any()
    assert set(frame["region"]) == {"mamore_crop"} and set(frame["target"]) == {"1y"}
    assert not frame["simulated"].any()
    assert set(frame["labels"]) == {"all", "established"}
    assert set(frame["split"]) == {"time", "time_space"}
    assert {"all", "onset", "from_2015"} <= set(frame["subset"])
    wanted = {
        "roc_auc",
        "pr_auc",
        "brier_skill",
        "top10_share",
        "mae_m",
        "coverage90",
        "inside80",
        "crps_m",
        "twcrps_skill",
        "top5_share",
    }
    assert wanted <= set(frame.loc[frame["model"] == "model", "metric"])
    assert set(frame["model"]) == {"model", "climatology", "logistic", *RATE_BASELINES}
    of_origin = frame["subset"].str.startswith("from_")
    assert set(frame.loc[of_origin, "model"]) == {"model"}
    everywhere = frame[~of_origin & frame["metric"].isin(["roc_auc", "pr_auc", "brier_skill", "top10_share"])]
    assert everywhere.groupby(["labels", "split", "subset", "metric"])["model"].nunique().eq(7).all()


def test_records_can_be_written_as_json(records: list[dict]) -> None:
    for record in records:
        for key in ("value", "ci_low", "ci_high", "base_rate"):
            assert record[key] is None or (type(record[key]) is float and np.isfinite(record[key]))
        assert type(record["n"]) is int
        if record["ci_low"] is not None and not record["metric"].startswith("reliability"):
            assert record["ci_low"] <= record["ci_high"]


def test_scores_of_a_real_reach_are_in_order(records: list[dict]) -> None:
    """What must hold of any honest evaluation: climatology knows no place, the model more than that."""
    frame = pd.DataFrame(records)
    main = frame[(frame["subset"] == "all") & (frame["labels"] == "established")]
    for split, part in main.groupby("split"):
        value = part.set_index(["model", "metric"])["value"]
        base = part["base_rate"].iloc[0]
        # In space it is below one half: the mean of the other blocks is low where the block held out has many events.
        assert (0.4 if split == "time" else 0.2) < value["climatology", "roc_auc"] < 0.6
        assert value["climatology", "brier_skill"] < 0.02
        assert value["model", "roc_auc"] > 0.8
        assert value["model", "pr_auc"] > 2 * base
        assert 0.75 < value["model", "coverage90"] <= 1 and value["model", "inside80"] >= value["model", "coverage80"]
        assert value["model", "crps_m"] < value["model", "mae_m"]  # a distribution is worth more than its median
        assert value["model", "crps_skill"] > 0.1 and value["climatology", "crps_skill"] == 0
        assert value["model", "top10_share"] > 0.2 > value["climatology", "top10_share"]
    counts = frame.drop_duplicates(["labels", "split", "subset"]).set_index(["labels", "split", "subset"])["n"]
    for label in ("all", "established"):
        for split in ("time", "time_space"):
            got = counts[label, split]
            assert got["cutoff"] + got["no_cutoff"] == got["all"] if "cutoff" in got else got["onset"] < got["all"]
            bins = frame[(frame["labels"] == label) & (frame["split"] == split) & (frame["subset"] == "all")]
            bins = bins[(bins["model"] == "model") & bins["metric"].str.fullmatch(r"reliability_.*_count")]
            assert bins["value"].sum() == got["all"]


def test_the_table_is_markdown(records: list[dict]) -> None:
    lines = table(records).splitlines()
    assert len(lines) == 2 + 2 * 2 * 7
    assert {line.count("|") for line in lines} == {12}
    assert lines[2].startswith("| 1y | all | time | model |")


def test_parts_forecast_together_give_the_records_of_one_after_the_other(
    archive: pd.DataFrame, in_time: pd.DataFrame, in_space: pd.DataFrame, reach
) -> None:
    region = dataclasses.replace(reach.region, targets=(TARGET,))
    records = evaluate(archive, region, first=FIRST, draws=30)
    forecast = {"time": in_time, "time_space": in_space}
    wanted = [
        record for split in SPLITS for record in score_all(forecast[split], region, TARGET, "established", split, 0, 30)
    ]
    assert json.dumps(records) == json.dumps(wanted)


def test_no_test_date_is_said(archive: pd.DataFrame, reach) -> None:
    region = dataclasses.replace(reach.region, targets=(TARGET,))
    with pytest.raises(TrainingError, match="choose an earlier first date"):
        evaluate(archive, region, first=pd.Timestamp("2030-01-01"))


def test_baselines_use_registered_features() -> None:
    assert {*LOGISTIC_FEATURES, *RATE_BASELINES.values(), *ONSET} <= set(REGISTRY)
