"""A server on loopback that sends what a test writes, byte by byte: for answers that no well-behaved server gives."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

Script = Callable[[socket.socket, threading.Event], None]


@contextlib.contextmanager
def raw_server(script: Script) -> Iterator[tuple[str, list[bytes]]]:
    """Address of a server that runs ``script(connection, closing)`` after each request, and the requests so far."""
    closing, asked = threading.Event(), []
    listening = socket.create_server(("127.0.0.1", 0))

    def serve(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            request = b""
            while b"\r\n\r\n" not in request:
                piece = connection.recv(65_536)
                if not piece:
                    return
                request += piece
            asked.append(request)
            script(connection, closing)

    def accept() -> None:
        while not closing.is_set():
            with contextlib.suppress(OSError):
                threading.Thread(target=serve, args=(listening.accept()[0],), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", asked
    finally:
        closing.set()
        with contextlib.suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(5)


def sends(*parts: bytes) -> Script:
    """Script that sends parts and ends the connection."""

    def script(connection: socket.socket, _: threading.Event) -> None:
        for part in parts:
            connection.sendall(part)

    return script


def drips(head: bytes, drop: bytes, every_s: float) -> Script:
    """Script that sends a head, and then a drop again and again until the other side has had enough."""

    def script(connection: socket.socket, closing: threading.Event) -> None:
        connection.sendall(head)
        while not closing.wait(every_s):
            connection.sendall(drop)

    return script


def floods(head: bytes, drop: bytes) -> Script:
    """Script that sends a head, and then a drop for ever, as fast as it is taken."""
    return drips(head, drop, 0.0)
