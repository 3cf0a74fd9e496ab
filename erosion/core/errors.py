"""Errors and notes that every package shares."""

from __future__ import annotations

from typing import NamedTuple


class SourceError(RuntimeError):
    """A source gave nothing usable; the message lists what was tried and why it failed."""


class Skipped(NamedTuple):
    """An observation that was left out, and why; ``usual`` where it follows from a rule and nothing needs mending (clouds)."""

    scene: str
    reason: str
    usual: bool = False
