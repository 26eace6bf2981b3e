"""Single nodes of an ONNX file: whether ONNX has the operator so, and what types it gives."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod

import onnx

from onebyone.errors import InputError
from onebyone.models.onnx.tensors import MOST_AXES
from onebyone.models.shown import line, shown

STANDARD = ("", "ai.onnx")
_SMALL = 128
"""Elements of constants that ONNX may look into, as where they are the sizes of a Reshape."""
_MOST_JOINED = 1 << 16
_REFUSALS = (
    onnx.checker.ValidationError,
    onnx.shape_inference.InferenceError,
    RuntimeError,
    ValueError,
    IndexError,
)
"""What ONNX's own code raises on nodes that are not valid; it is C++."""


@dataclass(frozen=True)
class Known:
    """What is known of a value.

    Attributes:
        type: as ONNX has it; None where it is not known.
        data: its numbers, where they are constant and few.
    """

    type: onnx.TypeProto | None = None
    data: onnx.TensorProto | None = None

    @property
    def sizes(self) -> list[int | None] | None:
        """Of a tensor: None for each size that is not a number; None where the rank is unknown."""
        if self.type is None or not self.type.tensor_type.HasField("shape"):
            return None
        axes = self.type.tensor_type.shape.dim
        return [axis.dim_value if axis.HasField("dim_value") else None for axis in axes]


UNKNOWN = Known()


def constant(tensor: onnx.TensorProto) -> Known:
    """What is known of an initializer."""
    kind = onnx.helper.make_tensor_type_proto(tensor.data_type, list(tensor.dims))
    return Known(kind, tensor if _is_small(tensor) else None)


def named(node: onnx.NodeProto) -> str:
    """A node as messages call it."""
    return f"{line(node.op_type, 40)} {shown(node.name or next(iter(node.output), ''))}"


@dataclass(frozen=True)
class Operators:
    """The operators that a graph or the body of a function may use.

    Attributes:
        versions: of operator sets, by domain; ONNX's own is "".
        functions: domain, name and overload of the model's own.
        file_size: in bytes.
        in_function: whether attributes may refer to those of a function, and types are open.
    """

    versions: Mapping[str, int]
    functions: frozenset[tuple[str, str, str]]
    file_size: int
    in_function: bool = False

    def check(self, node: onnx.NodeProto) -> None:
        """Refuse an operator that ONNX has not, or not with so many inputs and such attributes."""
        if not self.in_function and any(a.ref_attr_name for a in node.attribute):
            raise InputError(f"{named(node)} refers to an attribute of a function outside of one")
        domain = _domain(node)
        if domain not in self.versions or self._is_own(node):
            return
        if domain == "":
            _check_numbers(node)
        context = onnx.checker.C.CheckerContext()
        context.ir_version = onnx.IR_VERSION
        context.opset_imports = dict(self.versions)
        try:
            onnx.checker.check_node(_bare(node), context)
        except _REFUSALS as error:
            raise InputError(f"{named(node)} is not valid: {line(str(error))}") from error

    def results(self, node: onnx.NodeProto, scope: Mapping[str, Known]) -> list[Known]:
        """What is known of a node's results, once it and the graphs within it have been checked.

        What ONNX does not have for inputs as in `scope` is refused.
        """
        nothing = [UNKNOWN] * len(node.output)
        schema = None if self.in_function or self._is_own(node) else self._schema(node)
        inputs = [scope[name] for name in node.input if name]
        if schema is None or any(known.type is None for known in inputs):
            return nothing
        tensor = next((a.t for a in node.attribute if a.HasField("t")), None)
        if node.op_type == "Constant" and tensor is not None:
            return [constant(tensor)]
        self._check_growth(node, inputs)
        given = {name: scope[name] for name in reads(node) if name in scope}
        types = {name: known.type for name, known in given.items() if known.type is not None}
        data = {name: known.data for name, known in given.items() if known.data is not None}
        inside = {inner.domain: 1 for inner in every(node)}
        imports = inside | dict(self.versions) | {"ai.onnx": self.versions.get("", 1)}
        try:
            found = onnx.shape_inference.infer_node_outputs(
                schema,
                _bare(node, whole=True),
                types,
                data,
                opset_imports=[onnx.helper.make_opsetid(*item) for item in imports.items()],
            )
        except _REFUSALS as error:
            raise InputError(f"{named(node)} is not valid: {line(str(error))}") from error
        return [Known(found.get(name)) for name in node.output]

    def _is_own(self, node: onnx.NodeProto) -> bool:
        return (node.domain, node.op_type, node.overload) in self.functions

    def _schema(self, node: onnx.NodeProto) -> onnx.defs.OpSchema | None:
        domain = _domain(node)
        try:
            found = onnx.defs.get_schema(node.op_type, self.versions.get(domain, 1), domain)
        except onnx.defs.SchemaError:
            return None
        return found if found.has_type_and_shape_inference_function else None

    def _check_growth(self, node: onnx.NodeProto, inputs: Sequence[Known]) -> None:
        """Few nodes must not stand for very many numbers, which ONNX and the check would note."""
        if node.op_type == "Concat":
            joined = [known.sizes for known in inputs]
            size = sum(s[0] or 0 for s in joined if s is not None and len(s) == 1)
            integers = all(_element(known) in _INTEGERS for known in inputs)
            if integers and size > max(_MOST_JOINED, self.file_size):
                raise InputError(f"{named(node)} joins {size} integers, more than the file has")


_INTEGERS = {onnx.TensorProto.INT64, onnx.TensorProto.INT32}


def _element(known: Known) -> int:
    return 0 if known.type is None else int(known.type.tensor_type.elem_type)


def _domain(node: onnx.NodeProto) -> str:
    return "" if node.domain in STANDARD else str(node.domain)


def _check_numbers(node: onnx.NodeProto) -> None:
    """Numbers that ONNX's own code cuts to 32 bits, or goes by without a look at the outputs."""
    for attribute in node.attribute:
        if attribute.name == "axis" and abs(attribute.i) > MOST_AXES:
            raise InputError(f"{named(node)} has the axis {attribute.i}")
        if attribute.name == "num_outputs" and attribute.i != len(node.output):
            raise InputError(f"{named(node)} has {len(node.output)} outputs, not {attribute.i}")


def _is_small(tensor: onnx.TensorProto) -> bool:
    here = tensor.data_location != onnx.TensorProto.EXTERNAL
    return here and prod(tensor.dims) <= _SMALL


def graphs(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    """The graphs within a node."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def every(*nodes: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
    """Nodes, and those of the graphs within them."""
    for node in nodes:
        yield node
        for graph in graphs(node):
            yield from every(*graph.node)


def reads(node: onnx.NodeProto) -> Iterator[str]:
    """The names that a node reads from around it, those within its graphs included."""
    yield from node.input
    for graph in graphs(node):
        inside = {value.name for value in (*graph.input, *graph.initializer)}
        inside.update(name for step in graph.node for name in step.output)
        yield from (name for step in graph.node for name in reads(step) if name not in inside)


def _bare(node: onnx.NodeProto, *, whole: bool = False) -> onnx.NodeProto:
    """A node in ONNX's own domain without larger tensors, and without graphs if not `whole`."""
    bare = onnx.NodeProto(op_type=node.op_type, name=node.name, domain=_domain(node))
    bare.input.extend(node.input)
    bare.output.extend(node.output)
    for attribute in node.attribute:
        if not whole and (attribute.HasField("g") or attribute.graphs):
            held = onnx.AttributeProto(name=attribute.name, type=attribute.type)
            if attribute.HasField("g"):
                held.g.name = "graph"
            held.graphs.extend(onnx.GraphProto(name="graph") for _ in attribute.graphs)
        elif attribute.HasField("t") and not _is_small(attribute.t):
            held = onnx.AttributeProto(name=attribute.name, type=attribute.type)
            held.t.data_type, held.t.dims[:] = attribute.t.data_type, [0]
        else:
            held = attribute
        bare.attribute.append(held)
    return bare
