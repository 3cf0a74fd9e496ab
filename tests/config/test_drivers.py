"""Every driver stands in one registry: its module, the type of its entries and the functions that read its kind of source."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from erosion.config.drivers import DRIVERS, driver
from erosion.config.entry import Entry
from erosion.config.gauges import GaugeSource
from erosion.config.problems import CatalogError
from erosion.config.region import load_region
from erosion.config.scenes import SceneSource
from erosion.config.sources import CATALOGUE
from erosion.gauges import series as gauge_series
from erosion.nightly.stages.identity import settings_of

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


NEW_DRIVER = '''
from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import pandas as pd

from erosion.config.gauges import FileGauge
from erosion.config.records import Key
from erosion.gauges.formats.reading import Reading, readings


@dataclass(frozen=True, kw_only=True)
class Levels(FileGauge):
    """One stage a line, from a first day on."""

    first: Annotated[str, Key("first day")]


ENTRY = Levels


def read(source, asked):
    """Return one stage a day."""
    values = [float(line) for line in source.path.read_text().split()]
    return Reading(readings("stage", pd.date_range(source.first, periods=len(values), tz="UTC"), values))
'''


def test_a_new_driver_is_one_module_and_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "levels_of_a_new_driver.py").write_text(NEW_DRIVER, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(DRIVERS, "levels", "levels_of_a_new_driver")
    entry = yaml.safe_load((CATALOGUE / "tan_chau.yaml").read_text("utf-8"))
    for key in ("columns", "units", "timezone"):
        del entry[key]
    entry |= {"name": "mine", "driver": "levels", "path": "levels.txt", "optional": False, "first": "2020-01-01"}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(entry, allow_unicode=True), "utf-8")
    (tmp_path / "levels.txt").write_text("1.5 2.5")
    region = yaml.safe_load((CATALOGUE / "regions" / "mamore.yaml").read_text("utf-8"))
    region |= {"name": "river", "gauges": ["mine"]}
    (tmp_path / "river.yaml").write_text(yaml.safe_dump(region, allow_unicode=True), "utf-8")

    river = load_region(tmp_path / "river.yaml")
    fetched = gauge_series.fetch(river, tmp_path / "store")
    assert fetched.skipped == []
    known = gauge_series.read(river, tmp_path / "store", "2020-02-01", fetched.series)
    assert known.values["value"].tolist() == [1.5, 2.5] and set(known.values["gauge_id"]) == {"019803"}
    assert settings_of(river.gauge_sources[0])["first"] == "2020-01-01"
    # Its mistakes are reported as those of any other.
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(entry | {"frist": "x"}, allow_unicode=True), "utf-8")
    with pytest.raises(CatalogError, match=r"frist: unknown key; did you mean first\?"):
        load_region(tmp_path / "river.yaml")
