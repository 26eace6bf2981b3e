"""Time `onebyone scan` beside tools that run a network over tiles, on one image and network.

    python benchmarks/scan_peers.py --write --tools slide,scan,monai --side 2000
    benchmarks/scan_peers.sh                  # each tool in an environment of its own

Each tool runs the same windows: those whose overlap is 50, 75 or 87.5 % of their side. Prints a
line of JSON for each tool and overlap: windows and windows a second, by the least of the rounds,
with what a tool does to begin a run. tiatoolbox asks for torch < 2.13, so the network goes to it as
TorchScript, and `--write` puts that and the image into the folder.
"""

import argparse
import json
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

SIDE, OVERLAPS, BATCH = 64, (0.5, 0.75, 0.875), 32
IMAGE, NETWORK = "tissue.tif", "network.pt"


def small_padded() -> nn.Module:
    """The padded network of onebyone's benchmark, weights random and always the same."""
    from onebyone.bench.networks import small_padded as build

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build()


def write(folder: Path, side: int) -> None:
    from onebyone.bench.scan_images import write_image

    folder.mkdir(parents=True, exist_ok=True)
    write_image("jpeg", folder / IMAGE, side, 3)
    example = torch.zeros(1, 3, SIDE, SIDE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.trace(small_padded(), example).save(str(folder / NETWORK))


def read_pixels(folder: Path) -> torch.Tensor:
    """The image [1, 3, H, W] from 0 to 1, in memory."""
    import tifffile

    pixels = tifffile.imread(folder / IMAGE, level=0)
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255


def run_slide(folder: Path, stride: int) -> Callable[[], int]:
    """onebyone.slide over the image in memory: what ratios are to."""
    import onebyone

    sliding = onebyone.slide(small_padded(), (3, SIDE, SIDE), stride)
    pixels = read_pixels(folder)
    with torch.inference_mode():
        sliding(pixels)  # plans

    def run() -> int:
        with torch.inference_mode():
            return sliding(pixels)[0, 0].numel()

    return run


def run_scan(folder: Path, stride: int) -> Callable[[], int]:
    """onebyone.scan over the file; the map is written, durably."""
    import onebyone

    sliding = onebyone.slide(small_padded(), (3, SIDE, SIDE), stride, scale=1 / 255)
    target = folder / "map.zarr"
    return lambda: (
        onebyone.scan(
            folder / IMAGE, sliding, target, executor=torch.get_num_threads(), overwrite=True
        ).counts.windows
    )


def run_monai(folder: Path, stride: int) -> Callable[[], int]:
    """MONAI's inferer over the image in memory; scores are collected, one channel stitched."""
    from monai.inferers.inferer import SlidingWindowInferer

    network, pixels = torch.jit.load(folder / NETWORK), read_pixels(folder)
    # It rounds the step down; half a pixel more keeps it from losing one.
    inferer = SlidingWindowInferer((SIDE, SIDE), BATCH, overlap=1 - (stride + 0.5) / SIDE)

    def run() -> int:
        scores = []

        def predict(windows: torch.Tensor) -> torch.Tensor:
            scores.append(network(windows))
            return windows[:, :1]

        with torch.inference_mode():
            inferer(pixels, predict)
        return sum(map(len, scores))

    return run


def run_tiatoolbox(folder: Path, stride: int) -> Callable[[], int]:
    """tiatoolbox's PatchPredictor over the file; it writes its scores in Zarr."""
    import zarr
    from tiatoolbox.models.engine.io_config import IOPatchPredictorConfig
    from tiatoolbox.models.engine.patch_predictor import PatchPredictor
    from tiatoolbox.models.models_abc import ModelABC

    class Wrapped(ModelABC):
        def __init__(self) -> None:
            super().__init__()
            self.inner = torch.jit.load(folder / NETWORK)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.inner(x)

        @staticmethod
        def infer_batch(model, batch, *, device):
            with torch.inference_mode():
                pixels = batch.to(device).permute(0, 3, 1, 2).float() / 255
                return model(pixels).cpu().numpy()

    config = IOPatchPredictorConfig(
        input_resolutions=[{"units": "baseline", "resolution": 1.0}],
        patch_input_shape=(SIDE, SIDE),
        stride_shape=(stride, stride),
    )
    predictor = PatchPredictor(model=Wrapped(), batch_size=BATCH, num_workers=0, verbose=False)

    def run() -> int:
        with tempfile.TemporaryDirectory() as work:
            found = predictor.run(
                images=[folder / IMAGE], patch_mode=False, ioconfig=config, device="cpu",
                save_dir=Path(work) / "out", output_type="zarr", overwrite=True,
                return_probabilities=True, auto_get_mask=False,
            )  # fmt: skip
            scores = zarr.open(next(iter(found.values())), mode="r")["probabilities"]
            return int(scores.shape[0])

    return run


TOOLS = {"slide": run_slide, "scan": run_scan, "monai": run_monai, "tiatoolbox": run_tiatoolbox}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tools", default="slide,scan,monai")
    parser.add_argument("--folder", type=Path, default=Path("scan-peers"))
    parser.add_argument("--write", action="store_true", help="make the image and the network first")
    parser.add_argument("--side", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    if asked.write:
        write(asked.folder, asked.side)
    for overlap in OVERLAPS:
        stride = round(SIDE * (1 - overlap))
        runs = {tool: TOOLS[tool](asked.folder, stride) for tool in asked.tools.split(",")}
        times: dict[str, list[float]] = {tool: [] for tool in runs}
        windows = {}
        for _ in range(asked.rounds):  # by turns, so that what else runs slows all of them
            for tool, run in runs.items():
                start = time.perf_counter()
                windows[tool] = run()
                times[tool].append(time.perf_counter() - start)
        for tool, seconds in times.items():
            rate = windows[tool] / float(np.min(seconds))
            line = {
                "tool": tool, "overlap": overlap, "stride": stride, "windows": windows[tool],
                "windows_a_second": round(rate, 1), "seconds": [round(s, 2) for s in seconds],
            }  # fmt: skip
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
