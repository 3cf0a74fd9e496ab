"""What a feature is: a name with a unit, a meaning, a source and a rule for missing data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Feature:
    """One column of the feature table.

    Attributes
    ----------
    name, unit, meaning
        Column name, unit ("1" for pure numbers) and one sentence.
    source
        Product it is computed from, or the publication of its formula.
    missing
        When it is NaN.
    monotone
        Direction in which the feature, all others equal, can change the chance of retreat: 1 upwards, -1 downwards, 0 where
        physics settles none.
    why_monotone
        The physical reason of the direction; empty where there is none.
    """

    name: str
    unit: str
    meaning: str
    source: str
    missing: str
    monotone: int = 0
    why_monotone: str = ""
