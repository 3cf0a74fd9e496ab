"""``erosion serve``: serve the map on this machine."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

from erosion.core.shipped import shipped


def main(arguments: argparse.Namespace) -> int:
    """Return the exit code of the server."""
    app = shipped("app.py")
    if not any(arguments.out.glob("*/published.json")):
        raise FileNotFoundError(f"no products in {arguments.out}; make some with `erosion replay` or `erosion run`")
    print(f"map: http://{arguments.address}:{arguments.port}", flush=True)
    options = [
        f"--server.address={arguments.address}",
        f"--server.port={arguments.port}",
        "--server.headless=true",
        "--browser.gatherUsageStats=false",
    ]
    environment = os.environ | {"EROSION_PRODUCTS": str(arguments.out.resolve())}
    command = [sys.executable, "-m", "streamlit", "run", str(app), *options]
    if os.name == "posix":  # become the server, so that whoever ends this command ends the server
        os.chdir(app.parent)
        os.execve(sys.executable, command, environment)  # noqa: S606
    return subprocess.run(command, env=environment, check=False, cwd=app.parent).returncode  # noqa: S603
