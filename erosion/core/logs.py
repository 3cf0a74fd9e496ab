"""Log records on the console: plain lines for people, or one JSON object a line; each knows the run it belongs to."""

from __future__ import annotations

import json
import logging
import os
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Final

from tqdm import tqdm

RUN_ID: Final[ContextVar[str | None]] = ContextVar("RUN_ID", default=None)
"""Run that is at work or was the last one: region and date, with the hash of the inputs once that is known; None before."""

FORMAT_VARIABLE: Final = "EROSION_LOG"
"""Environment variable that holds ``plain`` (the default) or ``json``."""

_FORMATS: Final = ("plain", "json")


class ConsoleHandler(logging.Handler):
    """Writes warnings and errors to stderr and everything else to stdout, above a progress bar where one is shown."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record as one line."""
        try:
            stream = sys.stderr if record.levelno >= logging.WARNING else sys.stdout
            tqdm.write(self.format(record), file=stream)
            stream.flush()
        except Exception:
            self.handleError(record)


class JsonFormatter(logging.Formatter):
    """One JSON object a record: ``time`` (ISO 8601, UTC), ``level``, ``logger``, ``run_id`` and ``message``."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as JSON without a line break."""
        content = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "run_id": RUN_ID.get(),
            "message": record.getMessage(),
        }
        return json.dumps(content, ensure_ascii=False)


def log_to_console() -> None:
    """Send the records of the program to the console, in the format that the environment asks for.

    Raises
    ------
    ValueError
        The environment variable holds no known format.
    """
    wanted = os.environ.get(FORMAT_VARIABLE, "plain")
    if wanted not in _FORMATS:
        raise ValueError(f"{FORMAT_VARIABLE} is {wanted!r}; set it to {' or '.join(_FORMATS)}, or leave it away")
    handler = ConsoleHandler()
    handler.setFormatter(JsonFormatter() if wanted == "json" else logging.Formatter("%(message)s"))
    logger = logging.getLogger("erosion")
    logger.handlers = [handler]
    logger.setLevel(logging.INFO)
