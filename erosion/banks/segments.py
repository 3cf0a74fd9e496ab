"""River mask to bank segments with stable ids, and the pixels ("cell") that belong to each.

A baseline is cut from one mask and never edited: the same mask gives the same ids. A newer mask gives a new baseline,
and its segments are matched with those of the old one where warnings are carried on (``alerts.crosswalk``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from erosion.banks.channel import BankLine, Channel, ChannelError, trace_channel
from erosion.config.region import Region
from erosion.core.contracts import BANKS, check_segments
from erosion.core.raster.grid import Grid

STEPS = 6
"""Straight pieces a segment's bank line is drawn with."""

LEAF_POINTS = 32
"""Leaf size of the searches for the nearest bank; twice as fast as scipy's ten where the points lie along lines."""

CURVATURE_SCALE = 1.0
"""Smoothing of the published curvature, in channel widths."""


@dataclass(frozen=True)
class Baseline:
    """Bank segments of one date and their cells.

    Attributes
    ----------
    segments
        One row per segment, columns of ``contracts.SEGMENT_COLUMNS``, bank line as geometry, metric CRS.
    centre
        Centre line: chainage_m, x, y, width_m, part; one row per point, downstream order.
    grid
        Pixel grid of the cells.
    pixel
        Flat indices of the corridor's pixels, ascending, shape (n_pixels,).
    owner
        Row in ``segments`` of the bank nearest to each of those pixels, shape (n_pixels,).
    bank_points
        For each bank of the river, L and R: points along all of it [m], shape (n, 2), and the row in ``segments`` each
        lies on, -1 beyond the ends of the reach, shape (n,). See :meth:`owner_on`.
    river
        True where the baseline itself has river, shape (n_pixels,).
    transect
        Flat pixel indices along each segment's transect from the river landward, -1 outside the image,
        shape (n_segments, n_samples).
    transect_m
        Distance of those samples from the bank, landward positive [m], shape (n_samples,).
    version
        Date of the mask, ISO.
    skipped
        What the mask held and the baseline left out, in words.
    """

    segments: gpd.GeoDataFrame
    centre: pd.DataFrame
    grid: Grid
    pixel: NDArray[np.int64]
    owner: NDArray[np.int32]
    bank_points: Mapping[str, tuple[NDArray[np.float64], NDArray[np.int32]]]
    river: NDArray[np.bool_]
    transect: NDArray[np.int64]
    transect_m: NDArray[np.float64]
    version: str
    skipped: tuple[str, ...]

    @property
    def river_mask(self) -> NDArray[np.bool_]:
        """River pixels as a raster, shape (rows, columns)."""
        mask = np.zeros(self.grid.shape, dtype=bool)
        mask.ravel()[self.pixel[self.river]] = True
        return mask

    def owner_on(self, bank: str, which: NDArray[np.int64]) -> NDArray[np.int32]:
        """Return the row in ``segments`` of the place on one bank that is nearest to some pixels of the corridor.

        Parameters
        ----------
        bank
            L or R.
        which
            Indices into ``pixel``, shape (n,).

        Returns
        -------
        numpy.ndarray
            Shape (n,); -1 where that place lies beyond the ends of the reach, and everywhere if there is no such bank.
        """
        tree = self._trees[bank]
        if tree is None:
            return np.full(len(which), -1, dtype=np.int32)
        # One worker: a call asks for some thousand pixels, and starting threads takes longer than finding them.
        _, nearest = tree.query(_pixel_xy(self.grid, self.pixel[which]))
        return self.bank_points[bank][1][nearest]

    @cached_property
    def _trees(self) -> dict[str, cKDTree | None]:
        return {
            name: cKDTree(xy, leafsize=LEAF_POINTS) if len(xy) else None for name, (xy, _) in self.bank_points.items()
        }


def cut_baseline(
    water: NDArray[np.bool_], grid: Grid, region: Region, version: str, unseen: NDArray[np.bool_] | None = None
) -> Baseline:
    """Return the banks in a mask, cut into segments.

    Parameters
    ----------
    water
        Water mask, shape (rows, columns).
    grid
        Its pixel grid, metric.
    region
        A region of one reach: where upstream is, segment length and corridor width.
    version
        Date of the mask, ISO; becomes the baseline's name.
    unseen
        Pixels that were not observed, where ``water`` is False, shape (rows, columns): where water ends there is no bank. None
        where all were seen.

    Returns
    -------
    Baseline

    Raises
    ------
    ChannelError
        If no river can be traced in the mask.
    """
    from pyproj import Transformer  # heavy, and only new segments need it

    to_metric = Transformer.from_crs("EPSG:4326", grid.crs, always_xy=True)
    settings = region.segments
    channel = trace_channel(
        water,
        grid,
        to_metric.transform(*region.reach.upstream),
        min_island_m2=settings.min_island_m2,
        min_part_m=settings.min_part_m,
        unseen=unseen,
    )
    cuts = [_cut(line, settings.length_m) for line in channel.banks]
    lines = np.concatenate(list(cuts))
    bank = np.repeat([line.bank for line in channel.banks], [len(cut) for cut in cuts])
    if not len(lines):
        raise ChannelError(f"mask {version}: every bank is shorter than half a segment of {settings.length_m:.0f} m")
    segments, order = _describe(lines, bank, channel, region.reach.name, version, grid.crs)
    lines = lines[order]
    pixel, owner, bank_points = _cells(lines, segments["bank"].to_numpy(), channel, grid, settings.corridor_m)
    transect, transect_m = _transects(segments, lines, grid, settings.corridor_m)
    centre = pd.DataFrame(
        {
            "chainage_m": channel.chainage,
            "x": channel.centre_xy[:, 0],
            "y": channel.centre_xy[:, 1],
            "width_m": channel.width,
            "part": channel.part,
        }
    )
    return Baseline(
        segments=check_segments(segments),
        centre=centre,
        grid=grid,
        pixel=pixel,
        owner=owner,
        bank_points=bank_points,
        river=channel.water.ravel()[pixel],
        transect=transect,
        transect_m=transect_m,
        version=version,
        skipped=channel.skipped,
    )


def middle_xy(lines: gpd.GeoSeries) -> NDArray[np.float64]:
    """Return the middle of each bank line [m], shape (n, 2)."""
    xy: NDArray[np.float64] = shapely.get_coordinates(
        shapely.line_interpolate_point(lines.to_numpy(), 0.5, normalized=True)
    )
    return xy


def curvature(xy: NDArray[np.float64], spacing_m: float, scale_m: float) -> NDArray[np.float64]:
    """Return the signed curvature of an evenly spaced line after Gaussian smoothing.

    Parameters
    ----------
    xy
        Points [m], shape (n, 2).
    spacing_m
        Distance between them [m].
    scale_m
        Standard deviation of the smoothing [m].

    Returns
    -------
    numpy.ndarray
        Curvature [1/m], positive where the line turns left, shape (n,).
    """
    from scipy.ndimage import gaussian_filter1d  # heavy, and only new segments need it

    sigma = max(scale_m / spacing_m, 1e-6)
    x, y = gaussian_filter1d(xy, sigma=sigma, axis=0, mode="nearest").T
    dx, dy = np.gradient(x), np.gradient(y)
    speed = np.maximum(np.hypot(dx, dy), 1e-9)
    turn: NDArray[np.float64] = (dx * np.gradient(dy) - dy * np.gradient(dx)) / speed**3
    return turn


def outer_side(segments: gpd.GeoDataFrame, centre: pd.DataFrame) -> NDArray[np.float64]:
    """Return +1 where a left turn of the river makes the bank the outer one, -1 where it makes it the inner one.

    A bank whose land lies to the right of the flow is the outer bank of a left turn; this holds for both shores of an
    island as well as for the river's own banks. Shape (n_segments,).
    """
    station = np.searchsorted(centre["chainage_m"].to_numpy(), segments["chainage_m"].to_numpy()).clip(
        0, len(centre) - 1
    )
    flow_x, flow_y = np.gradient(centre["x"].to_numpy())[station], np.gradient(centre["y"].to_numpy())[station]
    landward = np.radians(segments["landward_deg"].to_numpy())
    cross = flow_x * np.cos(landward) - flow_y * np.sin(landward)
    on_right = np.where(segments["bank"] == "R", 1.0, np.where(segments["bank"] == "L", -1.0, -np.sign(cross)))
    return np.where(on_right == 0, 1.0, on_right)


def near_reach_end(baseline: Baseline) -> NDArray[np.bool_]:
    """Return True for segments within one channel width of an end of the mapped reach, shape (n_segments,)."""
    chainage = baseline.segments["chainage_m"].to_numpy()
    width = baseline.segments["width_m"].to_numpy()
    near = np.zeros(len(chainage), dtype=bool)
    for _, piece in baseline.centre.groupby("part"):
        for end in (piece["chainage_m"].iloc[0], piece["chainage_m"].iloc[-1]):
            near |= np.abs(chainage - end) < width
    return near


def _cut(line: BankLine, length_m: float) -> NDArray[np.float64]:
    """Return one bank in equal pieces of about ``length_m``, shape (n, STEPS + 1, 2)."""
    xy, usable = line.xy, ~line.beyond_end
    if line.bank == "I" and not usable.all():
        # A ring must not be cut where its points happen to start.
        first = int(usable.argmin())
        xy, usable = np.roll(xy, -first, axis=0), np.roll(usable, -first)
    change = np.flatnonzero(np.diff(np.concatenate([[False], usable, [False]]).astype(np.int8)))
    pieces = []
    for start, stop in change.reshape(-1, 2):
        part = xy[start:stop]
        if line.bank == "I" and usable.all():
            part = np.vstack([part, part[:1]])
        along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(part, axis=0).T))])
        count = round(along[-1] / length_m)
        if count == 0:
            continue
        even = np.linspace(0.0, along[-1], count * STEPS + 1)
        points = np.column_stack([np.interp(even, along, part[:, 0]), np.interp(even, along, part[:, 1])])
        index = np.arange(count)[:, None] * STEPS + np.arange(STEPS + 1)
        pieces.append(points[index])
    return np.concatenate(pieces) if pieces else np.zeros((0, STEPS + 1, 2))


def _describe(
    lines: NDArray[np.float64], bank: NDArray[np.str_], channel: Channel, reach: str, version: str, crs: str
) -> tuple[gpd.GeoDataFrame, NDArray[np.int64]]:
    middle = lines[:, STEPS // 2]
    _, station = cKDTree(channel.centre_xy).query(middle)
    chainage = np.round(channel.chainage[station]).astype(np.int64)
    chord = lines[:, -1] - lines[:, 0]
    # Banks run downstream with the river between them, islands anticlockwise around their land.
    right_hand = (bank == "R")[:, None]
    landward = np.where(right_hand, chord[:, ::-1] * [1, -1], chord[:, ::-1] * [-1, 1])
    spacing = float(np.median(np.hypot(*np.diff(channel.centre_xy, axis=0).T)))
    turn = curvature(channel.centre_xy, spacing, CURVATURE_SCALE * float(np.median(channel.width)))
    segments = gpd.GeoDataFrame(
        {
            "segment_id": "",
            "reach": reach,
            "bank": bank,
            "chainage_m": chainage,
            "length_m": np.hypot(*np.diff(lines, axis=1).transpose(2, 0, 1)).sum(axis=1),
            "landward_deg": np.degrees(np.arctan2(landward[:, 0], landward[:, 1])) % 360.0,
            "curvature_per_m": turn[station],
            "width_m": channel.width[station],
            "baseline": version,
        },
        geometry=shapely.linestrings(lines),
        crs=crs,
    )
    order = np.lexsort((middle[:, 1], middle[:, 0], segments["chainage_m"], segments["bank"]))
    segments = segments.iloc[order].reset_index(drop=True)
    segments["chainage_m"] = _unique_chainage(segments["bank"].to_numpy(), segments["chainage_m"].to_numpy())
    segments["segment_id"] = [
        f"{reach}-{b}-{c:07d}" for b, c in zip(segments["bank"], segments["chainage_m"], strict=True)
    ]
    centre = pd.DataFrame({"chainage_m": channel.chainage, "x": channel.centre_xy[:, 0], "y": channel.centre_xy[:, 1]})
    segments["curvature_per_m"] *= outer_side(segments, centre)
    return segments, order


def _unique_chainage(bank: NDArray[np.str_], chainage: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return chainages with equal ones of a bank moved on by single metres, so that an id names one place (sorted input)."""
    result = chainage.copy()
    for name in BANKS:
        mine = np.flatnonzero(bank == name)
        if mine.size:
            step = np.arange(mine.size)
            result[mine] = np.maximum.accumulate(chainage[mine] - step) + step
    return result


def _cells(
    lines: NDArray[np.float64], bank: NDArray[np.str_], channel: Channel, grid: Grid, corridor_m: float
) -> tuple[NDArray[np.int64], NDArray[np.int32], dict[str, tuple[NDArray[np.float64], NDArray[np.int32]]]]:
    """Return the pixels of the corridor with their nearest segment, and the points of the left and right bank.

    Pixels nearest to a piece of bank beyond the ends of the reach belong to none and are left out.
    """
    points = 0.5 * (lines[:, 1:] + lines[:, :-1])
    pixel = _near_pixels(points.reshape(-1, 2), grid, corridor_m)
    # Points on banks beyond the ends belong to row -1.
    strays = {name: [line.xy[line.beyond_end] for line in channel.banks if line.bank == name] for name in BANKS}
    sources = {name: np.concatenate([points[bank == name].reshape(-1, 2), *strays[name]]) for name in BANKS}
    row_of = {
        name: np.pad(
            np.repeat(np.flatnonzero(bank == name), STEPS), (0, sum(map(len, strays[name]))), constant_values=-1
        ).astype(np.int32)
        for name in BANKS
    }
    every = cKDTree(np.concatenate(list(sources.values())), leafsize=LEAF_POINTS)
    _, index = every.query(_pixel_xy(grid, pixel), distance_upper_bound=corridor_m, workers=2)
    rows = np.append(np.concatenate(list(row_of.values())), np.int32(-1))[index]
    inside = rows >= 0
    return pixel[inside], rows[inside], {name: (sources[name], row_of[name]) for name in ("L", "R")}


def _pixel_xy(grid: Grid, pixel: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the centres of pixels given by flat index [m], shape (n, 2)."""
    return np.column_stack([grid.x[pixel % grid.width], grid.y[pixel // grid.width]])


def _near_pixels(points: NDArray[np.float64], grid: Grid, within_m: float) -> NDArray[np.int64]:
    """Return flat indices of a few more pixels than lie within a distance of the points, by blocks of 8 x 8."""
    from scipy.ndimage import distance_transform_edt  # heavy, and only new segments need it

    block = 8
    rows, columns = -(-grid.height // block), -(-grid.width // block)
    row, column = grid.row_column(points)
    far = np.ones((rows, columns), dtype=bool)
    far[(row // block).clip(0, rows - 1), (column // block).clip(0, columns - 1)] = False
    reach = within_m / (block * grid.pixel_m) + 2**0.5
    near = distance_transform_edt(far) <= reach
    every = near.repeat(block, axis=0).repeat(block, axis=1)
    return np.flatnonzero(every[: grid.height, : grid.width])


def _transects(
    segments: gpd.GeoDataFrame, lines: NDArray[np.float64], grid: Grid, corridor_m: float
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the pixels and distances of one transect a segment, at right angles through the middle of its bank line."""
    half = 0.5 * grid.pixel_m
    along = np.arange(-corridor_m / 2, corridor_m + half, half)
    landward = np.radians(segments["landward_deg"].to_numpy())
    direction = np.column_stack([np.sin(landward), np.cos(landward)])
    points = lines[:, STEPS // 2, None, :] + along[None, :, None] * direction[:, None, :]
    row, column = grid.row_column(points.reshape(-1, 2))
    inside = (row >= 0) & (row < grid.height) & (column >= 0) & (column < grid.width)
    index = np.where(inside, row * grid.width + column, -1)
    return index.reshape(len(lines), along.size), along
