"""HTTP requests with bounded tries and growing waits.

Catalogues, tokens and parts of raster files are requested with ``requests``. Waiting and trying again is decided here, so that
there is one rule for it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import requests  # type: ignore[import-untyped,unused-ignore]

from erosion.core.http.addresses import AddressError, may_have_token
from erosion.core.http.errors import WebError
from erosion.core.http.gate import Gate
from erosion.core.http.limits import BrokenOffError, Limits, NestingError, parse_json
from erosion.core.http.redaction import without_secrets
from erosion.core.http.retry import RetryPolicy, retry_after_s
from erosion.core.http.transport import GatedAdapter

MOST_REDIRECTS: Final = 5
"""Redirects of one request that are followed; stores of satellite files use one or two."""

_TRY_AGAIN: Final = frozenset({408, 425, 429, 500, 502, 503, 504})


class Answer(NamedTuple):
    """Answer of a server: HTTP status (None: no answer), wait it asks for [s], words; ``lasting``: asking again is vain."""

    status: int | None
    retry_after_s: float | None
    words: str
    lasting: bool = False


class Web(requests.Session):  # type: ignore[misc,unused-ignore]
    """HTTP that waits and tries again, within the bounds of a :class:`~erosion.core.http.retry.RetryPolicy`.

    Every request and every redirect passes the :class:`~erosion.core.http.gate.Gate` of ``catalog``, the address that the
    operator wrote, and every answer is bounded by ``limits``.

    Attributes
    ----------
    asks_again_for_json
        True: an answer that is declared as JSON and is none is a transient failure (a page of a busy proxy).
    """

    asks_again_for_json = True

    def __init__(
        self, retry: RetryPolicy, token: str | None = None, catalog: str = "", limits: Limits | None = None
    ) -> None:
        super().__init__()
        self.retry = retry
        self.limits = limits or Limits()
        self.token = token
        self._catalog = catalog
        self.auth = self._authorize  # set on every request, so nothing else (netrc) is sent instead
        self.max_redirects = MOST_REDIRECTS
        self.gate = Gate(catalog)
        self._adapter = GatedAdapter(self.gate, self.limits)
        self.adapters.clear()
        for scheme in ("http://", "https://"):
            self.mount(scheme, self._adapter)

    @property
    def bytes_read(self) -> int:
        """Size of all answers so far, after decompression."""
        return self._adapter.bytes_read

    def token_for(self, url: str) -> str | None:
        """Bearer token to send to an address; None where it must not go there, or there is none."""
        return self.token if self.token and may_have_token(url, self._catalog) else None

    def _authorize(self, request: Any) -> Any:
        token = self.token_for(request.url)
        if token is not None:
            request.headers["Authorization"] = f"Bearer {token}"
        return request

    def prepare_request(self, request: Any) -> Any:
        """Prepared request; the address is judged as it was given, before it is rewritten."""
        self.check(str(request.url))
        return super().prepare_request(request)

    def check(self, url: str) -> None:
        """Raise WebError where an address must not be opened, by its notation."""
        try:
            self.gate.check(url)
        except AddressError as err:
            raise WebError(f"{self._plain(url)}: {err}") from None

    def _plain(self, url: str) -> str:
        return without_secrets(url, (self.token or "",))

    def send(self, request: Any, **how: Any) -> Any:
        """Response to a request; transient failures are tried again, what still fails is a :class:`WebError`."""
        how["timeout"] = (self.retry.connect_s, self.retry.read_s)
        for failures in range(1, self.retry.tries + 1):
            answer, response = self._once(request, how)
            if response is not None and answer.status not in _TRY_AGAIN:
                return response
            wait = self.retry.wait_s(failures, answer.retry_after_s)
            if failures == self.retry.tries:
                break
            if wait > self.retry.longest_wait_s:
                raise WebError(f"{answer.words}; asks to wait {wait:.0f} s, longer than is waited", answer.status)
            time.sleep(wait)
        raise WebError(f"{answer.words} (tried {self.retry.tries} times)", answer.status)

    def _once(self, request: Any, how: Mapping[str, Any]) -> tuple[Answer, Any]:
        where = self._plain(request.url)
        try:
            response = super().send(request, **how)
        except AddressError as err:
            raise WebError(f"{where}: {err}") from None
        except requests.TooManyRedirects:
            raise WebError(f"{where}: leads through more than {self.max_redirects} redirects") from None
        except (requests.exceptions.InvalidSchema, requests.exceptions.InvalidURL):
            raise WebError(f"{where}: leads to what is no address on the web") from None
        except requests.Timeout:
            return Answer(None, None, f"{where}: no answer within {self.retry.read_s:g} s"), None
        except requests.RequestException as err:
            return Answer(None, None, f"{where}: {_why_broken(err)}"), None
        except ValueError:  # a redirect to what cannot even be parsed
            raise WebError(f"{where}: leads to what is no address on the web") from None
        if (
            self.asks_again_for_json
            and response.ok
            and not response.is_redirect
            and not how.get("stream")
            and "json" in response.headers.get("Content-Type", "")
        ):
            try:
                parse_json(response.content, self.limits)
            except NestingError as err:
                raise WebError(f"{where}: the answer is {err} and is not taken; report it to the provider") from None
            except ValueError:
                return Answer(None, None, f"{where}: the answer is no JSON"), None
        wait = retry_after_s(response.headers.get("Retry-After"))
        return Answer(response.status_code, wait, f"{where}: HTTP {response.status_code}"), response

    def once(self, url: str, headers: Mapping[str, str], *, stream: bool = False) -> tuple[Answer, Any]:
        """Answer to a request that is made once, and its response (None: no answer).

        Raises
        ------
        WebError
            Where the address must not be opened, or the answer is beyond the limits.
        """
        request = self.prepare_request(requests.Request("GET", url, headers=dict(headers)))
        how = {
            "timeout": (self.retry.connect_s, self.retry.read_s),
            "allow_redirects": True,
            **self.merge_environment_settings(url, {}, stream, None, None),
        }
        return self._once(request, how)

    def probe(self, url: str) -> Answer:
        """Answer of the server when it is asked once for the first byte of a file."""
        try:
            answer, response = self.once(url, {"Range": "bytes=0-0"}, stream=True)
        except WebError as err:
            return Answer(err.status, None, str(err), lasting=True)
        if response is not None:
            response.close()
        return answer

    def get_json(self, url: str, headers: Mapping[str, str] | None = None) -> Any:
        """JSON document at an address; WebError where it cannot be had."""
        response = self.get(url, headers=dict(headers or {}))
        if response.status_code >= 400:
            raise WebError(f"{without_secrets(url)}: HTTP {response.status_code}", response.status_code)
        try:
            return parse_json(response.content, self.limits)
        except ValueError as err:
            raise WebError(f"{without_secrets(url)}: the answer is no JSON ({err})") from None


def _why_broken(err: Exception) -> str:
    text = str(err)
    if isinstance(err, BrokenOffError) or "IncompleteRead" in text:
        return "the answer broke off"
    if "refused" in text:
        return "connection refused"
    if "Name or service" in text or "getaddrinfo" in text or "resolve" in text:
        return "host not found; is there a network?"
    if "certificate" in text.lower():
        return "its certificate is not accepted"
    if "proxy" in text.lower():
        return "the proxy does not let it through"
    return "connection broken"
