"""Where a source may lead, and where its token may go."""

from __future__ import annotations

import ipaddress
import socket
from typing import Final
from urllib.parse import urlsplit

_SECOND_LEVEL: Final = frozenset({"ac", "co", "com", "edu", "go", "gob", "gouv", "gov", "mil", "net", "or", "org"})


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
