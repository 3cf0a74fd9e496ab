"""The table of features on the forecast page is the registry's; run this file to write it anew."""

from __future__ import annotations

from pathlib import Path

from erosion.features import FAMILIES
from erosion.forecast.model import MODEL_FEATURES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "forecast.md"
BEGIN, END = "<!-- features: begin -->\n", "<!-- features: end -->\n"


def feature_table() -> str:
    lines = ["| family | feature | unit | meaning | source | missing | model |", "|---|---|---|---|---|---|---|"]
    for name, family in FAMILIES.items():
        for f in family.FEATURES:
            used = "yes" if f.name in MODEL_FEATURES else ""
            lines.append(f"| {name} | `{f.name}` | {f.unit} | {f.meaning} | {f.source} | {f.missing} | {used} |")
    return "\n".join(lines) + "\n"


def page_with(table: str) -> str:
    head, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    return head + BEGIN + table + END + rest.split(END)[1]


def test_the_page_lists_every_feature_as_registered() -> None:
    assert PAGE.read_text(encoding="utf-8") == page_with(feature_table()), (
        f"run: python tests/forecast/{Path(__file__).name}"
    )


if __name__ == "__main__":
    PAGE.write_text(page_with(feature_table()), encoding="utf-8", newline="\n")
