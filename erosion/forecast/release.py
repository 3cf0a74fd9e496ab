"""A model release on disk: text boosters, calibration, thresholds, a card; never a pickle.

``models/<family>-<YYYYMMDD>/`` is named after the date up to which it was allowed to see observations. A run takes the
newest release that could have been made by its own date, so a hindcast is an ordinary run with an old date.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from erosion.alerts import thresholds
from erosion.config.region import RIVERS, Region, Target
from erosion.core.shipped import shipped
from erosion.features import REGISTRY
from erosion.forecast.applicability import Reference, references_from_json
from erosion.forecast.booster_text import read_booster
from erosion.forecast.boosting import DISTANCE, Exceedance
from erosion.forecast.cutoff import CutoffModel
from erosion.forecast.model import FeatureMismatchError, TargetModel

if TYPE_CHECKING:
    import lightgbm as lgb

MODELS = shipped("models")
"""Where releases live."""

_log = logging.getLogger(__name__)

FORMAT = 2
_NAME = re.compile(r"(?P<family>[A-Za-z0-9_.-]+)-(?P<date>\d{8})")


Simulated = Literal["none", "part", "all"]
"""How much of what a release was trained on is simulated."""


class ReleaseError(ValueError):
    """A release cannot be found, read or used."""


@dataclass(frozen=True)
class Release:
    """A set of target models with what must be known about them.

    Attributes
    ----------
    name
        ``<family>-<YYYYMMDD>``.
    models
        Target name -> model.
    meta
        Content of ``meta.json``.
    cutoff
        Hazard of the necks.
    references
        Features of the training rows by river, to test whether the release is applicable to one; None of a release from before
        they were kept for that.
    """

    name: str
    models: Mapping[str, TargetModel]
    meta: Mapping[str, Any]
    cutoff: CutoffModel
    references: Mapping[str, Reference] | None = None

    @property
    def data_until(self) -> pd.Timestamp:
        """Date up to which the release was allowed to see observations."""
        return pd.Timestamp(self.meta["data_until"])

    @property
    def simulated(self) -> Simulated:
        """Whether none, part or all of the rivers it was trained on are simulated."""
        return simulated_share(self.meta)


def regions_of(meta: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the regions that a release was trained on, from its ``meta.json``."""
    return tuple(one["name"] for one in meta["regions"]) if "regions" in meta else (meta["region"],)


def simulated_share(meta: Mapping[str, Any]) -> Simulated:
    """Return whether none, part or all of the regions of a release are simulated, from its ``meta.json``."""
    simulated = {one["simulated"] for one in meta["regions"]} if "regions" in meta else {bool(meta["simulated"])}
    return "part" if len(simulated) > 1 else "all" if simulated == {True} else "none"


def save_release(
    directory: Path, models: Mapping[str, TargetModel], meta: Mapping[str, Any], reference: Mapping[str, Any], card: str
) -> None:
    """Write a release; the directory must not exist yet and appears whole or not at all.

    Parameters
    ----------
    directory
        ``.../<family>-<YYYYMMDD>``.
    models
        Target name -> model.
    meta
        Training region, dates, versions, hashes, seed and the hazard of the necks; features and targets are added here.
    reference
        :func:`erosion.forecast.applicability.references_as_json`.
    card
        Text of ``card.md``.

    Raises
    ------
    FileExistsError
        If there is a release of that name.
    """
    if directory.exists():
        raise FileExistsError(f"{directory} exists; releases are never overwritten, remove it first to make it anew")
    final, directory = directory, directory.parent / f".tmp-{directory.name}"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    calibration: dict[str, Any] = {}
    targets: dict[str, Any] = {}
    for name, model in models.items():
        model.exceedance.booster.save_model(str(directory / f"exceedance_{name}.txt"))
        targets[name] = {
            "horizon_days": model.target.horizon_days,
            "threshold_m": model.target.threshold_m,
            "label": model.label,
            "features": [{"name": f, "unit": REGISTRY[f].unit} for f in model.features],
        }
        calibration[name] = {
            "knots_m": list(model.exceedance.knots_m),
            "base_log_odds": list(model.exceedance.base_log_odds),
            "tail_m": model.tail_m,
            "log_odds": dict(model.calibration),
            "levels": thresholds.to_json(model.levels),
        }
    _write_json(directory / "calibration.json", calibration)
    _write_json(directory / "reference.json", reference)
    (directory / "card.md").write_text(card, encoding="utf-8", newline="\n")
    # The card is for people, who may add to it; everything else must stay as it was made.
    files = {path.name: _sha256(path.read_bytes()) for path in sorted(directory.iterdir()) if path.name != "card.md"}
    about = {"format": FORMAT, "name": final.name, **meta, "targets": targets, "files": files}
    _write_json(directory / "meta.json", about)
    directory.rename(final)


def load_release(directory: Path) -> Release:
    """Return a release after checking that its files are whole and that this version makes its features in the same units.

    Raises
    ------
    ReleaseError
        If a file is missing or damaged.
    FeatureMismatchError
        If a feature is unknown to this version or has another unit.
    """
    try:
        meta = json.loads((directory / "meta.json").read_text(encoding="utf-8"))
        if meta["format"] != FORMAT:
            raise ReleaseError(
                f"{directory}: format {meta['format']} is not {FORMAT}; train it again with this version"
            )
        files = _read_files(directory, meta["files"])
        calibration = json.loads(files["calibration.json"])
        models = {}
        for name, about in meta["targets"].items():
            features = tuple(feature["name"] for feature in about["features"])
            _check_features(directory, about["features"])
            booster = _booster(directory, files, f"exceedance_{name}.txt")
            if tuple(booster.feature_name()) != (*features, DISTANCE):
                raise FeatureMismatchError(
                    f"{directory}: the booster of target {name} was trained on other features than meta.json lists; "
                    "the release is damaged, restore it or train it again"
                )
            target = Target(name=name, horizon_days=about["horizon_days"], threshold_m=about["threshold_m"])
            models[name] = _target_model(directory, target, about["label"], features, booster, calibration[name])
        if len({model.exceedance.knots_m for model in models.values()}) > 1:
            raise ReleaseError(f"{directory}: its targets have other knots_m; restore it or train it again")
        cutoff = CutoffModel.from_json(meta["cutoff"])
        references = _references(directory, json.loads(files["reference.json"]))
    except (ReleaseError, FeatureMismatchError):
        raise
    except (OSError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise ReleaseError(
            f"{directory}: not a readable model release ({error}); restore it or train it again"
        ) from error
    return Release(directory.name, models, meta, cutoff, references)


def models_of(region: Region, release: str | None = None) -> Path:
    """Return the directory of a region's releases: ``models`` beside its file where that holds a release of its family,
    else the project's own.

    Parameters
    ----------
    region
        Region; its ``model`` names the family.
    release
        Name of one release that is looked for instead of the family.
    """
    beside = region.path.parent / "models"
    there = (beside / release).is_dir() if release else bool(_of_family(region.model, beside))
    return beside if there else MODELS


def models_to_make(region: Region) -> Path:
    """Return the directory that a new release of a region goes to: the project's own for regions that come with it, else
    ``models`` beside the region file.

    Raises
    ------
    ReleaseError
        If the family of the region's ``model`` was trained on another region, or is that of several: the new release
        would be taken for its.
    """
    home = MODELS if region.path.is_relative_to(shipped("data_sources")) else region.path.parent / "models"
    for models in dict.fromkeys((home, MODELS)):
        check_family(region, models)
    return home


def check_family(region: Region, models: Path) -> None:
    """Refuse a directory where releases of the region's family were trained on another region, and the family of several.

    Raises
    ------
    ReleaseError
        If there is one.
    """
    advice = f"set `model:` in {region.path} to a name of its own, such as `model: {region.name}`, and train again"
    if region.model == RIVERS:
        raise ReleaseError(f"releases of {RIVERS} are trained on several rivers, not on {region.name} alone; {advice}")
    for path, trained_on in _trained_on(region.model, models):
        if trained_on != (region.name,):
            raise ReleaseError(
                f"{path.name} in {models} was trained on {', '.join(trained_on)}, so releases of {region.model} are not for "
                f"{region.name} to add to; {advice}"
            )


def check_family_of_several(family: str, models: Path) -> None:
    """Refuse a directory where a release of the family was trained on one region: it is that region's family.

    Raises
    ------
    ReleaseError
        If there is one.
    """
    for path, trained_on in _trained_on(family, models):
        if len(trained_on) == 1:
            raise ReleaseError(
                f"{path.name} in {models} was trained on {trained_on[0]} alone, and its next release would be taken for "
                f"that region's; give another name with --family, such as {RIVERS}"
            )


def _trained_on(family: str, models: Path) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """Yield each release of a family with the regions it was trained on."""
    for _, path in _of_family(family, models):
        try:
            trained_on = regions_of(json.loads((path / "meta.json").read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError):
            continue  # a damaged release is reported where it is loaded
        yield path, trained_on


def find_release(family: str, as_of: pd.Timestamp, models: Path = MODELS, region: str = "REGION") -> Path:
    """Return the newest release of a family that could have been made by a date, for a region that commands know so.

    Raises
    ------
    ReleaseError
        If there is none.
    """
    found = _of_family(family, models)
    own = "set `model:` in the region file to a name of its own and train" if family == RIVERS else "train"
    if not found:
        raise ReleaseError(
            f"no release {family}-<date> in {models}: none is shipped for this river; "
            f"{own} one on the region's own archive with `erosion train {region} --until DATE`"
        )
    usable = [path for date, path in found if date <= as_of.tz_localize(None)]
    if not usable:
        raise ReleaseError(
            f"on {as_of:%Y-%m-%d} no model of {family} existed: the oldest release, {found[0][1].name}, was trained on data "
            f"up to {found[0][0]:%Y-%m-%d}; choose a later date, or {own} one with `erosion train {region} --until DATE`"
        )
    return usable[-1]


def release_before(family: str, until: pd.Timestamp, models: Path) -> Release | None:
    """Return the newest release of a family from before a date; None where there is none that can be read."""
    try:
        return load_release(find_release(family, until - pd.Timedelta(days=1), models))
    except (ReleaseError, FeatureMismatchError) as error:
        _log.info(f"thresholds start from the policy: {error}")
        return None


def _of_family(family: str, models: Path) -> list[tuple[pd.Timestamp, Path]]:
    """Return date and directory of each release of a family, the oldest first."""
    found = []
    for path in sorted(models.glob(f"{family}-*")):
        match = _NAME.fullmatch(path.name)
        if match and match["family"] == family and path.is_dir():
            found.append((pd.Timestamp(match["date"]), path))
    return found


def _read_files(directory: Path, listed: Mapping[str, str]) -> dict[str, bytes]:
    """Return the bytes of the files, each checked against its checksum in meta.json."""
    files = {name: (directory / name).read_bytes() for name in listed}
    for name, wanted in listed.items():
        if _sha256(files[name]) == wanted:
            continue
        if _sha256(files[name].replace(b"\r\n", b"\n")) == wanted:
            raise ReleaseError(
                f"{directory}: {name} has Windows line ends (CRLF), which Git or an editor wrote; delete the directory "
                f"and restore it with `git checkout -- {directory.name}` in its parent, or unpack the release again"
            )
        raise ReleaseError(
            f"{directory}: {name} is not the file that was released (its checksum differs from the one in "
            "meta.json); restore the release or train it again"
        )
    return files


def _booster(directory: Path, files: Mapping[str, bytes], name: str) -> lgb.Booster:
    try:
        return read_booster(files[name])
    except ValueError as error:
        raise ReleaseError(
            f"{directory}: {name} is not a readable model ({error}); restore the release or train it again"
        ) from error


def _target_model(
    directory: Path,
    target: Target,
    label: str,
    features: tuple[str, ...],
    booster: lgb.Booster,
    numbers: Mapping[str, Any],
) -> TargetModel:
    """Return the model of a target, refusing numbers that no training gives."""
    knots, base = (np.array(numbers[name], dtype=float) for name in ("knots_m", "base_log_odds"))
    line = {name: float(numbers["log_odds"][name]) for name in ("slope", "intercept")}
    tail = float(numbers["tail_m"])
    rules = {
        "knots_m: positive and rising, the target's threshold among them": knots.ndim == 1
        and np.isfinite(knots).all()
        and (np.diff(knots, prepend=0.0) > 0).all()
        and target.threshold_m in knots,
        "base_log_odds: one a knot, not rising": base.shape == knots.shape
        and np.isfinite(base).all()
        and (np.diff(base) <= 0).all(),
        "tail_m: positive": math.isfinite(tail) and tail > 0,
        "log_odds: a positive slope and a finite intercept": all(map(math.isfinite, line.values()))
        and line["slope"] > 0,
    }
    broken = [rule for rule, holds in rules.items() if not holds]
    try:
        levels = thresholds.from_json(numbers["levels"])
    except ValueError as error:
        broken.append(str(error))
    if broken:
        raise ReleaseError(
            f"{directory}: calibration.json of target {target.name} breaks the rule {broken[0]}; no training gives "
            "that, restore the release or train it again"
        )
    exceedance = Exceedance(booster, tuple(knots.tolist()), tuple(base.tolist()))
    return TargetModel(target, label, features, exceedance, tail, line, levels)


def _references(directory: Path, content: Mapping[str, Any]) -> dict[str, Reference] | None:
    """Return the features of the training rows, refusing numbers that no training gives."""
    try:
        return references_from_json(content)
    except ValueError as error:
        raise ReleaseError(
            f"{directory}: reference.json breaks the rule {error}; no training gives that, restore the release or train "
            "it again"
        ) from error


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _check_features(directory: Path, features: list[dict[str, str]]) -> None:
    for feature in features:
        known = REGISTRY.get(feature["name"])
        if known is None or known.unit != feature["unit"]:
            here = "does not make it" if known is None else f"makes it in {known.unit}"
            raise FeatureMismatchError(
                f"{directory}: needs feature {feature['name']} in {feature['unit']}, this version {here}; "
                "train a new release with `erosion train` or install the version the release was made with"
            )


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8", newline="\n")
