"""A crack that was reported raises its bank the same night, and nothing falls until the report is closed."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from erosion.alerts import ledger
from erosion.alerts.ledger import decisions, reports
from erosion.config.region import load_region
from erosion.nightly.published import PUBLISHED
from erosion.nightly.run import run
from tests.alerts.ledger.made_entries import AN, BA
from tests.nightly.made_runs import FIRST, SECOND


def layer_of(directory: Path | None) -> gpd.GeoDataFrame:
    assert directory is not None
    return gpd.read_parquet(directory / "segments_1y.parquet")


def test_a_crack_raises_its_bank_and_closing_it_ends_that(crop: Path, tmp_path: Path) -> None:
    out, region = tmp_path / "out", load_region(crop)
    first = run(region, FIRST, out)
    before = layer_of(first.directory)
    quiet = before[(before["level"] == 1) & (before["bank"] == "L")].iloc[5]
    place = (
        gpd.GeoSeries([shapely.line_interpolate_point(quiet.geometry, 0.5, normalized=True)], crs=before.crs)
        .to_crs(4326)
        .iloc[0]
    )
    engine = ledger.open_ledger(out / "ledger.sqlite")
    seen = reports.FieldReport(
        client_id="a", region=region.name, observed_at=pd.Timestamp(SECOND, tz="UTC").to_pydatetime(), lon=place.x, lat=place.y,
        commune="1", verdict="cracked", words="nứt dài 12 m",
    )  # fmt: skip
    with ledger.writing(engine) as connection:
        number = reports.add_report(connection, BA, seen).id

    same = run(region, FIRST, out)
    assert (same.exit_code, same.new) == (PUBLISHED, False), "what was seen later changes no earlier run"

    night = run(region, SECOND, out)
    layer = layer_of(night.directory).set_index("segment_id")
    here = gpd.GeoSeries([place], crs=4326).to_crs(32720).iloc[0]
    away = shapely.distance(layer.to_crs(32720).geometry.to_numpy(), here)
    near = layer[away <= max(100.0, away.min() + 0.01)]
    assert len(near) and (near["level"] >= 3).all() and (near["held_by"][near["asked_level"] < 3] == "report").all()
    assert near["stretch_id"].notna().all()
    assert (layer["held_by"] == "report").sum() <= len(near)

    with ledger.writing(engine) as connection:
        decisions.close(connection, AN, region.name, report_id=number, words="đã kiểm tra, không sạt lở thêm")
    engine.dispose()
    after = layer_of(run(region, SECOND, out).directory)
    assert not (after["held_by"] == "report").any() and np.isin(after["level"], range(5)).all()
