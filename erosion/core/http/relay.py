"""Addresses of raster files as GDAL is given them: those of the relay, which asks the servers through the gate."""

from __future__ import annotations

import atexit
import dataclasses
import hashlib
import http.client
import json
import os
import re
import secrets
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Final, NamedTuple, Self
from urllib.parse import urlsplit

import erosion
from erosion.core.http.errors import WebError
from erosion.core.http.retry import RetryPolicy

_WAIT_S: Final = 30.0  # for the process to start, and for its answers, which it has at hand
_ENDING: Final = re.compile(r"\.[A-Za-z0-9]{1,8}")


_shared: dict[tuple[int, RetryPolicy, str | None, str], Relay] = {}
_shared_lock = threading.Lock()


class Failure(NamedTuple):
    """What was wrong with a file when it was read last; ``lasting`` where another try does not help."""

    reason: str
    lasting: bool


def shared_relay(retry: RetryPolicy, token: str | None, catalog: str) -> Relay:
    """Relay of a source, one for all its passes: a process takes some tenths of a second to start; it ends with this one."""
    key = (os.getpid(), retry, token, catalog)  # a process that was forked has its own
    with _shared_lock:
        if key not in _shared:
            _shared[key] = Relay(retry, token, catalog)
            atexit.register(_shared[key].close)
        return _shared[key]


class Relay:
    """The process of :mod:`erosion.core.http.relay_server`, for the files of one source; ends with ``close``.

    Parameters
    ----------
    retry
        Limits of one request; tries are the caller's.
    token
        Bearer token of the source, or None; it goes where :meth:`~erosion.core.http.session.Web.token_for` lets it.
    catalog
        Address of the catalogue as the operator wrote it, by which addresses are judged.
    """

    def __init__(self, retry: RetryPolicy, token: str | None, catalog: str) -> None:
        self._settings = {"retry": dataclasses.asdict(retry), "token": token, "catalog": catalog}
        self._secret = secrets.token_urlsafe(24)
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._port = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process."""
        with self._lock:
            if self._process is not None:
                assert self._process.stdin is not None and self._process.stdout is not None
                self._process.stdin.close()
                self._process.stdout.close()
                self._process.kill()
                self._process.wait()
                self._process = None

    def address(self, url: str) -> str:
        """Address on loopback under which GDAL gets a file; what was read of the file before is forgotten.

        It is the same for the same file under another signature, and holds none.
        """
        plain = urlsplit(url)
        name = hashlib.sha256(f"{plain.scheme}://{plain.netloc}{plain.path}".encode()).hexdigest()[:32]
        # GDAL sees an ending and nothing else of the name, since some formats are recognized by it.
        ending = Path(plain.path).suffix.lower()
        path = f"/{self._secret}/{name}/file{ending if _ENDING.fullmatch(ending) else ''}"
        self._ask("PUT", path, url)
        return f"http://127.0.0.1:{self._port}{path}"

    def failure(self, address: str) -> Failure | None:
        """Failure of the last read of a file by its address on loopback, or None."""
        failure = json.loads(self._ask("GET", urlsplit(address).path.rsplit("/", 1)[0] + "/why"))
        return None if failure is None else Failure(str(failure["reason"]), bool(failure["lasting"]))

    def _ask(self, method: str, path: str, body: str | None = None) -> bytes:
        self._start()
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_WAIT_S)
        try:
            connection.request(method, path, None if body is None else body.encode())
            return connection.getresponse().read()
        except (OSError, http.client.HTTPException) as err:
            raise WebError(f"the process that fetches raster files has ended ({err}); run again") from None
        finally:
            connection.close()

    def _start(self) -> None:
        with self._lock:
            if self._process is not None and self._process.poll() is None:
                return
            roots = [str(Path(erosion.__file__).resolve().parents[1]), os.environ.get("PYTHONPATH", "")]
            environment: dict[str, Any] = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, roots))}
            process = subprocess.Popen(
                [sys.executable, "-m", "erosion.core.http.relay_server"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=environment,
                text=True,
                start_new_session=True,  # an interrupt of the terminal is for us; the process ends with its standard input
            )
            assert process.stdin is not None and process.stdout is not None
            try:
                process.stdin.write(json.dumps({**self._settings, "secret": self._secret}) + "\n")
                process.stdin.flush()
                self._port = int(process.stdout.readline())
            except (OSError, ValueError):
                process.kill()
                raise WebError("the process that fetches raster files cannot be started; run again") from None
            self._process = process
