"""Moves in a row: merged where they are, folded into one for the choice of layout, written out."""

import onnx_ir as ir

from onebyone.rewriting.moves import Move
from onebyone.rewriting.onnx.editor import Editor, drop, is_new, maker, source
from onebyone.rewriting.onnx.flexible import Form, form_of
from onebyone.rewriting.onnx.moving import move_of


def merge(editor: Editor) -> None:
    """Two moves in a row become one, or none, as long as one of them is not the file's own."""
    while any([_merged(editor, node) for node in list(editor.graph)]):  # noqa: C419  (all of them)
        pass


def _two(node: ir.Node) -> tuple[ir.Node, ir.Value, Move, int] | None:
    """The move before a move: its node, what it reads, both as one, and what that saves."""
    value = node.inputs[0] if node.inputs else None
    before = None if value is None else value.producer()
    first, move = move_of(before), move_of(node)
    if before is None or first is None or move is None:
        return None
    both = first.then(move)
    return before, source(before), both, len(first.steps) + len(move.steps) - len(both.steps)


def _only(value: ir.Value) -> bool:
    """Whether just one node reads a value."""
    return len(value.uses()) == 1 and not value.is_graph_output()


def _merged(editor: Editor, node: ir.Node) -> bool:
    """Merge a move with the one before it, if that saves any."""
    found = _two(node)
    if found is None or "onebyone" not in {node.domain, found[0].domain}:
        return False
    _, start, both, saved = found
    result = node.outputs[0]
    if both.identity and is_new(start) and not is_new(result):
        editor.replace(result, start)  # the file's name for it stays
    elif both.identity and not result.is_graph_output():
        result.replace_all_uses_with(start)
    elif saved > 0 and _only(source(node)):
        editor.replace(result, editor.move(start, both, node, result.name or ""))
    else:
        return False
    drop(node)
    return True


def fold(editor: Editor, form: Form) -> None:
    """Two operators of the file that bring a value into its other form, or back, as one move."""
    for node in list(editor.graph):
        found = _two(node)
        if found is None or not _only(source(node)):
            continue
        before, start, both, _ = found
        result = node.outputs[0]
        ends = ((start, both), (result, both.inverse))
        fits = any(form_of(value, form) == wanted for value, wanted in ends)
        if fits and not result.is_graph_output():
            folded = editor.move(start, both, node, result.name or "")
            result.replace_all_uses_with(folded)
            maker(folded).meta["onebyone.chain"] = [(n, tuple(n.inputs)) for n in (before, node)]
            editor.graph.remove([before, node], safe=True)


def _unfold(editor: Editor, move: ir.Node) -> None:
    """Put the operators back that a move stands for."""
    chain: list[tuple[ir.Node, tuple[ir.Value | None, ...]]] = move.meta["onebyone.chain"]
    for node, inputs in chain:
        editor.graph.insert_before(move, node)
        for place, value in enumerate(inputs):
            node.replace_input_with(place, value)
    chain[0][0].replace_input_with(0, move.inputs[0])
    move.outputs[0].replace_all_uses_with(chain[-1][0].outputs[0])
    drop(move)


def expand(editor: Editor) -> None:
    """Write the moves out as Squeeze, Transpose and Unsqueeze."""
    for node in list(editor.graph):
        if "onebyone.chain" in node.meta:
            _unfold(editor, node)
    for node in list(editor.graph):
        if node.domain == "onebyone":
            editor.replace(node.outputs[0], _written(editor, node))
            drop(node)


def _written(editor: Editor, node: ir.Node) -> ir.Value:
    """The operators of a move, before its node."""
    value, move = source(node), move_of(node)
    assert move is not None
    for operator, axes in move.steps:
        name = f"{node.outputs[0].name}/{operator}"
        label = "perm" if operator == "Transpose" else "axes"
        if label == "perm" or editor.opset < 13:
            value = editor.add(operator, [value], node, name=name, attributes={label: axes})
        else:
            inputs = [value, editor.numbers(axes, f"{name}/axes")]
            value = editor.add(operator, inputs, node, name=name)
    return value
