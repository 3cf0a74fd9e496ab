"""A gauge service on loopback that answers what a test puts there, and remembers what it was asked.

``GaugeServer()`` as a context manager; ``server.url`` is the address for an entry's ``service``::

    server.answer("/api/v1/thing", {"a": 1})                       # JSON
    server.answer("/page", "<html>...", status=200, kind="text/html")
    server.answer("/file", path)                                    # bytes of a recorded file
    server.answer("/broken", 503, times=2)                          # twice, then what was put there before
    server.asked[0].path, .query (dict of lists), .form, .headers, .method
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit


@dataclass
class Question:
    """A request that came in."""

    method: str
    path: str
    query: dict[str, list[str]]
    form: dict[str, list[str]]
    headers: dict[str, str]
    at: float


@dataclass
class _Canned:
    body: bytes
    status: int
    kind: str
    times: int | None
    headers: dict[str, str]
    cut_at: int | None
    drip_s: float


@dataclass
class GaugeServer:
    """Loopback server; a path that was given no answer is 404."""

    asked: list[Question] = field(default_factory=list)
    answers: dict[str, list[_Canned]] = field(default_factory=dict)

    def answer(
        self,
        path: str,
        body: Any,
        *,
        status: int = 200,
        kind: str | None = None,
        times: int | None = None,
        headers: dict[str, str] | None = None,
        cut_at: int | None = None,
        drip_s: float = 0.0,
    ) -> None:
        """Say what a path answers; of several answers the newest that is not used up stands.

        ``body``: a status alone (int), text, bytes, a Path to a recorded file, or anything that becomes JSON.
        ``cut_at``: the connection breaks after so many bytes. ``drip_s``: pause before every four kilobytes.
        """
        if isinstance(body, int) and not isinstance(body, bool):
            status, body, kind = body, b"", kind or "text/plain"
        if isinstance(body, Path):
            body = body.read_bytes()
        if isinstance(body, str):
            body, kind = body.encode(), kind or "text/plain"
        if not isinstance(body, bytes):
            body, kind = json.dumps(body, ensure_ascii=False).encode(), kind or "application/json"
        canned = _Canned(body, status, kind or "application/json", times, headers or {}, cut_at, drip_s)
        self.answers.setdefault(path, []).append(canned)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}"

    def __enter__(self) -> Self:
        self._lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"owner": self})
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def take(self, path: str) -> _Canned | None:
        with self._lock:
            for canned in reversed(self.answers.get(path, [])):
                if canned.times is None:
                    return canned
                if canned.times > 0:
                    canned.times -= 1
                    return canned
        return None


class _Handler(BaseHTTPRequestHandler):
    owner: GaugeServer
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body leave together: the other side would wait 40 ms between them

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):  # the other side had enough
            super().handle()

    def do_GET(self) -> None:
        self._reply()

    def do_POST(self) -> None:
        self._reply()

    def _reply(self) -> None:
        parts = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        form = parse_qs(self.rfile.read(length).decode(), keep_blank_values=True) if length else {}
        query = parse_qs(parts.query, keep_blank_values=True)
        self.owner.asked.append(Question(self.command, parts.path, query, form, dict(self.headers), time.monotonic()))
        canned = self.owner.take(parts.path) or _Canned(b"", 404, "text/plain", None, {}, None, 0.0)
        self.send_response(canned.status)
        for name, value in {"Content-Type": canned.kind, **canned.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(canned.body)))
        self.end_headers()
        body = canned.body if canned.cut_at is None else canned.body[: canned.cut_at]
        step = 4096 if canned.drip_s else max(len(body), 1)
        for start in range(0, len(body), step):
            if canned.drip_s:
                self.wfile.flush()
                time.sleep(canned.drip_s)
            self.wfile.write(body[start : start + step])
            self.wfile.flush()
        if canned.cut_at is not None:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Keep quiet."""
