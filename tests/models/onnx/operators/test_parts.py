"""Parts along an axis against onnxruntime: old operator sets, ends beyond, what is recorded."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from helpers.onnx_nodes import agree, single
from helpers.onnx_recorded import Calling, node_targets, targets
from onebyone.models.onnx.operators.parts import concat
from onebyone.models.onnx.table import find

_X = np.random.default_rng(0).random((4, 6, 5)).astype(np.float32)


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("opset", [7, 11, 13])
def test_concat(axis: int, opset: int) -> None:
    if axis >= 0 or opset > 7:
        agree("Concat", {"a": _X, "b": _X, "c": _X}, opset=opset, axis=axis)


def test_what_is_alike_for_all_windows_is_joined_to_each() -> None:
    token, image = torch.rand(1, 1, 5), torch.rand(4, 6, 5)
    found = concat(token, image, axis=1, alike=(0,))
    assert torch.equal(found, torch.cat([token.expand(4, 1, 5), image], 1))
    assert torch.equal(concat(token, token, axis=-1, alike=(0, 1)), torch.cat([token] * 2, -1))


def test_what_is_alike_is_recorded_for_any_batch() -> None:
    class Joining(Calling):
        def __init__(self) -> None:
            super().__init__(lambda x: concat(self.token, x, axis=1, alike=(0,)))
            self.token = torch.nn.Parameter(torch.rand(1, 1, 5))

    network = Joining()
    assert [t for t in targets(network, torch.rand(1, 6, 5)) if t != "sym_size"] == [
        "expand",
        "cat",
    ]


def test_split_of_every_operator_set() -> None:
    agree("Split", {"x": _X}, opset=7, outputs=3, axis=1)
    agree("Split", {"x": _X}, opset=7, outputs=2, axis=1, split=[1, 5])
    agree("Split", {"x": _X}, opset=11, outputs=2, axis=-2, split=[2, 4])
    agree("Split", {"x": _X, "split": np.array([0, 6])}, opset=13, outputs=2, axis=1)
    agree("Split", {"x": _X}, opset=13, outputs=2)
    agree("Split", {"x": _X, "split": np.array([1, 3, 1])}, opset=18, outputs=3, axis=-1)


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_split_into_a_number_of_parts(count: int) -> None:
    agree("Split", {"x": _X}, opset=18, outputs=count, axis=2, num_outputs=count)


def test_parts_of_other_sizes_must_be_said_at_first() -> None:
    entry = find("Split", 13)
    assert entry is not None
    with pytest.raises(ValueError, match="5 are not split into 2"):
        entry.function(torch.from_numpy(_X), axis=2, outputs=2)


@st.composite
def cuts(draw: st.DrawFn) -> dict[str, Any]:
    axes = draw(st.lists(st.integers(0, 2), min_size=1, max_size=3, unique=True))

    def each(elements: st.SearchStrategy[int]) -> np.ndarray:
        return np.array(draw(st.lists(elements, min_size=len(axes), max_size=len(axes))))

    ends = st.integers(-8, 8) | st.sampled_from([2**31 - 1, -(2**31), 2**63 - 1, -(2**63) + 1])
    steps = each(st.sampled_from([1, 1, 2, 3, -1, -2]))
    # With the largest of all numbers onnxruntime goes back to the start; ONNX says to its end.
    stops = each(ends)
    stops = np.where((steps < 0) & (stops > 9), 9, stops)
    return {
        "starts": each(ends),
        "ends": stops,
        "axes": np.array([a - draw(st.sampled_from([0, 3])) for a in axes]),
        "steps": steps,
    }


@given(cuts(), st.sampled_from([10, 11, 13]))
def test_slice_like_onnxruntime(inputs: dict[str, Any], opset: int) -> None:
    agree("Slice", {"x": _X, **inputs}, opset=opset)


def test_slice_by_attributes_and_without_axes() -> None:
    agree("Slice", {"x": _X}, opset=7, starts=[0, 1], ends=[9, -1], axes=[0, 2])
    agree("Slice", {"x": _X}, opset=9, starts=[1, -3], ends=[2, 99])
    agree("Slice", {"x": _X, "starts": np.array([1]), "ends": np.array([3])}, opset=10)


@pytest.mark.parametrize("axis", [None, 0, -1])
@pytest.mark.parametrize("condition", [[0, 1, 1], [0, 0], [1, 0, 1, 1], [1]])
def test_compress(condition: list[int], axis: int | None) -> None:
    named = {} if axis is None else {"axis": axis}
    agree("Compress", {"x": _X, "condition": np.array(condition, bool)}, opset=11, **named)


def test_parts_are_recorded_as_slices() -> None:
    x = torch.rand(1, 6, 5, 5)
    assert node_targets("Slice", x, [1], [3], [1]) == ["slice"]
    assert node_targets("Slice", x, [-1], [-9], [2], [-1]) == ["flip"]
    assert node_targets("Compress", x, [False, True, True, False], axis=1) == ["slice", "cat"]
    assert set(node_targets("Split", x, opset=18, axis=1, num_outputs=2)) == {"slice"}


def test_what_is_compared_can_differ() -> None:
    found, _ = single("Slice", {"x": _X, "s": np.array([0]), "e": np.array([9])}, opset=10)
    assert found[0].shape == (4, 6, 5)
