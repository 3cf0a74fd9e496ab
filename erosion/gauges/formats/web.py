"""Asking a gauge service: politely, with bounds, and wary of what comes back."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, urlsplit

import requests  # type: ignore[import-untyped,unused-ignore]

from erosion.config.gauges import WebGauge
from erosion.core.errors import SourceError
from erosion.core.http.errors import WebError
from erosion.core.http.limits import parse_json
from erosion.core.http.redaction import keep_secrets_from_logs, without_secrets
from erosion.core.http.retry import RetryPolicy
from erosion.core.http.search_limits import Meter, SearchEndedError, SearchLimits
from erosion.core.http.session import Web

RETRY: Final = RetryPolicy(tries=3, first_wait_s=2.0, longest_wait_s=60.0, connect_s=15.0, read_s=60.0)

_AGENT: Final = "erosion (riverbank-erosion early warning)"
_TITLE: Final = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_PAGE: Final = re.compile(r"<(!doctype\s+html|html)\b", re.IGNORECASE)

_last_asked: dict[str, float] = {}
_turn = threading.Lock()


class _KeyForOneHost(Web):
    """A session that sends a key only to the host it was meant for, also where that host redirects elsewhere."""

    asks_again_for_json = False  # services declare JSON and answer with text, which holds more
    secrets: tuple[str, ...] = ()

    def without_key(self, headers: Mapping[str, Any]) -> dict[str, Any]:
        """Headers or query without what holds a key."""
        return {name: value for name, value in headers.items() if not any(key in str(value) for key in self.secrets)}

    def rebuild_auth(self, prepared_request: Any, response: Any) -> None:
        """Take the key off a redirected request; ``requests`` does so for its own header only."""
        if self.should_strip_auth(response.request.url, prepared_request.url):
            kept = self.without_key(prepared_request.headers)
            prepared_request.headers.clear()
            prepared_request.headers.update(kept)


class Service:
    """The service of one source: its address, its key, and a pause between two requests to the same host."""

    def __init__(self, source: WebGauge, address: str, limits: SearchLimits | None = None) -> None:
        keep_secrets_from_logs()
        self._source = source
        self._address = address.rstrip("/")
        limits = limits or SearchLimits()
        self._web = _KeyForOneHost(RETRY, catalog=address, limits=limits.answer)
        self._meter = Meter(limits, self._web, "Has the service changed? A later first_day needs less")
        self._web.headers["User-Agent"] = _AGENT
        key = os.environ.get(source.key_env or "", "").strip()
        self._web.secrets = tuple(dict.fromkeys((key, quote(key, safe="")))) if key else ()

    @property
    def key(self) -> str | None:
        """Key of the service, from the environment variable that the entry names; None where it names none."""
        variable = self._source.key_env
        if variable is None:
            return None
        if not self._web.secrets:
            raise SourceError(
                f"{self._source.name}: needs a key; put it into the environment variable {variable} and start again"
            )
        key = self._web.secrets[0]
        if not key.isascii() or not key.isprintable() or " " in key:
            raise SourceError(
                f"{self._source.name}: the environment variable {variable} holds more than a key (a space, a line break or a "
                "letter with a mark); put the key alone into it"
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
        """Text of an answer of the service.

        Parameters
        ----------
        path
            Path below the service's address, with its leading slash, or an address of its own (the next page).
        params
            Query.
        form
            Fields that are posted; without, the request is a GET.
        headers
            Further headers. A key belongs here or into ``params``; it is kept out of every message, and it is not sent
            to another host than the service's.
        may_be_web_page
            True where HTML is what is wanted.

        Raises
        ------
        SourceError
            Where there is no answer, an error, nothing in the answer, a web page instead of data, or where one answer or all
            together are beyond the :class:`~erosion.core.http.search_limits.SearchLimits`.
        """
        url = path if "://" in path else self._address + path
        how = {"params": dict(params or {}), "headers": dict(headers or {})}
        try:
            if self._web.should_strip_auth(self._address, url):
                how = {name: self._web.without_key(fields) for name, fields in how.items()}
        except ValueError:  # the address of a next page is the service's word
            raise self._error(f"{url}: is no address") from None
        try:
            status, text = self._ask(url, form, how)
        except (WebError, SearchEndedError) as error:
            raise self._error(str(error)) from None
        except requests.RequestException as error:
            raise self._error(f"{url}: {error}") from None
        if status >= 400:
            raise self._error(f"{url}: {self._refusal(status, text)}")
        if not text.strip():
            raise self._error(f"{url}: answered with nothing at all; is the station right?")
        if not may_be_web_page and text.lstrip()[:1] == "<" and _PAGE.search(text[:2000]):
            raise self._error(
                f"{url}: answered with a web page{_title(text)} instead of data; open it in a browser: it may say that the "
                "service has moved or is being mended"
            )
        return text

    def json(self, path: str, params: Mapping[str, Any] | None = None, **how: Any) -> Any:
        """JSON document of an answer of the service; see :meth:`text`."""
        text = self.text(path, params, **how)
        try:
            return parse_json(text, self._web.limits)
        except ValueError as error:
            start = " ".join(text[:60].split())
            raise self._error(f"{path}: the answer is no JSON ({error}); it begins {start!r}") from None

    def _ask(self, url: str, form: Mapping[str, Any] | None, how: Mapping[str, Any]) -> tuple[int, str]:
        """Status and text of an answer that came in whole."""
        self._meter.page()
        self._wait_for_turn(url)
        response = self._web.get(url, **how) if form is None else self._web.post(url, data=dict(form), **how)
        return response.status_code, _decoded(response.content, response.encoding)

    def _error(self, words: str) -> SourceError:
        return SourceError(f"{self._source.name}: {without_secrets(words, self._web.secrets)}")

    def _refusal(self, status: int, text: str) -> str:
        if status in (401, 403):
            variable = self._source.key_env
            mend = f"is the key in {variable} right?" if variable else "it may want a key: name its variable as key_env"
            return f"HTTP {status}, not allowed; {mend}"
        try:
            answer = parse_json(text, self._web.limits)
            stated = answer.get("reason") or answer.get("error") or answer.get("message") or answer.get("description")
        except (ValueError, AttributeError):
            stated = None
        return f"HTTP {status}" + (f": {stated!s:.200}" if stated else _title(text))

    def _wait_for_turn(self, url: str) -> None:
        host = urlsplit(url).netloc
        with _turn:
            now = time.monotonic()
            at = max(now, _last_asked.get(host, float("-inf")) + self._source.pause_s)
            _last_asked[host] = at
        time.sleep(max(at - now, 0.0))


def _decoded(body: bytes, declared: str | None) -> str:
    """Text of an answer; servers name a charset out of habit, and what reads as UTF-8 is UTF-8."""
    for encoding in ("utf-8-sig", declared):
        try:
            return body.decode(encoding or "utf-8")
        except (UnicodeError, LookupError):
            continue
    return body.decode("utf-8", "replace")


def _title(text: str) -> str:
    found = _TITLE.search(text[:20_000])
    return f" ({' '.join(found.group(1).split())[:80]!r})" if found else ""
