"""Releases on disk: the same forecast after a round trip, no pickle, and a clear refusal of whatever is not whole."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import pickletools
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from erosion.alerts.thresholds import choose_thresholds
from erosion.config.region import Target
from erosion.features import REGISTRY
from erosion.forecast.cutoff import CutoffModel
from erosion.forecast.model import FeatureMismatchError, TargetModel, knots_of, predict, train_target
from erosion.forecast.release import MODELS, ReleaseError, find_release, load_release, save_release

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("rate_est_1y", "curvature_1w", "rate_all_3y")
TARGETS = (
    Target(name="1y", horizon_days=365, threshold_m=30.0),
    Target(name="3y", horizon_days=1095, threshold_m=60.0),
)
EVIDENCE = ([0.7, 0.8, 0.9, 0.3], [1, 1, 1, 0], [100.0] * 4, [0, 1, 2, 3])
HAZARD = CutoffModel(np.array([-3.0, -1.8, 0.3]), np.eye(3) * 0.2, 300, 11)
META = {"data_until": "2001-08-10", "region": "made", "seed": 0, "cutoff": HAZARD.as_json()}


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    n = 1200
    as_of = np.repeat(pd.date_range("1995-08-01", periods=6, freq="365D"), 200)
    rows = pd.DataFrame({name: rng.normal(size=n) for name in NAMES}).assign(as_of=as_of, length_m=100.0)
    for target in TARGETS:
        retreat = np.maximum(0, 20 * rows["rate_est_1y"] + rng.normal(10, 10, n)) * target.threshold_m / 30
        rows[f"retreat_established_{target.name}"] = retreat
        rows[f"known_{target.name}"] = as_of + pd.Timedelta(days=300)
    return rows


@pytest.fixture(scope="module")
def models(table: pd.DataFrame) -> dict[str, TargetModel]:
    knots = knots_of(TARGETS)
    trained = {target.name: train_target(table, target, features=NAMES, knots_m=knots) for target in TARGETS}
    levels = choose_thresholds(*EVIDENCE, {2: 0.25, 3: 0.5, 4: 0.75})
    trained["1y"] = dataclasses.replace(trained["1y"], levels=levels)
    return trained


@pytest.fixture(scope="module")
def kept(models: dict[str, TargetModel], tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("models") / "made-20010810"
    save_release(directory, models, META, {"features": {}}, "# A card\n")
    return directory


@pytest.fixture
def copy(kept: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(kept, tmp_path / kept.name))


# --- round trip ------------------------------------------------------------------------------------------------------------


def test_a_release_forecasts_as_the_model_it_was_made_from(
    kept: Path, models: dict[str, TargetModel], table: pd.DataFrame
) -> None:
    release = load_release(kept)
    assert release.name == "made-20010810"
    assert release.data_until == pd.Timestamp("2001-08-10")
    forecast, wanted = predict(release.models, table), predict(models, table)
    for name, model in models.items():
        assert (forecast[name].exceedance == wanted[name].exceedance).all()
        loaded = release.models[name]
        assert (loaded.target, loaded.label, loaded.features) == (model.target, model.label, model.features)
        assert (loaded.calibration, loaded.tail_m) == (model.calibration, model.tail_m)
        assert loaded.exceedance[1:] == model.exceedance[1:]
    assert release.models["3y"].levels == {}
    assert release.models["1y"].levels == models["1y"].levels
    assert release.models["1y"].levels[4].cases == 3


def test_a_release_holds_the_hazard_of_necks(models: dict[str, TargetModel], tmp_path: Path) -> None:
    save_release(tmp_path / "made-20010810", models, META, {}, "")
    read = load_release(tmp_path / "made-20010810").cutoff
    np.testing.assert_array_equal(read.mean, HAZARD.mean)
    np.testing.assert_array_equal(read.covariance, HAZARD.covariance)
    save_release(tmp_path / "made-20010811", models, META | {"cutoff": {"mean": [1.0]}}, {}, "")
    with pytest.raises(ReleaseError, match="not a readable model release"):
        load_release(tmp_path / "made-20010811")


def test_the_same_model_makes_the_same_files(kept: Path, models: dict[str, TargetModel], tmp_path: Path) -> None:
    again = tmp_path / kept.name
    save_release(again, models, META, {"features": {}}, "# A card\n")
    assert {p.name: p.read_bytes() for p in again.iterdir()} == {p.name: p.read_bytes() for p in kept.iterdir()}
    assert not list(tmp_path.glob(".tmp-*"))


def test_a_release_is_never_overwritten(copy: Path, models: dict[str, TargetModel]) -> None:
    before = {path: path.read_bytes() for path in copy.iterdir()}
    with pytest.raises(FileExistsError, match="never overwritten"):
        save_release(copy, models, META, {}, "")
    assert {path: path.read_bytes() for path in copy.iterdir()} == before


def test_a_release_is_text(kept: Path) -> None:
    for path in kept.iterdir():
        assert path.suffix in {".txt", ".json", ".md"}
        path.read_text(encoding="utf-8")
        with pytest.raises(ValueError, match=r".*"):
            list(pickletools.genops(path.read_bytes()))
    meta = json.loads((kept / "meta.json").read_text(encoding="utf-8"))
    listed = meta["targets"]["1y"]["features"]
    assert [item["name"] for item in listed] == list(NAMES)
    assert all(item["unit"] == REGISTRY[item["name"]].unit for item in listed)


# --- what is refused -------------------------------------------------------------------------------------------------------

NEEDED = (
    "meta.json",
    "calibration.json",
    *(f"exceedance_{target.name}.txt" for target in TARGETS),
)


@pytest.mark.parametrize("name", NEEDED)
@pytest.mark.parametrize("damage", ["missing", "empty", "half", "bytes"])
def test_a_damaged_release_is_refused(copy: Path, name: str, damage: str) -> None:
    """A booster cut in the middle would end the whole process inside LightGBM; it never gets there."""
    path = copy / name
    content = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        wrong = {"empty": b"", "half": content[: len(content) // 2], "bytes": b"\xff\xfe" + content}
        path.write_bytes(wrong[damage])
    with pytest.raises(ReleaseError, match=r"made-20010810.*(restore|train)"):
        load_release(copy)


def change_json(path: Path, change: Callable[[dict], None]) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")


def test_one_changed_digit_in_a_tree_is_noticed(copy: Path) -> None:
    path = copy / "exceedance_1y.txt"
    text = path.read_text(encoding="utf-8")
    at = text.index("leaf_value=") + len("leaf_value=0.0")
    path.write_text(text[:at] + ("1" if text[at] != "1" else "2") + text[at + 1 :], encoding="utf-8")
    with pytest.raises(ReleaseError, match=r"exceedance_1y\.txt is not the file that was released"):
        load_release(copy)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda meta: meta["targets"]["1y"]["features"][0].update(unit="cm/y"), "rate_est_1y in cm/y.*makes it in m/y"),
        (lambda meta: meta["targets"]["1y"]["features"][1].update(name="sinuosity"), "sinuosity.*does not make it"),
        (lambda meta: meta["targets"]["3y"]["features"].reverse(), "trained on other features"),
        (lambda meta: meta["targets"]["3y"]["features"].pop(), "trained on other features"),
    ],
)
def test_features_must_match_by_name_unit_and_order(copy: Path, change: Callable[[dict], None], words: str) -> None:
    change_json(copy / "meta.json", change)
    with pytest.raises(FeatureMismatchError, match=words):
        load_release(copy)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda one: one["log_odds"].update(slope=-0.5), "log_odds: a positive slope"),
        (lambda one: one["log_odds"].update(slope=0.0), "log_odds: a positive slope"),
        (lambda one: one["log_odds"].update(intercept=math.nan), "log_odds: a positive slope"),
        (lambda one: one["base_log_odds"].reverse(), "base_log_odds: one a knot, not rising"),
        (lambda one: one["base_log_odds"].pop(), "base_log_odds: one a knot"),
        (lambda one: one["knots_m"].reverse(), "knots_m: positive and rising"),
        (lambda one: one["knots_m"].__setitem__(0, 0.0), "knots_m: positive and rising"),
        (lambda one: one["knots_m"].__setitem__(3, 31.0), "knots_m: .* threshold among them"),
        (lambda one: one.update(tail_m=math.inf), "tail_m: positive"),
        (lambda one: one["levels"]["2"].update(threshold=0.6), "must not fall with the level"),
        (lambda one: one["levels"]["4"].update(threshold=1.5), "threshold of level 4 is 1.5, not between 0 and 1"),
        (lambda one: one["levels"]["4"].pop("cases"), "level 4 lacks cases"),
    ],
)
def test_numbers_that_no_training_gives_are_refused(copy: Path, change: Callable[[dict], None], words: str) -> None:
    """With right checksums: somebody wrote the file by hand, or a program that is wrong."""
    path = copy / "calibration.json"
    change_json(path, lambda content: change(content["1y"]))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    change_json(copy / "meta.json", lambda meta: meta["files"].update({path.name: digest}))
    with pytest.raises(ReleaseError, match=rf"made-20010810: calibration.json of target 1y .*{words}.*restore"):
        load_release(copy)


def test_targets_of_a_release_share_their_distances(copy: Path) -> None:
    path = copy / "calibration.json"
    change_json(path, lambda content: content["1y"]["knots_m"].__setitem__(0, 4.0))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    change_json(copy / "meta.json", lambda meta: meta["files"].update({path.name: digest}))
    with pytest.raises(ReleaseError, match="its targets have other knots_m"):
        load_release(copy)


@pytest.mark.parametrize(
    "change",
    [
        lambda meta: meta.update(format=99),
        lambda meta: meta.pop("targets"),
        lambda meta: meta.update(targets=[1, 2]),
        lambda meta: meta["targets"]["1y"].pop("horizon_days"),
    ],
)
def test_a_meta_file_of_another_shape_is_refused(copy: Path, change: Callable[[dict], None]) -> None:
    change_json(copy / "meta.json", change)
    with pytest.raises(ReleaseError, match="train it again"):
        load_release(copy)


@pytest.mark.parametrize("name", ["calibration.json", "exceedance_1y.txt"])
def test_windows_line_ends_are_refused_by_name(copy: Path, name: str) -> None:
    """They end the process inside LightGBM; the checksum is one of bytes, so they never get there."""
    (copy / name).write_bytes((copy / name).read_bytes().replace(b"\n", b"\r\n"))
    with pytest.raises(ReleaseError, match=rf"{name} has Windows line ends \(CRLF\).*restore it"):
        load_release(copy)


def test_a_damaged_booster_with_a_right_checksum_is_an_error(copy: Path) -> None:
    """Somebody wrote meta.json anew after the damage: in a process of its own, for it used to end the process."""
    damaged = (copy / "exceedance_1y.txt").read_bytes().replace(b"\n", b"\r\n")
    (copy / "exceedance_1y.txt").write_bytes(damaged)
    change_json(
        copy / "meta.json",
        lambda meta: meta["files"].update({"exceedance_1y.txt": hashlib.sha256(damaged).hexdigest()}),
    )
    program = (
        "import sys, pathlib; from erosion.forecast.release import ReleaseError, load_release\n"
        "try: load_release(pathlib.Path(sys.argv[1]))\n"
        "except ReleaseError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(copy)], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert "exceedance_1y.txt is not a readable model (its line ends are not LF" in done.stdout


def test_git_leaves_the_bytes_of_releases_and_data_alone_and_writes_text_with_lf() -> None:
    paths = [
        "models/m/exceedance_1y.txt",
        "models/m/meta.json",
        "data_sources/datasets/g.csv",
        "erosion/cli/run.py",
        "a/b.tif",
    ]
    done = subprocess.run(
        ["git", "check-attr", "text", "eol", "--", *paths], cwd=ROOT, capture_output=True, text=True, check=True
    )
    settings = {tuple(line.split(": ")[:2]): line.split(": ")[2] for line in done.stdout.splitlines()}
    assert [settings[path, "text"] for path in paths] == ["unset", "unset", "unset", "auto", "unset"]
    assert settings["erosion/cli/run.py", "eol"] == "lf"


def test_people_may_add_to_the_card(copy: Path) -> None:
    (copy / "card.md").write_text("# A card\n\nWhat the evaluation said.\n", encoding="utf-8")
    assert load_release(copy).name == copy.name


# --- which release a date may use --------------------------------------------------------------------------------------------


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    for name in (
        "mamore-20060808",
        "mamore-20130726",
        "mamore-20090816",
        "mamore_x-20050101",
        "mamore-old",
        "amore-20040101",
    ):
        (tmp_path / name).mkdir()
    (tmp_path / "mamore-20100101").write_text("a file, not a release", encoding="utf-8")
    (tmp_path / ".tmp-mamore-20120101").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("as_of", "wanted"),
    [
        ("2006-08-08", "mamore-20060808"),  # the day its last observation came in
        ("2009-08-15", "mamore-20060808"),
        ("2009-08-16", "mamore-20090816"),
        ("2012-12-31", "mamore-20090816"),
        ("2030-01-01", "mamore-20130726"),
    ],
)
def test_a_date_gets_the_newest_release_that_existed(shelf: Path, as_of: str, wanted: str) -> None:
    assert find_release("mamore", pd.Timestamp(as_of), shelf).name == wanted


def test_a_date_before_every_release_gets_none(shelf: Path) -> None:
    with pytest.raises(ReleaseError, match=r"on 2006-08-07 no model of mamore existed.*mamore-20060808.*--until"):
        find_release("mamore", pd.Timestamp("2006-08-07"), shelf)
    with pytest.raises(ReleaseError, match="no release ganges-<date>"):
        find_release("ganges", pd.Timestamp("2020-01-01"), shelf)


def test_every_shipped_release_loads() -> None:
    shipped = [path for path in sorted(MODELS.iterdir()) if path.is_dir() and not path.name.startswith(".")]
    assert shipped
    for path in shipped:
        release = load_release(path)
        assert set(release.models) == {"1y", "3y"}
        assert f"{release.data_until:%Y%m%d}" == path.name.rsplit("-", 1)[1]
        assert "limits" in (path / "card.md").read_text(encoding="utf-8")
