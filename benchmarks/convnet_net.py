"""The network of ``convnet.py`` and how it is trained. Needs PyTorch, the extra ``peer``."""

from __future__ import annotations

import copy
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 (its usual name)
from convnet_strips import ACROSS_M, Sequence
from numpy.typing import NDArray
from torch import nn


class Settings(NamedTuple):
    """What was chosen on the development years."""

    masks: int = 5
    """Newest masks that are seen, at most ``EPOCHS``."""
    passes: int = 8
    """Passes over a random half of the pieces to learn from."""
    more_passes: int = 3
    """Passes when a network goes on learning from more rows."""
    rate: float = 3e-3
    """Highest learning rate; it rises over a fifth of the steps and falls to nought."""
    more_rate: float = 1e-3
    decay: float = 1e-2
    dropout: float = 0.2


CHANNELS = (16, 32, 32)
WIDTH = 64
"""Channels along the bank, once the samples across it are joined."""

DILATIONS = (1, 2, 4, 8)
HALF = len(CHANNELS) + sum(DILATIONS)
"""Columns of either side that a forecast sees: 18 segments, 1.8 km."""

PIECE = 64
"""Columns of a piece of bank that is learnt from at once."""

BATCH = 8
SHARE = 0.5
OWN_WEIGHT = 3.0
"""Weight in the loss of a target's own distance against each of the others."""


class Net(nn.Module):
    """Log odds that retreat reaches each distance, of every target, at every column of a strip.

    Convolutions over the strip, each halving the samples across the bank; then the samples across are joined, and
    dilated convolutions look along the bank. The log odds fall along the distances by construction.
    """

    def __init__(self, settings: Settings, base: NDArray[np.float32]) -> None:
        super().__init__()
        self.n_targets, self.n_knots = base.shape
        sizes = (settings.masks, *CHANNELS)
        self.across = nn.ModuleList(
            nn.Conv2d(a, b, 3, stride=(1, 2), padding=(0, 1)) for a, b in zip(sizes[:-1], sizes[1:], strict=True)
        )
        self.across_norm = nn.ModuleList(nn.BatchNorm2d(size) for size in CHANNELS)
        joined = CHANNELS[-1] * (len(ACROSS_M) // 2 ** len(CHANNELS)) + 2 + settings.masks
        self.join, self.join_norm = nn.Conv1d(joined, WIDTH, 1), nn.BatchNorm1d(WIDTH)
        self.along = nn.ModuleList(nn.Conv1d(WIDTH, WIDTH, 3, dilation=step) for step in DILATIONS)
        self.along_norm = nn.ModuleList(nn.BatchNorm1d(WIDTH) for _ in DILATIONS)
        self.drop = nn.Dropout(settings.dropout)
        self.head = nn.Conv1d(WIDTH, base.size, 1)
        with torch.no_grad():
            # Training starts from the share of all rows that reached a distance.
            start = torch.from_numpy(base)
            falls = (start[:, :-1] - start[:, 1:]).clamp(min=1e-2)
            self.head.weight *= 0.3
            self.head.bias.copy_(torch.cat([start[:, :1], torch.log(torch.expm1(falls))], 1).reshape(-1))

    def forward(self, share: torch.Tensor, about: torch.Tensor) -> torch.Tensor:
        """Return log odds, shape (pieces, targets, knots, columns - 2 HALF).

        Parameters
        ----------
        share, about
            Shapes (pieces, masks, columns, across) and (pieces, 2 + masks, columns).
        """
        x = share
        for convolve, norm in zip(self.across, self.across_norm, strict=True):
            x = F.relu(norm(convolve(x)))
        x = x.permute(0, 1, 3, 2).flatten(1, 2)
        rim = len(CHANNELS)
        x = F.relu(self.join_norm(self.join(torch.cat([x, about[:, :, rim:-rim]], 1))))
        for convolve, norm, step in zip(self.along, self.along_norm, DILATIONS, strict=True):
            x = x[:, :, step:-step] + F.relu(norm(convolve(x)))
        raw = self.head(self.drop(x)).unflatten(1, (self.n_targets, self.n_knots))
        falls = torch.cat([torch.zeros_like(raw[:, :, :1]), F.softplus(raw[:, :, 1:])], 2)
        return raw[:, :, :1] - falls.cumsum(2)


def fit_net(
    sequence: Sequence,
    reached: NDArray[np.bool_],
    use: NDArray[np.bool_],
    own: list[int],
    settings: Settings,
    seed: int,
    start: Net | None = None,
) -> Net:
    """Return a network fitted by the binary cross-entropy of every distance and target.

    Parameters
    ----------
    sequence
        Columns of all rows.
    reached
        Whether the retreat of each row reached each distance, shape (n_rows, n_targets, n_knots).
    use
        Which rows each target is learnt from, shape (n_rows, n_targets).
    own
        Number of the distance of each target itself.
    settings, seed
        The same ones give the same network on the same machine.
    start
        Network that goes on learning, itself unchanged; a new one when None.
    """
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    rng = np.random.default_rng(seed)
    base = np.stack([_base_log_odds(reached[use[:, j], j]) for j in range(len(own))])
    net = (Net(settings, base) if start is None else copy.deepcopy(start)).to(memory_format=torch.channels_last).train()
    passes, rate = (settings.passes, settings.rate) if start is None else (settings.more_passes, settings.more_rate)
    weight = torch.ones(base.shape)
    weight[range(len(own)), own] = OWN_WEIGHT
    weight = (weight / weight.sum(1, keepdim=True))[None, :, :, None]
    at = sequence.row >= 0
    learn = np.zeros((len(at) + PIECE, len(own)), dtype=bool)
    learn[: len(at)][at] = use[sequence.row[at]]
    row = np.pad(sequence.row, (0, PIECE), constant_values=-1)
    per_pass = len(_pieces(learn, rng)) // BATCH
    if not per_pass:
        raise ValueError(
            f"the rows to learn from fill fewer than {BATCH / SHARE:g} pieces of {PIECE} segments; give a longer series"
        )
    optimiser = torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=settings.decay)
    # A pass may hold some pieces more or less, by where they start; each takes the same number of steps at least.
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=passes * per_pass, pct_start=0.2)
    for _ in range(passes):
        pieces = _pieces(learn, rng)
        for step in range(per_pass):
            starts = np.take(pieces, range(step * BATCH, (step + 1) * BATCH), mode="wrap")
            column = starts[:, None] + np.arange(PIECE)
            wanted = torch.from_numpy(reached[row[column]].astype(np.float32)).permute(0, 2, 3, 1)
            counts = torch.from_numpy(learn[column].astype(np.float32)).permute(0, 2, 1)
            odds = net(*_inputs(sequence, starts, PIECE, settings.masks))
            loss = F.binary_cross_entropy_with_logits(odds, wanted, reduction="none")
            loss = ((loss * weight).sum(2) * counts).sum() / counts.sum()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return net.eval()


def net_log_odds(net: Net, sequence: Sequence, wanted: NDArray[np.bool_], settings: Settings) -> NDArray[np.float64]:
    """Return the log odds of the wanted rows, in their order, shape (n_wanted, n_targets, n_knots)."""
    result = np.full((len(wanted), net.n_targets, net.n_knots), np.nan)
    at = sequence.row >= 0
    here = np.zeros(len(at), dtype=bool)
    here[at] = wanted[sequence.row[at]]
    length = 4 * PIECE
    starts = np.array([start for start in range(0, len(at), length) if here[start : start + length].any()])
    with torch.no_grad():
        for some in np.array_split(starts, -(-len(starts) // BATCH)):
            odds = net(*_inputs(sequence, some, length, settings.masks)).permute(0, 3, 1, 2).numpy()
            column = some[:, None] + np.arange(length)
            inside = column < len(at)
            inside[inside] = here[column[inside]]
            result[sequence.row[column[inside]]] = odds[inside]
    return result[wanted]


def _base_log_odds(reached: NDArray[np.bool_]) -> NDArray[np.float32]:
    count = reached.sum(axis=0)
    # Half a case more on either side keeps the log odds finite.
    return np.log((count + 0.5) / (len(reached) - count + 0.5)).astype(np.float32)


def _pieces(learn: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.int64]:
    """Return where a random half of the pieces that hold something to learn start."""
    starts = np.arange(int(rng.integers(PIECE)), len(learn) - PIECE, PIECE)
    holds = np.add.reduceat(learn.any(axis=1), starts) > 0
    some = rng.permutation(starts[holds])
    return some[: int(len(some) * SHARE)]


def _inputs(
    sequence: Sequence, starts: NDArray[np.int64], length: int, masks: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what the network sees of pieces, with the columns of either side that it needs."""
    column = (starts[:, None] + np.arange(-HALF, length + HALF)).clip(0, len(sequence.row) - 1)
    share = torch.from_numpy(sequence.share[:, :masks][column]).permute(0, 2, 1, 3)
    about = torch.from_numpy(sequence.about[:, : 2 + masks][column]).permute(0, 2, 1)
    return share.contiguous(memory_format=torch.channels_last).float() / 255, about
