"""What is said of gauges on a date: by hand, in the terminal, as a report; exit codes."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from erosion.cli.command_line import main
from erosion.config.gauges import GaugeSource
from erosion.config.region import Region, load_region
from erosion.config.sources import load_source
from erosion.core.contracts import GAUGE_COLUMNS, GAUGE_FLAGS
from erosion.core.errors import Skipped
from erosion.gauges.health import COLUMNS, COUNTED, health
from erosion.gauges.report import as_json, flags_in_words, lines, report, write_report

ROOT = Path(__file__).resolve().parents[2]
NOW = pd.Timestamp("2021-03-31 12:00", tz="UTC")


def entry(**changes: object) -> GaugeSource:
    source = load_source("tan_chau", ROOT / "data_sources" / "regions" / "an-giang.yaml")
    assert isinstance(source, GaugeSource)
    return dataclasses.replace(
        source, **{"name": "a", "gauge_id": "g", "cadence_days": 1, "latency_days": 1, "optional": False} | changes
    )


def table(time: pd.DatetimeIndex, *, gauge_id: str = "g", source: str = "a", quantity: str = "stage") -> pd.DataFrame:
    return pd.DataFrame(
        {
            "gauge_id": gauge_id,
            "quantity": quantity,
            "time": time.tz_localize("UTC").as_unit("ns"),
            "available_at": (time.tz_localize("UTC") + pd.Timedelta(hours=6)).as_unit("ns"),
            "value": np.arange(len(time), dtype=float) % 7,
            "qc": "good",
            "flags": 0,
            "source": source,
        }
    )[list(GAUGE_COLUMNS)]


def test_age_completeness_and_flags_of_a_daily_gauge() -> None:
    gauges = table(pd.date_range("2020-01-01", "2021-03-29"))
    march = gauges["time"] >= pd.Timestamp("2021-03-01", tz="UTC")
    gauges.loc[march, "qc"] = np.where(np.arange(29) < 10, "suspect", "good")
    gauges.loc[march, "flags"] = np.where(np.arange(29) < 10, GAUGE_FLAGS["spike"] | GAUGE_FLAGS["rate"], 0)
    gauges.loc[[5, 6], "flags"] = GAUGE_FLAGS["neighbour"]
    gauges = gauges.drop(index=[100, 101])
    row = health(gauges, NOW, [entry()]).iloc[0]
    assert (row["quantity"], row["sources"], row["first_day"]) == ("stage", "a", "2020-01-01")
    assert row["values"] == 454 - 2
    assert row["age_days"] == 2.5
    assert row["limit_days"] == 4  # three cadences and the latency
    assert not row["stale"]
    assert row["cadence_days"] == 1
    # The last 30 days begin at noon of 1 March and end, a latency before now, at noon of the 30th: 29 steps, of which
    # 2 to 10 March are suspect.
    assert row["complete_30d"] == pytest.approx((29 - 1 - 9) / 29)
    assert row["complete_all"] == pytest.approx((454 - 2 - 10) / 454)
    assert row["suspect_30d"] == pytest.approx(9 / 28)
    assert not row["suspect"]
    assert (row["spike_365d"], row["rate_365d"], row["neighbour_365d"]) == (10, 10, 0)
    assert row["neighbour_all"] == 2


def test_what_comes_later_is_not_shown() -> None:
    gauges = table(pd.date_range("2021-01-01", "2021-03-31"))
    row = health(gauges, "2021-03-10", [entry()]).iloc[0]
    assert row["last_time"] == pd.Timestamp("2021-03-10", tz="UTC")
    pd.testing.assert_frame_equal(
        health(gauges, "2021-03-10", [entry()]),
        health(gauges[gauges["available_at"] <= pd.Timestamp("2021-03-11", tz="UTC")], "2021-03-10", [entry()]),
    )


def test_a_gauge_is_stale_after_three_cadences_and_the_latency() -> None:
    gauges = table(pd.date_range("2021-01-01", "2021-03-27"))
    assert not health(gauges, pd.Timestamp("2021-03-30 23:59:59", tz="UTC"), [entry()]).iloc[0]["stale"]
    assert health(gauges, pd.Timestamp("2021-03-31 00:00:01", tz="UTC"), [entry()]).iloc[0]["stale"]
    # Of several sources that speak the fastest one counts.
    both = pd.concat([gauges, table(pd.date_range("2020-01-01", "2020-12-31"), source="b")], ignore_index=True)
    fast = entry(name="b", cadence_days=0.1, latency_days=0.1)
    row = health(both, NOW, [entry(), fast]).iloc[0]
    assert row["stale"]
    assert row["limit_days"] == 2
    assert row["sources"] == "a, b"


def test_a_gauge_with_half_a_month_of_suspect_values_is_suspect() -> None:
    gauges = table(pd.date_range("2021-01-01", "2021-03-31"))
    gauges.loc[gauges.index[-16:], "qc"] = "suspect"
    assert health(gauges, NOW, [entry()]).iloc[0]["suspect"]
    gauges.loc[gauges.index[-16:-14], "qc"] = "good"
    assert not health(gauges, NOW, [entry()]).iloc[0]["suspect"]


def test_a_gauge_every_quarter_of_an_hour_is_counted_by_its_steps() -> None:
    quarter = pd.date_range("2021-03-01", "2021-03-31 11:45", freq="15min")
    gauges = table(quarter)
    gauges["available_at"] = gauges["time"] + pd.Timedelta(minutes=5)
    whole = health(gauges, NOW, [entry(cadence_days=1 / 96, latency_days=0)]).iloc[0]
    assert whole["complete_30d"] == 1
    assert whole["cadence_days"] == pytest.approx(1 / 96)
    day = (gauges["time"] >= pd.Timestamp("2021-03-10", tz="UTC")) & (
        gauges["time"] < pd.Timestamp("2021-03-13", tz="UTC")
    )
    holes = health(gauges[~day], NOW, [entry(cadence_days=1 / 96, latency_days=0)]).iloc[0]
    assert holes["complete_30d"] == pytest.approx(0.9)  # three of thirty days


def test_filled_and_superseded_values_are_no_readings() -> None:
    gauges = table(pd.date_range("2021-03-01", "2021-03-31"))
    gauges.loc[29, ["qc", "flags"]] = ["missing", GAUGE_FLAGS["superseded"]]
    gauges.loc[30, ["qc", "flags"]] = ["estimated", GAUGE_FLAGS["filled"]]
    row = health(gauges, NOW, [entry()]).iloc[0]
    assert row["last_time"] == pd.Timestamp("2021-03-29", tz="UTC")


def test_disputed_days_are_days_and_not_values() -> None:
    gauges = table(pd.date_range("2021-03-28", "2021-03-31", freq="h"))
    gauges.loc[:29, "flags"] = GAUGE_FLAGS["disputed"]
    row = health(gauges, NOW, [entry()]).iloc[0]
    assert (row["disputed_365d"], row["disputed_days_365d"]) == (30, 2)


def test_a_gauge_of_which_nothing_is_known_has_a_row_and_is_stale() -> None:
    table_ = health(table(pd.date_range("2021-03-01", "2021-03-31")), NOW, [entry(gauge_id="x"), entry()])
    assert list(table_.columns) == list(COLUMNS)
    assert table_["gauge_id"].tolist() == ["x", "g"]
    assert table_["stale"].tolist() == [True, False]
    assert table_.iloc[0]["quantity"] == ""


# --- terminal and report -------------------------------------------------------------------------------------------------


@pytest.fixture
def region() -> Region:
    return load_region("mamore")


def test_lines_name_ages_flags_and_what_was_skipped(region: Region) -> None:
    gauges = table(pd.date_range("2020-04-01", "2021-03-29"))
    gauges.loc[[300, 301], ["qc", "flags"]] = ["suspect", GAUGE_FLAGS["flat_line"]]
    found, healthy = report(region, gauges, NOW, [entry(), entry(gauge_id="x", place="Nowhere")])
    assert not healthy
    text = "\n".join(lines(region, found, NOW, [Skipped("b", "is broken"), Skipped("c", "is usual", usual=True)]))
    assert "2 repeated too long" in text
    assert "2.5 d" in text
    assert "Nowhere (x)" in text and "STALE" in text
    assert "b: is broken" in text
    assert "c: is usual" not in text and "1 more" in text
    heads = [line for line in text.splitlines() if line.startswith(("gauge ", "Tân", "Nowhere"))]
    assert len({line.index(word) for line, word in zip(heads, ("what", "stage"), strict=False)}) == 1  # aligned


def test_every_counted_flag_has_a_word_and_a_mark() -> None:
    from erosion.gauges.report_figure import FLAG_WORDS, MARKS

    assert set(FLAG_WORDS) == set(MARKS) == set(COUNTED)
    row = dict.fromkeys([f"{flag}_all" for flag in COUNTED], 1)
    assert flags_in_words(row, "all").count(",") == len(COUNTED) - 1


def test_json_has_no_numbers_that_json_lacks(region: Region) -> None:
    found, _ = report(region, table(pd.date_range("2021-03-01", "2021-03-29")), NOW, [entry(gauge_id="x"), entry()])
    content = as_json(region, found, NOW, [])
    assert content["gauges"][0]["age_days"] is None
    assert content["gauges"][1]["age_days"] == 2.5


@pytest.mark.parametrize("simulated", [False, True])
def test_a_report_has_a_picture_and_says_where_it_is_simulated(tmp_path: Path, region: Region, simulated: bool) -> None:
    region = dataclasses.replace(region, simulated=simulated)
    gauges = table(pd.date_range("2020-04-01", "2021-03-29"))
    gauges.loc[[300, 301], ["qc", "flags"]] = ["suspect", GAUGE_FLAGS["spike"]]
    gauges = gauges.drop(index=range(100, 150))
    sources = [entry(), entry(name="x", gauge_id="x")]
    found, _ = report(region, gauges, NOW, sources)
    assert [path.name for path in write_report(tmp_path, region, gauges, found, NOW, sources)] == ["a.md", "x.md"]
    text = (tmp_path / "a.md").read_text(encoding="utf-8")
    assert ("MÔ PHỎNG / SIMULATED" in text) == simulated
    assert "| 2021-01-26 00:00 | 2021-01-27 00:00 | 2 | spike | 0 | 6 | yes |" in text
    assert "Nothing was known" in (tmp_path / "x.md").read_text(encoding="utf-8")
    with Image.open(tmp_path / "a_stage.png") as picture:
        colours = np.asarray(picture.convert("RGB")).reshape(-1, 3)

    def has(red: int, green: int, blue: int, within: int = 6) -> bool:
        return bool((np.abs(colours.astype(int) - (red, green, blue)).max(axis=1) < within).any())

    assert has(0xD5, 0x5E, 0x00)  # the spike
    assert has(0xC9, 0xA4, 0x00, within=60)  # alarm level 1, a thin line
    assert has(0xDF, 0xE4, 0xE8)  # the gap
    assert not (tmp_path / "x_stage.png").exists()


def test_a_gauge_that_has_been_stale_for_long_can_be_drawn(tmp_path: Path, region: Region) -> None:
    gauges = table(pd.date_range("2019-04-01", periods=1))
    found, _ = report(region, gauges, NOW, [entry()])
    write_report(tmp_path, region, gauges, found, NOW, [entry()])
    assert (tmp_path / "a_stage.png").stat().st_size > 5000


def made_region(folder: Path, values: int) -> Path:
    """A region with one gauge file of daily stages up to 31 January 2021, and one gauge whose file is not there."""
    regions = folder / "data_sources" / "regions"
    regions.mkdir(parents=True)
    catalogue = ROOT / "data_sources"
    for name, last in (("tan_chau", True), ("chau_doc", False)):
        source = yaml.safe_load((catalogue / f"{name}.yaml").read_text(encoding="utf-8"))
        source |= {"path": f"../{name}.csv", "optional": False}
        (regions.parent / f"{name}.yaml").write_text(yaml.safe_dump(source, allow_unicode=True), encoding="utf-8")
        if last:
            days = pd.date_range(end="2021-01-31", periods=values)
            stage = 2 + np.sin(np.arange(values) / 20).round(3)
            rows = "\n".join(f"{day.date()},{value}" for day, value in zip(days, stage, strict=True))
            (folder / f"{name}.csv").write_text(f"time,stage_m\n{rows}\n", encoding="utf-8")
    region = yaml.safe_load((catalogue / "regions" / "athabasca.yaml").read_text(encoding="utf-8"))
    region |= {"name": "made", "gauges": ["tan_chau"]}
    masks = yaml.safe_load((catalogue / "athabasca_masks.yaml").read_text(encoding="utf-8"))
    masks["path"] = str(ROOT / "data_sources" / "datasets" / "athabasca" / "masks")
    (regions.parent / "athabasca_masks.yaml").write_text(yaml.safe_dump(masks), encoding="utf-8")
    path = regions / "made.yaml"
    path.write_text(yaml.safe_dump(region, allow_unicode=True), encoding="utf-8")
    return path


def test_the_command_ends_with_0_and_with_2_where_a_gauge_is_stale(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = made_region(tmp_path, 90)
    out = tmp_path / "out.json"
    assert main(["gauges", str(path), "--date", "2021-02-01", "--json", str(out), "--report", str(tmp_path / "r")]) == 0
    told = capsys.readouterr().out
    assert "STALE" not in told
    assert "Tân Châu (019803)" in told
    content = json.loads(out.read_text(encoding="utf-8"))
    assert content["gauges"][0]["values"] == 90
    assert (tmp_path / "r" / "tan_chau.md").is_file()
    assert (tmp_path / "r" / "tan_chau_stage.png").is_file()
    assert main(["gauges", str(path), "--date", "2021-02-20"]) == 2
    assert "STALE" in capsys.readouterr().out


def test_a_gauge_whose_file_is_not_there_is_reported_without_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = made_region(tmp_path, 90)
    region = yaml.safe_load(path.read_text(encoding="utf-8")) | {"gauges": ["tan_chau", "chau_doc"]}
    path.write_text(yaml.safe_dump(region, allow_unicode=True), encoding="utf-8")
    assert main(["gauges", str(path), "--date", "2021-02-01"]) == 2
    told = capsys.readouterr().out
    assert "nothing known" in told
    assert "chau_doc.csv" in told


def test_an_optional_gauge_that_was_not_brought_is_listed_and_not_stale(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = made_region(tmp_path, 90)
    region = yaml.safe_load(path.read_text(encoding="utf-8")) | {"gauges": ["tan_chau", "chau_doc"]}
    path.write_text(yaml.safe_dump(region, allow_unicode=True), encoding="utf-8")
    source = path.parent.parent / "chau_doc.yaml"
    source.write_text(source.read_text("utf-8").replace("optional: false", "optional: true"), "utf-8")
    out = tmp_path / "out.json"
    assert main(["gauges", str(path), "--date", "2021-02-01", "--json", str(out), "--report", str(tmp_path / "r")]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "nothing known" in printed and "not there, optional" in printed and "STALE" not in printed
    assert "chau_doc: not there, optional: bring the gauge's file (columns time, stage_m) to " in printed
    rows = {row["gauge_id"]: row for row in json.loads(out.read_text("utf-8"))["gauges"]}
    assert rows["039801"]["stale"] is False and rows["039801"]["quantity"] == ""
