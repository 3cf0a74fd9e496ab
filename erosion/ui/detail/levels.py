"""What a level is worth, what holds it, and how it stands beside the levels of the other targets, in sentences."""

from __future__ import annotations

import pandas as pd

from erosion.publish.columns import level_label, plain_share
from erosion.ui.choice import Choice
from erosion.ui.products.level_worth import read_checked_levels, read_level_worth
from erosion.ui.products.reading import ProductError
from erosion.ui.products.segments import read_segments
from erosion.words import has_text, write


def worth(choice: Choice) -> list[str]:
    """Return what each raised level of the chosen target is worth, the highest first; what the run does not state is left out."""
    words = choice.language
    stated = read_level_worth(choice.run, choice.target.name)
    checked = read_checked_levels(choice.region.folder, choice.target.name)
    lines = []
    for level in sorted({*stated, *checked}, reverse=True):
        parts = [f"{level_label(level, words)}:"]
        if level in stated:
            part, whole = plain_share(stated[level]["precision"])
            parts.append(
                choice.translate(
                    "worth.stated",
                    part=part,
                    whole=whole,
                    threshold=write.number(choice.target.threshold_m, words),
                    days=write.number(choice.target.horizon_days, words),
                    chance=write.share(stated[level]["threshold"], words),
                )
            )
            if "year_low" in stated[level]:
                low, high = (write.share(stated[level][end], words) for end in ("year_low", "year_high"))
                parts.append(choice.translate("worth.year", low=low, high=high))
        if level in checked:
            n = checked[level]
            parts.append(
                choice.translate(
                    "worth.checked",
                    runs=write.number(n.get("runs"), words),
                    precision=write.share(n.get("precision"), words),
                    pod=write.share(n.get("pod"), words),
                    far=write.share(n.get("far"), words),
                )
            )
        lines.append(" ".join(parts))
    return lines


def held(choice: Choice, segment: pd.Series) -> str | None:
    """Return what keeps a segment's level from the one its newest probability asks for; None where nothing does."""
    by, level, asked = segment["held_by"], segment["level"], segment["asked_level"]
    if write.missing(by) or not by or write.missing(asked):
        return None
    key = f"held.{by}" if by != "memory" else f"held.memory.{'above' if level > asked else 'below'}"
    return choice.translate(key, level=int(level), asked=int(asked)) if has_text(key) else None


def beside(choice: Choice, segment: pd.Series) -> str | None:
    """Return the joint level of a segment with the level of each target; None where there is one target or no joint level."""
    targets = choice.region.targets
    if len(targets) < 2 or write.missing(segment["joint_level"]):
        return None
    words = choice.language
    parts = []
    for target in targets:
        try:
            table = read_segments(choice.run, target.name)
        except ProductError:
            continue
        mine = table.loc[table["segment_id"] == segment["segment_id"], "level"]
        days = choice.translate("joint.days", days=write.number(target.horizon_days, words))
        parts.append(f"{days} {level_label(int(mine.iloc[0]), words) if len(mine) else write.NOTHING}")
    joint = level_label(int(segment["joint_level"]), words)
    return choice.translate("joint.levels", joint=joint, levels="; ".join(parts))
