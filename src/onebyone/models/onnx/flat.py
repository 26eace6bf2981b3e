"""A read of all numbers of a flat tensor in their order, which is a reshape.

PyTorch's exporter writes poolings of values whose channels lie last as `as_strided`: flattened,
then gathered by the places of all numbers. As a reshape the batch is seen to stay where it is.
"""

from collections.abc import Callable, Iterator

import numpy as np
import onnx
from onnx import helper
from torch import Tensor

from onebyone.models.onnx.values import Known


def flat_read(
    node: onnx.NodeProto, look: Callable[[str], Known], *, freed: bool
) -> Iterator[onnx.NodeProto] | None:
    """The reshape that a node is, after its sizes; None where it is none.

    Args:
        node: of the graph.
        look: gives what is known of a value.
        freed: whether the batch that the file says is to become any.
    """
    if node.op_type != "Gather" or any(a.i for a in node.attribute):
        return None
    data, places = map(look, node.input)
    if data.runs is None or not isinstance(data.runs[0], Tensor) or data.runs[0].ndim != 1:
        return None
    counts = [run.numel() for run in data.runs]
    if places.constant is not None:
        # Of any batch's numbers none that are constant can be all.
        found = [places.constant.numpy()] * (1 if freed else 2)
    elif places.runs is not None:
        found = list(places.runs)
    else:
        return None
    if not all(_is_whole(p, count) for p, count in zip(found, counts, strict=False)):
        return None
    pairs = zip(found[0].shape, found[-1].shape, strict=True)
    sizes = [a if a == b else -1 for a, b in pairs]
    return _nodes(node, sizes) if sizes.count(-1) < 2 else None


def _is_whole(places: np.ndarray, count: int) -> bool:
    return places.size == count and np.array_equal(places.reshape(-1), np.arange(count))


def _nodes(node: onnx.NodeProto, sizes: list[int]) -> Iterator[onnx.NodeProto]:
    named = f"{node.output[0]}/sizes"
    yield helper.make_node("Constant", [], [named], value_ints=sizes)
    yield helper.make_node("Reshape", [node.input[0], named], node.output, node.name)
