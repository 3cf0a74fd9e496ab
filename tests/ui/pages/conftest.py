"""How a page is opened without a browser."""

import pytest
from streamlit.testing.v1 import AppTest


def only(page):
    """A page under the common header, as ``app.py`` puts it together."""
    import importlib

    import streamlit as st

    from erosion.ui.pages import frame

    chosen = frame.choose()
    st.session_state["choice"] = chosen
    if chosen is not None:
        frame.facts(chosen)
        frame.banners(chosen)
        importlib.import_module(f"erosion.ui.pages.{page}").show(chosen)


@pytest.fixture
def open_page(monkeypatch):
    """The function that opens a page: name of the page, products, address, session state."""

    def opened(page, folder, address=None, **state):
        monkeypatch.setenv("EROSION_PRODUCTS", str(folder))
        at = AppTest.from_function(only, kwargs={"page": page}, default_timeout=60)
        for key, value in (address or {}).items():
            at.query_params[key] = value
        for key, value in state.items():
            at.session_state[key] = value
        at.run()
        assert not at.exception, at.exception
        return at

    return opened


@pytest.fixture(scope="session")
def text_of():
    """All HTML of a page; tables and charts are not in it."""
    return lambda at: "\n".join(element.proto.body for element in at.get("html"))
