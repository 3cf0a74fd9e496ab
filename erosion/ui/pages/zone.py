"""Help for closing a bank in an emergency: the zone, what stands in it, its corners in the national grid."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import altair as alt
import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import streamlit as st

from erosion.core.contracts import SIMULATED_NOTICE
from erosion.exposure.emergency_zone import EmergencyZone, ZoneError, corner_table, emergency_zone
from erosion.exposure.zone_files import zone_file
from erosion.ui import html
from erosion.ui.choice import Choice, segment_row
from erosion.ui.products.places import places_layers, standing_on
from erosion.ui.products.reading import ProductError
from erosion.words import write

LENGTHS: Final = {"upstream": 60.0, "downstream": 240.0, "inland": 30.0}
"""What is asked for, and what stands there first [m]."""

MOST_M: Final = 5_000.0
AROUND_M: Final = 400.0
"""Bank that is drawn beyond the zone [m]."""


def show(choice: Choice) -> None:
    """Show the page."""
    html.show(html.heading(choice.translate("zone.title")), html.note(choice.translate("zone.help")))
    segments = choice.segments
    metric = segments.to_crs(segments.estimate_utm_crs()) if not segments.crs.is_projected else segments
    ids = segments.sort_values(["reach", "bank", "chainage_m"])["segment_id"].tolist()
    row = segment_row(choice)
    first = str(segments["segment_id"].iloc[0 if row is None else row])
    by_id = segments.set_index("segment_id")
    name = f"{choice.region.name} {choice.run.as_of} {choice.language}"

    def written(segment_id: str) -> str:
        place = by_id.loc[segment_id]
        reach = choice.region.reaches.get(place["reach"], {}).get(choice.language, "")
        return f"{write.place(place['bank'], place['chainage_m'], choice.language)} {reach}".strip()

    centre = st.selectbox(
        choice.translate("zone.centre"), ids, index=ids.index(first), format_func=written, key=f"zone {name} {first}"
    )
    given = {}
    for column, (what, usual) in zip(st.columns(len(LENGTHS)), LENGTHS.items(), strict=True):
        with column:
            given[what] = st.number_input(
                choice.translate(f"zone.{what}"), 0.0, MOST_M, usual, 10.0, format="%.0f", key=f"zone {what} {name}"
            )
    try:
        zone = emergency_zone(metric, centre, given["upstream"], given["downstream"], given["inland"])
    except ZoneError:
        html.show(html.banner("info", choice.translate("zone.none"), choice.translate("zone.none.more")))
        return
    for what, reached in (("upstream", zone.upstream_m), ("downstream", zone.downstream_m)):
        if reached < given[what] - 0.5:
            shorter = choice.translate(f"zone.short.{what}", metres=write.number(reached, choice.language))
            html.show(html.banner("warn", shorter))
    left, right = st.columns([1.2, 1], gap="medium")
    with left:
        st.altair_chart(_sketch(choice, zone, metric), width="stretch")
    with right:
        _inside(choice, zone, str(metric.crs))
        _corners(choice, zone, str(metric.crs), written(centre))


def _inside(choice: Choice, zone: EmergencyZone, crs: str) -> None:
    words = choice.language
    html.show(html.heading(choice.translate("zone.inside")))
    try:
        found = standing_on(choice.region, choice.run, zone.area, crs)
    except ProductError as error:
        html.show(html.banner("bad", choice.translate("broken.title"), str(error)))
        found = None

    def number(what: str) -> str:
        value = None if found is None else found[what]
        return choice.translate("zone.unknown") if write.missing(value) else write.number(value, words)

    pairs = [
        (choice.translate(f"zone.count.{what}"), number(what)) for what in ("buildings", "people", "schools", "road_m")
    ]
    size = choice.translate(
        "zone.size.value",
        hectares=write.number(zone.area.area / 1e4, words, 2),
        metres=write.number(zone.bank.length, words),
    )
    html.show(html.grid([(choice.translate("zone.size"), size), *pairs]))
    layers = places_layers(choice.run)
    notes = [
        choice.translate(
            "zone.layer",
            title=layer["title"].get(words, kind),
            attribution=layer["attribution"],
            licence=layer["licence"],
        )
        + (f" {SIMULATED_NOTICE}." if layer["simulated"] else "")
        for kind, layer in layers.items()
        if kind in ("buildings", "population", "schools", "roads")
    ]
    html.show(html.items(notes or [choice.translate("zone.no_layers")], "gaps"))


def _corners(choice: Choice, zone: EmergencyZone, crs: str, place: str) -> None:
    export = str(choice.segments.crs)
    table = corner_table(zone.area, crs, export)
    html.show(
        html.heading(choice.translate("zone.corners")), html.note(choice.translate("zone.crs", crs=_crs_text(choice)))
    )
    shown = pd.DataFrame(
        {
            choice.translate("zone.corner"): table["corner"],
            "X (m)": [write.number(value, choice.language, 1) for value in table["x_m"]],
            "Y (m)": [write.number(value, choice.language, 1) for value in table["y_m"]],
        }
    )
    st.dataframe(shown, hide_index=True, height=38 + 35 * min(len(shown), 8))
    notice = f"{SIMULATED_NOTICE}. " if choice.region.simulated else ""
    facts = {
        "Name": f"{notice}{choice.translate('zone.title')}: {place}",
        "Description": choice.translate(
            "zone.about", date=write.day(choice.run.as_of, choice.language), crs=_crs_text(choice)
        ),
    }
    columns = st.columns(3)
    kinds = {"gpkg": "application/geopackage+sqlite3", "kml": "application/vnd.google-earth.kml+xml"}
    for column, (kind, mime) in zip(columns, kinds.items(), strict=False):
        with column:
            st.download_button(
                kind.upper(),
                data=partial(zone_file, zone.area, crs, export, facts, kind),
                file_name=f"{choice.region.name}_{choice.run.as_of}_zone.{kind}",
                mime=mime,
                on_click="ignore",
                width="stretch",
            )
    with columns[2]:
        st.download_button(
            "CSV",
            data=table.to_csv(
                index=False,
                sep=";" if choice.language == "vi" else ",",
                decimal="," if choice.language == "vi" else ".",
            ),
            file_name=f"{choice.region.name}_{choice.run.as_of}_corners.csv",
            mime="text/csv",
            on_click="ignore",
            width="stretch",
        )


def _crs_text(choice: Choice) -> str:
    crs = choice.segments.crs
    authority = crs.to_authority()
    return f"{crs.name} ({':'.join(authority)})" if authority else str(crs.name)


def _sketch(choice: Choice, zone: EmergencyZone, segments: gpd.GeoDataFrame) -> Any:
    """Return banks and zone to scale, in metres from the middle of the zone."""
    middle = np.array(shapely.get_coordinates(zone.area.centroid)[0])
    near = shapely.box(*shapely.buffer(zone.area, AROUND_M).bounds)
    lines = shapely.intersection(segments.geometry.to_numpy(), near)

    def points(shapes: np.ndarray) -> pd.DataFrame:
        xy, of = shapely.get_coordinates(shapes, return_index=True)
        return pd.DataFrame(
            {"x": xy[:, 0] - middle[0], "y": xy[:, 1] - middle[1], "of": of, "step": np.arange(len(of))}
        )

    outline = points(np.array([shapely.boundary(zone.area)], dtype=object))
    west, south, east, north = near.bounds
    half = 0.5 * max(east - west, north - south)
    scale = alt.Scale(domain=[-half, half], nice=False)
    east_axis = alt.X("x:Q", scale=scale, title=choice.translate("zone.east"))
    north_axis = alt.Y("y:Q", scale=scale, title=choice.translate("zone.north"))
    banks = (
        alt.Chart(points(shapely.get_parts(lines[~shapely.is_empty(lines)])))
        .mark_line(color="#36454f", strokeWidth=2)
        .encode(east_axis, north_axis, detail="of:N", order="step:Q")
    )
    area = (
        alt.Chart(outline)
        .mark_line(color="#c1121f", strokeWidth=2.5, filled=True, fill="#c1121f", fillOpacity=0.18)
        .encode(east_axis, north_axis, detail="of:N", order="step:Q")
    )
    return alt.layer(area, banks).properties(width=460, height=460)
