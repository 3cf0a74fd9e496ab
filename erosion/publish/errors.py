"""Errors of a writer when a file of a run cannot be published."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
from pyogrio.errors import DataLayerError, DataSourceError, FeatureError, FieldError, GeometryError


class ExportError(RuntimeError):
    """A product could not be written; the message names the file or layer, the reason and the mend."""


_MENDS = {
    errno.ENOSPC: "free space on that disk and run again",
    errno.EDQUOT: "free space within the quota and run again",
    errno.EFBIG: "raise the file size limit of the account that runs the job",
    errno.EACCES: "give the account that runs the job write permission on the directory",
    errno.EPERM: "give the account that runs the job write permission on the directory",
    errno.EROFS: "publish to a directory that is mounted for writing",
    errno.ENOENT: "create the directory first",
    errno.EISDIR: "move the directory of that name out of the way",
}


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn whatever goes wrong while one file is written into an :class:`ExportError`, and leave no half file behind.

    Parameters
    ----------
    path
        The file that the body writes.

    Raises
    ------
    ExportError
        Naming ``path``, the reason and the mend.
    """
    try:
        yield
    except OSError as error:
        _discard(path)
        mend = _MENDS.get(error.errno or 0, "check the disk")
        raise ExportError(f"{path}: could not be written: {error.strerror or error}; {mend}") from error
    except (
        sqlite3.Error,
        pa.ArrowException,
        DataSourceError,
        DataLayerError,
        FeatureError,
        FieldError,
        GeometryError,
    ) as error:
        _discard(path)
        raise ExportError(
            f"{path}: could not be written: {error}; check free space and permission of {path.parent}"
        ) from error


def _discard(path: Path) -> None:
    for leftover in (path, path.with_name(path.name + "-journal")):
        if leftover.is_file() or leftover.is_symlink():
            leftover.unlink(missing_ok=True)
