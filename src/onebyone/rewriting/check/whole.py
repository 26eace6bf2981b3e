"""A whole file in onnxruntime, asked for values within it."""

from collections.abc import Collection
from math import prod
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
from onnx_ir.passes.common import InlinePass

from onebyone.models import onnx_file
from onebyone.rewriting.check.feeds import Feeds, drawn, outputs, session

LARGE = 1 << 14
"""Elements from which a weight is given with each run, so that it is not copied into a session."""

HEAVY = 1 << 25
"""Bytes of weights beyond which the dynamic sizes are the least ones, 1 and 2."""


class Whole:
    """A session of a file whose outputs are values that it computes anywhere.

    Attributes:
        session: with the file's inputs, and its large weights as inputs beside them.
        weights: the large weights, by name.
    """

    def __init__(self, path: Path, names: Collection[str]) -> None:
        model = _inlined(onnx_file.parse(path))
        made = {output for node in model.graph.node for output in node.output}
        del model.graph.output[:]
        for name in sorted(made.intersection(names)):
            model.graph.output.append(onnx.ValueInfoProto(name=name))
        self.weights = _taken(model.graph)
        bare = model.SerializeToString()
        self.session = session(bare, optimised=False, folder=path.parent)

    def drawn(self, seed: int) -> tuple[Feeds, Feeds]:
        """Inputs that it runs with, and the values and inputs then."""
        rng = np.random.default_rng(seed)
        heavy = sum(array.nbytes for array in self.weights.values()) > HEAVY
        least = 1 + seed if heavy else 3 + int(rng.integers(0, 6))
        feeds, found, _ = drawn(self.session, rng, least, self.weights)
        return feeds, feeds | found

    def run(self, feeds: Feeds) -> Feeds:
        """The values, and the inputs."""
        return feeds | outputs(self.session, feeds | self.weights)


def _inlined(model: onnx.ModelProto) -> onnx.ModelProto:
    """The file with its functions written out, so that values within have the check's names."""
    if not model.functions:
        return model
    written = ir.serde.deserialize_model(model)
    InlinePass()(written)
    return ir.serde.serialize_model(written)


def _taken(graph: onnx.GraphProto) -> Feeds:
    """Take large weights that lie in the file out of a graph, and make them inputs."""
    inputs = {value.name for value in graph.input}
    taken: Feeds = {}
    kept = []
    for tensor in graph.initializer:
        here = tensor.data_type == onnx.TensorProto.FLOAT and not tensor.external_data
        if not here or prod(tensor.dims) < LARGE or tensor.name in inputs:
            kept.append(tensor)
            continue
        taken[tensor.name] = onnx.numpy_helper.to_array(tensor)
        value = onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
        graph.input.append(value)
    del graph.initializer[:]
    graph.initializer.extend(kept)
    return taken
