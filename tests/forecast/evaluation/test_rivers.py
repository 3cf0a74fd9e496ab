"""Each river is forecast by what was learnt on the others: no leak, every baseline, and stretches as rivers."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from erosion.config.region import Region, Target, load_region
from erosion.forecast.evaluation.baselines import RATE_BASELINES
from erosion.forecast.evaluation.rivers import evaluate_rivers, read_rivers, table
from erosion.forecast.rivers import River
from tests.forecast.evaluation.test_evaluate import made_rows, spoiled

TARGET = Target(name="1y", horizon_days=365, threshold_m=30.0)
UNTIL = pd.Timestamp("1990-12-31")


@pytest.fixture(scope="module")
def rivers() -> list[River]:
    mamore = load_region("mamore")
    made = []
    for number, name in enumerate(("one", "two", "three")):
        region = dataclasses.replace(mamore, name=name, targets=(TARGET,), simulated=name == "three")
        rows = made_rows(dates=8, each=130)
        shift = pd.Timedelta(days=2000 * number)
        made.append(River(name, region, rows.assign(as_of=rows["as_of"] + shift, known_1y=rows["known_1y"] + shift)))
    return made


@pytest.fixture(scope="module")
def records(rivers: list[River]) -> list[dict]:
    return evaluate_rivers(rivers, draws=20)


def scores(records: list[dict], river: str) -> list[dict]:
    return [record for record in records if record["region"] == river]


def test_every_river_is_scored_with_every_baseline(records: list[dict]) -> None:
    assert {record["region"] for record in records} == {"one", "two", "three"}
    for river, others, simulated in (("one", "two, three", False), ("three", "one, two", True)):
        mine = scores(records, river)
        assert {record["model"] for record in mine} == {"model", "climatology", "logistic", *RATE_BASELINES}
        assert {record["trained_on"] for record in mine} == {others}
        assert {(record["split"], record["labels"], record["simulated"]) for record in mine} == {
            ("river", "established", simulated)
        }
        (pr,) = (r for r in mine if (r["model"], r["metric"], r["subset"]) == ("model", "pr_auc", "all"))
        assert pr["base_rate"] < pr["ci_low"] < pr["value"] < pr["ci_high"] <= 1
        assert pr["n"] == 8 * 130


def test_nothing_of_a_river_reaches_its_own_forecast(rivers: list[River], records: list[dict]) -> None:
    """Outcomes turned round on one river change what the others are told, and of itself only what it is held against."""
    turned = rivers[1]._replace(rows=spoiled(rivers[1].rows, np.ones(len(rivers[1].rows), bool)))
    again = evaluate_rivers([rivers[0], turned, rivers[2]], draws=20)

    def chance(of: list[dict], river: str, model: str) -> float:
        return next(
            r["value"]
            for r in scores(of, river)
            if (r["model"], r["metric"], r["subset"]) == (model, "mean_chance", "all")
        )

    for model in ("model", "logistic"):
        assert chance(again, "two", model) == chance(records, "two", model)
        assert chance(again, "one", model) != chance(records, "one", model)


def test_a_river_later_or_earlier_than_the_others_is_forecast_too(rivers: list[River], records: list[dict]) -> None:
    """No date is a border between rivers: the first to end and the last to begin have all their rows tested."""
    assert rivers[0].rows["known_1y"].max() < rivers[2].rows["as_of"].max()
    for one in rivers:
        assert {r["n"] for r in scores(records, one.name) if r["subset"] == "all"} == {len(one.rows)}


def test_the_table_has_a_row_a_river_and_model(records: list[dict]) -> None:
    lines = table(records).splitlines()
    assert len(lines) == 2 + 3 * (3 + len(RATE_BASELINES))
    assert len({line.count("|") for line in lines}) == 1
    assert sum(line.startswith("| three (simulated) | 1y |") for line in lines) == 3 + len(RATE_BASELINES)


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["{crop}", "{crop}"], "mamore_crop is given twice"),
        (["{crop}:0-10", "{crop}:8-20"], "mamore_crop:8-20 and mamore_crop:0-10 share banks"),
        (["{crop}:0-10", "{crop}"], "mamore_crop and mamore_crop:0-10 share banks"),
        (["{crop}", "mamoer"], "did you mean mamore"),
        (["{crop}", "an-giang"], "an-giang.yaml: targets differs from that of"),
    ],
)
def test_rivers_that_cannot_be_told_apart_are_refused(reach, names: list[str], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        read_rivers([name.format(crop=reach.region.path) for name in names], UNTIL)


def test_stretches_of_a_region_are_rivers(reach) -> None:
    region: Region = reach.region
    upper, lower = read_rivers([f"{region.path}:0-10", f"{region.path}:12.5-100"], UNTIL)
    assert (upper.name, lower.name) == ("mamore_crop:0-10", "mamore_crop:12.5-100")
    assert upper.rows["river_km"].max() <= 10 and lower.rows["river_km"].min() >= 12.5
    assert min(len(upper.rows), len(lower.rows)) > 100 and upper.data_hash == lower.data_hash
    with pytest.raises(ValueError, match=r"mamore_crop:500-600 holds no bank; mamore_crop is \d+ km long"):
        read_rivers([f"{region.path}:0-10", f"{region.path}:500-600"], UNTIL)


def test_only_the_rivers_held_out_are_scored(rivers: list[River], records: list[dict]) -> None:
    assert evaluate_rivers(rivers, held=["two"], draws=20) == scores(records, "two")


def test_the_page_shows_the_records() -> None:
    """``python benchmarks/rivers.py --write`` makes both."""
    file = Path(__file__).resolve().parents[3] / "benchmarks" / "rivers.py"
    spec = importlib.util.spec_from_file_location("benchmark_of_rivers", file)
    assert spec is not None and spec.loader is not None
    bench = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bench)
    records = json.loads(bench.PAGE.with_suffix(".json").read_text("utf-8"))
    assert {record["region"] for record in records} == {*bench.OBSERVED, *bench.HALVES}
    assert bench.PAGE.read_text("utf-8").split(bench.MARK)[1].strip() == bench.report(records).strip()
