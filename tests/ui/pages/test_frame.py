"""What stands on every page."""

import pandas as pd
import pytest

from erosion.ui.pages import frame
from erosion.ui.products.regions import Target


def test_changes_are_sorted_by_kind():
    table = pd.DataFrame({"level": [3, 1, 0, 2, 2, 0, 4], "previous_level": [2, 4, 1, 0, 2, 0, -1]})
    found = {kind: rows.tolist() for kind, rows in frame.split_changes(table).items()}
    assert found == {"up": [0], "down": [1], "lost": [2], "found": [3], "new": [6]}


def test_hours_since():
    now = pd.Timestamp("2024-07-01T03:30:00", tz="UTC")
    assert frame.hours_since("2024-07-01T01:00:00+00:00", now) == 2.5
    assert frame.hours_since("2024-07-01T08:00:00+07:00", now) == 2.5
    assert frame.hours_since("nonsense", now) == float("inf")


@pytest.mark.parametrize(
    ("days", "text"),
    [(365, "1 năm · bờ lùi từ 30 m"), (1095, "3 năm · bờ lùi từ 30 m"), (120, "120 ngày · bờ lùi từ 30 m")],
)
def test_targets_are_shown_in_years_or_days(days, text):
    assert frame.target_text(Target("x", days, 30.0), "vi") == text
