"""As few transposes and reshapes as can be: which values lie in which form.

Every value may lie as the file had it, or moved into the form that suits the rewritten layers.
Where the form changes, a move stands. Most operators run on either form; which of them should is
a minimum cut of the graph: the fewest operators that move something.
"""

import numpy as np
import onnx_ir as ir

from onebyone.graphs.minimum_cut import minimum_cut
from onebyone.rewriting.moves import Move
from onebyone.rewriting.onnx import flexible
from onebyone.rewriting.onnx.chains import fold, merge
from onebyone.rewriting.onnx.editor import Editor, drop
from onebyone.rewriting.onnx.flexible import Flexible, Form, form_of
from onebyone.rewriting.onnx.moving import move_of
from onebyone.rewriting.onnx.names import turned
from onebyone.rewriting.onnx.value_sizes import note, sizes_of


def settle(editor: Editor, form: Form) -> None:
    """Bring each value of a graph into the form that takes the fewest moves.

    Args:
        editor: of the graph, with the moves of the rewritten layers in it.
        form: the other form of a value of these sizes; None where it has only one.
    """
    merge(editor)
    fold(editor, form)
    graph = _Forms(editor, form)
    graph.choose()
    graph.carry_out()
    merge(editor)


class _Forms:
    """The choice for one graph."""

    def __init__(self, editor: Editor, form: Form) -> None:
        self._editor = editor
        self._form = form
        self._nodes = list(editor.graph)
        self._flexible: dict[ir.Node, Flexible] = {}
        self._into: set[ir.Node] = set()  # moves that make the other form of what they read
        self._from: set[ir.Node] = set()  # moves that read the other form of what they make
        self._moved: set[ir.Node] = set()
        self._constants: dict[tuple[ir.Value, Move], ir.Value] = {}
        self._made: dict[tuple[ir.Value, bool], ir.Value] = {}
        for node in self._nodes:
            found = flexible.read(node, form, editor.opset)
            if found is not None:
                self._flexible[node] = found
        for node in self._nodes:
            self._read_move(node)
        # As the file had them: nodes get other inputs while the choice is carried out.
        self._sources = {node: node.inputs[0] for node in self._into | self._from}

    def _read_move(self, node: ir.Node) -> None:
        move = move_of(node)
        if move is None or not node.inputs or node.inputs[0] is None:
            return
        into = move == form_of(node.inputs[0], self._form)
        back = move.inverse == form_of(node.outputs[0], self._form)
        users = {user for user, _ in node.outputs[0].uses()}
        # A move that undoes itself can be seen both ways; it helps the side that can adapt.
        if into and not (back and users & set(self._flexible)):
            self._into.add(node)
        elif back:
            self._from.add(node)

    def choose(self) -> None:
        """Find the operators that run on the other form: a minimum cut."""
        number: dict[ir.Node | None, int] = {node: k for k, node in enumerate(self._flexible)}
        ours, theirs = len(number), len(number) + 1  # the other form, and in place
        number |= dict.fromkeys(self._from, ours)
        implied: list[tuple[int, int]] = []
        moves: dict[tuple[int, int], int] = {}
        free = theirs + 1
        for value in self._values():
            move = form_of(value, self._form)
            if move is None:
                continue
            start = number.get(value.producer(), theirs)
            ends = {theirs} if value.is_graph_output() else set()
            for user, place in value.uses():
                follows = user in self._flexible and place in self._flexible[user].data
                ends.add(number[user] if follows else ours if user in self._into else theirs)
            if ends == {start}:
                continue
            # One move serves all readers of either form, so each form has one arc to cut.
            implied += [(free, end) for end in ends] + [(end, free + 1) for end in ends]
            moves[start, free] = moves[free + 1, start] = len(move.steps)
            free += 2
        in_place, moved = np.zeros((2, free))
        in_place[ours] = moved[theirs] = np.inf
        chosen = minimum_cut(in_place, moved, implied, moves)
        self._moved = {node for node in self._flexible if chosen[number[node]]}

    def _values(self) -> list[ir.Value]:
        """What the graph's operators read and make, constants aside."""
        values: dict[ir.Value, None] = {}  # in this order, each once
        for node in self._nodes:
            for value in (*node.inputs, *node.outputs):
                if value is not None and value.const_value is None:
                    values.setdefault(value)
        return list(values)

    def carry_out(self) -> None:
        """Give every operator its inputs in the form that it runs on."""
        outputs = list(self._editor.graph.outputs)
        every = list(self._editor.graph.all_nodes())
        names = {value: value.name for node in self._moved for value in node.outputs}
        for moved, name in names.items():
            moved.name = self._editor.names.fresh(turned(name, self._editor.order))
            self._editor.names.give_up(name)
        self._names = names
        for node in every:
            if node in self._moved:
                self._move(node)
            elif node not in self._into or not self._is_moved(self._sources[node]):
                for place, value in enumerate(node.inputs):
                    if value is not None:
                        node.replace_input_with(place, self._in_place(value, node))
        for place, value in enumerate(outputs):
            self._put_out(place, value)
        for node in self._nodes:
            if node in self._into or node in self._from:
                drop(node)
        self._editor.graph.sort()

    def _move(self, node: ir.Node) -> None:
        """Let an operator run on the other form."""
        found = self._flexible[node]
        for place in found.data:
            value = node.inputs[place]
            assert value is not None
            node.replace_input_with(place, self._in_other_form(value, node))
        found.follow(self._editor, self._constants)
        for value in node.outputs:
            sizes = sizes_of(value)
            if sizes is not None:
                note(value, found.move.apply(sizes))

    def _is_moved(self, value: ir.Value | None) -> bool:
        return value is not None and value.producer() in self._moved

    def _in_place(self, value: ir.Value, before: ir.Node | None) -> ir.Value:
        """The value as the file had it."""
        producer = value.producer()
        if producer in self._into and self._is_moved(self._sources[producer]):
            source = self._sources[producer]
            assert source is not None
            return source
        if producer not in self._moved:
            return value
        move = self._flexible[producer].move
        if (value, False) not in self._made:
            name = self._names[value] or ""
            made = self._editor.move(value, move.inverse, before, name)
            made.shape = value.shape
            self._made[value, False] = made
        return self._made[value, False]

    def _in_other_form(self, value: ir.Value, before: ir.Node) -> ir.Value:
        producer = value.producer()
        if producer in self._moved:
            return value
        if producer in self._from:
            source = self._sources[producer]
            assert source is not None
            return self._in_place(source, before)
        if (value, True) not in self._made:
            users = (user for user, _ in value.uses() if user in self._into)
            user = next(users, None)
            if user is not None:
                made = user.outputs[0]
            else:
                move = form_of(value, self._form)
                assert move is not None
                name = turned(value.name, self._editor.order)
                made = self._editor.move(value, move, before, name)
            self._made[value, True] = made
        return self._made[value, True]

    def _put_out(self, place: int, value: ir.Value) -> None:
        """An output of the graph, in place and under its name."""
        made = self._in_place(value, None)
        if made is value:
            return
        self._editor.graph.outputs[place] = made
        name = self._names.get(value, value.name)
        if made.name != name:
            value.name = None
            made.name = name
        made.shape, made.type = value.shape, value.type
