"""The error of a request that failed for good."""

from __future__ import annotations


class WebError(OSError):
    """A request failed for good; the message holds no query and no token.

    Attributes
    ----------
    status
        HTTP status, or None where there was no answer.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status
