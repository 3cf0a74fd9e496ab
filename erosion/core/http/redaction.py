"""Messages and logs without secrets."""

from __future__ import annotations

import logging
import re
from typing import Final

_BEARER: Final = re.compile(r"(Bearer )[^\s'\",}]+")
_USER: Final = re.compile(r"(?<=://)[^/\s'\"<>@]+@")
_QUERY: Final = re.compile(r"(?<=\S)\?[^\s'\"<>)]+")
_LIBRARIES: Final = ("odc", "rasterio", "urllib3", "pystac_client", "botocore")


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
