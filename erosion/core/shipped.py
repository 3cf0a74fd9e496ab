"""Where the files that come with the project are: source and region files, model releases, the entry of the map.

In a checkout they stand at its top; a wheel carries them inside the package (``force-include`` in ``pyproject.toml``).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

_PACKAGE: Final = Path(__file__).resolve().parents[1]


def shipped(name: str) -> Path:
    """Path of a file or directory that comes with the project: ``data_sources``, ``models`` or ``app.py``.

    Raises
    ------
    FileNotFoundError
        Where an installation lacks it.
    """
    for home in (_PACKAGE / "shipped", _PACKAGE.parent):
        if (home / name).exists():
            return home / name
    raise FileNotFoundError(f"{name} is missing from the installation in {_PACKAGE}; install the package again")
