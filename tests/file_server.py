"""A server of files with ranges on loopback; as a proxy (``HTTP_PROXY``) it serves every name, and stands for the Internet."""

from __future__ import annotations

import contextlib
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlsplit


class FileServer:
    """Server of ``files`` and ``redirects`` by path; ``odd`` sets how a path misbehaves, ``asked`` lists the requests."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.redirects: dict[str, str] = {}
        self.odd: dict[str, str] = {}
        self.asked: list[tuple[str, str, dict[str, str]]] = []

    def __enter__(self) -> FileServer:
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1

            def do_GET(self) -> None:
                owner.reply(self)

            do_HEAD = do_GET  # noqa: N815 (the name that http.server looks for)

            def log_message(self, *_: object) -> None:
                """Write no log."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.thread = Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http.server_port}"

    def reply(self, handler: BaseHTTPRequestHandler) -> None:
        path = urlsplit(handler.path).path
        self.asked.append((handler.command, handler.path, dict(handler.headers)))
        odd, content = self.odd.get(path), self.files.get(path)
        if path in self.redirects:
            handler.send_response(302)
            handler.send_header("Location", self.redirects[path])
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        match = re.fullmatch(r"bytes=(\d+)-(\d+)", handler.headers.get("Range", ""))
        if content is None or match is None or odd == "refuses":
            handler.send_response(403 if odd else 404)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        start, stop, size = int(match[1]), min(int(match[2]) + 1, len(content)), len(content)
        if odd == "changes" and start:
            size += 1
        body = content[start:stop]
        if odd == "elsewhere" and start:
            start, body = start + 1, content[start + 1 : stop + 1]
        if odd == "more":
            body = content[start : stop + 1000]
        handler.send_response(200 if odd == "whole" else 206)
        if odd == "whole":
            body = content
        else:
            handler.send_header("Content-Range", f"bytes {start}-{start + len(body) - 1}/{size}")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        with contextlib.suppress(ConnectionError):
            handler.wfile.write(body)
            handler.wfile.flush()
