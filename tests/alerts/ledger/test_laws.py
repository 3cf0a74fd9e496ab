"""Laws that any series of runs keeps in the ledger, against a plain model."""

import time

import pandas as pd
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from erosion.alerts.ledger import history, open_ledger, open_warnings, schema
from tests.alerts.ledger.made_runs import crosswalk, record

levels_of = st.dictionaries(st.sampled_from("abcde"), st.integers(0, 4), min_size=1)
links = st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from(["a", "b", "c", "d", "e", None])), max_size=8)
steps = st.lists(st.tuples(st.booleans(), levels_of, st.none() | links), min_size=1, max_size=6)


@pytest.fixture(scope="module")
def one_engine(tmp_path_factory):
    engine = open_ledger(tmp_path_factory.mktemp("model") / "ledger.sqlite")
    yield engine
    engine.dispose()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(series=steps)
def test_any_series_of_runs_keeps_the_laws(one_engine, series):
    engine, region = one_engine, f"r{time.time_ns()}"
    date, number = pd.Timestamp("2010-01-01", tz="UTC"), 0
    for same_date, levels, walk in series:
        number += 1
        if not same_date:
            date += pd.Timedelta(days=1)
        before = open_warnings(engine, region, before=date)
        if walk is not None:  # every place has a way on, or a word that it is gone
            linked = {old for old, _ in walk}
            walk = crosswalk(*dict.fromkeys(walk), *[(old, None) for old in "abcde" if old not in linked])
        record(engine, date, levels, walk, region=region, run_id=f"{region}-{number}")
        now = open_warnings(engine, region)

        # One warning a place; one for every place at a warning level; none at a known lower one.
        assert not now["segment_id"].duplicated().any()
        standing = dict(zip(now["segment_id"], now["level"], strict=True))
        for place, level in levels.items():
            assert standing.get(place, 0) == (level if level >= 2 else 0)
            assert place in standing or level < 2
        # Places without knowledge keep their warning: nobody's warning ends unsaid.
        ways = {place: {place} for place in before["segment_id"]}
        if walk is not None:
            ways = {
                place: set(walk.loc[walk["old_segment_id"] == place, "new_segment_id"].dropna())
                for place in before["segment_id"]
            }
        for row in before.to_dict("records"):
            if row["event_id"] in set(now["event_id"]):
                continue
            gone = ways[row["segment_id"]]
            assert all(levels.get(place, 0) == 1 or place in standing for place in gone)
        # What stood before the date does not depend on how often the date is run.
        again = open_warnings(engine, region, before=date)
        columns = ["event_id", "segment_id", "level", "first_issued_at"]
        pd.testing.assert_frame_equal(again[columns], before[columns])
        # The transitions alone tell how things stand.
        later = open_warnings(engine, region, before=date + pd.Timedelta(days=1))
        pd.testing.assert_frame_equal(later[columns], now[columns])
    with engine.connect() as connection:
        events = connection.execute(sa.select(schema.WARNINGS).where(schema.WARNINGS.c.region == region)).all()
    for event in events:
        life = history(engine, event.event_id)
        assert life["kind"].iloc[0] == "issued"
        assert life["from_level"].tolist()[1:] == life["to_level"].tolist()[:-1]
        assert (life["to_level"].iloc[-1], life["segment_id"].iloc[-1]) == (event.level, event.segment_id)
        assert (life["kind"].iloc[-1] == "closed") == (event.state == "closed")
