"""HTTP that bears a bad network: bounded tries, growing waits, and no secret in any message.

Two libraries speak HTTP here: ``requests`` for catalogues and tokens, and GDAL for pixels. Both are asked to fail at
once and to leave waiting and trying again to this file, so that there is one rule for it.
"""

from __future__ import annotations

import email.utils
import ipaddress
import logging
import os
import random
import re
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final, NamedTuple
from urllib.parse import urlsplit

import pandas as pd
import requests  # type: ignore[import-untyped,unused-ignore]

from erosion.core.errors import SourceError

SAS_TOKENS: Final = "https://planetarycomputer.microsoft.com/api/sas/v1/token"
"""Where the Planetary Computer hands out tokens, ``{address}/{collection}``; they are free and last about an hour.
Source: planetarycomputer.microsoft.com/docs/concepts/sas."""

SAS_TOKENS_ENV: Final = "EROSION_SAS_TOKENS"
"""Environment variable with another address for tokens: a mirror, or a server on this machine."""

SUBSCRIPTION_ENV: Final = "PC_SDK_SUBSCRIPTION_KEY"
"""Environment variable with a subscription key of the Planetary Computer; without one its limits are tighter."""

RENEW_BEFORE: Final = pd.Timedelta(minutes=5)
"""A token is renewed this long before it ends; a read that has begun must not outlive it."""

_TRY_AGAIN: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_BEARER: Final = re.compile(r"(Bearer )[^\s'\",}]+")
_USER: Final = re.compile(r"(?<=://)[^/\s'\"<>@]+@")
_QUERY: Final = re.compile(r"(?<=\S)\?[^\s'\"<>)]+")
_SECOND_LEVEL: Final = frozenset({"ac", "co", "com", "edu", "go", "gob", "gouv", "gov", "mil", "net", "or", "org"})
_BLOB: Final = ".blob.core.windows.net"
_LIBRARIES: Final = ("odc", "rasterio", "urllib3", "pystac_client", "botocore")


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long a bad network is borne.

    Attributes
    ----------
    tries
        Times that one request is made, the first included.
    first_wait_s, longest_wait_s
        Wait after the first failure [s], doubled after each further one, and where that ends. A server that asks for a
        longer wait than the longest (``Retry-After``) is not asked again; the next night does.
    connect_s, read_s
        Limits for making a connection and for one request [s].
    """

    tries: int = 4
    first_wait_s: float = 2.0
    longest_wait_s: float = 120.0
    connect_s: float = 15.0
    read_s: float = 60.0

    def wait_s(self, failures: int, retry_after_s: float | None = None) -> float:
        """Seconds to wait after a number of failures; many clients must not come back in step, hence the chance."""
        grown = min(self.first_wait_s * 2.0 ** (failures - 1), self.longest_wait_s)
        spread = grown * random.uniform(0.75, 1.0)  # noqa: S311
        return max(spread, retry_after_s or 0.0)


class WebError(OSError):
    """A request failed for good; the message holds no query and no token.

    Attributes
    ----------
    status
        HTTP status, or None where there was no answer.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class Answer(NamedTuple):
    """What a server says about an address: HTTP status (None: no answer), wait it asks for [s], and words."""

    status: int | None
    retry_after_s: float | None
    words: str


def without_secrets(text: object, secrets: tuple[str, ...] = ()) -> str:
    """Text in which addresses have lost user, password and query (signatures stand there), and tokens are gone."""
    plain = _BEARER.sub(r"\1***", _QUERY.sub("", _USER.sub("", str(text))))
    for secret in secrets:
        if secret:
            plain = plain.replace(secret, "***")
    return plain


class _NoSecrets(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = without_secrets(record.getMessage()), ()
        return True


_NO_SECRETS: Final = _NoSecrets()


def keep_secrets_from_logs() -> None:
    """Take signatures and tokens out of what the libraries log. A filter holds for one logger, not for those below."""
    for name in [*_LIBRARIES, *list(logging.root.manager.loggerDict)]:
        if name.split(".")[0] in _LIBRARIES:
            logging.getLogger(name).addFilter(_NO_SECRETS)  # adding it twice leaves it there once


def retry_after_s(header: str | None) -> float | None:
    """Seconds of a ``Retry-After`` header, which holds seconds or a date (RFC 9110, 10.2.3); None without one."""
    if header is None:
        return None
    try:
        return max(float(header), 0.0)
    except ValueError:
        pass
    try:
        then = email.utils.parsedate_to_datetime(header)
    except ValueError:
        return None
    return max(then.timestamp() - time.time(), 0.0)


def plain_host(url: str) -> str:
    """Host of an address, in small letters."""
    return (urlsplit(url).hostname or "").lower()


def off_limits(address: str, catalog: str) -> str | None:
    """Say why a catalogue must not send us to an address, or None.

    A catalogue on the web has no business with files of this machine and with what only this machine's network reaches.
    One on this machine or in that network is the operator's own. Names are not resolved, so it is no fence.
    """
    if "://" not in catalog:
        return None
    if not address.startswith(("https://", "http://", "s3://", "gs://")):
        return "is no address on the web (https, http, s3 or gs)"
    if _is_near(address) and not _is_near(catalog):
        return "lies in a private network, and the catalogue does not"
    return None


def _is_near(url: str) -> bool:
    """Say whether an address is one of this machine or of a private network, as far as it can be told without asking."""
    if not url.startswith(("https://", "http://")):
        return False
    host = plain_host(url).rstrip(".")
    if host.endswith(".localhost") or not (host.isdigit() or {".", ":"} & set(host)):
        return True
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        pass
    try:  # 127.1 and 2130706433 mean 127.0.0.1 to most programs
        return not ipaddress.ip_address(socket.inet_aton(host)).is_global
    except (OSError, ValueError):
        return False


def may_have_token(url: str, catalog: str) -> bool:
    """Say whether a bearer token of a catalogue may be sent to an address.

    It may go to the catalogue's own host and to hosts beside it (``stac.agency.org`` -> ``data.agency.org``), and over
    a connection that is encrypted or does not leave this machine.
    """
    host, home = plain_host(url), plain_host(catalog)
    local = host in ("127.0.0.1", "localhost", "::1")
    if not url.startswith("https://") and not (local and url.startswith("http://")):
        return False
    parent = home.split(".", 1)[-1]
    # What ends in com.vn or gov.vn belongs to many.
    shared = parent.count(".") == 1 and parent.split(".")[0] in _SECOND_LEVEL
    beside = "." in parent and not shared and not home.replace(".", "").isdigit() and host.endswith(f".{parent}")
    return host == home or beside


class Web(requests.Session):  # type: ignore[misc,unused-ignore]
    """HTTP that waits and tries again, within the bounds of a :class:`Patience`."""

    def __init__(self, patience: Patience, token: str | None = None, catalog: str = "") -> None:
        super().__init__()
        self.patience = patience
        self._token = token
        self._catalog = catalog
        self.auth = self._authorize  # set on every request, so nothing else (netrc) is sent instead

    def token_for(self, url: str) -> str | None:
        """Bearer token to send to an address; None where it must not go there, or there is none."""
        return self._token if self._token and may_have_token(url, self._catalog) else None

    def _authorize(self, request: Any) -> Any:
        token = self.token_for(request.url)
        if token is not None:
            request.headers["Authorization"] = f"Bearer {token}"
        return request

    def send(self, request: Any, **how: Any) -> Any:
        """Send a request; transient failures are tried again, what still fails is a :class:`WebError`."""
        how["timeout"] = (self.patience.connect_s, self.patience.read_s)
        for failures in range(1, self.patience.tries + 1):
            answer, response = self._once(request, how)
            if response is not None and answer.status not in _TRY_AGAIN:
                return response
            wait = self.patience.wait_s(failures, answer.retry_after_s)
            if failures == self.patience.tries:
                break
            if wait > self.patience.longest_wait_s:
                raise WebError(f"{answer.words}; asks to wait {wait:.0f} s, longer than is waited", answer.status)
            time.sleep(wait)
        raise WebError(f"{answer.words} (tried {self.patience.tries} times)", answer.status)

    def _once(self, request: Any, how: Mapping[str, Any]) -> tuple[Answer, Any]:
        where = without_secrets(request.url, (self._token or "",))
        problem = off_limits(request.url, self._catalog)
        if problem and not request.url.startswith(os.environ.get(SAS_TOKENS_ENV) or SAS_TOKENS):
            raise WebError(f"{where}: {problem}")
        try:
            response = super().send(request, **how)
        except requests.Timeout:
            return Answer(None, None, f"{where}: no answer within {self.patience.read_s:g} s"), None
        except requests.RequestException as err:
            return Answer(None, None, f"{where}: {_why_broken(err)}"), None
        if response.ok and not how.get("stream") and "json" in response.headers.get("Content-Type", ""):
            try:
                response.json()
            except ValueError:
                return Answer(None, None, f"{where}: the answer is no JSON"), None
        wait = retry_after_s(response.headers.get("Retry-After"))
        return Answer(response.status_code, wait, f"{where}: HTTP {response.status_code}"), response

    def look(self, url: str) -> Answer:
        """Ask once for the first byte of a file and say what the server answers."""
        request = self.prepare_request(requests.Request("GET", url, headers={"Range": "bytes=0-0"}))
        how = {
            "timeout": (self.patience.connect_s, self.patience.read_s),
            "stream": True,
            "allow_redirects": True,
            **self.merge_environment_settings(url, {}, True, None, None),
        }
        try:
            answer, response = self._once(request, how)
        except WebError as err:
            return Answer(err.status, None, str(err))
        if response is not None:
            response.close()
        return answer

    def get_json(self, url: str, headers: Mapping[str, str] | None = None) -> Any:
        """Get a JSON document; WebError where it cannot be had."""
        response = self.get(url, headers=dict(headers or {}))
        if response.status_code >= 400:
            raise WebError(f"{without_secrets(url)}: HTTP {response.status_code}", response.status_code)
        try:
            return response.json()
        except ValueError as err:
            raise WebError(f"{without_secrets(url)}: the answer is no JSON ({err})") from None


def _why_broken(err: Exception) -> str:
    text = str(err)
    if "IncompleteRead" in text:
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


# --- signed addresses -----------------------------------------------------------------------------------------------


class _Token(NamedTuple):
    text: str
    ends: pd.Timestamp


class Signer:
    """Adds the Planetary Computer's token of a collection to addresses of its files.

    Only addresses on Azure Blob storage are signed, and those on the very host that hands out the tokens, which is how
    a server on this machine can stand in.
    """

    # Shared between signers: a token serves for an hour, and asking for one per pass would soon be refused.
    _tokens: ClassVar[dict[str, _Token]] = {}
    _lock: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, collection: str, web: Web) -> None:
        self._web = web
        self._home = (os.environ.get(SAS_TOKENS_ENV) or SAS_TOKENS).rstrip("/")
        self._where = f"{self._home}/{collection}"

    def sign(self, url: str) -> str:
        """Sign an address; one that is signed already, or is no file of the provider, comes back as it is."""
        if not url.startswith("http") or not self._theirs(url) or "sig=" in urlsplit(url).query:
            return url
        return f"{url}{'&' if urlsplit(url).query else '?'}{self._current()}"

    def forget(self) -> None:
        """Drop the token: the server did not take it."""
        with self._lock:
            self._tokens.pop(self._where, None)

    def _theirs(self, url: str) -> bool:
        return plain_host(url).endswith(_BLOB) or urlsplit(url).netloc == urlsplit(self._home).netloc

    def _current(self) -> str:
        with self._lock:
            token = self._tokens.get(self._where)
            if token is None or token.ends - RENEW_BEFORE <= pd.Timestamp.now(tz="UTC"):
                token = self._tokens[self._where] = self._fetch()
            return token.text

    def _fetch(self) -> _Token:
        key = os.environ.get(SUBSCRIPTION_ENV)
        answer = self._web.get_json(self._where, {"Ocp-Apim-Subscription-Key": key} if key else {})
        try:
            return _Token(str(answer["token"]), pd.Timestamp(answer["msft:expiry"]).tz_convert("UTC"))
        except (KeyError, TypeError, ValueError):
            raise WebError(f"{self._where}: the answer has no 'token' and 'msft:expiry'") from None


def bearer_token(variable: str | None, source: str) -> str | None:
    """Token named by a catalogue entry; it stands in the environment only, so no file and no message can hold it."""
    if variable is None:
        return None
    token = os.environ.get(variable, "").strip()
    if not token:
        raise SourceError(f"{source}: needs a token; put it into the environment variable {variable} and start again")
    return token
