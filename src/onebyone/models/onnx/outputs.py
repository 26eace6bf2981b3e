"""The outputs of an ONNX file: those that are kept, and which of their axes is the batch."""

import warnings
from collections.abc import Mapping
from pathlib import Path

import onnx

from onebyone.errors import InputError
from onebyone.models.onnx.nodes import reads
from onebyone.models.onnx.unknown import is_known
from onebyone.models.onnx.values import Known
from onebyone.models.shown import shown

_LEARNERS = "ai.onnx.ml"
"""The operators of scikit-learn and its like."""


def keep_tensors(graph: onnx.GraphProto, path: Path, *, version: int | None) -> None:
    """Leave out outputs that are no tensors of numbers, and what is computed for them alone.

    A dict of probabilities by class, which scikit-learn's converter writes, gives way to the tensor
    that it is made of.

    Args:
        graph: is changed.
        path: of the file.
        version: of ONNX's operators, where the graph is to be computed here: then those outputs are
            left out, too, that take learners beside others which do not, as the label that is
            looked up beside the probabilities.

    Raises:
        InputError: nothing is left.

    Warns:
        UserWarning: names what is left out.
    """
    makers = {name: node for node in graph.node for name in node.output}
    kept, left = [], []
    for output in graph.output:
        maker = makers.get(output.name)
        if maker is not None and maker.op_type == "ZipMap" and maker.domain == _LEARNERS:
            left.append(output.name)
            kept.append(onnx.ValueInfoProto(name=maker.input[0]))
        elif output.type.tensor_type.elem_type == onnx.TensorProto.STRING or (
            output.type.WhichOneof("value") not in (None, "tensor_type")
        ):
            left.append(output.name)
        else:
            kept.append(output)
    if version is not None and left:
        makers_of = {v.name: _nodes(graph, {v.name}) for v in kept}
        learned = {k: [n for n in ns if n.domain == _LEARNERS] for k, ns in makers_of.items()}
        plain = [v for v in kept if not learned[v.name]]
        known = [v for v in kept if all(is_known(n, version) for n in learned[v.name])]
        left += [value.name for value in kept if value not in (plain or known)]
        kept = plain or known
    if not kept:
        raise InputError("gives no tensor of numbers")
    if left:
        kept = list({value.name: value for value in kept}.values())
        warnings.warn(
            f"{path}: {', '.join(map(shown, left))} is left out, which is no tensor of numbers or "
            f"made by {_LEARNERS}; given is {', '.join(shown(value.name) for value in kept)}",
            stacklevel=2,
        )
        del graph.output[:]
        graph.output.extend(kept)
    nodes = _nodes(graph, {output.name for output in graph.output})
    if len(nodes) < len(graph.node):
        nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
        del graph.node[:]
        graph.node.extend(nodes)


def named_batches(graph: onnx.GraphProto, image: onnx.ValueInfoProto, axis: int) -> dict[str, int]:
    """The axis that is the batch of each output that declares it elsewhere than first, by its name.

    Args:
        graph: of the file.
        image: the input for windows.
        axis: of the image that is the batch.
    """
    batch, found = image.type.tensor_type.shape.dim[axis].dim_param, {}
    for output in graph.output:
        names = [size.dim_param for size in output.type.tensor_type.shape.dim]
        if batch and names.count(batch) == 1 and names[0] != batch:
            found[output.name] = names.index(batch)
    return found


def batches_of(outputs: Mapping[str, Known], windows: Known, axis: int) -> dict[str, int]:
    """The axis that is the batch of each output that has it elsewhere than first, by its name.

    Args:
        outputs: what is known of them.
        windows: what is known of the input.
        axis: of the input that is the batch.
    """
    found: dict[str, int] = {}
    for name, output in outputs.items():
        if output.runs is None or windows.runs is None:
            continue
        sizes = zip(*(run.shape for run in output.runs), strict=True)
        changed = [(n, pair) for n, pair in enumerate(sizes) if len(set(pair)) > 1]
        if [pair for _, pair in changed] == [tuple(run.shape[axis] for run in windows.runs)]:
            found[name] = changed[0][0]
    return {name: axis for name, axis in found.items() if axis}


def _nodes(graph: onnx.GraphProto, needed: set[str]) -> list[onnx.NodeProto]:
    """The nodes that compute some values."""
    nodes = []
    for node in reversed(graph.node):
        if needed & set(node.output):
            needed.update(reads(node))
            nodes.append(node)
    return nodes[::-1]
