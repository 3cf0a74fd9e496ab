"""Commands of the program in processes of their own, forked from one that has loaded the libraries already."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from types import ModuleType

import pytest

# Loading them takes longer than most commands. The program itself is loaded anew by each command, with its environment.
LIBRARIES = (
    "alembic.command",
    "dask.array",
    "geopandas",
    "lightgbm",
    "odc.stac",
    "pyarrow.parquet",
    "pyogrio",
    "rasterio.features",
    "scipy.stats",
    "sklearn.linear_model",
    "sqlalchemy",
    "xarray",
)


def forked(arguments: list[str], folder: Path, timeout_s: float = 300.0) -> subprocess.CompletedProcess[str]:
    """Return exit code and output of ``erosion ARGUMENTS`` run in a folder, as :func:`subprocess.run` does."""
    posix = "forkserver" in multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if posix else "spawn")
    if posix:
        context.set_forkserver_preload(list(LIBRARIES))
    with tempfile.TemporaryDirectory() as told:
        out, err = Path(told, "out"), Path(told, "err")
        process = context.Process(target=_command, args=(arguments, folder, dict(os.environ), out, err))
        with pytest.MonkeyPatch.context() as patch:
            # The new process would load what is the main module here; after a test of a page that is Streamlit's script.
            patch.setitem(sys.modules, "__main__", ModuleType("__main__"))
            process.start()
        process.join(timeout_s)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(arguments, timeout_s)
        assert err.exists(), (
            f"the process ended with {process.exitcode} before its command began, see what pytest printed"
        )
        texts = [path.read_text(encoding="utf-8") for path in (out, err)]
        return subprocess.CompletedProcess(arguments, process.exitcode, *texts)


def _command(arguments: list[str], folder: Path, environment: dict[str, str], out: Path, err: Path) -> None:
    """Run a command in this process, which is as good as new, and end the process with its exit code."""
    for number, path in ((1, out), (2, err)):
        target = os.open(path, os.O_WRONLY | os.O_CREAT)
        os.dup2(target, number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    from erosion.cli.command_line import (
        main,  # here, because modules of the program read the environment when they are loaded
    )

    sys.exit(main(arguments))
