"""A release trained on several rivers: their rows as one table, and what they must have in common."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from erosion.config.region import Region
from erosion.core.contracts import SIMULATED_NOTICE
from erosion.core.shipped import shipped
from erosion.forecast.release import MODELS, check_family_of_several, simulated_share
from erosion.forecast.training import Learnt, load_rows, make_release

_log = logging.getLogger(__name__)


class River(NamedTuple):
    """Rows of one river."""

    name: str
    region: Region
    rows: pd.DataFrame
    """From :func:`erosion.forecast.training.load_rows`."""
    data_hash: str = ""


def check_alike(regions: Sequence[Region]) -> None:
    """Refuse regions that one model cannot be trained for.

    Raises
    ------
    ValueError
        If one has other targets, precisions of the levels or another length of segments than the first.
    """
    first = regions[0]
    for other in regions[1:]:
        differences = {
            "targets": (set(first.targets), set(other.targets)),
            "policy.precision": (first.policy.precision, other.policy.precision),
            "segments.length_m": (first.segments.length_m, other.segments.length_m),
        }
        for key, (one, another) in differences.items():
            if one != another:
                raise ValueError(
                    f"{other.path}: {key} differs from that of {first.path}; one model forecasts the same events by the same "
                    f"rules on all its rivers, make them the same or leave one of the two out"
                )


def check_once(names: Sequence[str]) -> None:
    """Refuse a river that is there twice.

    Raises
    ------
    ValueError
        If one is.
    """
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{name} is given twice; give each river once")


def load_rivers(regions: Iterable[Region], until: pd.Timestamp) -> list[River]:
    """Return the rows of each region with outcomes known by a date."""
    rivers = []
    for region in regions:
        _log.info(region.name)
        rivers.append(River(region.name, region, *load_rows(region, until)))
    return rivers


def together(rivers: Sequence[River]) -> pd.DataFrame:
    """Return the rows of several rivers as one table: the columns of each, ``river``, and ``reach`` as ``<river>/<reach>``.

    So no reach, and with it no block, case or neck, of one river is taken for one of another.
    """
    parts = [one.rows.assign(river=one.name, reach=one.name + "/" + one.rows["reach"].astype(object)) for one in rivers]
    return pd.concat(parts, ignore_index=True)


def train_rivers(
    regions: Sequence[Region],
    family: str,
    until: pd.Timestamp,
    *,
    models: Path | None = None,
    seed: int = 0,
    rivers: Sequence[River] | None = None,
    skill: str = "",
) -> Path:
    """Return the release ``models/<family>-<YYYYMMDD>/`` with every target trained on the rows of several regions.

    Every row weighs the same. The hazard of necks is learnt from observed rivers where there are some: the course of a
    simulated one is fixed, and its necks are never cut.

    Parameters
    ----------
    regions
        Regions with the same targets, precisions of the levels and length of segments; their ``model`` is not used.
    family
        Family of the release.
    until
        Date up to which observations may be used; the release is named after it.
    models
        Where the release goes; when None the project's own directory where the first region comes with the project, else
        ``models`` beside its file.
    seed
        Seed of the boosters.
    rivers
        From :func:`load_rivers`, to save reading twice.
    skill
        Markdown tables of an evaluation, put into the card.

    Raises
    ------
    FileExistsError
        If there is a release of that date already.
    ReleaseError
        If a release of the family was trained on one region.
    TrainingError
        If there is not enough to learn from.
    ValueError
        If the name of the family cannot be one, or the regions are one, not alike, or one of them is there twice.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", family):
        raise ValueError(f"--family {family!r} may hold only letters a-z, digits, _, - and .; it names a directory")
    if len(regions) < 2:
        raise ValueError(
            "a family of several rivers needs two regions or more; give another one, or leave --family out"
        )
    check_once([region.name for region in regions])
    check_alike(regions)
    if models is None:
        first = regions[0].path
        models = MODELS if first.is_relative_to(shipped("data_sources")) else first.parent / "models"
    check_family_of_several(family, models)
    directory = models / f"{family}-{until:%Y%m%d}"
    if directory.exists():
        raise FileExistsError(f"{directory} exists; releases are never overwritten, remove it first to make it anew")
    rivers = load_rivers(regions, until) if rivers is None else rivers
    rows = together(rivers)
    entries = [
        {
            "name": one.name,
            "simulated": one.region.simulated,
            "rows": len(one.rows),
            "issue_dates": [f"{date:%Y-%m-%d}" for date in pd.DatetimeIndex(sorted(one.rows["as_of"].unique()))],
            "data_hash": one.data_hash,
        }
        for one in rivers
    ]
    share = simulated_share({"regions": entries})
    observed = [one.name for one in rivers if not one.region.simulated]
    what = Learnt(
        rows,
        regions[0],
        hashlib.sha256("".join(one.data_hash for one in rivers).encode()).hexdigest(),
        f"trained on {len(rivers)} rivers",
        {"regions": entries, "simulated": share},
        [f"# {directory.name}", "", *_notice(rivers, share), *_table(rivers)],
        rows[rows["river"].isin(observed)] if observed else rows,
    )
    return make_release(directory, until, what, seed=seed, skill=skill)


def _notice(rivers: Sequence[River], share: str) -> list[str]:
    """Return what the card says at its top of simulated rivers."""
    if share == "all":
        return [f"**{SIMULATED_NOTICE}: trained on simulated observations. For exercises only.**", ""]
    if share == "part":
        names = ", ".join(one.name for one in rivers if one.region.simulated)
        return [
            f"**{SIMULATED_NOTICE}: partly trained on simulated rivers: {names}.**",
            "",
            "Where a simulated river erodes stays the same while its banks move: no bend grows into a loop, no neck is cut.",
            "",
        ]
    return []


def _table(rivers: Sequence[River]) -> list[str]:
    """Return a table for the card: rows, dates and share of events of each river."""
    targets = rivers[0].region.targets
    events = [f"{target.threshold_m:g} m in {target.horizon_days} days" for target in targets]
    lines = [f"| river | | rows | issue dates | {' | '.join(events)} |", "|---" * (4 + len(events)) + "|"]
    for one in rivers:
        dates = pd.DatetimeIndex(one.rows["as_of"].unique())
        shares = []
        for target in targets:
            retreat = one.rows[f"retreat_established_{target.name}"].dropna()
            shares.append(f"{(retreat >= target.threshold_m).mean():.4f}")
        kind = "simulated" if one.region.simulated else "observed"
        lines.append(
            f"| {one.region.title['en']} | {kind} | {len(one.rows)} | {dates.min():%Y} to {dates.max():%Y} ({len(dates)}) | "
            f"{' | '.join(shares)} |"
        )
    return [*lines, ""]
