"""An ONNX file as a model: a network of PyTorch for any batch, its window and its classes."""

import ast
import warnings
from collections.abc import Sequence
from contextlib import suppress
from math import prod
from pathlib import Path
from typing import Any

import onnx
import torch

from onebyone.errors import InputError
from onebyone.models.loading import Model
from onebyone.models.onnx.building import MOST_BYTES, Builder
from onebyone.models.onnx.constants import TYPES
from onebyone.models.onnx.file import parse
from onebyone.models.onnx.layout import Layout, layout_of
from onebyone.models.onnx.network import OnnxNetwork
from onebyone.models.onnx.nodes import every, reads
from onebyone.models.onnx.quantising import quantising
from onebyone.models.onnx.tensors import tensors
from onebyone.models.onnx.unknown import refuse_unknown, written_out
from onebyone.models.onnx.values import Known
from onebyone.models.onnx.versions import versions
from onebyone.models.pieces import InPieces, same_in_pieces
from onebyone.models.shown import shown

_OLDEST = 7
_DYNAMIC = (
    "it is quantised by the least and largest numbers of all windows that it takes (quantize_static"
    " fixes them)"
)
_BATCHES = (7, 11)
"""Of the runs on shapes, where a file takes any."""


def load_onnx(
    name: str, *, window: Sequence[int] | None = None, layout: str | None = None
) -> Model:
    """Load the network of an ONNX file.

    Args:
        name: the file.
        window: (C, *space) of its windows; by default what the file says.
        layout: the axes of its input, as "NHWC"; by default found from the graph.

    Raises:
        InputError: the file cannot be read, is not valid, or holds what is not computed; the window
            does not fit.
    """
    path = Path(name)
    model = parse(path, bare=True)
    version = versions(model.opset_import).get("", 0)
    if version < _OLDEST:
        raise InputError(
            f"{path}: is of ONNX's operator set {version}; {_OLDEST} is the oldest that is read: "
            "convert it by onnx.version_converter"
        )
    model = written_out(model, version)
    try:
        _keep_tensors(model.graph, path)
        quantising(model.graph, version, path)
        refuse_unknown(model.graph, version)
        return _loaded(model, path, version, window, layout)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _loaded(
    model: onnx.ModelProto,
    path: Path,
    version: int,
    window: Sequence[int] | None,
    layout: str | None,
) -> Model:
    graph = model.graph
    image = _image(graph)
    axes = layout_of(image, graph, layout)
    sizes, fixed = axes.window(image, window), axes.batch(image)
    dtype = TYPES[image.type.tensor_type.elem_type]
    held = 16 * sum(prod(tensor.dims) * 8 for tensor in tensors(model))

    def built(bound: str = "") -> tuple[OnnxNetwork, Builder]:
        outputs = [output.name for output in graph.output]
        network = OnnxNetwork([image.name], outputs, dtype, axes.order)
        builder = Builder(path, version, MOST_BYTES + held, fixed, bound=bound)
        runs = _runs(axes, sizes, fixed, dtype)
        builder.build(graph, network, {image.name: Known(runs=runs)})
        return network, builder

    network, builder = built()
    classes, window = _classes(model), axes.known(sizes)
    if any(node.op_type == "DynamicQuantizeLinear" for node in every(*graph.node)):
        return Model(InPieces(network, fixed or 1, _DYNAMIC), window, classes)
    if fixed is not None and builder.bound:
        return Model(InPieces(network, fixed), window, classes)
    if fixed is not None and builder.freed and window is not None:
        kept = built("as it is")[0]
        if not same_in_pieces(network, kept, torch.rand(2 * fixed, *window)):
            return Model(InPieces(kept, fixed), window, classes)
    return Model(network, window, classes)


def _image(graph: onnx.GraphProto) -> onnx.ValueInfoProto:
    """The one input that is not constant."""
    stored = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in stored]
    if len(inputs) != 1:
        names = ", ".join(shown(value.name) for value in inputs) or "none"
        raise InputError(f"takes {len(inputs)} inputs ({names}); one, the windows, is needed")
    image: onnx.ValueInfoProto = inputs[0]
    kind = image.type.tensor_type
    if image.type.WhichOneof("value") != "tensor_type" or kind.elem_type not in TYPES:
        raise InputError(f"its input {shown(image.name)} is no tensor of numbers")
    return image


def _runs(
    axes: Layout, sizes: Sequence[int | None] | None, fixed: int | None, dtype: torch.dtype
) -> tuple[Any, Any] | None:
    """Inputs without numbers, for two sizes of the batch; None where a size is not known."""
    if sizes is None or None in sizes:
        return None
    batches = _BATCHES if fixed is None else (fixed, 7 * fixed)
    first, second = (
        torch.empty(axes.shape(batch, sizes), dtype=dtype, device="meta") for batch in batches
    )
    return first, second


def _keep_tensors(graph: onnx.GraphProto, path: Path) -> None:
    """Leave out outputs that are no tensors of numbers, and what is computed for them alone."""
    makers = {name: node for node in graph.node for name in node.output}
    kept, left = [], []
    for output in graph.output:
        maker = makers.get(output.name)
        if maker is not None and maker.op_type == "ZipMap":
            left.append(output.name)
            kept.append(onnx.ValueInfoProto(name=maker.input[0]))
        elif output.type.tensor_type.elem_type == onnx.TensorProto.STRING or (
            output.type.WhichOneof("value") not in (None, "tensor_type")
        ):
            left.append(output.name)
        else:
            kept.append(output)
    if not kept:
        raise InputError("gives no tensor of numbers")
    if left:
        names = ", ".join(map(shown, left))
        warnings.warn(
            f"{path}: {names} is no tensor of numbers; given are "
            f"{', '.join(shown(value.name) for value in kept)}",
            stacklevel=2,
        )
        kept = list({value.name: value for value in kept}.values())
        del graph.output[:]
        graph.output.extend(kept)
    needed = {output.name for output in graph.output}
    nodes = []
    for node in reversed(graph.node):
        if needed & set(node.output):
            needed.update(reads(node))
            nodes.append(node)
    if len(nodes) < len(graph.node):
        nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
        del graph.node[:]
        graph.node.extend(reversed(nodes))


def _classes(model: onnx.ModelProto) -> tuple[str, ...] | None:
    """Names of classes in the file's metadata.

    Ultralytics writes a dict by numbers, others a list, RapidOCR's tools a line for each.
    """
    texts = {entry.key: entry.value for entry in model.metadata_props}
    if lines := texts.get("character", "").splitlines():
        return tuple(lines)
    for key in ("names", "classes", "labels", "class_names"):
        with suppress(ValueError, SyntaxError, RecursionError, MemoryError):
            found = ast.literal_eval(texts.get(key, ""))
            if isinstance(found, dict) and sorted(found) == list(range(len(found))):
                found = [found[number] for number in range(len(found))]
            if isinstance(found, list | tuple) and all(isinstance(n, str) for n in found):
                return tuple(found) or None
    return None
