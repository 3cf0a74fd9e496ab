"""Driver ``usgs``: river gauges of the U.S. Geological Survey, daily means or values as they come.

Two services give the same numbers: the API of today (``ogc``), and the older one (``waterservices``, WaterML written as JSON).
Both count in feet; here a discharge is in m3/s and a stage in m. A daily mean belongs to a day of the site, so the entry names
the site's time zone. What is not approved yet is ``estimated``; so is what is marked as estimated, and what is marked as
disturbed (ice, backwater, a broken instrument) is ``suspect``.

Recorded answers of both services are replayed by the tests (``tests/data/gauges/usgs``). Never tried against the live
services: paging beyond a recorded page, a key, and the limits of a request.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, NamedTuple
from urllib.parse import urljoin, urlsplit

import numpy as np
import pandas as pd

from erosion.config.gauges import DISCHARGE_UNITS, STAGE_UNITS, WebGauge, check_datum
from erosion.config.problems import Problems
from erosion.config.records import Key, check_timezone
from erosion.core.errors import Skipped, SourceError
from erosion.gauges.formats import answers
from erosion.gauges.formats.periods import DAY, pieces, whole_days
from erosion.gauges.formats.reading import Asked, Reading, readings
from erosion.gauges.formats.web import Service

YEARS: Final = {"daily": 5, "continuous": 1}
"""So much is asked for at once; of continuous values the service gives no more than three years."""

MOST_PAGES: Final = 100
"""An answer of more pages than this never ends."""

_PAGE: Final = 10_000
_PARAMETERS: Final = {"discharge": ("00060", DISCHARGE_UNITS), "stage": ("00065", STAGE_UNITS)}
_MEAN_OF_DAY: Final = "00003"
_INSTANTANEOUS: Final = ("00011", "00000")  # the newer and the older service's number for "no statistic"
_SUSPECT: Final = frozenset(
    [
        "ice",
        "bkw",
        "backwater",
        "eqp",
        "equip",
        "equipment",
        "mnt",
        "maintenance",
        "dis",
        "discontinued",
        "rat",
        "rating",
        "fld",
        "flood",
        "ssn",
        "pr",
        "dry",
    ]
)
_ESTIMATED: Final = frozenset({"e", "estimated", "<", ">"})
_PLAIN: Final = frozenset({"a", "approved", "p", "provisional", "r", "revised"})
_OFFSET: Final = r"(?:[zZ]|[+-]\d{2}:?\d{2})$"


class _Value(NamedTuple):
    series: str
    time: str
    value: str
    unit: str
    approved: bool
    remarks: str
    modified: str


@dataclass(frozen=True, kw_only=True)
class Usgs(WebGauge):
    """Gauges of the U.S. Geological Survey."""

    service: Annotated[str, Key("address of the service")] = "https://api.waterdata.usgs.gov"
    api: Annotated[
        str, Key("ogc: the API of today; waterservices: the older one", choices=("ogc", "waterservices"))
    ] = "ogc"
    station: Annotated[str, Key("number of the site, like 01646500")]
    series: Annotated[str, Key("daily means or values as they come", choices=("daily", "continuous"))] = "daily"
    quantity: Annotated[str, Key("what is asked for", choices=("discharge", "stage"))] = "discharge"
    timezone: Annotated[str, Key("zone of the site's days and of times without an offset, IANA name")]
    time_series: Annotated[
        str | None, Key("series or method to take where the site has several; the longest where it is not given")
    ] = None

    def check(self, problems: Problems) -> None:
        """Note what is wrong with the entry, beside its types."""
        super().check(problems)
        check_timezone(self.timezone, problems)
        if self.quantity == "stage":
            check_datum(self, problems)
        home = {"ogc": "https://api.waterdata.usgs.gov", "waterservices": "https://waterservices.usgs.gov"}
        if any(self.service.startswith(home[api]) for api in home if api != self.api):
            problems.add("service", f"{self.service!r} does not serve api {self.api!r}; {home[self.api]} does")


ENTRY: Final = Usgs


def read(source: Usgs, asked: Asked) -> Reading:
    """Return one quantity of one site.

    Parameters
    ----------
    source
        Catalogue entry.
    asked
        What is wanted.

    Returns
    -------
    Reading
        Discharge in m3/s or stage in m. Of daily values only means of whole days are taken. Where the site has several
        series of the quantity one is taken, always the same, and the others are listed. Of two values of one time the one
        that was changed last stands; where that is not known the last one does, as ``suspect``. ``state`` holds the
        series.

    Raises
    ------
    SourceError
        Where there is no answer, or it is of another site or in an unknown unit, or leads to another host.
    """
    service = Service(source, source.service)
    skipped: list[Skipped] = []
    first, last = whole_days(source, asked)
    last += DAY  # the day that still runs in UTC may be over at the site, and has continuous values
    values = []
    for start, end in pieces(first, last, YEARS[source.series]):
        ask = _ogc if source.api == "ogc" else _waterservices
        values += ask(service, source, start, end, skipped)
    if not values:
        reason = f"no {source.series} {source.quantity} between {first:%Y-%m-%d} and {last:%Y-%m-%d}"
        return Reading(
            readings(source.quantity, pd.DatetimeIndex([], tz="UTC"), []), [*skipped, Skipped(source.name, reason)]
        )
    series = _chosen(source, values, asked, skipped)
    table = _table(source, [value for value in values if value.series == series], asked, skipped)
    return Reading(table, list(dict.fromkeys(skipped)), {"time_series": series})


# --- the API of today -------------------------------------------------------------------------------------------------


def _ogc(
    service: Service, source: Usgs, first: pd.Timestamp, last: pd.Timestamp, skipped: list[Skipped]
) -> list[_Value]:
    site, (parameter, _) = f"USGS-{source.station}", _PARAMETERS[source.quantity]
    params = {
        "monitoring_location_id": site,
        "parameter_code": parameter,
        "time": f"{first:%Y-%m-%dT%H:%M:%SZ}/{last + DAY:%Y-%m-%dT%H:%M:%SZ}",
        "skipGeometry": "true",
        "limit": _PAGE,
        "f": "json",
    }
    if source.series == "daily":
        params |= {"statistic_id": _MEAN_OF_DAY, "time": f"{first:%Y-%m-%d}/{last:%Y-%m-%d}"}
    taken, others, sites = [], 0, set()
    for page in _pages(service, source, f"/ogcapi/v0/collections/{source.series}/items", params):
        for feature in page:
            properties = _mapping(source, _mapping(source, feature).get("properties"))
            sites.add(str(properties.get("monitoring_location_id")))
            if not _is_wanted(source, properties.get("parameter_code"), properties.get("statistic_id")):
                others += 1
            elif str(properties.get("monitoring_location_id")) == site:
                taken.append(
                    _Value(
                        str(properties.get("time_series_id")),
                        str(properties.get("time")),
                        str(properties.get("value")),
                        str(properties.get("unit_of_measure")),
                        properties.get("approval_status") == "Approved",
                        str(properties.get("qualifier") or ""),
                        str(properties.get("last_modified") or ""),
                    )
                )
    _check_sites(source, site, sites, skipped)
    _list_others(source, others, skipped)
    return taken


def _pages(service: Service, source: Usgs, path: str, params: Mapping[str, Any]) -> Iterator[list[Any]]:
    """Yield the pages of an answer by its ``next`` links, which must stay with the service: it alone may see its key."""
    headers = {"X-Api-Key": service.key} if service.key else {}
    query: Mapping[str, Any] | None = params
    been = {path}
    for _ in range(MOST_PAGES):
        answer = _mapping(source, service.json(path, query, headers=headers))
        if not isinstance(answer.get("features"), list):
            raise SourceError(f"{source.name}: the answer has no list of features; has the service changed?")
        yield answer["features"]
        links = [link for link in answer.get("links") or [] if isinstance(link, dict) and link.get("rel") == "next"]
        if not links:
            return
        path, query = urljoin(source.service, str(links[0].get("href"))), None
        if urlsplit(path)[:2] != urlsplit(source.service)[:2]:
            raise SourceError(
                f"{source.name}: the next page lies at {urlsplit(path).hostname} and not at the service; it is not fetched"
            )
        if path in been:
            raise SourceError(
                f"{source.name}: the next page is one that was read already; the service goes round in a circle"
            )
        been.add(path)
    raise SourceError(f"{source.name}: more than {MOST_PAGES} pages for one question; has the service changed?")


# --- the older service ------------------------------------------------------------------------------------------------


def _waterservices(
    service: Service, source: Usgs, first: pd.Timestamp, last: pd.Timestamp, skipped: list[Skipped]
) -> list[_Value]:
    parameter, _ = _PARAMETERS[source.quantity]
    params = {
        "format": "json",
        "sites": source.station,
        "parameterCd": parameter,
        "startDT": f"{first:%Y-%m-%d}",
        "endDT": f"{last:%Y-%m-%d}",
    }
    if source.series == "daily":
        params["statCd"] = _MEAN_OF_DAY
    headers = {"X-Api-Key": service.key} if service.key else {}
    answer = service.json(f"/nwis/{'dv' if source.series == 'daily' else 'iv'}/", params, headers=headers)
    taken, others, sites = [], 0, set()
    try:
        for series in answer["value"]["timeSeries"]:
            site = str(series["sourceInfo"]["siteCode"][0]["value"])
            sites.add(site)
            variable = series["variable"]
            # Daily values name their statistic by a code; a series that names none may be anything.
            option = (variable.get("options") or {}).get("option") or [{}]
            if not _is_wanted(source, variable["variableCode"][0]["value"], option[0].get("optionCode")):
                others += sum(len(values["value"]) for values in series["values"])
            elif site == source.station:
                taken += _waterml_values(series)
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise SourceError(
            f"{source.name}: the answer lacks what is needed ({error!r}); has the service changed?"
        ) from None
    _check_sites(source, source.station, sites, skipped)
    _list_others(source, others, skipped)
    return taken


def _waterml_values(series: Mapping[str, Any]) -> list[_Value]:
    variable = series["variable"]
    unit = str((variable.get("unit") or {}).get("unitCode"))
    no_data = answers.from_texts([variable.get("noDataValue")])[0]
    out = []
    for place, values in enumerate(series["values"]):
        method = (values.get("method") or [{}])[0].get("methodID", place)
        for value in values["value"]:
            marks = value.get("qualifiers") or []
            marks = [marks] if isinstance(marks, str) else [str(mark) for mark in marks]
            text = str(value["value"])
            missing = answers.from_texts([text])[0] == no_data
            out.append(
                _Value(
                    str(method),
                    str(value["dateTime"]),
                    "" if missing else text,
                    unit,
                    "A" in marks,
                    " ".join(marks),
                    "",
                )
            )
    return out


# --- both -------------------------------------------------------------------------------------------------------------


def _is_wanted(source: Usgs, parameter: Any, statistic: Any) -> bool:
    statistics = (_MEAN_OF_DAY,) if source.series == "daily" else _INSTANTANEOUS
    return str(parameter) == _PARAMETERS[source.quantity][0] and str(statistic) in statistics


def _mapping(source: Usgs, thing: Any) -> Mapping[str, Any]:
    if not isinstance(thing, dict):
        raise SourceError(f"{source.name}: the answer holds {str(thing)[:40]!r} where an object should be")
    return thing


def _check_sites(source: Usgs, site: str, sites: set[str], skipped: list[Skipped]) -> None:
    others = sorted(sites - {site})
    if others and site not in sites:
        raise SourceError(
            f"{source.name}: asked for site {site} and was given {', '.join(others)[:80]}; nothing is taken"
        )
    if others:
        skipped.append(
            Skipped(source.name, f"the answer also holds other sites, which are left out: {', '.join(others)[:80]}")
        )


def _list_others(source: Usgs, others: int, skipped: list[Skipped]) -> None:
    if others:
        kind = "means of a day" if source.series == "daily" else "values of one moment"
        skipped.append(
            Skipped(source.name, f"{others} values are no {source.quantity}, or no {kind}; they are left out")
        )


def _chosen(source: Usgs, values: list[_Value], asked: Asked, skipped: list[Skipped]) -> str:
    """Return the series that stands for the gauge: the entry's, else the one taken before, else the one with the most values."""
    counts: dict[str, int] = {}
    for value in values:
        counts[value.series] = counts.get(value.series, 0) + 1
    named, before = source.time_series, asked.state.get("time_series")
    if named is not None and named not in counts:
        raise SourceError(
            f"{source.name}: the site gives no time series {named}; it gives {', '.join(sorted(counts))}: mend time_series"
        )
    most = min(counts, key=lambda series: (-counts[series], series))
    chosen = named or (before if before in counts else most)
    if before not in (None, chosen):
        reason = f"values used to come from time series {before} and now from {chosen}; its zero may be another"
        skipped.append(Skipped(source.name, reason))
    for series in sorted(set(counts) - {chosen}):
        reason = (
            f"{counts[series]} values of time series {series} are left out, {chosen} is taken; name one as time_series"
        )
        skipped.append(Skipped(source.name, reason, usual=named is not None))
    return chosen


def _table(source: Usgs, values: list[_Value], asked: Asked, skipped: list[Skipped]) -> pd.DataFrame:
    rows = pd.DataFrame(values, columns=_Value._fields)
    rows["number"] = answers.from_texts(rows["value"]) * rows["unit"].map(_factors(source, rows["unit"])).to_numpy(
        float
    )
    rows["quality"] = _quality(source, rows, skipped)
    rows["instant"] = _instants(source, rows["time"])
    unread = rows["instant"].isna()
    if unread.any():
        example = str(rows.loc[unread, "time"].iloc[0])[:40]
        skipped.append(
            Skipped(source.name, f"{int(unread.sum())} values have a time that cannot be read, like {example!r}")
        )
    length = DAY if source.series == "daily" else pd.Timedelta(0)
    rows = rows[~unread & (rows["instant"] + length <= asked.until)]
    if asked.since is not None:
        rows = rows[rows["instant"] + DAY > asked.since]
    rows["there"] = rows["number"].notna()
    rows = rows.sort_values(["instant", "modified", "there"], kind="stable")
    again = rows.groupby("instant")["number"].transform("nunique") > 1
    undated = rows.groupby(["instant", "modified"])["number"].transform("nunique") > 1
    rows.loc[undated, "quality"] = "suspect"
    if again.any():
        reason = f"{rows.loc[again, 'instant'].nunique()} times have several values; the one changed last is taken"
        skipped.append(Skipped(source.name, reason))
    rows = rows.drop_duplicates("instant", keep="last")
    return readings(source.quantity, pd.DatetimeIndex(rows["instant"]), rows["number"], rows["quality"])


def _factors(source: Usgs, units: pd.Series) -> dict[str, float]:
    known = _PARAMETERS[source.quantity][1]
    factors = {}
    for unit in units.unique():
        plain = html.unescape(unit).strip().replace("^", "").replace("³", "3")
        if plain not in known:
            raise SourceError(f"{source.name}: {source.quantity} is in {unit[:40]!r}; known are {', '.join(known)}")
        factors[unit] = known[plain]
    return factors


def _quality(source: Usgs, rows: pd.DataFrame, skipped: list[Skipped]) -> np.ndarray:
    """One word for each value; remarks nobody knows here make a value no worse than estimated, and are listed."""
    meant = {}
    unknown: set[str] = set()
    for remarks in rows["remarks"].unique():
        words = set(re.findall(r"[a-z]+|[<>]", remarks.lower()))
        others = words - _SUSPECT - _ESTIMATED - _PLAIN
        unknown |= others
        meant[remarks] = "suspect" if words & _SUSPECT else "estimated" if words & _ESTIMATED or others else "good"
    if unknown:
        shown = ", ".join(sorted(unknown))[:80]
        skipped.append(
            Skipped(source.name, f"values with remarks whose meaning is not known here are estimated: {shown}")
        )
    found = rows["remarks"].map(meant).to_numpy()
    return np.where((found == "good") & ~rows["approved"].to_numpy(bool), "estimated", found)


def _instants(source: Usgs, texts: pd.Series) -> pd.Series:
    """Return times as UTC. A daily value is of the date that is written, and that is a day of the site."""
    if source.series == "daily":
        texts = texts.str.extract(r"^(\d{4}-\d{2}-\d{2})(?:$|T)", expand=False)
    offset = texts.str.contains(_OFFSET, na=False) & (source.series != "daily")
    aware = pd.to_datetime(texts.where(offset), format="ISO8601", utc=True, errors="coerce")
    naive = pd.to_datetime(texts.where(~offset), format="ISO8601", errors="coerce")
    # An hour that occurs twice or never when clocks are changed is no instant.
    local = naive.dt.tz_localize(source.timezone, ambiguous="NaT", nonexistent="NaT").dt.tz_convert("UTC")
    return aware.where(offset, local)
