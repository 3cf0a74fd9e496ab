"""Text of a booster: what LightGBM wrote is read, and whatever else is refused before LightGBM sees it."""

from __future__ import annotations

import re

import lightgbm as lgb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from erosion.forecast.booster_text import check_booster, read_booster
from erosion.forecast.release import MODELS

X = np.random.default_rng(0).normal(size=(400, 3))
X[::7, 1] = np.nan


def trained(objective: str, label: np.ndarray) -> lgb.Booster:
    parameters = {"objective": objective, "num_leaves": 4, "min_data_in_leaf": 20, "verbose": -1, "num_threads": 1}
    parameters["monotone_constraints"] = [0, 0, -1]
    return lgb.train(parameters, lgb.Dataset(X, label, feature_name=["a", "b", "c"]), 3)


BOOSTER = trained("binary", (X[:, 0] + np.nan_to_num(X[:, 1]) > 0).astype(float))
TEXT = BOOSTER.model_to_string()


def first(name: str, value: str) -> str:
    """Return the text with another value in the first line of that name; tree_sizes is made right again."""
    old = re.search(rf"^{name}=.*$", TEXT, re.MULTILINE)
    assert old
    text = TEXT.replace(old[0], f"{name}={value}", 1)
    sizes = [len(block) for block in re.findall(r"Tree=.*?\n\n\n", text, re.DOTALL)]
    return re.sub(r"tree_sizes=.*", "tree_sizes=" + " ".join(map(str, sizes)), text)


@pytest.mark.parametrize(
    "booster",
    [BOOSTER, trained("binary", np.ones(400))],
    ids=["exceedance", "one class"],
)
def test_what_lightgbm_wrote_forecasts_the_same(booster: lgb.Booster) -> None:
    loaded = read_booster(booster.model_to_string().encode())
    np.testing.assert_array_equal(loaded.predict(X), booster.predict(X))
    np.testing.assert_array_equal(loaded.predict(X, pred_contrib=True), booster.predict(X, pred_contrib=True))


def test_every_shipped_booster_forecasts_as_its_file() -> None:
    paths = sorted(MODELS.glob("*/*.txt"))
    assert len(paths) == 2 * len(list(MODELS.glob("*/meta.json"))) > 0
    for path in paths:
        booster = lgb.Booster(model_file=str(path))
        x = np.random.default_rng(1).normal(scale=30, size=(50, booster.num_feature()))
        wanted = booster.predict(x)
        np.testing.assert_array_equal(read_booster(path.read_bytes()).predict(x), wanted)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "cut short"),
        (TEXT[: len(TEXT) // 2], "follows the trees|lines are not those of a tree"),
        (TEXT.replace("\n", "\r\n"), "line ends are not LF"),
        (TEXT.replace("version=v4", "version=v9"), "where version belongs"),
        (TEXT.replace("num_class=1", "num_class=2"), "where num_class belongs"),
        (TEXT.replace("max_feature_idx=2", "max_feature_idx=9"), "has not the 10 entries"),
        (TEXT.replace("objective=binary sigmoid:1", "objective=multiclass num_class:3"), "where objective belongs"),
        (re.sub(r"tree_sizes=\d+ ", "tree_sizes=7 ", TEXT), "tree 0: its lines"),
        (re.sub(r"tree_sizes=\d+ ", "tree_sizes=", TEXT), "tree 0: its lines"),
        (re.sub(r"tree_sizes=.*\n", "", TEXT), "cut short|where tree_sizes belongs"),
        (TEXT.replace("Tree=1", "Tree=2"), "tree 1: it has another number"),
        (TEXT.replace("end of trees", "end of tree"), "follows the trees"),
        (TEXT.replace("pandas_categorical:null", "pandas_categorical:[[1]]"), "follows the trees"),
        (TEXT.replace("[boosting: gbdt]", "[boosting]"), "follows the trees"),
        (TEXT.replace("feature_names=a", "feature_names=\u00e9"), "ascii"),
        (first("num_leaves", "5"), "tree 0: split_feature has 3 values where the tree needs 4"),
        (first("num_leaves", "2147483647"), "num_leaves=2147483647 is not 1 to 1024"),
        (first("num_cat", "1"), "splits by category"),
        (first("is_linear", "1"), "linear leaves"),
        (first("split_feature", "0 1 3"), "a feature or in a way that does not exist"),
        (first("split_feature", "0 1 -1"), "a feature or in a way that does not exist"),
        (first("decision_type", "2 2 1"), "a feature or in a way that does not exist"),
        (first("left_child", "1 -1 99999"), "do not form a tree"),
        (first("left_child", "0 -1 -3"), "do not form a tree"),  # the root below itself
        (first("left_child", "1 1 -3"), "do not form a tree"),
        (first("leaf_value", "0.1 0.2 0.3"), "leaf_value has 3 values where the tree needs 4"),
        (first("leaf_value", "0.1 0.2 0.3 nan"), "not finite numbers"),
        (first("leaf_value", "0.1 0.2 0.3 1e999"), "not finite numbers"),
        (first("threshold", "0.1 0.2-3 0.3"), "not finite numbers"),
        (first("leaf_count", "1 2 3 4.5"), "or not whole"),
        (first("leaf_count", "1 2 3 99999999999"), "or not whole"),
        (first("shrinkage", ""), "shrinkage has 0 values"),
    ],
)
def test_another_structure_is_refused_with_its_place(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        check_booster(text.encode())


def test_a_split_of_what_is_missing_may_have_no_finite_threshold() -> None:
    """LightGBM writes inf where all known values go one way; nowhere else is it a number."""
    text = first("threshold", "inf 0.2 0.3")
    loaded = read_booster(text.encode())
    left = lgb.Booster(model_str=first("threshold", "1e+300 0.2 0.3"))
    np.testing.assert_array_equal(loaded.predict(X), left.predict(X))
    for name, values in (("leaf_value", "0.1 0.2 0.3 inf"), ("threshold", "-inf 0.2 0.3")):
        with pytest.raises(ValueError, match="not finite numbers"):
            check_booster(first(name, values).encode())


def test_nodes_are_checked_by_hand() -> None:
    """Root 0 has node 1 and leaf 0; node 1 has leaf 1 and node 2; node 2 has leaves 2 and 3."""
    whole = first("left_child", "1 -2 -3").replace(
        re.search(r"^right_child=.*$", TEXT, re.MULTILINE)[0],
        "right_child=-1 2 -4",
        1,  # type: ignore[index]
    )
    sizes = [len(block) for block in re.findall(r"Tree=.*?\n\n\n", whole, re.DOTALL)]
    whole = re.sub(r"tree_sizes=.*", "tree_sizes=" + " ".join(map(str, sizes)), whole)
    assert check_booster(whole.encode()) == whole


SPOILT = st.tuples(
    st.integers(0, len(TEXT) - 1), st.integers(0, 40), st.text("0123456789-+e. \n=[]:\r\0abT_", max_size=12)
)


@settings(max_examples=300, deadline=None)
@given(st.lists(SPOILT, min_size=1, max_size=3))
def test_a_spoilt_text_is_refused_or_harmless(spoilt: list[tuple[int, int, str]]) -> None:
    """What passes the check is loaded here, in this process: an abort would end the tests."""
    text = TEXT
    for at, gone, new in spoilt:
        text = text[:at] + new + text[at + gone :]
    try:
        loaded = read_booster(text.encode())
    except ValueError:
        return
    assert loaded.predict(X[:5]).shape == (5,)
    assert loaded.predict(X[:5], pred_contrib=True).shape == (5, 4)
