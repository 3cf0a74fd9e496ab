"""The map: to scale, named, and readable without colour."""

from __future__ import annotations

import io
import re

import geopandas as gpd
import numpy as np
import pytest
import shapely
from PIL import Image

from erosion.publish.bulletins.figure import DPI, draw_map, map_figure
from tests.publish.conftest import EAST, NORTH

SIZE_MM = (170.0, 90.0)


def river(level: int = 1, banks: str = "LR") -> gpd.GeoDataFrame:
    """A straight river of 8 km, 300 m wide, in segments of 100 m."""
    rows, lines = [], []
    for bank in banks:
        y = NORTH + (150.0 if bank == "L" else -150.0)
        for i in range(80):
            rows.append({"reach": "hau", "bank": bank, "chainage_m": 100.0 * i + 50.0, "joint_level": level})
            lines.append(shapely.LineString([(EAST + 100.0 * i, y), (EAST + 100.0 * (i + 1), y)]))
    return gpd.GeoDataFrame(rows, geometry=lines, crs="EPSG:9208")


def some_stretches(table: gpd.GeoDataFrame, rows: list[int]) -> gpd.GeoDataFrame:
    return table.iloc[rows].reset_index(drop=True).assign(no=range(1, len(rows) + 1))


def texts(figure) -> list[str]:
    axes = figure.axes[0]
    return [text.get_text() for text in (*axes.texts, axes.title, axes._left_title) if text.get_text()]


def test_the_map_names_crs_scale_north_river_and_kilometres():
    table = river()
    figure = map_figure(
        table, some_stretches(table, [10, 90]), "vi", SIZE_MM, whole=True, reach_titles={"hau": "Sông Hậu $x^2$"}
    )
    found = texts(figure)
    assert "Hệ tọa độ: EPSG:9208 (VN-2000 / TM-3 104-45), đơn vị mét" in found
    assert {"B", "1", "2", "Sông Hậu $x^2$"} <= set(found)
    assert {str(km) for km in range(1, 8)} <= set(found), "kilometres of the river"
    kilometre = next(
        text for text in figure.axes[0].texts if text.get_text() == "4" and text.get_bbox_patch() is not None
    )
    x, y = kilometre.get_position()
    assert x == pytest.approx(EAST + 4000.0, abs=60.0) and y == pytest.approx(NORTH, abs=1.0), (
        "in the middle of the river"
    )


def test_the_scale_bar_and_the_written_scale_hold_on_paper():
    table = river()
    figure = map_figure(table, some_stretches(table, [10]), "vi", SIZE_MM, whole=True)
    scale, km = next(
        re.match(r"Tỷ lệ khoảng 1:([\d.]+)   0 – ([\d,]+) km", text).groups()
        for text in texts(figure)
        if "Tỷ lệ" in text
    )
    axes = figure.axes[0]
    bar = [line for line in axes.lines if len(line.get_xdata()) == 2]
    ends = axes.transData.transform([(bar[0].get_xdata()[0], NORTH), (bar[-1].get_xdata()[1], NORTH)])
    on_paper_mm = (ends[1, 0] - ends[0, 0]) / DPI * 25.4
    on_ground_km = float(km.replace(",", "."))
    assert on_paper_mm * 1e-6 * float(scale.replace(".", "")) == pytest.approx(on_ground_km, rel=0.03)
    assert bar[-1].get_xdata()[1] - bar[0].get_xdata()[0] == pytest.approx(1000.0 * on_ground_km)


def test_a_map_of_a_commune_lies_around_its_stretches():
    table = river()
    figure = map_figure(table, some_stretches(table, [40]), "vi", SIZE_MM, whole=False)
    low, high = figure.axes[0].get_xlim()
    assert EAST + 2000.0 < low < EAST + 4000.0 and EAST + 4100.0 < high < EAST + 6000.0


def dark_pixels(level: int) -> np.ndarray:
    """Dark pixels along one bank at a level, in grey: how many rows are dark in each column of its middle part."""
    table = river(level, banks="L")
    png = draw_map(table, some_stretches(table, []), "vi", SIZE_MM, whole=True)
    grey = np.asarray(Image.open(io.BytesIO(png)).convert("L"))
    middle = grey.shape[0] * (12 + 36) // 90
    part = grey[middle - 25 : middle + 25, grey.shape[1] // 3 : grey.shape[1] // 3 * 2]
    return (part < 215).sum(axis=0)


def test_levels_are_told_apart_in_black_and_white():
    dark = {level: dark_pixels(level) for level in range(5)}
    width = {level: np.percentile(columns, 90) for level, columns in dark.items()}
    assert width[4] >= width[3] + 2 and width[3] >= width[2] + 2, "the higher the wider"
    assert width[2] > max(width[1], width[0])
    broken = {level: (columns == 0).mean() for level, columns in dark.items()}
    assert broken[4] < 0.05 and broken[1] < 0.2, "very high and low are whole lines"
    assert broken[0] > 0.3, "unknown is dotted"
    gaps = {level: np.diff(np.flatnonzero(np.diff((dark[level] > 0).astype(int)) == 1)) for level in (2, 3)}
    assert gaps[2].size and gaps[3].size, "medium and high are dashed"


def test_a_map_without_any_line_is_drawn():
    empty = river().iloc[:0]
    assert draw_map(empty, some_stretches(empty, []), "en", SIZE_MM, whole=True)[:4] == b"\x89PNG"
