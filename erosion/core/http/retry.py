"""When a request that failed is made again: bounded tries, growing waits."""

from __future__ import annotations

import email.utils
import random
import time
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """How often a request is made, and with which waits and limits.

    Attributes
    ----------
    tries
        Times that one request is made, the first included.
    first_wait_s, longest_wait_s
        Wait after the first failure [s], doubled after each further one, and where that ends. A server that asks for a
        longer wait than the longest (``Retry-After``) is not asked again; the next night does.
    connect_s, read_s
        Limits for making a connection and for one request [s].
    """

    tries: int = 4
    first_wait_s: float = 2.0
    longest_wait_s: float = 120.0
    connect_s: float = 15.0
    read_s: float = 60.0

    def wait_s(self, failures: int, retry_after_s: float | None = None) -> float:
        """Seconds to wait after a number of failures; many clients must not come back in step, hence the chance."""
        grown = min(self.first_wait_s * 2.0 ** (failures - 1), self.longest_wait_s)
        spread = grown * random.uniform(0.75, 1.0)  # noqa: S311
        return max(spread, retry_after_s or 0.0)


def retry_after_s(header: str | None) -> float | None:
    """Seconds of a ``Retry-After`` header, which holds seconds or a date (RFC 9110, 10.2.3); None without one."""
    if header is None:
        return None
    try:
        return max(float(header), 0.0)
    except ValueError:
        pass
    try:
        then = email.utils.parsedate_to_datetime(header).timestamp()
    except (ValueError, OverflowError):
        return None
    return max(then - time.time(), 0.0)
