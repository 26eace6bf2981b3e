"""ONNX's own tests of its operators, and single nodes run through the table."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper

from onebyone.models.onnx.building import MOST_BYTES, Builder, Known
from onebyone.models.onnx.constants import EIGHT_BITS
from onebyone.models.onnx.network import Graph
from onebyone.models.onnx.nodes import every, graphs
from onebyone.models.onnx.table import find, is_tensor
from onebyone.models.onnx.unknown import refuse_unknown, written_out


@dataclass(frozen=True)
class Case:
    """A model of one test, what goes in and what comes out."""

    name: str
    model: onnx.ModelProto
    inputs: tuple[Any, ...]
    outputs: tuple[Any, ...]

    @property
    def operators(self) -> set[str]:
        return {node.op_type for node in self.model.graph.node}


@cache
def cases() -> dict[str, Case]:
    """All node tests of the installed onnx whose values are tensors, by name."""
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = collect_testcases(None)
    return {
        case.name: Case(case.name, case.model, tuple(inputs), tuple(outputs))
        for case in found
        for inputs, outputs in [[list(map(_plain_array, v)) for v in case.data_sets[0]]]
        if all(isinstance(value, np.ndarray | np.generic) for value in (*inputs, *outputs))
    }


def _plain_array(value: Any) -> Any:
    return numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else value


def cases_of(*operators: str) -> list[str]:
    """Names of the tests of single nodes of these operators."""
    return [
        name
        for name, case in cases().items()
        if len(case.model.graph.node) == 1 and case.operators <= set(operators)
    ]


def run(
    model: onnx.ModelProto, inputs: Sequence[Any], constant: Sequence[str] | None = None
) -> list[np.ndarray]:
    """Run a graph through the table, as `load_onnx` builds it.

    Inputs that operators take as plain numbers are constants, and those in `constant`; all others
    are computed, and are known to the builder by their shapes alone.
    """
    version = next(o.version for o in model.opset_import if o.domain in ("", "ai.onnx"))
    model = written_out(model, version)
    refuse_unknown(model.graph, version)
    graph = model.graph
    given = dict(zip((value.name for value in graph.input), inputs, strict=False))
    plain = _plain(graph, version) if constant is None else set(constant)
    graph.initializer.extend(
        numpy_helper.from_array(np.asarray(given.pop(name)), name)
        for name in list(given)
        if name in plain
    )
    network = Graph(list(given), [value.name for value in graph.output])
    tensors = {name: _tensor(value) for name, value in given.items()}
    known = {n: Known(runs=(t.to("meta"), t.to("meta"))) for n, t in tensors.items()}
    Builder(Path("model.onnx"), version, MOST_BYTES).build(graph, network, known)
    with torch.no_grad():
        return [_array(value) for value in network(*tensors.values())]


# What decides what runs, by its places among the inputs of operators that are written out.
_DECIDING = {
    "AffineGrid": (1,), "CenterCropPad": (1,), "If": (0,), "Loop": (0, 1), "SplitToSequence": (1,),
}  # fmt: skip


def _plain(graph: onnx.GraphProto, version: int) -> set[str]:
    """Names that some node takes as plain numbers, and what these are computed from."""
    found: set[str] = set()
    nodes = list(every(*graph.node))
    for node in nodes:
        found.update(node.input[place] for place in _DECIDING.get(node.op_type, ()))
        operator = find(node.op_type, version, node.domain)
        for place, name in enumerate(node.input if operator is not None else ()):
            assert operator is not None
            parameter = operator.parameter(place)
            if name and parameter is not None and not is_tensor(parameter):
                found.add(name)
    before = 0
    while len(found) > before:
        before = len(found)
        for node in nodes:
            if found & set(node.output) and node.op_type not in ("Shape", "Size"):
                found.update(node.input)
                found.update(value.name for inner in graphs(node) for value in inner.output)
    return found


def _tensor(value: Any) -> torch.Tensor:
    array = np.asarray(value)
    named = array.dtype.name
    if named.startswith(("bfloat16", "float8")):
        return torch.from_numpy(array.astype(np.float32)).to(getattr(torch, named))
    if named in ("int2", "uint2", "int4", "uint4"):
        return torch.from_numpy(array.astype(f"{named[:-1]}8"))
    return torch.from_numpy(np.array(array))


def _array(value: Any) -> np.ndarray:
    if isinstance(value, np.ndarray):
        return value
    strange = value.dtype is torch.bfloat16 or value.dtype in EIGHT_BITS
    return (value.float() if strange else value).numpy()


_EXACT = {"bfloat16": 3e-2, "float16": 4e-3}
"""By how much results of types of 16 bits may differ, where sums are rounded in another order."""


def check(case: Case, *, rtol: float = 1e-3, atol: float = 1e-6) -> None:
    """Compare a test's outputs with what the table gives."""
    found = run(case.model, case.inputs)
    assert len(found) == len(case.outputs)
    for a, b in zip(found, case.outputs, strict=True):
        wanted = np.asarray(b)
        assert a.shape == wanted.shape
        exact = wanted.dtype.kind not in "fc" and wanted.dtype.name != "bfloat16"
        np.testing.assert_allclose(
            a,
            wanted.astype(a.dtype),
            rtol=0 if exact else max(rtol, _EXACT.get(wanted.dtype.name, 0.0)),
            atol=0 if exact else atol,
        )


def single(
    operator: str,
    inputs: Mapping[str, Any],
    *,
    opset: int,
    outputs: int = 1,
    **attributes: Any,
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """One node through the table and through onnxruntime: what each gives for the same inputs."""
    import onnxruntime

    arrays = {name: np.asarray(value) for name, value in inputs.items() if value is not None}
    names = [name if value is not None else "" for name, value in inputs.items()]
    results = [f"result_{k}" for k in range(outputs)]
    node = onnx.helper.make_node(operator, names, results, **attributes)
    graph = onnx.helper.make_graph(
        [node],
        "one",
        [
            onnx.helper.make_tensor_value_info(
                name, onnx.helper.np_dtype_to_tensor_dtype(array.dtype), array.shape
            )
            for name, array in arrays.items()
        ],
        [onnx.ValueInfoProto(name=name) for name in results],
    )
    model = onnx.helper.make_model(
        graph, opset_imports=[onnx.helper.make_opsetid("", opset)], ir_version=8
    )
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return run(model, list(arrays.values())), session.run(None, arrays)


def agree(
    operator: str,
    inputs: Mapping[str, Any],
    *,
    opset: int,
    rtol: float = 1e-5,
    atol: float = 1e-6,
    **attributes: Any,
) -> None:
    """Compare the numbers, the sizes and the types that the table and onnxruntime give."""
    found, expected = single(operator, inputs, opset=opset, **attributes)
    for a, b in zip(found, expected, strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        np.testing.assert_allclose(a, b, rtol=rtol, atol=atol)
