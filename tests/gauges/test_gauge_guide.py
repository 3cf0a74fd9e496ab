"""The gauge entries of the catalogue agree with each other, and the guide to gauges is true: its keys, its drivers, its examples."""

from __future__ import annotations

import dataclasses
import os
import re
import typing
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from erosion.config.drivers import DRIVERS, driver
from erosion.config.gauges import GaugeChecks, GaugeSource, WebGauge
from erosion.config.records import Key
from erosion.config.region import load_region
from erosion.config.sources import CATALOGUE, load_source, read_source
from erosion.core.errors import SourceError
from erosion.gauges.formats.reading import Asked, Reading
from erosion.gauges.series import read as read_region
from erosion.gauges.statistics import known_values

DOCS = Path(__file__).resolve().parents[2] / "docs"
GUIDE = (DOCS / "gauges.md").read_text("utf-8")
EXAMPLES = dict(re.findall(r"```yaml\n# (\S+)\n(.*?)```", GUIDE, re.DOTALL))
NOW = pd.Timestamp("2026-11-22T00:00Z")
GAUGE_DRIVERS = [name for name in DRIVERS if issubclass(driver(name).ENTRY, GaugeSource)]


def entries() -> list[GaugeSource]:
    found = [load_source(path.stem) for path in sorted(CATALOGUE.glob("*.yaml"))]
    return [source for source in found if isinstance(source, GaugeSource)]


# --- the entries of the catalogue ----------------------------------------------------------------------------------------


def test_entries_of_one_gauge_agree_on_what_it_is() -> None:
    by_gauge: dict[str, list[GaugeSource]] = {}
    for source in entries():
        by_gauge.setdefault(source.gauge_id, []).append(source)
    assert {len(by_gauge[gauge]) for gauge in ("019803", "039801")} == {4} and len(by_gauge["019803-glofas"]) == 2
    for gauge, sources in by_gauge.items():
        first = min(sources, key=lambda source: len(source.name))
        for source in sources:
            assert source.name.startswith(first.name), (gauge, source.name)
            assert (source.river, source.place, source.location) == (first.river, first.place, first.location), (
                source.name
            )
            assert source.datum == first.datum and source.datum_offset_m == 0, source.name
            assert (source.alarm_levels_m, source.alarm_source) == (first.alarm_levels_m, first.alarm_source), (
                source.name
            )


def test_a_region_lists_only_what_needs_no_permission() -> None:
    listed = {name for path in (CATALOGUE / "regions").glob("*.yaml") for name in load_region(path.stem).gauges}
    by_name = {source.name: source for source in entries()}
    assert listed <= set(by_name)
    with_terms = {name for name, source in by_name.items() if re.search("permission|non-commercial", source.licence)}
    assert {"tan_chau_mrc", "tan_chau_mrc_export", "tan_chau_mrc_forecast", "tan_chau_glofas_open_meteo"} <= with_terms
    assert not listed & with_terms
    # The first gauge of a reach speaks in the forecast, so it is one of the river and not of rain.
    for reach in load_region("an-giang").reaches:
        assert by_name[reach.gauges[0]].alarm_levels_m, reach.name


def test_every_entry_of_an_giang_is_in_the_guide() -> None:
    table = GUIDE[GUIDE.index("## An Giang") :]
    listed = load_region("an-giang").gauges
    for source in entries():
        if load_region("mamore").gauges.count(source.name):
            continue
        (row,) = [line for line in table.splitlines() if line.startswith("|") and f"`{source.name}`" in line]
        assert source.gauge_id in row or "one each" in row
        assert ("| yes |" in row) == (source.name in listed), source.name


# --- the keys of the guide -----------------------------------------------------------------------------------------------


def section(title: str) -> dict[str, tuple[str, str]]:
    """Key -> unit and default, as the table below a heading has them."""
    (text,) = re.findall(rf"^#+ {re.escape(title)}\n(.*?)(?=^#|\Z)", GUIDE, re.DOTALL | re.MULTILINE)
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    return {row[0].strip("`"): (row[2], row[3]) for row in rows[2:]}


def keys(cls: type, *, without: tuple[type, ...] = (), prefix: str = "") -> dict[str, tuple[str, Any]]:
    hints = typing.get_type_hints(cls, include_extras=True)
    inherited = {field.name for other in without for field in dataclasses.fields(other)}
    found: dict[str, tuple[str, Any]] = {}
    for field in dataclasses.fields(cls):
        key = next((one for one in getattr(hints[field.name], "__metadata__", ()) if isinstance(one, Key)), None)
        if key is None or field.name in inherited:
            continue
        found[prefix + field.name] = (key.unit, field.default)
        inner = hints[field.name].__origin__ if hasattr(hints[field.name], "__origin__") else None
        if dataclasses.is_dataclass(inner) and inner is not GaugeChecks:
            found |= keys(typing.cast(type, inner), prefix=f"{field.name}.")
    return found


def differences(shown: dict[str, tuple[str, str]], meant: dict[str, tuple[str, Any]]) -> list[str]:
    """Keys whose unit or default the guide gives otherwise than the code, or in another order."""
    if list(shown) != list(meant):
        return [f"the guide has the keys {list(shown)}, the code {list(meant)}"]
    return [name for name, key in meant.items() if not is_shown(*shown[name], *key)]


def is_shown(unit: str, text: str, meant_unit: str, default: Any) -> bool:
    """Return whether a row of the guide gives a key's unit and default."""
    if default is dataclasses.MISSING:
        right = text == "required"
    elif default is None or default == () or dataclasses.is_dataclass(default):
        right = text in ("none", "`[]`", "see below") or text.startswith("required with")
    elif isinstance(default, bool):
        right = text == f"`{str(default).lower()}`"
    else:
        right = text == (f"`{default:g}`" if isinstance(default, float) else f"`{default}`")
    return right and unit == meant_unit


def test_the_keys_of_every_source() -> None:
    assert differences(section("Keys of every source"), keys(GaugeSource)) == []
    assert differences(section("`checks`"), keys(GaugeChecks, prefix="checks.")) == []
    service, *others = section("Keys of every service").items()
    assert service[0] == "service"
    assert differences(dict(others), keys(WebGauge, without=(GaugeSource,))) == []


@pytest.mark.parametrize("name", GAUGE_DRIVERS)
def test_the_keys_of_every_driver(name: str) -> None:
    assert differences(section(f"`{name}`"), keys(driver(name).ENTRY, without=(GaugeSource, WebGauge))) == []


def test_the_table_of_drivers_names_each_once() -> None:
    table = re.findall(r"^\| `(\w+)` \|.*\|.*\|.*\|.*\|$", GUIDE[GUIDE.index("## Which driver") :], re.MULTILINE)
    assert sorted(table) == sorted(GAUGE_DRIVERS)


def test_links_of_the_guide_lead_somewhere() -> None:
    heads = {
        re.sub(r"[^\w -]", "", head).strip().lower().replace(" ", "-") for head in re.findall(r"^#+ (.*)$", GUIDE, re.M)
    }
    for target in re.findall(r"\]\(([^)]+)\)", GUIDE):
        page, _, place = target.partition("#")
        assert (DOCS / page).exists() if page else place in heads, target


# --- its examples --------------------------------------------------------------------------------------------------------


def load(folder: Path, name: str) -> GaugeSource:
    (folder / name).write_text(EXAMPLES[name], "utf-8")
    source = read_source(folder / name)
    assert isinstance(source, GaugeSource)
    return source


def read(folder: Path, name: str) -> Reading:
    source = load(folder, name)
    return driver(source.driver).read(source, Asked(None, NOW))


def rows(reading: Reading) -> list[tuple[Any, ...]]:
    table = reading.values
    return [
        (quantity, f"{time:%Y-%m-%d %H:%M}", pytest.approx(value), quality)
        for quantity, time, value, quality in zip(
            table["quantity"], table["time"], table["value"], table["quality"], strict=True
        )
    ]


def test_there_is_an_example_of_every_driver_and_each_loads(tmp_path: Path) -> None:
    loaded = [load(tmp_path, name) for name in EXAMPLES]
    assert {source.driver for source in loaded} == set(GAUGE_DRIVERS)
    # Nobody is told to write a key into a file.
    assert [source.key_env for source in loaded if isinstance(source, WebGauge) and source.key_env] == [
        "MRC_KEY",
        "USGS_KEY",
    ]
    assert not any(re.search("key:|password|token", text) for text in EXAMPLES.values())


def test_the_staff_and_the_logger_of_the_guide_are_one_gauge(tmp_path: Path) -> None:
    (tmp_path / "gauges" / "logger").mkdir(parents=True)
    (tmp_path / "gauges" / "ben_pha.csv").write_text(
        "Ngày;Giờ;Mực nước (cm);Ghi chú\n01/02/2026;07:00;112,5;\n01/02/2026;19:00;98;?\n", "utf-8"
    )
    (tmp_path / "gauges" / "logger" / "2026-02-02.csv").write_text(
        "TIMESTAMP,Level_m,Rain_mm\n2026-02-02 07:00:00,0.9,1.5\n2026-02-02 07:15:00,NAN,0\n", "utf-8"
    )
    long_ago = pd.Timestamp("2026-02-03T00:00Z").timestamp()
    os.utime(tmp_path / "gauges" / "logger" / "2026-02-02.csv", (long_ago, long_ago))
    assert rows(read(tmp_path, "staff.yaml")) == [
        ("stage", "2026-02-01 00:00", 1.125, "good"),
        ("stage", "2026-02-01 12:00", 0.98, "suspect"),
    ]
    logged = rows(read(tmp_path, "logger.yaml"))
    assert logged[:2] == [("rain", "2026-02-02 00:00", 1.5, "good"), ("rain", "2026-02-02 00:15", 0.0, "good")]
    assert logged[2] == ("stage", "2026-02-02 00:00", 0.9, "good") and logged[3][3] == "missing"

    text = yaml.safe_load((CATALOGUE / "regions" / "mamore.yaml").read_text("utf-8"))
    text |= {"name": "r", "gauges": ["staff", "logger"]}
    (tmp_path / "r.yaml").write_text(yaml.safe_dump(text, allow_unicode=True), "utf-8")
    table, _, flagged, unread = read_region(load_region(tmp_path / "r.yaml"), tmp_path / "store", "2026-03-01")
    known = known_values(table[table["quantity"] == "stage"], "2026-03-01").dropna(subset="value")
    # The logger's zero lies 0.20 m above that of the staff.
    assert known["gauge_id"].unique().tolist() == ["ben-pha"]
    assert known["value"].tolist() == pytest.approx([1.125, 0.98, 1.1])
    assert (
        known["source"].tolist() == ["staff", "staff", "logger"]
        and [item for item in (*flagged, *unread) if not item.usual] == []
    )


def test_grdc_and_hydroweb_and_an_export_are_read_as_the_guide_describes_them(tmp_path: Path) -> None:
    """All three constructed after headers that are known; none is a file of its service."""
    (tmp_path / "gauges" / "mrc").mkdir(parents=True)
    (tmp_path / "gauges" / "2646100_Q_Day.Cmd.txt").write_bytes(
        "# Title: GRDC STATION DATA FILE\n# Catchment area (km²): 846900.0\n# DATA\nYYYY-MM-DD;hh:mm; Value\n"
        "1965-04-01;--:--;   1234.000\n1965-04-02;--:--;   -999.000\n".encode("latin-1")
    )
    (tmp_path / "gauges" / "hydroprd_R_my_river.txt").write_text(
        "#REFERENCE LONGITUDE:: 105.2010\n#REFERENCE LATITUDE:: 10.8010\n#GEOID MODEL:: EGM2008\n2020-01-15 12:30 4.23 0.11\n"
    )
    (tmp_path / "gauges" / "mrc" / "019803_stage.csv").write_text(
        "Country Code,Station Code,Parameter,Label,Timestamp (UTC+07:00),Value,Unit,Observed or Estimated,Approval Level,Grade\n"
        "VN,019803,Water Level,Manual,1980-04-01T07:00Z,1.25,m,O,Raw - Not Yet Reviewed,Unverified data\n"
    )
    day, gap = rows(read(tmp_path, "grdc.yaml"))
    assert day == ("discharge", "1965-03-31 18:00", 1234.0, "good") and gap[3] == "missing"
    assert rows(read(tmp_path, "hydroweb.yaml")) == [("stage", "2020-01-15 12:30", 4.23, "good")]
    assert rows(read(tmp_path, "portal.yaml")) == [("stage", "1980-04-01 00:00", 1.25, "estimated")]


def test_an_export_of_another_station_is_refused_as_the_guide_says(tmp_path: Path) -> None:
    (tmp_path / "gauges" / "mrc").mkdir(parents=True)
    (tmp_path / "gauges" / "mrc" / "019803_stage.csv").write_text(
        "Station Code,Parameter,Timestamp (UTC+07:00),Value,Unit\n039801,Water Level,1980-04-01T07:00Z,1.25,m\n"
    )
    with pytest.raises(SourceError, match="is of station '039801', the entry portal of '019803'"):
        read(tmp_path, "portal.yaml")
