"""A satellite catalogue on loopback: static files with range requests, a STAC API, tokens, and failures on demand.

``StacServer(folder)`` serves a folder that holds a static STAC catalogue and its files::

    with StacServer(folder) as server:
        server.fail(r"B03\\.tif", "status", status=503, times=2)   # twice, then well again
        ... server.static_url / server.api_url / server.tokens_url ...

It is used by the tests and by the benchmark of the satellite half.
"""

from __future__ import annotations

import datetime
import json
import re
import secrets
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlencode, urljoin, urlsplit

KINDS = ("status", "hang", "truncate", "corrupt", "slow", "garbage")


@dataclass
class Fault:
    """One way to fail.

    Attributes
    ----------
    pattern
        Regular expression, searched in ``METHOD /path``.
    kind
        ``status``: answer with ``status`` (and ``retry_after``); ``hang``: no answer for ``seconds``; ``truncate``: the
        body ends in the middle; ``corrupt``: the second half of the file is noise; ``slow``: ``seconds`` late;
        ``garbage``: a body that is no JSON.
    times
        Requests that fail before all is well again; None for ever.
    after
        Requests that go well before the first one fails.
    """

    pattern: str
    kind: str
    status: int = 500
    retry_after: str | None = None
    seconds: float = 0.0
    times: int | None = None
    after: int = 0
    hits: int = 0


@dataclass
class LoggedRequest:
    """A request that came in."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    status: int
    at: float


@dataclass
class StacServer:
    """Loopback server for a folder with a static STAC catalogue.

    Attributes
    ----------
    root
        Folder; every ``*.json`` with ``type: Feature`` in it is an item of the API.
    page_size
        Largest number of items on a page of the API.
    signed
        True: files need a token that ``tokens_url`` hands out.
    bearer
        Token that catalogue and files ask for, or None.
    methods
        Methods of searching that the API offers.
    loops
        True: the API's paging turns in circles.
    answer
        What every search is answered, whatever is there.
    token_seconds
        How long a handed-out token is good for [s].
    """

    root: Path
    page_size: int = 100
    signed: bool = False
    bearer: str | None = None
    methods: tuple[str, ...] = ("GET", "POST")
    loops: bool = False
    answer: Any = None
    token_seconds: float = 3600.0
    faults: list[Fault] = field(default_factory=list)
    seen: list[LoggedRequest] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    revoked: set[str] = field(default_factory=set)

    def __enter__(self) -> Self:
        self._lock = threading.Lock()
        self._closing = threading.Event()
        handler = type("Handler", (_Handler,), {"owner": self})
        self._http = _Server(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """Address of the server, without a slash at its end."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    @property
    def static_url(self) -> str:
        """Address of the folder; add the path of ``catalog.json``."""
        return f"{self.url}/files"

    @property
    def api_url(self) -> str:
        """Address of the STAC API."""
        return f"{self.url}/api"

    @property
    def tokens_url(self) -> str:
        """Address that hands out tokens for signed files, ``{tokens_url}/{collection}``."""
        return f"{self.url}/sas/token"

    def fail(self, pattern: str, kind: str, **how: Any) -> Fault:
        """Fail from now on where ``pattern`` is found in ``METHOD /path``; see :class:`Fault`."""
        if kind not in KINDS:
            raise ValueError(f"{kind} is none of {', '.join(KINDS)}")
        fault = Fault(pattern, kind, **how)
        with self._lock:
            self.faults.append(fault)
        return fault

    def heal(self) -> None:
        """Fail no more."""
        with self._lock:
            self.faults.clear()

    def requests(self, pattern: str) -> list[LoggedRequest]:
        """Requests so far in whose ``METHOD /path`` the pattern is found."""
        with self._lock:
            return [seen for seen in self.seen if re.search(pattern, f"{seen.method} {seen.path}")]

    def _fault(self, method: str, path: str) -> Fault | None:
        with self._lock:
            for fault in self.faults:
                if not re.search(fault.pattern, f"{method} {path}"):
                    continue
                fault.hits += 1
                if fault.hits <= fault.after:
                    continue
                if fault.times is None or fault.hits <= fault.after + fault.times:
                    return fault
        return None

    def _documents(self) -> list[tuple[Path, dict[str, Any]]]:
        found = []
        for path in sorted(self.root.rglob("*.json")):
            document = json.loads(path.read_text(encoding="utf-8"))
            if isinstance(document, dict):
                found.append((path, document))
        return found

    def _items(self) -> list[dict[str, Any]]:
        items = []
        for path, document in self._documents():
            if document.get("type") != "Feature":
                continue
            home = f"{self.static_url}/{path.relative_to(self.root).as_posix()}"
            for asset in document.get("assets", {}).values():
                asset["href"] = urljoin(home, asset["href"])
            document["links"] = []
            items.append(document)
        return items


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # many connections are opened at once; one that finds the queue full waits for seconds


class _Handler(BaseHTTPRequestHandler):
    owner: StacServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Keep quiet."""

    def do_HEAD(self) -> None:
        self._serve()

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        split = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        self._body = self.rfile.read(length) if length else b""
        self._fault = self.owner._fault(self.command, split.path)
        try:
            self._answer(unquote(split.path), split.query)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _answer(self, path: str, query: str) -> None:
        fault = self._fault
        if fault is not None and fault.kind == "hang":
            self._note(0)
            self.owner._closing.wait(fault.seconds)
            self.close_connection = True
            return
        if fault is not None and fault.kind == "slow":
            self.owner._closing.wait(fault.seconds)
        if fault is not None and fault.kind == "status":
            extra = {"Retry-After": fault.retry_after} if fault.retry_after is not None else {}
            self._send(fault.status, b'{"code": "Trouble", "description": "as asked"}', "application/json", extra)
            return
        if path.startswith("/sas/token/"):
            self._token()
            return
        wanted = self.owner.bearer
        if wanted is not None and self.headers.get("Authorization") != f"Bearer {wanted}":
            self._send(401, b"{}", "application/json")
        elif path.startswith("/files/"):
            self._file(path.removeprefix("/files/"), query)
        elif path.rstrip("/") == "/api":
            self._json(self._landing())
        elif path.startswith("/api/collections"):
            self._collections(path.removeprefix("/api/collections").strip("/"))
        elif path == "/api/search":
            self._search(query)
        else:
            self._send(404, b"{}", "application/json")

    # --- answers

    def _note(self, status: int) -> None:
        split = urlsplit(self.path)
        with self.owner._lock:
            self.owner.seen.append(
                LoggedRequest(
                    self.command, unquote(split.path), split.query, dict(self.headers), status, time.monotonic()
                )
            )

    def _json(self, document: Any) -> None:
        body = json.dumps(document).encode()
        if self._fault is not None and self._fault.kind == "garbage":
            body = b"<html>busy</html>"
        self._send(200, body, "application/json")

    def _send(self, status: int, body: bytes, kind: str, extra: dict[str, str] | None = None) -> None:
        self._note(status)
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in (extra or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        if self._fault is not None and self._fault.kind == "truncate":
            self.wfile.write(body[: len(body) // 2])
            self.close_connection = True
            return
        self.wfile.write(body)

    def _token(self) -> None:
        token = f"sig={secrets.token_urlsafe(24)}"
        with self.owner._lock:
            self.owner.tokens.append(token)
        ends = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=self.owner.token_seconds)
        self._json({"msft:expiry": ends.strftime("%Y-%m-%dT%H:%M:%SZ"), "token": token})

    def _file(self, relative: str, query: str) -> None:
        path = (self.owner.root / relative).resolve()
        if self.owner.signed and path.suffix != ".json" and not self._signature_holds(query):
            self._send(403, b"<Error><Code>AuthenticationFailed</Code></Error>", "application/xml")
            return
        if not path.is_relative_to(self.owner.root.resolve()) or not path.is_file():
            self._send(404, b"not here", "text/plain")
            return
        size = path.stat().st_size
        kind = "application/json" if path.suffix == ".json" else "image/tiff"
        extra = {"Accept-Ranges": "bytes", "ETag": f'"{path.stat().st_mtime_ns}"'}
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if match is None:
            self._send(200, self._bytes(path, 0, size), kind, extra)
            return
        first = int(match[1])
        last = min(int(match[2]) if match[2] else size - 1, size - 1)
        if first > last:
            self._send(416, b"", kind, {"Content-Range": f"bytes */{size}"})
            return
        extra["Content-Range"] = f"bytes {first}-{last}/{size}"
        self._send(206, self._bytes(path, first, last + 1), kind, extra)

    def _bytes(self, path: Path, start: int, stop: int) -> bytes:
        """Bytes of a file; noise in its second half where that is asked for."""
        with path.open("rb") as file:
            file.seek(start)
            body = file.read(stop - start)
        if self._fault is None or self._fault.kind != "corrupt":
            return body
        half = path.stat().st_size // 2
        return bytes((17 * at + 91) % 251 if at >= half else byte for at, byte in enumerate(body, start))

    def _signature_holds(self, query: str) -> bool:
        with self.owner._lock:
            return any(token in query.split("&") for token in self.owner.tokens if token not in self.owner.revoked)

    # --- the API

    def _landing(self) -> dict[str, Any]:
        api = self.owner.api_url
        core = "https://api.stacspec.org/v1.0.0"
        links = [
            {"rel": "self", "href": api, "type": "application/json"},
            {"rel": "root", "href": api, "type": "application/json"},
            {"rel": "data", "href": f"{api}/collections", "type": "application/json"},
        ]
        links += [
            {"rel": "search", "href": f"{api}/search", "type": "application/geo+json", "method": method}
            for method in self.owner.methods
        ]
        return {
            "type": "Catalog",
            "id": "loopback",
            "stac_version": "1.0.0",
            "description": "Catalogue on this machine",
            "conformsTo": [f"{core}/core", f"{core}/item-search", f"{core}/collections"],
            "links": links,
        }

    def _collections(self, wanted: str) -> None:
        found = [d for _, d in self.owner._documents() if d.get("type") == "Collection"]
        for collection in found:
            collection["links"] = []
        if not wanted:
            self._json({"collections": found, "links": []})
            return
        one = next((c for c in found if c["id"] == wanted), None)
        if one is None:
            self._send(404, b'{"code": "NotFound"}', "application/json")
        else:
            self._json(one)

    def _search(self, query: str) -> None:
        if self.command not in self.owner.methods:
            self._send(405, b"{}", "application/json")
            return
        if self.owner.answer is not None:
            self._json(self.owner.answer)
            return
        if self.command == "POST":
            asked = json.loads(self._body or b"{}")
        else:
            asked = {name: values[0] for name, values in parse_qs(query).items()}
            for name in ("collections", "bbox"):
                if name in asked:
                    asked[name] = asked[name].split(",")
        box = [float(v) for v in asked["bbox"]] if asked.get("bbox") else None
        items = [item for item in self.owner._items() if _matches(item, asked, box)]
        items.sort(key=lambda item: (_when(item), item["id"]), reverse=True)
        size = min(int(asked.get("limit", self.owner.page_size)), self.owner.page_size)
        begin = int(asked.get("token", 0))
        page = items[begin : begin + size]
        links = []
        if begin + size < len(items) or (self.owner.loops and page):
            follow = 0 if self.owner.loops else begin + size
            if self.command == "POST":
                body = {**asked, "token": follow}
                links.append({"rel": "next", "href": f"{self.owner.api_url}/search", "method": "POST", "body": body})
            else:
                flat = {k: ",".join(map(str, v)) if isinstance(v, list) else v for k, v in asked.items()}
                href = f"{self.owner.api_url}/search?{urlencode({**flat, 'token': follow})}"
                links.append({"rel": "next", "href": href, "method": "GET"})
        self._json({"type": "FeatureCollection", "features": page, "links": links, "numberMatched": len(items)})


def _when(item: dict[str, Any]) -> str:
    return str(item["properties"].get("datetime") or item["properties"].get("start_datetime") or "")


def _matches(item: dict[str, Any], asked: dict[str, Any], box: list[float] | None) -> bool:
    if asked.get("collections") and item.get("collection") not in asked["collections"]:
        return False
    if asked.get("datetime"):
        first, _, last = str(asked["datetime"]).partition("/")
        if not first.rstrip("Z") <= _when(item).rstrip("Z") <= last.rstrip("Z"):
            return False
    if box is not None:
        west, south, east, north = item["bbox"]
        if west > east:  # over the antimeridian (RFC 7946, 5.2)
            return bool((box[2] >= west or box[0] <= east) and south <= box[3] and north >= box[1])
        return bool(west <= box[2] and east >= box[0] and south <= box[3] and north >= box[1])
    return True
