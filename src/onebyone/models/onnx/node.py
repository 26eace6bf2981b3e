"""One node of an ONNX file as a module: an operator, its attributes and its constant inputs."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from itertools import chain
from typing import Any

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from onebyone.errors import InputError
from onebyone.models.onnx.constants import EIGHT_BITS
from onebyone.models.onnx.table import Array, Ints, Operator, is_tensor, kinds_of

Given = Tensor | int | None
"""An input: a constant, the place among the values that are computed, or left out."""
_STATISTICS = ("input_mean", "input_var")
"""Of a BatchNormalization, which are not learned."""


class Node(nn.Module):
    """A node that computes tensors; constant tensors are its parameters and buffers.

    Attributes:
        operator: its entry in the table.
        attributes: by name, as the function takes them.
        here: an empty tensor where the network is, if tensors are made of numbers alone.
    """

    def __init__(
        self,
        operator: Operator,
        attributes: Mapping[str, Any],
        inputs: Sequence[Given],
        *,
        made: bool = False,
    ) -> None:
        super().__init__()
        self.operator, self.attributes = operator, dict(attributes)
        self._given: list[tuple[str, Any]] = [
            self._constant(place, value) if isinstance(value, Tensor) else ("value", value)
            for place, value in enumerate(inputs)
        ]
        if made:
            self.register_buffer("here", torch.empty(0, dtype=torch.bool), persistent=False)
        self.eval()

    def extra_repr(self) -> str:
        """The operator, as ONNX calls it."""
        return self.operator.name

    def _constant(self, place: int, value: Tensor) -> tuple[str, Any]:
        parameter = self.operator.parameter(place)
        assert parameter is not None
        number = _constant_number(kinds_of(parameter), value.detach())
        if number is not None or not is_tensor(parameter):
            return "number", number
        several = parameter.kind is parameter.VAR_POSITIONAL
        name = f"{parameter.name}_{place}" if several else parameter.name
        if isinstance(value, nn.Parameter) and name not in _STATISTICS:
            self.register_parameter(name, value)
        else:
            self.register_buffer(name, value.detach())
        return "tensor", name

    def forward(self, *values: Any) -> Any:
        """Compute the results from the values that are not constant."""
        here, tensors = self._buffers.get("here"), chain(values, self.parameters(), self.buffers())
        like = next((v for v in tensors if isinstance(v, Tensor)), None)
        inputs = []
        for place, (kind, given) in enumerate(self._given):
            if kind == "tensor":
                inputs.append(getattr(self, given))
            elif kind == "number" or given is None:
                inputs.append(given)
            else:
                inputs.append(self._computed(place, values[given], like))
        with nullcontext() if here is None else here.device:
            return self.operator.function(*inputs, **self.attributes)

    def _computed(self, place: int, value: Any, like: Tensor | None) -> Any:
        parameter = self.operator.parameter(place)
        assert parameter is not None
        if is_tensor(parameter):
            return value if isinstance(value, Tensor) else _spread(value, like)
        if isinstance(value, Tensor):
            raise InputError(
                f"{self.operator.name} takes its {parameter.name} from what is computed of the "
                "image"
            )
        return _number(kinds_of(parameter)[0], value)


class OfSizes(nn.Module):
    """A node that computes with sizes alone, in NumPy, by ONNX's own reference."""

    def __init__(self, node: onnx.NodeProto, version: int, constants: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.node, self.version = bytes(node.SerializeToString()), version
        self.constants = {name: value.numpy() for name, value in constants.items()}
        self.names = [name for name in dict.fromkeys(node.input) if name and name not in constants]
        self.eval()

    def forward(self, *values: Array) -> Any:
        """Compute the results: an array, or several."""
        feeds = dict(zip(self.names, values, strict=True)) | self.constants
        from onnx.reference import ReferenceEvaluator

        found = ReferenceEvaluator(self._model(feeds)).run(None, feeds)
        arrays = tuple(np.asarray(array) for array in found)
        return arrays[0] if len(arrays) == 1 else arrays

    def _model(self, feeds: Mapping[str, Array]) -> onnx.ModelProto:
        """The node as a model; one alone would be taken as of the newest operator set."""
        node = onnx.NodeProto.FromString(self.node)
        inputs = [
            onnx.helper.make_tensor_value_info(
                name, onnx.helper.np_dtype_to_tensor_dtype(array.dtype), array.shape
            )
            for name, array in feeds.items()
        ]
        outputs = [onnx.ValueInfoProto(name=name) for name in node.output]
        graph = onnx.helper.make_graph([node], "sizes", inputs, outputs)
        return onnx.helper.make_model(
            graph, opset_imports=[onnx.helper.make_opsetid("", self.version)]
        )


def _constant_number(kinds: tuple[Any, ...], value: Tensor) -> Any:
    """A constant as numbers; None where a tensor is taken that is no plain number."""
    if Tensor not in kinds:
        strange = value.dtype is torch.bfloat16 or value.dtype in EIGHT_BITS  # to NumPy
        return _number(kinds[0], (value.float() if strange else value).numpy())
    if value.ndim == 0 and (float in kinds or int in kinds):
        return value.item()
    return _evenly(value.tolist()) if range in kinds and value.ndim == 1 else None


def _evenly(places: list[int]) -> range | None:
    """Indices as a range; None where they are not evenly spaced, or some count from the end."""
    if not places or min(places) < 0 <= max(places):
        return None
    step = places[1] - places[0] if len(places) > 1 else 1
    found = range(places[0], places[0] + step * len(places), step) if step else range(0)
    return found if list(found) == places else None


def _number(kind: Any, value: Array) -> Any:
    """Numbers as a parameter of this kind takes them."""
    if kind is Array:
        return value
    if kind == Ints:
        return tuple(int(number) for number in value.reshape(-1).tolist())
    return value.reshape(-1)[0].item() if value.size else None


def _spread(value: Array, like: Tensor | None) -> Tensor:
    """Numbers of sizes as a tensor; made by an operator wherever they are all the same."""
    device = None if like is None else like.device
    dtype = getattr(torch, value.dtype.name)  # a tensor made of it would be recorded
    if value.size and (value == value.reshape(-1)[0]).all():
        return torch.full(value.shape, value.reshape(-1)[0].item(), dtype=dtype, device=device)
    return torch.tensor(value.tolist(), dtype=dtype, device=device).reshape(value.shape)
