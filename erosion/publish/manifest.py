"""``manifest.json``, the record of a run: one typed record that the nightly job writes and the map reads."""

import json
from pathlib import Path
from typing import Any, Final, NotRequired, TypedDict, cast

from erosion.core.files import write_json
from erosion.publish.json_shape import check_shape

FILE: Final = "manifest.json"


class SkippedItem(TypedDict):
    """Something that was left out; see :class:`erosion.core.errors.Skipped`."""

    scene: str
    reason: str
    usual: NotRequired[bool]


class Stage(TypedDict):
    """A stage of a run and the time it took."""

    stage: str
    seconds: float


class ReachEntry(TypedDict):
    """A reach of a run."""

    newest_epoch: str | None
    """YYYY-MM-DD; None where nothing was ever published of the reach."""
    missing: str | None
    """Why the reach was not measured, None where it was."""
    left_out: NotRequired[list[str]]
    """Parts of the channel of which no segments were cut, and why."""
    accepted: NotRequired[list[str]]
    """Masks that are used because a person has accepted them; absent where there is none."""


class LevelWorth(TypedDict):
    """What one level of one target is worth by the model release; see :class:`erosion.alerts.thresholds.LevelBand`."""

    threshold: float
    """Chance from which the level is raised [1]."""
    aim: float
    """Share of the length at this level, and no higher one, that shall erode by the policy [1]."""
    precision: float
    """Share that is expected to, over many years [1]."""
    year_low: NotRequired[float]
    year_high: NotRequired[float]
    """Range that holds the share of one year, in four years of five [1]; absent in runs of an older program."""
    observed: float | None
    """Share that did on the calibration rows of the release [1]."""
    rows: int
    events: int
    cases: float
    """Independent cases that the rows are worth."""


class ReachTest(TypedDict):
    """Whether a reach is like a training river; see :class:`erosion.forecast.applicability.ShiftTest`."""

    verdict: str
    """See :class:`erosion.core.vocabulary.ShiftVerdict`."""
    why: str
    river: str
    distance: float | None
    limit: float | None
    p_value: float | None
    false_alarm: float | None
    dates: int


class Score(TypedDict):
    """A score with its 95 % interval; None where it cannot be computed."""

    value: float | None
    low: float | None
    high: float | None


class EvaluatedTarget(TypedDict):
    """Forecasts of one target held against the river's own record."""

    dates: int
    first: str
    """YYYY-MM-DD, as ``last``: issue dates."""
    last: str
    rows: int
    base_rate: float
    """Share of rows with an event [1]."""
    mean_chance: float
    observed_expected: Score
    """Events over the sum of the chances [1]."""
    brier_skill: Score
    pr_auc: Score
    accepted: bool


class Evaluation(TypedDict):
    """A release held against a river's own record; see :mod:`erosion.forecast.evaluation.attached`."""

    format: int
    region: str
    release: str
    release_sha256: str
    made_on: str
    """YYYY-MM-DD."""
    accepted: bool
    targets: dict[str, EvaluatedTarget]


class Applicability(TypedDict):
    """Whether the chances of a run are known to be calibrated on its river."""

    verdict: str
    """See :class:`erosion.core.vocabulary.Calibration`."""
    spread: float
    """Standard deviation of log odds by which chances were widened, on reaches of which no more is known; 0 where none were."""
    reaches: dict[str, ReachTest]
    evaluation: Evaluation | None
    """The one attached for this release, accepted or not."""


class Account(TypedDict):
    """What one source of messages reports of a run."""

    messages: list[str]
    """What makes the run degraded."""
    skipped: list[SkippedItem]
    """What was left out, also by rule."""


class Report(Account):
    """How a run ended and what was left out of it."""

    outcome: str
    read: NotRequired[Account]
    """What follows from the inputs of the run alone: equal for every run of the same inputs."""
    fetch: NotRequired[list[SkippedItem]]
    """What the newest attempt could not fetch or read."""


class FileHashes(TypedDict):
    """Name of each file of a run to the SHA-256 of its bytes, hexadecimal."""

    outputs: dict[str, str]
    """Files for readers."""
    memory: dict[str, str]
    """Files for the ledger and the next run."""


class PlacesLayer(TypedDict):
    """Where a reference layer comes from."""

    title: dict[str, str]
    licence: str
    attribution: str
    url: str | None
    simulated: bool


class PlacesEntry(TypedDict):
    """Reference layers near the banks, beside the directories of the runs that share them."""

    file: str
    """Path relative to the folder of the region."""
    sha256: str
    layers: dict[str, PlacesLayer]
    """Those that were given, by name."""


class Manifest(Report, FileHashes):
    """A run: what it was made of, what it published, and what was left out."""

    contract_version: str
    region: str
    simulated: bool
    as_of: str
    """YYYY-MM-DD."""
    model_id: str
    model_simulated: NotRequired[str]
    """Whether none, part or all of the rivers that the model was trained on are simulated."""
    reaches: dict[str, ReachEntry]
    trigger: dict[str, Any] | None
    """Reach to the state of its trigger; see :attr:`erosion.alerts.trigger_night.Night.reaches`."""
    newest_epoch: str
    """YYYY-MM-DD, of the reach whose newest observation is oldest."""
    data_age_days: int
    inputs: dict[str, Any]
    """See :func:`erosion.nightly.stages.identity.inputs_of`."""
    inputs_hash: str
    segments: int
    levels: dict[str, dict[str, float]]
    """Target to kilometres of bank by level."""
    level_worth: NotRequired[dict[str, dict[str, LevelWorth]]]
    """Target and level to what the level is worth."""
    applicability: NotRequired[Applicability]
    places: NotRequired[PlacesEntry | None]
    """None where the region has no reference layers; absent in runs of an older program."""
    policy: NotRequired[dict[str, Any]]
    """The region's policy; see docs/region-files.md."""
    stages: list[Stage]
    versions: dict[str, str]
    started_at: str
    """ISO 8601 with offset, as ``finished_at``."""
    finished_at: str


def read_manifest(directory: Path) -> Manifest:
    """Return the manifest of a run.

    Parameters
    ----------
    directory
        Directory of the run.

    Raises
    ------
    OSError
        There is none, or it cannot be read.
    ValueError
        It is no JSON, or not of the shape of a manifest; the message names the key.
    """
    try:
        content = json.loads((directory / FILE).read_text(encoding="utf-8"))
    except RecursionError:
        raise ValueError("nested too deeply") from None
    check_shape(content, Manifest)
    return cast("Manifest", content)


def write_manifest(directory: Path, manifest: Manifest) -> None:
    """Replace the manifest of a run at once."""
    write_json(directory / FILE, manifest)
