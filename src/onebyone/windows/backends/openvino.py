"""OpenVINO, on the CPU."""

from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any

import torch
from torch import Tensor, nn

from onebyone.errors import InputError
from onebyone.graphs.aten import aten
from onebyone.windows.backends.exporting import exported, with_constants


def compiled(module: nn.Module, x: Tensor) -> Callable[[Tensor], Sequence[Any]]:
    """Compile by OpenVINO for one shape of image, weights inside.

    Raises:
        InputError: the package is missing, or the network is not in single precision.
    """
    try:
        import openvino
    except ImportError as error:
        raise InputError(
            "backend=\"openvino\" needs openvino: pip install 'onebyone[openvino]'"
        ) from error
    program = exported(module, x, "openvino", formed=(aten.max_pool1d.default,))
    settings = {
        "INFERENCE_PRECISION_HINT": "f32",  # it would take bfloat16 where the processor has it
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "PERFORMANCE_HINT": "LATENCY",
    }
    model = openvino.convert_model(program)
    model.reshape(list(x.shape))  # the reader leaves it open, and operators of any shape are slower
    network, lock = openvino.Core().compile_model(model, "CPU", settings), Lock()

    def run(image: Any) -> Sequence[Any]:
        with lock:
            # Results are the runtime's own memory, which its next call writes over.
            found = network([image])
            return [found[port].copy() for port in network.outputs]

    return with_constants(module, run)
