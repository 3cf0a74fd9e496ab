"""A release from a real short reach: the same bytes again, a card that states what was done, and nothing later than its date."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio

from erosion.config.region import load_region
from erosion.forecast.applicability import compared_features
from erosion.forecast.model import MODEL_FEATURES, predict, split_dates
from erosion.forecast.release import find_release, load_release
from erosion.forecast.training import load_rows, train_release
from tests.log_records import logged

UNTIL = pd.Timestamp("2009-12-31")


@pytest.fixture(scope="module")
def some(rows: pd.DataFrame) -> pd.DataFrame:
    """Every fifth segment, as far as known at the end of 2009."""
    past = rows[rows["as_of"] <= UNTIL].iloc[::5].reset_index(drop=True)
    for target in ("1y", "3y"):
        late = past[f"known_{target}"] > UNTIL
        past.loc[late, [f"known_{target}", f"retreat_all_{target}", f"retreat_established_{target}"]] = [
            pd.NaT,
            np.nan,
            np.nan,
        ]
    return past


@pytest.fixture(scope="module")
def release(reach, some: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    models = tmp_path_factory.mktemp("models")
    return train_release(reach.region, UNTIL, models=models, rows=some, data_hash="abc", skill="| a table |")


def test_the_same_rows_and_seed_make_the_same_bytes(reach, some: pd.DataFrame, release: Path, tmp_path: Path) -> None:
    again = train_release(reach.region, UNTIL, models=tmp_path, rows=some, data_hash="abc", skill="| a table |")
    assert again.name == release.name == "mamore-20091231"
    assert sorted(p.name for p in again.iterdir()) == sorted(p.name for p in release.iterdir())
    for path in release.iterdir():
        assert (again / path.name).read_bytes() == path.read_bytes(), path.name


def test_a_release_is_not_made_twice(reach, some: pd.DataFrame, release: Path) -> None:
    with pytest.raises(FileExistsError, match="never overwritten"):
        train_release(reach.region, UNTIL, models=release.parent, rows=some)
    with pytest.raises(FileExistsError):
        train_release(reach.region, UNTIL, models=release.parent)  # before anything is read


def test_what_is_on_record(reach, some: pd.DataFrame, release: Path) -> None:
    meta = json.loads((release / "meta.json").read_text(encoding="utf-8"))
    assert meta["data_until"] == "2009-12-31"
    assert meta["issue_dates"] == [f"{date:%Y-%m-%d}" for date in sorted(some["as_of"].unique())]
    assert meta["data_hash"] == "abc" and meta["seed"] == 0
    assert {"erosion", "lightgbm", "numpy"} <= set(meta["versions"])
    loaded = load_release(release)
    for target in reach.region.targets:
        assert loaded.models[target.name].target == target
        assert loaded.models[target.name].features == MODEL_FEATURES
        assert set(loaded.models[target.name].levels) == set(reach.region.policy.precision)
    assert find_release("mamore", pd.Timestamp("2010-07-18"), release.parent) == release


def test_reference_describes_the_training_rows(some: pd.DataFrame, release: Path) -> None:
    assert (release / "reference.json").stat().st_size < 200_000
    references = load_release(release).references
    assert references is not None and list(references) == ["mamore_crop"]
    reference = references["mamore_crop"]
    assert set(reference.quantiles) == set(compared_features(MODEL_FEATURES))
    old = some[(some["epoch"] - some["epoch"].min()).dt.days >= 3 * 365.25]
    assert len(reference.distances) == old["as_of"].nunique()
    for name in ("rate_est_1y", "curvature_1w", "width_m"):
        middle = np.nanquantile(old[name].to_numpy(np.float32), 0.5, method="inverted_cdf")
        assert np.float32(reference.quantiles[name][50]) == middle


def test_the_card_states_how_it_was_made_and_its_limits(reach, some: pd.DataFrame, release: Path) -> None:
    card = (release / "card.md").read_text(encoding="utf-8")
    for target in reach.region.targets:
        fit, calibrate = split_dates(some, target, "established")
        first, last = (some.loc[part, "as_of"] for part in (fit, calibrate))
        assert (
            f"at least {target.threshold_m:g} m in {target.horizon_days} days | {first.min():%Y} to {first.max():%Y}"
            in card
        )
        assert f"| {last.min():%Y} to {last.max():%Y} ({last.nunique()} dates) |" in card
        judged = some[f"known_{target.name}"].notna() & some[f"retreat_established_{target.name}"].notna()
        every = some.loc[judged, "as_of"]
        assert f"({last.nunique()} dates) | {every.min():%Y} to {every.max():%Y} ({every.nunique()} dates)" in card
    assert "## Known limits" in card and "cutoff" in card and "| a table |" in card
    assert "SIMULATED" not in card


def test_the_forecast_of_a_real_reach_ranks_its_banks(rows: pd.DataFrame, release: Path) -> None:
    """On issue dates after everything the release saw."""
    models = load_release(release).models
    later = rows[(rows["as_of"] > UNTIL) & rows["known_1y"].notna()]
    p = predict(models, later)["1y"].chance(30.0)
    event = (later["retreat_established_1y"] >= 30).to_numpy()
    top = p >= np.quantile(p, 0.9)
    assert event[top].mean() > 3 * event.mean() > 0.05
    assert p.mean() == pytest.approx(event.mean(), rel=0.6)


def test_rows_are_read_as_of_their_date_and_hashed(crop: Path) -> None:
    region = load_region(crop)
    some, first = load_rows(region, pd.Timestamp("1988-12-31"))
    assert [f"{date:%Y}" for date in some["as_of"].unique()] == ["1986", "1987", "1988"]
    assert load_rows(region, pd.Timestamp("1988-12-31"))[1] == first
    # One more mask, or one mask less, is other data; a mask that cannot be read is said.
    (mask,) = (crop.parent / "masks").glob("*1987*.tif")
    mask.write_bytes(mask.read_bytes()[:500])
    with logged() as messages:
        fewer, other = load_rows(region, pd.Timestamp("1988-12-31"))
    assert other != first and fewer["as_of"].nunique() == 2
    assert any(line.startswith("left out: ") and "1987" in line for line in messages)


def test_nothing_is_learnt_from_a_mask_that_cannot_be_true(crop: Path) -> None:
    """The same rows as without it."""
    region, until = load_region(crop), pd.Timestamp("1990-12-31")
    spoilt = crop.parent / "masks" / "mamore_1988-11-10.tif"
    with rasterio.open(spoilt) as mask:
        pixels, tags, profile = mask.read(1), mask.tags(), mask.profile
    spoilt.unlink()
    without, _ = load_rows(region, until)
    with rasterio.open(spoilt, "w", **profile) as mask:
        mask.write(pixels[::-1], 1)
        mask.update_tags(acquisition_date=tags["acquisition_date"])
    with logged() as messages:
        rows, _ = load_rows(region, until)
    assert any("mamore_1988-11-10.tif: its river lies upside down" in line for line in messages)
    pd.testing.assert_frame_equal(rows, without)
