"""As few transposes and reshapes as can be: which values lie in which form.

Every value may lie as the file had it, or moved into the form that suits the rewritten layers.
Where the form changes, a move stands. Most operators run on either form; which of them should is
a minimum cut of the graph: the fewest operators that move something.
"""

import numpy as np
import onnx_ir as ir

from onebyone.graphs.minimum_cut import minimum_cut
from onebyone.rewriting.moves import Move
from onebyone.rewriting.onnx.chains import fold, merge
from onebyone.rewriting.onnx.editor import Editor, drop, source
from onebyone.rewriting.onnx.flexible import Form, form_of, read_flexible
from onebyone.rewriting.onnx.moving import move_of
from onebyone.rewriting.onnx.names import turned
from onebyone.rewriting.onnx.value_sizes import known, note


def settle(editor: Editor, form: Form) -> None:
    """Bring each value of a graph into one of its two forms, so that the fewest moves are left."""
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
        read = {node: read_flexible(node, form, editor.opset) for node in self._nodes}
        self._flexible = {node: found for node, found in read.items() if found is not None}
        # Moves and what they read in the file: nodes get other inputs while the choice is carried
        # out. The first make the other form of what they read, the second read that of their own.
        self._into: dict[ir.Node | None, ir.Value] = {}
        self._from: dict[ir.Node | None, ir.Value] = {}
        for node in self._nodes:
            self._read_move(node)
        self._moved: dict[ir.Node | None, Move] = {}  # what runs on the other form
        self._constants: dict[tuple[ir.Value, Move], ir.Value] = {}
        self._made: dict[tuple[ir.Value, bool], ir.Value] = {}
        self._names: dict[ir.Value, str | None] = {}

    def _read_move(self, node: ir.Node) -> None:
        move = move_of(node)
        if move is None or not node.inputs or node.inputs[0] is None:
            return
        into = move == form_of(node.inputs[0], self._form)
        back = move.inverse == form_of(node.outputs[0], self._form)
        # A move that undoes itself can be seen both ways; it helps the side that can adapt.
        if into and not (
            back and any(user in self._flexible for user, _ in node.outputs[0].uses())
        ):
            self._into[node] = node.inputs[0]
        elif back:
            self._from[node] = node.inputs[0]

    def choose(self) -> None:
        """Find the operators that run on the other form: a minimum cut."""
        number: dict[ir.Node | None, int] = {node: k for k, node in enumerate(self._flexible)}
        ours, theirs = len(number), len(number) + 1  # the other form, and in place
        number |= dict.fromkeys(self._from, ours)
        implied: list[tuple[int, int]] = []
        moves: dict[tuple[int, int], int] = {}
        free = theirs + 1
        values = (value for node in self._nodes for value in (*node.inputs, *node.outputs))
        for value in dict.fromkeys(values):  # in this order, each once
            if value is None or value.const_value is not None:
                continue
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
        self._moved = {n: found.move for n, found in self._flexible.items() if chosen[number[n]]}

    def carry_out(self) -> None:
        """Give every operator its inputs in the form that it runs on."""
        outputs = list(self._editor.graph.outputs)
        every = list(self._editor.graph.all_nodes())
        self._names = {v: v.name for node in self._moved if node for v in node.outputs}
        for moved, name in self._names.items():
            moved.name = self._editor.names.fresh(turned(name, self._editor.order))
            self._editor.names.give_up(name)
        for node in every:
            if node in self._moved:
                self._move(node)
            elif node not in self._into or self._into[node].producer() not in self._moved:
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
            node.replace_input_with(place, self._in_other_form(source(node, place), node))
        found.follow(self._editor, self._constants)
        for value in node.outputs:
            note(value, found.move.apply(known(value)))

    def _in_place(self, value: ir.Value, before: ir.Node | None) -> ir.Value:
        """The value as the file had it."""
        producer = value.producer()
        start = self._into.get(producer)
        if start is not None and start.producer() in self._moved:
            return start
        if producer in self._moved and (value, False) not in self._made:
            move, name = self._moved[producer].inverse, self._names[value] or ""
            self._made[value, False] = self._editor.move(value, move, before, name)
            self._made[value, False].shape = value.shape
        return self._made.get((value, False), value)

    def _in_other_form(self, value: ir.Value, before: ir.Node | None) -> ir.Value:
        producer = value.producer()
        if producer in self._moved:
            return value
        if producer in self._from:
            return self._in_place(self._from[producer], before)
        if (value, True) not in self._made:
            there = next((user for user, _ in value.uses() if user in self._into), None)
            move = form_of(value, self._form)
            assert move is not None
            self._made[value, True] = (
                there.outputs[0]
                if there
                else self._editor.move(value, move, before, turned(value.name, self._editor.order))
            )
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
