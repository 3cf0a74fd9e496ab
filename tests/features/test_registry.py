"""What is declared is computed, what is computed is declared, and a reader can tell what each number is."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from erosion.features import FAMILIES, REGISTRY, make_features
from erosion.forecast.model import MODEL_FEATURES


def test_every_declared_feature_is_computed_and_no_other(made, yearly) -> None:
    known = made(yearly(8), loss=np.arange(8.0)).know()
    for name, family in FAMILIES.items():
        computed = family.compute(known)
        assert set(computed) == {feature.name for feature in family.FEATURES}, name
        assert all(values.shape == (len(known.baseline.segments),) for values in computed.values())


def test_names_are_unique_over_all_families() -> None:
    assert len(REGISTRY) == sum(len(family.FEATURES) for family in FAMILIES.values())


def test_the_table_has_one_column_a_feature_in_registry_order(made, yearly) -> None:
    known = made(yearly(8)).know()
    table = make_features(known)
    assert list(table.columns) == list(REGISTRY)
    assert (table.dtypes == np.float64).all()
    assert table.index.equals(pd.Index(known.baseline.segments["segment_id"]))


def test_each_feature_is_described() -> None:
    for feature in REGISTRY.values():
        for text in (feature.name, feature.unit, feature.meaning, feature.source, feature.missing):
            assert text.strip(), feature
        assert re.fullmatch(r"[a-z][a-z0-9_]*", feature.name)
        assert feature.unit in {"1", "m", "m/y", "1/y", "y", "d", "1/d", "mm", "degree"}, feature


def test_the_model_uses_registered_features_only() -> None:
    assert set(MODEL_FEATURES) <= set(REGISTRY)
    assert len(set(MODEL_FEATURES)) == len(MODEL_FEATURES)
