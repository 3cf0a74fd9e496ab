"""Every driver stands in one registry: its module, the type of its entries and the functions that read its kind of source."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from erosion.config.drivers import DRIVERS, driver
from erosion.config.entry import Entry
from erosion.config.gauges import GaugeSource
from erosion.config.scenes import SceneSource

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", DRIVERS)
def test_a_driver_has_the_type_of_its_entries_and_what_reads_them(name: str) -> None:
    module = driver(name)
    assert module.__name__.rsplit(".", 1)[1] == name
    entry = module.ENTRY
    assert issubclass(entry, Entry) and dataclasses.is_dataclass(entry) and entry.region_list in ("water", "gauges")
    if issubclass(entry, GaugeSource):
        functions = ["read"]
    elif issubclass(entry, SceneSource):
        functions = ["find_passes", "load_pass"]
    else:
        functions = ["read_water", "collect"]
    for function in functions:
        # Of its own: a driver that had another one's function would read its sources as if they were those.
        assert getattr(module, function).__module__ == module.__name__


def test_each_driver_has_entries_of_its_own() -> None:
    assert len({driver(name).ENTRY for name in DRIVERS}) == len(DRIVERS)


def test_every_module_with_entries_is_in_the_registry() -> None:
    found = set()
    for file in (ROOT / "erosion").rglob("*.py"):
        if "\nENTRY: Final" in file.read_text("utf-8"):
            found.add(".".join(file.relative_to(ROOT).with_suffix("").parts))
    assert found == set(DRIVERS.values())


def test_a_region_loads_only_the_drivers_it_names() -> None:
    program = (
        "import sys; from erosion.config.region import load_region; load_region('mamore'); "
        f"print(*[name for name, module in {dict(DRIVERS)!r}.items() if module in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.split() == ["raster_folder", "gauge_files"]
