"""Public names that lead to servers of a test: both ends of the system are replaced, and nothing between them.

``socket.getaddrinfo`` resolves the names to public addresses, and a connection to one of these addresses is made to
loopback instead. What decides about names, addresses and redirects runs as it does on the Internet.
"""

from __future__ import annotations

import socket
from typing import Any

import pytest

PUBLIC_IP = "198.41.0.4"  # a root name server of the DNS: a public address that no test reaches


class Names:
    """Names of the DNS as a test sets them; ``asked`` lists what was looked up.

    ``answers`` holds, of each name, the lists of IP addresses of its look-ups in turn; the last one stands.
    """

    def __init__(self, answers: dict[str, list[list[str]]]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def next_answer(self, host: str) -> list[str] | None:
        """Addresses of the next look-up of a name; None where the test did not set it."""
        lists = self.answers.get(host, [[PUBLIC_IP]] if host.endswith(".example.org") else [])
        if not lists:
            return None
        self.asked.append(host)
        return lists.pop(0) if len(lists) > 1 else lists[0]


def public_network(monkeypatch: pytest.MonkeyPatch, answers: dict[str, list[list[str]]] | None = None) -> Names:
    """Set the DNS of a test: ``answers``, and any other name below ``example.org`` is public."""
    names = Names(answers or {})
    look_up, connect = socket.getaddrinfo, socket.socket.connect

    def getaddrinfo(host: Any, port: Any, *how: Any, **more: Any) -> list[Any]:
        ips = names.next_answer(str(host))
        if ips is None:
            return look_up(host, port, *how, **more)
        return [
            (
                socket.AF_INET6 if ":" in ip else socket.AF_INET,
                socket.SOCK_STREAM,
                6,
                "",
                (ip, port, 0, 0) if ":" in ip else (ip, port),
            )
            for ip in ips
        ]

    def connected(self: socket.socket, address: Any) -> None:
        connect(self, ("127.0.0.1", address[1]) if address[0] == PUBLIC_IP else address)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(socket.socket, "connect", connected)
    return names
