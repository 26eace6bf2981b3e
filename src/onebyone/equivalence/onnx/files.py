"""A file as the rungs read it."""

import logging
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import onnx
import onnx_ir as ir
from onnx_ir.passes.common import InlinePass, ShapeInferencePass

from onebyone.equivalence.ladder import Undecided
from onebyone.equivalence.onnx.normalisation import write_out
from onebyone.models.onnx import file as onnx_file

LAST_FIXED = 3
"""Up to this version of files, runtimes take no other values for initializers."""
# Invalid files are told by the check itself, in one line.
logging.getLogger("onnx_ir.passes.common.shape_inference").setLevel(logging.ERROR)


@dataclass(frozen=True)
class File:
    """A file, which all rungs open once."""

    path: Path

    @cached_property
    def _message(self) -> onnx.ModelProto:
        return onnx_file.parse(self.path, bare=True)

    def message(self) -> onnx.ModelProto:
        """A copy of it as a Protocol Buffers message, with large weights where they are."""
        copy = onnx.ModelProto()
        copy.CopyFrom(self._message)
        return copy

    @cached_property
    def model(self) -> ir.Model:
        """It as it is, external data on disk; initializers are inputs only where that counts."""
        model = onnx_file.to_ir(self.message(), self.path)
        if model.ir_version <= LAST_FIXED:
            inputs = [value for value in model.graph.inputs if value.const_value is None]
            model.graph.inputs[:] = inputs
        return model

    @cached_property
    def written_out(self) -> ir.Model:
        """It with its functions inlined, its values' types inferred, normalisations as operators.

        Raises:
            Undecided: its functions cannot be inlined.
        """
        model = self.model.clone()
        for (domain, name, _), function in model.functions.items():
            for own, version in function.opset_imports.items():
                if model.opset_imports.get(own, version) != version:
                    reason = f"the function {domain}.{name} is of another opset than the file"
                    raise Undecided(reason)
        InlinePass()(model)
        ShapeInferencePass(strict_mode=False)(model)
        write_out(model, str(self.path))
        return model

    @property
    def graph(self) -> ir.Graph:
        """The graph of all that, written out."""
        return self.written_out.graph
