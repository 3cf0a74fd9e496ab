"""The commune in which a bank lies."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from erosion.places.reading import Places

COLUMNS = ("commune_code", "commune", "commune_former")


def communes_along(places: Places, lines: gpd.GeoDataFrame) -> pd.DataFrame:
    """Return every commune that each line, area or point touches.

    Parameters
    ----------
    places
        Reference layers of the region.
    lines
        Bank lines, points or areas in any CRS.

    Returns
    -------
    pandas.DataFrame
        One row for each pair: ``row`` (position in ``lines``), ``commune_code``, ``commune``, ``commune_former`` (former
        names with commas in between, None where not known), ``share`` (of the length of a line or the area of an area
        that lies in it; of a point 1). By row, the largest share first, of equal ones the lowest code.
    """
    empty = pd.DataFrame({"row": np.zeros(0, int), **{name: [] for name in COLUMNS}, "share": np.zeros(0)})
    communes = places.communes
    if communes is None or communes.empty or lines.empty:
        return empty
    shapes = lines.geometry.to_crs(places.crs).to_numpy()
    row, commune = shapely.STRtree(communes.geometry.to_numpy()).query(shapes, predicate="intersects")
    inside = shapely.intersection(shapes[row], communes.geometry.to_numpy()[commune])
    size, whole = _size(inside, shapes[row]), _size(shapes[row], shapes[row])
    found = communes.iloc[commune]
    table = pd.DataFrame(
        {
            "row": row,
            "commune_code": found["code"].to_numpy(),
            "commune": found["name"].to_numpy(),
            "commune_former": [", ".join(names) or None for names in found["former"]],
            "share": np.divide(size, whole, out=np.ones_like(size), where=whole > 0),
        }
    )
    # Lengths of the same line cut by two borders that coincide differ in the last bits.
    order = table.assign(share=table["share"].round(9)).sort_values(
        ["row", "share", "commune_code"], ascending=[True, False, True], kind="stable"
    )
    return table.loc[order.index].reset_index(drop=True)


def commune_of(places: Places, lines: gpd.GeoDataFrame) -> pd.DataFrame:
    """Return the commune of each bank line or point.

    Parameters
    ----------
    places, lines
        See :func:`communes_along`.

    Returns
    -------
    pandas.DataFrame
        :data:`COLUMNS`, indexed like ``lines``: the commune that has most of a line, of two with the same length the one
        with the lower code. All None where more of it lies outside every commune, and where communes are not known.
    """
    table = communes_along(places, lines)
    # Communes do not overlap; where borders of two editions do, the shares may pass one and nothing is outside.
    outside = 1.0 - table.groupby("row")["share"].sum()
    best = table.drop_duplicates("row").set_index("row")
    best = best[best["share"].to_numpy() >= outside.reindex(best.index).to_numpy() - 1e-9]
    return (
        best.reindex(range(len(lines)))[list(COLUMNS)]
        .astype(object)
        .where(lambda t: t.notna(), None)
        .set_axis(lines.index)
    )


def _size(shapes: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Return areas where ``like`` are areas, lengths where they are not."""
    return np.where(shapely.get_dimensions(like) == 2, shapely.area(shapes), shapely.length(shapes))
