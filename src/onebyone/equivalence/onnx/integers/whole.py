"""A whole file in onnxruntime, asked for values within it."""

from collections.abc import Collection
from math import prod

import numpy as np
import onnx
import onnx_ir as ir
from onnx_ir.passes.common import InlinePass

from onebyone.equivalence.onnx.files import File
from onebyone.equivalence.onnx.runtime import Feeds, drawn, outputs, session
from onebyone.models.onnx.tensors import bytes_of

HEAVY = 1 << 25
"""Bytes of weights beyond which the dynamic sizes are the least ones, 1 and 2."""


class Whole:
    """A session of a file whose outputs are values that it computes anywhere."""

    def __init__(self, file: File, names: Collection[str]) -> None:
        model = _inlined(file.message())
        made = {output for node in model.graph.node for output in node.output}
        del model.graph.output[:]
        for name in sorted(made.intersection(names)):
            model.graph.output.append(onnx.ValueInfoProto(name=name))
        weights = model.graph.initializer
        self.heavy = sum(bytes_of(ir.DataType(w.data_type), prod(w.dims)) for w in weights) > HEAVY
        self.session = session(model.SerializeToString(), optimised=False, folder=file.path.parent)

    def drawn(self, seed: int) -> tuple[Feeds, Feeds]:
        """Inputs that it runs with, and the values and inputs then."""
        rng = np.random.default_rng(seed)
        least = 1 + seed if self.heavy else 3 + int(rng.integers(0, 6))
        feeds, found, _ = drawn(self.session, rng, least)
        return feeds, feeds | found

    def run(self, feeds: Feeds) -> Feeds:
        """The values, and the inputs."""
        return feeds | outputs(self.session, feeds)


def _inlined(model: onnx.ModelProto) -> onnx.ModelProto:
    """The file with its functions written out, so that values within have the check's names."""
    if not model.functions:
        return model
    written = ir.serde.deserialize_model(model)
    InlinePass()(written)
    return ir.serde.serialize_model(written)
