"""Words that stand in published files and in the ledger and are compared in several packages, each set in one place.

Every member equals its text, so a word read from a file is compared as it is.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class RunOutcome(StrEnum):
    """How a run ended, or that it has not: in ``last_attempt.json``, ``published.json``, manifests and the ledger."""

    PUBLISHED = "published"
    DEGRADED = "degraded"
    """Published, with something left out that is not usually left out."""
    FAILED = "failed"
    """Nothing was published."""
    RUNNING = "running"


EXIT_CODES: Final = {RunOutcome.PUBLISHED: 0, RunOutcome.FAILED: 1, RunOutcome.DEGRADED: 2}
"""Exit code of the command for each way a run can end."""


class WarningState(StrEnum):
    """Whether a warning stands, in the ledger."""

    OPEN = "open"
    CLOSED = "closed"


class ChangeKind(StrEnum):
    """What became of a warning in one run: a transition of the ledger."""

    ISSUED = "issued"
    RAISED = "raised"
    LOWERED = "lowered"
    MOVED = "moved"
    """Its segment has another name on a new bank line; the warning is the same."""
    UNKNOWN = "unknown"
    """Its level became 0: not enough data."""
    CLOSED = "closed"


class StretchChange(StrEnum):
    """What became of a stretch of bank in one run."""

    ISSUED = "issued"
    RAISED = "raised"
    LOWERED = "lowered"
    GROWN = "grown"
    SHRUNK = "shrunk"
    UNKNOWN = "unknown"
    """Its level became 0: not enough data."""
    CLOSED = "closed"


class HeldBy(StrEnum):
    """What keeps a level from the one that the newest probability asks for, in the column ``held_by``."""

    MEMORY = "memory"
    """Hysteresis, or a change that no new observation and not enough days have confirmed."""
    CAP = "cap"
    """The probability asks for level 4, but its share of the bank is used up."""
    TRIGGER = "trigger"
    """Water and rain have raised it."""
    REPORT = "report"
    """Somebody reported it from the field."""


class TermState(StrEnum):
    """Whether a term of the trigger could be weighed, in the column ``trigger_terms``."""

    KNOWN = "known"
    OLD = "old"
    """Its newest reading is too old."""
    UNKNOWN = "unknown"


class UnknownReason(StrEnum):
    """Why a segment has no level, in the column ``unknown_reason``."""

    STALE = "stale"
    """Its newest observation is older than the policy allows."""
    NOT_SEEN = "not_seen"
    """The newest observation shows too little of it."""
    NOT_MEASURED = "not_measured"
    """It was seen fewer than twice."""
    SHORT_RECORD = "short_record"
    """It was seen too few times to say how it moves."""
    WIDE_GAP = "wide_gap"
    """Too much time lies between its two newest observations."""


class ShiftVerdict(StrEnum):
    """Result of the test of dataset shift of a reach, in manifests."""

    WITHIN = "within"
    """Its features lie no farther from those of a training river than that river's own dates do."""
    BEYOND = "beyond"
    NOT_TESTED = "not_tested"


class Calibration(StrEnum):
    """Whether the chances of a run are known to be calibrated on its river, in manifests."""

    REJECTED = "rejected"
    """The release was evaluated on the river's own record, and not accepted."""
    NOT_CALIBRATED = "not_calibrated"
    """Its features are unlike those of the training rivers, or could not be tested on a river the release was not trained on."""
    NOT_TESTED = "not_tested"
    """The release was trained on the river; the date could not be tested."""
    EVALUATED = "evaluated"
    """The release was evaluated on the river's own record, and accepted."""
    SIMILAR = "similar"
    """Its features are like those of a training river."""


class ForecastOutcome(StrEnum):
    """What became of the forecast of one segment, in ``verification.parquet``."""

    HIT = "hit"
    MISS = "miss"
    FALSE_ALARM = "false_alarm"
    QUIET = "quiet"
    """Neither warned of nor eroded."""
    UNKNOWN = "unknown"
    """The bank was not observed at the end of the window, or had no level."""


class HydrographKind(StrEnum):
    """Series of a gauge in ``hydrograph.parquet``."""

    OBSERVED = "observed"
    FORECAST = "forecast"
    LAST_YEAR = "last_year"
    USUAL = "usual"


class Role(StrEnum):
    """What a person is allowed to do, in the ledger's table of people; ``erosion.workflow.roles`` says which actions."""

    VIEWER = "viewer"
    COMMUNE_OFFICER = "commune_officer"
    """Acts in the communes that stand beside the name, and nowhere else."""
    DUTY_OFFICER = "duty_officer"
    APPROVER = "approver"
    ADMINISTRATOR = "administrator"


class Action(StrEnum):
    """What a person did, in the audit rows of the ledger."""

    ACKNOWLEDGE = "acknowledge"
    ASSIGN = "assign"
    CHECK = "check"
    """The outcome of a field check was entered."""
    CLOSE = "close"
    UNDO = "undo"
    REPORT = "report"
    ADD_PHOTO = "add_photo"
    SET_SCHEME = "set_scheme"
    SET_CLASS = "set_class"
    DRAFT_BULLETIN = "draft_bulletin"
    APPROVE_BULLETIN = "approve_bulletin"
    ISSUE_BULLETIN = "issue_bulletin"
    WITHDRAW_BULLETIN = "withdraw_bulletin"
    WITHDRAW_RUN = "withdraw_run"
    SET_PERSON = "set_person"
    REMOVE_PERSON = "remove_person"


class FieldVerdict(StrEnum):
    """What was found on the ground, in field reports and field checks."""

    CRACKED = "cracked"
    """Cracks in the ground behind the edge (vết nứt)."""
    SUBSIDED = "subsided"
    """The ground has sunk (sụt lún)."""
    UNDERCUT = "undercut"
    """The bank is hollow below the edge (hàm ếch)."""
    COLLAPSED = "collapsed"
    """Land has been lost (đã sạt lở)."""
    UNSURE = "unsure"
    """Looked at, and to be looked at again by somebody else."""
    NOTHING_SEEN = "nothing_seen"


class StretchState(StrEnum):
    """How far people have got with a stretch, from the entries they made."""

    NEW = "new"
    SEEN = "seen"
    ASSIGNED = "assigned"
    CHECKED = "checked"
    CLOSED = "closed"


class BulletinStatus(StrEnum):
    """How far a bulletin has got."""

    DRAFT = "draft"
    APPROVED = "approved"
    ISSUED = "issued"
    WITHDRAWN = "withdrawn"
