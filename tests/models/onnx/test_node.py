"""Nodes as modules: constants as numbers, and sizes by the file's own operator set."""

import numpy as np
import onnx
import pytest
import torch

from onebyone.models.onnx.node import Node, OfSizes
from onebyone.models.onnx.table import find


@pytest.mark.parametrize("version", [7, 12])
def test_sizes_follow_the_operator_set_of_the_file(version: int) -> None:
    node = onnx.helper.make_node("Unsqueeze", ["a"], ["b"], axes=[0])
    module = OfSizes(node, version, {})
    np.testing.assert_array_equal(module(np.array(3)), [3])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
def test_numbers_of_any_type_are_plain_ones(dtype: torch.dtype) -> None:
    entry = find("Clip", 13)
    assert entry is not None
    node = Node(entry, {}, [0, torch.tensor(-1, dtype=dtype), torch.tensor(1, dtype=dtype)])
    assert node(torch.tensor([-3.0, 0.5, 3.0])).tolist() == [-1, 0.5, 1]
    assert not list(node.buffers())


def test_what_may_be_a_number_is_a_tensor_where_it_has_axes() -> None:
    entry = find("Pow", 13)
    assert entry is not None
    assert not list(Node(entry, {}, [0, torch.tensor(2.0)]).buffers())
    node = Node(entry, {}, [0, torch.tensor([1.0, 2.0])])
    assert [b.shape for b in node.buffers()] == [(2,)]
    assert node(torch.tensor([3.0, 3.0])).tolist() == [3, 9]
