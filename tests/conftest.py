"""A short real reach, cropped from the Mamoré masks, and the commands run on it in processes of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

# Worker processes share the processors: a thread of LightGBM that waits for another one must sleep, not spin, and threads of
# BLAS would only wait for each other. Read when the libraries are loaded, here and in processes of tests; the trees are the same.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import pandas as pd
import pytest
import rasterio
import xarray as xr
import yaml
from affine import Affine
from rasterio.windows import Window

from erosion.config.region import Region, load_region
from erosion.config.store import store_of
from erosion.forecast.dataset import rows_with_outcomes
from erosion.gauges import series as gauge_series
from erosion.water import read as sources
from tests.commands import forked

ROOT = Path(__file__).resolve().parent.parent
MASKS = ROOT / "data_sources" / "datasets" / "mamore" / "masks"
REACH = Window(1100, 2670, 540, 800)  # 24 km of valley at the upstream end

Command = Callable[..., subprocess.CompletedProcess[str]]

LONG_FIRST = (
    "nightly/test_killed_run.py",
    "simulate/test_whole_road.py",
    "simulate/test_exercise.py",
    "nightly/test_reaches.py",
    "water/test_real_pictures.py",
    "test_notebooks.py",
    "nightly/test_replay.py",
    "ui/test_browser.py",
    "ui/pages/test_pages.py",
    "ui/hydrograph/test_panel.py",
    "nightly/test_bad_input.py",
    "test_wheel.py",
    "nightly/test_run.py",
    "nightly/test_same_inputs.py",
    "nightly/test_failed_run.py",
    "nightly/test_damaged_products.py",
    "ui/hydrograph/test_panel_in_browser.py",
    "cli/test_command_line.py",
    "config/test_region.py",
    "simulate/test_known_trigger.py",
)
"""Files that take longest, longest first: begun last, one of them would keep a single processor busy at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put long files first; pytest-xdist keeps this order with ``--no-loadscope-reorder``."""
    place = {ROOT / "tests" / name: k for k, name in enumerate(LONG_FIRST)}
    if missing := [str(path.relative_to(ROOT)) for path in place if not path.is_file()]:
        raise pytest.UsageError(
            f"LONG_FIRST in tests/conftest.py lists {', '.join(missing)}, not there; name the moved file"
        )
    items.sort(key=lambda item: place.get(item.path, len(place)))


@pytest.fixture(autouse=True)
def store(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store of its own for every test: what one test has fetched is nothing to another."""
    folder = tmp_path_factory.mktemp("store")
    monkeypatch.setenv("EROSION_STORE", str(folder))
    return folder


@pytest.fixture(scope="session")
def crop_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the region file ``mamore_crop.yaml``, its sources, masks and gauges; only to be copied."""
    base = tmp_path_factory.mktemp("crop")
    (base / "store").mkdir()  # found before one that somebody left in the working directory
    (base / "masks").mkdir()
    (base / "gauges").mkdir()
    for path in sorted(MASKS.glob("*.tif")):
        with rasterio.open(path) as mask:
            at = mask.transform
            corner = (at.c + at.a * REACH.col_off, at.f + at.e * REACH.row_off)
            profile = mask.profile | {
                "width": REACH.width,
                "height": REACH.height,
                "transform": Affine(at.a, at.b, corner[0], at.d, at.e, corner[1]),
            }
            for key in ("blockxsize", "blockysize", "tiled"):
                profile.pop(key, None)
            with rasterio.open(base / "masks" / path.name, "w", **profile) as cut:
                cut.write(mask.read(1, window=REACH), 1)
                cut.update_tags(acquisition_date=mask.tags()["acquisition_date"])
    catalogue = ROOT / "data_sources"
    for name, key in (("mamore_masks", "masks"), ("guajara_mirim", "gauges"), ("principe_da_beira", "gauges")):
        source = yaml.safe_load((catalogue / f"{name}.yaml").read_text(encoding="utf-8"))
        if key == "gauges":
            shutil.copy(catalogue / source["path"], base / "gauges")
            source["path"] = f"gauges/{Path(source['path']).name}"
        else:
            source["path"] = "masks"
        (base / f"{name}.yaml").write_text(yaml.safe_dump(source, allow_unicode=True), encoding="utf-8")
    region = yaml.safe_load((catalogue / "regions" / "mamore.yaml").read_text(encoding="utf-8"))
    region["name"] = region["reaches"][0]["name"] = "mamore_crop"
    (base / "mamore_crop.yaml").write_text(yaml.safe_dump(region, allow_unicode=True), encoding="utf-8")
    return base


class Reach(NamedTuple):
    """A region with all its observations."""

    region: Region
    water: xr.Dataset
    gauges: pd.DataFrame


@pytest.fixture(scope="session")
def reach(crop_data: Path) -> Reach:
    """The short reach with every observation to the end of 2018; only to be read."""
    region = load_region(crop_data / "mamore_crop.yaml")
    until = pd.Timestamp("2018-12-31")
    gauges = gauge_series.read(region, store_of(region), until).values
    water, skipped = sources.read_water(region, until, gauges)
    assert not skipped
    return Reach(region, water, gauges)


@pytest.fixture(scope="session")
def rows(reach: Reach) -> pd.DataFrame:
    """Features and outcomes of the short reach on every issue date; only to be read."""
    return rows_with_outcomes(reach.region, reach.water, reach.gauges, until=pd.Timestamp("2018-12-31"))


@pytest.fixture
def crop(crop_data: Path, tmp_path: Path) -> Path:
    """Region file of a copy of the short reach that a test may spoil."""
    shutil.copytree(crop_data, tmp_path / "crop")
    return tmp_path / "crop" / "mamore_crop.yaml"


@pytest.fixture(scope="session")
def erosion() -> Command:
    """Run ``erosion ...`` in a process of its own; a traceback is a failed test whatever the command."""

    def command(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        done = forked([str(word) for word in arguments], cwd or ROOT)
        assert "Traceback" not in done.stdout + done.stderr, done.stderr
        return done

    return command


def edit_yaml(file: Path, /, **changes: object) -> None:
    """Change keys of a catalogue file; None takes a key out."""
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    for key, value in changes.items():
        if value is None:
            content.pop(key, None)
        else:
            content[key] = value
    file.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")


@pytest.fixture(scope="session")
def edit() -> Callable[..., None]:
    """Change keys of a catalogue file: ``edit(path, key=value)``; None takes a key out."""
    return edit_yaml
