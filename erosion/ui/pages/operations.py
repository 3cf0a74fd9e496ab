"""How the system itself is doing: runs, what was left out and why, how long each step took."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from erosion.core.vocabulary import RunOutcome
from erosion.publish.applicability import applicability_text
from erosion.publish.manifest import Evaluation, Manifest
from erosion.ui import html
from erosion.ui.choice import Choice
from erosion.ui.products.ledger import count_open_warnings, ledger_problem, read_recent_runs
from erosion.ui.products.regions import manifest_of, read_last_attempt
from erosion.words import has_text, write


def show(choice: Choice) -> None:
    """Show the page."""
    _last(choice)
    _runs(choice)
    manifest = manifest_of(choice.run)
    html.show(html.heading(choice.translate("ops.inputs", date=write.day(choice.run.as_of, choice.language))))
    if manifest is None:
        html.show(html.banner("warn", choice.translate("ops.manifest.none")))
        return
    _applicability(choice, manifest)
    left, right = st.columns([1.5, 1], gap="large")
    with left:
        _skipped(choice, manifest)
        _accepted(choice, manifest)
    with right:
        _stages(choice, manifest)
        _versions(choice, manifest)


def outcome_text(choice: Choice, outcome: Any) -> str:
    """Return how a run ended, in words."""
    key = f"ops.outcome.{outcome}"
    return choice.translate(key if has_text(key) else "ops.outcome.other")


def stage_text(choice: Choice, stage: str) -> str:
    """Return the name of a step of a run; a step that has no words here keeps its own."""
    key = f"ops.stage.{stage}"
    return choice.translate(key) if has_text(key) else stage


def _last(choice: Choice) -> None:
    attempt = read_last_attempt(choice.region.folder)
    opened = count_open_warnings(choice.region.folder.parent, choice.region.name)
    if not attempt and opened is None:
        return
    html.show(html.heading(choice.translate("ops.last")))
    pairs = []
    if attempt:
        zone = choice.region.timezone
        pairs = [
            (choice.translate("ops.as_of"), write.day(attempt.get("as_of"), choice.language)),
            (choice.translate("ops.outcome"), outcome_text(choice, attempt.get("outcome"))),
            (choice.translate("ops.started"), write.moment(attempt.get("started_at"), choice.language, zone)),
            (choice.translate("ops.finished"), write.moment(attempt.get("finished_at"), choice.language, zone)),
        ]
    unread = ledger_problem(choice.region.folder.parent, choice.region.name) is not None
    known = choice.translate("banner.ledger" if unread else "ops.ledger.none")
    if opened is not None:
        known = choice.translate("ops.open", n=write.number(opened, choice.language))
    html.show(html.facts(pairs), html.note(known))


def _runs(choice: Choice) -> None:
    html.show(html.heading(choice.translate("ops.runs")))
    words, zone = choice.language, choice.region.timezone
    rows: list[dict[str, Any]] = [
        {
            "as_of": run.as_of,
            "outcome": RunOutcome.DEGRADED if run.degraded else RunOutcome.PUBLISHED,
            "finished_at": run.finished_at,
            "newest": run.newest_epoch,
            "model": run.model_id,
            "message": "; ".join(run.messages),
        }
        for run in reversed(choice.region.runs)
    ]
    recorded = read_recent_runs(choice.region.folder.parent, choice.region.name)
    if recorded is not None:
        failed = recorded[recorded["outcome"] == RunOutcome.FAILED]
        names = {"as_of": "as_of", "outcome": "outcome", "finished_at": "finished_at", "model_id": "model"}
        rows += [{names[str(key)]: row[key] for key in row} for row in failed[list(names)].to_dict("records")]
    table = pd.DataFrame(
        {
            choice.translate("ops.as_of"): [write.day(row["as_of"], words) for row in rows],
            choice.translate("ops.outcome"): [outcome_text(choice, row["outcome"]) for row in rows],
            choice.translate("ops.finished"): [write.moment(row["finished_at"], words, zone) for row in rows],
            choice.translate("ops.newest"): [write.day(row.get("newest"), words) for row in rows],
            choice.translate("fact.model"): [row.get("model", "") for row in rows],
            choice.translate("ops.message"): [row.get("message", "") for row in rows],
        }
    )
    st.dataframe(table, hide_index=True, row_height=32, height=38 + 32 * min(len(table), 8))


def _applicability(choice: Choice, manifest: Manifest) -> None:
    """Show whether the model suits the river, with the figures of the test and of an evaluation."""
    found, words = manifest.get("applicability"), choice.language
    if found is None:
        return
    lines = [applicability_text(found, words)]
    for name, test in found["reaches"].items():
        reach = choice.region.reaches.get(name, {}).get(words, name)
        if test["distance"] is None or test["limit"] is None:
            lines.append(choice.translate("applicability.reach.not_tested", reach=reach, why=test["why"]))
            continue
        lines.append(
            choice.translate(
                "applicability.reach",
                reach=reach,
                river=test["river"],
                distance=write.number(test["distance"], words, 2),
                limit=write.number(test["limit"], words, 2),
                dates=write.number(test["dates"], words),
                whole=write.number(test["dates"] + 1, words),
            )
        )
    evaluation = found["evaluation"]
    if evaluation is not None:
        lines += [_evaluated(choice, evaluation, target) for target in evaluation["targets"]]
    html.show(html.heading(choice.translate("applicability.title")), html.items(lines, "gaps"))


def _evaluated(choice: Choice, evaluation: Evaluation, target: str) -> str:
    words, one = choice.language, evaluation["targets"][target]
    ratio = {name: write.number(value, words, 2) for name, value in one["observed_expected"].items()}
    said = choice.translate(
        "applicability.evaluation",
        release=evaluation["release"],
        date=write.day(evaluation["made_on"], words),
        target=target,
        observed=write.number(one["base_rate"], words, 3),
        expected=write.number(one["mean_chance"], words, 3),
        ratio=ratio["value"],
        low=ratio["low"],
        high=ratio["high"],
    )
    return f"{said}: {choice.translate('applicability.accepted' if one['accepted'] else 'applicability.rejected')}"


def _skipped(choice: Choice, manifest: Manifest) -> None:
    skipped = manifest["skipped"]
    html.show(html.heading(choice.translate("ops.skipped")))
    if not skipped:
        html.show(html.note(choice.translate("ops.skipped.none")))
        return
    st.dataframe(
        pd.DataFrame(
            {
                choice.translate("ops.skipped.what"): [entry["scene"] for entry in skipped],
                choice.translate("ops.skipped.why"): [entry["reason"] for entry in skipped],
            }
        ),
        hide_index=True,
        row_height=32,
        height=38 + 32 * min(len(skipped), 12),
    )


def _accepted(choice: Choice, manifest: Manifest) -> None:
    """Show the images that a person has accepted; several reaches may use the same one."""
    scenes = dict.fromkeys(scene for reach in manifest["reaches"].values() for scene in reach.get("accepted", []))
    if scenes:
        html.show(html.heading(choice.translate("ops.accepted")), html.items(list(scenes), "gaps"))


def _stages(choice: Choice, manifest: Manifest) -> None:
    stages = [(entry["stage"], entry["seconds"]) for entry in manifest["stages"]]
    if not stages:
        return
    html.show(html.heading(choice.translate("ops.stages")))
    longest = max(seconds for _, seconds in stages) or 1.0
    st.dataframe(
        pd.DataFrame(
            {
                choice.translate("ops.stage"): [stage_text(choice, name) for name, _ in stages],
                choice.translate("ops.seconds"): [write.number(seconds, choice.language, 2) for _, seconds in stages],
                " ": [seconds / longest for _, seconds in stages],
            }
        ),
        hide_index=True,
        row_height=32,
        height=38 + 32 * len(stages),
        column_config={
            choice.translate("ops.seconds"): st.column_config.Column(alignment="right"),
            " ": st.column_config.ProgressColumn(format=" ", min_value=0.0, max_value=1.0),
        },
    )
    total = write.number(sum(seconds for _, seconds in stages), choice.language, 1)
    html.show(html.note(choice.translate("ops.stages.total", seconds=total)))


def _versions(choice: Choice, manifest: Manifest) -> None:
    pairs = {
        **manifest["versions"],
        "contract_version": manifest["contract_version"],
        "inputs_hash": manifest["inputs_hash"],
    }
    with st.expander(choice.translate("ops.versions")):
        st.dataframe(
            pd.DataFrame(
                {
                    choice.translate("ops.name"): list(pairs),
                    choice.translate("ops.value"): list(pairs.values()),
                }
            ),
            hide_index=True,
            row_height=32,
        )
