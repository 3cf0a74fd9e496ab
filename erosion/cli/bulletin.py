"""``erosion bulletin``: write the bulletin of a commune or of a whole region, as a draft."""

from __future__ import annotations

import argparse
import logging
from datetime import datetime
from pathlib import Path

from erosion.config.bulletin import read_settings, settings_file
from erosion.publish.bulletins.errors import BulletinError
from erosion.publish.bulletins.facts import read_facts
from erosion.publish.bulletins.make import FORMATS, make_file
from erosion.publish.bulletins.officer import Officer

_log = logging.getLogger(__name__)


def main(arguments: argparse.Namespace) -> int:
    """Return 0; mistakes are raised."""
    kind = arguments.out.suffix.lower().lstrip(".")
    if kind not in FORMATS:
        known = ", ".join(f".{name}" for name in FORMATS)
        raise BulletinError(f"--out {arguments.out}: the end of the name says the format; there are {known}")
    home = arguments.products / Path(arguments.region).stem
    facts = read_facts(home, None if arguments.date is None else f"{arguments.date}", arguments.target)
    content = make_file(
        kind,
        facts,
        arguments.commune,
        Officer(number=arguments.number, issued_at=_moment(arguments.issued)),
        read_settings(arguments.settings or settings_file(home)),
        arguments.language,
        "sheet" if arguments.sheet else "bulletin",
    )
    arguments.out.write_bytes(content)
    _log.info(f"wrote {arguments.out}, a draft of {facts.run['as_of']}")
    return 0


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise BulletinError(f"--issued {text!r} is no time; write it as 2026-11-30T07:30+07:00") from None
