"""Whether the chances of a run are known to hold on its river, as its manifest says."""

from __future__ import annotations

import streamlit as st

from erosion.publish.manifest import FILE, Applicability
from erosion.ui.products.reading import stamp
from erosion.ui.products.regions import Run, manifest_of


def read_applicability(run: Run) -> Applicability | None:
    """Return what the manifest of a run says; None for a run of an older program, or where it cannot be read."""
    return _read(run, str(run.directory), stamp(run.directory / FILE))


@st.cache_data(max_entries=24, show_spinner=False)
def _read(_run: Run, directory: str, changed_ns: int) -> Applicability | None:
    manifest = manifest_of(_run)
    return None if manifest is None else manifest.get("applicability")
