"""Why a segment has its level, in plain sentences from what was measured and what the model weighed most."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import pandas as pd

from erosion.core.contracts import FLAGS
from erosion.core.vocabulary import UnknownReason
from erosion.features import REGISTRY
from erosion.words import has_text, translate, write

MOST_SENTENCES: Final = 3
RAISED: Final = 2
"""From this level on the sentences say what raises the risk; below, what weighed most either way."""

STILL: Final = 0.5
"""Slower than this is "hardly" [m a year]; masks of 10-30 m pixels say no more."""

FAR_M: Final = 3000.0
"""Farthest erosion upstream that ``front_distance`` distinguishes [m]."""

SAME_PLACE_M: Final = 100.0
"""A centre of erosion nearer than a segment's length is at the place [m]."""

ALONG_DEG: Final = 5.0
"""Angles below it are no angle to speak of [degree]."""

STRAIGHT: Final = 0.1
SHARP: Final = 0.5
"""Curvature times width below which a reach is almost straight, and above which it is sharply bent [1]."""

NUMBER_95: Final = 1.96


class Reason(NamedTuple):
    """One thing the model weighed."""

    feature: str
    value: float | None
    effect: float
    """Above 0 it raised the chance."""


class Phrase(NamedTuple):
    """A sentence, and what it is about: no two sentences are about the same."""

    text: str
    about: str


def parse(text: Any) -> list[Reason]:
    """Return what the column ``reasons`` holds, strongest first; what is not as it should be is left out."""
    try:
        rows = json.loads(text)
    except (TypeError, ValueError):
        return []
    return list(_read(rows)) if isinstance(rows, list) else []


def _read(rows: list[Any]) -> Iterator[Reason]:
    for row in rows:
        if not isinstance(row, dict) or not isinstance(row.get("feature"), str):
            continue
        value, effect = row.get("value"), row.get("effect")
        if not isinstance(effect, (int, float)) or not math.isfinite(effect):
            continue
        if value is not None and (not isinstance(value, (int, float)) or not math.isfinite(value)):
            continue
        yield Reason(row["feature"], None if value is None else float(value), float(effect))


def sentences(row: pd.Series, measured: pd.DataFrame, language: str) -> list[str]:
    """Return at most three sentences on why a segment has its level.

    Parameters
    ----------
    row
        The segment's row of the published layer.
    measured
        Its history, oldest first; may be empty.
    language
        ``vi`` or ``en``.

    Returns
    -------
    list of str
        First what was measured, then what the model weighed most: for a raised level what raises it.
    """
    level = int(row["level"])
    sentences = [sentence for sentence in (_unknown(row, language), _measured(row, measured, language)) if sentence]
    about = {"newest"} if sentences else set()
    if level == 0:
        return sentences[:MOST_SENTENCES]
    reasons = parse(row["reasons"])
    if level >= RAISED:
        reasons = [reason for reason in reasons if reason.effect > 0]
    for reason in reasons:
        if len(sentences) == MOST_SENTENCES:
            break
        if reason.value is None:  # what is missing explains nothing to a reader
            continue
        found = phrase(reason, language)
        if found is None or found.about in about:
            continue
        about.add(found.about)
        way = "why.raises" if reason.effect > 0 else "why.lowers"
        sentences.append(found.text if level >= RAISED else translate(language, way, sentence=found.text))
    return sentences


def _unknown(row: pd.Series, language: str) -> str | None:
    if int(row["level"]) != 0:
        return None
    reason = row.get("unknown_reason")
    key = f"why.unknown.{reason}" if reason in set(UnknownReason) else "why.unknown"  # products of an older version
    return translate(language, key, days=write.number(row["data_age_days"], language))


def _measured(row: pd.Series, measured: pd.DataFrame, language: str) -> str | None:
    value = row["retreat_last_m"]
    if write.missing(value):
        return None
    text = write.number(value, language, 0 if abs(value) >= 10 else 1)
    if len(measured) < 2:
        return translate(language, "why.measured.plain", value=text)
    start, end = (write.day(epoch, language) for epoch in measured["epoch"].iloc[-2:])
    error = NUMBER_95 * measured["sigma_m"].iloc[-1]
    if error > abs(value):
        limit = write.number(error, language)
        return translate(language, "why.measured.still", value=text, error=limit, start=start, end=end)
    return translate(language, "why.measured", value=text, start=start, end=end)


def rule(row: pd.Series, language: str) -> str | None:
    """Return the sentence on the rule that set the level; None for a rule that explains nothing to a reader."""
    key = f"rule.{row['why']}"
    return translate(language, key) if has_text(key) else None


def gaps(row: pd.Series, language: str) -> list[str]:
    """Return what is not known about a segment: time without images, quality flags, what no satellite sees."""
    sentences = []
    age = row["data_age_days"]
    if not write.missing(age) and age > 0:
        newest = pd.Timestamp(row["as_of"]) - pd.Timedelta(days=int(age))
        sentences.append(
            translate(language, "gap.age", date=write.day(newest, language), days=write.number(age, language))
        )
    flags = [] if write.missing(row["quality"]) else [flag for flag in re.split(r"[,\s]+", row["quality"]) if flag]
    for flag in flags:
        sentences.append(
            translate(language, f"gap.{flag}") if flag in FLAGS else translate(language, "gap.other", flag=flag)
        )
    return [*sentences, translate(language, "gap.always")]


# --- one reason ------------------------------------------------------------------------------------------------------


def phrase(reason: Reason, language: str) -> Phrase | None:
    """Return the sentence of a reason.

    A feature whose name matches no pattern is described by its registered meaning; ``None`` where it is not registered either.
    """
    if reason.value is None:
        return Phrase(translate(language, "reason.missing"), reason.feature)
    for pattern, phrase_of, about in _PATTERNS:
        found = pattern.fullmatch(reason.feature)
        if found:
            return Phrase(phrase_of(found.groupdict(), reason.value, language), about(found.groupdict()))
    return _by_meaning(reason.feature, reason.value, language)


def _by_meaning(name: str, value: float, language: str) -> Phrase | None:
    feature = REGISTRY.get(name)
    if feature is None:
        return None
    unit = "" if feature.unit == "1" else f" {feature.unit}"
    text = f"{write.number(value, language, 2)}{unit}"
    return Phrase(translate(language, "reason.other", meaning=feature.meaning, value=text), name)


def _span(text: str, language: str) -> str:
    if text == "record":
        return translate(language, "span.record")
    years = int(text.rstrip("y"))
    return translate(language, "span.1") if years == 1 else translate(language, "span.many", years=years)


def _metres(value: float, language: str) -> str:
    return write.number(abs(value), language, 0 if abs(value) >= 10 else 1)


def _percent(value: float, language: str) -> str:
    return write.number(abs(100.0 * value), language, 0 if abs(value) >= 0.1 else 1)


def _movement(part: dict[str, str | None], value: float, language: str) -> str:
    kind, place, span = part["kind"] or "", part.get("place") or "own", part["span"] or ""
    metres = _metres(value, language)
    if part.get("scaled"):
        way, metres = "share", _percent(value, language)
    elif kind in ("end_point", "regression"):
        way = "net.still" if abs(value) < STILL else "net.loss" if value > 0 else "net.gain"
    elif kind == "gain":
        way = "gain.none" if value < STILL else "gain"
    else:
        way = ("still" if value < STILL else "retreat") + (".established" if kind == "rate_est" else "")
    # "12 m a year over the last year" names the year twice.
    each = "" if span == "1y" else translate(language, "each.year")
    what = translate(language, f"moved.{way}", value=metres, each=each)
    return translate(
        language, "moved", where=translate(language, f"where.{place}"), what=what, span=_span(span, language)
    )


def _about_movement(part: dict[str, str | None]) -> str:
    place = part.get("place")
    if place is None:
        # Last year's retreat is nearly the newest measurement, which is in the first sentence.
        return "newest" if part["span"] in ("1y", "2y") and part["kind"] == "rate_all" else "own"
    return "upstream" if place.startswith("up") else place if place in ("opposite", "down500") else "own"


def _error(part: dict[str, str | None], value: float, language: str) -> str:
    return translate(language, "reason.error", span=_span(part["span"] or "", language), value=_metres(value, language))


def _acceleration(_: dict[str, str | None], value: float, language: str) -> str:
    way = "steady" if abs(value) < STILL else "faster" if value > 0 else "slower"
    return translate(language, f"reason.{way}", value=_metres(value, language))


def _since(_: dict[str, str | None], value: float, language: str) -> str:
    way = "recent" if value < 1.5 else "long"
    return translate(language, f"reason.since.{way}", value=write.number(math.floor(value), language))


def _jump(_: dict[str, str | None], value: float, language: str) -> str:
    return translate(language, "reason.jump.yes" if value >= 0.5 else "reason.jump.no")


def _bend(part: dict[str, str | None], value: float, language: str) -> str:
    lag, unit = part.get("lag"), part.get("unit")
    side = "straight" if abs(value) < STRAIGHT else "outer" if value > 0 else "inner"
    if lag is None:
        return translate(language, f"reason.bend.{'outer.sharp' if value > SHARP else side}")
    distance = write.number(float(lag), language)
    distance = translate(language, "distance.m" if unit == "m" else "distance.widths", value=distance)
    return translate(language, f"reason.bend.up.{side}", distance=distance)


def _memory(_: dict[str, str | None], value: float, language: str) -> str:
    way = "none" if abs(value) < STRAIGHT else "here" if value > 0 else "away"
    return translate(language, f"reason.memory.{way}")


def _bend_place(_: dict[str, str | None], value: float, language: str) -> str:
    way = "start" if value < 1 / 3 else "middle" if value < 2 / 3 else "end"
    return translate(language, f"reason.bend.{way}")


def _bend_peak(_: dict[str, str | None], value: float, language: str) -> str:
    return translate(language, "reason.bend.peak.outer" if value > 0 else "reason.bend.peak.inner")


def _width_ratio(_: dict[str, str | None], value: float, language: str) -> str:
    return translate(
        language, "reason.width.wider" if value >= 1 else "reason.width.narrower", value=_percent(value - 1, language)
    )


def _width_gradient(_: dict[str, str | None], value: float, language: str) -> str:
    return translate(language, "reason.width.widening" if value > 0 else "reason.width.narrowing")


def _width_change(part: dict[str, str | None], value: float, language: str) -> str:
    span = _span(part["span"] or "", language)
    return translate(
        language,
        "reason.width.grows" if value > 0 else "reason.width.shrinks",
        value=_metres(value, language),
        span=span,
    )


def _front(_: dict[str, str | None], value: float, language: str) -> str:
    way = "here" if value <= 0 else "far" if value >= FAR_M else "upstream"
    return translate(language, f"reason.front.{way}", value=write.number(value, language))


def _front_speed(_: dict[str, str | None], value: float, language: str) -> str:
    way = "travels" if value >= STILL else "stays"
    return translate(language, f"reason.front.{way}", value=_metres(value, language))


def _erosion_centre(_: dict[str, str | None], value: float, language: str) -> str:
    way = "here" if abs(value) < SAME_PLACE_M else "down" if value > 0 else "up"
    return translate(language, f"reason.centre.{way}", value=write.number(abs(value), language))


def _impingement(_: dict[str, str | None], value: float, language: str) -> str:
    way = "along" if abs(value) < ALONG_DEG else "against" if value > 0 else "away"
    return translate(language, f"reason.flow_angle.{way}", value=write.number(abs(value), language))


def _off_course(part: dict[str, str | None], value: float, language: str) -> str:
    way = "hits" if abs(value) < ALONG_DEG else "misses"
    return translate(
        language, f"reason.flow_course.{way}", value=write.number(abs(value), language), lag=part["lag"] or ""
    )


def _neck_closing(_: dict[str, str | None], value: float, language: str) -> str:
    return translate(
        language, "reason.neck.closes" if value >= STILL else "reason.neck.open", value=_metres(value, language)
    )


def _plain(key: str, decimals: int = 0, factor: float = 1.0) -> Any:
    def phrase_of(_: dict[str, str | None], value: float, language: str) -> str:
        return translate(language, key, value=write.number(factor * value, language, decimals))

    return phrase_of


def _flow_change(days: int) -> Any:
    def phrase_of(_: dict[str, str | None], value: float, language: str) -> str:
        way = "high" if value >= 0 else "low"
        return translate(
            language, f"reason.flow.days.{way}", days=days, value=write.number(100.0 * abs(value), language, 1)
        )

    return phrase_of


def _low_mark(_: dict[str, str | None], value: float, language: str) -> str:
    return translate(language, f"reason.low_mark.{'yes' if value > 0.5 else 'no'}")


def _log_ratio(key: str) -> Any:
    def phrase_of(_: dict[str, str | None], value: float, language: str) -> str:
        ratio = math.exp(value) - 1.0
        return translate(language, f"{key}.{'high' if ratio >= 0 else 'low'}", value=_percent(ratio, language))

    return phrase_of


def _ratio(key: str) -> Any:
    def phrase_of(_: dict[str, str | None], value: float, language: str) -> str:
        return translate(language, f"{key}.{'high' if value >= 1 else 'low'}", value=_percent(value - 1, language))

    return phrase_of


def _always(about: str) -> Any:
    return lambda _: about


_SPAN: Final = r"(?P<span>\d+y|record)"
_PLACE: Final = r"(_(?P<place>near|around|up500|up1000|up2000|down500))?(?P<scaled>_w)?"
_PATTERNS: Final[list[tuple[re.Pattern[str], Any, Any]]] = [
    (re.compile(pattern), phrase_of, about if callable(about) else _always(about))
    for pattern, phrase_of, about in (
        (rf"(?P<kind>rate_all|rate_est)_{_SPAN}{_PLACE}", _movement, _about_movement),
        (rf"(?P<kind>end_point|regression)_rate_{_SPAN}{_PLACE}", _movement, _about_movement),
        (rf"(?P<kind>gain)_{_SPAN}{_PLACE}", _movement, "gain"),
        (rf"(?P<place>opposite)_(?P<kind>rate_all|rate_est|gain)_{_SPAN}(?P<scaled>_w)?", _movement, _about_movement),
        (rf"regression_error_{_SPAN}", _error, "error"),
        (r"acceleration", _acceleration, "acceleration"),
        (r"peak_est_6y", _plain("reason.peak"), "own"),
        (r"years_since_loss", _since, "loss"),
        (r"loss_share_6y", _plain("reason.share", factor=100.0), "loss"),
        (r"channel_moved_6y", _jump, "jump"),
        (r"curvature_\d+(p\d+)?w", _bend, "bend"),
        (r"curvature_up(?P<lag>\d+)(?P<unit>m|w)", _bend, "bend upstream"),
        (r"upstream_curvature_\d+(p\d+)?w", _memory, "bend upstream"),
        (r"bend_place", _bend_place, "bend place"),
        (r"bend_length_w", _plain("reason.bend.length", 1), "bend place"),
        (r"bend_peak", _bend_peak, "bend"),
        (r"front_distance", _front, "front"),
        (r"front_speed", _front_speed, "front"),
        (r"erosion_centre", _erosion_centre, "front"),
        (r"impingement_1w", _impingement, "flow angle"),
        (r"off_course_(?P<lag>\d+)w", _off_course, "flow angle"),
        (r"neck_width_m", _plain("reason.neck.width"), "neck"),
        (r"neck_width_w", _plain("reason.neck.widths", 1), "neck"),
        (r"neck_loop_w", _plain("reason.neck.loop"), "neck"),
        (r"neck_closing_rate", _neck_closing, "neck"),
        (r"neck_years", _plain("reason.neck.years"), "neck"),
        (r"width_m", _plain("reason.width"), "width"),
        (r"width_ratio", _width_ratio, "width"),
        (r"width_gradient", _width_gradient, "width"),
        (rf"width_change_{_SPAN}", _width_change, "width change"),
        (r"flow_scene_ratio", _log_ratio("reason.flow.scene"), "flow"),
        (r"flow_scene_change", _log_ratio("reason.flow.change"), "flow"),
        (r"flow_percentile", _plain("reason.flow.now", factor=100.0), "flow"),
        (r"season_percentile", _plain("reason.flow.season", factor=100.0), "flow"),
        (r"flow_change_3d", _flow_change(3), "flow"),
        (r"flow_change_14d", _flow_change(14), "flow"),
        (r"fastest_fall", _plain("reason.flow.fastest", 1, factor=100.0), "flow"),
        (r"drawdown", _plain("reason.flow.drawdown", factor=100.0), "flow"),
        (r"days_since_peak", _plain("reason.flood.since"), "flood"),
        (r"low_mark_passed", _low_mark, "low water"),
        (r"days_since_low_mark", _plain("reason.low_mark.since"), "low water"),
        (r"rain_7d", _plain("reason.rain.7"), "rain"),
        (r"rain_30d", _plain("reason.rain.30"), "rain"),
        (r"rain_on_low_water", _plain("reason.rain.low"), "rain"),
        (r"flood_peak_ratio", _ratio("reason.flood"), "flood"),
        (r"flood_peak_percentile", _plain("reason.flood.rank", factor=100.0), "flood"),
        (r"flood_days", _plain("reason.flood.days"), "flood"),
        (r"recession_per_day", _plain("reason.recession", 1, factor=100.0), "recession"),
        (r"low_water_day", _plain("reason.low_water"), "low water"),
    )
]
