"""ONNX Runtime."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from onebyone.errors import InputError
from onebyone.graphs.aten import aten, value_of
from onebyone.windows.backends.exporting import exported, with_constants


def compiled(module: nn.Module, x: Tensor) -> Callable[[Tensor], Sequence[Any]]:
    """Make a session of ONNX Runtime for one shape of image, weights inside.

    Raises:
        InputError: a package is missing, or the network is not in single precision.
    """
    try:
        import onnxruntime
        import onnxscript  # noqa: F401  # torch.onnx needs it, and says so in many lines
    except ImportError as error:
        raise InputError(
            'backend="onnxruntime" needs onnx, onnxscript and onnxruntime: '
            "pip install 'onebyone[onnx]'"
        ) from error
    program = _with_biases(exported(module, x, "onnxruntime", formed=(aten.conv2d.default,)))
    # The exporter's own optimiser takes as long as the export, and ONNX Runtime has one.
    onnx_program = torch.onnx.export(program, dynamo=True, verbose=False, optimize=False)
    assert onnx_program is not None  # it is None only where a file is written
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    # Threads that wait in a loop take the cores from PyTorch's, and from other sessions.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3  # errors; it warns of nodes that it folds
    session = onnxruntime.InferenceSession(
        onnx_program.model_proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    name = session.get_inputs()[0].name
    return with_constants(module, lambda image: session.run(None, {name: image}))


def _with_biases(program: ExportedProgram) -> ExportedProgram:
    """Give 3-D convolutions a bias: where there is none, PyTorch's exporter writes a wrong one."""
    for node in program.graph.find_nodes(op="call_function", target=aten.conv3d.default):
        x, weight, *rest = node.args
        if not rest or rest[0] is None:
            with program.graph.inserting_before(node):
                bias = program.graph.call_function(aten.zeros.default, ([len(value_of(weight))],))
            bias.meta["val"] = value_of(weight).new_zeros(len(value_of(weight)))
            node.args = (x, weight, bias, *rest[1:])
    return program
