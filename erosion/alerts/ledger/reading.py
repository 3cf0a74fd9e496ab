"""What the ledger knows: runs, memory of places, open warnings and their history."""

from __future__ import annotations

from typing import Any

import pandas as pd
import sqlalchemy as sa

from erosion.alerts.ledger.errors import LedgerError
from erosion.alerts.ledger.queries import last_standing, one_row, reading, select_standing, table_of
from erosion.alerts.ledger.schema import RUNS, STATES, TRANSITIONS, WARNINGS
from erosion.alerts.life import Standing, kind_of_change
from erosion.alerts.states import STATE_COLUMNS, issue_time
from erosion.core.vocabulary import ChangeKind, RunOutcome, WarningState


def standing_products(engine: sa.Engine, region: str) -> list[tuple[str, str]]:
    """Return run id and product of every published run of a region that no other run superseded, ascending by date."""
    select = sa.select(RUNS.c.run_id, RUNS.c.product).where(
        RUNS.c.region == region, RUNS.c.outcome != RunOutcome.FAILED, RUNS.c.superseded_by.is_(None)
    )
    with reading(engine) as connection:
        return [(row.run_id, row.product) for row in connection.execute(select.order_by(RUNS.c.as_of))]


def has_published(engine: sa.Engine, region: str) -> bool:
    """Return whether any published run of a region is on record, also one that no longer stands."""
    select = sa.select(RUNS.c.run_id).where(RUNS.c.region == region, RUNS.c.outcome != RunOutcome.FAILED).limit(1)
    with reading(engine) as connection:
        return connection.execute(select).first() is not None


def is_recorded(engine: sa.Engine, run_id: str) -> bool:
    """Return whether a run is on record."""
    with reading(engine) as connection:
        return connection.execute(sa.select(RUNS.c.run_id).where(RUNS.c.run_id == run_id)).first() is not None


def region_of(engine: sa.Engine, run_id: str) -> str:
    """Return the region of a run.

    Raises
    ------
    LedgerError
        There is no such run.
    """
    with reading(engine) as connection:
        region = connection.execute(sa.select(RUNS.c.region).where(RUNS.c.run_id == run_id)).scalar_one_or_none()
    if region is None:
        raise LedgerError(f"ledger: no run {run_id}; published.json and recent_runs() list those there are")
    return str(region)


def superseded_by(engine: sa.Engine, run_id: str) -> str | None:
    """Return the run that took the place of another one of its date, None where none did."""
    with reading(engine) as connection:
        select = sa.select(RUNS.c.superseded_by).where(RUNS.c.run_id == run_id)
        return connection.execute(select).scalar_one_or_none()


def last_run(engine: sa.Engine, region: str, before: pd.Timestamp | str | None = None) -> dict[str, Any] | None:
    """Return the newest published or degraded run of a region for a date earlier than ``before``, None without one.

    A run that a second run of its date superseded does not count. ``before=None`` gives the newest of all.
    """
    with reading(engine) as connection:
        return last_standing(connection, region, None if before is None else issue_time(before))


def recent_runs(engine: sa.Engine, region: str, limit: int = 30) -> pd.DataFrame:
    """List the newest runs of a region by the time they finished, newest first, failed ones too."""
    select = sa.select(RUNS).where(RUNS.c.region == region).order_by(RUNS.c.finished_at.desc(), RUNS.c.run_id.desc())
    with reading(engine) as connection:
        return table_of(connection, select.limit(limit))


def previous_states(engine: sa.Engine, region: str, target: str, before: pd.Timestamp | str) -> pd.DataFrame:
    """Return what places remember from the last run before a date, on that run's baseline.

    Returns
    -------
    pandas.DataFrame
        ``states.STATE_COLUMNS`` sorted by segment; empty where there was no run or it did not have the target.

    Raises
    ------
    LedgerError
        The memory of that run is no longer kept: the ledger keeps the newest run and the one before it.
    """
    with reading(engine) as connection:
        newest, run = last_standing(connection, region, None), last_standing(connection, region, issue_time(before))
        if (
            newest is not None
            and run is not None
            and run["run_id"] not in (newest["run_id"], newest["previous_run_id"])
        ):
            raise LedgerError(
                f"{region}: the memory of run {run['run_id']} is no longer kept, the newest run is for "
                f"{newest['as_of']:%Y-%m-%d}; replay old dates into a ledger of their own"
            )
        select = sa.select(*(STATES.c[name] for name in STATE_COLUMNS)).where(
            STATES.c.run_id == (run["run_id"] if run else None), STATES.c.target == target
        )
        states = table_of(connection, select)
    # Sorted here and not by the database, whose order of text depends on its locale.
    return states.sort_values("segment_id", ignore_index=True)


def open_warnings(
    engine: sa.Engine, region: str, target: str | None = None, before: pd.Timestamp | str | None = None
) -> pd.DataFrame:
    """List open warnings of a region, of one target or all, now or as they stood before a date.

    Returns
    -------
    pandas.DataFrame
        The columns of table ``warnings``, sorted by ``event_id``. With ``before``, ``segment_id`` and ``level`` are
        those of the time; ``chainage_m``, ``bank``, ``issued_at`` and ``updates`` are always the newest.
    """
    with reading(engine) as connection:
        if before is None:
            select = sa.select(WARNINGS).where(WARNINGS.c.region == region, WARNINGS.c.state == WarningState.OPEN)
            table = table_of(connection, select)
        else:
            table = table_of(connection, select_standing(region, issue_time(before), WARNINGS.c.keys()))
            table["state"], table["closed_reason"] = WarningState.OPEN, None
            table["closed_at"] = pd.Series(pd.NaT, index=table.index, dtype="datetime64[us, UTC]")
    table = table.sort_values("event_id", ignore_index=True)
    return table if target is None else table[table["target"] == target].reset_index(drop=True)


def history(engine: sa.Engine, event_id: str) -> pd.DataFrame:
    """Return every transition of a warning in order, the columns of table ``transitions``.

    Raises
    ------
    LedgerError
        There is no such warning.
    """
    with reading(engine) as connection:
        table = table_of(
            connection, sa.select(TRANSITIONS).where(TRANSITIONS.c.event_id == event_id).order_by(TRANSITIONS.c.id)
        )
    if table.empty:
        raise LedgerError(f"ledger: no warning {event_id}; open_warnings() and the layers carry the ids there are")
    return table


def changes_since_previous(engine: sa.Engine, run_id: str) -> pd.DataFrame:
    """Say how warnings stand after a run compared with the run of the date before.

    Where a date was run more than once, changes that cancelled out are left out.

    Returns
    -------
    pandas.DataFrame
        One row per changed warning, worst first: ``event_id, target, segment_id, chainage_m, bank, kind, from_level,
        to_level, why, p_event, first_issued_at, simulated``.

    Raises
    ------
    LedgerError
        There is no such run.
    """
    with reading(engine) as connection:
        run = one_row(connection, sa.select(RUNS).where(RUNS.c.run_id == run_id))
        if run is None:
            raise LedgerError(f"ledger: no run {run_id}; recent_runs() lists them")
        same_date = sa.select(RUNS.c.run_id, RUNS.c.superseded_by).where(
            RUNS.c.region == run["region"], RUNS.c.as_of == run["as_of"]
        )
        follower = {row.superseded_by: row.run_id for row in connection.execute(same_date) if row.superseded_by}
        chain = [run_id]
        while chain[-1] in follower:
            chain.append(follower[chain[-1]])
        select = (
            sa.select(
                TRANSITIONS,
                *(WARNINGS.c[name] for name in ("target", "chainage_m", "bank", "first_issued_at", "simulated")),
            )
            .join(WARNINGS, WARNINGS.c.event_id == TRANSITIONS.c.event_id)
            .where(TRANSITIONS.c.run_id.in_(chain))
            .order_by(TRANSITIONS.c.id)
        )
        steps = table_of(connection, select)
        names = ("event_id", "level", "segment_id")
        before = connection.execute(select_standing(run["region"], run["as_of"], names)).all()
    net = steps.drop_duplicates("event_id", keep="last").set_index("event_id")
    net["from_level"] = steps.drop_duplicates("event_id", keep="first").set_index("event_id")["from_level"]
    stood = {row.event_id: Standing(WarningState.OPEN, row.level, row.segment_id) for row in before}
    net["kind"] = [
        kind_of_change(
            stood.get(row["event_id"]),
            Standing(
                WarningState.CLOSED if row["kind"] == ChangeKind.CLOSED else WarningState.OPEN,
                row["to_level"],
                row["segment_id"],
            ),
        )
        for row in net.reset_index().to_dict("records")
    ]
    columns = ["event_id", "target", "segment_id", "chainage_m", "bank", "kind", "from_level", "to_level", "why"]
    net = net[net["kind"] != ""].reset_index()[[*columns, "p_event", "first_issued_at", "simulated"]]
    return net.sort_values(
        ["target", "to_level", "p_event", "event_id"], ascending=[True, False, False, True], ignore_index=True
    )
