"""Operators of ai.onnx.ml that hold weights as attributes, written as those that take them."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from onebyone.errors import InputError
from onebyone.models.onnx.nodes import named
from onebyone.models.onnx.written import constant
from onebyone.models.shown import shown

DOMAIN = "ai.onnx.ml"
CLASSICAL = frozenset({"Imputer", "LinearClassifier", "LinearRegressor", "Scaler"})

_LINKS = {"LOGISTIC": "Sigmoid", "NONE": "Identity", "SOFTMAX": "Softmax"}


def written(node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
    """The nodes that a node stands for.

    Raises:
        InputError: it does something to its scores that is not computed.
    """
    says = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    source = f"{node.output[0] or node.output[1]}.floats"
    if node.op_type != "Imputer":
        yield helper.make_node("Cast", [node.input[0]], [source], to=TensorProto.FLOAT)
    if node.op_type == "Scaler":
        yield from _scaled(node, source, **says)
    elif node.op_type == "Imputer":
        yield from _imputed(node, says)
    elif node.op_type == "LinearRegressor":
        yield from _scores(node, source, node.output[0], says.get("targets", 1), says)
    else:
        yield from _classified(node, source, says)


def _scaled(
    node: onnx.NodeProto, source: str, offset: Any = (0.0,), scale: Any = (1.0,)
) -> Iterator[onnx.NodeProto]:
    names = [f"{source}.{k}" for k in range(3)]
    yield constant(names[0], offset, np.float32)
    yield constant(names[1], scale, np.float32)
    yield helper.make_node("Sub", [source, names[0]], [names[2]])
    yield helper.make_node("Mul", [names[2], names[1]], node.output)


def _imputed(node: onnx.NodeProto, says: dict[str, Any]) -> Iterator[onnx.NodeProto]:
    source, made = node.input[0], node.output[0]
    whole = "imputed_value_int64s" in says
    kind = np.int64 if whole else np.float32
    values = says.get("imputed_value_int64s", says.get("imputed_value_floats", ()))
    missing = says.get("replaced_value_int64" if whole else "replaced_value_float", 0)
    yield constant(f"{made}.values", values, kind)
    if np.isnan(missing):
        yield helper.make_node("IsNaN", [source], [f"{made}.missing"])
    else:
        yield constant(f"{made}.sign", missing, kind)
        yield helper.make_node("Equal", [source, f"{made}.sign"], [f"{made}.missing"])
    yield helper.make_node("Where", [f"{made}.missing", f"{made}.values", source], [made])


def _classified(
    node: onnx.NodeProto, source: str, says: dict[str, Any]
) -> Iterator[onnx.NodeProto]:
    labels = says.get("classlabels_ints") or says.get("classlabels_strings") or ()
    made = node.output[1] if len(node.output) > 1 and node.output[1] else f"{source}.scores"
    yield from _scores(node, source, made, len(labels), says)
    if node.output[0]:
        place = f"{source}.place"
        yield helper.make_node("ArgMax", [f"{made}.raw"], [place], axis=1, keepdims=0)
        numbers = says.get("classlabels_ints") or range(len(labels))  # names are no numbers
        yield constant(f"{source}.labels", list(numbers))
        yield helper.make_node("Gather", [f"{source}.labels", place], [node.output[0]], axis=0)


def _scores(
    node: onnx.NodeProto, source: str, made: str, targets: int, says: dict[str, Any]
) -> Iterator[onnx.NodeProto]:
    """A linear layer, and what makes probabilities of its results."""
    link = says.get("post_transform", b"NONE").decode(errors="replace")
    if link not in _LINKS:
        raise InputError(f"{named(node)} has post_transform={shown(link)}, which is not computed")
    intercepts = np.array(says.get("intercepts") or [0.0] * targets)
    rows = np.array(says["coefficients"]).reshape(len(intercepts), -1)
    alone = targets == 2 and len(rows) == 1  # the score of the second class
    if alone:
        rows, intercepts = np.concatenate([-rows, rows]), np.concatenate([-intercepts, intercepts])
    yield constant(f"{made}.rows", rows, np.float32)
    yield constant(f"{made}.intercepts", intercepts, np.float32)
    yield helper.make_node(
        "Gemm", [source, f"{made}.rows", f"{made}.intercepts"], [f"{made}.raw"], transB=1
    )
    if alone and link != "LOGISTIC":  # the first has what is left of 1, in onnxruntime
        yield constant(f"{made}.whole", [1, 0], np.float32)
        yield helper.make_node("Add", [f"{made}.raw", f"{made}.whole"], [made])
    elif link == "SOFTMAX":
        yield helper.make_node("Softmax", [f"{made}.raw"], [made], axis=1)
    else:
        yield helper.make_node(_LINKS[link], [f"{made}.raw"], [made])
