"""An ONNX file without its large weights: a message that says where in the file they are.

Protocol Buffers only copies: once when a message is read, and again each time that its bytes are
asked for. So numbers that are stored as bytes, as exporters store them, are found in the file
itself and named as external data, which is mapped.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import onnx

LARGE = 1 << 16
"""Bytes from which a weight stays where it is."""

_Bytes = bytes | memoryview
_VARINT, _BYTES = 0, 2
_SIZES = {1: 8, 5: 4}
"""Of the kinds of fields that have one size."""
_MOST_VARINT = 10
_GRAPH, _INITIALIZER, _TYPE, _RAW = 7, 5, 2, 9
"""The fields in which weights are, of a model and a graph, and two of a tensor."""
_INTEGERS = {onnx.TensorProto.INT32, onnx.TensorProto.INT64}
"""The types of what shape inference reads, which it does in the message only."""
_PLAIN = {(1, _VARINT), (1, _BYTES), (_TYPE, _VARINT), (8, _BYTES), (_RAW, _BYTES), (12, _BYTES)}
"""Sizes, type, name, bytes and documentation: all that a tensor has whose numbers are bytes."""


class _Unusual(Exception):
    """A message is not written as it usually is; Protocol Buffers knows what it means."""


@dataclass(frozen=True)
class _Field:
    """A field of a message, and the places of its first byte, its value and its end."""

    number: int
    kind: int
    start: int
    value: int
    end: int


def placed(data: memoryview, name: str) -> bytes | None:
    """The file as a message whose large weights are external data in the file itself.

    Args:
        data: all bytes of the file.
        name: of the file in its folder.

    Returns:
        The message; None where no weight is large, or the file is not as it usually is written.
    """
    try:
        graphs = [field for field in _fields(data, 0, len(data)) if field.number == _GRAPH]
        if len(graphs) != 1 or graphs[0].kind != _BYTES:
            return None  # several are one, put together
        (graph,) = graphs
        parts = list(_parts(data, graph, name))
    except _Unusual:
        return None
    if len(parts) == 1:
        return None
    within = _delimited(_GRAPH, parts)
    return b"".join([data[: graph.start], *within, data[graph.end :]])


def _parts(data: memoryview, graph: _Field, name: str) -> Iterator[_Bytes]:
    """The bytes of a graph, with other tensors in the place of large ones."""
    start = graph.value
    for field in _fields(data, graph.value, graph.end):
        large = field.number == _INITIALIZER and field.end - field.value >= LARGE
        raw = _raw(data, field) if large and field.kind == _BYTES else None
        if raw is None:
            continue
        place = _place(name, raw.value, raw.end - raw.value)
        yield data[start : field.start]
        rest = b"".join([data[field.value : raw.start], data[raw.end : field.end], place])
        yield b"".join(_delimited(_INITIALIZER, [rest]))
        start = field.end
    yield data[start : graph.end]


def _raw(data: memoryview, tensor: _Field) -> _Field | None:
    """The bytes of a tensor that has its numbers there and nowhere else, and many of them."""
    fields = list(_fields(data, tensor.value, tensor.end))
    plain = all((field.number, field.kind) in _PLAIN for field in fields)
    types = {_varint(data, field.value, field.end)[0] for field in fields if field.number == _TYPE}
    if not plain or types & _INTEGERS:
        return None
    raw = [field for field in fields if field.number == _RAW]
    return raw[0] if len(raw) == 1 and raw[0].end - raw[0].value >= LARGE else None


def _place(name: str, offset: int, length: int) -> bytes:
    """What is added to a tensor whose numbers are elsewhere."""
    tensor = onnx.TensorProto(data_location=onnx.TensorProto.EXTERNAL)
    for key, value in {"location": name, "offset": str(offset), "length": str(length)}.items():
        tensor.external_data.add(key=key, value=value)
    return bytes(tensor.SerializeToString())


def _fields(data: memoryview, start: int, end: int) -> Iterator[_Field]:
    """The fields of a message between two places."""
    while start < end:
        tag, value = _varint(data, start, end)
        kind = tag & 7
        if kind == _VARINT:
            stop = _varint(data, value, end)[1]
        elif kind == _BYTES:
            size, value = _varint(data, value, end)
            stop = value + size
        elif kind in _SIZES:
            stop = value + _SIZES[kind]
        else:
            raise _Unusual
        if stop > end:
            raise _Unusual
        yield _Field(tag >> 3, kind, start, value, stop)
        start = stop


def _varint(data: memoryview, start: int, end: int) -> tuple[int, int]:
    """A number of as many bytes as it needs, and where it ends."""
    number = 0
    for place in range(start, min(end, start + _MOST_VARINT)):
        number |= (data[place] & 127) << 7 * (place - start)
        if data[place] < 128:  # the last byte has no eighth bit
            return number, place + 1
    raise _Unusual


def _delimited(number: int, parts: Sequence[_Bytes]) -> list[_Bytes]:
    """A field with these bytes."""
    size, head = sum(map(len, parts)), bytearray([number << 3 | _BYTES])
    while size > 127:
        head.append(size & 127 | 128)
        size >>= 7
    head.append(size)
    return [bytes(head), *parts]
