"""The one place where an ONNX file is opened: what comes out of here is valid."""

import mmap
import os
import stat
import warnings
from collections import ChainMap
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import onnx
import onnx_ir as ir
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # no stubs

from onebyone.errors import InputError
from onebyone.models.onnx.functions import check_functions, key
from onebyone.models.onnx.graphs import Reader
from onebyone.models.onnx.nodes import Operators
from onebyone.models.onnx.placed import placed
from onebyone.models.onnx.tensors import check_tensor, external, external_file, tensors
from onebyone.models.onnx.versions import versions
from onebyone.models.shown import line

MOST_BYTES = (1 << 31) - 1
"""Protocol Buffers reads no more; weights beyond are external data."""


def read(path: Path) -> ir.Model:
    """A model; large weights and external data stay where they are until they are asked for.

    Raises:
        InputError: it cannot be read, is no valid ONNX file, or its external data is not as it
            says in the folder of the file.
    """
    return to_ir(parse(path, bare=True), path)


def parse(path: Path, *, bare: bool = False) -> onnx.ModelProto:
    """The same as a Protocol Buffers message, external data as the file names it.

    Args:
        path: the file.
        bare: whether large weights are external data, too, in the file itself (`without_weights`).

    Raises:
        InputError: as for `read`.
    """
    data = _bytes(path)
    model = _message((bare and _placed(data, path)) or data, path)
    try:
        corrections = _check(model, path, len(data))
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    for correction in corrections[:1]:
        more = f", and {len(corrections) - 1} more like it" if corrections[1:] else ""
        warnings.warn(f"{path}: {correction}; left out{more}", stacklevel=2)
    return model


def without_weights(path: Path) -> bytes | None:
    """The bytes of a file as it is, but with large weights as external data in the file itself.

    None where no weight can be so: it is small, or the file a link, which onnxruntime refuses for
    external data.
    """
    return _placed(_bytes(path), path)


def _placed(data: memoryview, path: Path) -> bytes | None:
    named = path.name.isprintable()  # not bytes that are no text
    return placed(data, path.name) if named and not path.is_symlink() else None


def to_ir(model: onnx.ModelProto, path: Path) -> ir.Model:
    """What `parse` gave, as onnx-ir has it; the message is not to be used any more.

    Raises:
        InputError: onnx-ir does not have something that it holds, as a map.
    """
    for tensor in external(model):
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = os.fspath(external_file(tensor, path))
    try:
        return ir.serde.deserialize_model(model)
    except (ir.serde.SerdeError, NotImplementedError, ValueError, TypeError) as error:
        reason: BaseException = error
        while reason.__cause__ is not None:
            reason = reason.__cause__
        told = line(str(reason))
        raise InputError(f"{path}: has something that onnx-ir does not read ({told})") from error


def data_files(path: Path) -> set[Path]:
    """The files of external data that a file names beside itself, as far as they are there."""
    data = _bytes(path)
    found = set()
    for tensor in external(_message(_placed(data, path) or data, path)):
        with suppress(InputError):
            found.add(external_file(tensor, path))
    return found - {path.resolve()}


def _message(data: bytes | memoryview, path: Path) -> onnx.ModelProto:
    try:
        model: onnx.ModelProto = onnx.ModelProto.FromString(data)
        _check_text([model])
    except (DecodeError, InputError) as error:
        raise InputError(f"{path}: is not an ONNX file ({line(str(error))})") from error
    return model


def _bytes(path: Path) -> memoryview:
    """A regular file, mapped; nothing else is opened, as what a pipe holds never ends."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise InputError(f"{path}: is no regular file")
            if found.st_size > MOST_BYTES:
                raise InputError(f"{path}: has more than 2 GiB: save its weights as external data")
            if not found.st_size:
                return memoryview(b"")  # which cannot be mapped
            return memoryview(mmap.mmap(descriptor, found.st_size, access=mmap.ACCESS_READ))
        finally:
            os.close(descriptor)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error


def _check_text(messages: Iterable[Any]) -> None:
    """Find text that is no UTF-8, which Protocol Buffers gives as bytes."""
    for message in messages:
        for name, repeated, text in _fields(message.DESCRIPTOR):
            if not repeated and not message.HasField(name):
                continue
            value = getattr(message, name)
            values = value if repeated else [value]
            if not text:
                _check_text(values)
            elif any(isinstance(v, bytes) for v in values):
                raise InputError(f"has a {name} that is no text")


@cache
def _fields(descriptor: Any) -> list[tuple[str, bool, bool]]:
    """Names of fields that hold text or messages, whether they repeat, whether they are text.

    Numbers and bytes are left alone: to look at them is to copy them.
    """
    return [
        (field.name, field.is_repeated, field.message_type is None)
        for field in descriptor.fields
        if field.message_type is not None or field.type == field.TYPE_STRING
    ]


def _check(model: onnx.ModelProto, path: Path, size: int) -> list[str]:
    if not model.HasField("graph") or not model.opset_import:
        raise InputError("is not an ONNX file: it names no opset")
    if model.ir_version > onnx.IR_VERSION:
        raise InputError(f"is of ONNX IR version {model.ir_version}: update the package onnx")
    for tensor in tensors(model):
        check_tensor(tensor, path)
    functions = frozenset(key(function) for function in model.functions)
    operators = Operators(versions(model.opset_import), functions, size)
    reader = Reader(operators, [])
    check_functions(model, reader)
    reader.graph(model.graph, ChainMap())
    return reader.corrections
