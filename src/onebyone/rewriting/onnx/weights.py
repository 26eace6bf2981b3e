"""Where a layer's weight comes from, who else uses it, and how it is relabelled in place."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import onnx_ir as ir

from onebyone.rewriting.left import Left
from onebyone.rewriting.onnx.editor import Editor
from onebyone.rewriting.onnx.relabelled import RelabelledTensor
from onebyone.rewriting.onnx.value_sizes import note, sizes_of, tensor_shape
from onebyone.rewriting.relabelling import Relabelling

_QUANTISERS = {"QuantizeLinear", "DequantizeLinear"}
_ELEMENTWISE = {*_QUANTISERS, "Cast", "Identity"}


@dataclass(frozen=True, eq=False)
class Weight:
    """A constant that a layer multiplies by.

    Attributes:
        base: the initializer, or the output of a Constant.
        path: what is computed from it, number by number, up to the layer.
        turned: whether the layer reads it transposed.
    """

    base: ir.Value
    path: tuple[ir.Node, ...]
    turned: bool

    @property
    def tensor(self) -> ir.TensorProtocol:
        """The numbers."""
        tensor = ir.convenience.get_const_tensor(self.base)
        assert tensor is not None
        return tensor

    @property
    def sizes(self) -> tuple[int, ...]:
        """The shape in which it is stored."""
        return tensor_shape(self.tensor)

    @property
    def end(self) -> ir.Value:
        """What the rewritten layer reads."""
        return self.path[-1].outputs[0] if self.path else self.base

    def scales(self, relabelling: Relabelling) -> list[tuple[ir.Node, int]]:
        """The quantisers whose scales follow, with their axes then, or why that is `Left`."""
        quantisers = [node for node in self.path if node.op_type in _QUANTISERS]
        axes = [self._follow(node, relabelling) for node in quantisers]
        return [(n, axis) for n, axis in zip(quantisers, axes, strict=True) if axis is not None]

    def relabel(self, relabelling: Relabelling) -> None:
        """Relabel the numbers, and the scales and zero points that follow them."""
        if isinstance(self.tensor, RelabelledTensor):
            return  # tied: done for another layer
        for node, axis in self.scales(relabelling):
            old = node.attributes.get_int("axis", 1)
            for value in node.inputs[1:]:
                tensor = value.const_value if value is not None else None
                if value is not None and tensor is not None and tensor.shape.rank() > 1:
                    size = tensor.shape.numpy()[old]
                    put(value, RelabelledTensor(tensor, relabelling.resized(old, size)))
            node.attributes["axis"] = ir.AttrInt64("axis", axis)
        put(self.base, RelabelledTensor(self.tensor, relabelling))
        for node in self.path:
            note(node.outputs[0], relabelling.after)
            node.outputs[0].shape = ir.Shape(relabelling.after)

    def _follow(self, node: ir.Node, relabelling: Relabelling) -> int | None:
        """The axis of the scales afterwards; None where there is one scale for all."""
        scales = sizes_of(node.inputs[1])
        if scales is None:
            raise Left("the shape of its scales is not known")
        if not scales or scales == (1,):
            return None
        axis = relabelling.carry(node.attributes.get_int("axis", 1))
        if axis is None:
            raise Left("its scales run along an axis that does not stay whole")
        if len(scales) > 1:
            whole = [relabelling.carry(k) for k, size in enumerate(self.sizes) if size != 1]
            if None in whole:
                raise Left("its blocks of scales do not stay whole")
            for value in node.inputs[1:]:
                if value is not None and (value.const_value is None or len(value.uses()) > 1):
                    raise Left("its blocks of scales are not its own constants")
        return axis


@dataclass(frozen=True, eq=False)
class Layer:
    """A layer that can be rewritten.

    Given its weight, `build` puts the rewritten layer into the graph and says what it became.
    """

    node: ir.Node
    weight: Weight
    relabelling: Relabelling
    build: Callable[[Editor, ir.Value], str]


def read_weight(value: ir.Value | None) -> Weight | None:
    """The constant behind a value; None where it is not one.

    Raises:
        Left: It is constant, but in a way that is not followed.
    """
    path: list[ir.Node] = []
    turned = False
    while value is not None:
        node = value.producer()
        if value.is_graph_input():
            return None
        if node is None or node.op_type == "Constant":
            tensor = ir.convenience.get_const_tensor(value)
            return None if tensor is None else Weight(value, tuple(path), turned)
        if node.op_type in _ELEMENTWISE:
            path.insert(0, node)
        elif node.op_type == "Transpose" and _swaps(node):
            if path:
                raise Left(f"its weight is transposed before {path[0].op_type}")
            turned = not turned
        else:
            return None
        value = node.inputs[0]
    return None


def readers_of(value: ir.Value) -> Iterator[ir.Node | None]:
    """The nodes that use a constant, beyond what only passes it on; None for the graph's output."""
    if value.is_graph_output():
        yield None
    for node, place in value.uses():
        passes = node.op_type in _ELEMENTWISE or (node.op_type == "Transpose" and _swaps(node))
        if passes and place == 0:
            yield from readers_of(node.outputs[0])
        else:
            yield node


def put(value: ir.Value, tensor: ir.TensorProtocol) -> None:
    """Put other numbers in place of a constant's."""
    note(value, tensor_shape(tensor))
    node = value.producer()
    if node is not None:
        name = next(iter(node.attributes))
        node.attributes[name] = ir.AttrTensor(name, tensor)
    else:
        value.const_value = tensor
    value.shape = ir.Shape(tensor_shape(tensor))


def _swaps(node: ir.Node) -> bool:
    sizes = sizes_of(node.inputs[0])
    order = tuple(node.attributes.get_ints("perm", (1, 0)))
    return sizes is not None and len(sizes) == 2 and order == (1, 0)
