"""Data of the map at addresses of this server, so that a browser asks for them once and a click sends none of them."""

from __future__ import annotations

import streamlit as st
from streamlit.runtime import get_instance

from erosion.ui.map.layers import Part


def serve(place: str, part: Part) -> str:
    """Return layers as JSON without the outer brackets, their data at an address of this server.

    The address follows from the data alone: as long as it stays the same, deck.gl keeps what it has loaded and drawn.

    Parameters
    ----------
    place
        Which part of the map it is; a session keeps the data of one address at each place.
    part
        Layers whose data are served.
    """
    # Streamlit makes the address of a large file from its length, beginning, middle and end only: the digest goes with it.
    path = get_instance().media_file_mgr.add(part.data, "application/json", f"map {place}", file_name=part.digest)
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return part.at(f"/{base}{path}" if base else path)
