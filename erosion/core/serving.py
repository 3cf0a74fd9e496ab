"""What the command that starts the screen and the screen itself agree on."""

from __future__ import annotations

import ipaddress
from typing import Final

LOCAL_OPERATOR_ENV: Final = "EROSION_LOCAL_OPERATOR"
"""Environment variable with the name of the local operator; set by ``erosion serve --local-operator``."""


def is_this_computer(host: str) -> bool:
    """Return whether a server that listens on a host is reached from this computer only."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
