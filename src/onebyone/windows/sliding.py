"""A trained network at every window of images of any size."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Num
from torch import Tensor, nn
from torch.export import ExportedProgram
from torch.utils import _pytree as pytree

from onebyone.errors import InputError, NotExact
from onebyone.graphs.capture import capture, example_windows
from onebyone.windows.deviation import Deviation, deviation
from onebyone.windows.lowering import Lowered, lower
from onebyone.windows.plan import Geometry, Plan, make_plan
from onebyone.windows.report import Report, report


def slide(
    model: nn.Module | ExportedProgram,
    window: Sequence[int],
    stride: int | Sequence[int] | None = None,
    *,
    padding: str = "crop",
    mean: float | Sequence[float] | None = None,
    std: float | Sequence[float] | None = None,
    scale: float | None = None,
    memory: int | None = None,
    verify: int = 2,
) -> "SlidingModel":
    """Apply a network for one window at every window of larger images, sharing what is shared.

    Args:
        model: a module in eval mode that takes windows [N, C, *space], or an exported program.
        window: (C, *space), one to three spatial sizes in pixels.
        stride: pixels from one window to the next, one number or one for each axis; by default
            the network's own total stride, or the window's size where it has none.
        padding: "crop" gives exactly what each crop would give; "image" pads at the border of the
            image only, which is cheaper for networks with padding and not equal to crops.
        mean: subtracted from the scaled pixels, one number or one for each channel.
        std: divides them after that.
        scale: multiplies pixels first; integer images need it, 1/255 for 8 bits.
        memory: bytes that intermediate results may take; larger images are run in bands.
        verify: how many windows are compared with real crops, once for each image size and state
            of the parameters; 0 for none.

    Returns:
        A module that takes images [B, C, *size] or [C, *size].

    Raises:
        InputError: an argument does not fit, or the network does not run on such windows.
    """
    shape = check_window(window)
    if padding not in ("crop", "image"):
        raise InputError(f'padding={padding!r} is unknown; use "crop" or "image"')
    if padding == "image" and memory is not None:
        raise InputError(
            f'memory={memory} cannot be kept with padding="image": bands would have borders'
        )
    if memory is not None and memory <= 0:
        raise InputError(f"memory={memory} must be a positive number of bytes")
    if verify < 0:
        raise InputError(f"verify={verify} must be 0 or more windows")
    refuse_training(model)
    lowered = lower(capture(model, shape), shape)
    geometry = Geometry(shape, _stride(stride, lowered.stride), padding)
    like = example_windows(lowered.captured.model, shape, 0)
    return SlidingModel(
        lowered,
        geometry,
        mean=_per_channel("mean", mean, shape, like),
        std=_per_channel("std", std, shape, like),
        scale=scale,
        memory=memory,
        verify=verify,
    )


class SlidingModel(nn.Module):
    """A network at every window, made by `slide`.

    Outputs [N, K, ...] of the network become [B, K, ..., *grid]; tuples and dicts keep their
    structure.
    """

    def __init__(
        self,
        lowered: Lowered,
        geometry: Geometry,
        *,
        mean: Tensor | None,
        std: Tensor | None,
        scale: float | None,
        memory: int | None,
        verify: int,
    ) -> None:
        super().__init__()
        self._lowered, self.geometry = lowered, geometry
        self.model, self.constants = lowered.captured.model, lowered.captured.constants
        self.memory, self.verify, self.scale = memory, verify, scale
        self.mean: Tensor | None
        self.std: Tensor | None
        self.register_buffer("mean", mean, persistent=False)
        self.register_buffer("std", std, persistent=False)
        self._plans: dict[tuple[int, ...], Plan] = {}
        self._verified: dict[tuple[int, ...], Any] = {}
        self.training = False

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
        space = self.window[1:]
        if len(size) != len(space):
            raise InputError(f"size={size} has {len(size)} axes; the window has {len(space)}")
        if any(n < h for n, h in zip(size, space, strict=True)):
            raise InputError(
                f"window {_by(space)} is larger than the image {_by(size)}; "
                f"pad or enlarge the image"
            )
        return self.geometry.grid(size)

    def plan(self, *size: int) -> Plan:
        """The emitted graph for images of this size, made once and kept.

        Raises:
            InputError: as `grid`; or the memory asked for is too little for one window.
        """
        self.grid(*size)
        if size not in self._plans:
            self._plans[size] = make_plan(self._lowered, self.geometry, size, self.memory)
        return self._plans[size]

    def report(self, *size: int) -> Report:
        """What is shared at each layer for images of this size, and the operations saved."""
        return report(self._lowered, self.geometry, self.plan(*size))

    def forward(self, x: Num[Tensor, "*batch_channels_size"]) -> Any:
        """Run the network at every window.

        Args:
            x: images [B, C, *size] or one image [C, *size].

        Returns:
            The network's outputs with the grid of windows behind all other dimensions.

        Raises:
            InputError: the image does not fit.
            NotExact: a result differs from the crop by more than arithmetic explains.
        """
        batched = self._batched(x)
        images = self.prepare(batched)
        plan = self.plan(*images.shape[2:])
        leaves = plan.module(images)
        if self.verify and self.geometry.padding == "crop" and not torch.compiler.is_compiling():
            self._compare(plan, images, leaves)
        if batched is not x:
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
        if windows < 1:
            raise InputError(f"windows={windows} must be 1 or more")
        images = self.prepare(self._batched(x))
        with torch.no_grad():
            leaves = self.plan(*images.shape[2:]).module(images)
            return deviation(self.model, self.geometry, images, leaves, windows)

    def prepare(self, x: Num[Tensor, "batch channels *size"]) -> Tensor:
        """Images as the network takes them: scaled, less the mean, over the standard deviation."""
        like = example_windows(self.model, self.window, 0)
        x = x.to(like.dtype)
        x = x if self.scale is None else x * self.scale
        x = x if self.mean is None else x - self.mean
        x = x if self.std is None else x / self.std
        # Channels last: poolings of one map take a tenth of the time, and convolutions less too.
        formats = {4: torch.channels_last, 5: torch.channels_last_3d}
        return x.contiguous(memory_format=formats.get(x.ndim, torch.contiguous_format))

    def train(self, mode: bool = True) -> "SlidingModel":
        """Stay in eval mode; training mode is refused, gradients are there all the same.

        Raises:
            InputError: mode is True.
        """
        if mode:
            raise InputError(
                "a sliding model has no training mode: dropout and BatchNorm would make crops "
                "depend on each other; train in eval mode, gradients are there"
            )
        self.training = False
        return self

    def _batched(self, x: Tensor) -> Tensor:
        rank = len(self.window)
        if x.ndim not in (rank, rank + 1):
            raise InputError(
                f"image of shape {tuple(x.shape)}; a window {self.window} needs [C, *size] or "
                f"[B, C, *size] with {rank - 1} sizes"
            )
        x = x[None] if x.ndim == rank else x
        if x.shape[1] != self.window[0]:
            raise InputError(
                f"image has {x.shape[1]} channels; the window {self.window} has {self.window[0]}"
            )
        if not x.is_floating_point() and self.scale is None:
            raise InputError(
                f"image of {str(x.dtype).removeprefix('torch.')} needs scale, the factor to the "
                f"network's pixels: 1/255 for 8 bits, or 1"
            )
        return x

    def _compare(self, plan: Plan, images: Tensor, leaves: Sequence[Any]) -> None:
        """Compare some windows with real crops, once for this plan and these parameters."""
        tensors = [*self.model.parameters(), *self.model.buffers()]
        differentiated = torch.is_grad_enabled() and any(
            t.requires_grad for t in (*tensors, images)
        )
        state = tuple((id(t), t._version) for t in tensors if not t.is_inference())
        if differentiated or self._verified.get(plan.size) == state:
            return
        with torch.no_grad():
            found = deviation(self.model, self.geometry, images, leaves, self.verify)
        dtype = example_windows(self.model, self.window, 0).dtype
        # Half of the digits: rounding stays far below, anything wrong is far above.
        tolerance = torch.finfo(dtype).eps ** 0.5
        if not found.relative <= tolerance:
            raise NotExact(
                f"windows differ from real crops by {found.relative:.1e} of the output's scale "
                f"(at most {tolerance:.1e} is rounding): the network computes something else than "
                f"when it was captured; make a new sliding model"
            )
        self._verified[plan.size] = state


def check_window(window: Sequence[int]) -> tuple[int, ...]:
    """Return a window's shape (C, *space), which must have one to three spatial sizes."""
    shape = tuple(window)
    if not 2 <= len(shape) <= 4 or any(n < 1 for n in shape):
        raise InputError(
            f"window={shape} must be (C, *space): channels and one to three positive sizes"
        )
    return shape


def _stride(stride: int | Sequence[int] | None, own: tuple[int, ...]) -> tuple[int, ...]:
    if stride is None:
        return own
    strides = (stride,) * len(own) if isinstance(stride, int) else tuple(stride)
    if len(strides) != len(own) or any(s < 1 for s in strides):
        raise InputError(
            f"stride={stride} must be a positive number of pixels, or {len(own)} of them"
        )
    return strides


def _per_channel(
    name: str, value: float | Sequence[float] | None, window: tuple[int, ...], like: Tensor
) -> Tensor | None:
    if value is None:
        return None
    values = torch.as_tensor(value, dtype=like.dtype, device=like.device).reshape(-1)
    if len(values) not in (1, window[0]):
        raise InputError(f"{name} has {len(values)} values; the window has {window[0]} channels")
    if name == "std" and bool((values == 0).any()):
        raise InputError("std has a zero; it divides the pixels")
    return values.reshape(-1, *[1] * (len(window) - 1))


def refuse_training(model: nn.Module | ExportedProgram) -> None:
    """Raise `InputError` for a network in training mode."""
    if isinstance(model, nn.Module) and not isinstance(model, torch.fx.GraphModule):
        training = [name or "it" for name, module in model.named_modules() if module.training]
        if training:
            raise InputError(
                f"model is in training mode ({training[0]}); call model.eval() first: dropout and "
                f"BatchNorm would make crops depend on each other"
            )


def _by(sizes: Sequence[int]) -> str:
    return "×".join(map(str, sizes))
