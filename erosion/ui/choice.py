"""What somebody has chosen: language, region, date, target, one place on the bank; kept while they change pages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import streamlit as st
from pyproj import Transformer

from erosion.ui.map import deck, sketch
from erosion.ui.products.regions import Region, Run, Target, run_version
from erosion.ui.products.segments import read_segments
from erosion.ui.products.stretches import read_stretches
from erosion.words import LANGUAGES, translate

SAME_PLACE_M = 500.0
"""On another date's bank line a place is the nearest segment of its bank and reach within this distance [m]."""


@dataclass(frozen=True)
class Choice:
    """Everything a page needs to know."""

    language: str
    region: Region
    run: Run
    previous: Run | None
    """The run of the date before."""
    target: Target

    def translate(self, key: str, **values: object) -> str:
        """Return a text of the screen in the chosen language."""
        return translate(self.language, key, **values)

    @property
    def segments(self) -> gpd.GeoDataFrame:
        """Segments of the run and target, worst first; shared, never changed."""
        return read_segments(self.run, self.target.name)

    @property
    def stretches(self) -> pd.DataFrame | None:
        """Stretches of the run and target, worst first; None for a run of an older program. Shared, never changed."""
        return read_stretches(self.run, self.target.name)

    @property
    def version(self) -> str:
        """Cache key of the run's files."""
        return run_version(self.run, self.target.name)


def language() -> str:
    """Return the chosen language, Vietnamese until somebody chooses."""
    chosen = st.session_state.get("language")
    return chosen if chosen in LANGUAGES else next(iter(LANGUAGES))


def select(name: str, label: str, options: Sequence[str], written: Callable[[str], str]) -> str:
    """Return what is chosen in a select box, remembered under a name, whatever the language and the page.

    A box keeps showing the words it was chosen in, so each language has a box of its own; and only what is remembered
    here can be changed by the program (:func:`remember`).
    """
    key = f"{name} {language()} {st.session_state.get(f'{name} set', 0)}"
    known = st.session_state.get(name)
    chosen = st.selectbox(
        label, options, index=options.index(known) if known in options else 0, format_func=written, key=key
    )
    st.session_state[name] = chosen
    return chosen


def remember(name: str, value: str) -> None:
    """Choose something in a box of :func:`select` for somebody."""
    st.session_state[name] = value
    st.session_state[f"{name} set"] = st.session_state.get(f"{name} set", 0) + 1


def river(choice: Choice) -> str | None:
    """Return the name of the reach chosen where the region has several, None for all of them."""
    reaches = choice.region.reaches
    if len(reaches) < 2:
        return None
    known = st.session_state.get("river")
    chosen = st.pills(
        choice.translate("list.filter.reach"),
        list(reaches),
        format_func=lambda name: reaches[name].get(choice.language, name),
        default=known if known in reaches else None,
        key=f"river {choice.region.name} {choice.language}",
    )
    st.session_state["river"] = chosen
    return chosen


def choose_segment(choice: Choice, row: int, *, zoom: bool) -> None:
    """Choose the segment in a row of the ranking; ``zoom`` moves the map to it."""
    table = choice.segments
    line = deck.plane_of(choice.run, choice.target.name, choice.version)[1][row]
    st.session_state["segment"] = str(table["segment_id"].iloc[row])
    st.session_state["segment_on"] = (choice.region.name, choice.run.as_of)
    st.session_state["place"] = _degrees(choice, line)
    st.session_state["side"] = (str(table["reach"].iloc[row]), str(table["bank"].iloc[row]))
    if zoom:
        move_map("segment")


def forget_segment() -> None:
    """Choose no segment."""
    for key in ("segment", "segment_on", "place", "side"):
        st.session_state.pop(key, None)


def narrow() -> bool:
    """Return whether the page is on a phone, as far as its browser says."""
    return deck.fitting_width(st.context.headers.get("User-Agent", "")) <= deck.PHONE_PX


def open_address() -> None:
    """Choose the stretch that the address names (``?stretch=ID``): once, when the page is opened."""
    if not st.session_state.setdefault("address opened", False):
        st.session_state["address opened"] = True
        asked = st.query_params.get("stretch")
        if asked:
            choose_stretch(asked)
            st.session_state["to stretch"] = True


def choose_stretch(stretch_id: str | None, *, from_table: bool = False) -> None:
    """Choose a stretch, or none; the segment that was chosen in another one is chosen no more.

    A table marks the row that was touched in it by itself; for any other choice its mark has to move (``stretch turn``).
    """
    if st.session_state.get("stretch") != stretch_id:
        forget_segment()
    st.session_state["stretch"] = stretch_id
    if not from_table:
        st.session_state["stretch turn"] = st.session_state.get("stretch turn", 0) + 1


def chosen_stretch() -> str | None:
    """Return the id of the chosen stretch; it may be unknown in the run on the page."""
    chosen = st.session_state.get("stretch")
    return None if chosen is None else str(chosen)


def write_address(choice: Choice) -> None:
    """Let the address name the region and the chosen stretch, so that it can be sent to somebody."""
    wanted = {"region": choice.region.name} | ({"stretch": chosen} if (chosen := chosen_stretch()) else {})
    if st.query_params.to_dict() != wanted:
        st.query_params.from_dict(wanted)


def move_map(at: str) -> None:
    """Move the map: ``segment`` or ``whole``."""
    st.session_state["map_view"] = at
    st.session_state["map_moves"] = st.session_state.get("map_moves", 0) + 1


def segment_row(choice: Choice) -> int | None:
    """Return the row of the chosen segment in the ranking of the chosen date.

    On another date the bank line is another, and so are the segments; the place stays the same where a bank is near.
    """
    segment = st.session_state.get("segment")
    if segment is None:
        return None
    table = choice.segments
    on = st.session_state.get("segment_on")
    if on is not None and on[0] != choice.region.name:
        forget_segment()
        return None
    if on == (choice.region.name, choice.run.as_of):
        found = np.flatnonzero(table["segment_id"].to_numpy() == segment)
        return int(found[0]) if found.size else None
    plane, lines = deck.plane_of(choice.run, choice.target.name, choice.version)
    here = sketch.to_metres(np.array([shapely.Point(st.session_state["place"])]), plane)[0]
    reach, bank = st.session_state["side"]
    mine = np.flatnonzero((table["reach"] == reach) & (table["bank"] == bank))
    if not mine.size:
        return None
    away = shapely.distance(lines[mine], here)
    nearest = int(away.argmin())
    return int(mine[nearest]) if away[nearest] <= SAME_PLACE_M else None


def _degrees(choice: Choice, line: shapely.LineString) -> tuple[float, float]:
    plane, _ = deck.plane_of(choice.run, choice.target.name, choice.version)
    middle = shapely.get_coordinates(shapely.line_interpolate_point(line, 0.5, normalized=True))[0]
    lon, lat = Transformer.from_crs(plane.crs, "EPSG:4326", always_xy=True).transform(*middle)
    return float(lon), float(lat)
