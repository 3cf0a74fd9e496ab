"""What is drawn: lines in metres, the river between its banks, layers that ask nobody for anything."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shapely
from pyproj import Geod

import erosion
from erosion.core.contracts import LEVEL_COLOURS
from erosion.ui import choice as choices
from erosion.ui.map import deck, sketch
from erosion.ui.pages import frame
from erosion.ui.pages import list as list_page
from erosion.ui.products.ledger import count_open_warnings, ledger_problem, read_changes, read_recent_runs
from erosion.ui.products.reading import ProductError
from erosion.ui.products.regions import Target, read_last_attempt, read_manifest, read_region, run_version
from erosion.ui.products.segments import read_bands, read_history, read_segments
from erosion.ui.products.verification import read_outcomes


@pytest.fixture(scope="module")
def region(published):
    return read_region(published / "song-thu")


@pytest.fixture(scope="module")
def newest(region):
    run = region.runs[-1]
    return run, run_version(run, "1y")


def layers_of(text):
    return {layer["id"]: layer for layer in json.loads(f"[{text}]")}


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


def test_neighbouring_lines_of_one_kind_become_one():
    lines = np.array([shapely.LineString([(10 * i, 0), (10 * i + 10, 0)]) for i in range(5)])
    order = np.array([3, 0, 2, 1, 4])
    joined = sketch.chains(lines[order], np.array(list("aabab"))[order], np.arange(5.0)[order])
    found = {(key, tuple(xy[:, 0])) for key, xy in joined}
    assert found == {("a", (0.0, 10.0, 20.0)), ("b", (20.0, 30.0)), ("a", (30.0, 40.0)), ("b", (40.0, 50.0))}


def test_lines_that_do_not_touch_stay_apart():
    lines = np.array([shapely.LineString([(0, 0), (10, 0)]), shapely.LineString([(50, 0), (60, 0)])])
    assert len(sketch.chains(lines, np.array(["a", "a"]), np.array([0.0, 5.0]))) == 2


def test_a_straight_river_is_drawn_between_its_banks():
    at = np.arange(0.0, 6000.0, 100.0)
    left = [shapely.LineString([(x, 100), (x + 100, 100)]) for x in at]
    right = [shapely.LineString([(x, -100), (x + 100, -100)]) for x in at]
    ring = [(3000, -20), (3100, 0), (3000, 20), (2900, 0), (3000, -20)]
    island = [shapely.LineString(ring[i : i + 2]) for i in range(4)]
    lines = np.array([*left, *right, *island])
    bank = np.array(["L"] * 60 + ["R"] * 60 + ["I"] * 4)
    chainage = np.concatenate([at, at, [2990, 3010, 3000, 3005]])
    water, islands = sketch.river(lines, bank, chainage)
    area = shapely.union_all([shapely.Polygon(np.reshape(piece, (-1, 2))) for piece in water])
    assert area.symmetric_difference(shapely.box(0, -100, 6000, 100)).area < 0.001 * area.area
    assert len(islands) == 1
    assert shapely.Polygon(np.reshape(islands[0], (-1, 2))).area == pytest.approx(4000.0)

    middle_at, middle = sketch.centre_line(lines, bank, chainage)
    np.testing.assert_allclose(middle[:, 1], 0.0, atol=1e-6)
    np.testing.assert_allclose(middle[:, 0], middle_at + 50.0, atol=1e-6)
    (one, *_) = sketch.marks(middle_at, middle, 1000.0)
    assert one == (0, [50, 0], 0.0)
    assert [mark[0] for mark in sketch.marks(middle_at, middle, 1000.0)] == [0, 1, 2, 3, 4, 5]


def test_marks_too_close_at_first_sight_wait_for_zooming_in():
    found = [(km, [x, 0], 0.0) for km, x in ((0, 0), (10, 400), (20, 1100), (30, 1200))]
    kept, rest = sketch.spaced(found, 1000.0)
    assert [mark[0] for mark in kept] == [0, 20]
    assert [mark[0] for mark in rest] == [10, 30]


@pytest.mark.parametrize(("length", "bar"), [(999.0, 500.0), (1000.0, 1000.0), (2400.0, 2000.0), (0.6, 0.5)])
def test_scale_bars_have_round_lengths(length, bar):
    assert sketch.nice(length) == bar


def test_level_lines_cover_every_segment_in_its_colour(newest):
    run, version = newest
    table = read_segments(run, "1y")
    _, lines = deck.plane_of(run, "1y", version)
    drawn = layers_of(deck.levels(run, "1y", version))
    for level in range(5):
        layer = drawn[f"level-{level}"]
        assert layer["getColor"] == deck.colour(LEVEL_COLOURS[level])
        paths = [shapely.LineString(np.reshape(item["p"], (-1, 2))) for item in layer["data"]]
        wanted = lines[table["level"].to_numpy() == level]
        assert sum(path.length for path in paths) == pytest.approx(shapely.length(wanted).sum(), rel=0.02)
        near = shapely.buffer(shapely.union_all(paths), 3.0 + sketch.SIMPLIFY_M)
        assert shapely.covers(near, wanted).all()
    assert list(drawn)[:5] == [f"level-{level}" for level in range(5)], "the worst is drawn last"
    numbers = [item["t"] for item in drawn["level-number"]["data"]]
    assert sorted(numbers) == sorted(str(level) for level in table["level"] if level >= 2)


def test_strips_are_those_of_the_file(newest):
    run, version = newest
    drawn = layers_of(deck.ground(run, "1y", version))
    bands = read_bands(run, "1y")
    bands = bands[bands["retreat_m"] >= sketch.SIMPLIFY_M]
    for name in ("p90", "p50"):
        mine = bands[bands["quantile"] == name]
        rings = [shapely.Polygon(np.reshape(item["p"], (-1, 2))) for item in drawn[f"band-{name}"]["data"]]
        assert abs(len(rings) - len(mine)) <= 3
        area = mine.to_crs("EPSG:32648").area.sum()
        assert sum(ring.area for ring in rings) == pytest.approx(area, rel=0.05)
    assert list(drawn).index("band-p90") < list(drawn).index("band-p50"), "the wider strip lies below"


def test_the_map_asks_nobody_for_anything(newest):
    run, version = newest
    text = deck.compose(
        [deck.ground(run, "1y", version), deck.levels(run, "1y", version), deck.marks(run, "1y", "vi", version)],
        deck.picks(run, "1y", "vi", None, version),
        "segments-0",
        {"target": [0, 0, 0], "zoom": 0},
        "{a}",
    ).to_json()
    spec = json.loads(text)
    assert spec["mapStyle"] == "__MAP_STYLE__", "an empty style would fetch one from outside"
    outside = text.replace("http://www.w3.org/2000/svg", "")
    assert "http" not in outside
    assert spec["layers"][-1]["pickable"] is True
    assert sum(layer["pickable"] for layer in spec["layers"]) == 1


def test_tooltips_are_of_their_segment_and_carry_no_text_of_the_file(newest):
    run, version = newest
    data = json.loads(deck.picks(run, "1y", "vi", None, version))
    table = read_segments(run, "1y")
    assert len(data) == len(table)
    row = int(np.flatnonzero(table["level"] == 4)[0])
    segment = table.iloc[row]
    assert data[row]["b"] == "4 ● rất cao"
    assert data[row]["c"] == f"{round(100 * segment['p_event'])}%"
    assert data[row]["d"].startswith(f"{round(segment['retreat_p50_m'])} m (")
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
    assert drawn["outcome-miss"]["getColor"] == deck.colour(deck.OUTCOME_COLOURS["miss"])
    assert {name: bool(layer["data"]) for name, layer in drawn.items()} == {
        f"outcome-{name}": bool((outcome == name).any()) for name in deck.OUTCOMES
    }
    odd = found.assign(outcome="<b>")
    assert set(deck.outcome_of(table, odd)) == {"unknown"}
    tips = json.loads(deck.picks(run, "1y", "vi", found, version + " outcome"))
    row = int(np.flatnonzero(outcome == "hit")[0])
    assert tips[row]["e"] == "✔ báo đúng (44 m)"


# --- choosing --------------------------------------------------------------------------------------------------------


def chosen(region, run):
    return choices.Choice("vi", region, run, None, region.targets[0])


def test_a_place_stays_chosen_on_the_bank_line_of_another_date(region, monkeypatch):
    state = {}
    monkeypatch.setattr(choices.st, "session_state", state)
    new, old = chosen(region, region.runs[-1]), chosen(region, region.runs[0])
    choices.choose_segment(new, 17, zoom=False)
    assert choices.segment_row(new) == 17
    row = choices.segment_row(old)
    # Names stay the same on this river, so the same place is the same name, at another rank.
    assert old.segments["segment_id"].iloc[row] == new.segments["segment_id"].iloc[17]
    choices.forget_segment()
    assert choices.segment_row(new) is None


def test_a_place_of_another_region_is_no_place_here(published, region, monkeypatch):
    state = {}
    monkeypatch.setattr(choices.st, "session_state", state)
    choices.choose_segment(chosen(region, region.runs[-1]), 3, zoom=True)
    other = read_region(published / "tap-duot")
    assert choices.segment_row(chosen(other, other.runs[0])) is None


def test_the_ranking_is_worst_first_and_unknown_last(newest):
    table = read_segments(newest[0], "1y")
    assert table["rank"].tolist() == list(range(1, len(table) + 1))
    assert table["level"].is_monotonic_decreasing
    known = table[table["level"] == 4]["p_event"]
    assert known.is_monotonic_decreasing
    assert table["level"].iloc[-1] == 0


def test_filters():
    table = pd.DataFrame(
        {
            "bank": ["L", "L", "R", "I"],
            "level": [4, 1, 4, 0],
            "previous_level": [3, 1, -1, 2],
            "chainage_m": [0.0, 1500.0, 2500.0, 9000.0],
        }
    )
    pick = list_page.select
    assert pick(table, [], [], 0, 9, changed=False).index.tolist() == [0, 1, 2, 3]
    assert pick(table, ["L"], [], 0, 9, changed=False).index.tolist() == [0, 1]
    assert pick(table, [], [4, 0], 0, 9, changed=False).index.tolist() == [0, 2, 3]
    assert pick(table, [], [], 1, 2.5, changed=False).index.tolist() == [1, 2]
    assert pick(table, [], [], 0, 9, changed=True).index.tolist() == [0, 3]


def test_changes_are_sorted_by_kind():
    table = pd.DataFrame({"level": [3, 1, 0, 2, 2, 0, 4], "previous_level": [2, 4, 1, 0, 2, 0, -1]})
    found = {kind: rows.tolist() for kind, rows in frame.split_changes(table).items()}
    assert found == {"up": [0], "down": [1], "lost": [2], "found": [3], "new": [6]}


def test_hours_since():
    now = pd.Timestamp("2024-07-01T03:30:00", tz="UTC")
    assert frame.hours_since("2024-07-01T01:00:00+00:00", now) == 2.5
    assert frame.hours_since("2024-07-01T08:00:00+07:00", now) == 2.5
    assert frame.hours_since("nonsense", now) == float("inf")


@pytest.mark.parametrize(
    ("days", "text"),
    [(365, "1 năm · bờ lùi từ 30 m"), (1095, "3 năm · bờ lùi từ 30 m"), (120, "120 ngày · bờ lùi từ 30 m")],
)
def test_targets_are_told_in_years_or_days(days, text):
    assert frame.target_text(Target("x", days, 30.0), "vi") == text


# --- reading ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "value"),
    [("runs", [{"as_of": "2024-06-30"}]), ("title", "x"), ("targets", [{"name": "1y"}]), ("stale_after_days", "x")],
)
def test_a_broken_list_of_runs_is_named(own, key, value):
    path = own / "song-thu" / "published.json"
    content = json.loads(path.read_text("utf-8")) | {key: value}
    path.write_text(json.dumps(content), "utf-8")
    with pytest.raises(ProductError, match=r"published\.json"):
        read_region(path.parent)


@pytest.mark.parametrize("directory", ["../../elsewhere", "/etc", "a/b", ".."])
def test_a_run_cannot_lead_out_of_its_region(own, directory):
    path = own / "song-thu" / "published.json"
    content = json.loads(path.read_text("utf-8"))
    content["runs"][0]["directory"] = directory
    path.write_text(json.dumps(content), "utf-8")
    with pytest.raises(ProductError, match="leaves"):
        read_region(path.parent)


def test_broken_tables_are_named(own):
    run = read_region(own / "song-thu").runs[-1]
    for name, read in (
        ("segments_1y.parquet", lambda: read_segments(run, "1y")),
        ("history.parquet", lambda: read_history(run, "thu-L-0000000")),
        ("segments.gpkg", lambda: read_bands(run, "1y")),
    ):
        (run.directory / name).write_bytes(b"not what it was")
        with pytest.raises(ProductError, match=name):
            read()
    assert read_manifest(own) == {}
    assert read_last_attempt(own) == {}


def test_a_new_version_of_a_file_is_read_again(own):
    path = own / "song-thu" / "verification.parquet"
    before = read_outcomes(path.parent, "2022-06-30", "1y")
    pd.read_parquet(path).assign(outcome="quiet").to_parquet(path)
    after = read_outcomes(path.parent, "2022-06-30", "1y")
    assert set(before["outcome"]) != {"quiet"} == set(after["outcome"])


def test_the_ledger_is_asked_and_never_made(own, tmp_path_factory):
    run = read_region(own / "song-thu").runs[-1]
    changed = read_changes(own, run.run_id, "1y")
    assert set(changed["kind"]) <= {"issued", "raised", "lowered", "closed", "unknown", "moved"}
    assert len(changed)
    table = read_segments(run, "1y")
    assert count_open_warnings(own, "song-thu") >= int((table["level"] >= 2).sum())
    empty = tmp_path_factory.mktemp("empty")
    assert read_changes(empty, run.run_id, "1y") is None
    assert count_open_warnings(empty, "song-thu") is None
    assert ledger_problem(empty, "song-thu") is None
    assert not list(empty.iterdir())
    assert ledger_problem(own, "song-thu") is None
    (own / "ledger.sqlite").write_bytes(b"not a database" * 99)
    assert read_recent_runs(own, "song-thu") is None
    assert "file is not a database" in ledger_problem(own, "song-thu")


def test_nothing_imports_the_screen():
    package = Path(erosion.__file__).parent
    guilty = [
        path
        for path in package.rglob("*.py")
        if "erosion.ui" in path.read_text("utf-8") and package / "ui" not in path.parents
    ]
    assert not guilty
