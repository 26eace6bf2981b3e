"""Graphs drawn at random, their sizes along."""

from math import prod

import numpy as np
import onnx
from hypothesis import strategies as st

from helpers.onnx_cases import Graph

LINEAR = ["linear", "linear", "point", "elementwise", "constant", "residual", "concat"]
LINEAR += ["transpose", "reduce"]
DYNAMIC = ["split", "pool", "flatten", "positions", "heads", "one"]
Value = tuple[str, tuple[int | str, ...]]


class Drawn:
    """A graph that grows by one operator at a time; without means, its numbers stay integers."""

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

    def split(self) -> None:
        value, shape = self.pick()
        axes = [k for k, size in enumerate(shape) if isinstance(size, int) and size > 1]
        if not axes:
            return
        axis, k = self.data.draw(st.sampled_from(axes)), len(self.graph.nodes)
        first = self.data.draw(st.integers(1, shape[axis] - 1))
        sizes = [first, shape[axis] - first]
        new = self.graph.opset >= 13
        given = [self.graph.constant(f"split{k}", np.array(sizes))] if new else []
        options = {} if new else {"split": sizes}
        names = [f"part{k}:{n}" for n in range(2)]
        self.graph.nodes.append(
            onnx.helper.make_node(
                "Split", [value, *given], names, f"Split_{k}", axis=axis, **options
            )
        )
        for name, size in zip(names, sizes, strict=True):
            self.values.append((name, (*shape[:axis], size, *shape[axis + 1 :])))

    def pool(self) -> None:
        value, shape = self.pick()
        if len(shape) > 2:
            kind = self.data.draw(st.sampled_from(["GlobalAveragePool", "GlobalMaxPool"]))
            self.add(kind, value, shape=(*shape[:2], *(1,) * (len(shape) - 2)))

    def flatten(self) -> None:
        value, shape = self.pick()
        sizes = [size for size in shape[1:] if isinstance(size, int)]
        if len(sizes) == len(shape) - 1:
            self.add("Flatten", value, shape=(shape[0], prod(sizes)))

    def positions(self) -> None:
        """All axes but the first and the last as one, its size computed or left open."""
        value, shape = self.pick()
        if len(shape) < 3 or isinstance(shape[-1], str):
            return
        g, k = self.graph, len(self.graph.nodes)
        last = g.constant(f"last{k}", np.array([shape[-1]]))
        if self.data.draw(st.booleans()):
            target = g.constant(f"open{k}", np.array([0, -1, shape[-1]]))
        else:
            ends = [
                g.constant(f"{n}{k}", np.array([v])) for n, v in (("a", 0), ("b", 1), ("c", -1))
            ]
            whole = g.add("Shape", value)
            first = g.add("Slice", whole, *ends[:2])
            inner = g.add("ReduceProd", g.add("Slice", whole, *ends[1:]), keepdims=1)
            target = g.add("Concat", first, inner, last, axis=0)
        known = [size for size in shape[1:-1] if isinstance(size, int)]
        joined = prod(known) if len(known) == len(shape) - 2 else "·".join(map(str, shape[1:-1]))
        self.add("Reshape", value, target, shape=(shape[0], joined, shape[-1]))

    def heads(self) -> None:
        """The last axis in two, as attention has its heads."""
        value, shape = self.pick()
        if isinstance(shape[-1], int) and shape[-1] % 2 == 0 and len(shape) < 4:
            cut = (2, shape[-1] // 2)
            sizes = np.array([*(0,) * (len(shape) - 1), *cut])
            target = self.graph.constant(f"heads{len(self.graph.nodes)}", sizes)
            self.add("Reshape", value, target, shape=(*shape[:-1], *cut))

    def one(self) -> None:
        """An axis of one position, put in."""
        value, shape = self.pick()
        if len(shape) < 4:
            axis = self.data.draw(st.integers(1, len(shape)))
            made = self.graph.axes("Unsqueeze", value, [axis])
            self.values.append((made, (*shape[:axis], 1, *shape[axis:])))
