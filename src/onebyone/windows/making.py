"""Making a sliding model of a trained network."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from onebyone.choices import Backend, Padding
from onebyone.errors import InputError
from onebyone.graphs.capture import capture, example_windows
from onebyone.models import Network, Preprocessing
from onebyone.windows.arguments import (
    model_of,
    per_channel,
    refuse_settings,
    refuse_training,
    stride_of,
    without_gradients,
)
from onebyone.windows.backends import ASKED
from onebyone.windows.costs import Costs
from onebyone.windows.geometry import Geometry
from onebyone.windows.lowering import lower
from onebyone.windows.preparing import Preparing
from onebyone.windows.sliding import SlidingModel
from onebyone.windows.target import this_machine


def slide(
    model: Network | str | Path,
    window: Sequence[int] | None = None,
    stride: int | Sequence[int] | None = None,
    *,
    padding: Padding = "crop",
    mean: float | Sequence[float] | None = None,
    std: float | Sequence[float] | None = None,
    scale: float | None = None,
    memory: int | None = None,
    verify: int = 2,
    backend: Backend = "torch",
    costs: Costs | None = None,
    weights: str | Path | None = None,
    trust: bool = False,
    classes: int | None = None,
    download: bool = False,
    layout: str | None = None,
    inputs: Mapping[str, Any] | None = None,
    crops: bool = False,
) -> SlidingModel:
    """Apply a network for one window at every window of larger images, sharing what is shared.

    Args:
        model: a module in eval mode that takes windows [N, C, *space], an exported program, or what
            `--model` may name: a bundled name, a network of timm or torchvision (`timm:resnet18`,
            `torchvision:vgg16`), a file, or `package.module:function`, which is imported and
            called.
        window: (C, *space), one to three spatial sizes in pixels; by default the model's own, where
            it says one, as models with names and exported programs do. A network of timm or
            torchvision is built for it, where it is built for one size.
        stride: pixels from one window to the next, one number or one for each axis; by default
            the network's own total stride, or the window's size where it has none.
        padding: "crop" gives exactly what each crop would give; "image" pads at the border of the
            image only, which is cheaper for networks with padding and not equal to crops.
        mean: subtracted from the scaled pixels, one number or one for each channel; by default
            what a model with a name was trained with, else nothing.
        std: divides them after that; by default as `mean`.
        scale: multiplies pixels first. Models with names take pixels from 0 to 1, and scale 8 bits
            to that by themselves; else integer images need it, 1/255 for 8 bits.
        memory: bytes that intermediate results may take; larger images are run in bands.
        verify: how many windows are compared with real crops, once for each image size and state
            of the parameters; 0 for none.
        backend: "torch" runs the emitted graph as it is; "inductor" (torch.compile),
            "onnxruntime" and "openvino" compile it for each image size, with the weights as
            constants: they give no gradients, and compile again when weights change; "auto" times
            all of them on the first piece and keeps the fastest.
        costs: what numbers cost beside arithmetic, for the choice of where sharing ends; by default
            what `calibrate` has measured on this machine, or typical costs.
        weights: a file of weights for a network of timm or torchvision, or for what
            `package.module:function` returns.
        trust: load a `.pt2` file whatever it holds, which can run any code.
        classes: how many classes a network of timm or torchvision is built with.
        download: give a network of timm or torchvision its published weights, which these packages
            fetch once and keep. Nothing is fetched otherwise.
        layout: the axes of an `.onnx` file's input, as "NHWC"; by default found from its graph.
        inputs: values of an `.onnx` file's inputs that take no windows, by their names: a number,
            which all of an input is, or an array.
        crops: have onnxruntime run an `.onnx` file crop by crop, whatever operators it has; nothing
            is shared.

    Returns:
        A module that takes images [B, C, *size] or [C, *size].

    Raises:
        InputError: an argument does not fit, or the network does not run on such windows.

    Example:
        >>> model = nn.Sequential(nn.Conv2d(1, 4, 5), nn.ReLU(), nn.Flatten(), nn.Linear(1024, 3))
        >>> sliding = ob.slide(model.eval(), window=(1, 20, 20), stride=2)
        >>> image = torch.rand(1, 60, 80)
        >>> scores = sliding(image)
        >>> scores.shape  # three classes at 21×31 windows
        torch.Size([3, 21, 31])
        >>> crop = image[:, 2:22, 4:24]  # the window in row 1, column 2
        >>> torch.allclose(scores[:, 1, 2], model(crop[None])[0], atol=1e-5)
        True
    """
    found, shape = model_of(
        model,
        window,
        weights=weights,
        trust=trust,
        classes=classes,
        download=download,
        layout=layout,
        inputs=inputs,
        crops=crops,
    )
    network, own = found.network, (found.preprocessing or Preprocessing()).but(mean, std)
    refuse_settings(padding=padding, memory=memory, verify=verify, scale=scale, costs=costs)
    if backend not in ASKED:
        raise InputError(f"backend={backend!r} is unknown; use one of {', '.join(ASKED)}")
    refuse_training(network)
    with torch.inference_mode(without_gradients(network)):  # as its weights, so are other tensors
        lowered = lower(capture(network, shape), shape, this_machine(costs))
        geometry = Geometry(shape, stride_of(stride, lowered.stride), padding)
        like = example_windows(lowered.captured.model, shape, 0)
        preparing = Preparing(
            scale,
            per_channel("mean", own.mean, shape, like),
            per_channel("std", own.std, shape, like),
            unit=found.preprocessing is not None,
        )
        return SlidingModel(
            lowered,
            geometry,
            preparing=preparing,
            memory=memory,
            verify=verify,
            backend=backend,
        )
