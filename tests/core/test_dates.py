"""Dates of files: what is ISO is read, what is ambiguous is refused, a year alone counts only where it stands alone."""

from __future__ import annotations

import datetime
import unicodedata
from collections.abc import Callable
from typing import Literal

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from erosion.core.dates import NameDate, date_in_name, date_of_file

BOTH = ("tag", "name")


@pytest.mark.parametrize(
    ("name", "tag", "expected"),
    [
        ("a.tif", "2018-06-22", "2018-06-22"),
        ("a.tif", "2018:06:22 14:03:11", "2018-06-22"),
        ("a.tif", "2018-06-22T23:30:00-04:00", "2018-06-23"),
        ("a_1999-01-01.tif", "2018-06-22", "2018-06-22"),
        ("a_1999-01-31.tif", None, "1999-01-31"),
        ("a_1999-01-31.tif", "soon", "1999-01-31"),
        ("LC08_231070_20180622_20200831.tif", None, "2018-06-22"),
        ("river_2018_06_22_v2.tif", None, "2018-06-22"),
        ("river_mask1986.tif", None, "1986-07-01"),
        ("river_1986_1986.tif", None, "1986-07-01"),
        ("a_2018-13-45_2001.tif", None, None),
        ("a_1986_1990.tif", None, None),
        ("a_120180622.tif", None, None),
        ("a.tif", "2018-02-30", None),
        ("a.tif", None, None),
    ],
)
def test_where_a_date_comes_from(name: str, tag: str | None, expected: str | None) -> None:
    tags = {} if tag is None else {"acquisition_date": tag}
    found = date_of_file(name, tags, BOTH, "acquisition_date", "07-01")
    if expected is None:
        assert isinstance(found, str) and found.startswith("no date: ")
    else:
        assert isinstance(found, NameDate) and found.day == pd.Timestamp(expected, tz="UTC")
        assert found.precision == ("year" if expected == "1986-07-01" else "day")


def test_the_order_and_the_day_of_a_year_are_settings() -> None:
    tags = {"when": "2000-01-01"}
    assert date_of_file("a_1990.tif", tags, ("name", "tag"), "when", "08-15") == NameDate(
        pd.Timestamp("1990-08-15", tz="UTC"), "year"
    )
    assert date_of_file("a.tif", tags, ("name", "tag"), "when", "08-15") == NameDate(
        pd.Timestamp("2000-01-01", tz="UTC"), "day"
    )


@pytest.mark.parametrize(
    ("stem", "day", "precision"),
    [
        ("river_2022-02", "2022-02-15", "month"),
        ("river_2022-11", "2022-11-15", "month"),
        ("river_2022_11_v3", "2022-11-15", "month"),
        ("river2022.02", "2022-02-15", "month"),
        ("S2_2022-02_30m", "2022-02-15", "month"),
        ("2022-02_river_2022", "2022-02-15", "month"),
        ("river_2021-042", "2021-02-11", "day"),  # 31 days of January and 11
        ("river_2021_042", "2021-02-11", "day"),
        ("MOD44W.A2021042", "2021-02-11", "day"),
        ("river_2020366", "2020-12-31", "day"),
        ("river_2018_30m", "2018-07-01", "year"),
        ("river_v2_2018", "2018-07-01", "year"),
        ("S2_2022", "2022-07-01", "year"),
        ("12_river_2018", "2018-07-01", "year"),
        ("Athabasca_River_Reach_1_river_mask1986", "1986-07-01", "year"),
        ("margin_octal_2018", "2018-07-01", "year"),
    ],
)
def test_a_name_is_read_to_its_precision(stem: str, day: str, precision: str) -> None:
    assert date_in_name(stem, "07-01") == NameDate(pd.Timestamp(day, tz="UTC"), precision)


@pytest.mark.parametrize(
    ("stem", "held"),
    [
        ("river_11-02-2018", "11-02-2018"),
        ("river_2019-2-11", "2019-2-11"),
        ("river_11022018", "11022018"),
        ("river_202202", "202202"),
        ("river_2022-13", "2022-13"),
        ("river_2022-00", "2022-00"),
        ("river_2021-366", "2021-366"),
        ("river_2021-000", "2021-000"),
        ("river_2022-02-1", "2022-02-1"),
        ("river_2022-02T10", "2022-02"),
        ("river_02-2022", "02-2022"),
        ("river_2022_0211", "2022_0211"),
        ("22-02-11_river_2022", "22-02-11"),
        ("220211_river_2022", "220211"),
        ("river_2022-02_2022-04", "2022-02_2022-04"),
        ("Q1_2022", "Q1"),
        ("river_2022Q1", "Q1"),
        ("river_2022-W05", "W05"),
        ("T2_2022", "T2"),
        ("thang02_2022", "thang02"),
        ("river_Feb_2022", "Feb"),
        ("river_2022_september", "september"),
        ("river_noviembre2022", "noviembre"),
    ],
)
def test_what_is_no_iso_date_is_refused_by_name(stem: str, held: str) -> None:
    found = date_in_name(stem, "07-01")
    assert isinstance(found, str) and f"the name holds {held}" in found, found
    assert "no ISO date; write it like 2018-06-22" in found


def test_two_months_in_a_name_are_refused() -> None:
    found = date_in_name("2022-02_to_2022-04", "07-01")
    assert found == "the name holds several dates (2022-02, 2022-04); write one ISO date into it"
    assert isinstance(date_in_name("2022-02_to_2023", "07-01"), str)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("scene_2022-02.tif", "month"), ("scene_2022.tif", "year"), ("scene_2022-042.tif", "2022-02-11")],
)
def test_where_the_day_is_needed_a_month_or_a_year_is_none(name: str, expected: str) -> None:
    found = date_of_file(name, {}, BOTH, "acquisition_date")
    if expected in ("month", "year"):
        assert isinstance(found, str) and f"the name holds a {expected} alone; write the day into it" in found
    else:
        assert found == NameDate(pd.Timestamp(expected, tz="UTC"), "day")


PARTS_OF_A_YEAR = (
    "tháng 2", "tháng hai", "quý 3", "quý II", "tuần 5", "mùa khô", "mùa lũ", "mùa nước nổi",
    "Feb", "february", "spring", "dry", "rainy", "week 7", "quarter 2",
    "février", "août", "décembre", "printemps", "été", "trimestre 2",
    "Januar", "März", "Mrz", "Dezember", "Frühling", "Herbst", "Quartal 1",
    "enero", "agosto", "otoño", "invierno", "lluvias", "semestre 1",
    "fevereiro", "verão", "d042", "1Q", "2H", "Q1", "T2",
    "март", "2月", "กุมภาพันธ์", "فبراير",
)  # fmt: skip


@given(
    part=st.sampled_from(PARTS_OF_A_YEAR),
    form=st.sampled_from(["NFC", "NFD"]),
    case=st.sampled_from([str, str.upper, str.lower]),
    between=st.sampled_from([" ", "_"]),
    year=st.integers(1984, 2030),
    before=st.sampled_from(["", "river", "Sông Hậu"]),
)
def test_a_part_of_a_year_is_never_read_as_the_whole_year(
    part: str, form: Literal["NFC", "NFD"], case: Callable[[str], str], between: str, year: int, before: str
) -> None:
    for words in ([before, part, str(year)], [before, str(year), part]):
        stem = unicodedata.normalize(form, between.join(word for word in words if word))
        found = date_in_name(case(stem), "07-01")
        assert isinstance(found, str) and "no ISO date; write it like 2018-06-22" in found, (stem, found)


@pytest.mark.parametrize("stem", ["2018S1", "2018-s2", "early_2022", "late2022", "mid-2022", "2022年02月"])
def test_halves_and_ends_of_a_year_are_refused(stem: str) -> None:
    found = date_in_name(stem, "07-01")
    assert isinstance(found, str) and "which is no ISO date" in found


@pytest.mark.parametrize(
    "stem",
    ["Sông Hậu 2018", "sông_đồng_nai_2018", "Río Mamoré 2018", "S1_2018", "marsh_2018", "2018_noon", "midchannel_2018",
     "drylands_2018", "river_2018 - copy", "JRC_2018_yearly", "río_2018_máscara", "MOD44W_h28v07_2018"],
)  # fmt: skip
def test_a_year_beside_other_words_is_read(stem: str) -> None:
    for form in ("NFC", "NFD"):
        found = date_in_name(unicodedata.normalize(form, stem), "07-01")
        assert found == NameDate(pd.Timestamp("2018-07-01", tz="UTC"), "year")


@given(
    day=st.dates(datetime.date(1900, 1, 1), datetime.date(2099, 12, 31)),
    form=st.sampled_from(["%Y-%m-%d", "%Y_%m_%d", "%Y%m%d", "%Y-%j", "%Y_%j", "%Y%j"]),
    before=st.sampled_from(["", "river_", "S2_", "mask", "reach3_"]),
    after=st.sampled_from(["", "_v2", "_10m", "_clean"]),
)
def test_every_day_is_read_back_from_its_iso_forms(day: datetime.date, form: str, before: str, after: str) -> None:
    found = date_in_name(f"{before}{day.strftime(form)}{after}", "07-01")
    assert found == NameDate(pd.Timestamp(day, tz="UTC"), "day")
