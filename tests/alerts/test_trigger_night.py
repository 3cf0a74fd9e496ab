"""The trigger in a nightly run: what it raises, what is published of it, and its message when a gauge is stale."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely import LineString

from erosion.alerts import ledger
from erosion.alerts.trigger_night import gauges_of, night_of
from erosion.config.problems import CatalogError
from erosion.config.region import Region, load_region
from erosion.core.contracts import GAUGE_FORECAST_COLUMNS
from erosion.nightly.published import DEGRADED, PUBLISHED
from erosion.nightly.run import run
from tests.gauge_tables import gauge_rows

NIGHT, NEXT = pd.Timestamp("2010-07-18"), pd.Timestamp("2010-07-19")
NO_FORECAST = pd.DataFrame(columns=list(GAUGE_FORECAST_COLUMNS))
FALLS = {"days": 14, "points": 3, "start": 0.0, "full": 0.02}
"""In July the river falls by more than a fiftieth of its yearly range in a fortnight."""


def layer_of(directory: Path | None, target: str = "1y") -> gpd.GeoDataFrame:
    assert directory is not None
    return gpd.read_parquet(directory / f"segments_{target}.parquet").set_index("segment_id")


def manifest_of(directory: Path | None) -> dict[str, Any]:
    assert directory is not None
    return json.loads((directory / "manifest.json").read_text("utf-8"))


def triggered(crop: Path, edit: Callable[..., None], **trigger: object) -> Region:
    edit(crop, trigger={"unit": "range", "max_age_days": 5, "drawdown": FALLS, **trigger})
    return load_region(crop)


def test_a_night_with_a_trigger_and_one_after_it(crop: Path, edit: Callable[..., None], tmp_path: Path) -> None:
    edit(crop, trigger=None)
    alone = run(load_region(crop), NIGHT, tmp_path / "alone")
    plain = layer_of(alone.directory)
    assert (plain["level"] == plain["model_level"]).all() and manifest_of(alone.directory)["trigger"] is None
    assert plain[["trigger", "trigger_points", "trigger_terms"]].isna().all(axis=None)

    region = triggered(crop, edit, raises={3: 1})
    night = run(region, NIGHT, tmp_path / "out")
    assert (night.exit_code, night.messages) == (PUBLISHED, ())
    layer = layer_of(night.directory)
    assert (layer["trigger"] == 3).all() and (layer["trigger_points"] == 3).all()
    (terms,) = set(layer["trigger_terms"])
    (term,) = json.loads(terms)
    assert (term["term"], term["points"], term["state"], term["unit"]) == ("drawdown", 3, "known", "range")
    assert term["value"] > 0.02 and term["gauge"] and term["time"] >= "2010-07-14"
    # The model's own level is what it is without a trigger; warned segments stand one higher, as far as the cap lets them.
    assert (layer["model_level"] == plain["level"].reindex(layer.index)).all()
    raised = layer["level"] - layer["model_level"]
    assert set(raised[layer["model_level"] >= 2]) <= {0, 1} and (raised > 0).sum() > 5
    assert (raised[layer["model_level"] < 2] == 0).all()
    room = region.policy.max_level4_share * layer["length_m"].sum()
    assert layer.loc[layer["level"] == 4, "length_m"].sum() <= room
    # Where nothing was raised the cap has no room left: by the model's own, or by the trigger's.
    left = layer.loc[(layer["model_level"] >= 2) & (raised == 0) & (layer["level"] < 4)]
    assert (left["model_level"] == 3).all()
    longest = layer["length_m"].max()
    assert left.empty or layer.loc[layer["level"] == 4, "length_m"].sum() > room - longest
    differs = layer["level"] != layer["asked_level"]
    assert ((layer["held_by"] != "") == differs).all()
    ((name, about),) = manifest_of(night.directory)["trigger"].items()
    assert (name, about["level"], about["points"]) == ("mamore_crop", 3, 3.0)
    (gauge,) = about["gauges"]
    assert (gauge["gauge_id"], gauge["term"]) == (term["gauge"], "drawdown") and 0 <= gauge["age_days"] <= 5

    # What is remembered is the model's, what is warned of is what was published.
    assert night.directory is not None
    engine = ledger.open_ledger(tmp_path / "out" / "ledger.sqlite")
    states = ledger.previous_states(engine, region.name, "1y", NEXT).set_index("segment_id")
    open_now = ledger.open_warnings(engine, region.name, "1y").set_index("segment_id")
    changes = ledger.changes_since_previous(engine, f"{region.name}-{night.directory.name}")
    assert (states["model_level"] == layer["model_level"].reindex(states.index)).all()
    assert (open_now["level"] == layer["level"].reindex(open_now.index)).all()
    assert "trigger" in set(changes["why"])

    # The water has stopped falling: one night is not enough, and it is counted.
    calm = triggered(crop, edit, raises={3: 1}, drawdown={**FALLS, "start": 1.0, "full": 2.0})
    after = layer_of(run(calm, NEXT, tmp_path / "out").directory)
    states = ledger.previous_states(engine, region.name, "1y", NEXT + pd.Timedelta(days=1)).set_index("segment_id")
    engine.dispose()
    up = layer.index[raised > 0]
    assert (after["trigger"] == 0).all()
    assert (after.loc[up, "level"] == layer.loc[up, "level"]).all() and set(after.loc[up, "why"]) == {"trigger"}
    assert set(states.loc[up, "trigger_since"]) == {f"{NEXT:%Y-%m-%d}"}
    assert set(states["trigger_since"].drop(up)) == {""}


def test_a_stale_gauge_makes_the_trigger_unknown_and_the_run_degraded(
    crop: Path, edit: Callable[..., None], tmp_path: Path
) -> None:
    for gauge in (crop.parent / "gauges").glob("*.csv"):
        lines = gauge.read_text("utf-8").splitlines(keepends=True)
        kept = [line for line in lines if not any(f"2010-{month:02d}" in line for month in range(7, 13))]
        assert len(kept) < len(lines)
        gauge.write_text("".join(kept), "utf-8")
    result = run(triggered(crop, edit, raises={3: 1}), NIGHT, tmp_path / "out")
    assert result.exit_code == DEGRADED
    (message,) = [text for text in result.messages if text.startswith("trigger unknown: ")]
    assert "is of 2010-06-30 (drawdown)" in message
    layer = layer_of(result.directory)
    assert (layer["trigger"] == -1).all() and layer["trigger_points"].isna().all()
    assert (layer["level"] == layer["model_level"]).all()
    (term,) = json.loads(layer["trigger_terms"].iloc[0])
    assert (term["state"], term["points"]) == ("old", None)


# --- gauges of a reach -----------------------------------------------------------------------------------------------


def bank(region: Region, n: int = 50) -> gpd.GeoDataFrame:
    """A straight bank from the reach's upstream point northwards, in the region's CRS."""
    start = gpd.GeoSeries.from_xy([region.reach.upstream[0]], [region.reach.upstream[1]], crs="EPSG:4326")
    x, y = start.to_crs(region.crs).get_coordinates().iloc[0]
    lines = [LineString([(x, y + 100 * i), (x, y + 100 * i + 100)]) for i in range(n)]
    ids = [f"{region.reach.name}-L-{100 * i:07d}" for i in range(n)]
    table = {"segment_id": ids, "reach": region.reach.name, "chainage_m": 100.0 * np.arange(n)}
    return gpd.GeoDataFrame(table, geometry=lines, crs=region.crs)


def test_gauges_of_a_reach_stand_where_they_stand(crop: Path, edit: Callable[..., None]) -> None:
    shutil.copy(crop.parent / "guajara_mirim.yaml", crop.parent / "again.yaml")
    edit(crop.parent / "again.yaml", name="again")
    region = load_region(crop)
    edit(crop.parent / "guajara_mirim.yaml", distance_downstream_km=250)
    far = gpd.GeoSeries.from_xy(
        bank(region).geometry[20].xy[0][:1], bank(region).geometry[20].xy[1][:1], crs=region.crs
    )
    lon, lat = far.to_crs("EPSG:4326").get_coordinates().iloc[0].tolist()
    edit(crop.parent / "principe_da_beira.yaml", location=[lon, lat], distance_downstream_km=None)
    edit(crop, gauges=["again", "principe_da_beira", "guajara_mirim"])
    region = load_region(crop)
    first, second = gauges_of(region, bank(region))
    edit(crop.parent / "again.yaml", distance_downstream_km=-3)
    above = gauges_of(load_region(crop), bank(region))[0]
    assert second.chainage_m in (1900.0, 2000.0)
    assert above.chainage_m == -3000.0 and first.gauge_id == above.gauge_id
    edit(
        crop,
        reaches=[{"name": region.reach.name, "upstream": list(region.reach.upstream), "gauges": ["guajara_mirim"]}],
    )
    (only,) = gauges_of(load_region(crop), bank(region))
    assert only.chainage_m == 4900.0 + 250_000.0


def test_a_gauge_with_nothing_at_all(crop: Path, edit: Callable[..., None]) -> None:
    region = triggered(crop, edit, raises={3: 1})
    empty = gauge_rows([], [])
    night = night_of(region, bank(region), empty, NO_FORECAST, NIGHT)
    assert (night.table["trigger"] == -1).all() and (night.table["trigger_most"] == 3).all()
    (message,) = night.messages
    assert "has no reading (drawdown)" in message
    quiet = night_of(triggered(crop, edit), bank(region), empty, NO_FORECAST, NIGHT)
    assert quiet.messages == [] and (quiet.table["trigger"] == -1).all()
    assert night.reaches["mamore_crop"]["level"] == -1 and night.reaches["mamore_crop"]["points"] is None


def test_an_optional_gauge_that_was_never_brought_is_no_lack(crop: Path, edit: Callable[..., None]) -> None:
    for name in ("guajara_mirim", "principe_da_beira"):
        edit(crop.parent / f"{name}.yaml", optional=True)
    region = triggered(crop, edit, raises={3: 1})
    night = night_of(region, bank(region), gauge_rows([], []), NO_FORECAST, NIGHT)
    assert night.messages == [] and (night.table["trigger"] == -1).all()
    # Once it has given a reading, an old one is reported as that of any other gauge.
    gauge = gauges_of(region)[0].gauge_id
    old = gauge_rows(["2010-06-01"], [5.0], gauge_id=gauge, quantity="discharge")
    (message,) = night_of(region, bank(region), old, NO_FORECAST, NIGHT).messages
    assert "is of 2010-06-01" in message
    edit(crop.parent / "guajara_mirim.yaml", optional=False)
    region = load_region(crop)
    (message,) = night_of(region, bank(region), gauge_rows([], []), NO_FORECAST, NIGHT).messages
    assert "has no reading (drawdown)" in message


def test_two_zeros_on_one_reach_are_reported_and_one_gauge_serves_it(crop: Path, edit: Callable[..., None]) -> None:
    days = pd.date_range("2009-01-01", "2010-07-18", freq="D")
    for name, datum, km in (("guajara_mirim", "one", -1), ("principe_da_beira", "another", 2)):
        edit(crop.parent / f"{name}.yaml", datum=datum, distance_downstream_km=km)
    edit(crop, trigger={"unit": "m", "drawdown": DRAWDOWN, "raises": {2: 1}})
    region = load_region(crop)
    first, second = (gauge.gauge_id for gauge in gauges_of(region))
    series = pd.concat([gauge_rows(days, np.linspace(9, 1, len(days)), gauge_id=name) for name in (first, second)])
    night = night_of(region, bank(region), series, NO_FORECAST, NIGHT)
    (message,) = night.messages
    assert "counts from 'one', that of" in message and "one gauge serves the whole reach" in message
    assert {json.loads(text)[0]["gauge"] for text in night.table["trigger_terms"]} == {first}


# --- the region file -------------------------------------------------------------------------------------------------

DRAWDOWN = {"days": 3, "points": 2, "start": 0.1, "full": 0.3}


@pytest.mark.parametrize(
    ("trigger", "message"),
    [
        ({"unit": "feet", "drawdown": DRAWDOWN}, "trigger.unit: 'feet' is not one of m, range"),
        ({"drawdown": DRAWDOWN}, "trigger.unit: is missing"),
        ({"unit": "m"}, "trigger: has no term; give one, like drawdown, or take the trigger out"),
        ({"unit": "m", "drawdown": {**DRAWDOWN, "points": 4}}, "trigger.drawdown.points: must be 0 to 3"),
        ({"unit": "m", "drawdown": {**DRAWDOWN, "start": 0.3}}, "trigger.drawdown: start 0.3 must be below full 0.3"),
        ({"unit": "m", "drawdown": {**DRAWDOWN, "days": 15}}, "trigger.drawdown.days: must be 1 to 14 [day], is 15"),
        ({"unit": "m", "draw_down": DRAWDOWN}, "trigger.draw_down: unknown key; did you mean trigger.drawdown?"),
        (
            {"unit": "m", "rain_on_low_water": {"days": 2, "points": 1, "start": 0, "full": 50}},
            "trigger.rain_on_low_water.days: 2 must be one of 1, 3, 7, 30",
        ),
        ({"unit": "m", "drawdown": DRAWDOWN, "raises": {3: 1}}, "trigger.raises.3: is never reached; the terms give 2"),
        (
            {"unit": "m", "drawdown": DRAWDOWN, "raises": {1: 2, 2: 1}},
            "trigger.raises: must not fall from level 1 to 3",
        ),
        ({"unit": "m", "drawdown": DRAWDOWN, "raises": {0: 1}}, "trigger.raises.0: is no level of the trigger"),
        ({"unit": "m", "drawdown": DRAWDOWN, "raises": {2: 0}}, "trigger.raises.2: must be 1 to 3"),
        ({"unit": "m", "above_alarm": {"points": 1}}, "trigger.above_alarm: no gauge of mamore_crop has alarm levels"),
    ],
)
def test_a_mistake_in_the_trigger_is_named_with_its_mend(
    crop: Path, edit: Callable[..., None], trigger: dict[str, Any], message: str
) -> None:
    edit(crop, trigger=trigger)
    with pytest.raises(CatalogError) as caught:
        load_region(crop)
    assert message in str(caught.value)


def test_a_trigger_needs_a_gauge(crop: Path, edit: Callable[..., None]) -> None:
    edit(crop, gauges=[], trigger={"unit": "m", "drawdown": DRAWDOWN})
    with pytest.raises(CatalogError, match="trigger: needs a gauge"):
        load_region(crop)
