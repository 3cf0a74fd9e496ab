"""The whole road on the exercise: a catalogue over HTTP that fails in places, scenes, water, banks, forecast, products."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest

from erosion.config.region import Region, load_region
from erosion.config.store import store_of
from erosion.core.contracts import SIMULATED_NOTICE
from erosion.nightly.run import DEGRADED, PUBLISHED, run
from erosion.simulate.exercise import make_exercise, train_exercise
from erosion.water.scenes.pass_records import records
from tests.stac_server import StacServer

NIGHT = pd.Timestamp("2025-05-31")
SETTINGS = {"years": 2, "seed": 4, "length_km": 5.0, "density": 1.0}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("exercise")


@pytest.fixture(scope="module")
def nights(folder: Path) -> dict[str, object]:
    """Two nights: in the first one a scene cannot be had, in the second one the catalogue is well again."""
    told: dict[str, object] = {}
    with StacServer(folder / "catalog") as server:
        region_file = make_exercise(folder, catalog=server.api_url, **SETTINGS)
        train_exercise(region_file)
        region = load_region(region_file)
        lost = _a_landsat_item(folder)
        server.fail(rf"GET /files/.*{lost}/", "status", status=404)
        server.fail(r"GET /files/.*\.tif", "status", status=503, times=2)
        for name in ("first", "second"):
            told[name] = run(region, NIGHT, folder / "products")
            told[f"{name} files"] = {seen.path.split("/")[-2] for seen in server.requests(r"(?i)GET /files/.*\.tif")}
            server.heal()
            server.seen.clear()
        told["third"] = run(region, NIGHT, folder / "products")
        for name in ("undisturbed", "killed"):
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("EROSION_STORE", str(folder / f"store-{name}"))
                if name == "killed":
                    _kill_while_it_fetches(region_file, folder / f"products-{name}", server)
                told[name] = run(region, NIGHT, folder / f"products-{name}")
    return told | {"region": region, "lost": lost}


RUN = """
import sys
from pathlib import Path
import pandas as pd
from erosion.config.region import load_region
from erosion.nightly.run import run
run(load_region(sys.argv[1]), pd.Timestamp(sys.argv[2]), Path(sys.argv[3]))
"""


def _kill_while_it_fetches(region_file: Path, products: Path, server: StacServer) -> None:
    """Start a run in a process of its own and kill it when it has asked for some scenes."""
    server.seen.clear()
    job = subprocess.Popen([sys.executable, "-c", RUN, str(region_file), str(NIGHT), str(products)])
    while len({seen.path.split("/")[-2] for seen in server.requests(r"(?i)GET /files/.*\.tif")}) < 8:
        assert job.poll() is None, "the run ended before it could be killed"
        time.sleep(0.02)
    job.kill()
    assert job.wait() == -signal.SIGKILL


def _a_landsat_item(folder: Path) -> str:
    """Return an item that the night of the test needs: a dry-season Landsat scene."""
    for path in sorted((folder / "catalog").rglob("LC*.json")):
        item = json.loads(path.read_text("utf-8"))
        if "2025-01-01" < item["properties"]["datetime"] < "2025-04-30":
            return str(item["id"])
    raise AssertionError("the exercise has no Landsat scene in early 2025; take another seed")


def test_what_cannot_be_had_degrades_the_night_and_the_rest_is_published(nights: dict) -> None:
    first = nights["first"]
    assert first.exit_code == DEGRADED and first.directory.is_dir()
    (said,) = [message for message in first.messages if "could not be read" in message]
    assert nights["lost"] in said and "404" in said
    manifest = json.loads((first.directory / "manifest.json").read_text("utf-8"))
    assert said in "\n".join(f"{one['scene']}: {one['reason']}" for one in manifest["skipped"])


def test_the_next_night_fetches_that_one_pass_only(nights: dict) -> None:
    second = nights["second"]
    assert second.exit_code == PUBLISHED and second.messages == ()
    assert len(nights["first files"]) > 10
    assert nights["second files"] == {nights["lost"]}
    region: Region = nights["region"]
    found = [r for name in region.water[1:] for r in records(store_of(region), region, name)]
    assert {record.state for record in found} <= {"water", "unusable"}


def test_a_repeated_night_is_the_same_run(nights: dict) -> None:
    third = nights["third"]
    assert (third.directory, third.exit_code, third.messages) == (nights["second"].directory, PUBLISHED, ())
    assert not third.new


@pytest.mark.parametrize("name", ["undisturbed", "killed"])
def test_a_run_depends_on_what_was_known_and_not_on_how_it_was_fetched(nights: dict, name: str) -> None:
    expected, found = nights["second"].directory, nights[name].directory
    assert nights[name].exit_code == PUBLISHED
    assert found.name == expected.name
    files = {path.name for path in expected.iterdir()} - {"manifest.json"}
    assert files == {path.name for path in found.iterdir()} - {"manifest.json"}
    assert [name for name in sorted(files) if (found / name).read_bytes() != (expected / name).read_bytes()] == []


def test_every_file_of_the_product_says_that_it_is_simulated(nights: dict) -> None:
    directory: Path = nights["second"].directory
    manifest = json.loads((directory / "manifest.json").read_text("utf-8"))
    assert manifest["simulated"] is True and manifest["model_id"].startswith("an_giang_exercise-")
    shown = [path for path in directory.iterdir() if path.suffix in (".gpkg", ".geojson", ".csv", ".parquet")]
    shown = [path for path in shown if path.name in manifest["outputs"]]
    assert {path.suffix for path in shown} == {".gpkg", ".geojson", ".csv", ".parquet"}
    for path in shown:
        assert any(SIMULATED_NOTICE.split(" / ")[k].encode() in path.read_bytes() for k in (0, 1)), path.name


def test_banks_of_the_product_lie_where_the_banks_of_the_river_are(nights: dict, folder: Path) -> None:
    segments = gpd.read_parquet(nights["second"].directory / "segments_1y.parquet").to_crs("EPSG:32648")
    assert set(segments["reach"]) == {"hau_exercise"} and {"L", "R"} <= set(segments["bank"])
    true = gpd.read_file(folder / "truth" / "banks.geojson").to_crs("EPSG:32648")
    # The newest epoch is of the dry season, in which banks stand still.
    now = true[true["date"].astype(str).str[:10] == "2025-02-01"]
    # Bars lie before the inner bank, whose line follows the water; the bank that fails is steep.
    failing = pd.read_csv(folder / "truth" / "failures.csv")["bank"].value_counts().idxmax()
    line = now.set_index("bank").geometry[failing]
    middle = segments[segments["bank"] == failing].geometry.interpolate(0.5, normalized=True)
    place = line.project(middle) / line.length
    away = middle.distance(line)[(place > 0.1) & (place < 0.9)]
    assert len(away) > 30 and away.median() < 6.0 and away.quantile(0.9) < 15.0
