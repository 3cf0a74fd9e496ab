"""The words of the published columns agree with the contracts, and the products page with the words."""

from pathlib import Path

import pytest

from erosion.core import contracts
from erosion.publish.columns import (
    BAND,
    HISTORY,
    LAYER,
    LEVEL_WORDS,
    TABLES,
    UNITS_VI,
    level_label,
    plain_share,
    with_tables,
    worth_words,
)

PAGE = Path(__file__).parents[2] / "docs" / "products.md"


def test_layer_and_history_are_the_contract():
    assert tuple(column.name for column in LAYER) == contracts.LAYER_COLUMNS
    assert tuple(column.name for column in HISTORY) == tuple(contracts.HISTORY_COLUMNS)


def test_units_and_meanings_are_the_contracts():
    layer, history = ({column.name: (column.unit, column.meaning) for column in table} for table in (LAYER, HISTORY))
    assert history == contracts.HISTORY_COLUMNS
    for said in (contracts.SCORE_COLUMNS, contracts.ALERT_COLUMNS):
        for name in set(layer) & set(said) - {"segment_id"}:
            assert layer[name] == said[name]
    for name in set(layer) & set(contracts.SEGMENT_COLUMNS):
        assert layer[name] == contracts.SEGMENT_COLUMNS[name]
    assert all(meaning for _, meaning in layer.values())


@pytest.mark.parametrize(
    "column", dict.fromkeys(c for table in TABLES.values() for c in table), ids=lambda column: column.name
)
def test_names_carry_their_unit(column):
    endings = {"_m": "m", "_m2": "m2", "_deg": "degree", "_per_m": "1/m", "_per_y": "m/yr", "_days": "day"}
    fitting = [
        unit for ending, unit in sorted(endings.items(), key=lambda item: -len(item[0])) if column.name.endswith(ending)
    ]
    if fitting:
        assert column.unit == fitting[0]
    assert column.unit == "" or column.unit in UNITS_VI


def test_heads_differ():
    for table in (LAYER, BAND, HISTORY):
        assert len({column.head for column in table}) == len(table)


def test_every_level_has_words_in_both_languages():
    for words in LEVEL_WORDS.values():
        assert tuple(words) == contracts.LEVELS
    assert level_label(4) == "4 ● rất cao"
    assert level_label(0, "en") == "0 ? not enough data"


def test_products_page_is_up_to_date():
    page = PAGE.read_text(encoding="utf-8")
    assert page == with_tables(page), "run: python -m erosion.publish docs/products.md"
    for level in contracts.LEVELS:
        words = LEVEL_WORDS["en"][level], LEVEL_WORDS["vi"][level]
        row = f"| {level} | {contracts.LEVEL_SYMBOLS[level]} | {words[0]} | {words[1]} | `{contracts.LEVEL_COLOURS[level]}` |"
        assert row in page
    for name, bit in contracts.FLAGS.items():
        assert f"{bit} {name.split('_')[0]}" in page


def test_a_page_without_its_markers_is_refused():
    with pytest.raises(ValueError, match="table: segments"):
        with_tables("# nothing here")


def test_products_page_names_every_file(published):
    page = PAGE.read_text(encoding="utf-8")
    for path in published.iterdir():
        assert f"`{path.name.replace('1y', '<target>').replace('3y', '<target>')}`" in page


def test_a_share_is_said_as_people_say_it():
    said = {share: plain_share(share) for share in (0.02, 0.12, 0.26, 0.31, 0.48, 0.66, 0.73, 0.81, 0.99)}
    assert list(said.values()) == [(1, 20), (1, 10), (1, 4), (1, 3), (1, 2), (2, 3), (3, 4), (4, 5), (9, 10)]


def test_what_levels_are_worth_in_one_line():
    band = {"aim": 0.25, "observed": None, "rows": 0, "events": 0, "cases": 0.0}
    worth = {
        "1y": {
            "2": {**band, "threshold": 0.135, "precision": 0.24},
            "3": {**band, "threshold": 0.4, "precision": 0.52},
        },
        "3y": {},
    }
    assert worth_words(worth, "en").startswith("1y: level 2 from probability 0.14: about 1 in 4 metres, level 3 from")
    assert "mức 3 từ xác suất 0,40: khoảng 1 trên 2 mét" in worth_words(worth, "vi")
