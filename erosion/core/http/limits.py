"""Limits of one answer: size after decompression, time in all, and nesting of JSON; for every source on the web."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

import requests  # type: ignore[import-untyped,unused-ignore]

from erosion.core.http.errors import WebError

_PIECE: Final = 16_384  # bytes of an answer after decompression, between two looks at its size


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits of one answer.

    Attributes
    ----------
    most_bytes
        Size, counted after decompression. Ten years of a gauge at ten minutes are about 20 MB as JSON.
    longest_s
        Time from the request to the last byte [s], however steadily it drips. 20 MB over a line of 1 Mbit/s take 160 s.
    most_depth
        Nesting of JSON. GeoJSON and STAC need about ten levels; Python's own recursion ends at about a thousand.
    """

    most_bytes: int = 64_000_000
    longest_s: float = 300.0
    most_depth: int = 100


class BrokenOffError(requests.ConnectionError):  # type: ignore[misc,unused-ignore]
    """An answer ended before it was whole, or could not be decompressed."""


class NestingError(ValueError):
    """A JSON document is nested deeper than the limit."""


class Deadline:
    """Ends an answer when its time is over: shuts the watched connection, so that a read that waits returns.

    A limit for each read (``timeout`` of the libraries) does not bound an answer that sends a byte now and then.
    """

    def __init__(self, seconds: float) -> None:
        self.over = False
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        with self._lock:
            self._socket = None

    def watch(self, connection: socket.socket | None) -> None:
        """Shut this connection when the time is over, at once if it is."""
        with self._lock:
            self._socket = connection
            if self.over:
                self._shut()

    def _end(self) -> None:
        with self._lock:
            self.over = True
            self._shut()

    def _shut(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):
                # Not the method of an encrypted socket, which would go on in clear.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


def read_body(response: Any, limits: Limits, where: str) -> bytes:
    """Body of a streamed response, decompressed.

    Raises
    ------
    WebError
        Where it is larger than the limit.
    BrokenOffError
        Where it breaks off or cannot be decompressed.
    """
    pieces, size = [], 0
    try:
        for piece in response.iter_content(_PIECE):
            size += len(piece)
            if size > limits.most_bytes:
                response.close()
                raise WebError(
                    f"{where}: the answer is more than {limits.most_bytes / 1e6:g} MB and is not taken; ask for fewer days, "
                    "or report it to the provider"
                )
            pieces.append(piece)
    except requests.RequestException as err:
        raise BrokenOffError(str(err)) from None
    return b"".join(pieces)


def parse_json(text: str | bytes, limits: Limits) -> Any:
    """Document that a JSON text holds.

    Raises
    ------
    ValueError
        Where it is no JSON.
    NestingError
        Where it is nested deeper than the limit.
    """
    deep = f"nested more than {limits.most_depth} levels deep"
    try:
        document = json.loads(text)
    except RecursionError:
        raise NestingError(deep) from None
    level = [document] if isinstance(document, dict | list) else []
    for _ in range(limits.most_depth):
        inner = (value for node in level for value in (node.values() if isinstance(node, dict) else node))
        level = [value for value in inner if isinstance(value, dict | list)]
        if not level:
            return document
    raise NestingError(deep)
