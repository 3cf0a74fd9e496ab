"""Tokens of a catalogue: signatures of the Planetary Computer, and bearer tokens from the environment."""

from __future__ import annotations

import os
import threading
from typing import ClassVar, Final, NamedTuple
from urllib.parse import urlsplit

import pandas as pd

from erosion.core.errors import SourceError
from erosion.core.http.addresses import plain_host
from erosion.core.http.errors import WebError
from erosion.core.http.retry import RetryPolicy
from erosion.core.http.session import Web

SAS_TOKENS: Final = "https://planetarycomputer.microsoft.com/api/sas/v1/token"
"""Address at which the Planetary Computer issues tokens, ``{address}/{collection}``; they are free and last about an hour.
Source: planetarycomputer.microsoft.com/docs/concepts/sas."""

SAS_TOKENS_ENV: Final = "EROSION_SAS_TOKENS"
"""Environment variable with another address for tokens: a mirror, or a server on this machine."""

SUBSCRIPTION_ENV: Final = "PC_SDK_SUBSCRIPTION_KEY"
"""Environment variable with a subscription key of the Planetary Computer; without one its limits are tighter."""

RENEW_BEFORE: Final = pd.Timedelta(minutes=5)
"""A token is renewed this long before it ends; a read that has begun must not outlive it."""

_BLOB: Final = ".blob.core.raster.windows.net"


class _Token(NamedTuple):
    text: str
    ends: pd.Timestamp


class Signer:
    """Adds the Planetary Computer's token of a collection to addresses of its files.

    Only addresses on Azure Blob storage are signed, and those on the host that issues the tokens, which is how
    a server on this machine can stand in.
    """

    # Shared between signers: a token serves for an hour, and asking for one per pass would soon be refused.
    _tokens: ClassVar[dict[str, _Token]] = {}
    _lock: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, collection: str, retry: RetryPolicy) -> None:
        self._home = (os.environ.get(SAS_TOKENS_ENV) or SAS_TOKENS).rstrip("/")
        self._where = f"{self._home}/{collection}"
        self._web = Web(retry, catalog=self._home)

    def sign(self, url: str) -> str:
        """Return the signed address; one that is signed already, or is no file of the provider, is returned as it is."""
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
