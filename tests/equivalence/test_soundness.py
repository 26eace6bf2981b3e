"""Random damage: what the check calls equal gives equal numbers, and what differs it refutes.

The oracle is onnxruntime on both files, which shares no code with the structure check.
"""

from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper

from helpers.onnx_pairs import PAIRS
from onebyone.equivalence.onnx.files import File
from onebyone.equivalence.onnx.integers import integers
from onebyone.equivalence.onnx.structure import structure
from onebyone.errors import InputError
from onebyone.rewriting.report import Check

Damage = Callable[[onnx.ModelProto, np.random.Generator], None]
SEEDS = 6
SIZES = {"N": 3, "B": 2, "S": 5, "H": 4, "W": 6, "D": 3}


def choose(items: list, rng: np.random.Generator):
    return items[rng.integers(len(items))] if items else None


def graphs(graph: onnx.GraphProto) -> list[onnx.GraphProto]:
    """The graph and those within its nodes."""
    held = [a.g for n in graph.node for a in n.attribute if a.type == onnx.AttributeProto.GRAPH]
    return [graph, *(inner for within in held for inner in graphs(within))]


def nodes(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    return [node for graph in graphs(model.graph) for node in graph.node]


def permutation(model: onnx.ModelProto, rng: np.random.Generator) -> None:
    perms = [a for n in nodes(model) for a in n.attribute if a.name == "perm"]
    if attribute := choose(perms, rng):
        attribute.ints[:] = rng.permutation(len(attribute.ints))


def axis(model: onnx.ModelProto, rng: np.random.Generator) -> None:
    axes = [a for n in nodes(model) for a in n.attribute if a.name == "axis"]
    if attribute := choose(axes, rng):
        attribute.i = int(rng.integers(-3, 4))


def integer(model: onnx.ModelProto, rng: np.random.Generator) -> None:
    if tensor := choose([t for t in model.graph.initializer if t.data_type == 7], rng):
        values = numpy_helper.to_array(tensor).copy()
        values.reshape(-1)[rng.integers(values.size)] = rng.choice([-1, 0, 1, 2, 3, 4, 8])
        tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))


def weight(model: onnx.ModelProto, rng: np.random.Generator) -> None:
    if tensor := choose([t for t in model.graph.initializer if t.data_type == 1 and t.dims], rng):
        values = numpy_helper.to_array(tensor)
        values = values.transpose(rng.permutation(values.ndim)).reshape(values.shape)
        tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(values), tensor.name))


def operand(model: onnx.ModelProto, rng: np.random.Generator) -> None:
    graph = graphs(model.graph)[rng.integers(len(graphs(model.graph)))]
    target = rng.integers(len(graph.node))
    made = [name for node in graph.node[:target] for name in node.output]
    node = graph.node[target]
    node.input[rng.integers(len(node.input))] = rng.choice([model.graph.input[0].name, *made])


def setting(model: onnx.ModelProto, rng: np.random.Generator) -> None:
    names = ("pads", "strides", "dilations")
    lists = [a for n in nodes(model) for a in n.attribute if a.name in names]
    if attribute := choose(lists, rng):
        attribute.ints[rng.integers(len(attribute.ints))] = int(rng.integers(0, 3))


DAMAGES: tuple[Damage, ...] = (permutation, axis, integer, weight, operand, setting)


def result(path: Path) -> list[np.ndarray] | None:
    """The outputs on fixed random inputs and all conditions, None where the file does not run."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    rng = np.random.default_rng(0)
    try:
        session = onnxruntime.InferenceSession(str(path), options)
        feeds = {}
        for value in session.get_inputs():
            shape = [SIZES.get(size, size) for size in value.shape]
            drawn = rng.standard_normal(shape).astype("f")
            feeds[value.name] = np.array(2) if value.type == "tensor(int64)" else drawn
        conditions = [v.name for v in session.get_inputs() if v.type == "tensor(bool)"]
        outputs: list[np.ndarray] = []
        for chosen in product([np.array(True), np.array(False)], repeat=len(conditions)):
            outputs += session.run(None, feeds | dict(zip(conditions, chosen, strict=True)))
    except Exception as error:
        if "onnxruntime" not in type(error).__module__:
            raise
        return None
    return outputs


def close(a: list[np.ndarray], b: list[np.ndarray] | None) -> bool:
    return b is not None and all(
        x.shape == y.shape and np.allclose(x, y, rtol=1e-4, atol=1e-4)
        for x, y in zip(a, b, strict=True)
    )


def passes(rung: Callable[[File, File], Check], first: Path, second: Path) -> bool:
    """Whether a check passes; a file that is damaged until it is no valid one does not."""
    try:
        return rung(File(first), File(second)).passed
    except InputError:
        return False


@pytest.mark.filterwarnings("ignore:.* declares .*left out")  # damaged shapes
@pytest.mark.parametrize("name", PAIRS)
def test_verdicts_agree_with_numbers(name: str, tmp_path: Path):
    first, second = tmp_path / "first.onnx", tmp_path / "second.onnx"
    pair = PAIRS[name]()
    onnx.save(pair.before, first)
    expected = result(first)
    assert expected is not None
    for seed in range(SEEDS):
        rng = np.random.default_rng(seed)
        damaged = onnx.ModelProto()
        damaged.CopyFrom(pair.after)
        for _ in range(rng.integers(1, 3)):
            DAMAGES[rng.integers(len(DAMAGES))](damaged, rng)
        onnx.save(damaged, second)
        equal = close(expected, result(second))
        for rung in (structure, integers):
            assert passes(rung, first, second) == equal, (rung.__name__, seed)
