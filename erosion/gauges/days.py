"""Daily series of gauges for analysts, with gaps filled by a named method and every filled day marked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from erosion.core.contracts import QUANTITIES, SIMULATED_NOTICE, as_of_instant, known_at
from erosion.gauges.statistics.between_gauges import METHODS, fill
from erosion.gauges.statistics.windows import known_windows

FILLABLE = ("stage", "discharge")
"""Rain of a missing day is nothing between the rain of its neighbours."""


def parse_method(text: str) -> tuple[str, int]:
    """Return the method of ``interpolation:3`` and the longest gap in days that it may fill.

    Raises
    ------
    ValueError
        If it is no method of :data:`erosion.gauges.statistics.between_gauges.METHODS` or no number of days.
    """
    how, _, days = text.partition(":")
    if how not in METHODS or not days.isdecimal() or int(days) < 1:
        raise ValueError(
            f"{text!r} is no way to fill gaps; write METHOD:DAYS, like interpolation:3, METHOD one of {', '.join(METHODS)}"
        )
    return how, int(days)


def daily_series(
    gauges: pd.DataFrame, as_of: pd.Timestamp, how: str, limit_days: int, order: Sequence[str]
) -> pd.DataFrame:
    """Return every day of every gauge as known on a date, gaps filled where the method could.

    Parameters
    ----------
    gauges
        Table of :data:`erosion.core.contracts.GAUGE_COLUMNS`.
    as_of
        Date of the product.
    how, limit_days
        Method and longest gap, see :func:`erosion.gauges.statistics.between_gauges.fill`. ``neighbour`` fills from the first other gauge in ``order``
        that has the quantity.
    order
        Gauge ids, the most trusted first.

    Returns
    -------
    pandas.DataFrame
        gauge_id, quantity, unit, day, value (NaN where nothing is known), qc (good: from readings; estimated: filled; missing),
        flags, method (how a filled day was filled, or why a gap was not; empty else).
    """
    known = gauges[known_at(gauges["available_at"], as_of)]
    parts = []
    for quantity in FILLABLE:
        mine = known[known["quantity"] == quantity]
        if mine.empty:
            continue
        first = mine["time"].min()
        days = int((as_of_instant(as_of) - first).days) + 2
        windows = known_windows(mine, pd.DatetimeIndex([as_of]), days, quantity)
        there = [str(name) for name in windows["gauge_id"].to_numpy()]
        others = {name: [other for other in order if other in there and other != name] for name in there}
        neighbours = {name: found[0] for name, found in others.items() if found}
        alone = how == "neighbour" and not neighbours
        filled, gaps = fill(
            windows, "interpolation" if alone else how, 0 if alone else limit_days, neighbours=neighbours
        )
        gaps = [gap._replace(reason=f"no second gauge has {quantity}") for gap in gaps] if alone else gaps
        calendar = np.datetime64(as_of, "D") - windows["age"].to_numpy()
        for place, gauge_id in enumerate(there):
            table = pd.DataFrame({key: filled[key].to_numpy()[place, 0] for key in ("value", "qc", "flags")})
            table = table.assign(
                gauge_id=gauge_id, quantity=quantity, unit=QUANTITIES[quantity][0], day=calendar, method=""
            )
            for gap in gaps:
                if gap.gauge_id == gauge_id:
                    inside = (table["day"] >= gap.first) & (table["day"] <= gap.last)
                    words = gap.method + (
                        f" from {gap.neighbour}, r2 {gap.r2:.2f}, {gap.lag_days} d" if gap.neighbour else ""
                    )
                    table.loc[inside, "method"] = words if gap.filled else f"not filled: {gap.reason}"
            table = table.sort_values("day", ignore_index=True)
            begun = np.isfinite(table["value"].to_numpy(float))
            parts.append(table.iloc[int(begun.argmax()) if begun.any() else len(table) :])
    columns = ["gauge_id", "quantity", "unit", "day", "value", "qc", "flags", "method"]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def write_days(
    path: Path,
    gauges: pd.DataFrame,
    as_of: pd.Timestamp,
    how: str,
    limit_days: int,
    order: Sequence[str],
    *,
    simulated: bool,
) -> None:
    """Write :func:`daily_series` as CSV; a simulated region's has a column for it.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    table = daily_series(gauges, as_of, how, limit_days, order)
    if simulated:
        table.insert(0, "notice", SIMULATED_NOTICE)
    table.to_csv(path, index=False, lineterminator="\n", float_format="%.6g")
