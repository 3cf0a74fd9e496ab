"""Layers of the map: levels, strips, outcomes, tooltips, and that they ask nobody for anything."""

import json

import geopandas as gpd
import numpy as np
import pytest
import shapely
from pyproj import Geod

from erosion.core.contracts import LEVEL_COLOURS
from erosion.core.vocabulary import ForecastOutcome
from erosion.ui.map import deck, layers, sketch
from erosion.ui.products.regions import read_region, run_version
from erosion.ui.products.segments import read_bands, read_segments
from erosion.ui.products.verification import read_outcomes


@pytest.fixture(scope="module")
def region(published):
    return read_region(published / "song-thu")


@pytest.fixture(scope="module")
def newest(region):
    run = region.runs[-1]
    return run, run_version(run, "1y")


def layers_of(*parts):
    """Layers as deck.gl builds them: each takes its list out of the file of its part."""
    found = {}
    for part in parts:
        served = json.loads(part.data)
        for layer in json.loads(f"[{part.at('/media/x.json')}]"):
            assert layer["data"] == "/media/x.json"
            found[layer["id"]] = layer | {"data": served[layer["dataTransform"].removeprefix("@@=")]}
    return found


def tips_of(part):
    return layers_of(part)[deck.PICK_LAYER]["data"]


def test_the_plane_keeps_distances(newest):
    run, version = newest
    lines = deck.plane_of(run, "1y", version)[1]
    table = read_segments(run, "1y")
    degrees = sketch.lon_lat(table.geometry)
    first, last = (shapely.get_coordinates(shapely.get_point(degrees, end)) for end in (0, -1))
    true = Geod(ellps="WGS84").inv(*first.T, *last.T)[2]
    drawn = np.hypot(*(np.subtract(*(shapely.get_coordinates(shapely.get_point(lines, end)) for end in (0, -1)))).T)
    np.testing.assert_allclose(drawn, true, rtol=1e-4)
    # The plane is true to scale; the region's own CRS is not quite, and its lengths are what the layer says.
    np.testing.assert_allclose(shapely.length(lines), table["length_m"], rtol=5e-4)


def test_level_lines_cover_every_segment_in_its_colour(newest):
    run, version = newest
    table = read_segments(run, "1y")
    _, lines = deck.plane_of(run, "1y", version)
    drawn = layers_of(deck.levels(run, "1y", "level", version))
    for level in range(5):
        layer = drawn[f"level-{level}"]
        assert layer["getColor"] == layers.colour(LEVEL_COLOURS[level])
        paths = [shapely.LineString(np.reshape(item["p"], (-1, 2))) for item in layer["data"]]
        wanted = lines[table["level"].to_numpy() == level]
        assert sum(path.length for path in paths) == pytest.approx(shapely.length(wanted).sum(), rel=0.02)
        near = shapely.buffer(shapely.union_all(paths), 3.0 + sketch.SIMPLIFY_M)
        assert shapely.covers(near, wanted).all()
    assert list(drawn)[:5] == [f"level-{level}" for level in range(5)], "the worst is drawn last"
    numbers = drawn["level-number"]["data"]
    places = shapely.points([item["p"] for item in numbers])
    said = np.array([int(item["t"]) for item in numbers])
    raised = np.flatnonzero(table["level"] >= 2)
    away = shapely.distance(lines[raised][:, None], places[None, :])
    away[table["level"].to_numpy()[raised][:, None] != said[None, :]] = np.inf
    assert (away.min(axis=1) < 350.0).all(), "a number of its level stands near every raised segment"
    assert (away.min(axis=0) < 2.0 + deck.NUMBER_INLAND_M).all(), "and no number where no such level is"
    assert len(raised) / deck.NUMBER_EACH <= len(numbers) < len(raised)


def test_the_joint_level_is_drawn_by_its_own_column(newest):
    run, version = newest
    table = read_segments(run, "1y")
    assert (table["joint_level"] != table["level"]).any()
    drawn = layers_of(deck.levels(run, "1y", "joint_level", version))
    own = layers_of(deck.levels(run, "1y", "level", version))
    assert drawn["level-2"]["data"] != own["level-2"]["data"]
    lines = deck.plane_of(run, "1y", version)[1]
    wanted = shapely.length(lines[(table["joint_level"] == 2).to_numpy()]).sum()
    paths = [shapely.LineString(np.reshape(item["p"], (-1, 2))) for item in drawn["level-2"]["data"]]
    assert sum(path.length for path in paths) == pytest.approx(wanted, rel=0.02)
    tips = tips_of(deck.picks(run, "1y", "vi", "joint_level", None, version))
    assert [tip["b"][0] for tip in tips] == [str(level) for level in table["joint_level"]]


def test_strips_are_those_of_the_file(newest):
    run, version = newest
    drawn = layers_of(deck.strips(run, "1y", version))
    bands = read_bands(run, "1y")
    bands = bands[bands["retreat_m"] >= sketch.SIMPLIFY_M]
    for name in ("p90", "p70", "p50", "p30"):
        mine = bands[bands["quantile"] == name]
        rings = [shapely.Polygon(np.reshape(item["p"], (-1, 2))) for item in drawn[f"band-{name}"]["data"]]
        assert abs(len(rings) - len(mine)) <= 3
        area = mine.to_crs("EPSG:32648").area.sum()
        assert sum(ring.area for ring in rings) == pytest.approx(area, rel=0.05)
    assert [name for name in drawn if name.startswith("band-")] == ["band-p90", "band-p70", "band-p50", "band-p30"], (
        "the wider strip lies below"
    )


def test_the_map_asks_nobody_for_anything(newest):
    run, version = newest
    lines = deck.plane_of(run, "1y", version)[1]
    parts = [
        deck.ground(run, "1y", version),
        deck.strips(run, "1y", version),
        deck.levels(run, "1y", "level", version),
        deck.marks(run, "1y", "vi", deck.DESK_PX, version),
        deck.picks(run, "1y", "vi", "level", None, version),
    ]
    text = deck.compose(
        [deck.chosen(lines[0], 4), *(part.at("/media/x.json") for part in parts)],
        {"target": [0, 0, 0], "zoom": 0},
        "{a}",
        0,
    ).to_json()
    spec = json.loads(text)
    assert spec["mapStyle"] == "__MAP_STYLE__", "an empty style would fetch one from outside"
    assert "http" not in text
    assert not any(b"http" in part.data for part in parts)
    (drawn,) = spec["layers"]  # in a list of their own, where Streamlit does not fade what is not selected
    assert drawn[-1]["id"] == deck.PICK_LAYER
    assert [layer["id"] for layer in drawn if layer["pickable"]] == [deck.PICK_LAYER]
    assert {layer["data"] for layer in drawn if not layer["id"].startswith("chosen")} == {"/media/x.json"}


def test_the_description_of_the_map_is_new_after_a_click_and_its_layers_are_not(newest):
    """Streamlit forgets what was clicked with a new description; deck.gl draws anew what differs in it."""
    run, version = newest
    part = deck.levels(run, "1y", "level", version).at("/media/x.json")
    before, after = (deck.compose([part], {"zoom": 0}, "{a}", clicks).to_json() for clicks in (0, 1))
    assert before != after
    assert json.loads(before)["layers"] == json.loads(after)["layers"]
    assert json.loads(before)["initialViewState"] == json.loads(after)["initialViewState"]


def test_the_stretch_of_the_chosen_segment_is_rimmed(newest):
    run, version = newest
    table = read_segments(run, "1y")
    _, lines = deck.plane_of(run, "1y", version)
    rows = np.flatnonzero(table["stretch_id"].notna())
    mine = (table["stretch_id"] == table["stretch_id"].iloc[rows[0]]).to_numpy()
    assert 1 < mine.sum() < len(rows), "several stretches, and several segments in this one"
    (layer,) = json.loads(f"[{deck.stretch(lines, table, int(rows[0]))}]")
    paths = [shapely.LineString(np.reshape(item["p"], (-1, 2))) for item in layer["data"]]
    assert sum(path.length for path in paths) == pytest.approx(shapely.length(lines[mine]).sum(), rel=0.02)
    assert shapely.covers(shapely.buffer(shapely.union_all(paths), 3.0 + sketch.SIMPLIFY_M), lines[mine]).all()
    outside = int(np.flatnonzero(table["stretch_id"].isna())[0])
    (layer,) = json.loads(f"[{deck.stretch(lines, table, outside)}]")
    assert layer["data"] == []


def test_tooltips_are_of_their_segment_and_carry_no_text_of_the_file(newest):
    run, version = newest
    data = tips_of(deck.picks(run, "1y", "vi", "level", None, version))
    table = read_segments(run, "1y")
    assert len(data) == len(table)
    row = int(np.flatnonzero(table["level"] == 4)[0])
    segment = table.iloc[row]
    assert data[row]["b"] == "4 ● rất cao"
    assert data[row]["c"] == f"{round(100 * segment['p_event'])}%"
    assert data[row]["d"].startswith(f"{round(segment['retreat_p50_m'])} m (")
    middles = shapely.line_interpolate_point(deck.plane_of(run, "1y", version)[1], 0.5, normalized=True)
    cells = np.array([shapely.Polygon(np.reshape(item["p"], (-1, 2))) for item in data])
    assert shapely.contains(cells, middles).all()
    assert not any("thu-" in str(item) for item in data), "a name like @@= would be run as an expression"


def test_outcomes_colour_what_the_file_says(region):
    run = region.runs[0]
    found = read_outcomes(region.folder, run.as_of, "1y")
    version = run_version(run, "1y")
    table = read_segments(run, "1y")
    outcome = deck.outcome_of(table, found)
    said = found.set_index("segment_id")["outcome"]
    assert (outcome == table["segment_id"].map(said).to_numpy()).all()
    drawn = layers_of(deck.results(run, "1y", found, version))
    assert drawn["outcome-miss"]["getColor"] == layers.colour(deck.OUTCOME_COLOURS["miss"])
    assert {name: bool(layer["data"]) for name, layer in drawn.items()} == {
        f"outcome-{name}": bool((outcome == name).any()) for name in ForecastOutcome
    }
    odd = found.assign(outcome="<b>")
    assert set(deck.outcome_of(table, odd)) == {"unknown"}
    tips = tips_of(deck.picks(run, "1y", "vi", "level", found, version + " outcome"))
    row = int(np.flatnonzero(outcome == "hit")[0])
    assert tips[row]["e"] == "✔ báo đúng (44 m)"


def test_the_whole_reach_fits_into_the_width_of_a_phone_and_of_a_desk(newest):
    """In pixels of an orthographic view: metres times 2 to the power of the zoom."""
    run, version = newest
    plane, lines = deck.plane_of(run, "1y", version)
    west, _, east, _ = shapely.total_bounds(lines)
    android = "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Mobile Safari/537.36"
    iphone = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Version/17.0 Mobile/15E148 Safari/604.1"
    desk = "Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0"
    for agent, canvas in ((android, 364.0), (iphone, 364.0), (desk, 585.0), ("", 585.0)):
        view = deck.whole_view(plane, deck.fitting_width(agent))
        left, right = ((x - view["target"][0]) * 2.0 ** view["zoom"] for x in (west, east))
        assert -0.5 * canvas < left < right < 0.5 * canvas
        assert right - left > 0.75 * canvas, "the reach fills the map"


def test_labels_of_chainage_do_not_overlap(newest):
    run, version = newest
    plane, _ = deck.plane_of(run, "1y", version)
    for width in (deck.PHONE_PX, deck.DESK_PX):
        labels = layers_of(deck.marks(run, "1y", "vi", width, version))["km"]["data"]
        px = np.array([label["p"] for label in labels]) * 2.0 ** deck.whole_view(plane, width)["zoom"]
        for i, j in zip(*np.triu_indices(len(px), 1), strict=True):
            across, along = np.abs(px[i] - px[j])
            assert across >= deck.KM_PX[0] - 1 or along >= deck.KM_PX[1] - 1


def test_necks_that_may_be_cut_are_marked_with_their_chance(newest):
    run, version = newest
    table = read_segments(run, "1y")
    _, lines = deck.plane_of(run, "1y", version)
    likely = table["p_cutoff"].to_numpy(float) >= 0.05
    assert likely.any() and (table["p_cutoff"] < 0.05).any(), (
        "the right bank of the neck, and the left one that is less likely"
    )
    drawn = layers_of(*deck.necks(run, "1y", "vi", version))
    paths = [shapely.LineString(np.reshape(item["p"], (-1, 2))) for item in drawn["necks"]["data"]]
    near = shapely.buffer(shapely.union_all(paths), 3.0 + sketch.SIMPLIFY_M)
    assert shapely.covers(near, lines[likely]).all()
    assert not shapely.intersects(near, lines[~likely & (table["bank"] == "L").to_numpy()]).any()
    (label,) = drawn["neck-chance"]["data"]
    assert label["t"] == "eo 31%"
    assert shapely.distance(shapely.Point(label["p"]), shapely.union_all(lines[likely])) < 2.0


def test_a_run_without_necks_marks_none(own):
    run = read_region(own / "song-thu").runs[-1]
    path = run.directory / "segments_1y.parquet"
    gpd.read_parquet(path).assign(p_cutoff=np.nan).to_parquet(path)
    assert deck.necks(run, "1y", "vi", "without necks") is None
