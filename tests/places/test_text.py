"""Names in a field of a foreign file: parted where the field parts them, and bounded."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from erosion.places.text import MAX_FORMER, names_in


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Phường Bình Khánh, Phường Bình Đức; Xã Mỹ Khánh", ("Phường Bình Khánh", "Phường Bình Đức", "Xã Mỹ Khánh")),
        ("Xã Tân Hòa (huyện Phú Tân, cũ), Xã Phú Hưng", ("Xã Tân Hòa (huyện Phú Tân, cũ)", "Xã Phú Hưng")),
        ("Xã A (phần, Xã B", ("Xã A (phần", "Xã B")),
        (np.array(["Xã A", "Xã B", "Xã A"], dtype=object), ("Xã A", "Xã B")),
        (["Xã A", None, " "], ("Xã A",)),
        (",;, ", ()),
        (None, ()),
    ],
)
def test_former_units_by_hand(value: Any, expected: tuple[str, ...]) -> None:
    assert names_in(value) == expected


def test_former_units_are_bounded() -> None:
    assert len(names_in(",".join(map(str, range(100_000))))) == MAX_FORMER
    assert len(names_in(list(range(100_000)))) == MAX_FORMER
    assert names_in("(" * 100_000)  # brackets that never close take no time
