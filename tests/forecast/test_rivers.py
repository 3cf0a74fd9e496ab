"""Rows of several rivers in one table, and the release trained on them."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from erosion.alerts.thresholds import cases_of
from erosion.config.region import Region, SegmentRules, Target, load_region
from erosion.core.contracts import SIMULATED_NOTICE
from erosion.forecast.cutoff import fit_cutoff, neck_table
from erosion.forecast.evaluation.splits import blocks_of
from erosion.forecast.model import CALIBRATION_DATES, TrainingError, split_dates
from erosion.forecast.release import ReleaseError, load_release
from erosion.forecast.rivers import River, check_alike, together, train_rivers

UNTIL = pd.Timestamp("2009-12-31")
TARGET = Target(name="1y", horizon_days=365, threshold_m=30.0)


def other(region: Region, name: str = "other", **changes: object) -> Region:
    """Return a region that differs in its name and in what is given."""
    return dataclasses.replace(region, name=name, **changes)


def plain(region: Region, first_year: int, dates: int) -> River:
    """Return a river of ten segments of half a kilometre; its outcomes are known after a year."""
    as_of = pd.DatetimeIndex([pd.Timestamp(f"{first_year + k}-08-01") for k in range(dates)])
    rows = pd.DataFrame(
        {
            "reach": "main",
            "as_of": np.repeat(as_of, 10),
            "river_km": np.tile(np.arange(10) * 1.0, dates),
            "known_1y": np.repeat(as_of + pd.DateOffset(years=1), 10),
            "retreat_established_1y": 1.0,
            "neck": np.tile([0, 0, -1, -1, -1, 1, 1, -1, -1, -1], dates),
            "neck_width_m": 100.0,
        }
    )
    return River(region.name, region, rows)


@pytest.fixture(scope="module")
def mamore() -> Region:
    return load_region("mamore")


def test_reaches_of_the_same_name_do_not_meet(mamore: Region) -> None:
    one, two = plain(mamore, 1990, 6), plain(other(mamore), 1990, 6)
    rows = together([one, two])
    assert len(rows) == 120 and rows.index.is_unique
    assert set(rows["reach"]) == {"mamore/main", "other/main"} and set(rows["river"]) == {"mamore", "other"}
    of = rows["river"].to_numpy()
    block = blocks_of(rows, 5.0).to_numpy()
    case = cases_of(rows["reach"].to_numpy(), rows["river_km"].to_numpy(), rows["as_of"].to_numpy())
    for number, each in ((block, 2), (case, 2 * 6)):
        mine, others = (set(number[of == name]) for name in ("mamore", "other"))
        assert not mine & others and len(mine) == len(others) == each
    assert len(neck_table(rows)) == 2 * len(neck_table(one.rows)) == 2 * 2 * 6


def test_every_river_keeps_its_own_newest_dates_for_calibration(mamore: Region) -> None:
    """A river whose record ends earlier is calibrated on too, and each alone as together."""
    rivers = [plain(mamore, 2000, 12), plain(other(mamore), 1985, 9)]
    rows = together(rivers)
    fit, calibrate = split_dates(rows, TARGET, "established")
    assert CALIBRATION_DATES == 3
    for one, years in zip(rivers, ([2009, 2010, 2011], [1991, 1992, 1993]), strict=True):
        mine = (rows["river"] == one.name).to_numpy()
        assert sorted(set(rows.loc[calibrate & mine, "as_of"].dt.year)) == years
        alone = split_dates(one.rows, TARGET, "established")
        for together_, single in zip((fit, calibrate), alone, strict=True):
            np.testing.assert_array_equal(together_[mine], single)


@pytest.mark.parametrize("dates", [2, 3])
def test_a_river_too_short_to_calibrate_on_is_fitted_on(mamore: Region, dates: int) -> None:
    long, short = plain(mamore, 2000, 12), plain(other(mamore), 2000, dates)
    rows = together([long, short])
    fit, calibrate = split_dates(rows, TARGET, "established")
    mine = (rows["river"] == "other").to_numpy()
    assert fit[mine].all() and not calibrate[mine].any()
    for both, alone in zip((fit, calibrate), split_dates(long.rows, TARGET, "established"), strict=True):
        np.testing.assert_array_equal(both[~mine], alone)
    with pytest.raises(TrainingError, match=f"target 1y: {dates} issue dates have a known outcome"):
        split_dates(together([short, short._replace(name="third")]), TARGET, "established")


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"targets": (TARGET,)}, "targets"),
        ({"segments": SegmentRules(length_m=50.0)}, "segments.length_m"),
    ],
)
def test_regions_that_one_model_cannot_serve_are_refused(mamore: Region, changes: dict[str, object], key: str) -> None:
    check_alike([mamore, other(mamore, targets=tuple(reversed(mamore.targets)))])
    with pytest.raises(ValueError, match=rf"mamore.yaml: {key} differs from that of .*leave one of the two out"):
        check_alike([mamore, other(mamore, **changes)])


# --- the release -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def halves(reach, rows: pd.DataFrame) -> list[River]:
    """Every fifth segment of two halves of the real reach as two rivers, the second labelled as simulated."""
    past = rows[(rows["as_of"] <= UNTIL) & (rows["known_3y"].isna() | (rows["known_3y"] <= UNTIL))]
    middle = past["river_km"].median()
    parts = (past[past["river_km"] < middle - 2], past[past["river_km"] > middle + 2])
    regions = (reach.region, other(reach.region, simulated=True, title={"vi": "Khác", "en": "Other"}))
    return [
        River(region.name, region, part.iloc[::3].reset_index(drop=True), f"hash of {region.name}")
        for region, part in zip(regions, parts, strict=True)
    ]


@pytest.fixture(scope="module")
def release(halves: list[River], tmp_path_factory: pytest.TempPathFactory) -> Path:
    models = tmp_path_factory.mktemp("models")
    return train_rivers([one.region for one in halves], "rivers", UNTIL, models=models, rivers=halves)


def test_the_release_lists_its_rivers(halves: list[River], release: Path) -> None:
    assert release.name == "rivers-20091231"
    meta = json.loads((release / "meta.json").read_text(encoding="utf-8"))
    assert [(one["name"], one["simulated"], one["rows"], one["data_hash"]) for one in meta["regions"]] == [
        ("mamore_crop", False, len(halves[0].rows), "hash of mamore_crop"),
        ("other", True, len(halves[1].rows), "hash of other"),
    ]
    for entry, one in zip(meta["regions"], halves, strict=True):
        assert entry["issue_dates"] == [f"{date:%Y-%m-%d}" for date in sorted(one.rows["as_of"].unique())]
    loaded = load_release(release)
    assert loaded.simulated == meta["simulated"] == "part"
    assert set(loaded.models) == {target.name for target in halves[0].region.targets}


def test_necks_are_learnt_from_observed_rivers_alone(halves: list[River], release: Path) -> None:
    own = fit_cutoff(halves[0].rows, halves[0].region.targets)
    assert load_release(release).cutoff.as_json() == own.as_json()


def test_the_card_says_at_its_top_what_is_simulated(halves: list[River], release: Path) -> None:
    card = (release / "card.md").read_text(encoding="utf-8").splitlines()
    assert card[2] == f"**{SIMULATED_NOTICE}: partly trained on simulated rivers: other.**"
    assert any(line.startswith(f"| Other | simulated | {len(halves[1].rows)} |") for line in card)
    assert any("| observed |" in line for line in card)
    assert any("it was learnt on 3 dates of each river" in line for line in card)


def test_a_family_is_of_one_region_or_of_several(halves: list[River], release: Path, tmp_path: Path) -> None:
    regions = [one.region for one in halves]
    about = tmp_path / "mamore-20100101" / "meta.json"
    about.parent.mkdir()
    about.write_text(json.dumps({"region": "mamore"}), encoding="utf-8")
    with pytest.raises(ReleaseError, match=r"mamore-20100101 in .* was trained on mamore alone, .* --family"):
        train_rivers(regions, "mamore", UNTIL, models=tmp_path, rivers=halves)
    with pytest.raises(FileExistsError, match="never overwritten"):
        train_rivers(regions, "rivers", UNTIL, models=release.parent, rivers=halves)


@pytest.mark.parametrize(
    ("family", "numbers", "says"),
    [
        ("../evil", (0, 1), "may hold only letters"),
        ("rivers", (0,), "two regions or more"),
        ("rivers", (0, 0), "mamore_crop is given twice"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_anything_is_read(
    halves: list[River], family: str, numbers: tuple[int, ...], says: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=says):
        train_rivers([halves[number].region for number in numbers], family, UNTIL, models=tmp_path)
    assert not list(tmp_path.iterdir())
