"""Addresses of the map's data: one for the same data, another for any other."""

import json

import pytest
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage
from streamlit.testing.v1 import AppTest

from erosion.ui.map import layers

SCRIPT = """
import streamlit as st
from erosion.ui.map import layers
from erosion.ui.map.served import serve
st.text(serve("here", layers.apart(st.session_state["layers"])))
"""


@pytest.fixture
def answer():
    """What a script of Streamlit writes that serves some layers."""

    def run(*found):
        at = AppTest.from_string(SCRIPT)
        at.session_state["layers"] = list(found)
        at.run()
        assert not at.exception
        return at.text[0].value

    return run


def long_line(y):
    """A layer of more than a megabyte; ``y`` lies between what Streamlit reads of it to make an address."""
    place = [[x, 0] for x in range(200_000)]
    place[30_000] = [30_000, y]
    return layers.paths("line", place, layers.INK, 1.0)


def test_the_address_follows_from_the_data(answer):
    """Streamlit alone gives two large files of one length one address when they differ between its three samples."""
    one, same, other = long_line(1), long_line(1), long_line(2)
    sizes = {len(layers.apart([layer]).data) for layer in (one, other)}
    assert len(sizes) == 1 and min(sizes) > 1 << 20
    storage = MemoryMediaFileStorage("/media")
    plain = {storage.load_and_get_id(layers.apart([layer]).data, "application/json", None) for layer in (one, other)}
    assert len(plain) == 1, "Streamlit tells them apart by itself: the digest in the name can go"
    assert answer(one) == answer(same)
    assert answer(one) != answer(other)


def test_layers_of_a_part_share_one_address_and_take_their_own_list(answer):
    drawn = [layers.paths("a-b", [[0, 0, 1, 1]], layers.INK, 1.0), layers.dots("c", [[2, 2]], layers.INK)]
    one, other = json.loads(f"[{answer(*drawn)}]")
    assert one["data"] == other["data"]
    assert one["data"].startswith("/") and one["data"].endswith(".json")
    data = json.loads(layers.apart(drawn).data)
    assert (one["dataTransform"], other["dataTransform"]) == ("@@=a_b", "@@=c")
    assert data == {"a_b": [{"p": [0, 0, 1, 1]}], "c": [{"p": [2, 2]}]}


def test_below_a_base_path_the_address_is_too(answer, monkeypatch):
    from streamlit import config

    monkeypatch.setitem(
        config.get_config_options(), "server.baseUrlPath", config.get_config_options()["server.baseUrlPath"]
    )
    before = config.get_option("server.baseUrlPath")
    config.set_option("server.baseUrlPath", "/canh-bao/")
    try:
        (layer,) = json.loads(f"[{answer(layers.dots('c', [[2, 2]], layers.INK))}]")
    finally:
        config.set_option("server.baseUrlPath", before)
    assert layer["data"].startswith("/canh-bao/")
