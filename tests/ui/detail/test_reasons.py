"""Why a segment has its level, in plain sentences."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from erosion.core.vocabulary import UnknownReason
from erosion.features import REGISTRY, fronts
from erosion.ui.detail import reasons


@pytest.mark.parametrize("language", ["vi", "en"])
def test_every_registered_feature_has_words_of_its_own(language):
    for name, feature in REGISTRY.items():
        for value in (-25.0, -0.7, 0.0, 0.2, 0.6, 3.0, 41.0):
            told = reasons.phrase(reasons.Reason(name, value, 1.0), language)
            assert told is not None, name
            assert feature.meaning not in told.text, f"{name} falls back to its English meaning"
            assert told.text.endswith("."), told.text
            assert "{" not in told.text


@pytest.mark.parametrize(
    ("feature", "value", "vi"),
    [
        ("rate_all_1y", 42.0, "Bờ tại đây lùi 42 m trong năm qua."),
        ("rate_all_3y", 4.25, "Bờ tại đây lùi 4,2 m mỗi năm trong 3 năm qua."),
        ("rate_est_3y_up500", 25.0, "Bờ cùng phía, cách 100–500 m về thượng lưu, lùi 25 m đất ổn định mỗi năm trong 3 năm qua."),
        ("rate_est_3y_near", 0.1, "Bờ trong phạm vi 250 m hai phía gần như không mất đất ổn định trong 3 năm qua."),
        ("rate_all_record", 3.0, "Bờ tại đây lùi 3,0 m mỗi năm kể từ khi có số liệu."),
        ("end_point_rate_6y", -8.0, "Bờ tại đây bồi ra thực 8,0 m mỗi năm trong 6 năm qua."),
        ("opposite_gain_3y", 12.0, "Bờ đối diện được bồi 12 m mỗi năm trong 3 năm qua."),
        ("rate_est_6y_w", 0.034, "Bờ tại đây dịch chuyển mỗi năm 3,4% bề rộng lòng sông trong 6 năm qua."),
        ("curvature_1w", 0.3, "Bờ nằm phía lõm của khúc cong."),
        ("curvature_0p5w", 0.8, "Bờ nằm phía lõm của khúc cong gấp."),
        ("curvature_2w", -0.3, "Bờ nằm phía lồi của khúc cong."),
        ("curvature_up500m", 0.4, "Cách 500 m về thượng lưu, bờ này nằm phía lõm của khúc cong."),
        ("curvature_up3w", 0.0, "Cách 3 lần bề rộng sông về thượng lưu, lòng sông gần như thẳng."),
        ("front_distance", 350.0, "Đoạn bờ cùng phía đang sạt lở gần nhất về thượng lưu cách đây 350 m."),
        ("front_distance", 3000.0, "Bờ cùng phía không có đoạn nào đang sạt lở trong 3.000 m về thượng lưu."),
        ("erosion_centre", -250.0, "Sạt lở quanh đây tập trung cách 250 m về thượng lưu."),
        ("impingement_1w", 31.0, "Dòng chảy đâm vào bờ theo góc 31°."),
        ("off_course_2w", 2.0, "Dòng chảy từ thượng lưu, cách 2 lần bề rộng sông, hướng thẳng vào đoạn bờ này."),
        ("width_ratio", 1.25, "Lòng sông tại đây rộng hơn đoạn xung quanh 25%."),
        ("years_since_loss", 8.6, "Ít nhất 8 năm nay bờ không có kỳ nào mất từ 15 m đất ổn định mỗi năm."),
        ("flood_peak_ratio", 0.8, "Đỉnh lũ gần nhất thấp hơn mức thường gặp 20%."),
        ("flow_scene_change", np.log(1.5), "Lưu lượng khi chụp ảnh mới nhất cao hơn lần chụp trước 50%."),
    ],
)  # fmt: skip
def test_reasons_in_plain_words(feature, value, vi):
    assert reasons.phrase(reasons.Reason(feature, value, 1.0), "vi").text == vi


def test_a_feature_without_words_falls_back_to_its_registered_meaning(monkeypatch):
    from erosion.features.registry import Feature

    monkeypatch.setitem(REGISTRY, "soil_clay", Feature("soil_clay", "%", "clay in the bank", "survey", "never"))
    told = reasons.phrase(reasons.Reason("soil_clay", 31.5, 1.0), "vi")
    assert "clay in the bank" in told.text
    assert "31,50 %" in told.text
    assert reasons.phrase(reasons.Reason("no_such_feature", 1.0, 1.0), "vi") is None


def segment(level=4, why="same", weighed=(), last=40.0, quality=None):
    return pd.Series(
        {
            "level": level, "why": why, "reasons": json.dumps([{"feature": f, "value": v, "effect": e} for f, v, e in weighed]),
            "retreat_last_m": last, "data_age_days": 41, "quality": quality, "as_of": pd.Timestamp("2024-06-30"),
        }
    )  # fmt: skip


def measured(sigma=4.0):
    return pd.DataFrame({"epoch": pd.to_datetime(["2023-05-20", "2024-05-20"]), "sigma_m": [np.nan, sigma]})


RAISING = [
    ("rate_est_3y_up500", 25.0, 0.9),
    ("rate_est_1y_up500", 30.0, 0.8),
    ("curvature_1w", 0.7, 0.5),
    ("gain_1y", 0.0, 0.4),
]


def test_at_most_three_sentences_the_measurement_first_and_none_about_the_same():
    said = reasons.sentences(segment(weighed=RAISING), measured(), "vi")
    assert said == [
        "Bờ đã lùi 40 m trong kỳ đo gần nhất (20/05/2023 – 20/05/2024).",
        "Bờ cùng phía, cách 100–500 m về thượng lưu, lùi 25 m đất ổn định mỗi năm trong 3 năm qua.",
        "Bờ nằm phía lõm của khúc cong gấp.",
    ]


def test_a_raised_level_is_explained_by_what_raises_it():
    weighed = [("width_m", 300.0, -0.9), *RAISING]
    assert not any("300" in text for text in reasons.sentences(segment(weighed=weighed), measured(), "vi"))
    low = reasons.sentences(segment(level=1, weighed=weighed), measured(), "vi")
    assert low[1] == "Lòng sông tại đây rộng 300 m. Điều này làm giảm nguy cơ."


def test_a_change_within_its_error_is_not_called_retreat():
    said = reasons.sentences(segment(last=5.0), measured(sigma=4.0), "vi")
    assert said == ["Kỳ đo gần nhất (20/05/2023 – 20/05/2024) không thấy bờ lùi rõ: 5,0 m, trong sai số ±8 m."]
    said = reasons.sentences(segment(last=9.0), measured(sigma=4.0), "vi")
    assert said == ["Bờ đã lùi 9,0 m trong kỳ đo gần nhất (20/05/2023 – 20/05/2024)."]


def test_an_unknown_level_says_what_is_missing_and_gives_no_reasons():
    said = reasons.sentences(segment(level=0, weighed=RAISING, last=None), measured(), "vi")
    assert said == [say_unknown()]


@pytest.mark.parametrize("reason", UnknownReason)
def test_an_unknown_level_says_its_own_reason(reason):
    row = segment(level=0, weighed=RAISING, last=None).copy()
    row["unknown_reason"] = reason.value
    said = {language: reasons.sentences(row, measured(), language) for language in ("vi", "en")}
    assert len(said["vi"]) == len(said["en"]) == 1
    assert said["vi"][0].startswith("Không đủ dữ liệu để định mức: ") and said["vi"] != [say_unknown()]
    assert said["en"][0].startswith("There are not enough data for a level: ")
    assert ("41" in said["en"][0]) == (reason is UnknownReason.STALE)


def say_unknown():
    return "Không đủ dữ liệu để định mức: ảnh mới nhất đã 41 ngày tuổi hoặc không thấy rõ đoạn bờ này."


def test_what_is_not_known_is_said():
    said = reasons.gaps(segment(quality="low_coverage, methods_disagree, strange"), "vi")
    assert said[0].startswith("Từ ngày 20/05/2024")
    assert "41 ngày" in said[0]
    assert said[1:4] == [
        "Một phần đoạn bờ không nhìn thấy trong kỳ đo gần nhất.",
        "Hai cách đo bờ lùi cho kết quả khác nhau trong kỳ đo gần nhất.",
        "Cờ chất lượng: strange.",
    ]
    assert "lạch sâu" in said[-1]


def test_rules_worth_saying():
    assert reasons.rule(segment(why="jumped"), "vi").startswith("Mức tăng ngay")
    assert reasons.rule(segment(why="same"), "vi") is None
    assert reasons.rule(segment(why="no such rule"), "vi") is None


json_value = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=6,
)
odd_row = st.fixed_dictionaries(
    {},
    optional={
        "feature": st.sampled_from([*list(REGISTRY)[::9], "x"]) | json_value,
        "value": json_value,
        "effect": json_value,
    },
)


@settings(deadline=None)
@given(st.lists(odd_row | json_value, max_size=4), st.integers(0, 4))
def test_odd_reasons_never_break_the_page(rows, level):
    row = segment(level=level)
    row["reasons"] = json.dumps(rows)
    said = reasons.sentences(row, measured(), "vi")
    assert 1 <= len(said) <= 3


@pytest.mark.parametrize("text", [None, "", "{", "null", "7", '{"feature": "width_m"}', float("nan")])
def test_reasons_that_are_no_list_are_none(text):
    assert reasons.parse(text) == []


def test_the_farthest_front_is_that_of_the_feature():
    assert reasons.FAR_M == fronts.FAR_M
