"""Faults planted in right rewrites: structure passes none, and integers alone refute each.

Each fault is a small function that changes a model in place; the unchanged pairs pass, see
test_pairs.py.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from helpers.onnx_pairs import PAIRS
from onebyone.equivalence.onnx.files import File
from onebyone.equivalence.onnx.integers import integers
from onebyone.equivalence.onnx.structure import structure

Mutation = Callable[[onnx.ModelProto], None]
FAULTS: dict[str, tuple[str, Mutation]] = {}


def fault(pair: str) -> Callable[[Mutation], Mutation]:
    """Register a fault to plant in the second file of a pair."""

    def register(mutate: Mutation) -> Mutation:
        FAULTS[mutate.__name__.removeprefix("_")] = (pair, mutate)
        return mutate

    return register


def node(model: onnx.ModelProto, operator: str, which: int = 0) -> onnx.NodeProto:
    return [n for n in model.graph.node if n.op_type == operator][which]


def array(model: onnx.ModelProto, name: str) -> np.ndarray:
    (tensor,) = (t for t in model.graph.initializer if t.name == name)
    return numpy_helper.to_array(tensor).copy()


def store(model: onnx.ModelProto, name: str, values: np.ndarray) -> None:
    (tensor,) = (t for t in model.graph.initializer if t.name == name)
    tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(values), name))


def settle(model: onnx.ModelProto, operator: str, which: int = 0, **settings: object) -> None:
    """Set attributes of a node."""
    target = node(model, operator, which)
    kept = [a for a in target.attribute if a.name not in settings]
    del target.attribute[:]
    target.attribute.extend(kept)
    for name, value in settings.items():
        target.attribute.append(onnx.helper.make_attribute(name, value))


def drop(model: onnx.ModelProto, operator: str, which: int = 0) -> None:
    """Let a node's users read its first input."""
    gone = node(model, operator, which)
    model.graph.node.remove(gone)
    for other in model.graph.node:
        for index, name in enumerate(other.input):
            if name == gone.output[0]:
                other.input[index] = gone.input[0]


@fault("gemm")
def _one_weight(model):
    w = array(model, "w4")
    w[3, 5] += 0.25
    store(model, "w4", w)


@fault("gemm")
def _one_weight_by_one_bit(model):
    w = array(model, "w4")
    w[3, 5] = np.nextafter(w[3, 5], np.float32(9))
    store(model, "w4", w)


@fault("gemm")
def _one_weight_negated(model):
    w = array(model, "v4")
    w[0, 0] *= -1
    store(model, "v4", w)


@fault("gemm")
def _one_weight_not_a_number(model):
    w = array(model, "w4")
    w[0, 0] = np.nan
    store(model, "w4", w)


@fault("gemm")
def _two_rows_swapped(model):
    w = array(model, "w4")
    store(model, "w4", w[[1, 0, 2, 3, 4]])


@fault("gemm")
def _two_columns_swapped(model):
    w = array(model, "v4")
    store(model, "v4", w[:, [0, 1, 3, 2, 4]])


@fault("gemm")
def _weight_read_untransposed(model):
    v = array(model, "v4")
    store(model, "v4", v.reshape(5, 3).T.reshape(3, 5, 1, 1))


@fault("gemm")
def _bias_lost(model):
    del node(model, "Conv").input[2]


@fault("gemm")
def _bias_of_another_layer(model):
    store(model, "c", array(model, "c")[[1, 2, 0]])


@fault("gemm")
def _bias_scaled(model):
    store(model, "b", 2 * array(model, "b"))


@fault("gemm")
def _relu_dropped(model):
    drop(model, "Relu")


@fault("gemm")
def _relu_became_another(model):
    node(model, "Relu").op_type = "Abs"


@fault("gemm")
def _relu_added(model):
    last = node(model, "Flatten")
    last.output[0] = "almost"
    model.graph.node.append(onnx.helper.make_node("Relu", ["almost"], ["o"]))


@fault("gemm")
def _precision_lost(model):
    w = array(model, "w4")
    store(model, "w4", w.astype(np.float16).astype(np.float32))


@fault("scaled")
def _alpha_forgotten(model):
    store(model, "w3", 2 * array(model, "w3"))


@fault("scaled")
def _beta_forgotten(model):
    store(model, "b2", array(model, "b2") / 2)


@fault("scaled")
def _beta_is_alpha(model):
    store(model, "b2", array(model, "b2") / 4)


@fault("scaled")
def _first_operand_not_transposed(model):
    drop(model, "Transpose")
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_param = "N"


@fault("matmul_add")
def _wrong_permutation(model):
    """Features and positions stay mixed up where both are read as rows of eight."""
    settle(model, "Transpose", 1, perm=[0, 1, 2])
    last = node(model, "Transpose", 1)
    last.input[0] = "mixed"
    place = list(model.graph.node).index(last)
    mix = onnx.helper.make_node("Reshape", ["r3", "rows"], ["mixed"])
    model.graph.node.insert(place, mix)
    model.graph.initializer.append(numpy_helper.from_array(np.array([0, -1, 8]), "rows"))


@fault("matmul_add")
def _residual_from_another_value(model):
    node(model, "Add").input[0] = "n"


@fault("matmul_add")
def _normalisation_without_its_bias(model):
    del node(model, "LayerNormalization").input[2]


@fault("matmul_add")
def _epsilon(model):
    settle(model, "LayerNormalization", epsilon=0.5)


@fault("attention")
def _heads_in_another_order(model):
    """Features cut as [4, 2] and not as [2, 4]."""
    store(model, "heads", np.array([0, 0, 4, 2]))
    settle(model, "Transpose", 4, perm=[0, 3, 1, 2])
    settle(model, "Transpose", 5, perm=[0, 3, 2, 1])
    settle(model, "Transpose", 6, perm=[0, 3, 1, 2])


@fault("attention")
def _query_and_key_swapped(model):
    a, b = array(model, "wq"), array(model, "wk")
    store(model, "wq", b)
    store(model, "wk", a)


@fault("attention")
def _softmax_over_the_wrong_axis(model):
    settle(model, "Softmax", axis=2)


@fault("attention")
def _scale_of_the_scores(model):
    store(model, "half", np.float32(0.25))


@fault("pointwise_head")
def _rows_and_columns_swapped(model):
    settle(model, "Transpose", 1, perm=[0, 3, 2, 1])
    settle(model, "Conv", pads=[0, 1, 2, 1])


@fault("pointwise_head")
def _padding_added(model):
    settle(model, "Conv", pads=[1, 1, 2, 2])


@fault("pointwise_head")
def _another_pooling(model):
    node(model, "GlobalAveragePool").op_type = "GlobalMaxPool"


@fault("pointwise_head")
def _kernel_turned(model):
    store(model, "k", array(model, "k").swapaxes(2, 3))


@fault("strided")
def _stride_lost(model):
    store(model, "steps", np.array([2, 2]))
    store(model, "ends", np.array([2**63 - 1, 8]))


@fault("strided")
def _stride_from_another_place(model):
    store(model, "starts", np.array([0, 1]))


@fault("strided")
def _padding_on_the_other_side(model):
    store(model, "pads", np.array([0, 0, 1, 2, 0, 0, 1, 0]))


@fault("strided")
def _padding_with_ones(model):
    store(model, "zero", np.float32(1))


@fault("strided")
def _bias_only_inside(model):
    """The bias is not added where the padding is (against S10)."""
    drop(model, "Pad")
    model.graph.node[-1].output[0] = "inner"
    pad = onnx.helper.make_node("Pad", ["inner", "border", "zero"], ["o"])
    model.graph.node.append(pad)
    model.graph.initializer.append(
        numpy_helper.from_array(np.array([0, 0, 0, 0, 0, 0, 1, 1]), "border")
    )


@fault("grouped")
def _groups_swapped(model):
    store(model, "w3", array(model, "w3")[::-1])


@fault("grouped")
def _channels_interleaved_over_groups(model):
    settle(model, "Transpose", 1, perm=[1, 4, 0, 2, 3])


@fault("grouped")
def _group_cut_the_wrong_way(model):
    """Channels read as [each, group] instead of [group, each]."""
    settle(model, "Transpose", 0, perm=[2, 0, 3, 4, 1])


@fault("whole_extent")
def _flattened_channels_last(model):
    w = array(model, "w4")
    store(model, "w4", w.reshape(5, 3, 4, 2).transpose(0, 3, 1, 2))


@fault("flat_channels_last")
def _flattened_channels_first(model):
    w = array(model, "w4")
    store(model, "w4", w.transpose(0, 2, 3, 1).reshape(5, 2, 3, 4))


@fault("volume")
def _depth_and_height_swapped(model):
    settle(model, "Transpose", 1, perm=[0, 4, 2, 1, 3])
    model.graph.output[0].type.tensor_type.shape.dim[2].dim_param = "H"
    model.graph.output[0].type.tensor_type.shape.dim[3].dim_param = "D"


@fault("volume")
def _transposed_weight_of_a_transposed_convolution(model):
    v = array(model, "v2")
    store(model, "v2", v.T.reshape(5, 3))


@fault("quantised")
def _one_quantised_weight(model):
    q = array(model, "q3")
    q[2, 3] += 1
    store(model, "q3", q)


@fault("quantised")
def _one_scale(model):
    s = array(model, "s")
    s[4] = np.nextafter(s[4], np.float32(9))
    store(model, "s", s)


@fault("quantised")
def _two_scales_swapped(model):
    store(model, "s", array(model, "s")[[1, 0, 2, 3, 4]])


@fault("quantised")
def _one_zero_point(model):
    z = array(model, "z")
    z[0] += 1
    store(model, "z", z)


@fault("quantised")
def _scale_of_the_input(model):
    store(model, "sx", np.float32(0.1))


@fault("quantised")
def _scale_along_the_wrong_axis(model):
    """As many input as output channels would hide it; here the first five of eight are read."""
    q = array(model, "q3")
    square = np.zeros((5, 5, 1), np.int8)
    square[:, :5] = q[:, :5]
    store(model, "q3", square)
    settle(model, "DequantizeLinear", 1, axis=1)
    model.graph.initializer.append(numpy_helper.from_array(np.array([0]), "from"))
    model.graph.initializer.append(numpy_helper.from_array(np.array([5]), "to"))
    model.graph.initializer.append(numpy_helper.from_array(np.array([1]), "along"))
    cut = onnx.helper.make_node("Slice", ["xd", "from", "to", "along"], ["cut"])
    conv = node(model, "Conv")
    conv.input[0] = "cut"
    model.graph.node.insert(list(model.graph.node).index(conv), cut)


@fault("tied")
def _tied_weight_untied(model):
    other = array(model, "w3")
    other[1, 2] += 1
    model.graph.initializer.append(numpy_helper.from_array(other, "w3b"))
    node(model, "Conv", 1).input[1] = "w3b"


@fault("tied")
def _concatenated_in_another_order(model):
    parts = node(model, "Concat").input
    parts[0], parts[1] = parts[1], parts[0]


@fault("tied")
def _softmax_over_positions(model):
    settle(model, "Softmax", axis=2)


@fault("tied")
def _concatenated_along_positions(model):
    """Twice the positions with half the features."""
    settle(model, "Concat", axis=2)
    store(model, "v3", array(model, "v3")[:, :8])


@fault("tied")
def _residual_doubled(model):
    node(model, "Add").input[0] = "a"


def within(graph: onnx.GraphProto, operator: str, name: str) -> onnx.GraphProto:
    """A graph within the first node of this kind."""
    held = next(n for n in graph.node if n.op_type == operator).attribute
    return next(attribute.g for attribute in held if attribute.name == name)


def inner(graph: onnx.GraphProto, operator: str, which: int = 0) -> onnx.NodeProto:
    return [n for n in graph.node if n.op_type == operator][which]


@fault("branches")
def _weight_of_a_branch(model):
    w = array(model, "w3")
    w[3, 5] += 0.25
    store(model, "w3", w)


@fault("branches")
def _bias_of_a_branch_lost(model):
    del inner(within(model.graph, "If", "else_branch"), "Conv").input[2]


@fault("branches")
def _branches_exchanged(model):
    held = node(model, "If").attribute
    held[0].name, held[1].name = held[1].name, held[0].name


@fault("branches")
def _branch_reads_another_value(model):
    inner(within(model.graph, "If", "then_branch"), "Transpose").input[0] = "x"


@fault("branches")
def _branch_in_a_branch_reads_another_weight(model):
    branch = within(within(model.graph, "If", "else_branch"), "If", "else_branch")
    inner(branch, "Conv").input[1] = "w3"


@fault("branches")
def _operator_of_a_branch_in_a_branch(model):
    branch = within(within(model.graph, "If", "else_branch"), "If", "then_branch")
    inner(branch, "Relu").op_type = "Abs"


@fault("branches")
def _condition_of_a_branch_in_a_branch(model):
    inner(within(model.graph, "If", "else_branch"), "If").input[0] = "c"


@fault("loop")
def _weight_of_a_loop(model):
    w = array(model, "w3")
    store(model, "w3", w[[1, 0, 2, 3, 4, 5]])


@fault("loop")
def _loop_adds_its_state(model):
    inner(within(model.graph, "Loop", "body"), "Add").input[1] = "s1"


@fault("loop")
def _loop_keeps_its_state_before_the_sum(model):
    inner(within(model.graph, "Loop", "body"), "Transpose", 2).input[0] = "m1"


@fault("loop")
def _loop_gives_out_its_state_before_the_sum(model):
    inner(within(model.graph, "Loop", "body"), "Conv", 1).input[0] = "m1"


@fault("loop")
def _states_of_a_loop_exchanged(model):
    inner(within(model.graph, "Loop", "body"), "Sub").input[:] = ["s", "q"]


@fault("loop")
def _loop_starts_from_another_value(model):
    node(model, "Loop").input[2] = "r"


@fault("normalisation")
def _epsilon_of_a_normalisation(model):
    store(model, "epsilon", np.float32(0.5))


@fault("normalisation")
def _normalisation_over_positions(model):
    settle(model, "ReduceMean", 1, axes=[2])


@fault("normalisation")
def _normalisation_without_its_mean(model):
    drop(model, "Sub")


@fault("normalisation")
def _normalisation_by_the_variance(model):
    drop(model, "Sqrt")


@fault("normalisation")
def _scale_of_a_normalisation(model):
    store(model, "scale3", array(model, "scale3")[::-1])


@pytest.mark.parametrize("name", FAULTS)
def test_fault_is_refuted(name: str, tmp_path: Path):
    pair, mutate = FAULTS[name]
    made = PAIRS[pair]()
    mutate(made.after)
    before, after = tmp_path / "before.onnx", tmp_path / "after.onnx"
    onnx.save(made.before, before)
    onnx.save(made.after, after)
    files = File(before), File(after)
    by_structure, by_integers = structure(*files), integers(*files)
    assert not by_structure.passed
    assert not by_integers.passed
    assert not by_integers.detail.startswith("does not run"), by_integers
