"""Mistakes in catalogue files: gathered while a file is read, and raised together."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

SHOWN: Final = 80
"""Characters of a value that a message repeats."""


MAX_LISTED: Final = 50
"""Mistakes of a file that are listed; a file with more of them is of another kind, and the first ones show which."""


class CatalogError(ValueError):
    """A catalogue file is wrong. ``problems`` lists every mistake found, each with file, key and mend."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class Problems:
    """Mistakes found in one catalogue file, gathered so that a reader mends them in one go."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.found: list[str] = []
        self.unlisted = 0

    @property
    def count(self) -> int:
        """Number of mistakes found, listed or not."""
        return len(self.found) + self.unlisted

    @property
    def full(self) -> bool:
        """True where no further mistake will be listed."""
        return len(self.found) >= MAX_LISTED

    def add(self, key: str, what: str) -> None:
        """Note a mistake at a dotted key; ``what`` is what is wrong and how to mend it."""
        if self.full:
            self.unlisted += 1
            return
        self.found.append(f"{self.file}: {key}: {what}" if key else f"{self.file}: {what}")

    def stop_if_any(self) -> None:
        """Raise :class:`CatalogError` with everything found so far."""
        if self.found:
            more = [f"{self.file}: and {self.unlisted:,} more problems; mend these first"] if self.unlisted else []
            raise CatalogError([*self.found, *more])


def shortened(value: Any) -> str:
    """Return a value as text, cut to the length that a message repeats."""
    text = str(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
