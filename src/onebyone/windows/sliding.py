"""A trained network at every window of images of any size."""

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Num
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from onebyone.errors import InputError
from onebyone.graphs.capture import example_windows
from onebyone.notebook import shown
from onebyone.windows.arguments import batched, image_of, refuse_count, refuse_training, size_of
from onebyone.windows.backends import Choice, CompiledPiece, digest_of, modules_of, state_of
from onebyone.windows.choosing import choose
from onebyone.windows.deviation import (
    Deviation,
    deviation,
    have_values,
    require_exact,
    types_within,
)
from onebyone.windows.explanation import explain_plan
from onebyone.windows.geometry import Geometry
from onebyone.windows.large_images import shares
from onebyone.windows.looping import through_parts
from onebyone.windows.lowering import Lowered
from onebyone.windows.plan import Plan
from onebyone.windows.preparing import Preparing
from onebyone.windows.progress import followed
from onebyone.windows.recent import Recent
from onebyone.windows.report import Report, report
from onebyone.windows.sized import Prepared, Sized
from onebyone.windows.threads import Adapted
from onebyone.windows.unchanged import refuse_other_tensors

MOST = 16
"""Image sizes whose plans are kept, the last ones used: some MiB each."""


class SlidingModel(nn.Module):
    """A network at every window, made by `slide`.

    Outputs [N, K, ...] of the network become [B, K, ..., *grid]; tuples and dicts keep their
    structure.

    Example:
        >>> sliding = ob.slide(ob.nin.load("nin-digits"), window=(1, 28, 28))
        >>> sliding  # a small part of the work of crops
        SlidingModel(window=(1, 28, 28), stride=(4, 4), padding='crop', backend='torch')
        NetworkInNetwork at every window; in large images they share all but 5.4% of its operations
        >>> sliding.stride, sliding.grid(56, 84)
        ((4, 4), (8, 15))
        >>> sliding(torch.rand(2, 1, 56, 84)).shape
        torch.Size([2, 11, 8, 15])
    """

    def __init__(
        self,
        lowered: Lowered,
        geometry: Geometry,
        *,
        preparing: Preparing,
        memory: int | None,
        verify: int,
        backend: str,
    ) -> None:
        super().__init__()
        self._lowered, self.geometry = lowered, geometry
        self.model, self.constants = lowered.captured.model, lowered.captured.constants
        self.preparing = preparing
        self.memory, self.verify, self.backend = memory, verify, backend
        self._sizes = Recent(self._make, MOST)
        self.eval()

    def __getstate__(self) -> dict[str, Any]:
        """All but what is made for sizes of images, for copies and files."""
        return {name: value for name, value in self.__dict__.items() if name != "_sizes"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[no-untyped-call]  # torch's
        self.constants = self._lowered.captured.constants
        self._sizes = Recent(self._make, MOST)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "SlidingModel":
        self._sizes.clear()  # plans have tables of their own
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]  # torch's
        return self

    def within(self, memory: int | None) -> "SlidingModel":
        """The same with another limit to the memory, sharing the network."""
        found = copy.copy(self)
        found.memory = memory
        return found

    @cached_property
    def _shares(self) -> str:
        return shares(self._lowered, self.geometry)

    def __repr__(self) -> str:
        facts = vars(self.geometry) | {"backend": self.backend}
        settings = ", ".join(f"{name}={value!r}" for name, value in facts.items())
        return f"SlidingModel({settings})\n{self._shares}"

    def _repr_html_(self) -> str:
        return shown("SlidingModel", self._shares, vars(self.geometry) | {"backend": self.backend})

    @property
    def window(self) -> tuple[int, ...]:
        """(C, *space) of one window."""
        return self.geometry.window

    @property
    def stride(self) -> tuple[int, ...]:
        """Pixels from one window to the next along each axis."""
        return self.geometry.stride

    def grid(self, *size: int) -> tuple[int, ...]:
        """Number of windows along each axis of an image of this size.

        Raises:
            InputError: a window is larger than the image, or the number of sizes is wrong.
        """
        return self.geometry.grid(size_of(size, len(self.window) - 1))

    def plan(self, *size: int) -> Plan:
        """The emitted graph for images of this size; those of the last sizes are kept.

        Raises:
            InputError: as `grid`; or the memory asked for is too little for one window.
        """
        return self._sized(*size).plan

    def report(self, *size: int, explain: bool = False) -> Report:
        """What is shared at each layer for images of this size, and the operations saved.

        Args:
            size: of the image.
            explain: whether to say why: what sharing saves and what ending it would cost, the
                lattices, the pieces, how many windows are run at a time, the backend.
        """
        plan, backend = self.plan(*size), str(self.choice(*size))
        why = None
        if explain:
            asked = backend if self.backend == "auto" else f"{backend}, as asked for"
            why = explain_plan(plan, self.geometry, asked, limited=self.memory is not None)
        found = report(plan, self.geometry)
        return replace(found, backend=backend, explanation=why)

    def choice(self, *size: int) -> Choice:
        """Which backend runs images of this size; "auto" has chosen once one has run."""
        return self._sized(*size).choice

    def forward(self, x: Num[Tensor | np.ndarray, "*batch_channels_size"]) -> Any:
        """Run the network at every window.

        Args:
            x: images [B, C, *size] or one image [C, *size], a tensor or a NumPy array.

        Returns:
            The network's outputs with the grid of windows behind all other dimensions.

        Raises:
            InputError: the image does not fit, or the backend cannot run the network.
            NotExact: a result differs from the crop by more than arithmetic explains.
        """
        image = image_of(x)
        images = self._batched(image)
        refuse_training(self.model)
        self._refuse_constants(images)
        sized = self._sized(*images.shape[2:])
        state = self._fresh(sized)
        leaves = sized.run(images)
        if self.verify and self.geometry.padding == "crop" and have_values(leaves):
            self._compare(sized, state, images, leaves)
        if images is not image:
            leaves = [y[0] if isinstance(y, Tensor) else y for y in leaves]
        return pytree.tree_unflatten(leaves, self._lowered.captured.structure)

    def deviation(self, x: Num[Tensor, "*batch_channels_size"], windows: int = 64) -> Deviation:
        """How far the result for an image is from real crops.

        Args:
            x: images as for a call.
            windows: how many windows are compared, spread over the image at random.

        Raises:
            InputError: the image does not fit, or windows is not positive.
        """
        refuse_count("windows", windows, 1)
        images = self._batched(image_of(x))
        if not len(images):
            raise InputError("image is an empty batch: there is no window to compare")
        refuse_training(self.model)
        sized = self._sized(*images.shape[2:])
        with torch.no_grad():
            self._fresh(sized)
            leaves = sized.run(images)
            return deviation(self._on_crops, self.geometry, images, leaves, windows)

    @contextmanager
    def followed(self, tell: Callable[[float], None], *size: int) -> Iterator[None]:
        """Within the block, call `tell` with the share that has run, from 0 to 1, as parts end.

        Args:
            tell: takes the share; a small image may be one part, of which nothing is told.
            size: of the image that is run within the block, once.
        """
        sized = self._sized(*size)
        self._fresh(sized)
        with followed(sized.run, tell):
            yield

    def prepare(self, x: Num[Tensor, "batch channels *size"]) -> Tensor:
        """Images as the network takes them: scaled, less the mean, over the standard deviation."""
        prepared: Tensor = self.preparing(x, self._like())
        return prepared

    def train(self, mode: bool = True) -> "SlidingModel":  # noqa: ARG002 - see below
        """Stay in eval mode, and leave the network in it, whatever a module around it is set to.

        In training mode dropout and BatchNorm would make crops depend on each other; gradients are
        there all the same.
        """
        self.training = False
        return self

    def _batched(self, image: Tensor) -> Tensor:
        """Images [B, C, *size], checked."""
        moves = any(True for _ in self.model.parameters())
        device = self._like().device if moves else image.device
        scaled = self.preparing.factor(image.dtype) is not None
        return batched(image, self.window, device, scaled=scaled)

    def _sized(self, *size: int) -> Sized:
        """What is made for images of this size."""
        self.grid(*size)
        return self._sizes[tuple(size)]

    def _make(self, size: tuple[int, ...]) -> Sized:
        with torch.inference_mode(False):  # what is made in it would have no gradients later
            schedule = choose(self._lowered, self.geometry, size, self.memory)
            plan = Plan.of(self._lowered, schedule)
        choice = Choice(self.backend)
        return Sized(plan, choice, self._run(plan, choice))

    def _run(self, plan: Plan, choice: Choice) -> nn.Module:
        """The plan as the backend runs it, each part on pixels that are prepared for it alone."""
        if self.backend == "torch":
            return through_parts(plan.module, partial(Adapted, self.prepare))
        return plan.through(lambda piece: Prepared(self.prepare, CompiledPiece(piece, choice)))

    def _fresh(self, sized: Sized) -> Any:
        """What tells whether the network has changed; what was compiled with another is dropped."""
        constants = self.backend != "torch"
        state = (digest_of if constants else state_of)(self.model), modules_of(self.model)
        if state != sized.state:
            refuse_other_tensors(self._lowered.captured)
            if constants:
                sized.run = self._run(sized.plan, sized.choice)
            sized.state = state
        return state

    def _refuse_constants(self, images: Tensor) -> None:
        """Raise InputError where weights cannot be constants, as other backends have them."""
        compiling = torch.compiler.is_compiling()
        if self.backend != "torch" and (compiling or self._differentiated(images)):
            what = "be compiled or exported" if compiling else "give gradients"
            raise InputError(
                f'backend="{self.backend}" cannot {what}: its weights are constants; use '
                f'torch.no_grad() or backend="torch"'
            )

    def _on_crops(self, crops: Tensor) -> Any:
        """What the network gives for crops of the image, which must lie in memory as outside."""
        return self.model(self.prepare(crops).contiguous())

    def _differentiated(self, images: Tensor) -> bool:
        tensors = (*self.model.parameters(), *self.model.buffers(), images)
        return torch.is_grad_enabled() and any(t.requires_grad for t in tensors)

    def _compare(self, sized: Sized, state: Any, images: Tensor, leaves: Sequence[Any]) -> None:
        """Compare some windows with real crops, once for this size and these parameters."""
        if not len(images) or self._differentiated(images) or sized.verified == state:
            return
        with torch.no_grad():
            found = deviation(self._on_crops, self.geometry, images, leaves, self.verify)
        nodes = self._lowered.captured.graph.nodes
        require_exact(found, types_within(self._like(), nodes, leaves))
        sized.verified = state

    def _like(self) -> Tensor:
        """A tensor of the network's device and floating-point type."""
        return example_windows(self.model, self.window, 0)
