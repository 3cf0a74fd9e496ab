"""Reaches made by hand: a centre line, a left and a right bank along it, and what was measured on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
import xarray as xr

from erosion.banks.knowledge import Knowledge
from erosion.banks.segments import Baseline
from erosion.core.contracts import BANK_VARIABLES, GAUGE_COLUMNS, check_banks, check_segments
from erosion.core.raster.grid import Grid

CRS = "EPSG:32620"


@dataclass
class Made:
    """What a reach is made from; arrays over segments are left bank first, then right, then islands.

    ``loss``, ``established``, ``gain`` [m] and ``coverage`` have shape (n_segments, n_epochs).
    """

    epochs: pd.DatetimeIndex
    line: np.ndarray = field(default_factory=lambda: np.column_stack([np.arange(0.0, 3001.0, 20.0), np.zeros(151)]))
    width: float | np.ndarray = 200.0
    length_m: float = 100.0
    banks: str = "LR"
    loss: np.ndarray | None = None
    established: np.ndarray | None = None
    gain: np.ndarray | None = None
    offset: np.ndarray | None = None
    coverage: np.ndarray | None = None
    flags: np.ndarray | None = None
    gauges: pd.DataFrame | None = None
    gauge_id: str | None = None

    def know(self) -> Knowledge:
        baseline = self.baseline()
        n, n_epochs = len(baseline.segments), len(self.epochs)

        def given(values: np.ndarray | None, fill: float) -> np.ndarray:
            return (
                np.full((n, n_epochs), fill) if values is None else np.broadcast_to(values, (n, n_epochs)).astype(float)
            )

        loss, gain = given(self.loss, 0.0).copy(), given(self.gain, 0.0).copy()
        established = loss.copy() if self.established is None else given(self.established, 0.0).copy()
        for values in (loss, established, gain):
            values[:, 0] = np.nan
        net = np.cumsum(np.nan_to_num(loss) - np.nan_to_num(gain), axis=1)
        length = baseline.segments["length_m"].to_numpy()[:, None]
        variables = {
            "land_loss_m2": loss * length,
            "land_gain_m2": gain * length,
            "land_loss_established_m2": established * length,
            "retreat_m": loss,
            "retreat_established_m": established,
            "offset_m": net - net[:, -1:] if self.offset is None else given(self.offset, 0.0),
            "position_m": np.full((n, n_epochs), np.nan),
            "sigma_m": np.full((n, n_epochs), 8.0),
            "coverage": given(self.coverage, 1.0),
            "flags": np.zeros((n, n_epochs), np.int16) if self.flags is None else self.flags,
        }
        banks = xr.Dataset(
            {name: (("segment_id", "epoch"), variables[name]) for name in BANK_VARIABLES},
            coords={"segment_id": baseline.segments["segment_id"].to_numpy(), "epoch": self.epochs},
        )
        gauges = pd.DataFrame(columns=list(GAUGE_COLUMNS)) if self.gauges is None else self.gauges
        return Knowledge(baseline, check_banks(banks), gauges, self.gauge_id, self.epochs[-1] + pd.Timedelta(days=16))

    def baseline(self) -> Baseline:
        along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(self.line, axis=0).T))])
        width = np.broadcast_to(np.asarray(self.width, float), along.shape)
        centre = pd.DataFrame(
            {"chainage_m": along, "x": self.line[:, 0], "y": self.line[:, 1], "width_m": width, "part": 0}
        )
        step = np.gradient(self.line, axis=0)
        heading = np.arctan2(step[:, 1], step[:, 0])
        station = np.arange(0.5 * self.length_m, along[-1], self.length_m)
        tables = []
        for bank in self.banks:
            to_land = np.interp(station, along, np.unwrap(heading)) + (-np.pi / 2 if bank == "R" else np.pi / 2)
            x, y = (np.interp(station, along, self.line[:, i]) for i in (0, 1))
            half = 0.5 * np.interp(station, along, width)
            middle = np.column_stack([x + half * np.cos(to_land), y + half * np.sin(to_land)])
            tangent = 0.5 * self.length_m * np.column_stack([np.sin(to_land), -np.cos(to_land)])
            tables.append(
                gpd.GeoDataFrame(
                    {
                        "segment_id": [f"made-{bank}-{round(c):07d}" for c in station],
                        "reach": "made",
                        "bank": bank,
                        "chainage_m": station,
                        "length_m": self.length_m,
                        "landward_deg": np.degrees(np.pi / 2 - to_land) % 360,
                        "curvature_per_m": 0.0,
                        "width_m": 2 * half,
                        "baseline": "made",
                    },
                    geometry=shapely.linestrings(np.stack([middle - tangent, middle + tangent], axis=1)),
                    crs=CRS,
                )
            )
        segments = check_segments(gpd.GeoDataFrame(pd.concat(tables, ignore_index=True), crs=CRS))
        nothing = np.zeros(0, np.int64)
        return Baseline(
            segments=segments,
            centre=centre,
            grid=Grid.__new__(Grid),
            pixel=nothing,
            owner=nothing.astype(np.int32),
            bank_points={},
            river=np.zeros(0, bool),
            transect=np.zeros((len(segments), 0), np.int64),
            transect_m=np.zeros(0),
            version="made",
            skipped=(),
        )


@pytest.fixture(scope="session")
def made() -> type[Made]:
    return Made


@pytest.fixture(scope="session")
def yearly() -> Callable[[int], pd.DatetimeIndex]:
    """Make epochs 365 days apart, the last on 2010-07-01."""

    def epochs(count: int) -> pd.DatetimeIndex:
        return pd.DatetimeIndex([pd.Timestamp("2010-07-01") - pd.Timedelta(days=365 * k) for k in range(count)][::-1])

    return epochs
