"""What the program logs while a test runs it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class _Handler(logging.Handler):
    def __init__(self, take: Callable[[str], None]) -> None:
        super().__init__(logging.INFO)
        self.take = take

    def emit(self, record: logging.LogRecord) -> None:
        self.take(record.getMessage())


@contextmanager
def logged(take: Callable[[str], None] | None = None) -> Iterator[list[str]]:
    """Messages that the program logs inside the block, in order; each is also given to ``take``, which may raise."""
    messages: list[str] = []

    def both(message: str) -> None:
        messages.append(message)
        if take is not None:
            take(message)

    logger, handler = logging.getLogger("erosion"), _Handler(both)
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield messages
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
