"""Islands beside each other are bank lines of their own."""

import geopandas as gpd
import numpy as np
import shapely

from erosion.banks.bank_lines import number_bank_lines


def ring(x, y):
    """Four segments around an island."""
    corners = [(x, y), (x + 100, y), (x + 100, y + 100), (x, y + 100), (x, y)]
    return [shapely.LineString(corners[i : i + 2]) for i in range(4)]


def test_each_island_has_a_number_and_the_banks_of_the_river_none():
    lines = [*ring(0, 0), shapely.LineString([(0, 300), (500, 300)]), *ring(150, 0)]
    banks = ["I"] * 4 + ["L"] + ["I"] * 4
    order = np.random.default_rng(1).permutation(len(lines))
    table = gpd.GeoDataFrame({"bank": np.array(banks)[order]}, geometry=np.array(lines)[order], crs=32648)
    number = np.empty(len(lines), dtype=int)
    number[order] = number_bank_lines(table)
    assert number[4] == 0
    assert len({*number[:4]}) == 1 and len({*number[5:]}) == 1
    assert {number[0], number[5]} == {1, 2}


def test_a_river_without_islands_has_one_number():
    table = gpd.GeoDataFrame({"bank": ["L", "R"]}, geometry=[shapely.LineString([(0, 0), (1, 1)])] * 2, crs=32648)
    assert number_bank_lines(table).tolist() == [0, 0]
