"""Types, decimals and words of every published column; units and meanings come from :mod:`erosion.core.contracts`.

``python -m erosion.publish docs/products.md`` rewrites the tables of the products page from this file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple

from erosion.core import contracts
from erosion.publish.manifest import LevelWorth

Kind = Literal["text", "json", "int", "float", "bool", "date"]

#: Title of the warning level. It is the model's own and never the legal class or the disaster-risk level.
LEVEL_TITLE: Final = "Mức nguy cơ (mô hình)"

LEVEL_WORDS: Final[dict[str, dict[int, str]]] = {
    "vi": {0: "không đủ dữ liệu", 1: "thấp", 2: "trung bình", 3: "cao", 4: "rất cao"},
    "en": {0: "not enough data", 1: "low", 2: "medium", 3: "high", 4: "very high"},
}

UNITS_VI: Final = {
    "1": "0–1",
    "m": "m",
    "m2": "m²",
    "ha": "ha",
    "m/yr": "m/năm",
    "1/m": "1/m",
    "degree": "độ",
    "day": "ngày",
}


class Column(NamedTuple):
    """One published column."""

    name: str
    """Machine name, the same in every file."""
    kind: Kind
    """How the value is stored."""
    unit: str
    """Unit as in the contract; empty for what has none."""
    meaning: str
    """One sentence in English."""
    head: str
    """Vietnamese column head, without the unit."""
    decimals: int = 0
    """Decimals in text files (CSV, GeoJSON); binary files keep the full number."""


def level_label(level: int, language: str = "vi") -> str:
    """Return a level as number, symbol and word, e.g. ``4 ● rất cao``, so that it reads without colour."""
    return f"{level} {contracts.LEVEL_SYMBOLS[level]} {LEVEL_WORDS[language][level]}"


_PLAIN_SHARES: Final = ((1, 20), (1, 10), (1, 5), (1, 4), (1, 3), (1, 2), (2, 3), (3, 4), (4, 5), (9, 10))


def plain_share(share: float) -> tuple[int, int]:
    """Return a share [1] as the nearest one that people say, e.g. (1, 3) for "1 in 3"."""
    return min(_PLAIN_SHARES, key=lambda pair: abs(pair[0] / pair[1] - share))


def worth_words(level_worth: Mapping[str, Mapping[str, LevelWorth]], language: str) -> str:
    """Return what each level of each target is worth, in words of one line."""
    form = {
        "vi": "mức {} từ xác suất {}: khoảng {} trên {} mét",
        "en": "level {} from probability {}: about {} in {} metres",
    }
    lines = []
    for target, levels in level_worth.items():
        parts = []
        for level, worth in levels.items():
            chance = f"{worth['threshold']:.2f}"
            chance = chance.replace(".", ",") if language == "vi" else chance
            parts.append(form[language].format(level, chance, *plain_share(worth["precision"])))
        lines.append(f"{target}: " + ", ".join(parts))
    return "; ".join(lines)


#: Columns of the segment layer whose unit and meaning no stage contract holds.
_LAYER_ONLY: Final[dict[str, tuple[str, str]]] = {
    "joint_level": (
        "",
        "one level of all targets: the highest where it is 2 or more; 1 where every target is low; otherwise 0",
    ),
    "retreat_last_m": ("m", "retreat over the newest pair of observations, area method, all land"),
    "retreat_established_last_m": ("m", "the same, counting only land that had stood five years"),
    "rate_3y_m_per_y": ("m/yr", "mean retreat a year over the last three years"),
    "neck_width_m": (
        "m",
        "narrowest land between the two limbs of this segment's loop; empty where it lies on no neck",
    ),
    "p_cutoff": ("1", "probability that this neck is cut within horizon_days; apart from p_event and the level"),
    "p_cutoff_low": ("1", "lower end of the 90 % interval of p_cutoff"),
    "p_cutoff_high": ("1", "upper end of the 90 % interval of p_cutoff"),
    "quality": ("", "words of the quality flags that are raised on the newest measurement"),
    "unknown_reason": (
        "",
        "why there is no level: stale, not_seen, not_measured, short_record, wide_gap; empty where there is one",
    ),
    "stretch_id": ("", "identifier of the stretch this segment belongs to; empty where it asks for no attention"),
    "event_id": ("", "identifier of the warning this segment belongs to; empty where none is open"),
    "first_issued_at": ("", "as-of date of the run that first issued the warning"),
    "simulated": ("", "true where the observations were simulated: an exercise, not a river"),
}

#: name -> (kind, Vietnamese head, decimals)
_LAYER_FORM: Final[dict[str, tuple[Kind, str, int]]] = {
    "segment_id": ("text", "Mã đoạn", 0),
    "reach": ("text", "Đoạn sông", 0),
    "bank": ("text", "Bờ: L trái, R phải, I cù lao", 0),
    "chainage_m": ("float", "Lý trình", 1),
    "length_m": ("float", "Chiều dài", 1),
    "landward_deg": ("float", "Hướng vào đất liền", 1),
    "level": ("int", LEVEL_TITLE, 0),
    "joint_level": ("int", "Mức chung của các thời hạn dự báo", 0),
    "model_level": ("int", "Mức khi chưa xét nước và mưa", 0),
    "asked_level": ("int", "Mức theo xác suất mới nhất", 0),
    "held_by": ("text", "Mức được giữ bởi: memory, cap, trigger, report", 0),
    "previous_level": ("int", "Mức lần chạy trước", 0),
    "p_event": ("float", "Xác suất bờ lùi đến ngưỡng", 4),
    "horizon_days": ("int", "Thời hạn dự báo", 0),
    "threshold_m": ("float", "Ngưỡng lùi bờ", 1),
    "chance_10m": ("float", "Xác suất bờ lùi ít nhất 10 m", 4),
    "chance_20m": ("float", "Xác suất bờ lùi ít nhất 20 m", 4),
    "chance_30m": ("float", "Xác suất bờ lùi ít nhất 30 m", 4),
    "chance_60m": ("float", "Xác suất bờ lùi ít nhất 60 m", 4),
    "retreat_mean_m": ("float", "Bờ lùi trung bình dự tính", 2),
    "loss_mean_ha": ("float", "Diện tích đất mất trung bình dự tính", 4),
    "retreat_p10_m": ("float", "Bờ lùi vượt quá với xác suất 90 %", 2),
    "retreat_p30_m": ("float", "Bờ lùi vượt quá với xác suất 70 %", 2),
    "retreat_p50_m": ("float", "Bờ lùi vượt quá với xác suất 50 %", 2),
    "retreat_p70_m": ("float", "Bờ lùi vượt quá với xác suất 30 %", 2),
    "retreat_p90_m": ("float", "Bờ lùi vượt quá với xác suất 10 %", 2),
    "retreat_last_m": ("float", "Bờ lùi kỳ đo gần nhất", 2),
    "retreat_established_last_m": ("float", "Bờ lùi kỳ đo gần nhất, đất đã ổn định 5 năm", 2),
    "rate_3y_m_per_y": ("float", "Tốc độ lùi bờ 3 năm", 2),
    "curvature_per_m": ("float", "Độ cong, dương ở phía bờ lõm", 7),
    "width_m": ("float", "Bề rộng lòng sông", 1),
    "neck_width_m": ("float", "Bề rộng eo đất của khúc uốn", 1),
    "p_cutoff": ("float", "Xác suất sông cắt qua eo đất", 4),
    "p_cutoff_low": ("float", "Xác suất sông cắt qua eo đất, cận dưới", 4),
    "p_cutoff_high": ("float", "Xác suất sông cắt qua eo đất, cận trên", 4),
    "data_age_days": ("int", "Tuổi số liệu", 0),
    "quality": ("text", "Chất lượng số liệu", 0),
    "why": ("text", "Quy tắc đã định mức", 0),
    "unknown_reason": ("text", "Vì sao không định được mức", 0),
    "trigger": ("int", "Tác nhân nước và mưa: 0–3, -1 không rõ", 0),
    "trigger_points": ("float", "Điểm tác nhân", 2),
    "trigger_terms": ("json", "Các thành phần của tác nhân", 0),
    "stretch_id": ("text", "Mã đoạn bờ cần chú ý", 0),
    "event_id": ("text", "Mã cảnh báo", 0),
    "first_issued_at": ("date", "Ngày cảnh báo lần đầu", 0),
    "reasons": ("json", "Lý do của mô hình", 0),
    "model_id": ("text", "Mô hình", 0),
    "baseline": ("text", "Phiên bản đường bờ gốc", 0),
    "as_of": ("date", "Số liệu tính đến ngày", 0),
    "simulated": ("bool", "Số liệu mô phỏng", 0),
}

_STRETCH_FORM: Final[dict[str, tuple[Kind, str, int]]] = {
    "stretch_id": ("text", "Mã đoạn bờ", 0),
    "commune_code": ("text", "Mã xã, phường", 0),
    "commune": ("text", "Xã, phường", 0),
    "commune_former": ("text", "Xã, phường cũ", 0),
    "communes": ("text", "Mã các xã, phường có đoạn bờ", 0),
    "place_vi": ("text", "Vị trí", 0),
    "place_en": ("text", "Vị trí, tiếng Anh", 0),
    "reach": ("text", "Đoạn sông", 0),
    "bank": ("text", "Bờ: L trái, R phải, I cù lao", 0),
    "from_m": ("float", "Lý trình đầu", 1),
    "to_m": ("float", "Lý trình cuối", 1),
    "length_m": ("float", "Chiều dài", 1),
    "segments": ("int", "Số đoạn nhỏ", 0),
    "level": ("int", LEVEL_TITLE, 0),
    "previous_level": ("int", "Mức lần chạy trước", 0),
    "change": ("text", "Thay đổi", 0),
    "split_from": ("text", "Tách ra từ", 0),
    "target_level": ("int", "Mức của thời hạn này", 0),
    "asked_level": ("int", "Mức theo xác suất mới nhất", 0),
    "p_event": ("float", "Xác suất cao nhất", 4),
    "worst_segment_id": ("text", "Đoạn nhỏ có xác suất cao nhất", 0),
    "horizon_days": ("int", "Thời hạn dự báo", 0),
    "threshold_m": ("float", "Ngưỡng lùi bờ", 1),
    "retreat_p50_m": ("float", "Bờ lùi lớn nhất vượt quá với xác suất 50 %", 2),
    "retreat_p90_m": ("float", "Bờ lùi lớn nhất vượt quá với xác suất 10 %", 2),
    "loss_p50_ha": ("float", "Đất có thể mất với xác suất 50 %", 3),
    "loss_p90_ha": ("float", "Đất có thể mất với xác suất 10 %", 3),
    "loss_mean_ha": ("float", "Diện tích đất mất trung bình dự tính", 3),
    "buildings_p50": ("int", "Số nhà trên đất có thể mất với xác suất 50 %", 0),
    "buildings_p90": ("int", "Số nhà trên đất có thể mất với xác suất 10 %", 0),
    "buildings_20m": ("int", "Số nhà trong 20 m", 0),
    "buildings_50m": ("int", "Số nhà trong 50 m", 0),
    "buildings_100m": ("int", "Số nhà trong 100 m", 0),
    "road_m_p90": ("float", "Đường trên đất có thể mất với xác suất 10 %", 0),
    "road_m_100m": ("float", "Đường trong 100 m", 0),
    "schools_100m": ("int", "Số trường học trong 100 m", 0),
    "people_p90": ("float", "Số người trên đất có thể mất với xác suất 10 %", 0),
    "people_100m": ("float", "Số người trong 100 m", 0),
    "data_age_days": ("int", "Tuổi số liệu", 0),
    "first_issued_at": ("date", "Ngày cảnh báo lần đầu", 0),
    "model_id": ("text", "Mô hình", 0),
    "as_of": ("date", "Số liệu tính đến ngày", 0),
    "simulated": ("bool", "Số liệu mô phỏng", 0),
}

_HISTORY_FORM: Final[dict[str, tuple[Kind, str, int]]] = {
    "segment_id": ("text", "Mã đoạn", 0),
    "epoch": ("date", "Ngày quan sát", 0),
    "retreat_m": ("float", "Bờ lùi từ kỳ trước", 2),
    "retreat_established_m": ("float", "Bờ lùi từ kỳ trước, đất đã ổn định 5 năm", 2),
    "position_m": ("float", "Vị trí bờ trên mặt cắt cố định", 2),
    "sigma_m": ("float", "Sai số chuẩn", 2),
    "coverage": ("float", "Phần diện tích quan sát được", 3),
    "flags": ("int", "Tổng các bit cờ chất lượng", 0),
}


def _columns(
    names: Sequence[str], meant: dict[str, tuple[str, str]], form: dict[str, tuple[Kind, str, int]]
) -> tuple[Column, ...]:
    missing = [name for name in names if name not in meant or name not in form]
    if missing:
        raise contracts.ContractError(
            f"export: {', '.join(missing)} is published but has no type, words or meaning; "
            "add it to erosion/publish/columns.py"
        )
    return tuple(Column(name, form[name][0], *meant[name], *form[name][1:]) for name in names)


#: Columns of ``segments_<target>``, in the order of the contract.
LAYER: Final = _columns(
    contracts.LAYER_COLUMNS,
    {
        **contracts.SCORE_COLUMNS,
        **contracts.ALERT_COLUMNS,
        **contracts.TRIGGER_COLUMNS,
        **contracts.SEGMENT_COLUMNS,
        **_LAYER_ONLY,
    },
    _LAYER_FORM,
)

#: Those of them that every format has. The terms of a trigger are half a kilobyte a segment and mostly the same along a reach:
#: only the Parquet file, which packs them, carries them.
SHOWN: Final = tuple(column for column in LAYER if column.name != "trigger_terms")

#: Columns of ``stretches_<target>``.
STRETCH: Final = _columns(tuple(contracts.STRETCH_COLUMNS), contracts.STRETCH_COLUMNS, _STRETCH_FORM)

#: Columns of ``history.parquet``.
HISTORY: Final = _columns(tuple(contracts.HISTORY_COLUMNS), contracts.HISTORY_COLUMNS, _HISTORY_FORM)

_of_layer: Final = {column.name: column for column in LAYER}

#: Columns of ``band_<target>``, the strip of land that may be lost by the forecast.
BAND: Final = (
    _of_layer["segment_id"],
    Column(
        "quantile",
        "text",
        "",
        "p30, p50, p70 or p90: which forecast retreat the strip shows",
        "Mức dự báo: p30, p50, p70 hoặc p90",
    ),
    Column("retreat_m", "float", "m", "forecast retreat, the width of the strip", "Bờ lùi dự báo", 2),
    Column("area_m2", "float", "m2", "land inside the strip, measured in the metric CRS of the region", "Diện tích", 0),
    _of_layer["level"],
    _of_layer["p_event"],
    _of_layer["horizon_days"],
    _of_layer["as_of"],
    _of_layer["simulated"],
)

#: Columns that the CSV files add to :data:`SHOWN`.
NOTICE: Final = Column(
    "notice",
    "text",
    "",
    f"{contracts.SIMULATED_NOTICE}, on every row of a simulated run; a real run has no such column",
    "Lưu ý",
)
LEVEL_WORD: Final = Column("level_word", "text", "", "level as number, symbol and word", "Mức nguy cơ bằng chữ")
LON: Final = Column("lon", "float", "degree", "longitude of the middle of the segment, WGS 84", "Kinh độ", 6)
LAT: Final = Column("lat", "float", "degree", "latitude of the middle of the segment, WGS 84", "Vĩ độ", 6)


def markdown_table(columns: Sequence[Column]) -> str:
    """Return columns as a Markdown table, one row a column."""
    rows = ["| column | type | unit | meaning | tên cột |", "|---|---|---|---|---|"]
    rows += [f"| `{c.name}` | {c.kind} | {c.unit} | {c.meaning} | {c.head} |" for c in columns]
    return "\n".join(rows)


#: Tables of the products page by the name of their marker.
TABLES: Final = {
    "segments": LAYER,
    "stretches": STRETCH,
    "band": BAND,
    "history": HISTORY,
    "csv": (NOTICE, LEVEL_WORD, LON, LAT),
}


def with_tables(page: str) -> str:
    """Return a page with the current column tables between the markers ``<!-- table: NAME -->`` and ``<!-- end -->`` of a page.

    Raises
    ------
    ValueError
        When a marker is missing, naming it.
    """
    for name, columns in TABLES.items():
        start, end = f"<!-- table: {name} -->", "<!-- end -->"
        before, found, rest = page.partition(start)
        _, closed, after = rest.partition(end)
        if not (found and closed):
            raise ValueError(f"products page: marker {start} … {end} is missing; put it where the table belongs")
        page = f"{before}{start}\n{markdown_table(columns)}\n{end}{after}"
    return page
