"""How each bank has moved so far: rates over several spans, neighbours, the opposite bank, what is changing."""

from __future__ import annotations

import numpy as np

from erosion.banks.established import YEAR_DAYS
from erosion.banks.knowledge import Knowledge
from erosion.core.arrays import FloatArray
from erosion.core.contracts import FLAGS
from erosion.features.along import BanksAlong
from erosion.features.rates import last_seen, rate
from erosion.features.registry import Feature

SPANS_Y = (1, 2, 3, 6)
LINE_SPANS_Y = {"3y": 3.0, "6y": 6.0, "record": np.inf}
"""Spans over which a line is drawn through the positions of a bank."""

STRETCHES_M = {
    "near": (-250, 250),
    "around": (-600, 600),
    "up500": (-500, -100),
    "up1000": (-1000, -500),
    "up2000": (-2000, -1000),
    "down500": (100, 500),
}
"""Stretches of the same bank whose mean is a feature: from, to, in metres downstream of the segment."""

STRETCHED = {
    "rate_all_1y": "retreat last year, all land",
    "rate_est_1y": "retreat last year, established land",
    "rate_est_3y": "retreat last 3 y, established land",
    "end_point_rate_3y": "net movement last 3 y",
    "end_point_rate_6y": "net movement last 6 y",
}
LOSS_EVENT_M = 15.0
"""A yearly loss of established land that counts as "the bank moved"; half a Landsat pixel."""


_NO_SPAN = "NaN where the record is shorter than half the span"
_FEW = "NaN with fewer than three epochs"
_NO_YEAR = "NaN where the changes known cover less than a year"
_NO_RATE = "NaN where no yearly rate of established land is known in the last 6 y"
_NO_SIDE = "NaN on islands and where no neighbour lies within 500 m of the place"


def _stretch_words(start_m: int, stop_m: int) -> str:
    if stop_m <= 0:
        return f"{-stop_m} to {-start_m} m upstream"
    return f"{start_m} to {stop_m} m downstream" if start_m >= 0 else f"within {stop_m} m"


def _declared() -> tuple[Feature, ...]:
    banks = "banks"
    rows = []
    for kind, words in (("all", "all land"), ("est", "established land")):
        for span in SPANS_Y:
            rows.append(
                Feature(f"rate_{kind}_{span}y", "m/y", f"retreat per year, last {span} y, {words}", banks, _NO_SPAN)
            )
        rows.append(Feature(f"rate_{kind}_record", "m/y", f"retreat per year, whole record, {words}", banks, _NO_YEAR))
    for name in LINE_SPANS_Y:
        rows.append(
            Feature(
                f"end_point_rate_{name}",
                "m/y",
                f"net movement between first and last epoch of the span over its length ({name})",
                "banks; end-point rate of Himmelstoss et al. 2021, USGS OFR 2021-1091",
                _NO_SPAN,
            )
        )
        rows.append(
            Feature(
                f"regression_rate_{name}",
                "m/y",
                f"slope of bank position on time by least squares ({name})",
                "banks; linear regression rate of Himmelstoss et al. 2021",
                _FEW,
            )
        )
        rows.append(
            Feature(
                f"regression_error_{name}",
                "m/y",
                f"standard error of that slope ({name})",
                "banks; Himmelstoss et al. 2021",
                "NaN with fewer than four epochs",
            )
        )
    rows += [
        Feature("gain_1y", "m/y", "land gained per year, last year", banks, _NO_SPAN),
        Feature("gain_3y", "m/y", "land gained per year, last 3 y", banks, _NO_SPAN),
        Feature("acceleration", "m/y", "rate of the last 2 y less the rate of the last 6 y, all land", banks, _NO_SPAN),
        Feature("peak_est_6y", "m/y", "largest yearly rate of the last 6 y, established land", banks, _NO_RATE),
        Feature(
            "years_since_loss",
            "y",
            f"years since established land lost {LOSS_EVENT_M:.0f} m/y or more",
            banks,
            "length of the record where it never did",
        ),
        Feature("loss_share_6y", "1", "share of the last 6 y with such a loss", banks, _NO_RATE),
        Feature("channel_moved_6y", "1", "1 where the channel jumped here in the last 6 y", banks, "never missing"),
    ]
    for name, words in STRETCHED.items():
        for place, (start, stop) in STRETCHES_M.items():
            where = f"mean of this bank {_stretch_words(start, stop)}"
            rows.append(Feature(f"{name}_{place}", "m/y", f"{where}: {words}", banks, _NO_SIDE))
    for name, words in (
        ("rate_all_1y", "retreat, last year"),
        ("rate_est_3y", "retreat of established land, last 3 y"),
        ("gain_1y", "land gained, last year"),
        ("gain_3y", "land gained, last 3 y"),
    ):
        rows.append(Feature(f"opposite_{name}", "m/y", f"opposite bank: {words}", banks, _NO_SIDE))
    rows += [
        Feature(f"width_change_{span}y", "m/y", f"widening per year, both banks, last {span} y", banks, _NO_SIDE)
        for span in (1, 3)
    ]
    scaled = ("rate_all_1y", "rate_all_3y", "rate_est_3y", "rate_est_6y", "end_point_rate_6y", "opposite_gain_3y")
    rows += [
        Feature(f"{name}_w", "1/y", f"{name} in channel widths per year", banks, "as the feature it scales")
        for name in scaled
    ]
    return tuple(rows)


FEATURES = _declared()


def compute(known: Knowledge) -> dict[str, FloatArray]:
    """Return the history features, shape (n_segments,) each; see :data:`FEATURES`."""
    epochs = known.epochs
    years = ((epochs - epochs[-1]).days.to_numpy()) / YEAR_DAYS
    take = {name: known.banks[name].to_numpy().T for name in ("retreat_m", "retreat_established_m", "land_gain_m2")}
    length = known.baseline.segments["length_m"].to_numpy()
    loss, established, gain = take["retreat_m"], take["retreat_established_m"], take["land_gain_m2"] / length
    offset = known.banks["offset_m"].to_numpy().T
    n = len(length)
    out: dict[str, FloatArray] = {}

    since = last_seen(known.banks["coverage"].to_numpy().T, years)
    for kind, series in (("all", loss), ("est", established)):
        for span in SPANS_Y:
            out[f"rate_{kind}_{span}y"] = rate(series, since, years, span)
        out[f"rate_{kind}_record"] = rate(series, since, years, np.inf)
    for name, length_y in LINE_SPANS_Y.items():
        inside = _window(years, length_y)
        slope, error = _regression(years[inside], offset[inside])
        covered = -years[inside][0]
        long_enough = covered > 0 and (np.isinf(length_y) or covered >= length_y / 2)
        out[f"end_point_rate_{name}"] = (
            (offset[-1] - offset[inside][0]) / covered if long_enough else np.full(n, np.nan)
        )
        out[f"regression_rate_{name}"], out[f"regression_error_{name}"] = slope, error
    out["gain_1y"], out["gain_3y"] = rate(gain, since, years, 1), rate(gain, since, years, 3)
    out["acceleration"] = out["rate_all_2y"] - out["rate_all_6y"]

    yearly = established / (years[:, None] - since)
    moved = np.nan_to_num(yearly) >= LOSS_EVENT_M
    recent = _window(years, 6.0)
    known_recently = (~np.isnan(yearly[recent])).sum(axis=0)
    peak = np.where(np.isnan(yearly[recent]), -np.inf, yearly[recent]).max(axis=0)
    out["peak_est_6y"] = np.where(known_recently > 0, peak, np.nan)
    out["loss_share_6y"] = np.divide(
        moved[recent].sum(axis=0), known_recently, out=np.full(n, np.nan), where=known_recently > 0
    )
    last = np.where(moved, years[:, None], -np.inf).max(axis=0)
    out["years_since_loss"] = np.minimum(-last, -years[0])
    jumped = (known.banks["flags"].to_numpy().T & FLAGS["channel_moved"]) > 0
    out["channel_moved_6y"] = jumped[_window(years, 6.0)].any(axis=0).astype(float)

    along = BanksAlong(known)
    for name in STRETCHED:
        for place, (start, stop) in STRETCHES_M.items():
            out[f"{name}_{place}"] = along.mean(out[name], start, stop)
    for span in (1, 3):
        net = out[f"rate_all_{span}y"] - out[f"gain_{span}y"]
        out[f"width_change_{span}y"] = net + along.mean(net, -100, 100, opposite=True)
    for name in ("rate_all_1y", "rate_est_3y", "gain_1y", "gain_3y"):
        out[f"opposite_{name}"] = along.mean(out[name], -250, 250, opposite=True)
    for feature in FEATURES:
        if feature.name.endswith("_w"):
            out[feature.name] = out[feature.name[:-2]] / known.width
    return out


def _window(years: FloatArray, span: float) -> np.ndarray:
    """Return which epochs lie within a span (in years, with a month of slack for drifting scene dates) of the last."""
    return years >= -(span + 1 / 12)


def _regression(years: FloatArray, position: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return least-squares slope and its standard error in closed form for every column."""
    n_epochs, n = position.shape
    if n_epochs < 3:
        return np.full(n, np.nan), np.full(n, np.nan)
    t = years - years.mean()
    centred = position - position.mean(axis=0)
    spread = float(t @ t)
    slope = (t @ centred) / spread
    if n_epochs < 4:
        return slope, np.full(n, np.nan)
    residual = centred - t[:, None] * slope
    return slope, np.sqrt((residual**2).sum(axis=0) / (n_epochs - 2) / spread)
