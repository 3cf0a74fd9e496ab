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
    """

    name: str
    unit: str
    meaning: str
    source: str
    missing: str
