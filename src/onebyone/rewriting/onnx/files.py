"""ONNX files: read without their weights, written whole, weights in a stream."""

import os
import re
from collections.abc import Collection, Iterator
from itertools import chain, count
from pathlib import Path

import onnx_ir as ir
from google.protobuf.message import EncodeError  # type: ignore[import-untyped]  # no stubs

from onebyone.errors import InputError
from onebyone.models.onnx import file as onnx_file
from onebyone.rewriting.onnx.relabelled import RelabelledTensor, stream
from onebyone.rewriting.onnx.value_sizes import tensor_shape
from onebyone.writing import replacing

_ALIGNED = 64


def read_model(path: Path) -> ir.Model:
    """A model; external data stays where it is until it is asked for.

    Raises:
        InputError: It cannot be read, is no valid ONNX file, or holds what would be lost.
    """
    proto = onnx_file.parse(path)
    if proto.training_info:
        raise InputError(f"{path}: has training information: save without")
    return onnx_file.to_ir(proto, path)


def write_whole(model: ir.Model, path: Path, reads: Collection[Path] = ()) -> None:
    """Write a model beside `path` and move it there; external data is external again.

    Whatever interrupts it, `path` and the data that it names are what they were, or the new ones.
    Data lie in a file whose name begins with that of `path`; of those that the model that was there
    has read, the files in `reads` stay.

    Raises:
        InputError: It cannot be written there.
    """
    external = [tensor for tensor in _tensors(model) if _is_external(tensor)]
    old = data_files(path)
    if external and path.is_symlink():
        raise InputError(
            f"{path}: is a link, and data beside it would not be found from {path.resolve()}: "
            "give that name"
        )
    first = path.parent.resolve() / f"{path.name}.data"
    names = (first.with_name(f"{first.name}{k}") for k in count(2))
    data = next(file for file in chain([first], names) if not os.path.lexists(file))
    own = re.compile(rf"{re.escape(first.name)}\d*")
    stale = {file for file in old - set(reads) if own.fullmatch(file.name)}
    try:
        if external:
            _place(model, _stream(external, data))
        _write_model(model, path)
        for file in stale:
            file.unlink()
        if external and data != first and not os.path.lexists(first):
            # The old data is gone: the new takes over its name, under both for a moment.
            os.link(data, first)
            here = [tensor for tensor in _tensors(model) if isinstance(tensor, ir.ExternalTensor)]
            _place(model, {id(t): _external(t, first, t.offset or 0) for t in here})
            _write_model(model, path)
            data.unlink()
    except (OSError, ValueError, EncodeError) as error:
        raise InputError(f"{path}: cannot be written ({error})") from error
    finally:
        if data not in data_files(path):
            data.unlink(missing_ok=True)


def _write_model(model: ir.Model, path: Path) -> None:
    proto = ir.serde.serialize_model(model)
    stored = {tensor.name for tensor in proto.graph.initializer}
    told = [info for info in proto.graph.value_info if info.name not in stored]
    del proto.graph.value_info[:]
    proto.graph.value_info.extend(told)
    with replacing(path) as temporary:
        temporary.write_bytes(proto.SerializeToString(deterministic=True))


def bytes_of(path: Path) -> int:
    """Bytes of a file and of the external data that it names."""
    return path.stat().st_size + sum(file.stat().st_size for file in data_files(path))


def _tensors(model: ir.Model) -> Iterator[ir.TensorProtocol]:
    for graph in model.graphs():
        yield from (v.const_value for v in graph.initializers.values() if v.const_value is not None)
        for node in graph:
            for attribute in node.attributes.values():
                if not attribute.is_ref() and attribute.type == ir.AttributeType.TENSOR:
                    yield attribute.as_tensor()


def _source(tensor: ir.TensorProtocol) -> ir.TensorProtocol:
    return tensor.source if isinstance(tensor, RelabelledTensor) else tensor


def _is_external(tensor: ir.TensorProtocol) -> bool:
    return isinstance(_source(tensor), ir.ExternalTensor)


def _stream(tensors: list[ir.TensorProtocol], data: Path) -> dict[int, ir.ExternalTensor]:
    """Write the tensors one after the other; where each is now, by identity."""
    placed: dict[int, ir.ExternalTensor] = {}
    with data.open("wb") as file:
        for tensor in tensors:
            if id(tensor) in placed:
                continue
            file.write(bytes(-file.tell() % _ALIGNED))
            offset = file.tell()
            stream(tensor, file)
            placed[id(tensor)] = _external(tensor, data, offset)
    return placed


def _place(model: ir.Model, placed: dict[int, ir.ExternalTensor]) -> None:
    """Put tensors in the place of others, which are known by identity."""
    for graph in model.graphs():
        for value in graph.initializers.values():
            value.const_value = placed.get(id(value.const_value), value.const_value)
        for node in graph:
            for name, attribute in list(node.attributes.items()):
                if id(attribute.value) in placed:
                    node.attributes[name] = ir.AttrTensor(name, placed[id(attribute.value)])


def _external(tensor: ir.TensorProtocol, data: Path, offset: int) -> ir.ExternalTensor:
    """The same tensor, as it is found in a file."""
    return ir.ExternalTensor(
        data.name,
        offset,
        tensor.nbytes,
        tensor.dtype,
        shape=ir.Shape(tensor_shape(tensor)),
        name=tensor.name or "",
        doc_string=tensor.doc_string,
        metadata_props=dict(tensor.metadata_props),
        base_dir=data.parent,
    )


def data_files(path: Path) -> set[Path]:
    """The files of external data that an ONNX file names, as far as they are there."""
    if not path.is_file():
        return set()
    try:
        return onnx_file.data_files(path)
    except InputError:
        return set()  # whatever was there is replaced
