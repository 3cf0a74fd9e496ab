"""Several reaches in one region: an H of three rivers, measured each for itself and published together."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pyproj import Transformer
from shapely.geometry import LineString

from erosion.alerts import ledger
from erosion.alerts.crosswalk import crosswalk
from erosion.banks.as_of import baseline_on, knowledge_on, observe_region
from erosion.config.region import Area, Reach, Region, load_region
from erosion.config.sources import CATALOGUE
from erosion.config.store import store_of
from erosion.features import make_features
from erosion.forecast.training import load_rows
from erosion.gauges import series as gauge_series
from erosion.nightly.published import DEGRADED, NOT_PUBLISHED, PUBLISHED, published
from erosion.nightly.replay import replay
from erosion.nightly.run import run
from erosion.satellite.corridor import corridor_of
from erosion.water import read as sources
from tests.log_records import logged
from tests.rivers import CRS, PIXEL, Mask, make_grid, make_region, measure, river_along, straight_river

GRID = make_grid((240, 300))
YEARS = range(1998, 2012)
LINES = {"north": [(60, 0), (60, 299)], "south": [(180, 0), (180, 299)], "link": [(60, 150), (180, 150)]}
"""(row, column) of the lines that the reaches are looked along."""
WIDTH_M = 1500.0
NIGHT, NEXT, THIRD = pd.Timestamp("2009-12-31"), pd.Timestamp("2010-12-31"), pd.Timestamp("2011-12-31")


def h_mask(year: int) -> Mask:
    """North and south river eat their right bank at 45 and 60 m a year; the link between them rests."""
    column = np.arange(-10.0, 311.0)
    rows = {
        "north": 56 + 1.5 * (year - YEARS[0]) / 2 + 6 * np.sin(column / 25),
        "south": 172 + 2.0 * (year - YEARS[0]) / 2 + 6 * np.cos(column / 30),
    }
    mask = np.zeros(GRID.shape, dtype=bool)
    for row in rows.values():
        mask |= river_along(np.column_stack([row, column]), 8 + 0.75 * (year - YEARS[0]), GRID.shape)
    mask[62:180, 146:154] = True
    return mask


def xy(row: float, column: float) -> tuple[float, float]:
    return GRID.transform.c + (column + 0.5) * PIXEL, GRID.transform.f - (row + 0.5) * PIXEL


def lon_lat(row: float, column: float) -> list[float]:
    return list(Transformer.from_crs(CRS, "EPSG:4326", always_xy=True).transform(*xy(row, column)))


def write_mask(folder: Path, year: int, hidden: NDArray[np.bool_] | None = None) -> None:
    pixels = h_mask(year).astype(np.uint8)
    if hidden is not None:
        pixels[hidden] = 255
    profile = {"driver": "GTiff", "count": 1, "height": GRID.height, "width": GRID.width, "dtype": "uint8", "crs": CRS}
    with rasterio.open(folder / f"h_{year}.tif", "w", transform=GRID.transform, nodata=255, **profile) as file:
        file.write(pixels, 1)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Region file of the H with its masks; only to be copied."""
    base = tmp_path_factory.mktemp("h")
    (base / "masks").mkdir()
    for year in YEARS:
        write_mask(base / "masks", year)
    reaches: list[dict[str, Any]] = []
    for name, line in LINES.items():
        shape = gpd.GeoSeries([LineString([xy(*point) for point in line])], crs=CRS)
        shape.to_file(base / f"{name}.gpkg")
        area = {"path": f"{name}.gpkg", "width_m": WIDTH_M}
        reaches.append({"name": name, "upstream": lon_lat(*line[0]), "area": area})
    reaches[1]["title"] = {"vi": "Sông Nam", "en": "South River"}
    region = yaml.safe_load((CATALOGUE / "regions" / "mamore.yaml").read_text("utf-8"))
    region |= {"name": "an-h", "reaches": reaches, "water": ["h_masks"], "gauges": [], "simulated": True}
    del region["trigger"]  # there is no gauge
    (base / "an-h.yaml").write_text(yaml.safe_dump(region, allow_unicode=True), "utf-8")
    masks = yaml.safe_load((CATALOGUE / "mamore_masks.yaml").read_text("utf-8"))
    masks |= {"name": "h_masks", "path": "masks", "date_from": ["name"], "nodata": 255, "latency_days": 30}
    (base / "h_masks.yaml").write_text(yaml.safe_dump(masks, allow_unicode=True), "utf-8")
    return base / "an-h.yaml"


@pytest.fixture
def h(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made.parent, tmp_path / "h")
    return tmp_path / "h" / "an-h.yaml"


def hide(region_file: Path, name: str) -> None:
    """Take every observation of a reach away; the others' pixels stay as they are."""
    region = load_region(region_file)
    (one,) = (one for one in region.by_reach() if one.reach.name == name)
    corridor = corridor_of(one, GRID)
    hidden = np.zeros(GRID.shape, dtype=bool)
    row, column = np.nonzero(corridor.inside)
    x, y = corridor.grid.x[column], corridor.grid.y[row]
    row, column = GRID.row_column(np.column_stack([x, y]))
    there = (row >= 0) & (row < GRID.height) & (column >= 0) & (column < GRID.width)
    hidden[row[there], column[there]] = True
    for year in YEARS:
        write_mask(region_file.parent / "masks", year, hidden)


def layer_of(out: Path, entry: dict[str, Any], target: str = "1y") -> gpd.GeoDataFrame:
    return gpd.read_parquet(out / "an-h" / entry["directory"] / f"segments_{target}.parquet")


def manifest_of(out: Path, entry: dict[str, Any]) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((out / "an-h" / entry["directory"] / "manifest.json").read_text("utf-8"))
    return content


# --- corridors -----------------------------------------------------------------------------------------------------------


def test_no_pixel_lies_in_two_corridors_and_none_between_is_lost(made: Path) -> None:
    region = load_region(made)
    count = np.zeros((400, 460), dtype=int)
    alone = np.zeros_like(count)
    for one in region.by_reach():
        for corridor, total in (
            (corridor_of(one, GRID), count),
            (corridor_of(dataclasses.replace(one, neighbours=()), GRID), alone),
        ):
            row = round((GRID.transform.f - corridor.grid.transform.f) / PIXEL) + 80
            column = round((corridor.grid.transform.c - GRID.transform.c) / PIXEL) + 80
            total[row : row + corridor.grid.height, column : column + corridor.grid.width] += corridor.inside
    assert count.max() == 1 and alone.max() > 1
    assert ((count == 1) == (alone > 0)).all()


def test_a_confluence_is_cut_half_way(made: Path) -> None:
    north, _, link = load_region(made).by_reach()
    # Thirty pixels east of the link and ten or fifty south of the northern line.
    for rows_off, mine in ((10, "north"), (50, "link")):
        for one in (north, link):
            corridor = corridor_of(one, GRID)
            row, column = corridor.grid.row_column(np.array([xy(60 + rows_off, 150 + 30)]))
            assert corridor.inside[row, column].all() == (one.reach.name == mine)


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=4, max_size=4, unique=True),
    st.sampled_from([60.0, 95.0, 150.0]),
)
def test_two_corridors_share_no_pixel_wherever_their_lines_run(
    tmp_path_factory: pytest.TempPathFactory, points: list[tuple[int, int]], width: float
) -> None:
    folder = tmp_path_factory.mktemp("lines")
    reaches = []
    for name, pair in (("a", points[:2]), ("b", points[2:])):
        line = LineString([(300_000 + 10.0 * x, 8_400_000 + 10.0 * y) for x, y in pair])
        gpd.GeoSeries([line], crs=CRS).to_file(folder / f"{name}.gpkg")
        area = Area(path=folder / f"{name}.gpkg", width_m=width)
        reaches.append(Reach(name=name, upstream=(-65.0, -14.5), area=area))
    region = dataclasses.replace(make_region(), reaches=tuple(reaches), pixel_m=10.0)
    cells = []
    for one in region.by_reach():
        corridor = corridor_of(one)
        row, column = np.nonzero(corridor.inside)
        cells.append(set(zip(corridor.grid.x[column].tolist(), corridor.grid.y[row].tolist(), strict=True)))
    assert not cells[0] & cells[1]


# --- the edge of what was seen is no bank ----------------------------------------------------------------------------------


def cut(images: list[Mask], hidden: NDArray[np.bool_]) -> list[NDArray[np.float32]]:
    return [np.where(hidden, np.float32(np.nan), image.astype(np.float32)) for image in images]


def test_a_river_cut_along_its_water_has_no_bank_on_the_cut() -> None:
    # Eight rows of water, the lower three of them and the right bank never seen; the left bank retreats 30 m a year.
    images = [straight_river(96 - k, 104) for k in range(7)]
    hidden = np.zeros(images[0].shape, dtype=bool)
    hidden[101:] = True
    measured = measure(cut(images, hidden))
    assert set(measured.baseline.segments["bank"]) == {"L"}
    row, _ = measured.position()
    assert row == pytest.approx(89.5, abs=0.3)
    # A bank of 300 pixels, less the two ends; the whole river tells the same.
    whole = measure(list(images))
    assert measured.total("land_loss_m2") == pytest.approx(whole.by_bank("land_loss_m2", "L"), rel=0.06)
    assert measured.total("land_loss_established_m2") > 0


def test_a_river_cut_across_has_no_bank_and_no_loss_on_the_cut() -> None:
    images = [straight_river(96 - k, 104) for k in range(4)]
    hidden = np.zeros(images[0].shape, dtype=bool)
    hidden[:, 220:] = True
    hidden[:, :40] = True
    measured = measure(cut(images, hidden))
    _, column = measured.position()
    assert column.min() > 41 and column.max() < 218
    assert set(np.round(measured.baseline.segments["landward_deg"]) % 180) == {0.0}, "all banks run east"
    assert np.nansum(measured.banks["retreat_m"].isel(epoch=-1)) * 100 <= 180 * PIXEL * PIXEL
    assert measured.by_bank("land_loss_m2", "R") == 0


def test_a_speck_nobody_saw_ends_no_bank() -> None:
    images = [straight_river(96 - k, 104) for k in range(3)]
    hidden = np.zeros(images[0].shape, dtype=bool)
    hidden[104:106, 100:103] = True
    assert len(measure(cut(images, hidden)).baseline.segments) == len(measure(list(images)).baseline.segments)


def test_a_river_the_corridor_cuts_in_two_is_followed_in_both_pieces() -> None:
    images = [straight_river(96, 104)] * 2
    hidden = np.zeros(images[0].shape, dtype=bool)
    hidden[:, :20] = hidden[:, 280:] = hidden[:, 140:160] = True
    measured = measure(cut(images, hidden))
    _, column = measured.position()
    assert ((column > 25) & (column < 138)).any() and ((column > 162) & (column < 275)).any()
    assert not ((column > 139) & (column < 161)).any()
    assert len(set(measured.baseline.centre["part"])) == 2


# --- one reach does not know the other ----------------------------------------------------------------------------------


def features_of(one: Region, as_of: pd.Timestamp) -> pd.DataFrame:
    gauges = gauge_series.read(one, store_of(one), as_of).values
    water, _ = sources.read_water(one, as_of, gauges)
    baseline = baseline_on(one, water, as_of)
    return make_features(knowledge_on(one, baseline, observe_region(one, water, baseline), gauges, as_of))


def test_a_second_reach_far_away_changes_nothing(made: Path) -> None:
    region = load_region(made)
    north, south, _ = region.by_reach()
    alone = dataclasses.replace(region, reaches=(north.reach,))
    beside, _ = dataclasses.replace(region, reaches=(north.reach, south.reach)).by_reach()
    pd.testing.assert_frame_equal(features_of(alone, NIGHT), features_of(beside, NIGHT), check_exact=True)


def test_a_segment_goes_on_in_its_own_reach_only() -> None:
    lines = [LineString([(0, y), (100, y)]) for y in (0, 10, 40)]
    old = gpd.GeoDataFrame(
        {"segment_id": ["tien-L-0", "hau-L-0"], "reach": ["tien", "hau"], "bank": "L"}, geometry=lines[:2], crs=CRS
    )
    new = gpd.GeoDataFrame({"segment_id": ["hau-L-5"], "reach": ["hau"], "bank": "L"}, geometry=lines[2:], crs=CRS)
    walk = crosswalk(old, new, 100.0).set_index("old_segment_id")["new_segment_id"]
    assert walk["hau-L-0"] == "hau-L-5" and walk["tien-L-0"] is None


# --- a night ---------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def nights(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Products of a night with all three reaches, one without the south, and one with all again; only to be read."""
    base = tmp_path_factory.mktemp("nights")
    shutil.copytree(made.parent, base / "h")
    file, out = base / "h" / "an-h.yaml", base / "out"
    assert run(load_region(file), NIGHT, out).exit_code == PUBLISHED
    hide(file, "south")
    result = run(load_region(file), NEXT, out)
    assert result.exit_code == DEGRADED, result.messages
    for year in YEARS:
        write_mask(file.parent / "masks", year)
    result = run(load_region(file), THIRD, out)
    assert result.exit_code == PUBLISHED, result.messages
    return out


def test_three_reaches_are_one_layer_and_one_list(nights: Path, made: Path) -> None:
    entry = published(nights / "an-h")["runs"][0]
    region = load_region(made)
    for target in ("1y", "3y"):
        layer = layer_of(nights, entry, target)
        assert list(dict.fromkeys(layer["reach"])) == ["north", "south", "link"]
        assert (layer["segment_id"].str.split("-").str[0] == layer["reach"]).all()
        assert {3, 4} & set(layer.loc[layer["reach"] == "south", "level"]), "a bank that loses 60 m a year"
        # The cap on level 4 is the region's, not each reach's.
        length = layer.groupby("level")["length_m"].sum()
        assert length.get(4, 0.0) <= region.policy.max_level4_share * length.sum()
        told = manifest_of(nights, entry)["levels"][target]
        assert sum(told.values()) == pytest.approx(length.sum() / 1000, abs=0.01)
    # No bank along the cuts at the confluences: none of the link runs east, none of the rivers' own runs beside its mouth.
    layer = layer_of(nights, entry).to_crs(CRS)
    link = layer[layer["reach"] == "link"]
    along = np.abs(np.sin(np.radians(link["landward_deg"].to_numpy())))
    assert len(link) > 20 and (along > 0.7).all()
    published_reaches = published(nights / "an-h")["reaches"]
    assert [entry["title"]["vi"] for entry in published_reaches] == ["north", "Sông Nam", "link"]


def test_no_segment_lies_in_the_water(nights: Path) -> None:
    entry = published(nights / "an-h")["runs"][0]
    layer = layer_of(nights, entry).to_crs(CRS)
    middle = layer.geometry.interpolate(0.5, normalized=True)
    row, column = GRID.row_column(np.column_stack([middle.x, middle.y]))
    mask = h_mask(2009)
    for r, c in zip(row, column, strict=True):
        around = mask[max(r - 3, 0) : r + 4, max(c - 3, 0) : c + 4]
        assert not around.all(), (r, c)


def test_a_reach_without_data_keeps_its_levels_and_warnings(nights: Path) -> None:
    first, second, third = published(nights / "an-h")["runs"]
    manifest = manifest_of(nights, second)
    (message,) = manifest["messages"]
    assert message.startswith("south is missing: h_masks: no usable date") and message.endswith("stay as they were")
    assert manifest["reaches"]["south"]["missing"] and manifest["reaches"]["south"]["newest_epoch"] == "2009-07-01"
    assert manifest["reaches"]["north"] == {"newest_epoch": "2010-07-01", "missing": None, "left_out": []}
    assert manifest["newest_epoch"] == "2009-07-01"
    engine = ledger.open_ledger(nights / "ledger.sqlite")
    for target in ("1y", "3y"):
        was, now, then = (layer_of(nights, entry, target) for entry in (first, second, third))
        kept, old = (table[table["reach"] == "south"].set_index("segment_id") for table in (now, was))
        same = ["level", "asked_level", "held_by", "p_event", "event_id", "first_issued_at", "baseline"]
        pd.testing.assert_frame_equal(pd.DataFrame(kept[same]), pd.DataFrame(old[same]))
        assert set(kept["why"]) == {"kept"} and (kept["previous_level"] == kept["level"]).all()
        assert (kept["data_age_days"] - old["data_age_days"] == (NEXT - NIGHT).days).all()
        assert kept.geometry.geom_equals_exact(old.geometry, 1e-6).all()
        others = now[now["reach"] != "south"]
        assert set(others["baseline"]) == {"2010-07-01"} and not (others["why"] == "kept").any()
        # The night after, the south is measured again, and its warnings are the same ones.
        again = then[then["reach"] == "south"]
        assert set(again["baseline"]) == {"2011-07-01"}
        assert set(old["event_id"].dropna()) & set(again["event_id"].dropna())
        open_then = ledger.open_warnings(engine, "an-h", target, before=THIRD)
        of_south = open_then[open_then["segment_id"].str.startswith("south-")]
        assert len(of_south) and set(of_south["event_id"]) == set(old["event_id"].dropna())
        assert (
            of_south.set_index("event_id")["level"] == old.set_index("event_id")["level"].loc[of_south["event_id"]]
        ).all()
    history = pd.read_parquet(nights / "an-h" / second["directory"] / "history.parquet")
    assert set(history["segment_id"].astype(str)) == set(layer_of(nights, second)["segment_id"])


def test_the_changes_of_a_night_without_a_reach_are_those_of_the_others(nights: Path) -> None:
    second = published(nights / "an-h")["runs"][1]
    changes = ledger.changes_since_previous(ledger.open_ledger(nights / "ledger.sqlite"), second["run_id"])
    assert not changes["segment_id"].str.startswith("south-").any()


def test_the_others_are_made_as_if_the_missing_reach_were_there(nights: Path, h: Path, tmp_path: Path) -> None:
    """Two nights with all reaches against the two with the south away: north and link say the same but for the cap."""
    out = tmp_path / "out"
    for night in (NIGHT, NEXT):
        assert run(load_region(h), night, out).exit_code == PUBLISHED
    with_all = layer_of(out, published(out / "an-h")["runs"][1])
    without = layer_of(nights, published(nights / "an-h")["runs"][1])
    columns = ["segment_id", "p_event", "retreat_last_m", "curvature_per_m", "length_m"]
    one, other = (table.loc[table["reach"] != "south", columns].reset_index(drop=True) for table in (with_all, without))
    pd.testing.assert_frame_equal(pd.DataFrame(one), pd.DataFrame(other))


def test_nothing_is_published_where_no_reach_can_be_made(h: Path, tmp_path: Path) -> None:
    for path in (h.parent / "masks").glob("*.tif"):
        path.write_bytes(b"")
    result = run(load_region(h), NIGHT, tmp_path / "out")
    assert result.exit_code == NOT_PUBLISHED
    assert all(f"{name}: h_masks: no usable file" in result.messages[0] for name in LINES)


def test_a_first_night_without_a_reach_publishes_the_others(h: Path, tmp_path: Path) -> None:
    hide(h, "link")
    result = run(load_region(h), NIGHT, tmp_path / "out")
    assert result.exit_code == DEGRADED and result.messages[0].startswith("link is missing: ")
    layer = layer_of(tmp_path / "out", published(tmp_path / "out" / "an-h")["runs"][0])
    assert set(layer["reach"]) == {"north", "south"}


def test_rows_to_learn_from_are_those_of_all_reaches(made: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "erosion.forecast.training")
    region = load_region(made)
    rows, _ = load_rows(region, pd.Timestamp("2005-12-31"))
    logged = [line for line in caplog.messages if line in LINES]
    assert list(dict.fromkeys(rows["reach"])) == ["north", "south", "link"] == logged
    assert not rows.duplicated(["segment_id", "as_of"]).any()
    alone, _ = load_rows(region.by_reach()[1], pd.Timestamp("2005-12-31"))
    mine = rows[rows["reach"] == "south"].reset_index(drop=True)
    pd.testing.assert_frame_equal(mine, alone, check_exact=True)


def test_a_replay_judges_all_reaches_together(h: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with logged() as messages:
        replayed = replay(load_region(h), pd.Timestamp("2009-01-01"), THIRD, out)
    assert replayed.exit_code == PUBLISHED and len(replayed.results) == 3, messages
    table = pd.read_parquet(out / "an-h" / "verification.parquet")
    reach = table["segment_id"].str.split("-").str[0]
    assert set(reach) == {"north", "south", "link"}
    lost = table[table["target"] == "1y"].groupby(reach)["retreat_observed_m"].mean()
    assert lost["south"] > lost["north"] > 10 and abs(lost["link"]) < 5


# --- gauges --------------------------------------------------------------------------------------------------------------


COUNT_OPENED = """
import sys
from pathlib import Path
target = str(Path(sys.argv.pop(1)).resolve())
opened = []
def note(event, given):
    if event == "open" and str(given[0]) == target:
        opened.append(given[1])
sys.addaudithook(note)
import pandas as pd
from erosion.config.region import load_region
from erosion.gauges.drivers.gauge_files import read
from erosion.gauges.formats.reading import Asked
from erosion.nightly.run import run

region, out, fetch = sys.argv[1:]
region = load_region(region)
code = run(region, pd.Timestamp("2009-12-31"), Path(out), fetch=fetch == "True").exit_code
during_run = len(opened)
read(*region.gauge_sources, Asked(None, pd.Timestamp.now("UTC"), {}))
print(code, during_run, len(opened) - during_run)
"""


@pytest.mark.parametrize("fetch", [True, False])
def test_a_gauge_file_is_read_once_a_run(h: Path, tmp_path: Path, fetch: bool) -> None:
    # Three reaches, masks and scenes: the stages at the gauge are needed by each reach's scenes and by the features.
    days = pd.date_range("2005-01-01", "2009-12-30")
    lines = ["d,h", *(f"{day:%Y-%m-%d},{2 + np.sin(k / 58):.2f}" for k, day in enumerate(days))]
    (h.parent / "level.csv").write_text("\n".join(lines) + "\n", "utf-8")
    about = {"title": "made", "licence": "CC0", "attribution": "nobody", "citation": "none"}
    level = about | {
        "name": "level", "driver": "gauge_files", "path": "level.csv", "columns": {"time": "d", "stage_m": "h"},
        "gauge_id": "g", "river": "made", "location": lon_lat(60, 150), "cadence_days": 1, "latency_days": 1,
        "units": {"stage_m": "m"}, "timezone": "UTC", "datum": "zero",
    }  # fmt: skip
    scenes = about | {
        "name": "scenes", "driver": "scene_folder", "sensor": "optical", "path": "scenes", "units": {"reflectance": "1"},
        "bands": {"green": "1", "nir": "2", "swir16": "3", "quality": "4"}, "scale": 0.0001, "nodata": 0, "pixel_m": 30,
        "quality": {"kind": "classes", "usable": [4]}, "cadence_days": 5, "latency_days": 2, "geo_rmse_m": 5,
    }  # fmt: skip
    (h.parent / "scenes").mkdir()
    (h.parent / "scenes" / "2009-01-05.tif").write_text("no raster")  # a reach then has its masks alone
    region = yaml.safe_load(h.read_text("utf-8"))
    region |= {"gauges": ["level"], "water": ["h_masks", "scenes"], "seasons": [{"name": "dry", "months": [7, 8]}]}
    for part in (level, scenes):
        (h.parent / f"{part['name']}.yaml").write_text(yaml.safe_dump(part), "utf-8")
    h.write_text(yaml.safe_dump(region, allow_unicode=True), "utf-8")
    command = [
        sys.executable,
        "-c",
        COUNT_OPENED,
        str(h.parent / "level.csv"),
        str(h),
        str(tmp_path / "out"),
        str(fetch),
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=600,
        env=os.environ | {"EROSION_STORE": str(tmp_path / "store")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    code, during_run, one_reading = done.stdout.splitlines()[-1].split()
    assert code == str(DEGRADED), done.stdout + done.stderr
    assert during_run == one_reading and int(one_reading) > 0
