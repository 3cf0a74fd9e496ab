"""What an epoch does not show is compared with the last time it was seen, and counted in the coverage."""

from __future__ import annotations

import numpy as np
import pytest

from erosion.core.arrays import UNOBSERVED
from tests.banks.shapes import AREA, COLUMNS, ROWS, box
from tests.rivers import measure, sine_river, straight_river


def test_an_unseen_pixel_is_compared_with_the_last_time_it_was_seen() -> None:
    bite = box(90, 96, 150, 160)
    hidden = np.where(box(80, 120, 140, 170), np.nan, straight_river())
    measured = measure([straight_river(), hidden, straight_river() | bite])
    assert measured.total("land_loss_m2", epoch=1) == 0
    assert measured.total("land_loss_m2", epoch=2) == bite.sum() * AREA


def test_coverage_is_the_share_seen_in_both_epochs() -> None:
    hidden = np.where(COLUMNS < 150, np.nan, straight_river())
    measured = measure([straight_river(), hidden, straight_river()])
    _, at = measured.position()
    coverage = measured.banks["coverage"].to_numpy()
    west, east = at < 140, at > 160
    assert (coverage[west, 1] == 0).all()
    assert (coverage[east, 1] == 1).all()
    assert (coverage[:, 2] == 1).all()  # the last sight of the west is from the first year
    assert np.isnan(measured.banks["retreat_m"].to_numpy()[west, 1]).all()
    assert measured.flagged("low_coverage", 1)[west].all()
    assert not measured.flagged("low_coverage", 1)[east].any()


def test_stripes_in_the_newest_mask_are_filled_from_older_ones() -> None:
    stripes = (COLUMNS + ROWS // 3) % 20 < 4
    images = [sine_river(), sine_river(), np.where(stripes, np.nan, sine_river())]
    measured, plain = measure(images), measure([sine_river()] * 3)
    assert measured.baseline.segments.equals(plain.baseline.segments)
    assert measured.total("land_loss_m2") == 0
    assert measured.total("land_gain_m2") == 0
    assert (measured.states.cells[-1] == UNOBSERVED).mean() == pytest.approx(0.2, abs=0.03)
