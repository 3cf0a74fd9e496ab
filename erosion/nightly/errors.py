"""Errors of a run, and those of one reach while the others go on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NoReturn

from erosion.banks.as_of import NothingKnownError
from erosion.banks.channel import ChannelError
from erosion.core.errors import Skipped, SourceError

REACH_ERRORS: Final = (SourceError, NothingKnownError, ChannelError)
"""Why one reach cannot be measured; the other reaches go on."""


class RunError(RuntimeError):
    """A run published nothing; the message holds the reason."""


def raise_joint(failed: Mapping[str, Exception], unfetched: Sequence[Skipped] = ()) -> NoReturn:
    """Raise one error for all reaches of a run.

    Parameters
    ----------
    failed
        Name of each reach to its error, one of :data:`REACH_ERRORS` or a :class:`RunError`.
    unfetched
        What could not be fetched and may be the cause.
    """
    if len(failed) == 1 and not unfetched:
        raise next(iter(failed.values()))
    reasons = [str(error) if len(failed) == 1 else f"{name}: {error}" for name, error in failed.items()]
    raise RunError("; ".join([*reasons, *(f"{item.scene}: {item.reason}" for item in unfetched)]))
