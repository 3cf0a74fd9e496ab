"""Transport of every request: connections to judged addresses, answers within limits."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Any

import requests  # type: ignore[import-untyped,unused-ignore]
from requests.adapters import HTTPAdapter  # type: ignore[import-untyped,unused-ignore]
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.util.connection import create_connection

from erosion.core.http.addresses import parse
from erosion.core.http.errors import WebError
from erosion.core.http.gate import Gate
from erosion.core.http.limits import Deadline, Limits, read_body
from erosion.core.http.redaction import without_secrets


class _Timed:
    """Part of a connection that is held to the deadline of its adapter's request."""

    adapter: GatedAdapter

    def getresponse(self: Any) -> Any:
        self.adapter.watch(self.sock)
        return super().getresponse()  # type: ignore[misc]


class _Gated(_Timed):
    """Part of a connection that resolves its name through the gate of its adapter."""

    def _new_conn(self: Any) -> socket.socket:
        try:
            ips = self.adapter.gate.resolve(self.host, self.port)
        except socket.gaierror as err:
            raise NameResolutionError(self.host, self, err) from err
        error: OSError | None = None
        for ip in ips:
            try:
                return create_connection(
                    (ip, self.port),
                    self.timeout,
                    source_address=self.source_address,
                    socket_options=self.socket_options,
                )
            except OSError as err:
                error = err
        if isinstance(error, TimeoutError):
            raise ConnectTimeoutError(self, f"Connection to {self.host} timed out") from error
        raise NewConnectionError(self, f"Failed to establish a new connection: {error}") from error


class GatedAdapter(HTTPAdapter):  # type: ignore[misc,unused-ignore]
    """Transport of ``requests`` whose connections pass a gate, and whose answers are bounded.

    Behind a proxy of the environment (``HTTPS_PROXY``) the proxy resolves names and makes the connections; what can be
    resolved here is judged all the same.

    Attributes
    ----------
    bytes_read
        Size of all answers so far, after decompression.
    """

    def __init__(self, gate: Gate, limits: Limits) -> None:
        self.gate, self.limits = gate, limits
        self.bytes_read = 0
        self._thread = threading.local()
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools, with connections that pass the gate."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools(_Gated)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """Pools behind a proxy, whose own address is the operator's word."""
        manager = super().proxy_manager_for(proxy, **kwargs)
        if not proxy.lower().startswith("socks"):  # its connections are of a kind of their own
            manager.pool_classes_by_scheme = self._pools(_Timed)
        return manager

    def _pools(self, part: type) -> dict[str, type]:
        kinds = {"http": (HTTPConnectionPool, HTTPConnection), "https": (HTTPSConnectionPool, HTTPSConnection)}
        return {
            scheme: type(
                pool.__name__,
                (pool,),
                {"ConnectionCls": type(connection.__name__, (part, connection), {"adapter": self})},
            )
            for scheme, (pool, connection) in kinds.items()
        }

    def watch(self, connection: socket.socket | None) -> None:
        """Hold a connection to the deadline of the request that this thread is making."""
        self._thread.deadline.watch(connection)

    def send(
        self,
        request: Any,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Any = None,
    ) -> Any:
        """Response to a request, from an address that was judged, with its body read within the limits.

        Raises
        ------
        AddressError
            Where the address must not be reached.
        WebError
            Where the answer is too large, or not whole in time.
        requests.RequestException
            Where there is no answer, or it breaks off.
        """
        self.gate.check(request.url)
        if requests.utils.select_proxy(request.url, proxies):
            place = parse(request.url)
            with contextlib.suppress(OSError):  # a name that only the proxy knows
                self.gate.resolve(place.host, place.port)
        where = without_secrets(request.url)
        with Deadline(self.limits.longest_s) as deadline:
            self._thread.deadline = deadline
            try:
                response = super().send(request, True, timeout, verify, cert, proxies)
                if response.is_redirect:
                    response.raw.close()
                    body = b""
                elif stream:
                    return response
                else:
                    body = read_body(response, self.limits, where)
            except requests.RequestException:
                if not deadline.over:
                    raise
            if deadline.over:  # a body without a length ends like a whole one
                raise WebError(
                    f"{where}: the answer is not whole after {self.limits.longest_s:g} s; the next run asks again"
                )
        self.bytes_read += len(body)
        response._content, response._content_consumed = body, True
        return response
