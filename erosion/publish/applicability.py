"""Whether the chances of a run are calibrated on its river, in words of the files, the command line and the map."""

from __future__ import annotations

from typing import Final, NamedTuple

from erosion.core.vocabulary import Calibration
from erosion.publish.manifest import Applicability, ReachTest


class ApplicabilityWords(NamedTuple):
    """Whether the chances of a run are calibrated on its river, in one language."""

    verdict: str
    """One sentence; empty for a verdict of a later program."""
    advice: str
    """What it means and what to do; empty where nothing needs to be done."""


def applicability_words(applicability: Applicability, language: str) -> ApplicabilityWords:
    """Return whether the chances are calibrated on this river, and what to do where they are not."""
    evaluation = applicability["evaluation"]
    named = {
        "release": evaluation["release"] if evaluation else "",
        "date": evaluation["made_on"] if evaluation else "",
    }
    verdict, advice = _WORDS[language].get(applicability["verdict"], ("", ""))
    return ApplicabilityWords(verdict.format(**named), advice)


def applicability_text(applicability: Applicability, language: str) -> str:
    """Return the same as one line of text."""
    return " ".join(filter(None, applicability_words(applicability, language)))


def applicability_line(test: ReachTest) -> str:
    """Return the figures of the test of a reach in one line of English."""
    if test["distance"] is None or test["limit"] is None:
        return f"not tested: {test['why']}"
    return (
        f"features lie {test['distance']:.2f} from those of {test['river']}, its own dates at most {test['limit']:.2f} "
        f"({test['dates']} dates, p = {test['p_value']:.2f})"
    )


_CAUTION: Final = {
    "vi": "Xác suất có thể sai nhiều và đã được nới rộng; thứ tự các đoạn bờ đáng tin hơn. ",
    "en": "Chances may be far off and were widened; the order of the segments is more reliable. ",
}

_WORDS: Final[dict[str, dict[str, tuple[str, str]]]] = {
    "vi": {
        Calibration.SIMILAR: ("Sông này giống sông mà mô hình đã học; xác suất được dùng như đã hiệu chỉnh ở đó.", ""),
        Calibration.EVALUATED: (
            "Mô hình {release} đã được đánh giá trên số liệu của chính sông này ngày {date} và được chấp nhận.",
            "",
        ),
        Calibration.REJECTED: (
            "Mô hình chưa được hiệu chỉnh cho sông này: {release} đã được đánh giá trên số liệu của chính sông này ngày {date} và "
            "không được chấp nhận.",
            _CAUTION["vi"] + "Cần làm: huấn luyện mô hình bằng chuỗi số liệu của sông này nếu đủ dài (erosion train).",
        ),
        Calibration.NOT_CALIBRATED: (
            "Mô hình chưa được hiệu chỉnh cho sông này: mô hình học từ sông khác, và sông này không giống hoặc chưa so sánh được với "
            "sông đó.",
            _CAUTION["vi"]
            + "Cần làm: huấn luyện mô hình bằng chuỗi số liệu của sông này nếu đủ dài (erosion train), hoặc đánh giá "
            "mô hình trên đó (erosion evaluate --attach).",
        ),
        Calibration.NOT_TESTED: ("Mô hình học từ chính sông này; ngày này chưa so sánh được với các ngày đã học.", ""),
    },
    "en": {
        Calibration.SIMILAR: (
            "This river is like one the model was trained on; chances are used as calibrated there.",
            "",
        ),
        Calibration.EVALUATED: (
            "Model {release} was evaluated on this river's own record on {date} and accepted.",
            "",
        ),
        Calibration.REJECTED: (
            "The model is not calibrated for this river: {release} was evaluated on its own record on {date} and not accepted.",
            _CAUTION["en"]
            + "What to do: train a model on this river's own record if it is long enough (erosion train).",
        ),
        Calibration.NOT_CALIBRATED: (
            "The model is not calibrated for this river: it was trained on other rivers, and this one is unlike them or could not be "
            "compared with them.",
            _CAUTION["en"]
            + "What to do: train a model on this river's own record if it is long enough (erosion train), or evaluate "
            "the model on it (erosion evaluate --attach).",
        ),
        Calibration.NOT_TESTED: (
            "The model was trained on this river; this date could not be compared with those of its training.",
            "",
        ),
    },
}
