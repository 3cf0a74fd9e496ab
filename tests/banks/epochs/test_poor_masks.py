"""A mask in pieces, flooded, or with water and land swapped is left out by what the masks before it show."""

from __future__ import annotations

import numpy as np

from tests.banks.epochs.real_rivers import judged
from tests.rivers import SHAPE, Mask, make_water, straight_river


def river(year: int) -> Mask:
    """A canal of which the north bank grew here and there, in every year elsewhere."""
    mask = straight_river()
    mask[96, 40 * year : 40 * year + 30] = False
    return mask


def test_a_mask_in_pieces_is_left_out_and_named() -> None:
    stripes = (np.indices(SHAPE)[1] % 20) < 6
    images = [river(0), river(1), river(2) & ~stripes, river(3)]
    water = make_water(images).assign_coords(scene_id=("epoch", [f"mask_{k}.tif" for k in range(4)]))
    valid, skipped = judged(water)
    assert valid["epoch"].dt.year.to_numpy().tolist() == [2000, 2001, 2003]
    ((name, reason, usual),) = skipped
    assert name == "mask_2.tif" and not usual  # somebody has to look at it
    assert "the river is in pieces" in reason
    later, _ = judged(water.isel(epoch=slice(0, 3)))
    assert later["epoch"].dt.year.to_numpy().tolist() == [2000, 2001]  # what follows decides nothing


def test_unseen_stripes_do_not_make_a_mask_invalid() -> None:
    stripes = (np.indices(SHAPE)[1] % 20) < 6
    water = make_water([river(0), np.where(stripes, np.nan, river(1))])
    valid, skipped = judged(water.assign_coords(scene_id=("epoch", ["a.tif", "b.tif"])))
    assert valid.sizes["epoch"] == 2
    assert skipped == []


def test_a_mask_all_of_water_or_with_its_values_swapped_is_left_out_and_named() -> None:
    """Each is connected, and would read as land lost along every bank."""
    images = [river(0), river(1), np.ones(SHAPE), ~river(1), straight_river(94, 106), river(2)]
    water = make_water(images).assign_coords(scene_id=("epoch", [f"mask_{k}.tif" for k in range(6)]))
    valid, skipped = judged(water)
    assert valid["epoch"].dt.year.to_numpy().tolist() == [2000, 2001, 2004, 2005]  # a river half as wide again is one
    assert [item.scene for item in skipped] == ["mask_2.tif", "mask_3.tif"]
    share = f"{river(0).mean():.0%}"
    assert f"100% of what was seen is river, usual are {share}" in skipped[0].reason and "swapped" in skipped[0].reason
    assert not any(item.usual for item in skipped)


def test_a_first_mask_all_of_water_does_not_make_later_masks_invalid() -> None:
    water = make_water([np.ones(SHAPE), river(0), river(1)])
    valid, skipped = judged(water.assign_coords(scene_id=("epoch", ["a.tif", "b.tif", "c.tif"])))
    assert valid.sizes["epoch"] == 3 and skipped == []
