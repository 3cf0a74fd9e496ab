"""Flags that were known on a date do not change with what comes later."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from erosion.config.gauges import GaugeChecks
from erosion.core.contracts import check_gauges
from erosion.gauges.quality.checks import check_quality
from erosion.gauges.statistics import known_values
from tests.gauges.quality.made_series import DAY, LATENCY, days, table, wave

# --- nothing from the future ---------------------------------------------------------------------------------------------


START = pd.Timestamp("2001-01-01", tz="UTC")


SPAN = 1200


@st.composite
def histories(draw: st.DrawFn) -> tuple[pd.DataFrame, list[int]]:
    """Two gauges over three years with faults, gaps, late values and revisions, and which instants to look at."""
    base = wave(SPAN, draw(st.integers(0, 3)))
    upper, lower = base.copy(), np.round(800 * base**1.5 * (1 + 0.01 * np.sin(np.arange(SPAN))), 1)
    at = st.integers(0, SPAN - 40) | st.integers(760, SPAN - 40)
    for series in (upper, lower):
        for _ in range(draw(st.integers(0, 4))):
            day, kind = draw(at), draw(st.sampled_from(["spike", "flat", "step", "copy", "wild", "missing"]))
            length = draw(st.integers(1, 35))
            part = slice(day, day + length)
            if kind == "spike":
                series[day : day + min(length, 3)] *= 2
            elif kind == "flat":
                series[part] = series[day]
            elif kind == "step":
                series[day:] *= 1.4
            elif kind == "copy" and day >= length:
                series[part] = series[day - length : day]
            elif kind == "wild":
                series[day] = -1e4
            elif kind == "missing":
                series[part] = np.nan
    parts = [
        table(days(SPAN), upper, gauge_id="a"),
        table(
            days(SPAN),
            lower,
            gauge_id="b",
            quantity="discharge",
            latency=draw(st.sampled_from([1, 70])) * DAY + LATENCY,
        ),
    ]
    hours = pd.date_range("2004-01-01", periods=24 * 45, freq="h")
    hour = np.arange(hours.size) + np.where(np.arange(hours.size) > 24 * 36, draw(st.integers(-2, 2)), 0)
    parts.append(table(hours, np.round(2 + np.cos(2 * np.pi * hour / 12.42), 3), gauge_id="c"))
    gauges = pd.concat(parts, ignore_index=True)
    more = []
    for _ in range(draw(st.integers(0, 4))):
        first = draw(st.integers(0, len(gauges) - 40) | st.integers(SPAN - 60, SPAN - 40))
        rows = np.arange(first, first + draw(st.integers(1, 12)))
        late = pd.Timedelta(hours=draw(st.integers(1, 24 * 60)))
        kind = draw(st.sampled_from(["late", "revised", "withdrawn", "gap"]))
        if kind == "late":
            gauges.loc[rows, "available_at"] = gauges.loc[rows[-1], "available_at"] + late
        elif kind == "gap":
            gauges = gauges.drop(index=rows).reset_index(drop=True)
        else:
            again = gauges.loc[rows].copy()
            again["available_at"] += late
            again["value"] = again["value"] * draw(st.sampled_from([1.0, 1.01, 2.0]))
            again["qc"] = "suspect" if kind == "withdrawn" else "estimated"
            more.append(again)
    gauges = pd.concat([gauges, *more], ignore_index=True)
    gauges["qc"] = gauges["qc"].mask(gauges["value"].isna(), "missing")
    gauges = gauges.drop_duplicates(["gauge_id", "quantity", "time", "available_at"], keep="last", ignore_index=True)
    return gauges, draw(st.lists(st.integers(0, 2**32), min_size=4, max_size=4))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(histories())
def test_what_was_known_on_a_date_does_not_change_with_what_comes_later(
    made: tuple[pd.DataFrame, list[int]],
) -> None:
    gauges, picks = made
    limits = {"a": GaugeChecks(flat_days=6)}
    whole = check_gauges(check_quality(gauges, limits))
    # The instants at which something came to be flagged or corrected are those at which knowing too early would show.
    told = whole.loc[(whole["flags"] > 0) | whole.duplicated(["gauge_id", "time"]), "available_at"].unique()
    instants = pd.DatetimeIndex(told if len(told) else whole["available_at"].unique()).sort_values()
    for pick in picks:
        look = instants[pick % len(instants)] - pd.Timedelta(nanoseconds=pick % 2)
        then = check_quality(gauges[gauges["available_at"] <= look], limits)
        pd.testing.assert_frame_equal(known_values(whole, look), known_values(then, look))
