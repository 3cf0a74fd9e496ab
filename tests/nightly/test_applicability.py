"""A run says whether its chances hold on the river, widens them where they do not, and takes an evaluation that was accepted."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from erosion.config.region import load_region
from erosion.core.files import files_digest
from erosion.core.vocabulary import Calibration, ShiftVerdict
from erosion.forecast.applicability import SPREAD, Reference, ShiftTest, reference_of, references_as_json
from erosion.forecast.evaluation.attached import evaluation_file, write_evaluation
from erosion.forecast.model import MODEL_FEATURES
from erosion.forecast.release import MODELS
from erosion.nightly.check import check_region
from erosion.nightly.published import DEGRADED, PUBLISHED
from erosion.nightly.run import Result, run
from erosion.nightly.stages.applicability import calibration_of, entry_of, spread_for
from erosion.publish.manifest import Evaluation, Manifest, read_manifest
from tests.nightly.made_runs import FIRST, TARGETS

RELEASE = "mamore-20090816"


@pytest.fixture(scope="module")
def reference(rows: pd.DataFrame) -> Reference:
    return reference_of(rows[rows["as_of"] <= FIRST], MODEL_FEATURES)


def give(crop: Path, reference: Reference) -> Path:
    """Put a release beside the region file whose training rows were as a reference says; the models are those shipped."""
    release = Path(shutil.copytree(MODELS / RELEASE, crop.parent / "models" / RELEASE))
    content = (json.dumps(references_as_json({"mamore": reference})) + "\n").encode()
    (release / "reference.json").write_bytes(content)
    meta = json.loads((release / "meta.json").read_text(encoding="utf-8"))
    meta["files"]["reference.json"] = hashlib.sha256(content).hexdigest()
    (release / "meta.json").write_text(json.dumps(meta), encoding="utf-8")
    return release


def elsewhere(reference: Reference) -> Reference:
    """The same reference as of a river where every feature is far larger."""
    return Reference({name: values + 1e4 for name, values in reference.quantiles.items()}, reference.distances)


def layer(result: Result, target: str) -> pd.DataFrame:
    assert result.directory is not None
    return gpd.read_parquet(result.directory / f"segments_{target}.parquet").set_index("segment_id")


def manifest_of(result: Result) -> Manifest:
    assert result.directory is not None
    return read_manifest(result.directory)


def made_evaluation(release: Path, *, ratio: float = 1.0) -> Evaluation:
    score = {"value": ratio, "low": ratio * 0.9, "high": ratio * 1.1}
    good = 0.8 <= ratio <= 1.25
    one = {
        "dates": 9, "first": "2001-01-01", "last": "2009-01-01", "rows": 900, "base_rate": 0.1, "mean_chance": 0.1,
        "observed_expected": score, "brier_skill": {"value": 0.2, "low": None, "high": None},
        "pr_auc": {"value": 0.5, "low": None, "high": None}, "accepted": good,
    }  # fmt: skip
    content = {
        "format": 1, "region": "mamore_crop", "release": release.name, "release_sha256": files_digest(release),
        "made_on": "2009-08-17", "accepted": good, "targets": {"1y": one, "3y": one},
    }  # fmt: skip
    return content  # type: ignore[return-value]


def test_the_training_river_is_like_itself(crop: Path, reference: Reference, tmp_path: Path) -> None:
    give(crop, reference)
    result = run(load_region(crop), FIRST, tmp_path / "out")
    assert (result.exit_code, result.messages) == (PUBLISHED, ())
    holds = manifest_of(result)["applicability"]
    assert (holds["verdict"], holds["spread"], holds["evaluation"]) == ("similar", 0.0, None)
    test = holds["reaches"]["mamore_crop"]
    assert test["verdict"] == "within" and test["distance"] <= test["limit"] == round(reference.distances[-1], 4)
    assert test["dates"] == len(reference.distances) and test["p_value"] > test["false_alarm"]


def test_a_rejected_evaluation_counts_before_features_that_are_alike(
    crop: Path, reference: Reference, tmp_path: Path
) -> None:
    release = give(crop, reference)
    region = load_region(crop)
    write_evaluation(evaluation_file(region), made_evaluation(release, ratio=3.0))
    entry = manifest_of(run(region, FIRST, tmp_path / "out"))["applicability"]
    assert (entry["verdict"], entry["spread"]) == ("rejected", SPREAD)
    assert entry["reaches"]["mamore_crop"]["verdict"] == "within"


def test_a_river_that_could_not_be_tested_is_calibrated_only_for_a_release_of_its_own() -> None:
    unknown, alike = ShiftTest(ShiftVerdict.NOT_TESTED, "record too short"), ShiftTest(ShiftVerdict.WITHIN)
    assert calibration_of(unknown, None, trained_here=False) == Calibration.NOT_CALIBRATED
    assert calibration_of(unknown, None, trained_here=True) == Calibration.NOT_TESTED
    both = entry_of({"a": alike, "b": unknown}, None, trained_here=False)
    assert (both["verdict"], both["spread"]) == ("not_calibrated", SPREAD)
    assert spread_for(calibration_of(alike, None, trained_here=False)) == 0.0


def test_another_river_is_said_and_widened_and_an_accepted_evaluation_ends_it(
    crop: Path, reference: Reference, one_run: Path, tmp_path: Path
) -> None:
    release = give(crop, elsewhere(reference))
    region = load_region(crop)
    far = run(region, FIRST, tmp_path / "far")
    assert (far.exit_code, far.messages) == (PUBLISHED, ()), "a lasting state, not a fault of the night"
    holds = manifest_of(far)["applicability"]
    assert (holds["verdict"], holds["spread"]) == ("not_calibrated", SPREAD)
    test = holds["reaches"]["mamore_crop"]
    assert test["distance"] == 1.0 and test["p_value"] == test["false_alarm"] == round(1 / (test["dates"] + 1), 4)

    write_evaluation(evaluation_file(region), made_evaluation(release, ratio=3.0))
    rejected = run(region, FIRST, tmp_path / "rejected")
    assert manifest_of(rejected)["applicability"]["verdict"] == "rejected"
    assert manifest_of(rejected)["applicability"]["evaluation"]["accepted"] is False

    write_evaluation(evaluation_file(region), made_evaluation(release))
    held = run(region, FIRST, tmp_path / "held")
    holds = manifest_of(held)["applicability"]
    assert (holds["verdict"], holds["spread"]) == ("evaluated", 0.0)
    assert holds["evaluation"]["made_on"] == "2009-08-17"
    ids = {one.directory.name for one in (far, rejected, held)}
    assert len(ids) == 3, "an evaluation is an input of the run"

    for target in TARGETS:
        plain, wide, same = layer(held, target), layer(far, target), layer(rejected, target)
        for column in ("p_event", "chance_10m", "chance_30m"):
            # Between knots the chance is interpolated, at them it is exact; 10, 30 and the thresholds are knots.
            odds = np.log(plain[column] / (1 - plain[column])) / np.sqrt(1 + np.pi * SPREAD**2 / 8)
            np.testing.assert_allclose(wide[column], 1 / (1 + np.exp(-odds)), rtol=1e-6)
            np.testing.assert_array_equal(wide[column], same[column])
        threshold = wide["threshold_m"].iloc[0]
        for level in (10, 30, 50, 70, 90):
            passed = wide[f"retreat_p{level}_m"] >= threshold
            assert (passed == (wide["p_event"] >= 1 - level / 100)).all()
    assert (layer(far, "3y")["chance_60m"] >= layer(far, "1y")["chance_60m"]).all()
    about = json.loads((far.directory / "segments_1y.geojson").read_text(encoding="utf-8"))["about"]
    assert "Mô hình chưa được hiệu chỉnh cho sông này" in about["applicability_vi"]
    assert "not calibrated for this river" in about["applicability_en"]
    assert json.loads(about["applicability"])["verdict"] == "not_calibrated"

    text = "\n".join(check_region(region).lines())
    assert f"{RELEASE} was trained on mamore, not on this region" in text
    assert "mamore_crop.evaluation.json, 2009-08-17" in text and "accepted: its chances" in text


def test_a_damaged_evaluation_is_listed_and_counts_for_none(crop: Path, reference: Reference, tmp_path: Path) -> None:
    give(crop, elsewhere(reference))
    region = load_region(crop)
    evaluation_file(region).write_text('{"format": 1', encoding="utf-8")
    result = run(region, FIRST, tmp_path / "out")
    assert result.exit_code == DEGRADED
    assert "mamore_crop.evaluation.json: not a readable evaluation" in result.messages[0]
    assert manifest_of(result)["applicability"]["verdict"] == "not_calibrated"
    assert not check_region(region).ok


def test_an_evaluation_of_another_release_counts_for_none(crop: Path, reference: Reference, tmp_path: Path) -> None:
    release = give(crop, elsewhere(reference))
    region = load_region(crop)
    other = made_evaluation(release)
    other["release_sha256"] = "0" * 64
    write_evaluation(evaluation_file(region), other)
    result = run(region, FIRST, tmp_path / "out")
    assert result.exit_code == PUBLISHED
    manifest = manifest_of(result)
    assert manifest["applicability"]["verdict"] == "not_calibrated"
    assert "not of the release of this run" in manifest["skipped"][0]["reason"]
