"""The gate: every connection of a source goes to an address that was judged, and to no other.

A name is resolved when the connection is made, all addresses it resolves to are judged, and the connection goes to one
of these (no second look-up, whose answer could differ). Host header, SNI and certificate remain those of the name.
Redirects are requests of their own and pass the same way.
"""

from __future__ import annotations

import socket

from erosion.core.http.addresses import (
    PRIVATE_HOSTS_ENV,
    AddressError,
    Ip,
    ip_of,
    is_near,
    off_limits,
    parse,
    plain_host,
    reach_of,
)


class Gate:
    """Decides which addresses one source may reach.

    Parameters
    ----------
    home
        Address of the source as the operator wrote it, or a path where it is a file. One that is private by its notation
        (an IP address, a name without a dot, ``.local`` and the like, a name in ``EROSION_PRIVATE_HOSTS``) is the
        operator's own server, which may lead to others of the private network. Any other may reach public addresses only.
    """

    def __init__(self, home: str) -> None:
        self.home = home
        self.own = "://" not in home or is_near(home)

    def check(self, url: str) -> None:
        """Raise where an address must not be opened, by its notation.

        Raises
        ------
        AddressError
            Where it must not be opened.
        """
        parse(url)
        problem = off_limits(url, self.home)
        if problem:
            raise AddressError(problem)

    def resolve(self, host: str, port: int) -> list[str]:
        """Return the IP addresses that a host resolves to, all of them judged.

        Raises
        ------
        AddressError
            Where one of them must not be reached.
        OSError
            Where the name cannot be resolved.
        """
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        ips = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        for text in ips:
            ip = ip_of(text)
            if ip is None or not self._may_reach(host, ip):
                raise AddressError(
                    f"{host} resolves to {text}, which lies in a private network or is reserved; if the server is your own, "
                    f"name the host in the environment variable {PRIVATE_HOSTS_ENV}"
                )
        return ips

    def _may_reach(self, host: str, ip: Ip) -> bool:
        reach = reach_of(ip)
        if reach == "public":
            return True
        if not self.own:
            return False
        # An address that is never reached by a name or by a redirect may still be what the operator wrote.
        return reach == "private" or (host == plain_host(self.home) and ip_of(host) is not None)
