"""Small edits of a graph, for the opset that it is written in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from onebyone.rewriting.moves import Move
from onebyone.rewriting.onnx.names import Names, became
from onebyone.rewriting.onnx.value_sizes import Sizes, note, sizes_of, tensor_shape

Attribute = int | float | str | Sequence[int]
_NEW = "onebyone.new"


@dataclass(frozen=True)
class Editor:
    """Adds and replaces nodes of one graph.

    Attributes:
        graph: the graph.
        opset: of ONNX's own operators.
        names: of the whole model.
        order: how new values have their axes, "channels_first" or "channels_last", for their names.
    """

    graph: ir.Graph
    opset: int
    names: Names
    order: str

    def add(
        self,
        operator: str,
        inputs: Sequence[ir.Value | None],
        before: ir.Node | None,
        *,
        name: str = "",
        output: str = "",
        sizes: Sizes | None = None,
        attributes: Mapping[str, Attribute] | None = None,
        like: ir.Node | None = None,
    ) -> ir.Value:
        """A new node before another or at the end; its output has the first input's type.

        Without an `output` of its own, the value has the node's name. A node that takes another
        one's place is `like` it: with its documentation, metadata and, by default, its name.
        """
        if like and not name:
            name = became(like.name, like.op_type, operator)
        value = ir.Value(name=self.names.fresh(output or name), type=_type(inputs))
        value.meta[_NEW] = True
        note(value, sizes)
        node = ir.node(
            operator,
            inputs,
            attributes=dict(attributes or {}),
            outputs=[value],
            name=self.names.fresh(name) if output else value.name,
            doc_string=like.doc_string if like else None,
            metadata_props=dict(like.metadata_props) if like else None,
        )
        node.meta[_NEW] = True
        if before is None or before.graph is not self.graph:
            self.graph.append(node)
        else:
            self.graph.insert_before(before, node)
        return value

    def numbers(self, values: Sequence[int] | np.ndarray, name: str) -> ir.Value:
        """A new initializer; 64-bit integers where it is given a sequence."""
        array = values if isinstance(values, np.ndarray) else np.array(values, np.int64)
        return self.initializer(ir.tensor(array), name)

    def initializer(self, tensor: ir.TensorProtocol, name: str) -> ir.Value:
        """A new initializer that holds this tensor."""
        tensor.name = self.names.fresh(name)
        value = ir.Value(name=tensor.name, const_value=tensor)
        value.shape, value.dtype = ir.Shape(tensor_shape(tensor)), tensor.dtype
        note(value, tensor_shape(tensor))
        self.graph.register_initializer(value)
        return value

    def move(self, value: ir.Value, move: Move, before: ir.Node | None, name: str) -> ir.Value:
        """The value moved, by a node for all operators of the move (see `chains.expand`)."""
        if move.identity:
            return value
        sizes = sizes_of(value)
        moved = self.add("Move", [value], before, name=name)
        maker(moved).domain = "onebyone"
        maker(moved).meta["onebyone.move"] = move
        note(moved, None if sizes is None else move.apply(sizes))
        return moved

    def reshape(
        self,
        value: ir.Value,
        shape: Sequence[int],
        before: ir.Node,
        name: str,
        sizes: Sizes | None = None,
    ) -> ir.Value:
        """The value in another shape, which may have zeros and a -1 as ONNX reads them."""
        inputs = [value, self.numbers(shape, f"{name}/shape")]
        return self.add("Reshape", inputs, before, name=name, sizes=sizes)

    def replace(self, old: ir.Value, new: ir.Value) -> None:
        """Put a value where another was, and give it its name, shape, type and metadata."""
        name, sizes = old.name, sizes_of(old)
        old.replace_all_uses_with(new, replace_graph_outputs=True)
        self.names.give_up(new.name)
        old.name = None
        new.name, new.shape, new.type = name, old.shape, old.type
        new.meta[_NEW] = is_new(old)
        new.metadata_props.update(old.metadata_props)
        note(new, sizes)


def source(node: ir.Node, place: int = 0) -> ir.Value:
    """What a node reads, where it is there."""
    value = node.inputs[place]
    assert value is not None
    return value


def maker(value: ir.Value) -> ir.Node:
    """The node that makes a value, where one does."""
    node = value.producer()
    assert node is not None
    return node


def is_new(thing: ir.Value | ir.Node) -> bool:
    """Whether an editor added a node or a value, and not in place of a value of the file."""
    return bool(thing.meta.get(_NEW))


def drop(node: ir.Node) -> None:
    """Remove a node whose outputs nothing uses, and what only it used."""
    if any(value.uses() or value.is_graph_output() for value in node.outputs):
        return
    sources = [value for value in node.inputs if value is not None]
    graph = node.graph
    if graph is None:
        return
    graph.remove(node, safe=True)
    for value in sources:
        producer = value.producer()
        if producer is not None:
            drop(producer)
        elif value.is_initializer() and not (
            value.uses() or value.is_graph_output() or value.is_graph_input()
        ):
            owner = value.graph
            if owner is not None:
                del owner.initializers[value.name or ""]


def integers(node: ir.Node, name: str, place: int) -> tuple[int, ...] | None:
    """What is an attribute in older opsets and a constant input in newer ones."""
    if name in node.attributes:
        return tuple(node.attributes[name].as_ints())
    value = node.inputs[place] if place < len(node.inputs) else None
    constant = None if value is None else ir.convenience.get_const_tensor(value)
    if constant is None:
        return None
    return tuple(int(k) for k in constant.numpy().reshape(-1))


def _type(inputs: Sequence[ir.Value | None]) -> ir.TensorType | None:
    dtype = inputs[0].dtype if inputs and inputs[0] is not None else None
    return None if dtype is None else ir.TensorType(dtype)
