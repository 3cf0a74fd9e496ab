"""Progress of a command on standard output."""

from __future__ import annotations


def print_line(line: str) -> None:
    """Print a line at once, also into a pipe: a night's log is read while it runs."""
    print(line, flush=True)
