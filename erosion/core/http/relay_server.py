"""Process that fetches parts of raster files for GDAL, through the gate and within limits.

GDAL follows redirects wherever they lead, resolves names by itself, and has no option against it (3.10). It is therefore
given addresses of this process alone, on loopback, and this process asks the servers. It is a process of its own since GDAL
may wait for bytes while it holds Python's interpreter lock, with which a thread of the same process could never answer.

Standard input: one line of JSON, the settings; its end is the end of the process. Standard output: one line, the port.
"""

from __future__ import annotations

import hmac
import json
import re
import sys
import threading
from collections import OrderedDict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, NamedTuple

from erosion.core.http.errors import WebError
from erosion.core.http.limits import Limits
from erosion.core.http.redaction import without_secrets
from erosion.core.http.retry import RetryPolicy
from erosion.core.http.session import Web

FIRST_BYTES: Final = 32_768
"""First part of a file, fetched once: it gives the size and the format, and holds the header of a COG."""

MOST_FILES: Final = 2_000
"""Files that are remembered, the ones asked for last; a night opens some thousand."""

MOST_PART: Final = 128_000_000
"""Size of one part of a file; a block of 500 MB, the most that is read, is less than this when it is compressed."""

_FORMATS: Final = re.compile(
    rb"II\*\0|MM\0\*|II\+\0|MM\0\+"  # TIFF, BigTIFF
    rb"|\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51\0",  # JPEG 2000, its code stream
)
_RANGE: Final = re.compile(r"bytes=(\d{1,15})-(\d{0,15})")
_CONTENT_RANGE: Final = re.compile(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15})")


class RefusalError(Exception):
    """A part of a file cannot be given: HTTP status, reason, and whether another try may mend it."""

    def __init__(self, status: int, reason: str, lasting: bool = False) -> None:
        super().__init__(reason)
        self.status, self.reason, self.lasting = status, reason, lasting


class Part(NamedTuple):
    """Bytes of a file from ``start`` on, and the size of the whole."""

    start: int
    content: bytes
    size: int


class Remote:
    """One file on a server."""

    def __init__(self, address: str, web: Web) -> None:
        self.address, self._web = address, web
        self._lock = threading.Lock()
        self._first: Part | None = None
        self.failure: RefusalError | None = None

    def part(self, start: int, stop: int | None) -> Part:
        """Bytes from ``start`` up to ``stop`` (None: to the end), fewer where the file ends before; RefusalError where not."""
        try:
            first = self.first()
            stop = first.size if stop is None else min(stop, first.size)
            if start >= first.size:
                raise RefusalError(416, "the file ends before the part that is asked for")
            if stop <= len(first.content):
                return Part(start, first.content[start:stop], first.size)
            part = self._fetch(start, stop)
            if part.size != first.size:
                raise RefusalError(502, "the file was changed while it was read")
        except RefusalError as refusal:
            self.failure = refusal
            raise
        return part

    def first(self) -> Part:
        """First bytes of the file, which must be those of a raster that holds its own pixels."""
        with self._lock:
            if self._first is None:
                part = self._fetch(0, FIRST_BYTES)
                if not _FORMATS.match(part.content):
                    raise RefusalError(415, "is not recognized as GeoTIFF or JPEG 2000", lasting=True)
                self._first = part
            return self._first

    def _fetch(self, start: int, stop: int) -> Part:
        if stop - start > MOST_PART:
            raise RefusalError(502, f"more than {MOST_PART / 1e6:g} MB are asked for at once", lasting=True)
        headers = {"Range": f"bytes={start}-{stop - 1}", "Accept-Encoding": "identity"}
        try:
            answer, response = self._web.once(self.address, headers)
        except WebError as err:
            raise RefusalError(502, str(err), lasting=True) from None
        if response is None:
            raise RefusalError(504, answer.words)
        content = response.content
        if response.status_code == 200 and start == 0 and len(content) <= stop:
            return Part(0, content, len(content))
        stated = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if response.status_code == 200:
            raise RefusalError(502, "the server gives whole files only, and no parts of them", lasting=True)
        if response.status_code != 206:
            raise RefusalError(response.status_code if response.status_code >= 400 else 502, answer.words)
        whole = stated is not None and int(stated[2]) - int(stated[1]) + 1 == len(content) <= stop - start
        if stated is None or not whole or int(stated[1]) != start:
            raise RefusalError(502, "the server gives another part of the file than the one that is asked for")
        return Part(start, content, int(stated[3]))


class Files:
    """Files that GDAL may ask for, by the name that was agreed on."""

    def __init__(self, web: Web) -> None:
        self._web = web
        self._lock = threading.Lock()
        self._files: OrderedDict[str, Remote] = OrderedDict()

    def add(self, name: str, address: str) -> None:
        """Take in a file; one of that name is forgotten with all that was read of it."""
        with self._lock:
            self._files[name] = Remote(address, self._web)
            self._files.move_to_end(name)
            while len(self._files) > MOST_FILES:
                self._files.popitem(last=False)

    def find(self, name: str) -> Remote | None:
        """File of a name, or None."""
        with self._lock:
            if name in self._files:
                self._files.move_to_end(name)
            return self._files.get(name)


class Handler(BaseHTTPRequestHandler):
    """Answers GDAL and the process that started this one; others on the machine do not know ``secret``."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    files: Files
    secret: str

    def do_PUT(self) -> None:
        """Take in a file: its address is the body."""
        name = self._name()
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        if name is None:
            self._send(404)
            return
        self.files.add(name, body)
        self._send(204)

    def do_HEAD(self) -> None:
        """Answer with the size of a file."""
        self._give(head=True)

    def do_GET(self) -> None:
        """Answer with a part of a file, or with what was wrong with it (``/why``)."""
        if self.path.endswith("/why"):
            self._why()
        else:
            self._give(head=False)

    def log_message(self, *_: object) -> None:
        """Write no log: what failed is asked for (``/why``)."""

    def _name(self) -> str | None:
        parts = self.path.split("/")
        return parts[2] if len(parts) == 4 and hmac.compare_digest(parts[1].encode(), self.secret.encode()) else None

    def _why(self) -> None:
        name = self._name()
        remote = self.files.find(name) if name is not None else None
        failure = remote.failure if remote is not None else None
        answer = None if failure is None else {"reason": failure.reason, "lasting": failure.lasting}
        self._send(200, json.dumps(answer).encode(), {"Content-Type": "application/json"})

    def _give(self, head: bool) -> None:
        name = self._name()
        remote = self.files.find(name) if name is not None else None
        if remote is None:
            self._send(404)
            return
        asked = _RANGE.fullmatch(self.headers.get("Range", "") if not head else "bytes=0-0")
        try:
            start = int(asked[1]) if asked else 0
            part = remote.part(start, int(asked[2]) + 1 if asked and asked[2] else None)
        except RefusalError as refusal:
            self._send(refusal.status)
            return
        extra = {"Accept-Ranges": "bytes", "Content-Type": "application/octet-stream"}
        if head:
            self._send(200, b"", {**extra, "Content-Length": str(part.size)})
        elif asked:
            last = part.start + len(part.content) - 1
            self._send(206, part.content, {**extra, "Content-Range": f"bytes {part.start}-{last}/{part.size}"})
        else:
            self._send(200, part.content, extra)

    def _send(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response_only(status)
        for key, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        try:
            self.wfile.write(body)
            self.wfile.flush()
        except OSError:  # GDAL has given up waiting
            self.close_connection = True


class Server(ThreadingHTTPServer):
    """Server on loopback, a thread for each connection."""

    daemon_threads = True
    request_queue_size = 128  # GDAL opens many connections at once; one that finds the queue full waits for seconds

    def handle_error(self, *_: object) -> None:
        """Write no traceback, which could hold a signed address; the other side has a broken connection and tries again."""


def main() -> None:
    """Serve until standard input ends."""
    settings: dict[str, Any] = json.loads(sys.stdin.readline())
    # Twice the time after which GDAL gives up: it is to meet its own limit first, which another try may mend.
    limits = Limits(most_bytes=MOST_PART, longest_s=2 * settings["retry"]["read_s"])
    web = Web(RetryPolicy(**settings["retry"]), settings["token"], settings["catalog"], limits)
    web.asks_again_for_json = False
    handler = type("OwnHandler", (Handler,), {"files": Files(web), "secret": settings["secret"]})
    server = Server(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    try:
        main()
    except Exception as err:
        sys.exit(without_secrets(err))
