"""Driver ``hydrocron``: water level of the SWOT satellite at a reach, node or lake, over NASA's Hydrocron.

A level is the height of the water surface above the EGM2008 geoid, which is no gauge's zero, at the instant of a pass: two or
three in three weeks. The satellite's own flag decides the quality: 0 good, 1 estimated, 2 and 3 suspect. A level
that has no flag is suspect; recorded ones lie hundreds of metres off.

Recorded answers in each of the service's shapes are replayed by the tests (``tests/data/gauges/hydrocron``). Never tried
against the live service: a key, and an answer that is too large.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

import numpy as np
import pandas as pd

from erosion.config.gauges import WebGauge, check_datum
from erosion.config.problems import Problems
from erosion.config.records import Key
from erosion.core.errors import Skipped, SourceError
from erosion.gauges.formats import answers
from erosion.gauges.formats.periods import pieces, whole_days
from erosion.gauges.formats.reading import Asked, Reading, joined, readings
from erosion.gauges.formats.web import Service

FIRST_PASS: Final = pd.Timestamp("2023-03-29", tz="UTC")
"""The satellite has no levels before this day."""

YEARS: Final = 1
"""So much is asked for at once; an answer of more than six megabytes is refused by the service."""

LONG: Final = pd.Timedelta(days=90)
"""A place without a value for so long may be none: the service answers both alike."""

FILLS: Final = (-999_999_999_999.0, -999.0)
"""Numbers that stand for none."""

_PATH: Final = "/hydrocron/v1/timeseries"
_FIELDS: Final = {
    "Reach": ("reach_id", "reach_q"),
    "Node": ("node_id", "node_q"),
    "PriorLake": ("lake_id", "quality_f"),
}
_WORDS: Final = {0: "good", 1: "estimated", 2: "suspect", 3: "suspect"}
_RANK: Final = ["missing", "suspect", "estimated", "good"]
_NO_VALUES: Final = re.compile(r"HTTP 40[04]\b.*(?:Feature ID.*not found|no data)", re.IGNORECASE)

_Rows = list[Mapping[str, str]]


@dataclass(frozen=True, kw_only=True)
class Hydrocron(WebGauge):
    """Water level of the SWOT satellite at a reach or node, over NASA's Hydrocron."""

    service: Annotated[str, Key("address of the service")] = "https://soto.podaac.earthdatacloud.nasa.gov"
    feature: Annotated[str, Key("kind of place", choices=("Reach", "Node", "PriorLake"))] = "Reach"
    feature_id: Annotated[str, Key("identifier of the place in SWORD or the lake database, text")]

    def check(self, problems: Problems) -> None:
        """Note what is wrong with the entry, beside its types."""
        super().check(problems)
        check_datum(self, problems)
        digits = {"Reach": 11, "Node": 14, "PriorLake": 10}[self.feature]
        if re.fullmatch(rf"[0-9]{{{digits}}}", self.feature_id) is None:
            problems.add("feature_id", f"{self.feature_id!r} must be the {digits} digits of a {self.feature}, as text")


ENTRY: Final = Hydrocron


def read(source: Hydrocron, asked: Asked) -> Reading:
    """Return the levels of one place, asked year by year.

    Parameters
    ----------
    source
        Catalogue entry.
    asked
        What is wanted.

    Returns
    -------
    Reading
        Stage in m on the geoid, one value a pass; a pass without a level is missing. Rows without a time are left out and
        listed, as are years without values.

    Raises
    ------
    SourceError
        Where there is no answer, or it is of another place, in another unit, or in no known shape.
    """
    service = Service(source, source.service)
    skipped: list[Skipped] = []
    first = max(whole_days(source, asked)[0], FIRST_PASS)
    parts = []
    for start, end in pieces(first, asked.until.tz_convert("UTC").floor("D"), YEARS):
        try:
            rows = _ask(service, source, start, end, skipped)
        except SourceError as error:
            if not _NO_VALUES.search(str(error)):
                raise
            skipped.append(Skipped(source.name, f"no values between {start:%Y-%m-%d} and {end:%Y-%m-%d}", usual=True))
            continue
        parts.append(_table(source, rows, skipped))
    if not parts and asked.until - first > LONG:
        reason = f"no value since {first:%Y-%m-%d}; is {source.feature_id} a {source.feature} of the database in use?"
        skipped.append(Skipped(source.name, reason))
    table = joined(parts)
    # One pass may be given twice, by two files that meet; the better one stands.
    table["rank"] = table["quality"].map(_RANK.index)
    table = table.sort_values(["time", "rank"], kind="stable").drop_duplicates("time", keep="last").drop(columns="rank")
    return Reading(table[table["time"] <= asked.until].reset_index(drop=True), skipped)


def _ask(service: Service, source: Hydrocron, first: pd.Timestamp, last: pd.Timestamp, skipped: list[Skipped]) -> _Rows:
    identifier, flag = _FIELDS[source.feature]
    params = {
        "feature": source.feature,
        "feature_id": source.feature_id,
        "start_time": f"{first:%Y-%m-%d}T00:00:00Z",
        "end_time": f"{last:%Y-%m-%d}T23:59:59Z",
        "output": "csv",  # as GeoJSON every pass repeats the line of the reach
        "fields": f"{identifier},time_str,wse,{flag}",
    }
    headers = {"Accept": "application/json"}
    if service.key:
        headers["x-hydrocron-key"] = service.key
    return _rows(source, service.text(_PATH, params, headers=headers), skipped)


def _rows(source: Hydrocron, text: str, skipped: list[Skipped]) -> _Rows:
    """Return the rows of CSV or GeoJSON, bare or in an envelope; GeoJSON has one feature a pass, or one with lists."""
    if text.lstrip()[:1] not in ("{", '"'):
        return _csv_rows(source, text)
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{source.name}: the answer is no JSON ({error})") from None
    if isinstance(answer, str):
        return _csv_rows(source, answer)
    if answer.get("type") == "FeatureCollection":
        return _feature_rows(source, answer)
    results = answer.get("results")
    if not isinstance(results, dict):
        raise SourceError(f"{source.name}: the answer has no results; has the service changed?")
    table, features = results.get("csv"), results.get("geojson")
    rows = _csv_rows(source, table) if isinstance(table, str) and table else _feature_rows(source, features)
    if answer.get("hits") != len(rows):
        skipped.append(
            Skipped(source.name, f"the service counts {str(answer.get('hits'))[:20]} values and gave {len(rows)}")
        )
    return rows


def _csv_rows(source: Hydrocron, text: str) -> _Rows:
    try:
        return list(csv.DictReader(io.StringIO(text), strict=True))
    except csv.Error as error:
        raise SourceError(f"{source.name}: the table of the answer cannot be read ({error})") from None


def _feature_rows(source: Hydrocron, collection: Any) -> _Rows:
    rows: _Rows = []
    try:
        for feature in collection["features"]:
            properties = feature["properties"]
            if isinstance(properties["time_str"], list):
                lists = {name: values for name, values in properties.items() if isinstance(values, list)}
                rows += [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]
            else:
                rows.append(properties)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SourceError(f"{source.name}: the features of the answer cannot be read ({error!r})") from None
    return rows


def _table(source: Hydrocron, rows: _Rows, skipped: list[Skipped]) -> pd.DataFrame:
    identifier, flag = _FIELDS[source.feature]
    if not rows:
        return readings("stage", pd.DatetimeIndex([], tz="UTC"), [])
    lacking = [name for name in (identifier, "time_str", "wse") if any(row.get(name) is None for row in rows)]
    if lacking:
        raise SourceError(f"{source.name}: the answer has no {', '.join(lacking)}; has the service changed?")
    others = sorted({str(row[identifier]) for row in rows} - {source.feature_id})
    if others:
        raise SourceError(
            f"{source.name}: asked for {source.feature} {source.feature_id} and was given {', '.join(others)[:80]}"
        )
    units = sorted({str(row.get("wse_units", "m")) for row in rows} - {"m"})
    if units:
        raise SourceError(f"{source.name}: the level is in {', '.join(units)[:40]!r}; m is needed")
    texts = pd.Series([str(row["time_str"]) for row in rows])
    time = pd.to_datetime(texts, format="%Y-%m-%dT%H:%M:%SZ", utc=True, errors="coerce")
    dated = time.notna().to_numpy()
    undated = texts[~dated & (texts != "no_data").to_numpy()]
    if not dated.all():
        what = f"like {undated.iloc[0][:40]!r}" if len(undated) else "since the satellite saw nothing"
        skipped.append(
            Skipped(source.name, f"{int((~dated).sum())} rows without a time, {what}", usual=not len(undated))
        )
    level = answers.from_texts(row["wse"] for row in rows)
    level[np.isin(level, FILLS)] = np.nan
    flags = answers.from_texts(row.get(flag) for row in rows)
    words = np.array([_WORDS.get(number, "suspect") for number in flags], dtype=object)
    bare = ~np.isin(flags, list(_WORDS)) & np.isfinite(level)
    if bare.any():
        reason = f"{int(bare.sum())} levels carry no {flag} of their quality; they are suspect"
        skipped.append(Skipped(source.name, reason))
    return readings("stage", pd.DatetimeIndex(time[dated]), level[dated], words[dated])
