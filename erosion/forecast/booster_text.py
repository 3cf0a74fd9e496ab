"""A LightGBM booster from the bytes of its text, after its structure has been checked.

LightGBM ends the whole process, or reads outside its arrays, on a text whose offsets, counts or node numbers are wrong
(Windows line ends are enough). So nothing is handed to it but what it would have written itself: the header, one block
of lines a tree, arrays of the lengths the tree declares, and nodes that form a tree.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import lightgbm as lgb

HEADER: Final = (
    ("tree", r""),
    ("version", r"=v4"),
    ("num_class", r"=1"),
    ("num_tree_per_iteration", r"=1"),
    ("label_index", r"=0"),
    ("max_feature_idx", r"=\d{1,6}"),
    ("objective", r"=binary sigmoid:1"),
    ("feature_names", r"=\S+( \S+)*"),
    ("monotone_constraints", r"=(-1|0|1)( (-1|0|1))*"),
    ("feature_infos", r"=(none|\[[-+.:\de]+\])( (none|\[[-+.:\de]+\]))*"),
    ("tree_sizes", r"=\d{1,9}( \d{1,9})*"),
)
"""Lines of the header in order, each with what follows its name."""

NODE_NUMBERS: Final = ("split_feature", "split_gain", "threshold", "decision_type", "left_child", "right_child")
LEAF_NUMBERS: Final = ("leaf_value", "leaf_weight", "leaf_count")
MORE_NODE_NUMBERS: Final = ("internal_value", "internal_weight", "internal_count")
WHOLE: Final = {"split_feature", "decision_type", "left_child", "right_child", "leaf_count", "internal_count"}
TREE: Final = (
    "Tree", "num_leaves", "num_cat", *NODE_NUMBERS, *LEAF_NUMBERS, *MORE_NODE_NUMBERS, "is_linear", "shrinkage",
)  # fmt: skip
"""Names of a tree's lines in order."""

DECISION_TYPES: Final = {0, 2, 4, 6, 8, 10}
"""Numerical splits; 2 sends missing values left, 4 and 8 define what counts as missing."""
MOST_LEAVES: Final = 1024
"""LightGBM walks a tree by recursion; ours have 31 leaves."""

# Numbers that a double and an integer of 32 bits can hold, and no other spelling of them.
_NUMBER: Final = r"-?\d{1,20}(?:\.\d{1,25})?(?:e(?:\+?\d\d|-\d{2,3}))?"
_NUMBERS: Final = re.compile(f"(?:{_NUMBER}(?: {_NUMBER})*)?", re.ASCII)
# A split between what is known and what is missing has no finite threshold.
_THRESHOLDS: Final = re.compile(f"(?:(?:{_NUMBER}|inf)(?: (?:{_NUMBER}|inf))*)?", re.ASCII)
_WHOLE_NUMBERS: Final = re.compile(r"(?:-?\d{1,9}(?: -?\d{1,9})*)?", re.ASCII)
_AFTER_TREES: Final = re.compile(
    r"end of trees\n\nfeature_importances:\n(\S+=\d+\n)*"
    r"\nparameters:\n(\[[a-z0-9_]+: [^\n\]]*\]\n)*\nend of parameters\n"
    r"\npandas_categorical:null\n"
)


def read_booster(content: bytes) -> lgb.Booster:
    """Return the booster that a text of LightGBM describes.

    Parameters
    ----------
    content
        Bytes of the file that ``Booster.save_model`` wrote.

    Raises
    ------
    ValueError
        Where the text is not what LightGBM writes for a model of numerical splits; the message names the place.
    """
    import lightgbm as lgb  # slow to import, and only forecasts need it

    text = check_booster(content)
    try:
        return lgb.Booster(model_str=text)
    except lgb.basic.LightGBMError as error:
        raise ValueError(f"LightGBM does not read it: {error}") from error


def check_booster(content: bytes) -> str:
    """Return the text of a booster whose structure is valid.

    Raises
    ------
    ValueError
        As :func:`read_booster`.
    """
    if b"\r" in content:
        raise ValueError("its line ends are not LF; restore the bytes that were released")
    text = content.decode("ascii")
    lines = text.split("\n", len(HEADER) + 1)
    if len(lines) < len(HEADER) + 2 or lines[len(HEADER)]:
        raise ValueError("the header is cut short")
    values = {}
    for (name, pattern), line in zip(HEADER, lines, strict=False):
        if not re.fullmatch(name + pattern, line):
            raise ValueError(f"header: {line[:60]!r} stands where {name} belongs")
        values[name] = line.partition("=")[2]
    n_features = int(values["max_feature_idx"]) + 1
    for name in ("feature_names", "monotone_constraints", "feature_infos"):
        if len(values[name].split(" ")) != n_features:
            raise ValueError(f"header: {name} has not the {n_features} entries that max_feature_idx declares")
    body = lines[len(HEADER) + 1]
    start = 0
    for number, size in enumerate(map(int, values["tree_sizes"].split(" "))):
        _check_tree(body[start : start + size], number, n_features)
        start += size
    if not _AFTER_TREES.fullmatch(body, start):
        raise ValueError("what follows the trees is not what LightGBM writes")
    return text


def _check_tree(block: str, number: int, n_features: int) -> None:
    """Check the lines of one tree."""
    where = f"tree {number}"
    lines = block.split("\n")
    if not block.endswith("\n\n\n") or tuple(line.partition("=")[0] for line in lines[:-3]) != TREE:
        raise ValueError(f"{where}: its lines are not those of a tree, or tree_sizes is wrong")
    values = dict(zip(TREE, (line.partition("=")[2] for line in lines), strict=False))
    if (values["Tree"], values["num_cat"], values["is_linear"]) != (str(number), "0", "0"):
        raise ValueError(f"{where}: it has another number, splits by category or linear leaves")
    if not re.fullmatch(r"[1-9]\d{0,3}", values["num_leaves"]) or int(values["num_leaves"]) > MOST_LEAVES:
        raise ValueError(f"{where}: num_leaves={values['num_leaves'][:20]} is not 1 to {MOST_LEAVES}")
    leaves = int(values["num_leaves"])
    for name in (*NODE_NUMBERS, *MORE_NODE_NUMBERS):
        _check_numbers(values[name], name, leaves - 1, where)
    for name in LEAF_NUMBERS:
        if not (leaves == 1 and values[name] == "" and name != "leaf_value"):  # a constant has no weight
            _check_numbers(values[name], name, leaves, where)
    _check_numbers(values["shrinkage"], "shrinkage", 1, where)
    if leaves > 1:
        split, kind, left, right = (
            list(map(int, values[name].split(" ")))
            for name in ("split_feature", "decision_type", "left_child", "right_child")
        )
        if not all(0 <= feature < n_features for feature in split) or not set(kind) <= DECISION_TYPES:
            raise ValueError(f"{where}: it splits by a feature or in a way that does not exist")
        _check_nodes(left, right, where)


def _check_numbers(text: str, name: str, count: int, where: str) -> None:
    """Check that a line has so many finite numbers, whole ones where LightGBM reads integers."""
    found = text.count(" ") + 1 if text else 0
    if found != count:
        raise ValueError(f"{where}: {name} has {found} values where the tree needs {count}")
    allowed = _THRESHOLDS if name == "threshold" else _WHOLE_NUMBERS if name in WHOLE else _NUMBERS
    if not allowed.fullmatch(text):
        raise ValueError(f"{where}: {name} has values that are not finite numbers, or not whole: {text[:40]!r}")


def _check_nodes(left: Sequence[int], right: Sequence[int], where: str) -> None:
    """Check that every node but the root, and every leaf (``-1 - leaf``), is the child of one node before it."""
    children = sorted((*left, *right))
    leaves = len(left) + 1
    later = all(child < 0 or child > node for side in (left, right) for node, child in enumerate(side))
    if not later or children[0] != -leaves or any(b - a != (2 if a == -1 else 1) for a, b in pairwise(children)):
        raise ValueError(f"{where}: its nodes do not form a tree")
