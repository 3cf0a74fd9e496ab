"""Scores of the chance of a cutoff: by hand, and from what was known before each group of dates."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from erosion.config.region import Target
from erosion.forecast.evaluation.cutoff_skill import cutoff_table, forecast_cutoffs

TARGETS = (
    Target(name="1y", horizon_days=365.25, threshold_m=30),
    Target(name="3y", horizon_days=1095.75, threshold_m=60),
)
DATES = pd.date_range("1990-08-01", periods=10, freq="365D")
GROUPS = [(DATES[4], DATES[7]), (DATES[7], DATES[9] + pd.Timedelta(days=1))]


def rows(seed: int = 0) -> pd.DataFrame:
    """Twenty necks on each of ten dates; the narrow ones are mostly cut."""
    rng = np.random.default_rng(seed)
    n = 20 * len(DATES)
    wide = rng.uniform(0.3, 6.0, n)
    table = pd.DataFrame(
        {
            "reach": "made",
            "as_of": np.repeat(DATES, 20),
            "neck": np.tile(np.arange(20), len(DATES)),
            "neck_width_m": 300.0 * wide,
            "neck_width_w": wide,
            "neck_closing_rate": rng.uniform(0.0, 90.0, n),
        }
    )
    for target in TARGETS:
        table[f"known_{target.name}"] = table["as_of"] + pd.Timedelta(days=target.horizon_days)
        table[f"cut_{target.name}"] = rng.random(n) < np.where(wide < 1.0, 0.8, 0.02)
    return table


def test_each_group_is_forecast_from_what_was_known_before_it() -> None:
    made = rows()
    got = forecast_cutoffs(made, TARGETS, GROUPS)
    assert set(got["as_of"]) == set(DATES[4:])
    assert len(got) == 2 * 20 * 6
    for target in TARGETS:
        other = made.copy()
        later = other[f"known_{target.name}"] > GROUPS[0][0]
        other.loc[later, f"cut_{target.name}"] ^= True
        again = forecast_cutoffs(other, TARGETS, GROUPS[:1])
        first = got[got["as_of"] < GROUPS[0][1]].reset_index(drop=True)
        columns = ["p_cutoff", "p_cutoff_low", "p_cutoff_high", "p_climatology"]
        pd.testing.assert_frame_equal(again[columns], first[columns], check_exact=True)


def test_windows_that_are_not_over_are_not_scored() -> None:
    made = rows()
    made.loc[made["as_of"] >= DATES[8], "known_3y"] = pd.NaT
    got = forecast_cutoffs(made, TARGETS, GROUPS)
    assert got.loc[got["target"] == "3y", "as_of"].max() == DATES[7]
    assert got.loc[got["target"] == "1y", "as_of"].max() == DATES[9]


def test_the_scores_by_hand() -> None:
    forecasts = pd.DataFrame(
        {
            "target": "1y",
            "cut": [1.0, 0.0],
            "p_cutoff": [0.8, 0.4],
            "p_cutoff_low": [0.5, 0.1],
            "p_cutoff_high": [0.9, 0.8],
            "p_climatology": [0.5, 0.5],
        }
    )
    brier = (0.2**2 + 0.4**2) / 2
    loss = -(np.log(0.8) + np.log(0.6)) / 2
    row = f"| 1y | 2 | 1 | 1.2 (0.6 to 1.7) | {brier:.4f} | 0.2500 | {loss:.3f} | {np.log(2):.3f} |"
    assert cutoff_table(forecasts).splitlines()[2:] == [row]


@pytest.mark.parametrize("groups", [[], [(pd.Timestamp("2050-01-01"), pd.Timestamp("2053-01-01"))]])
def test_no_date_to_test_gives_an_empty_table(groups: list[tuple[pd.Timestamp, pd.Timestamp]]) -> None:
    assert len(cutoff_table(forecast_cutoffs(rows(), TARGETS, groups)).splitlines()) == 2
