"""Products of the screen with gauges and a trigger: what they hold, and how they are put there."""

import json

import geopandas as gpd
import numpy as np
import pandas as pd

from erosion.config.gauges import GaugeSource
from erosion.core.contracts import GAUGE_FLAGS
from erosion.gauges.hydrograph import Station, hydrograph
from erosion.ui.choice import Choice
from erosion.ui.products.regions import read_region
from tests.ui.test_browser import address, browser, open_page, outside, pick, settle  # noqa: F401

AS_OF = "2024-06-30"
NEWEST = pd.Timestamp(
    "2024-06-30T19:00", tz="UTC"
)  # 02:00 of 1 July in Viet Nam, five hours before the end of the date
EVIL = "<img src=http://evil.example/c.png onerror=alert(1)> ![x](http://evil.example/d.png)"
ALARMS = (3.5, 4.0, 4.5)


def entry(name, gauge_id, title, **changed):
    told = {
        "driver": "gauge_files", "river": "Tiền", "location": (105.2, 10.8), "cadence_days": 1.0, "latency_days": 1.0,
        "licence": "CC BY 4.0", "attribution": f"Đài {name}", "citation": "cite", "datum": "mốc quốc gia",
    }  # fmt: skip
    return GaugeSource(name=name, gauge_id=gauge_id, title=title, **(told | changed))


def stations():
    hourly = entry(
        "tram-gio", "019803", "Sông Tiền tại Tân Châu", cadence_days=1 / 24, latency_days=0.05,
        alarm_levels_m=ALARMS, alarm_source="Quyết định 05/2020/QĐ-TTg",
    )  # fmt: skip
    quiet = entry("tram-im", "7", EVIL, attribution=EVIL, licence=EVIL, datum=EVIL)
    rain = entry("mua", "9", "Mưa tại Tân Châu", datum=None)
    return [
        Station(sources=(hourly,), reaches=("thu",), main_of=("thu",)),
        Station(sources=(quiet,), reaches=("hai",), main_of=("hai",)),
        Station(sources=(rain,), reaches=("thu",)),
    ]


def season(days):
    """A tidal river's stage [m]: low in April, high in October."""
    return 2.1 - 1.5 * np.cos(2 * np.pi * (np.asarray(days.day_of_year) - 100) / 365)


def rows(time, value, gauge_id, quantity, source, qc="good", flags=0):
    return pd.DataFrame(
        {
            "gauge_id": gauge_id, "quantity": quantity, "time": time, "available_at": time + pd.Timedelta(minutes=30),
            "value": value, "qc": qc, "flags": flags, "source": source,
        }
    )  # fmt: skip


def gauge_rows():
    """Three gauges: hours with tide, suspect values, a filled gap and a hole; one that is stale; rain."""
    hours = pd.date_range("2019-01-01", "2024-06-30T18:00", freq="6h", tz="UTC").append(pd.DatetimeIndex([NEWEST]))
    rise = np.random.default_rng(5)
    walk = np.cumsum(rise.normal(0, 0.02, hours.size)) * 0.3
    stage = season(hours) + 0.35 * np.sin(2 * np.pi * np.arange(hours.size) / 4.14) + walk - walk[-1]
    stage += 2.85 - stage[-1]
    hole = (hours >= "2024-04-10") & (hours < "2024-04-17")
    filled = (hours >= "2024-05-20") & (hours < "2024-05-24")
    table = rows(hours, stage, "019803", "stage", "tram-gio")
    table.loc[filled, ["qc", "flags"]] = ["estimated", GAUGE_FLAGS["filled"]]
    table = table[~hole]
    flagged = pd.date_range("2024-06-10", periods=3, freq="D", tz="UTC")
    spike = rows(flagged, [3.9, 3.95, 4.0], "019803", "stage", "tram-gio", "suspect", GAUGE_FLAGS["spike"])
    wild = rows(
        flagged[:1] + pd.Timedelta(days=6), [-9999.0], "019803", "stage", "tram-gio", "suspect", GAUGE_FLAGS["range"]
    )
    table = table[~table["time"].isin([*spike["time"], *wild["time"]])]
    days = pd.date_range("2019-01-01", "2024-06-24", tz="UTC")
    quiet = rows(days, season(days) - 0.6, "7", "stage", "tram-im")
    wet = pd.date_range("2023-01-01", "2024-06-30", tz="UTC")
    rain = rows(wet, np.where(rise.random(wet.size) < 0.4, rise.exponential(12, wet.size), 0.0), "9", "rain", "mua")
    return pd.concat([table, spike, wild, quiet, rain], ignore_index=True)


def forecast_rows():
    issued = pd.Timestamp("2024-06-30T06:00", tz="UTC")
    days = pd.date_range("2024-07-01", periods=10, tz="UTC")
    parts = [
        pd.DataFrame(
            {
                "gauge_id": "019803", "quantity": "stage", "time": days, "issued_at": issued, "member": member,
                "available_at": issued, "value": 2.6 + 0.05 * np.arange(10) * (1 + 0.25 * (member - 3)), "source": "tram-gio",
            }
        )
        for member in range(7)
    ]  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def put(directory, table, facts):
    table.to_parquet(directory / "hydrograph.parquet")
    (directory / "gauges.json").write_text(json.dumps(facts, ensure_ascii=False), encoding="utf-8")


def run_of(out, region, date):
    (directory,) = (out / region).glob(f"{date}-*")
    return directory


def add_gauges(out):
    """Add gauge files to products: none in 2022, a region without gauges in 2023, three gauges in 2024."""
    put(run_of(out, "song-thu", "2023-06-30"), *hydrograph(gauge_rows(), forecast_rows(), "2023-06-30", []))
    put(run_of(out, "song-thu", AS_OF), *hydrograph(gauge_rows(), forecast_rows(), AS_OF, stations()))
    put(
        run_of(out, "tap-duot", "2022-06-30"),
        *hydrograph(gauge_rows(), forecast_rows(), "2022-06-30", stations()[:1]),
    )


def terms():
    """What the trigger says of a segment: one term known, one old, one that no version publishes."""
    told = {"unit": "m", "days": 3, "start": 0.3, "full": 1.0, "gauge": "019803", "title": EVIL, "time": "2024-06-30"}
    return json.dumps(
        [
            told | {"term": "drawdown", "points": 1.2, "of": 2.0, "value": 0.6, "state": "known"},
            told
            | {"term": "rain_on_low_water", "points": None, "of": 1.0, "value": None, "unit": "mm", "state": "old"},
            {"term": "<i>odd</i>", "points": 1.0, "of": 1.0, "state": "known"},
            "no term",
        ]
    )


def add_trigger(out):
    """Raise the worst segment of the newest run by one level, and leave the trigger of the second unknown."""
    path = run_of(out, "song-thu", AS_OF) / "segments_1y.parquet"
    table = gpd.read_parquet(path)
    first, second = table.sort_values(["level", "p_event"], ascending=False).index[:2]
    table["trigger"], table["trigger_points"] = 1.0, 1.2
    table["trigger_terms"] = terms()
    table.loc[first, "model_level"] = 3
    table.loc[first, "why"] = "trigger"
    table.loc[second, "trigger"] = -1.0
    table.to_parquet(path)
    return [str(table.loc[row, "segment_id"]) for row in (first, second)]


def newest(folder, language="vi"):
    """What a page knows of the newest run."""
    region = read_region(folder / "song-thu")
    return Choice(language, region, region.runs[-1], region.runs[-2], region.targets[0])
