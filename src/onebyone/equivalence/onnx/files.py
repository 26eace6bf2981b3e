"""A file as the rungs read it."""

import logging
from pathlib import Path

import onnx_ir as ir
from onnx_ir.passes.common import InlinePass, ShapeInferencePass

from onebyone.equivalence.ladder import Undecided
from onebyone.equivalence.onnx.normalisation import write_out
from onebyone.models import onnx_file

LAST_FIXED = 3
"""Up to this version of files, runtimes take no other values for initializers."""
# Invalid files are told by the check itself, in one line.
logging.getLogger("onnx_ir.passes.common.shape_inference").setLevel(logging.ERROR)


def opened(path: Path) -> ir.Model:
    """A file as it is, external data on disk; initializers are inputs only where that counts."""
    model = onnx_file.read(path)
    if model.ir_version <= LAST_FIXED:
        inputs = [value for value in model.graph.inputs if value.const_value is None]
        model.graph.inputs[:] = inputs
    return model


def load(path: Path) -> ir.Model:
    """A file with its functions inlined and its values' types inferred.

    Its normalisations are written as operators.

    Raises:
        InputError: the file cannot be read, or (Undecided) its functions not inlined.
    """
    model = opened(path)
    for (domain, name, _), function in model.functions.items():
        for own, version in function.opset_imports.items():
            if model.opset_imports.get(own, version) != version:
                raise Undecided(f"the function {domain}.{name} is of another opset than the file")
    InlinePass()(model)
    ShapeInferencePass(strict_mode=False)(model)
    write_out(model, str(path))
    return model
