"""Time and memory of segments and retreat of every epoch, as a whole process, beside a plain read of the same masks.

Run ``python benchmarks/banks.py`` for the table (Markdown on stdout) or ``--once`` for one process of work alone.
"""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

READ = """
import sys, rasterio
for path in sys.argv[1:]:
    with rasterio.open(path) as mask:
        mask.read(1)
"""


class Cost(NamedTuple):
    """What one process took."""

    wall_s: float
    cpu_s: float
    peak_mb: float


def measure_once(region_name: str) -> str:
    """Read the masks, cut the banks of the newest one and measure them in all; say what was measured."""
    import pandas as pd

    from erosion.banks.as_of import baseline_on, observe_region
    from erosion.banks.measuring import measure_banks
    from erosion.config.region import load_region
    from erosion.gauges.combine import empty_gauges
    from erosion.water.read import read_water

    region = load_region(region_name)
    as_of = pd.Timestamp("2100-01-01")
    water, _ = read_water(region, as_of, empty_gauges())
    baseline = baseline_on(region, water, as_of)
    banks = measure_banks(observe_region(region, water, baseline), baseline)
    rows, columns = baseline.grid.shape
    return f"{banks.sizes['epoch']} masks of {rows} x {columns} pixels, {banks.sizes['segment_id']} bank segments"


def cost_of(command: list[str]) -> Cost:
    """Run a command in a process of its own and return what it took."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    if status:
        raise SystemExit(f"{' '.join(command[:3])} failed with status {status}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def masks_of(region_name: str) -> list[str]:
    """Paths of the mask files of a region."""
    from erosion.config.region import load_region

    return [str(p) for s in load_region(region_name).mask_sources for p in sorted(s.path.glob(s.files))]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--region", default="mamore", help="name or path of a region (default: %(default)s)")
    parser.add_argument("--runs", type=int, default=5, help="processes of each kind (default: %(default)s)")
    parser.add_argument("--once", action="store_true", help="do the work once, in this process, and leave")
    options = parser.parse_args()
    if options.once:
        print(measure_once(options.region))
        gc.freeze()  # as the command line does: the process ends, nothing is left to sweep
        return
    masks = masks_of(options.region)
    commands = {
        "plain read of the masks (rasterio)": [sys.executable, "-c", READ, *masks],
        "segments and retreat of all epochs": [
            sys.executable,
            str(Path(__file__)),
            "--once",
            "--region",
            options.region,
        ],
    }
    for command in commands.values():  # files and libraries come into the disk cache
        cost_of(command)
    # Taken in turns, so that a busy minute of the machine falls on both.
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    for _ in range(options.runs):
        for name, command in commands.items():
            costs[name].append(cost_of(command))
    read, work = costs.values()
    print(f"{measure_once(options.region)}; {options.runs} whole processes each, {os.cpu_count()} processors\n")
    print("| process | least s | median s | CPU s (median) | peak MB (largest) |")
    print("|---|---:|---:|---:|---:|")
    for name, taken in costs.items():
        wall = [cost.wall_s for cost in taken]
        cpu = statistics.median(cost.cpu_s for cost in taken)
        peak = max(cost.peak_mb for cost in taken)
        print(f"| {name} | {min(wall):.2f} | {statistics.median(wall):.2f} | {cpu:.2f} | {peak:.0f} |")
    ratios = [w.wall_s / r.wall_s for r, w in zip(read, work, strict=True)]
    print(
        f"\nRatio to the read, run by run: {min(ratios):.1f} to {max(ratios):.1f}, median {statistics.median(ratios):.1f}"
    )


if __name__ == "__main__":
    main()
