"""One feature row per bank segment and date, from what was known on that date.

The function that makes tonight's row makes the training rows too; training calls it with old dates.
"""

from __future__ import annotations

import pandas as pd

from erosion.banks.knowledge import Knowledge
from erosion.features import fronts, history, hydrology, impingement, neck, planform
from erosion.features.registry import Feature

FAMILIES = {
    "history": history,
    "fronts": fronts,
    "planform": planform,
    "impingement": impingement,
    "neck": neck,
    "hydrology": hydrology,
}

REGISTRY: dict[str, Feature] = {feature.name: feature for family in FAMILIES.values() for feature in family.FEATURES}


def make_features(known: Knowledge) -> pd.DataFrame:
    """Return every registered feature.

    Parameters
    ----------
    known
        What was known about the reach on the date.

    Returns
    -------
    pandas.DataFrame
        Index segment_id, one float column per registered feature in registry order; NaN means missing.
    """
    columns = {}
    for family in FAMILIES.values():
        columns.update(family.compute(known))
    index = pd.Index(known.baseline.segments["segment_id"], name="segment_id")
    return pd.DataFrame({name: columns[name] for name in REGISTRY}, index=index, dtype="float64")
