"""Graphs drawn at random: both directions, every layout, and back, equal to the last bit."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
from hypothesis import given
from hypothesis import strategies as st

from helpers.onnx_cases import LAYOUTS, Graph, feeds, run
from onebyone.rewriting.onnx import rewrite_onnx

SIZES = {"B": 2, "S": 5, "H": 4}
Value = tuple[str, tuple[int | str, ...]]


class Drawn:
    """A graph that grows by one operator at a time; its numbers stay small integers."""

    def __init__(self, data: st.DataObject, opset: int) -> None:
        self.data = data
        self.graph = Graph(opset)
        rank = data.draw(st.integers(2, 4), "rank")
        shape = ("B", *("S", "H")[: rank - 2], 4)
        shape = shape if data.draw(st.booleans()) else (shape[0], shape[-1], *shape[1:-1])
        self.values: list[Value] = [(self.graph.input(*shape), shape)]

    def pick(self) -> Value:
        """A value, the newest most often."""
        back = self.data.draw(st.sampled_from([0, 0, 0, 1, 2]))
        return self.values[max(0, len(self.values) - 1 - back)]

    def add(self, operator: str, *inputs: str, shape: tuple[int | str, ...], **options) -> Value:
        value = self.graph.add(operator, *inputs, **options)
        self.values.append((value, shape))
        return self.values[-1]

    def clip(self, value: str, shape: tuple[int | str, ...]) -> Value:
        g, k = self.graph, len(self.graph.nodes)
        low, high = (g.constant(f"{n}{k}", np.float32(v)) for n, v in (("low", -3), ("high", 3)))
        return self.add("Clip", value, low, high, shape=shape)

    def linear(self) -> None:
        value, shape = self.pick()
        if isinstance(shape[-1], str):
            return self.point()
        k, outputs = len(self.graph.nodes), self.data.draw(st.integers(1, 5))
        w = self.graph.weight(f"w{k}", shape[-1], outputs)
        y = self.graph.add("MatMul", value, w)
        if self.data.draw(st.booleans()):
            y = self.graph.add("Add", y, self.graph.weight(f"b{k}", outputs))
        self.clip(y, (*shape[:-1], outputs))
        return None

    def point(self) -> None:
        value, shape = self.pick()
        if len(shape) < 3 or isinstance(shape[1], str):
            return
        k, outputs = len(self.graph.nodes), self.data.draw(st.integers(1, 5))
        w = self.graph.weight(f"w{k}", outputs, shape[1], *(1,) * (len(shape) - 2))
        biases = [self.graph.weight(f"b{k}", outputs)] if self.data.draw(st.booleans()) else []
        y = self.graph.add("Conv", value, w, *biases)
        self.clip(y, (shape[0], outputs, *shape[2:]))

    def elementwise(self) -> None:
        value, shape = self.pick()
        self.add(self.data.draw(st.sampled_from(["Relu", "Neg", "Abs"])), value, shape=shape)

    def constant(self) -> None:
        value, shape = self.pick()
        sizes = [s if isinstance(s, int) and self.data.draw(st.booleans()) else 1 for s in shape]
        sizes = sizes[self.data.draw(st.integers(0, len(sizes) - 1)) :]
        w = self.graph.weight(f"c{len(self.graph.nodes)}", *sizes)
        operator = self.data.draw(st.sampled_from(["Add", "Mul", "Max"]))
        self.clip(self.graph.add(operator, value, w), shape)

    def residual(self) -> None:
        (a, shape), (b, other) = self.pick(), self.pick()
        if shape == other:
            self.clip(self.graph.add("Add", a, b), shape)

    def concat(self) -> None:
        (a, shape), (b, other) = self.pick(), self.pick()
        differ = [k for k in range(len(shape)) if len(other) != len(shape) or shape[k] != other[k]]
        whole = [k for k, (s, t) in enumerate(zip(shape, other, strict=False)) if s != t] or [
            k for k, s in enumerate(shape) if isinstance(s, int)
        ]
        if len(shape) == len(other) and len(differ) < 2 and isinstance(shape[whole[0]], int):
            k = whole[0]
            sizes = (*shape[:k], shape[k] + other[k], *shape[k + 1 :])
            if isinstance(other[k], int):
                self.add("Concat", a, b, shape=sizes, axis=k)

    def transpose(self) -> None:
        value, shape = self.pick()
        order = (0, *self.data.draw(st.permutations(range(1, len(shape)))))
        moved = tuple(shape[k] for k in order)
        self.add("Transpose", value, shape=moved, perm=list(order))

    def reduce(self) -> None:
        value, shape = self.pick()
        axis = self.data.draw(st.integers(1, len(shape) - 1))
        name = f"axis{len(self.graph.nodes)}"
        axes = [self.graph.constant(name, np.array([axis]))] if self.graph.opset >= 18 else []
        options = {} if axes else {"axes": [axis]}
        y = self.graph.add("ReduceMax", value, *axes, **options)
        self.clip(self.graph.add("Sub", value, y), shape)


@given(st.data())
def test_drawn_graphs(data: st.DataObject) -> None:
    drawn = Drawn(data, data.draw(st.sampled_from([11, 13, 18]), "opset"))
    kinds = ["linear", "linear", "point", "elementwise", "constant", "residual", "concat"]
    kinds += ["transpose", "reduce"]
    for kind in data.draw(st.lists(st.sampled_from(kinds), min_size=2, max_size=10), "operators"):
        getattr(drawn, kind)()
    outputs = {drawn.values[-1][0], drawn.pick()[0]} - {"x"}
    if not outputs:
        return
    model = drawn.graph.model(*sorted(outputs), direct=data.draw(st.booleans()))
    layout = data.draw(st.sampled_from(LAYOUTS), "layout")
    to, back = data.draw(st.permutations(["convolution", "linear"]), "directions")
    with TemporaryDirectory() as folder:
        first, second, third = (Path(folder) / f"{k}.onnx" for k in range(3))
        onnx.save(model, first)
        report = rewrite_onnx(first, to, second, layout=layout).report
        assert not [row for row in report.left if "rank" not in row.reason]
        rewrite_onnx(second, back, third, layout=layout)
        inputs = feeds(model)
        expected = run(first, inputs)
        for path in (second, third):
            onnx.checker.check_model(str(path), full_check=True)
            for a, b in zip(expected, run(path, inputs), strict=True):
                np.testing.assert_array_equal(b, a, strict=True)
