"""Any river: strategies of scores, memories, policies and triggers for the laws of levels."""

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from tests.alerts.made_levels import NEVER, policy, scores, state, trigger_of, triggered

probability = st.one_of(
    st.sampled_from([0.0, 0.16, 0.2, 0.4, 0.5, 0.56, 0.7, 0.8, 1.0]),  # the edges themselves
    st.floats(0, 1, allow_nan=False),
)
memory_row = st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(1, 4))
rules_of = st.builds(
    policy,
    observations_to_raise=st.integers(1, 3),
    days_to_raise=st.sampled_from([1, 7, 400, 20_000]),
    observations_to_clear=st.integers(1, 3),
    days_to_clear=st.sampled_from([1, 30, 400, 20_000]),
    trigger_days_to_clear=st.integers(1, 3),
    jump=st.sampled_from([0.0, 0.1, 0.3, 1.0]),
    clear_ratio=st.sampled_from([0.5, 0.8, 1.0]),
    max_level4_share=st.sampled_from([0.0, 0.05, 0.3, 1.0]),
)
LAWS = settings(max_examples=60, deadline=None)


@st.composite
def rivers(draw, most=12):
    """A table of scores, some rows unknown, and a memory that misses some of them."""
    n = draw(st.integers(1, most))
    table = scores(
        draw(st.lists(st.one_of(probability, st.just(NEVER)), min_size=n, max_size=n)),
        length_m=np.array(draw(st.lists(st.floats(20, 200), min_size=n, max_size=n))),
        age=np.array(draw(st.lists(st.sampled_from([0.0, 400.0, 800.0, 801.0, NEVER]), min_size=n, max_size=n))),
        coverage=np.array(draw(st.lists(st.sampled_from([1.0, 0.5, 0.49, NEVER]), min_size=n, max_size=n))),
    )
    rows = np.array(draw(st.lists(memory_row, min_size=n, max_size=n)))
    day = st.sampled_from(["", "2011-07-31", "2012-07-01", "2012-07-22"])
    since, observed = (np.array(draw(st.lists(day, min_size=n, max_size=n))) for _ in range(2))
    memory = state(rows[:, 0], rows[:, 1], rows[:, 2], since=since, observed=observed)
    return table, memory[np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)))]


raising = st.builds(
    trigger_of,
    st.lists(st.integers(1, 3), min_size=0, max_size=3).map(lambda up: dict(zip((1, 2, 3), sorted(up), strict=False))),
    st.integers(1, 4),
)


@st.composite
def trigger_rivers(draw):
    """A river with a memory in which the trigger may have raised levels, and tonight's trigger."""
    table, memory = draw(rivers())
    n = len(table)
    level = np.array(draw(st.lists(st.integers(-1, 3), min_size=n, max_size=n)))
    more = np.array(draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)))
    table = triggered(table, level, np.where(level < 0, 3, np.maximum(level, more)))
    up = np.array(draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)))[memory.index]
    own = memory["level"].to_numpy()
    published = np.where(own == 0, 0, np.minimum(own + up, 4))
    return table, memory.assign(level=published, model_level=own, trigger_since="2012-07-31")
