"""Limits of one search: pages, documents, bytes and time in all, for no catalogue and no service is trusted to end."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from erosion.core.http.limits import Limits
from erosion.core.http.session import Web


@dataclass(frozen=True, kw_only=True)
class SearchLimits:
    """Limits of one search of a catalogue, or of all requests of one reading of a gauge service.

    Attributes
    ----------
    answer
        Limits of one answer.
    most_pages
        Pages of all boxes of a search, or requests to a service. Ten years of a Sentinel-2 corridor in ten tiles are some 150
        pages of 100 items; the first reading of a gauge is some hundred requests.
    most_nodes
        Documents of a static catalogue that are read, those that cannot be read among them. A national archive of one sensor has some 50 000.
    most_failures
        Documents of a static catalogue that cannot be read and are listed one by one; with more the whole catalogue is held to be damaged.
    most_depth
        Catalogues within catalogues. Static catalogues are a few levels deep; one that goes on is made up as it is read.
    most_bytes
        Size of all answers; items are held in memory until they are put into passes. Ten years of ten tiles are 0.6 GB.
    longest_s
        Time of a search [s]; the first one, over all years, takes some minutes, and those of a night seconds.
    """

    answer: Limits = field(default_factory=Limits)
    most_pages: int = 2_000
    most_nodes: int = 100_000
    most_failures: int = 1_000
    most_depth: int = 50
    most_bytes: int = 1_000_000_000
    longest_s: float = 3_600.0


class SearchEndedError(Exception):
    """A search has reached one of its limits; the message names it."""


class Meter:
    """What a search has used of its limits; ``mend`` is what the operator can do about a limit that is reached."""

    def __init__(self, limits: SearchLimits, web: Web, mend: str) -> None:
        self.limits, self._mend = limits, mend
        self._web = web
        self._started, self._read_before = time.monotonic(), web.bytes_read
        self._pages = self._nodes = self._failures = 0

    def page(self) -> None:
        """Count a page, before it is asked for; SearchEndedError where a limit is reached."""
        self._check(self._pages >= self.limits.most_pages, f"{self.limits.most_pages} pages")
        self._pages += 1

    def node(self) -> None:
        """Count a document of a static catalogue, before it is read; SearchEndedError where a limit is reached."""
        self._check(self._nodes >= self.limits.most_nodes, f"{self.limits.most_nodes} documents")
        self._nodes += 1

    def failure(self) -> None:
        """Count a document that cannot be read; SearchEndedError where a limit is reached."""
        self._check(
            self._failures >= self.limits.most_failures, f"{self.limits.most_failures} documents that cannot be read"
        )
        self._failures += 1

    def _check(self, over: bool, what: str) -> None:
        if self._web.bytes_read - self._read_before >= self.limits.most_bytes:
            over, what = True, f"{self.limits.most_bytes / 1e6:g} MB"
        if time.monotonic() - self._started >= self.limits.longest_s:
            over, what = True, f"{self.limits.longest_s:g} s"
        if over:
            raise SearchEndedError(
                f"the search was ended after {what}, the most that one search may take; what lies behind was not read. "
                f"{self._mend}"
            )
