"""The hash of a run covers every setting of its sources, in an order that no change of the code may change."""

from __future__ import annotations

import dataclasses

import pytest

from erosion.config.sources import load_source
from erosion.nightly.stages.identity import settings_of

TERMS = ["licence", "attribution", "citation", "url"]

MASKS = ["name", "driver", "title", "files", "values", "nodata", "date_from", "date_tag", "year_day", "units"]
MASKS += ["cadence_days", "latency_days", "geo_rmse_m", *TERMS]

SCENES = ["name", "driver", "title", "sensor", "units", "scale", "offset", "boa_offset", "nodata", "saturated_from"]
SCENES += ["quality", "saturation", "pixel_m", "cadence_days", "latency_days", "geo_rmse_m", *TERMS]
SCENES += ["catalog", "collection", "bands", "signing", "token_env", "max_cloud_percent", "available_from"]

RAIN = ["name", "driver", "title", "gauge_id", "river", "place", "location", "distance_downstream_km", "datum"]
RAIN += ["datum_offset_m", "alarm_levels_m", "alarm_source", "checks", "cadence_days", "latency_days", *TERMS]
RAIN += ["key_env", "first_day", "pause_s", "service"]


STAGE = [*RAIN[:-4], "files", "settle_s", "sheet", "columns", "units", "timezone", "time_format", "quality"]
STAGE += ["encoding", "delimiter", "missing", "decimal"]

FLOW = [*RAIN[:-4], "files", "settle_s", "reach_cells"]


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("mamore_masks", MASKS),
        ("sentinel2_earth_search", SCENES),
        ("tan_chau_rain_power", RAIN),
        ("tan_chau", STAGE),
        ("tan_chau_glofas", FLOW),
    ],
)
def test_the_settings_of_a_source_are_hashed_in_the_order_of_the_first_runs(name: str, keys: list[str]) -> None:
    entry = load_source(name)
    assert list(settings_of(entry)) == keys
    # Everything is an input but where files lie; of those accepted, the hash of the masks holds the ones known by then.
    assert {field.name for field in dataclasses.fields(entry)} - set(keys) <= {
        "path",
        "described_in",
        "optional",
        "accepted_files",
    }
