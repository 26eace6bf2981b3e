"""Sizes as exported programs write them: `Mul(Integer(2), Symbol('s0', integer=True))`.

torch reads them by evaluating them, so only this is let through: whole numbers, symbols, and
functions of a closed list. Powers are of symbols and small, since sympy computes what it reads.
"""

import ast
import re

from onebyone.models.grammar import string

SYMBOL = re.compile(r"z?[su]f?[0-9]{1,4}")
"""What torch calls the sizes that it does not know."""

_FUNCTIONS = {
    "Add", "Mul", "Max", "Min", "FloorDiv", "CleanDiv", "CeilDiv", "Mod", "PythonMod",
    "ModularIndexing", "Where", "CeilToInt", "FloorToInt", "TruncToInt", "RoundToInt", "ToFloat",
    "IntTrueDiv", "FloatTrueDiv", "Identity", "Eq", "Equality", "Ne", "Unequality", "And", "Or",
    "Not", "LessThan", "StrictLessThan", "GreaterThan", "StrictGreaterThan",
    "Le", "Lt", "Ge", "Gt",
}  # fmt: skip
_POWERS = {"Pow", "PowByNatural"}
_HIGHEST_POWER = 8


def _is_expression(text: str) -> bool:
    try:
        return _is_size(ast.parse(text, mode="eval").body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False


expression = string(_is_expression, "is no plain expression", longest=2000)
"""A size as it is written, which holds nothing else than a size may."""

symbol = string(SYMBOL.fullmatch, "is no symbol of a size")
"""The name of a size that is not known."""


def _is_size(tree: ast.expr) -> bool:
    if isinstance(tree, ast.Name):
        return tree.id in ("true", "false")
    if not isinstance(tree, ast.Call) or not isinstance(tree.func, ast.Name):
        return _is_integer(tree)
    called, args = tree.func.id, tree.args
    if called == "Symbol":
        return _is_symbol(tree)
    if called == "Integer":
        known = len(args) == 1 and _is_integer(args[0])
    elif called in _POWERS:
        known = len(args) == 2 and _is_symbol(args[0]) and _is_small(args[1])
    else:
        known = called in _FUNCTIONS and bool(args) and all(map(_is_size, args))
    return known and not tree.keywords


def _is_symbol(tree: ast.expr) -> bool:
    """`Symbol('s0', integer=True)`, with whatever is assumed of it."""
    return (
        isinstance(tree, ast.Call)
        and isinstance(tree.func, ast.Name)
        and tree.func.id == "Symbol"
        and len(tree.args) == 1
        and isinstance(tree.args[0], ast.Constant)
        and isinstance(tree.args[0].value, str)
        and SYMBOL.fullmatch(tree.args[0].value) is not None
        and all(
            word.arg in ("integer", "positive", "nonnegative")
            and isinstance(word.value, ast.Constant)
            and type(word.value.value) is bool
            for word in tree.keywords
        )
    )


def _is_integer(tree: ast.expr) -> bool:
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub):
        tree = tree.operand
    return isinstance(tree, ast.Constant) and type(tree.value) is int and tree.value < 2**63


def _is_small(tree: ast.expr) -> bool:
    if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) and len(tree.args) == 1:
        return tree.func.id == "Integer" and not tree.keywords and _is_small(tree.args[0])
    return isinstance(tree, ast.Constant) and tree.value in range(_HIGHEST_POWER + 1)
