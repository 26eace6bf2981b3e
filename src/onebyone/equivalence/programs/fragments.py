"""An exported program by name, and what makes one value of it."""

from functools import cached_property
from typing import Any

import torch
from jaxtyping import Shaped
from torch import Tensor, fx
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind
from torch.utils import _pytree as pytree

from onebyone.equivalence.ladder import Undecided
from onebyone.graphs.aten import EVERY_CONVOLUTION, PRODUCTS, arguments, aten, is_call, value_of

SIZE = 3  # of dynamic dimensions, when fragments are run


class Program:
    """A program's nodes and constants by name."""

    def __init__(self, program: ExportedProgram) -> None:
        self.program = program
        self.nodes = {node.name: node for node in program.graph.nodes}
        self.specs = program.graph_signature.input_specs
        tensors = {**program.constants, **program.state_dict}
        self.constants = {
            spec.arg.name: tensors[spec.target]
            for spec in self.specs
            if spec.kind is not InputKind.USER_INPUT and spec.target in tensors
        }

    @property
    def outputs(self) -> list[fx.Node]:
        """The nodes that give its outputs, in order; one may give several."""
        leaves = pytree.tree_leaves(self.program.graph.output_node().args)
        return [leaf for leaf in leaves if isinstance(leaf, fx.Node)]

    @cached_property
    def varying(self) -> set[fx.Node]:
        """The tensors that depend on the inputs."""
        found: set[fx.Node] = set()
        for node in self.program.graph.nodes:
            is_input = node.op == "placeholder" and node.name not in self.constants
            if is_input or not found.isdisjoint(node.all_input_nodes):
                found.add(node)
        return {node for node in found if not isinstance(value_of(node), int | torch.SymInt)}

    def run(self, inputs: Any, interpreter: type[fx.Interpreter]) -> list[Tensor]:
        """All tensors that the program gives for its inputs."""
        given = iter(pytree.tree_leaves(inputs))
        arguments = [
            self.constants[spec.arg.name] if spec.arg.name in self.constants else next(given)
            for spec in self.specs
        ]
        with torch.no_grad():
            out = interpreter(self.program.graph_module).run(*arguments)
        return [leaf for leaf in pytree.tree_leaves(out) if isinstance(leaf, Tensor)]


class Fragment:
    """What makes one value of a program: values that both programs have, constants, products."""

    def __init__(self, owner: Program, end: fx.Node, common: set[str]) -> None:
        self.owner, self.end = owner, end
        self.sources: set[str] = set()
        self.constants: set[str] = set()
        self.products: list[fx.Node] = []
        seen, waiting = set(), [end]
        while waiting:
            node = waiting.pop()
            if node in seen:
                continue
            seen.add(node)
            if is_call(node, *PRODUCTS, *EVERY_CONVOLUTION):
                self.products.append(node)
            for source in node.all_input_nodes:
                if isinstance(value_of(source), int | torch.SymInt):
                    continue
                if source.name in owner.constants:
                    self.constants.add(source.name)
                elif source in owner.varying and source.name in common:
                    self.sources.add(source.name)
                else:
                    waiting.append(source)

    @property
    def operand(self) -> fx.Node:
        """What the values are multiplied by."""
        (product,) = self.products
        operands = PRODUCTS.get(product.target, ("input", "weight"))
        left, right = (arguments(product)[name] for name in operands)
        operand: fx.Node = right if left in self.owner.varying else left
        return operand

    @property
    def weight(self) -> str:
        """The constant behind the operand."""
        node = self.operand
        while node.name not in self.owner.constants and node.all_input_nodes:
            node = node.all_input_nodes[0]
        return node.name

    def value(self, node: fx.Node, given: dict[str, Tensor]) -> Any:
        """Compute a node from tensors by name."""
        if node.name in given:
            return given[node.name]
        recorded = value_of(node)
        if isinstance(recorded, torch.SymInt):
            return size_when_run(recorded)
        args, kwargs = fx.node.map_arg((node.args, node.kwargs), lambda n: self.value(n, given))
        return node.target(*args, **kwargs)  # type: ignore[operator]  # a call of an operator

    def matrix(self, weight: Tensor) -> Shaped[Tensor, "groups outputs inputs"]:
        """What the product multiplies by, as one matrix for each group, if this is the weight."""
        (product,) = self.products
        bound = arguments(product)
        operand: Tensor = self.value(self.operand, {self.weight: weight.detach()})
        if product.target in PRODUCTS:
            left = bound[PRODUCTS[product.target][0]]
            if product.target is aten.linear.default or self.operand is left:
                return operand[None]
            return (operand if operand.ndim == 3 else operand[None]).mT
        if operand.shape[2:].numel() != 1:
            raise Undecided(f"{self.end.name} is a convolution whose kernel is not 1×1")
        corner = operand.flatten(2)[..., 0]
        blocks = corner.view(bound["groups"], -1, corner.shape[1])
        transposed = "transpose" in str(product.target) or bound.get("transposed", False)
        return blocks.mT if transposed else blocks


def size_when_run(size: Any) -> int:
    """A size, with a small number for each dynamic dimension."""
    if isinstance(size, int):
        return size
    expression = size.node.expr
    return int(expression.subs(dict.fromkeys(expression.free_symbols, SIZE)))
