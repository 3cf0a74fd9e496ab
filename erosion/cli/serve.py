"""``erosion serve``: serve the map on this machine."""

from __future__ import annotations

import argparse
import errno
import os
import socket
import subprocess
import sys

from erosion.core.serving import LOCAL_OPERATOR_ENV, is_this_computer
from erosion.core.shipped import shipped


def main(arguments: argparse.Namespace) -> int:
    """Return the exit code of the server."""
    app = shipped("app.py")
    if not any(arguments.out.glob("*/published.json")):
        raise FileNotFoundError(f"no products in {arguments.out}; make some with `erosion replay` or `erosion run`")
    if arguments.local_operator is not None:
        _check_local_operator(arguments.local_operator, arguments.address)
    _check_free(arguments.address, arguments.port)
    print(f"map: http://{arguments.address}:{arguments.port}", flush=True)
    options = [
        f"--server.address={arguments.address}",
        f"--server.port={arguments.port}",
        "--server.headless=true",
        "--browser.gatherUsageStats=false",
    ]
    environment = os.environ | {"EROSION_PRODUCTS": str(arguments.out.resolve())}
    environment.pop(LOCAL_OPERATOR_ENV, None)  # named on the command line or not at all
    if arguments.local_operator is not None:
        environment[LOCAL_OPERATOR_ENV] = arguments.local_operator.strip()
    command = [sys.executable, "-m", "streamlit", "run", str(app), *options]
    if os.name == "posix":  # become the server, so that whoever ends this command ends the server
        os.chdir(app.parent)
        os.execve(sys.executable, command, environment)  # noqa: S606
    return subprocess.run(command, env=environment, check=False, cwd=app.parent).returncode  # noqa: S603


def _check_local_operator(name: str, address: str) -> None:
    """Refuse a local operator whose screen others could reach: it asks nobody for a password."""
    if not name.strip():
        raise ValueError("--local-operator needs the name of the duty officer; give it")
    if not is_this_computer(address):
        raise ValueError(
            f"--local-operator is refused on {address}: whoever reaches that address would act as {name.strip()}. Leave "
            "--address at 127.0.0.1, or set up sign-in (docs/operations.md)"
        )


def _check_free(address: str, port: int) -> None:
    """Refuse a place where the server could not listen, before its address is printed."""
    mend = "choose another with --port"
    if not 1 <= port <= 65535:
        raise ValueError(f"{port} is no port; {mend}, 1 to 65535")
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            if (
                os.name == "posix"
            ):  # a server that has just ended leaves its port usable; elsewhere this takes a busy one
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(place)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise OSError(f"port {port} is taken; {mend}") from error
        raise OSError(f"cannot listen on {address}, port {port} ({error}); {mend}, or --address") from error
