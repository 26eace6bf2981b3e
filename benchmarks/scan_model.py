"""A model of the time and memory of a scan, and how far measurements here are from it.

    python benchmarks/scan_model.py --folder scan-model

Time is begin + pixels · cost / workers, and no less than tiles · hand, the time that giving out a
tile takes; memory of a process is base + threads · tile, whatever the image's size. The two smaller
scans on one worker give begin and cost. Other sizes and two workers are predicted, and measured,
each in a fresh process, on the demo's network for stains at stride 4 over a slide of JPEG tiles.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

SIDES = (1_400, 4_400, 14_000)
WORKERS = (1, 2)
HAND = 3e-3
"""Seconds for each task of Dask, as measured: 2 to 4 ms."""

ONE = """
import json, resource, sys, time
import torch
import onebyone as ob
from onebyone.demos import scan_networks
torch.set_num_threads(1)
image, to, workers = sys.argv[1], sys.argv[2], int(sys.argv[3])
sliding = ob.slide(scan_networks.stains(), (3, 32, 32), 4, scale=1 / 255)
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
before, cpu, start = peak(), time.process_time(), time.perf_counter()
run = ob.scan(image, sliding, to, executor=workers, overwrite=True)
found = {"seconds": time.perf_counter() - start, "processor": time.process_time() - cpu}
print(json.dumps(found | {"tiles": run.tiles, "base": before, "peak": peak()}))
"""


def measure(folder: Path, side: int, workers: int) -> dict[str, float]:
    from onebyone.bench.scan_images import write_image

    image = folder / f"{side}.tif"
    if not image.exists():
        write_image("jpeg", image, side, 3)
    words = [sys.executable, "-c", ONE, str(image), str(folder / "map.zarr"), str(workers)]
    told = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    found: dict[str, float] = json.loads(told)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("scan-model"))
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    found = {(s, w): measure(asked.folder, s, w) for s in SIDES for w in WORKERS}
    for kind in ("processor", "seconds"):  # the last is what the table is of
        small, middle = (found[side, 1][kind] for side in SIDES[:2])
        cost = (middle - small) / (SIDES[1] ** 2 - SIDES[0] ** 2)
        begin = max(small - cost * SIDES[0] ** 2, 0)
        print(f"{kind}: begin {begin:.2f} s, {1e-6 / cost:.2f} Mpixels a second")
        for (side, workers), each in found.items():
            share = 1 if kind == "processor" else workers
            said = begin + side**2 * cost / share
            peak, base = each["peak"] / 2**20, each["base"] / 2**20
            print(
                f"  {side**2:.1e} pixels, {workers} workers: {each[kind]:.1f} s measured, "
                f"{said:.1f} s by the model; {peak:.0f} MiB, {base:.0f} before the scan"
            )
    print(json.dumps({f"{s} {w}": each for (s, w), each in found.items()}))
    tile = SIDES[-1] ** 2 / found[SIDES[-1], 1]["tiles"]
    for pixels in (1e9, 1e10, 1e11, 1e12):
        row = []
        for workers in (1, 10, 100, 1000):
            row.append(max(begin + pixels * cost / workers, pixels / tile * HAND))
        print(f"{pixels:.0e} pixels:", *(f"{seconds / 3600:.3g} h" for seconds in row))


if __name__ == "__main__":
    main()
