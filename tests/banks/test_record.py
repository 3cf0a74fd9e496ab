"""What a record must hold before anything is said of a bank."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from erosion.banks.record import record_gaps, thin_record
from erosion.core.vocabulary import UnknownReason

YEARLY = ("2000-07-01", "2001-07-10", "2002-06-20", "2003-07-01")


def banks(dates: tuple[str, ...], *coverage: list[float]) -> xr.Dataset:
    """Measurements of one segment for each row of coverage; without rows, of one that was always seen."""
    rows = np.array(coverage or [[1.0] * len(dates)])
    return xr.Dataset({"coverage": (("segment_id", "epoch"), rows)}, coords={"epoch": pd.to_datetime(list(dates))})


@pytest.mark.parametrize(
    ("dates", "reason"),
    [
        (YEARLY[:1], UnknownReason.NOT_MEASURED),
        (YEARLY[:2], UnknownReason.SHORT_RECORD),
        (YEARLY[:3], ""),
        (YEARLY, ""),
        (("1989-07-01", "2017-07-01"), UnknownReason.WIDE_GAP),
        ((*YEARLY, "2013-07-01"), UnknownReason.WIDE_GAP),
        ((*YEARLY, "2005-08-01"), ""),
        ((*YEARLY, "2013-07-01", "2014-07-01"), ""),
        (("2000-01-01", "2000-02-01", "2000-03-01", "2000-04-01"), UnknownReason.SHORT_RECORD),
        (("2000-01-01", "2002-01-01"), UnknownReason.SHORT_RECORD),
        (("2000-01-01", "2001-01-01", "2001-08-01"), ""),
        (("1985-07-31", "1990-07-31", "1995-07-31", "2000-07-31"), UnknownReason.WIDE_GAP),
    ],
)
def test_the_whole_record_and_each_bank_are_judged_alike(dates: tuple[str, ...], reason: str) -> None:
    assert record_gaps(banks(dates)).tolist() == [reason]
    said = thin_record(pd.to_datetime(list(dates)))
    assert (said is None) == (reason == "")
    if said is not None:
        assert "every level is unknown" in said


def test_a_bank_is_judged_by_the_dates_that_show_it() -> None:
    dates = tuple(f"{year}-07-01" for year in range(2000, 2006))
    found = record_gaps(
        banks(
            dates,
            [1, 1, 1, 1, 1, 1],
            [1, 0, 0, 0, 0, 0],  # once
            [0, 0, 0, 0, 0, 0],  # never twice
            [1, 1, 1, 0, 0, 1],  # three years between the newest two
            [1, 1, 1, 0, 1, 0.2],
            [1, 0, 0, 0, 0, 1],
            [0, 0, 0, 0, 0.5, 1],  # first seen in 2003, as its coverage begins with the second time
            [0, 0, 0, 0, 0, 1],
        )
    )
    gap, short, once = UnknownReason.WIDE_GAP, UnknownReason.SHORT_RECORD, UnknownReason.NOT_MEASURED
    assert found.tolist() == ["", once, once, gap, "", gap, "", short]


def test_the_message_has_the_figures() -> None:
    assert "28.0 years lie between" in (thin_record(pd.to_datetime(["1989-07-08", "2017-07-21"])) or "")
    assert "only 2 observations of the banks are known, over 1.0 years" in (
        thin_record(pd.to_datetime(["2016-08-01", "2017-07-21"])) or ""
    )
