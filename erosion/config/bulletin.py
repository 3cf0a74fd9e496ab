"""What an office has printed in all its bulletins: its name, legal basis, recommendations, recipients."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from erosion.config.problems import Problems
from erosion.config.records import Key, parse
from erosion.config.strict_yaml import read_yaml
from erosion.core.shipped import shipped
from erosion.core.text import clean

FILE: Final = "bulletin.yaml"
"""File of an office's own settings, in the folder of the region's products."""

LANGUAGES: Final = ("vi", "en")

MAX_LINE: Final = 500
"""Most characters of a line."""

Lines = dict[str, tuple[str, ...]]
"""Lines of text by language."""


@dataclass(frozen=True, kw_only=True)
class BulletinSettings:
    """Fixed texts of the bulletins of an office."""

    heading: Annotated[Lines, Key("lines at the top right, such as the name and motto of the state")]
    issuer: Annotated[Lines, Key("lines at the top left: superior body, then who issues")]
    legal_basis: Annotated[Lines, Key("one line a legal document")]
    recommendations: Annotated[Lines, Key("one line a recommendation")]
    recipients: Annotated[Lines, Key("one line a recipient")]
    signer: Annotated[dict[str, str], Key("office of who signs")]


def settings_file(home: Path) -> Path:
    """Return the file of the settings of a region's bulletins: the office's own in ``home``, or the one that is shipped."""
    own = home / FILE
    return own if own.exists() else shipped("data_sources") / "bulletins" / "default.yaml"


def read_settings(file: Path) -> BulletinSettings:
    """Return the settings in a file, every text in NFC and without control characters.

    Raises
    ------
    CatalogError
        The file cannot be read, or a key is missing, unknown or not what it should be; all mistakes are listed.
    """
    problems = Problems(file)
    settings = parse(BulletinSettings, read_yaml(file), problems)
    if settings is not None:
        for name, value in vars(settings).items():
            for language in LANGUAGES:
                if language not in value:
                    problems.add(f"{name}.{language}", "is missing; write the text in this language, too")
            for language, lines in value.items():
                for line in [lines] if isinstance(lines, str) else lines:
                    if len(line) > MAX_LINE:
                        problems.add(f"{name}.{language}", f"a line of {len(line):,} characters; at most {MAX_LINE}")
    problems.stop_if_any()
    assert settings is not None
    return BulletinSettings(
        signer={language: clean(text, MAX_LINE) or "" for language, text in settings.signer.items()},
        **{name: _cleaned(lines) for name, lines in vars(settings).items() if name != "signer"},
    )


def _cleaned(lines: Lines) -> Lines:
    return {
        language: tuple(line for line in (clean(one, MAX_LINE) for one in texts) if line)
        for language, texts in lines.items()
    }
