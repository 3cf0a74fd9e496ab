"""Numbers, dates, places and changes as readers of each language write them."""

import numpy as np
import pandas as pd
import pytest

from erosion.words import write


@pytest.mark.parametrize(
    ("value", "decimals", "vi", "en"),
    [
        (1234567.891, 2, "1.234.567,89", "1,234,567.89"),
        (12.5, 1, "12,5", "12.5"),
        (-3.25, 1, "−3,2", "−3.2"),
        (-0.04, 1, "0,0", "0.0"),
        (0, 0, "0", "0"),
        (None, 0, "–", "–"),
        (float("nan"), 1, "–", "–"),
        (np.float32("nan"), 1, "–", "–"),
        (pd.NA, 1, "–", "–"),
    ],
)
def test_number(value, decimals, vi, en):
    assert write.number(value, "vi", decimals) == vi
    assert write.number(value, "en", decimals) == en


@pytest.mark.parametrize(
    ("p", "text"),
    [(0.0, "0%"), (0.004, "<1%"), (0.5, "50%"), (0.624, "62%"), (0.996, ">99%"), (1.0, "100%"), (None, "–")],
)
def test_a_chance_is_never_rounded_to_certainty(p, text):
    assert write.share(p, "vi") == text


def test_dates_and_times_are_local():
    assert write.day("2018-07-08", "vi") == "08/07/2018"
    assert write.day("2018-07-08", "en") == "2018-07-08"
    assert write.day(None, "vi") == write.day("", "vi") == write.day("nonsense", "vi") == "–"
    # 18:30 UTC is half past one of the next day on the Mekong.
    assert write.moment("2024-06-30T18:30:00+00:00", "vi", "Asia/Ho_Chi_Minh") == "01:30 01/07/2024"


def test_chainage_and_place():
    assert write.chainage(23456.4) == "km 23+456"
    assert write.chainage(999.7) == "km 1+000"
    assert write.chainage(7.0) == "km 0+007"
    assert write.place("R", 23400.0, "vi") == "Bờ phải · km 23+400"


def test_change_of_level():
    assert write.change(3, 2, "vi") == "▲ từ 2"
    assert write.change(1, 4, "vi") == "▼ từ 4"
    assert write.change(2, 2, "vi") == "không đổi"
    assert write.change(2, -1, "vi") == "mới"
