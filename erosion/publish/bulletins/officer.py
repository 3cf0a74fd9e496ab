"""What an officer writes into a bulletin; nothing of it is made up where it is empty."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from erosion.core.text import clean
from erosion.publish.bulletins.errors import BulletinError
from erosion.words import translate, write

MAX_TEXT: Final = 6_000
"""Most characters of a text that an officer writes; two pages."""

MAX_LINES: Final = 60
"""Most lines of one."""

BLANK: Final = "……………………"
"""Stands where somebody writes by hand."""


@dataclass(frozen=True)
class Officer:
    """Texts of an officer; a line end begins a new paragraph."""

    number: str = ""
    issued_at: datetime | None = None
    """When the bulletin goes out, with its zone; None leaves it to be written by hand."""
    now: str = ""
    """Section 1, what is known on the ground."""
    warning: str = ""
    """Section 2, what is added to the forecast."""
    risk: str = ""
    """Section 3, the disaster-risk level: only ever what the officer writes."""
    recommendations: str = ""
    """Section 4; those of the settings where empty."""
    signer: str = ""
    """Name of who signs."""

    def lines(self, name: str) -> tuple[str, ...]:
        """Return the paragraphs of a text, in NFC and without control characters.

        Raises
        ------
        BulletinError
            The text is longer than :data:`MAX_TEXT` or has more lines than :data:`MAX_LINES`.
        """
        text = str(getattr(self, name))
        lines = text.splitlines()
        if len(text) > MAX_TEXT or len(lines) > MAX_LINES:
            raise BulletinError(
                f"{name}: {len(text):,} characters in {len(lines):,} lines; "
                f"a bulletin takes {MAX_TEXT:,} characters and {MAX_LINES} lines of it. Shorten it"
            )
        return tuple(line for line in (clean(one, MAX_TEXT) for one in lines) if line)


TEXTS: Final = tuple(field.name for field in fields(Officer) if field.name != "issued_at")


def issued_text(issued_at: datetime | None, language: str, timezone: str) -> str:
    """Return when the bulletin goes out, with the offset of its zone; to be written by hand where it is not known."""
    if issued_at is None:
        return translate(language, "bulletin.issued", time=BLANK)
    if issued_at.tzinfo is None:
        raise BulletinError(f"time of issue {issued_at.isoformat()} has no zone; write it as 2026-11-30T07:30+07:00")
    offset = issued_at.astimezone(ZoneInfo(timezone)).strftime("%z")
    moment = write.moment(issued_at, language, timezone)
    return translate(language, "bulletin.issued", time=f"{moment} ({offset[:3]}:{offset[3:]})")
