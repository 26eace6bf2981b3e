"""A trained network as a functional ATen graph."""

import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import fx, nn
from torch.export import Dim, ExportedProgram, ShapesCollection
from torch.export.graph_signature import InputKind, OutputKind
from torch.utils import _pytree as pytree

from onebyone.errors import InputError, first_line
from onebyone.graphs.aten import value_of, window_shape
from onebyone.graphs.canonical import canonical
from onebyone.graphs.fixed_batch import fixed_batch, for_any_batch, module_of
from onebyone.graphs.functional import functional
from onebyone.graphs.recording import WHOLE, record
from onebyone.graphs.value import Value, noted
from onebyone.models.pieces import InPieces, OneCall
from onebyone.models.quiet import quiet

_NOT_CAPTURED = (
    "cannot be captured with a batch of any size, so it runs as crops and nothing is shared"
)
_PLAIN = bool | int | float | complex | str | bytes | None
"""What an output may have beside tensors: it is the same for all windows."""


class NotCaptured(UserWarning):
    """A network runs crop by crop: torch.export could not read it, or crops were asked for."""


@dataclass(frozen=True)
class Captured:
    """A network for one window as a functional graph, without what does nothing in eval mode.

    Attributes:
        graph: one placeholder, the windows [N, C, *space]; parameters and buffers are `get_attr`
            nodes whose targets start with `model.` (the live network) or `constants.`.
        image: the placeholder.
        model: the live network.
        constants: a module that holds the graph's constants as buffers.
        structure: how the leaves form the output.
    """

    graph: fx.Graph
    image: fx.Node
    model: nn.Module
    constants: nn.Module
    structure: pytree.TreeSpec

    @property
    def results(self) -> tuple[Any, ...]:
        """One node, or constant, for each leaf of the output."""
        return _results(self.graph)


def capture(model: nn.Module | ExportedProgram, window: tuple[int, ...]) -> Captured:
    """Capture a network by running it, or by torch.export, with a batch of any size.

    Args:
        model: a module in eval mode that takes [N, C, *space], or an exported program of one.
        window: (C, *space).

    Raises:
        InputError: the network does not run on the window, keeps a state between calls, or an
            output's first dimension is not the batch.

    Warns:
        NotCaptured: torch.export failed; the graph is one call of the network.
    """
    live = _live(model)
    example = example_windows(live, window, 2)
    recorded = isinstance(model, nn.Module) and not isinstance(live, OneCall)
    found = _recorded(live, example) if recorded else None
    if found is not None:
        return found
    outputs = _run(live, example.clone(), window)  # networks may change their input
    _check_outputs(window, outputs)
    if isinstance(live, OneCall):
        return _uncaptured(live, example, outputs, live.why)
    try:
        program = _export(model, live, example)
    except Exception as error:  # torch.export raises errors of many kinds
        why = f"{_name(live)} {_NOT_CAPTURED}: {first_line(error)}"
        return _uncaptured(live, example, outputs, why)
    return _from_program(program, live, outputs)


def _recorded(live: nn.Module, example: torch.Tensor) -> Captured | None:
    """The network as it is recorded, where that is sure."""
    try:
        with torch.no_grad(), _plain_types(), _quiet():
            graph, image, structure = record(live, example)
    except Exception:  # whatever a network raises on tensors without numbers: export says why
        return None
    results = _results(graph)
    batched = (window_shape(leaf) is not None for leaf in results if isinstance(leaf, fx.Node))
    plain = (isinstance(leaf, fx.Node | _PLAIN) for leaf in results)
    if not (all(plain) and all(batched) and functional(graph, image, WHOLE)):
        return None
    canonical(graph)
    return Captured(graph, image, live, nn.Module(), structure)


def example_windows(model: nn.Module, window: tuple[int, ...], batch: int) -> torch.Tensor:
    """Windows of zeros on the network's device, in its floating-point type."""
    tensors = [*model.parameters(), *model.buffers()]
    floating = [t for t in tensors if t.is_floating_point()]
    like = floating[0] if floating else torch.empty(0, device="cpu")
    return torch.zeros(batch, *window, dtype=like.dtype, device=like.device)


def _run(model: nn.Module, example: torch.Tensor, window: Sequence[int]) -> Any:
    try:
        with torch.no_grad(), _plain_types():
            return model(example)
    except Exception as error:
        raise InputError(
            f"model does not run on windows of shape {tuple(window)}: {first_line(error)}"
        ) from error


def _check_outputs(window: tuple[int, ...], outputs: Any) -> None:
    """Each output must be seen, and its first dimension must follow the batch."""
    for place, leaf in enumerate(pytree.tree_leaves(outputs)):
        if not isinstance(leaf, torch.Tensor | _PLAIN):
            kind = type(leaf).__name__
            raise InputError(
                f"model output {place} is a {kind}, in which tensors are not seen; return a tuple "
                f"or dict of them, or call torch.export.register_dataclass({kind}) first"
            )
        if isinstance(leaf, torch.Tensor) and (leaf.ndim == 0 or leaf.shape[0] != 2):
            raise InputError(
                f"model output {place} has shape {tuple(leaf.shape)} for a batch of 2 windows "
                f"{window}: its first dimension must be the batch"
            )


def _live(model: nn.Module | ExportedProgram) -> nn.Module:
    """The network as a module that takes any batch."""
    if isinstance(model, nn.Module):
        return model
    batch = fixed_batch(model)
    if batch is None:
        return module_of(model)
    with _quiet():
        freed = for_any_batch(model, batch)
    return InPieces(module_of(model), batch) if freed is None else freed


def _export(
    model: nn.Module | ExportedProgram, live: nn.Module, example: torch.Tensor
) -> ExportedProgram:
    if isinstance(model, ExportedProgram) and fixed_batch(model) is None:
        return model
    with torch.no_grad(), _plain_types(), _quiet():
        shapes: Any = cast(Any, ShapesCollection)()  # by tensor: `forward` may take *args
        shapes[example] = {0: Dim("batch")}
        return torch.export.export(live, (example,), dynamic_shapes=shapes, strict=False)


@contextmanager
def _plain_types() -> Iterator[None]:
    """Capture the network in its own types; autocast is for those who run it."""
    with torch.autocast("cpu", enabled=False), torch.autocast("cuda", enabled=False):
        yield


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep back export's notes on its own working; what it raises says what went wrong."""
    with (
        quiet("torch.fx.experimental.symbolic_shapes"),
        warnings.catch_warnings(),
        redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        yield


def _from_program(program: ExportedProgram, live: nn.Module, outputs: Any) -> Captured:
    graph, image, constants = _copied(program)
    if not functional(graph, image):
        with torch.no_grad(), _plain_types(), _quiet():
            program = program.run_decompositions({})
        graph, image, constants = _copied(program)
    _refuse_state(program)
    canonical(graph)
    for place, leaf in enumerate(_results(graph)):
        if isinstance(leaf, fx.Node) and not isinstance(value_of(leaf), Value):
            raise InputError(
                f"model output {place} is a number that follows from the batch: it is none of a "
                "window; return tensors whose first dimension is the batch"
            )
    return Captured(graph, image, live, constants, pytree.tree_structure(outputs))


def _results(graph: fx.Graph) -> tuple[Any, ...]:
    return tuple(graph.output_node().args[0])  # type: ignore[arg-type]  # a tuple by export's contract


def _refuse_state(program: ExportedProgram) -> None:
    kinds = (OutputKind.BUFFER_MUTATION, OutputKind.PARAMETER_MUTATION)
    changed = [s.target for s in program.graph_signature.output_specs if s.kind in kinds]
    if changed:
        names = ", ".join(sorted(map(str, changed)))
        raise InputError(
            f"model changes its own tensors {names} when it runs; windows would depend on order"
        )


def _copied(program: ExportedProgram) -> tuple[fx.Graph, fx.Node, nn.Module]:
    """A program's graph that reads parameters from the live network, its input, its constants."""
    graph, constants = fx.Graph(), nn.Module()
    copies: dict[fx.Node, fx.Node] = {}
    inputs = {spec.arg.name: spec for spec in program.graph_signature.input_specs}
    for node in program.graph.nodes:
        if node.op == "output":
            break
        spec = inputs.get(node.name) if node.op == "placeholder" else None
        if spec is not None and spec.kind is not InputKind.USER_INPUT:
            target = _attribute(spec, program, constants)
            copies[node] = graph.create_node("get_attr", target, name=node.name)
        else:
            copies[node] = graph.node_copy(node, copies.__getitem__)
        kept = {name: node.meta.get(name) for name in ("val", "nn_module_stack")}
        copies[node].meta = {**kept, "val": noted(kept["val"])}
    given = zip(program.graph_signature.output_specs, _results(program.graph), strict=True)
    # A changed input is an output, too; each window is read from the image, which stays as it was.
    ends = [leaf for spec, leaf in given if spec.kind is OutputKind.USER_OUTPUT]
    graph.output(fx.node.map_arg(tuple(ends), copies.__getitem__))
    images = [node for node in graph.nodes if node.op == "placeholder"]
    if len(images) != 1:
        raise InputError(f"model takes {len(images)} inputs; slide needs exactly one, the windows")
    return graph, images[0], constants


def _attribute(spec: Any, program: ExportedProgram, constants: nn.Module) -> str:
    """Where the graph finds a parameter, buffer or constant at call time."""
    if spec.kind in (InputKind.PARAMETER, InputKind.BUFFER):
        return f"model.{spec.target}"
    value = program.constants[spec.target]
    name = str(spec.target).replace(".", "_")
    constants.register_buffer(name, value, persistent=False)
    return f"constants.{name}"


def _name(live: nn.Module) -> str:
    return "the exported program" if isinstance(live, fx.GraphModule) else type(live).__name__


def _uncaptured(live: nn.Module, example: torch.Tensor, outputs: Any, why: str) -> Captured:
    """The network as one opaque call, with a warning that says why."""
    warnings.warn(why, NotCaptured, stacklevel=4)  # the caller of slide
    graph = fx.Graph()
    image = graph.placeholder("windows")
    image.meta["val"] = noted(example)
    # Networks may view their input, so a crop must lie in memory as it does outside, and change it.
    crops = graph.call_function(torch.clone, (image,), {"memory_format": torch.contiguous_format})
    crops.meta["val"] = noted(example)
    call = graph.call_module("model", (crops,))
    leaves, structure = pytree.tree_flatten(outputs)
    for place, leaf in enumerate(leaves):
        if isinstance(leaf, torch.Tensor):
            leaves[place] = graph.call_function(_leaf, (call, place))
            leaves[place].meta["val"] = noted(leaf)
    graph.output(tuple(leaves))
    return Captured(graph, image, live, nn.Module(), structure)


def _leaf(outputs: Any, place: int) -> Any:
    return pytree.tree_leaves(outputs)[place]
