"""What the description of an exported program may hold, `models/model.json` in a `.pt2` file.

torch writes names into generated code, evaluates sizes, runs guards and imports what metadata
names. So every entry has a rule here; guards, stack traces and notes of users are left out.
"""

from typing import Any

import torch

from onebyone.models.grammar import (
    Refused,
    boolean,
    integer,
    listed,
    mapping,
    maybe,
    name,
    number,
    one_of,
    optional,
    path,
    record,
    text,
    union,
)  # fmt: skip
from onebyone.models.operators import operator_name
from onebyone.models.shown import shown
from onebyone.models.sizes import expression, symbol
from onebyone.models.structures import structure

_COUNT = integer(0, 2**62)
_MOST_AXES = 64


_LONG, _WORD_OF_STACK = text("(?s).*"), text(r"[\w.@<>-]*")


def _stack(value: Any) -> str:
    """The modules around an operator: `key,path,class` for each, with `;` between them."""
    entries = [entry.split(",") for entry in _LONG(value).split(";")]
    for entry in entries:
        if len(entry) != 3:
            raise Refused(f"{shown(value)} are no modules")
        path(entry[1].removeprefix("L['self'].").removeprefix("L__self__."))
    word = _WORD_OF_STACK
    return ";".join(f"{word(key)},{where},{word(kind)}" for key, where, kind in entries)


_NOTES = record(nn_module_stack=optional(_stack))


def _metadata(value: Any) -> dict[str, str]:
    """Of a node's notes, the modules that it came from; nothing where they are of no known form."""
    try:
        return _NOTES(value)  # type: ignore[no-any-return]
    except Refused:
        return {}


def _nothing(_value: Any) -> list[Any]:
    return []


_HINT = union(as_int=integer(), as_bool=boolean, as_float=number)
_EXPRESSION = record(expr_str=expression, hint=optional(maybe(_HINT)))
_SIZE = union(as_expr=_EXPRESSION, as_int=_COUNT)
_DEVICE = record(type=one_of("cpu", "cuda", "mps", "xpu"), index=optional(maybe(integer(0, 127))))
DTYPES = {
    1: torch.uint8, 2: torch.int8, 3: torch.int16, 4: torch.int32, 5: torch.int64,
    6: torch.float16, 7: torch.float32, 8: torch.float64, 9: torch.complex32,
    10: torch.complex64, 11: torch.complex128, 12: torch.bool, 13: torch.bfloat16,
    28: torch.uint16, 34: torch.uint32, 35: torch.uint64,
}  # fmt: skip
"""The types of numbers, as torch numbers them."""
_DTYPE, _LAYOUT, _MEMORY_FORMAT = one_of(*DTYPES), one_of(7), integer(1, 4)
TENSOR = record(
    dtype=_DTYPE,
    sizes=listed(_SIZE, _MOST_AXES),
    requires_grad=boolean,
    device=_DEVICE,
    strides=listed(_SIZE, _MOST_AXES),
    storage_offset=_SIZE,
    layout=_LAYOUT,
)
"""The shape and type of a tensor."""

_NAME = record(name=name)
_SYMBOLIC = {
    "int": union(as_name=name, as_int=integer()),
    "float": union(as_name=name, as_float=number),
    "bool": union(as_name=name, as_bool=boolean),
}
_WORD = text(r"[\w ,.>+-]*")
_PLAIN = {
    "as_none": boolean,
    "as_int": integer(),
    "as_float": number,
    "as_bool": boolean,
    "as_string": _WORD,
}
_ARGUMENT = union(
    **_PLAIN,
    as_tensor=_NAME,
    as_tensors=listed(_NAME),
    as_ints=listed(integer()),
    as_floats=listed(number),
    as_bools=listed(boolean),
    as_strings=listed(_WORD),
    as_sym_int=_SYMBOLIC["int"],
    as_sym_ints=listed(_SYMBOLIC["int"]),
    as_sym_float=_SYMBOLIC["float"],
    as_sym_floats=listed(_SYMBOLIC["float"]),
    as_sym_bool=_SYMBOLIC["bool"],
    as_sym_bools=listed(_SYMBOLIC["bool"]),
    as_scalar_type=_DTYPE,
    as_memory_format=_MEMORY_FORMAT,
    as_layout=_LAYOUT,
    as_device=_DEVICE,
    as_optional_tensor=union(as_tensor=_NAME, as_none=boolean),
    as_optional_tensors=listed(union(as_tensor=_NAME, as_none=boolean)),
    as_nested_tensors=listed(listed(_NAME)),
    as_int_lists=listed(listed(integer())),
    as_float_lists=listed(listed(number)),
    as_complex=record(real=number, imag=number),
)
_NODE = record(
    target=operator_name,
    inputs=listed(
        record(name=text(r"\w*"), arg=_ARGUMENT, kind=optional(maybe(integer(0, 2)))), 1000
    ),
    outputs=listed(_ARGUMENT),
    metadata=_metadata,
    is_hop_single_tensor_return=optional(maybe(boolean)),
    name=optional(maybe(name)),
)
_GRAPH = record(
    inputs=listed(_ARGUMENT),
    outputs=listed(_ARGUMENT),
    nodes=listed(_NODE),
    tensor_values=mapping(name, TENSOR),
    sym_int_values=mapping(name, _SIZE),
    sym_bool_values=mapping(name, union(as_expr=_EXPRESSION, as_bool=boolean)),
    sym_float_values=optional(mapping(name, union(as_expr=_EXPRESSION, as_float=number))),
    is_single_tensor_return=optional(boolean),
)
_SIGNATURE = record(
    input_specs=listed(
        union(
            user_input=record(arg=_ARGUMENT),
            parameter=record(arg=_NAME, parameter_name=path),
            buffer=record(arg=_NAME, buffer_name=path, persistent=boolean),
            tensor_constant=record(arg=_NAME, tensor_constant_name=path),
            constant_input=record(name=name, value=union(**_PLAIN)),
        )
    ),
    output_specs=listed(
        union(
            user_output=record(arg=_ARGUMENT),
            buffer_mutation=record(arg=_NAME, buffer_name=path),
            user_input_mutation=record(arg=_NAME, user_input_name=name),
        )
    ),
)
_CALL = record(
    inputs=listed(_ARGUMENT),
    outputs=listed(_ARGUMENT),
    in_spec=structure,
    out_spec=structure,
    forward_arg_names=optional(maybe(listed(name))),
)
PROGRAM = record(
    graph_module=record(
        graph=_GRAPH,
        signature=_SIGNATURE,
        module_call_graph=listed(record(fqn=path, signature=optional(maybe(_CALL)))),
    ),
    opset_version=record(aten=integer(0, 10_000)),
    range_constraints=mapping(symbol, record(min_val=maybe(integer()), max_val=maybe(integer()))),
    schema_version=record(major=integer(0, 1000), minor=integer(0, 1000)),
    verifiers=listed(one_of("", "ATEN", "TRAINING")),
    torch_version=text(r"[\w.+<=-]*"),
    guards_code=optional(_nothing),
)
"""The whole description of a program."""

PAYLOADS = record(
    config=mapping(
        path,
        record(
            path_name=text(r"(weight|tensor)_\d{1,9}"),
            is_param=boolean,
            use_pickle=boolean,
            tensor_meta=TENSOR,
        ),
    )
)
"""Where the tensors of a program lie in the archive."""
