"""Asking a gauge service: politely, with bounds, and wary of what comes back."""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from erosion.catalog import SourceError
from erosion.gauge_catalog import WebGauge
from erosion.sources.web import Patience, Web, WebError, without_secrets

PATIENCE: Final = Patience(tries=3, first_wait_s=2.0, longest_wait_s=60.0, connect_s=15.0, read_s=60.0)

MOST_BYTES: Final = 64_000_000
"""A larger answer is refused: ten years of a gauge are a few megabytes."""

_AGENT: Final = "erosion (riverbank-erosion early warning)"
_TITLE: Final = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)

_last_asked: dict[str, float] = {}
_turn = threading.Lock()


class Service:
    """The service of one source: its address, its key, and a pause between two requests to the same host."""

    def __init__(self, source: WebGauge, address: str) -> None:
        self._source = source
        self._address = address.rstrip("/")
        self._web = Web(PATIENCE, catalog=address)
        self._web.headers["User-Agent"] = _AGENT

    @property
    def key(self) -> str | None:
        """Key of the service, from the environment variable that the entry names; None where it names none."""
        variable = self._source.key_env
        if variable is None:
            return None
        key = os.environ.get(variable, "").strip()
        if not key:
            raise SourceError(
                f"{self._source.name}: needs a key; put it into the environment variable {variable} and start again"
            )
        return key

    def text(
        self,
        path: str,
        params: Mapping[str, Any] | None = None,
        *,
        form: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        may_be_web_page: bool = False,
    ) -> str:
        """Ask for a text.

        Parameters
        ----------
        path
            Path below the service's address, with its leading slash, or an address of its own (the next page).
        params
            Query.
        form
            Fields that are posted; without, the request is a GET.
        headers
            Further headers. A key belongs here or into ``params``; it is kept out of every message.
        may_be_web_page
            True where HTML is what is wanted.

        Raises
        ------
        SourceError
            Where there is no answer, an error, a web page instead of data, or more than :data:`MOST_BYTES`.
        """
        url = path if "://" in path else self._address + path
        self._wait_for_turn(url)
        how: dict[str, Any] = {"params": dict(params or {}), "headers": dict(headers or {}), "stream": True}
        try:
            response = self._web.get(url, **how) if form is None else self._web.post(url, data=dict(form), **how)
            with response:
                body = b"".join(self._within_bounds(response, url))
        except (WebError, OSError) as error:
            raise SourceError(f"{self._source.name}: {without_secrets(error, (self.key or '',))}") from None
        text = body.decode(response.encoding if response.encoding not in (None, "ISO-8859-1") else "utf-8", "replace")
        if response.status_code >= 400:
            raise SourceError(
                f"{self._source.name}: {without_secrets(url)}: {self._refusal(response.status_code, text)}"
            )
        if not may_be_web_page and text.lstrip().lower().startswith(("<!doctype html", "<html")):
            raise SourceError(
                f"{self._source.name}: {without_secrets(url)} answered with a web page{_title(text)} instead of data; open "
                "it in a browser: it may say that the service has moved or is being mended"
            )
        return text

    def json(self, path: str, params: Mapping[str, Any] | None = None, **how: Any) -> Any:
        """Ask for a JSON document; see :meth:`text`."""
        text = self.text(path, params, **how)
        try:
            return json.loads(text)
        except ValueError as error:
            start = " ".join(text[:60].split())
            raise SourceError(
                f"{self._source.name}: {without_secrets(path)}: the answer is no JSON ({error}); it begins {start!r}"
            ) from None

    def _within_bounds(self, response: Any, url: str) -> Any:
        size = 0
        for chunk in response.iter_content(1 << 16):
            size += len(chunk)
            if size > MOST_BYTES:
                raise WebError(f"{without_secrets(url)}: more than {MOST_BYTES // 1_000_000} MB; ask for fewer days")
            yield chunk

    def _refusal(self, status: int, text: str) -> str:
        if status in (401, 403):
            variable = self._source.key_env
            mend = f"is the key in {variable} right?" if variable else "it may want a key: name its variable as key_env"
            return f"HTTP {status}, not allowed; {mend}"
        try:
            answer = json.loads(text)
            said = answer.get("reason") or answer.get("error") or answer.get("message") or answer.get("description")
        except (ValueError, AttributeError):
            said = None
        return f"HTTP {status}" + (f": {without_secrets(said, (self.key or '',))!s:.200}" if said else _title(text))

    def _wait_for_turn(self, url: str) -> None:
        host = urlsplit(url).netloc
        with _turn:
            now = time.monotonic()
            at = max(now, _last_asked.get(host, float("-inf")) + self._source.pause_s)
            _last_asked[host] = at
        time.sleep(max(at - now, 0.0))


def _title(text: str) -> str:
    found = _TITLE.search(text[:20_000])
    return f" ({' '.join(found.group(1).split())[:80]!r})" if found else ""
