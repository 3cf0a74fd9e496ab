"""The screen of the early warning: ``streamlit run app.py``; products in ``EROSION_PRODUCTS`` or ``./products``."""

from __future__ import annotations

from functools import partial

import streamlit as st

from erosion.ui import access, html
from erosion.ui.choice import language
from erosion.ui.pages import bulletin, frame, operations, report, results, today, zone
from erosion.ui.pages import list as list_page
from erosion.ui.pages import map as map_page
from erosion.ui.products.reading import ProductError
from erosion.words import translate

PAGES = {
    "today": (today, ":material/today:"),
    "list": (list_page, ":material/format_list_numbered:"),
    "map": (map_page, ":material/map:"),
    "report": (report, ":material/add_a_photo:"),
    "bulletin": (bulletin, ":material/description:"),
    "results": (results, ":material/fact_check:"),
    "zone": (zone, ":material/crisis_alert:"),
    "operations": (operations, ":material/monitor_heart:"),
}


def main() -> None:
    """Lay out the page: what stands on every page, then the page itself."""
    words = language()
    st.set_page_config(page_title=translate(words, "app"), page_icon=html.ICON, layout="wide")
    html.show(html.STYLE)
    pages = {
        name: st.Page(
            partial(st.session_state.__setitem__, "page", name),
            title=translate(words, f"page.{name}"),
            icon=icon,
            url_path=name,
            default=name == "today",
        )
        for name, (_, icon) in PAGES.items()
    }
    st.session_state["pages"] = pages
    st.navigation(list(pages.values())).run()  # says which page; what stands on all of them comes first
    access.show(words)
    choice = frame.choose()
    if choice is None:
        return
    try:
        frame.facts(choice)
        frame.banners(choice)
        PAGES[st.session_state["page"]][0].show(choice)
    except ProductError as error:
        html.show(html.banner("bad", choice.translate("broken.title"), choice.translate("broken.more"), [str(error)]))
    html.show(html.note(choice.translate("not.official")))


main()
