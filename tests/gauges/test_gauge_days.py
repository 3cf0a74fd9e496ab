"""Daily series for analysts: what was measured stays, what was filled is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from erosion.core.contracts import GAUGE_FLAGS
from erosion.gauges.days import daily_series, parse_method
from tests.gauge_tables import gauge_rows

AS_OF = pd.Timestamp("2020-06-30")


def record(holes: list[int], gauge_id: str = "g", slope: float = 1.0, days: int = 150) -> pd.DataFrame:
    """Rising by ``slope`` a day, with a ripple so that a regression has something to go by."""
    day = np.arange(days)
    level = slope * (day + 5 * np.sin(day / 7))
    keep = np.setdiff1d(day, holes)
    times = pd.date_range("2020-02-01", periods=days)[keep]
    return gauge_rows(times, level[keep], gauge_id=gauge_id)


def test_a_short_gap_is_a_straight_line_and_a_long_one_stays() -> None:
    table = daily_series(record([10, 11, 50, 51, 52, 53]), AS_OF, "interpolation", 3, ["g"]).set_index("day")
    short = table.loc["2020-02-11":"2020-02-12"]
    before, after = table.loc["2020-02-10", "value"], table.loc["2020-02-13", "value"]
    assert short["value"].tolist() == pytest.approx([before + (after - before) / 3, before + 2 * (after - before) / 3])
    assert (short["qc"] == "estimated").all() and (short["flags"] == GAUGE_FLAGS["filled"]).all()
    assert (short["method"] == "interpolation").all()
    long = table.loc["2020-03-22":"2020-03-25"]
    assert long["value"].isna().all() and (long["qc"] == "missing").all()
    assert (long["method"] == "not filled: longer than 3 days").all()
    rest = table.drop([*short.index, *long.index])
    measured = rest[rest.index <= "2020-06-29"]
    assert (
        (measured["qc"] == "good").all()
        and (measured["method"] == "").all()
        and measured.index[0] == pd.Timestamp("2020-02-01")
    )


def test_a_neighbour_that_goes_alike_fills_and_is_named() -> None:
    both = pd.concat([record([100, 101, 102]), record([], "upstream", slope=2.0)], ignore_index=True)
    table = daily_series(both, AS_OF, "neighbour", 10, ["g", "upstream"])
    mine = table[table["gauge_id"] == "g"].set_index("day").loc["2020-05-11":"2020-05-13"]
    day = np.array([100, 101, 102])
    assert mine["value"].to_numpy() == pytest.approx(day + 5 * np.sin(day / 7), rel=1e-6)
    assert all("neighbour from upstream, r2 1.00" in words for words in mine["method"])
    alone = daily_series(record([10]), AS_OF, "neighbour", 10, ["g"]).set_index("day").loc["2020-02-11"]
    assert np.isnan(alone["value"]) and alone["method"] == "not filled: no second gauge has stage"


def test_what_came_later_is_not_in_it() -> None:
    rows = record([10])
    early = daily_series(rows, pd.Timestamp("2020-02-11"), "interpolation", 3, ["g"])
    assert early["day"].max() == pd.Timestamp("2020-02-11") and (early["method"] == "").all(), (
        "the end of the gap is not known yet"
    )


@pytest.mark.parametrize(
    "text", ["spline:3", "interpolation", "interpolation:0", "interpolation:x", "neighbour:-1", ""]
)
def test_a_method_must_be_named_with_its_limit(text: str) -> None:
    with pytest.raises(ValueError, match="write METHOD:DAYS"):
        parse_method(text)
    assert parse_method("neighbour:10") == ("neighbour", 10)


def test_the_command_writes_every_day_of_a_gauge(crop: Path, tmp_path: Path, erosion) -> None:
    out = tmp_path / "days.csv"
    file = crop.parent / "gauges" / "15250000_guajara_mirim.csv"
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    file.write_text(
        "".join(line for line in lines if not line.startswith(("2010-03-04", "2010-03-05"))), encoding="utf-8"
    )
    done = erosion("gauges", crop, "--date", "2018-12-31", "--filled", "interpolation:5", out)
    assert f"wrote {out}" in done.stdout
    table = pd.read_csv(
        out, dtype={"gauge_id": str}, parse_dates=["day"], keep_default_na=False, na_values={"value": [""]}
    )
    for _, mine in table.groupby("gauge_id"):
        assert (mine["day"].diff().dropna() == pd.Timedelta(days=1)).all()
    assert set(table["gauge_id"]) == {"15250000", "15200000"}
    assert table.loc[table["qc"] == "estimated", "day"].dt.strftime("%Y-%m-%d").tolist() == ["2010-03-04", "2010-03-05"]
    assert erosion("gauges", crop, "--filled", "guess:3", out).returncode == 1
