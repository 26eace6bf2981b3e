"""The backends by name: each makes of a graph, for one shape of image, a function."""

import warnings
from collections.abc import Callable, Sequence
from textwrap import shorten
from typing import Any

from torch import Tensor, nn

from onebyone.errors import InputError
from onebyone.windows.backends import inductor, onnxruntime, openvino

Run = Callable[[Tensor], Sequence[Any]]


def torch_eager(module: nn.Module, x: Tensor) -> Run:
    """PyTorch as it is: the graph runs operator by operator, for images of any shape."""
    del x
    return module


COMPILERS: dict[str, Callable[[nn.Module, Tensor], Run]] = {
    "torch": torch_eager,
    "inductor": inductor.compiled,
    "onnxruntime": onnxruntime.compiled,
    "openvino": openvino.compiled,
}


def compiled(name: str, module: nn.Module, x: Tensor) -> Run:
    """Compile a graph for images of one shape, with the weights that it has now.

    Args:
        name: of the backend.
        module: the graph; its results are a tuple.
        x: an image as the graph takes it.

    Raises:
        InputError: the backend is not installed, or cannot take the graph.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of exporters and compilers about their own working
            return COMPILERS[name](module, x)
    except InputError:
        raise
    except Exception as error:  # each compiler raises errors of many kinds
        raise InputError(
            f'backend="{name}" cannot take this network: {_reason(error)}; use backend="torch"'
        ) from error


def _reason(error: BaseException) -> str:
    """What the innermost cause says, in one line: it names the operator."""
    while error.__cause__ is not None:
        error = error.__cause__
    return shorten(str(error), 400, placeholder=" …") or type(error).__name__
