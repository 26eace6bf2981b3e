"""Moves in a row: merged where they are, folded into one for the choice of layout, written out."""

import onnx_ir as ir

from onebyone.rewriting.moves import Move
from onebyone.rewriting.onnx.editor import Editor, drop, is_new
from onebyone.rewriting.onnx.flexible import Form, form_of
from onebyone.rewriting.onnx.moving import move_of


def merge(editor: Editor) -> None:
    """Two moves in a row become one, or none, as long as one of them is not the file's own."""
    while any([_merged(editor, node) for node in list(editor.graph)]):  # noqa: C419  (all of them)
        pass


def _merged(editor: Editor, node: ir.Node) -> bool:
    """Merge a move with the one before it, if that saves any."""
    move, source = move_of(node), node.inputs[0] if node.inputs else None
    before = None if source is None else source.producer()
    first = move_of(before)
    if move is None or first is None or before is None or source is None:
        return False
    both, result = first.then(move), node.outputs[0]
    start = before.inputs[0]
    if "onebyone" not in {node.domain, before.domain} or start is None:
        return False
    if both.identity and is_new(start) and not is_new(result):
        editor.replace(result, start)  # the file's name for it stays
    elif both.identity and not result.is_graph_output():
        result.replace_all_uses_with(start)
    elif len(both.steps) < len(first.steps) + len(move.steps) and len(source.uses()) == 1:
        if source.is_graph_output():
            return False
        editor.replace(result, editor.move(start, both, node, result.name or ""))
    else:
        return False
    drop(node)
    return True


def fold(editor: Editor, form: Form) -> None:
    """Two operators of the file that bring a value into its other form, or back, as one move."""
    for node in list(editor.graph):
        source = node.inputs[0] if node.inputs else None
        before = None if source is None else source.producer()
        move, first = move_of(node), move_of(before)
        if move is None or first is None or before is None or source is None:
            continue
        start, result, both = before.inputs[0], node.outputs[0], first.then(move)
        if start is None or len(source.uses()) > 1 or source.is_graph_output():
            continue
        ends = ((start, both), (result, both.inverse))
        fits = any(form_of(value, form) == wanted for value, wanted in ends)
        if fits and not result.is_graph_output():
            folded = editor.move(start, both, node, result.name or "")
            result.replace_all_uses_with(folded)
            producer = folded.producer()
            assert producer is not None
            producer.meta["onebyone.chain"] = [(n, tuple(n.inputs)) for n in (before, node)]
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
            source, result = node.inputs[0], node.outputs[0]
            move = move_of(node)
            assert source is not None
            assert move is not None
            made = _steps(editor, node, source, move)
            editor.replace(result, made)
            drop(node)


def _steps(editor: Editor, node: ir.Node, value: ir.Value, move: Move) -> ir.Value:
    label = node.outputs[0].name
    for operator, axes in move.steps:
        name = f"{label}/{operator}"
        if operator == "Transpose":
            value = editor.add(operator, [value], node, name=name, attributes={"perm": axes})
        elif editor.opset < 13:
            value = editor.add(operator, [value], node, name=name, attributes={"axes": axes})
        else:
            constant = editor.numbers(axes, f"{name}/axes")
            value = editor.add(operator, [value, constant], node, name=name)
    return value
