"""An ONNX file as a model: a network of PyTorch for any batch, its window and its classes."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import prod
from pathlib import Path

import onnx
import torch
from torch import Tensor

from onebyone.errors import InputError
from onebyone.models.loading import Model
from onebyone.models.onnx.batch import TIMES, Bound, Freeing
from onebyone.models.onnx.building import MOST_BYTES, Builder
from onebyone.models.onnx.classes import class_names
from onebyone.models.onnx.crops import Crops
from onebyone.models.onnx.file import parse
from onebyone.models.onnx.inputs import Repeated, Takes, Value, takes
from onebyone.models.onnx.network import OnnxNetwork
from onebyone.models.onnx.nodes import every
from onebyone.models.onnx.outputs import batches_of, keep_tensors
from onebyone.models.onnx.quantising import quantising
from onebyone.models.onnx.tensors import tensors
from onebyone.models.onnx.unknown import refuse_unknown, written_out
from onebyone.models.onnx.values import Known
from onebyone.models.onnx.versions import versions
from onebyone.models.pieces import InPieces, OneCall, same_in_pieces

_OLDEST = 7
_DYNAMIC = (
    "it is quantised by the least and largest numbers of all windows that it takes (quantize_static"
    " fixes them)"
)
_BATCHES = (7, 11)
"""Of the runs on shapes, where a file takes any."""


def load_onnx(
    name: str,
    *,
    window: Sequence[int] | None = None,
    layout: str | None = None,
    inputs: Mapping[str, Value] | None = None,
    crops: bool = False,
) -> Model:
    """Load the network of an ONNX file.

    Args:
        name: the file.
        window: (C, *space) of its windows; by default what the file says.
        layout: the axes of its input, as "NHWC"; by default found from the graph.
        inputs: values of its other inputs, by their names: numbers, or arrays.
        crops: run the file itself on onnxruntime, crop by crop, whatever operators it has.

    Raises:
        InputError: the file cannot be read, is not valid, or holds what is not computed; the window
            does not fit.
    """
    path = Path(name)
    before = _state(path)
    model = parse(path, bare=not crops)
    version = versions(model.opset_import).get("", 0)
    if version < _OLDEST:
        raise InputError(
            f"{path}: is of ONNX's operator set {version}; {_OLDEST} is the oldest that is read: "
            "convert it by onnx.version_converter"
        )
    try:
        classes = class_names(model)
        keep_tensors(model.graph, path, version=None if crops else version)
        asked = takes(model.graph, window, layout, inputs or {})
        if crops:
            return _on_crops(model, path, asked, classes)
        model = written_out(model, version)
        quantising(model.graph, version, path)
        refuse_unknown(model.graph, version)
        found = _loaded(model, path, version, asked, classes)
    except InputError as error:
        raise InputError(f"{path}: {error.message}", **error.argument) from error
    if _state(path) != before:
        raise InputError(f"{path}: has changed while it was read")
    return found


def _on_crops(
    model: onnx.ModelProto, path: Path, asked: Takes, classes: tuple[str, ...] | None
) -> Model:
    network: OneCall = Crops(model, path, asked)
    if asked.batch is not None:
        network = InPieces(network, asked.batch, network.why)
    return Model(network, asked.axes.known(asked.sizes), classes)


def _state(path: Path) -> tuple[int, ...] | None:
    """What changes with a file; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _loaded(
    model: onnx.ModelProto,
    path: Path,
    version: int,
    takes: Takes,
    classes: tuple[str, ...] | None,
) -> Model:
    batch, window = takes.batch, takes.axes.known(takes.sizes)
    held = 16 * sum(prod(tensor.dims) * 8 for tensor in tensors(model))
    weights: dict[str, Tensor] = {}

    def built(freeing: Freeing | None, *, spread: bool = False) -> OnnxNetwork:
        outputs = [output.name for output in model.graph.output]
        network = OnnxNetwork([takes.image.name], outputs, takes.dtype, takes.axes.order)
        builder = Builder(path, version, MOST_BYTES + held, freeing, weights)
        known = _known(takes, network, free=freeing is not None, spread=spread)
        builder.build(model.graph, network, known)
        given = {name: known[name] for name in outputs}
        if freeing is not None:
            freeing.require(given.values())
        windows, axis = known[takes.image.name], takes.axes.letters.index("N")
        network.batches = batches_of(given, windows, axis)
        return network

    if any(node.op_type == "DynamicQuantizeLinear" for node in every(*model.graph.node)):
        why = f"{path} {_DYNAMIC}; so it runs as crops and nothing is shared"
        return Model(InPieces(built(None), batch or 1, why), window, classes)
    if batch is None or window is None:
        return Model(built(None), window, classes)
    network, bound = _freed(built, batch, torch.rand(2 * batch, *window))
    if network is None and takes.fixed:
        network, bound = _freed(partial(built, spread=True), batch, torch.rand(2 * batch, *window))
    if network is not None:
        return Model(network, window, classes)
    why = f"is for a batch of {batch} only ({bound}), so it runs as crops and nothing is shared"
    return Model(InPieces(built(None), batch, f"{path} {why}"), window, classes)


def _freed(
    built: Callable[[Freeing | None], OnnxNetwork], batch: int, windows: Tensor
) -> tuple[OnnxNetwork | None, str]:
    """The network for any batch; or None, and why."""
    freeing, bound = Freeing(batch), ""
    while True:
        try:
            network = built(freeing)
        except Bound as error:
            bound = bound or str(error)
        else:
            if not freeing.changed:
                return network, ""
            fixed = built(None)
            fixed.batches = network.batches
            if same_in_pieces(network, fixed, windows):
                return network, ""
            bound = bound or "its results for another are others"
        if not freeing.turn():
            return None, bound


def _known(takes: Takes, network: OnnxNetwork, *, free: bool, spread: bool) -> dict[str, Known]:
    """What is known of the inputs; those with a value for each window become the first steps."""
    runs, batch = _runs(takes, free=free), takes.axes.letters.index("N")
    known = {takes.image.name: Known(runs=runs)}
    for name, fixed in takes.fixed.items():
        one = fixed.one(spread=spread)
        if one is None or fixed.axis is None:
            known[name] = Known(constant=fixed.value)
            continue
        network.add(name, Repeated(one, fixed.axis, batch), network.inputs, [name])
        meta = Repeated(one.to("meta"), fixed.axis, batch)
        known[name] = Known(runs=None if runs is None else (meta(runs[0]), meta(runs[1])))
    return known


def _runs(takes: Takes, *, free: bool) -> tuple[Tensor, Tensor] | None:
    """Windows without numbers, for two sizes of the batch; None where a size is not known."""
    if None in takes.sizes:
        return None
    batch = takes.batch
    batches = _BATCHES if batch is None else (batch, TIMES * batch if free else batch)
    shapes = [takes.axes.shape(batch, takes.sizes) for batch in batches]
    first, second = (torch.empty(shape, dtype=takes.dtype, device="meta") for shape in shapes)
    return first, second
