"""ONNX files of many kinds, and seeded ways to damage them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np
import onnx

from helpers.onnx_cases import TO_CONVOLUTION, TO_LINEAR
from helpers.onnx_pairs import PAIRS, model

DATA = "weights.bin"
"""Where files with external data have it."""


def _external(made: onnx.ModelProto) -> onnx.ModelProto:
    """All initializers of some bytes in another file, whose bytes are in no file yet."""
    place = 0
    for tensor in made.graph.initializer:
        held = onnx.numpy_helper.to_array(tensor).tobytes()
        if len(held) < 32:
            continue
        for field in ("raw_data", "float_data"):
            tensor.ClearField(field)
        tensor.data_location = onnx.TensorProto.EXTERNAL
        told = {"location": DATA, "offset": place, "length": len(held)}
        for key, value in told.items():
            tensor.external_data.add(key=key, value=str(value))
        place += len(held)
    return made


def _functions() -> onnx.ModelProto:
    """A layer in a function, which another function calls."""
    text = """
        <ir_version: 10, opset_import: ["" : 18, "own" : 1]>
        m (float[N,6] x) => (float[N,3] o) { h = own.Twice(x, w) o = Relu(h) }
        <domain: "own", opset_import: ["" : 18, "own" : 1]>
        Twice (x, w) => (y) { a = own.Layer(x, w) b = own.Layer(x, w) y = Add(a, b) }
        <domain: "own", opset_import: ["" : 18]>
        Layer (x, w) => (y) { y = MatMul(x, w) }
    """
    made = onnx.parser.parse_model(text)
    weight = np.arange(18, dtype=np.float32).reshape(6, 3)
    made.graph.initializer.append(onnx.numpy_helper.from_array(weight, "w"))
    return made


def _operators() -> onnx.ModelProto:
    """Operators with attributes and constants of many kinds, sizes that are computed."""
    text = """m (float[N,4,6] x) => (float[N,A,B] o) {
        s = Shape(x)
        n = Gather<axis=0>(s, zero)
        u = Unsqueeze(n, first)
        k = Constant<value = int64[2] {6, 4}>()
        t = Concat<axis=0>(u, k)
        r = Reshape(x, t)
        a, b = Split<axis=1>(r, halves)
        c = Concat<axis=1>(b, a)
        p = Transpose<perm=[0,2,1]>(c)
        m = MatMul(p, w)
        g = Slice(m, starts, ends, axes)
        l = LayerNormalization<axis=-1>(g, scale)
        o = Softmax<axis=-1>(l)
    }"""
    floats = {"w": np.ones((6, 5), np.float32), "scale": np.ones(4, np.float32)}
    numbers = {"zero": 0, "first": [0], "halves": [3, 3], "starts": [1], "ends": [5], "axes": [2]}
    return model(text, {**floats, **{k: np.array(v, np.int64) for k, v in numbers.items()}})


CASES = {case.name: case for case in TO_CONVOLUTION + TO_LINEAR}
SOURCES: dict[str, Callable[[], onnx.ModelProto]] = {
    "Gemm": lambda: CASES["Gemm, transB"].model(18),
    "MatMul": lambda: CASES["MatMul + Add, rank 3"].model(18),
    "Conv": lambda: CASES["Conv, stride"].model(18),
    "ConvTranspose": lambda: CASES["ConvTranspose"].model(18),
    "block": lambda: CASES["residual block with Concat"].model(18),
    "flattened": lambda: CASES["Flatten + Gemm, NHWC"].model(18),
    "quantised": lambda: CASES["QDQ, blocks"].model(21),
    "quantised convolution": lambda: CASES["Conv, QDQ, scales by output"].model(18),
    "excitation": lambda: CASES["squeeze and excitation"].model(18),
    "If": lambda: PAIRS["branches"]().before,
    "Loop": lambda: PAIRS["loop"]().before,
    "functions": _functions,
    "operators": _operators,
    "external": lambda: _external(CASES["residual block with Concat"].model(18)),
}


def data_of(name: str) -> bytes:
    """What stands in `DATA` for a source."""
    held = CASES["residual block with Concat"].model(18).graph.initializer
    arrays = [onnx.numpy_helper.to_array(tensor).tobytes() for tensor in held]
    return b"".join(a for a in arrays if len(a) >= 32) if name == "external" else b""


@dataclass(frozen=True)
class Damage:
    """One way to damage a file, by name: a function of a random source, the file, and others."""

    name: str
    apply: Callable[[Random, bytes, list[bytes]], bytes]


def _cut(random: Random, data: bytes, others: list[bytes]) -> bytes:
    return data[: random.randrange(len(data))]


def _flip(random: Random, data: bytes, others: list[bytes]) -> bytes:
    held = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 4, 16))):
        held[random.randrange(len(held))] ^= 1 << random.randrange(8)
    return bytes(held)


def _splice(random: Random, data: bytes, others: list[bytes]) -> bytes:
    other = random.choice(others)
    start, end = sorted(random.randrange(len(other)) for _ in range(2))
    a, b = sorted(random.randrange(len(data)) for _ in range(2))
    return data[:a] + other[start:end] + data[random.choice((a, b)) :]


def _noise(random: Random, data: bytes, others: list[bytes]) -> bytes:
    start, length = random.randrange(len(data)), random.randrange(1, 33)
    return data[:start] + random.randbytes(length) + data[start + length :]


def structural(random: Random, data: bytes, others: list[bytes]) -> bytes:
    """Some fields of some messages set to other values, emptied, doubled, or taken from others."""
    made, other = (onnx.ModelProto.FromString(d) for d in (data, random.choice(others)))
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        messages = list(_messages(made))
        message = random.choice(messages)
        alike = [m for m in (*messages, *_messages(other)) if type(m) is type(message)]
        _change(random, message, random.choice(alike))
    try:
        return made.SerializeToString()
    except ValueError:  # a repeated field that was emptied is required; then nothing is changed
        return data


def _messages(message: Any) -> Iterator[Any]:
    yield message
    for field, value in message.ListFields():
        if field.message_type is not None:
            for inner in value if field.is_repeated else [value]:
                yield from _messages(inner)


def _change(random: Random, message: Any, other: Any) -> None:
    fields = message.DESCRIPTOR.fields
    held = [field for field, _ in message.ListFields()]
    field = random.choice(held or list(fields)) if random.random() < 0.8 else random.choice(fields)
    theirs = getattr(other, field.name)
    if random.random() < 0.3:
        message.ClearField(field.name)
    elif field.is_repeated:
        mine = getattr(message, field.name)
        _change_list(random, mine, list(theirs), field)
    elif field.message_type is not None:
        getattr(message, field.name).CopyFrom(theirs)
    else:
        setattr(message, field.name, theirs if random.random() < 0.5 else _value(random, field))


def _change_list(random: Random, mine: Any, theirs: list[Any], field: Any) -> None:
    plain = field.message_type is None
    values = list(mine)
    place = random.randrange(len(values)) if values else 0
    action = random.choice(("drop", "double", "swap", "take", "set"))
    if action == "drop" and values:
        del values[place]
    elif action == "double" and values:
        values.insert(place, values[place])
    elif action == "swap" and values:
        other = random.randrange(len(values))
        values[place], values[other] = values[other], values[place]
    elif action == "take" and theirs:
        values[place : place + random.randrange(2)] = [random.choice(theirs)]
    elif plain:
        values[place : place + random.randrange(2)] = [_value(random, field)]
    copies = values if plain else [type(v).FromString(v.SerializePartialToString()) for v in values]
    del mine[:]
    mine.extend(copies)


def _value(random: Random, field: Any) -> Any:
    numbers = (0, 1, -1, 2, 3, 5, 7, 64, 2**31 - 1)
    if field.enum_type is not None:
        return random.choice(field.enum_type.values).number
    if field.cpp_type in (field.CPPTYPE_INT32, field.CPPTYPE_UINT32):
        return abs(random.choice(numbers))
    if field.cpp_type == field.CPPTYPE_UINT64:
        return abs(random.choice((*numbers, 2**63)))
    if field.cpp_type == field.CPPTYPE_INT64:
        return random.choice((*numbers, 2**62, -(2**63)))
    if field.cpp_type in (field.CPPTYPE_FLOAT, field.CPPTYPE_DOUBLE):
        return random.choice((0.0, -0.0, 1.0, float("nan"), float("inf"), -1e30))
    words = ("", "x", "o", "w", "../x", "/dev/zero", "\0", "é" * 3, "\n", "Conv", "ai.onnx", "axis")
    word = random.choice((*words, "a" * 500))
    return word if field.type == field.TYPE_STRING else word.encode()


DAMAGES = [
    Damage("truncation", _cut),
    Damage("bit flips", _flip),
    Damage("splices", _splice),
    Damage("noise", _noise),
    Damage("structure", structural),
    Damage("structure, more", structural),
    Damage("structure, most", structural),
]
