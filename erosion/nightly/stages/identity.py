"""Which run a run is: a hash of everything its product depends on, so that equal inputs are recognised."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from erosion.alerts import ledger
from erosion.config.entry import Entry
from erosion.core.contracts import CONTRACT_VERSION
from erosion.core.files import files_digest
from erosion.nightly.errors import RunError
from erosion.nightly.stages.inputs import RunInputs
from erosion.nightly.task import Task
from erosion.places.reading import places_digest

NOT_INPUTS = ("path", "described_in", "sources", "optional", "accepted_files", "places")
"""Fields that hold where files lie, whether they may be absent and which of them are accepted, since the hash of the observations
covers their content and those accepted by then; the sources, which stand beside; and the reference layers, on which no level
depends: what was read of them has a hash of its own."""

_FIRST = ("name", "driver", "title")
_TERMS = ("cadence_days", "latency_days", "geo_rmse_m", "licence", "attribution", "citation", "url")


class Identity(NamedTuple):
    """Which run the inputs make."""

    digest: str
    """SHA-256 of :attr:`inputs`, hexadecimal."""
    run_id: str
    directory: Path
    """Where its files are, or go."""
    recorded: bool
    """Whether the ledger has it."""
    inputs: dict[str, Any]
    """See :func:`inputs_of`."""


def identify(task: Task, run_inputs: RunInputs) -> Identity:
    """Return which run these inputs make.

    Inputs may come back to what they were before another run of the date took the place of theirs. That is a run of its
    own, after the other one, or the ledger would go on with the other.

    Raises
    ------
    RunError
        These inputs made a run that a person has withdrawn.
    """
    inputs = inputs_of(task, run_inputs)
    while True:
        digest = _digest(json.dumps(inputs, sort_keys=True))
        name = f"{task.as_of:%Y-%m-%d}-{digest[:8]}"
        run_id = f"{task.region.name}-{name}"
        instead = ledger.superseded_by(task.engine, run_id)
        if (taken_back := ledger.withdrawn(task.engine, run_id)) is not None:
            raise RunError(
                f"these inputs make {run_id} again, which {taken_back.actor_name} withdrew on {taken_back.at:%Y-%m-%d %H:%M} UTC: "
                f"{taken_back.reason}. Mend what was wrong with the inputs, the release or the region file, and run again"
            )
        if instead is None:
            return Identity(digest, run_id, task.home / name, ledger.is_recorded(task.engine, run_id), inputs)
        inputs["instead_of"] = instead


def inputs_of(task: Task, inputs: RunInputs) -> dict[str, Any]:
    """Return everything that a product depends on; where files lie is not part of it."""
    region, gauges = task.region, inputs.gauges
    anywhere = tuple(dataclasses.replace(reach, area=None) for reach in region.reaches)
    plain = dataclasses.replace(region, reaches=anywhere)
    settings = [
        {f.name: getattr(plain, f.name) for f in dataclasses.fields(plain) if f.name not in NOT_INPUTS},
        *(settings_of(region.sources[name]) for name in (*region.water, *region.gauges)),
    ]
    waters = {name: one.water for name, one in inputs.reaches.items()}
    return {
        "as_of": f"{task.as_of:%Y-%m-%d}",
        "catalogue": _digest(repr(settings)),
        "water": {name: water.attrs["content_hash"] for name, water in waters.items()},
        "epochs": {
            name: [f"{epoch:.10}" for epoch in water["epoch"].to_numpy().astype(str)] for name, water in waters.items()
        },
        "scenes": {name: [str(scene) for scene in water["scene_id"].to_numpy()] for name, water in waters.items()},
        "missing": dict(inputs.missing),
        "gauges": _digest(str(pd.util.hash_pandas_object(gauges.values, index=False).sum())),
        "gauge_days": len(gauges.values),
        "gauge_forecasts": _digest(str(pd.util.hash_pandas_object(gauges.forecasts, index=False).sum())),
        "skipped": _digest(repr([tuple(item) for item in inputs.skipped])),
        "model": files_digest(inputs.release_path),
        "model_id": inputs.release.name,
        # Only where there is one: runs from before evaluations could be attached keep their names.
        **({} if inputs.evaluation is None else {"evaluation": _digest(json.dumps(inputs.evaluation, sort_keys=True))}),
        **({} if region.places is None else {"places": places_digest(inputs.places)}),
        **({"reports": _digest(repr(inputs.reports))} if inputs.reports else {}),
        "previous_run": None if inputs.previous is None else inputs.previous["run_id"],
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


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
