"""All notebooks run from top to bottom and draw what they promise; they are kept without outputs."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
PICTURES = {"01_from_mask_to_forecast.ipynb": 4, "02_how_good_is_it.ipynb": 3, "03_one_gauge.ipynb": 2}


@pytest.fixture(scope="module")
def runner():
    """What runs a notebook; its absence is a failure where everything must be tested."""
    try:
        import ipykernel
        import nbclient
        import nbformat
    except ImportError as error:
        if os.environ.get("CI", "").lower() in {"1", "true", "yes"}:
            pytest.fail(f"notebooks are not tested: {error}; install the dev extras")
        pytest.skip(f"{error}; install the dev extras")
    assert ipykernel
    return nbclient, nbformat


def test_every_notebook_is_tested() -> None:
    assert {path.name for path in NOTEBOOKS.glob("*.ipynb")} == set(PICTURES)


@pytest.mark.parametrize("name", PICTURES)
def test_a_notebook_is_kept_without_outputs(runner, name: str) -> None:
    _, nbformat = runner
    notebook = nbformat.read(NOTEBOOKS / name, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert len(code) >= 5
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)


@pytest.mark.parametrize("name", PICTURES)
def test_a_notebook_runs_and_draws(runner, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a kernel of this interpreter, whatever kernels the machine has registered."""
    from jupyter_client.manager import KernelManager

    nbclient, nbformat = runner
    for variable in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(variable, str(tmp_path / variable.lower()))
    # Another test's server may have told matplotlib of this process to draw nowhere, and a kernel inherits that.
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    notebook = nbformat.read(NOTEBOOKS / name, as_version=4)
    manager = KernelManager(kernel_name="python3")
    assert manager.kernel_spec is not None
    client = nbclient.NotebookClient(
        notebook, km=manager, timeout=300, resources={"metadata": {"path": str(NOTEBOOKS)}}
    )
    client.execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert not [output for output in outputs if output.output_type == "error"]
    warned = [output.text for output in outputs if output.get("name") == "stderr"]
    assert not warned, "".join(warned)
    pictures = [output.data["image/png"] for output in outputs if "image/png" in output.get("data", {})]
    assert len(pictures) == PICTURES[name]
    for picture in pictures:
        content = base64.b64decode(picture)
        assert content.startswith(b"\x89PNG") and 5_000 < len(content) < 300_000
