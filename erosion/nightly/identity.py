"""Which run a run is: a hash of everything its product depends on, so that equal inputs are recognised."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from erosion.alerts import ledger
from erosion.config.entry import Entry
from erosion.config.region import Region
from erosion.core.contracts import CONTRACT_VERSION
from erosion.core.errors import Skipped
from erosion.core.files import sha256_of

NOT_INPUTS = ("path", "described_in", "sources", "optional")
"""Fields that hold where files lie and whether they may be absent, since the hash of the observations covers their content; and
the sources, which stand beside."""

_FIRST = ("name", "driver", "title")
_TERMS = ("cadence_days", "latency_days", "geo_rmse_m", "licence", "attribution", "citation", "url")


def inputs_of(
    region: Region,
    as_of: pd.Timestamp,
    waters: Mapping[str, xr.Dataset],
    missing: Mapping[str, str],
    gauges: pd.DataFrame,
    forecasts: pd.DataFrame,
    skipped: Sequence[Skipped],
    release: Path,
    previous: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Name everything a product depends on; where files lie is not part of it."""
    anywhere = tuple(dataclasses.replace(reach, area=None) for reach in region.reaches)
    plain = dataclasses.replace(region, reaches=anywhere)
    settings = [
        {f.name: getattr(plain, f.name) for f in dataclasses.fields(plain) if f.name not in NOT_INPUTS},
        *(settings_of(region.sources[name]) for name in (*region.water, *region.gauges)),
    ]
    return {
        "as_of": f"{as_of:%Y-%m-%d}",
        "catalogue": _digest(repr(settings)),
        "water": {name: water.attrs["content_hash"] for name, water in waters.items()},
        "epochs": {
            name: [f"{epoch:.10}" for epoch in water["epoch"].to_numpy().astype(str)] for name, water in waters.items()
        },
        "scenes": {name: [str(scene) for scene in water["scene_id"].to_numpy()] for name, water in waters.items()},
        "missing": dict(missing),
        "gauges": _digest(str(pd.util.hash_pandas_object(gauges, index=False).sum())),
        "gauge_days": len(gauges),
        "gauge_forecasts": _digest(str(pd.util.hash_pandas_object(forecasts, index=False).sum())),
        "skipped": _digest(repr([tuple(item) for item in skipped])),
        "model": files_digest(release),
        "model_id": release.name,
        "previous_run": None if previous is None else previous["run_id"],
        "contract_version": CONTRACT_VERSION,
        "program": version("erosion"),
    }


def settings_of(entry: Entry) -> dict[str, Any]:
    """Return the fields of a catalogue entry that are inputs, in the order in which every run has hashed them.

    Name and title, what the kind of source (masks, scenes, gauges) has, its terms, what the driver has. In another order the
    same entry would have another hash, and each run of the past would be made again under another id.
    """
    kind = next(cls for cls in type(entry).__mro__ if Entry in cls.__bases__)
    of_kind = [f.name for f in dataclasses.fields(kind)]
    of_driver = [f.name for f in dataclasses.fields(entry) if f.name not in of_kind]
    between = [name for name in of_kind if name not in (*_FIRST, *_TERMS)]
    terms = [name for name in _TERMS if name in of_kind]
    return {name: getattr(entry, name) for name in (*_FIRST, *between, *terms, *of_driver) if name not in NOT_INPUTS}


def identify(
    engine: ledger.Ledger, region: Region, as_of: pd.Timestamp, inputs: dict[str, Any]
) -> tuple[str, str, bool]:
    """Name the run that these inputs make: the digest of its inputs, its id, and whether the ledger has it.

    Inputs may come back to what they were before another run of the date took the place of theirs. That is a run of its
    own, after the other one, or the ledger would go on with the other.
    """
    while True:
        digest = _digest(json.dumps(inputs, sort_keys=True))
        run_id = f"{region.name}-{as_of:%Y-%m-%d}-{digest[:8]}"
        instead = ledger.superseded_by(engine, run_id)
        if instead is None:
            return digest, run_id, ledger.is_recorded(engine, run_id)
        inputs["instead_of"] = instead


def files_digest(directory: Path) -> str:
    """Return one hash of all files of a directory, by name and content."""
    files = sorted(path for path in directory.glob("*") if path.is_file())
    return _digest("".join(f"{path.name}:{sha256_of(path)}" for path in files))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
