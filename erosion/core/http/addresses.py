"""Addresses: how one is read, which of them a source may lead to, and where its token may go.

The parsers of Python, ``urllib3`` and ``curl`` disagree about odd addresses (a backslash before ``@``, digits of other
scripts, ``127.1``), so an address that one of them could understand in another way is refused before any of them sees it.
"""

from __future__ import annotations

import ipaddress
import os
import re
from typing import Final, NamedTuple

PRIVATE_HOSTS_ENV: Final = "EROSION_PRIVATE_HOSTS"
"""Environment variable with names of the operator's own servers whose addresses are private although the name is not."""

Ip = ipaddress.IPv4Address | ipaddress.IPv6Address

_SECOND_LEVEL: Final = frozenset({"ac", "co", "com", "edu", "go", "gob", "gouv", "gov", "mil", "net", "or", "org"})

# Names that the public DNS does not hold: RFC 6761 and 6762, RFC 8375, ICANN's .internal, and customary ones.
_LOCAL_ENDINGS: Final = (".localhost", ".local", ".internal", ".home.arpa", ".lan", ".intranet", ".private", ".corp")

# NAT64 (RFC 6052, 8215) holds an IPv4 address.
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
_GLOBAL_UNICAST: Final = ipaddress.ip_network("2000::/3")  # RFC 4291, 2.4: nothing else is routed on the Internet

_WEB: Final = re.compile(r"(https?)://([^/?#]*)([/?#].*)?", re.IGNORECASE | re.DOTALL)
_BUCKET: Final = re.compile(r"(?:s3|gs)://[a-z0-9][a-z0-9._-]{1,221}(?:/.*)?", re.DOTALL)
_AUTHORITY: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?")
_LABEL: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
_ODD: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\\]")


class AddressError(ValueError):
    """An address is not opened; the message holds the reason, without the address."""


class WebAddress(NamedTuple):
    """Parts of a web address that decide where a connection goes: scheme, host (small letters), port."""

    scheme: str
    host: str
    port: int


def parse(url: str) -> WebAddress:
    """Return scheme, host and port of a web address.

    Raises
    ------
    AddressError
        Where it is no http or https address, or is written so that two programs could understand it differently.
    """
    if _ODD.search(url):
        raise AddressError("holds a backslash or a control character; write a plain address")
    web = _WEB.fullmatch(url)
    if web is None:
        raise AddressError("is no address on the web (https or http)")
    if "@" in web[2]:
        raise AddressError("holds a user or password; take them out, a token belongs into the environment")
    authority = _AUTHORITY.fullmatch(web[2])
    if authority is None:
        raise AddressError("has a host or port of other characters than plain letters, digits, dots and hyphens")
    scheme, host = web[1].lower(), authority[1].lower()
    port = int(authority[2] or (443 if scheme == "https" else 80))
    if not 0 < port < 65536:
        raise AddressError(f"has the port {port}; ports are 1 to 65535")
    if ip_of(host) is None:
        labels = host.removesuffix(".").split(".")
        if _NUMBER.fullmatch(labels[-1]) or host.startswith("["):
            raise AddressError("writes an IP address in an unusual way; write it like 192.0.2.1 or [2001:db8::1]")
        if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
            raise AddressError("has a host that is no name")
    return WebAddress(scheme, host.strip("[]").removesuffix("."), port)


def ip_of(host: str) -> Ip | None:
    """IP address that a host is in its usual notation, or None where it is a name."""
    try:
        return ipaddress.ip_address(host.strip("[]").split("%")[0])
    except ValueError:
        return None


def reach_of(ip: Ip) -> str:
    """Return how far an IP address reaches: ``public``, ``private`` (own network or machine) or ``never``.

    An address within another (IPv4-mapped, NAT64, 6to4) is judged as the inner one. ``never`` are addresses of a link,
    among them the metadata services of clouds (169.254.169.254), of groups, and unspecified ones.
    """
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour
        if ip in _NAT64 or (int(ip) >> 32 == 0 and int(ip) > 1):  # the latter: IPv4-compatible, RFC 4291, 2.5.5.1
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return reach_of(inner)
    if ip.is_unspecified or ip.is_multicast or ip.is_link_local:
        return "never"
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.teredo is not None or ip.is_site_local:
            return "never"
        return "public" if ip in _GLOBAL_UNICAST and ip.is_global else "private"
    if ip.is_reserved:
        return "never"
    return "public" if ip.is_global else "private"


def plain_host(url: str) -> str:
    """Host of a web address, in small letters; empty where it is none."""
    try:
        return parse(url).host
    except AddressError:
        return ""


def is_near(url: str) -> bool:
    """Return whether an address is, by its notation, one of this machine or of a private network."""
    host = plain_host(url)
    ip = ip_of(host)
    if ip is not None:
        return reach_of(ip) != "public"
    if not host:
        return False
    own = os.environ.get(PRIVATE_HOSTS_ENV, "").lower().replace(",", " ").split()
    return "." not in host or host.endswith(_LOCAL_ENDINGS) or host in own


def off_limits(address: str, catalog: str) -> str | None:
    """Return why a catalogue must not lead to an address, or None.

    A catalogue on the web has no business with files of this machine and with what only this machine's network reaches.
    One on this machine or in that network is the operator's own. This is judged by the notation alone;
    :class:`erosion.core.http.gate.Gate` judges what a name resolves to, at the moment of the connection.
    """
    if "://" not in catalog:
        return None
    if not address.startswith(("https://", "http://")):
        if _BUCKET.fullmatch(address) and not _ODD.search(address):
            return None
        return "is no address on the web (https, http, s3 or gs)"
    try:
        parse(address)
    except AddressError as err:
        return str(err)
    if is_near(address) and not is_near(catalog):
        return "lies in a private network, and the catalogue does not"
    return None


def may_have_token(url: str, catalog: str) -> bool:
    """Return whether a bearer token of a catalogue may be sent to an address.

    It may go to the catalogue's own host and to hosts beside it (``stac.agency.org`` -> ``data.agency.org``), and over
    a connection that is encrypted or does not leave this machine.
    """
    host, home = plain_host(url), plain_host(catalog)
    local = host in ("127.0.0.1", "localhost", "::1")
    if not host or (not url.startswith("https://") and not (local and url.startswith("http://"))):
        return False
    parent = home.split(".", 1)[-1]
    # What ends in com.vn or gov.vn belongs to many.
    shared = parent.count(".") == 1 and parent.split(".")[0] in _SECOND_LEVEL
    beside = "." in parent and not shared and not home.replace(".", "").isdigit() and host.endswith(f".{parent}")
    return host == home or beside
