"""Control flow of an ONNX file, written out: branches that are known, loops of known turns."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np
import onnx

from onebyone.errors import InputError
from onebyone.models.onnx.inlining import Inlined, inlined
from onebyone.models.onnx.nodes import named
from onebyone.models.onnx.values import Known
from onebyone.models.onnx.written import constant, part, same, stacked

MOST_NODES = 100_000
"""That loops may make."""
CONTROL = frozenset({"If", "Loop", "Scan"})

Look = Callable[[str], Known]
"""What is known of a value, by its name."""


@dataclass
class Control:
    """Writes out nodes that hold graphs.

    Attributes:
        version: of ONNX's operators.
        mark: joins new names; no name of the file has it.
        stored: initializers by name, to which those of graphs within nodes are added.
        nodes_left: that may still be made.
    """

    version: int
    mark: str
    stored: dict[str, onnx.TensorProto]
    nodes_left: int = field(default_factory=lambda: MOST_NODES)

    def written(self, node: onnx.NodeProto, look: Look) -> Iterator[onnx.NodeProto]:
        """The nodes that a node stands for; what is known of each is asked for after it is taken.

        Raises:
            InputError: what decides is computed of the image, or there are too many nodes.
        """
        write = {"If": self._if, "Loop": self._loop, "Scan": self._scan}[node.op_type]
        yield from write(node, look)

    def within(
        self, node: onnx.NodeProto, graph: onnx.GraphProto, given: Sequence[str], turn: Any
    ) -> Inlined:
        """One of a node's graphs with new names, for one turn or branch."""
        place = next(name for name in node.output if name) + self.mark
        found = inlined(graph, given, place, f"{place}{turn}{self.mark}")
        self.stored |= found.tensors
        self.nodes_left -= max(len(found.nodes), 1)
        if self.nodes_left < 0:
            raise InputError(f"{named(node)} makes more than {MOST_NODES} nodes of it")
        return found

    def body(self, node: onnx.NodeProto, graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
        """The nodes of the graph that an operator is by its definition."""
        missing = len(graph.input) - len(node.input)
        found = self.within(node, graph, (*node.input, *[""] * missing), "body")
        yield from found.nodes
        yield from _ends(node.output, found.outputs)

    def _if(self, node: onnx.NodeProto, look: Look) -> Iterator[onnx.NodeProto]:
        taken = number(node, look(node.input[0]), "its condition")
        name = "then_branch" if taken else "else_branch"
        branch = self.within(node, graph_of(node, name), (), name)
        yield from branch.nodes
        yield from _ends(node.output, branch.outputs)

    def _loop(self, node: onnx.NodeProto, look: Look) -> Iterator[onnx.NodeProto]:
        most, going, *states = (*node.input, "", "")[: max(len(node.input), 2)]
        turns: Iterable[int] = count()
        if most:
            turns = range(number(node, look(most), "its number of turns"))
        kept, rows = len(states), []
        for turn in turns:
            if going and not number(node, look(going), "its condition"):
                break
            name = self.mark.join((next(filter(None, node.output)), str(turn), ""))
            yield constant(f"{name}turn", turn)
            if not going:
                going = f"{name}going"
                yield constant(going, True, np.bool_)
            body = self.within(node, graph_of(node, "body"), (f"{name}turn", going, *states), turn)
            yield from body.nodes
            going, *results = body.outputs
            states = results[:kept]
            rows.append(results[kept:])
        yield from _ends(node.output, states)
        declared = graph_of(node, "body").output[1 + kept :]
        for place, name in enumerate(node.output[kept:]):
            if name and rows:
                yield from stacked([row[place] for row in rows], name, 0, self.version)
            elif name:
                yield _nothing(node, name, declared[place])

    def _scan(self, node: onnx.NodeProto, look: Look) -> Iterator[onnx.NodeProto]:
        if self.version < 9:
            raise InputError(f"{named(node)} is of ONNX's operator set 8, which is not computed")
        says = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        scanned = says["num_scan_inputs"]
        kept = len(node.input) - scanned
        states, sources = list(node.input[:kept]), list(node.input[kept:])
        axes = says.get("scan_input_axes", [0] * scanned)
        back = says.get("scan_input_directions", [0] * scanned)
        turns = length(node, look(sources[0]), axes[0])
        rows = []
        for turn in range(turns):
            name = self.mark.join((next(filter(None, node.output)), str(turn), ""))
            parts = [f"{name}part{k}" for k in range(scanned)]
            for source, axis, turned, made in zip(sources, axes, back, parts, strict=True):
                yield from part(source, made, turns - 1 - turn if turned else turn, axis)
            body = self.within(node, says["body"], (*states, *parts), turn)
            yield from body.nodes
            states = list(body.outputs[:kept])
            rows.append(body.outputs[kept:])
        yield from _ends(node.output, states)
        results = node.output[kept:]
        axes = says.get("scan_output_axes", [0] * len(results))
        back = says.get("scan_output_directions", [0] * len(results))
        for place, (name, axis, turned) in enumerate(zip(results, axes, back, strict=True)):
            column = [row[place] for row in rows]
            if name:
                yield from stacked(column[::-1] if turned else column, name, axis, self.version)


def graph_of(node: onnx.NodeProto, name: str) -> onnx.GraphProto:
    """A node's graph by the name of its attribute."""
    graph: onnx.GraphProto = next(a.g for a in node.attribute if a.name == name)
    return graph


def _ends(names: Sequence[str], sources: Sequence[str]) -> Iterator[onnx.NodeProto]:
    """Nodes that give results the names that a node has for them."""
    for name, source in zip(names, sources, strict=False):
        if name:
            yield same(source, name)


def number(node: onnx.NodeProto, known: Known, what: str) -> Any:
    """A number that decides what runs."""
    if known.constant is not None:
        return known.constant.reshape(-1)[0].item()
    if not known.sizes:
        raise InputError(f"{named(node)} takes {what} from what is computed of the image")
    if known.runs is None:
        raise InputError(f"{named(node)} takes {what} from sizes: pass window=(C, H, W)")
    raise InputError(f"{named(node)} takes {what} from the size of the batch")


def length(node: onnx.NodeProto, known: Known, axis: int) -> int:
    """The size of an axis that is gone along."""
    if known.constant is not None:
        return known.constant.shape[axis]
    if known.runs is None:
        raise InputError(
            f"{named(node)} takes its number of turns from sizes: pass window=(C, H, W)"
        )
    sizes = {run.shape[axis] for run in known.runs}
    if len(sizes) > 1:
        raise InputError(f"{named(node)} goes along the batch")
    return int(sizes.pop())


def _nothing(node: onnx.NodeProto, name: str, declared: onnx.ValueInfoProto) -> onnx.NodeProto:
    """What a loop without turns gives for the rows of all turns: none, of the declared sizes."""
    kind = declared.type.tensor_type
    if not kind.elem_type or not kind.HasField("shape"):
        raise InputError(f"{named(node)} has no turns, and rows of sizes that it does not say")
    sizes = [0, *(axis.dim_value for axis in kind.shape.dim)]
    dtype = onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type)
    return constant(name, np.zeros(sizes, dtype), dtype)
