"""The operators that a file may name: those that compute values from values, and nothing else.

ATen also has operators that map files into memory, change a tensor's storage or print, so what is
not listed is refused. Each name stands for its overloads, and for its in-place form where it has
one.
"""

from typing import Any

import torch

from onebyone.models.grammar import Refused
from onebyone.models.shown import shown

_GROUPS = (
    # of one number
    """
    abs absolute acos acosh angle arccos arccosh arcsin arcsinh arctan arctanh asin asinh atan atanh
    bitwise_not ceil celu conj_physical cos cosh deg2rad digamma elu erf erfc erfinv exp exp2 expm1
    fix floor frac gelu hardshrink hardsigmoid hardswish hardtanh i0 isfinite isinf isnan isneginf
    isposinf isreal leaky_relu lgamma log log10 log1p log2 log_sigmoid logical_not logit mish
    nan_to_num neg negative positive prelu _prelu_kernel rad2deg real imag reciprocal relu relu6
    round rrelu rsqrt selu sgn sigmoid sign signbit silu sin sinc sinh softplus softshrink
    special_erf special_erfc special_exp2 special_expit special_expm1 special_log1p special_ndtr
    sqrt square tan tanh threshold trunc
    """,
    # of two or three
    """
    add addcdiv addcmul arctan2 atan2 bitwise_and bitwise_left_shift bitwise_or
    bitwise_right_shift bitwise_xor clamp clamp_max clamp_min clip copysign div divide eq
    float_power floor_divide fmax fmin fmod ge greater greater_equal gt heaviside hypot ldexp le
    lerp less less_equal logaddexp logaddexp2 logical_and logical_or logical_xor lt maximum minimum
    mul multiply ne not_equal pow remainder rsub sub subtract true_divide where xlogy __and__
    __or__ __xor__ __lshift__ __rshift__
    """,
    # of many
    """
    all amax amin aminmax any argmax argmin count_nonzero cummax cummin cumprod cumsum
    linalg_norm linalg_vector_norm logcumsumexp logsumexp max mean median min nanmean nansum norm
    prod std std_mean sum var var_mean dist cosine_similarity pairwise_distance
    softmax log_softmax _softmax _log_softmax _safe_softmax sort argsort topk kthvalue
    """,
    # products and layers
    """
    addbmm addmm addmv addr baddbmm bilinear bmm chain_matmul dot einsum inner kron linear
    linalg_matmul linalg_vecdot matmul mm mv outer tensordot vdot conv1d conv2d conv3d
    conv_transpose1d conv_transpose2d conv_transpose3d convolution _convolution cdist
    batch_norm native_batch_norm _native_batch_norm_legit _native_batch_norm_legit_no_training
    _native_batch_norm_legit_functional instance_norm group_norm native_group_norm layer_norm
    native_layer_norm rms_norm _weight_norm _weight_norm_interface
    embedding scaled_dot_product_attention _scaled_dot_product_flash_attention_for_cpu
    _scaled_dot_product_attention_math _native_multi_head_attention _transformer_encoder_layer_fwd
    alpha_dropout dropout feature_alpha_dropout feature_dropout native_dropout glu lstm gru
    rnn_relu rnn_tanh lstm_cell gru_cell rnn_relu_cell rnn_tanh_cell
    """,
    # pooling, padding and resizing
    """
    adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d _adaptive_avg_pool2d
    _adaptive_avg_pool3d adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d avg_pool1d
    avg_pool2d avg_pool3d max_pool1d max_pool2d max_pool3d max_pool1d_with_indices
    max_pool2d_with_indices max_pool3d_with_indices max_unpool2d max_unpool3d
    constant_pad_nd pad reflection_pad1d reflection_pad2d reflection_pad3d replication_pad1d
    replication_pad2d replication_pad3d im2col col2im unfold pixel_shuffle pixel_unshuffle
    channel_shuffle native_channel_shuffle upsample_bicubic2d upsample_bilinear2d upsample_linear1d
    upsample_nearest1d upsample_nearest2d upsample_nearest3d upsample_trilinear3d
    _upsample_bicubic2d_aa _upsample_bilinear2d_aa _upsample_nearest_exact1d
    _upsample_nearest_exact2d _upsample_nearest_exact3d grid_sampler grid_sampler_2d
    grid_sampler_3d affine_grid_generator
    """,
    # the same numbers, elsewhere
    """
    adjoint alias alias_copy as_strided atleast_1d atleast_2d atleast_3d block_diag
    broadcast_tensors broadcast_to bucketize cat chunk clone column_stack concat concatenate
    contiguous copy detach detach_ detach_copy diag diag_embed diagonal diff dsplit dstack expand
    expand_as expand_copy fill flatten flip fliplr flipud gather hsplit hstack index index_add
    index_copy index_fill index_put index_select lift_fresh lift_fresh_copy masked_fill
    masked_scatter meshgrid moveaxis movedim mT narrow narrow_copy numpy_T permute permute_copy
    ravel repeat repeat_interleave reshape reshape_as roll rot90 row_stack scatter scatter_add
    scatter_reduce searchsorted select select_copy select_scatter slice slice_copy slice_scatter
    split split_copy split_with_sizes split_with_sizes_copy squeeze squeeze_copy stack swapaxes
    swapdims t t_copy take take_along_dim tensor_split tile to _to_copy transpose transpose_copy
    tril triu type_as unbind unbind_copy unflatten unfold_copy unsafe_chunk unsafe_split
    unsafe_split_with_sizes _unsafe_index _unsafe_view unsqueeze unsqueeze_copy view view_as
    view_copy vsplit vstack zero
    """,
    # numbers from none
    """
    arange empty empty_like empty_permuted eye full full_like linspace logspace new_empty
    new_full new_ones new_zeros one_hot ones ones_like scalar_tensor tril_indices triu_indices zeros
    zeros_like
    """,
    # sizes and what is known of them
    """
    sym_numel sym_size sym_storage_offset sym_stride sym_constrain_range
    sym_constrain_range_for_size _assert_scalar _assert_tensor_metadata
    """,
)
_NAMES = frozenset(" ".join(_GROUPS).split())
_FUNCTIONS = {
    *(
        f"_operator.{name}"
        for name in (
            "add", "sub", "mul", "floordiv", "truediv", "mod", "neg", "pos", "eq", "ne", "le", "ge",
            "lt", "gt", "and_", "or_", "getitem",
        )
    ),
    *(f"torch.sym_{name}" for name in ("not", "int", "float", "max", "min", "ite")),
    "math.trunc",
}  # fmt: skip
_PREFIX = "torch.ops.aten."


def operator_name(value: Any) -> str:
    """Let the name of an operator through: `torch.ops.aten.relu.default`, `_operator.getitem`."""
    if isinstance(value, str):
        packet, _, overload = value.removeprefix(_PREFIX).partition(".")
        known = value.startswith(_PREFIX) and {packet, packet.removesuffix("_")} & _NAMES
        found = getattr(getattr(torch.ops.aten, packet, None), overload, None) if known else None
        if value in _FUNCTIONS or isinstance(found, torch._ops.OpOverload):
            return value
    raise Refused(f"calls {shown(value)}, which is no operator that a file may name")
