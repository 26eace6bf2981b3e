"""The axes of an ONNX file's input: which of them are the batch, the channels and space."""

from collections.abc import Sequence
from dataclasses import dataclass

import onnx

from onebyone.errors import InputError

_USUAL = {2: "NW", 3: "NCW", 4: "NCHW", 5: "NCDHW"}
_LAST = {3: "NWC", 4: "NHWC", 5: "NDHWC"}
_SPACE = "DHW"
_FEW = (1, 3, 4)
"""Channels of images."""

Sizes = tuple[int | None, ...]


@dataclass(frozen=True)
class Layout:
    """What each axis of the input is, as "NHWC"; C may be missing, where there is one channel."""

    letters: str

    @property
    def window_letters(self) -> str:
        """C, then space, whose order is the file's."""
        return "C" + "".join(letter for letter in self.letters if letter in _SPACE)

    @property
    def order(self) -> tuple[int, ...] | None:
        """The axes of the input, by those of windows [N, C, *space]; None where it is the same."""
        usual = "N" + self.window_letters
        if self.letters == usual:
            return None
        return tuple(usual.index(letter) for letter in self.letters)

    def batch(self, image: onnx.ValueInfoProto) -> int | None:
        """The batch that the file says; None where it may be any."""
        return _sizes(image)[self.letters.index("N")]

    def window(self, image: onnx.ValueInfoProto, asked: Sequence[int] | None) -> Sizes:
        """(C, *space) of the file's windows, and of those asked for where it leaves them open."""
        by_letter = dict(zip(self.letters, _sizes(image), strict=True))
        own = tuple(by_letter.get(letter, 1) for letter in self.window_letters)
        if asked is None:
            return own
        fits = len(asked) == len(own) and all(
            a is None or a == b for a, b in zip(own, asked, strict=True)
        )
        if not fits:
            text = ",".join("any" if n is None else str(n) for n in own)
            raise InputError(
                f"the input {self.letters} takes windows of {text}", window=tuple(asked)
            )
        return tuple(asked)

    def known(self, sizes: Sizes) -> tuple[int, ...] | None:
        """A window whose sizes are all known; None of any other."""
        found = tuple(n for n in sizes if n is not None)
        return found if len(found) == len(sizes) else None

    def shape(self, batch: int, window: Sequence[int | None]) -> list[int]:
        """The shape of the input for so many windows."""
        by_letter = dict(zip(self.window_letters, window, strict=True)) | {"N": batch}
        return [by_letter[letter] or 0 for letter in self.letters]


def layout_of(image: onnx.ValueInfoProto, graph: onnx.GraphProto, asked: str | None) -> Layout:
    """The layout of the input: as asked for, or as the graph shows.

    Channels are last where the input is transposed first of all, as converted TensorFlow networks
    do, or where the last axis alone has as few as images have.

    Raises:
        InputError: the input has too few or too many axes, or the layout asked for does not fit.
    """
    sizes = _sizes(image)
    if len(sizes) not in _USUAL:
        raise InputError(f"its input has {len(sizes)} axes; windows have 2 to 5")
    if asked is not None:
        return _asked(asked, len(sizes))
    last = _LAST.get(len(sizes))
    few = last and sizes[-1] in _FEW and sizes[1] not in (None, *_FEW)
    return Layout(last if last and (few or _is_turned(image, graph)) else _USUAL[len(sizes)])


def _asked(asked: str, rank: int) -> Layout:
    letters = asked.upper()
    space = "".join(letter for letter in letters if letter in _SPACE)
    known = len(set(letters)) == len(letters) and set(letters) <= {"N", "C", *_SPACE}
    open_channels = "C" in letters or letters == "N" + space
    if not (known and "N" in letters and space and open_channels and len(letters) == rank):
        fitting = " or ".join(dict.fromkeys(k[rank] for k in (_USUAL, _LAST) if rank in k))
        raise InputError(f"the input has {rank} axes, as {fitting}", layout=asked)
    return Layout(letters)


def _is_turned(image: onnx.ValueInfoProto, graph: onnx.GraphProto) -> bool:
    readers = [node for node in graph.node if image.name in node.input]
    return bool(readers) and all(
        node.op_type == "Transpose"
        and list(node.attribute[0].ints)[:2] == [0, len(_sizes(image)) - 1]
        for node in readers
        if node.op_type != "Shape"
    )


def _sizes(image: onnx.ValueInfoProto) -> Sizes:
    kind = image.type.tensor_type
    if not kind.HasField("shape"):
        raise InputError("its input has no sizes; windows need a batch and space")
    return tuple(axis.dim_value or None for axis in kind.shape.dim)
