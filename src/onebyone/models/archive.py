"""The archive of a `.pt2` file: which members it may have, and its tensors.

Members are stored as they are, as torch writes them, so that none is larger than the file. Pickled
members are never read: example inputs, which torch would unpickle, are left out.
"""

import io
import json
import re
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from onebyone.errors import first_line
from onebyone.models.grammar import Refused, Rule
from onebyone.models.program_grammar import DTYPES, PAYLOADS, PROGRAM
from onebyone.models.shown import shown

PROGRAM_FILE = "models/model.json"
WEIGHTS, CONSTANTS = "data/weights/", "data/constants/"
_CONFIGS = {part: f"{part}model_{part.split('/')[1]}_config.json" for part in (WEIGHTS, CONSTANTS)}
_MEMBERS = re.compile(
    r"models/model\.json|data/weights/weight_\d+|data/constants/tensor_\d+"
    r"|data/(weights|constants)/model_\1_config\.json|data/sample_inputs/model\.pt"
    r"|archive_format|archive_version|byteorder|\.data/version|\.data/serialization_id|extra/.*"
)
_LARGEST_DESCRIPTION = 2**28


class Archive:
    """An open archive whose members all have names and sizes that torch would write."""

    def __init__(self, path: Path) -> None:
        self._zip = zipfile.ZipFile(path)
        try:
            self._members = _members(self._zip.infolist(), path.stat().st_size)
        except BaseException:
            self._zip.close()
            raise

    def __enter__(self) -> "Archive":
        return self

    def __exit__(self, *_error: object) -> None:
        self._zip.close()

    def read(self, name: str) -> bytes:
        """What a member holds, its checksum compared."""
        if name not in self._members:
            raise Refused(f"has no member {name}")
        return self._zip.read(self._members[name])

    def program(self) -> dict[str, Any]:
        """The program's description, of which only what its grammar knows is left."""
        order = self.read("byteorder") if "byteorder" in self._members else b""
        if order not in (b"", sys.byteorder.encode()):
            raise Refused(f"its numbers are stored {shown(order)}-endian")
        return self._described(PROGRAM_FILE, PROGRAM)

    def tensors(self, part: str) -> dict[str, Tensor]:
        """The tensors of `WEIGHTS` or `CONSTANTS` by name; those that share memory still do."""
        configs = self._described(_CONFIGS[part], PAYLOADS)["config"]
        storages: dict[str, Tensor] = {}
        found = {}
        for name, config in configs.items():
            try:
                found[name] = self._tensor(part, config, storages)
            except Refused as refusal:
                raise refusal.within(f"{part}{name}") from None
        return found

    def _tensor(self, part: str, config: Mapping[str, Any], storages: dict[str, Tensor]) -> Tensor:
        if config["use_pickle"]:
            raise Refused("is a pickled tensor")
        meta, member = config["tensor_meta"], config["path_name"]
        dtype, device = DTYPES[meta["dtype"]], _device(meta["device"])
        sizes, strides = ([_number(n) for n in meta[key]] for key in ("sizes", "strides"))
        try:
            if member not in storages:
                content = bytearray(self.read(part + member))
                flat = torch.frombuffer(content, dtype=dtype) if content else torch.tensor([])
                storages[member] = flat.to(device, dtype)
            tensor = torch.as_strided(
                storages[member].view(dtype), sizes, strides, _number(meta["storage_offset"])
            )
        except (RuntimeError, ValueError) as error:
            raise Refused(f"has no room for {sizes} numbers ({first_line(error)})") from None
        if config["is_param"]:
            return nn.Parameter(tensor, requires_grad=meta["requires_grad"])
        return tensor

    def _described(self, name: str, rule: Rule) -> dict[str, Any]:
        content = self.read(name)
        if len(content) > _LARGEST_DESCRIPTION:
            raise Refused(f"{name} has {len(content)} bytes, more than {_LARGEST_DESCRIPTION}")
        try:
            found: dict[str, Any] = rule(json.loads(content))
        except Refused as refusal:
            raise refusal.within(name) from None
        except (ValueError, RecursionError) as error:
            raise Refused(f"{name} is not readable ({first_line(error)})") from None
        return found


def without_numbers(
    program: Mapping[str, Any], tensors: Mapping[str, Mapping[str, Tensor]]
) -> io.BytesIO:
    """A clean archive of a program, in which each tensor of `WEIGHTS` and `CONSTANTS` is empty."""
    result = io.BytesIO()
    with zipfile.ZipFile(result, "w") as new:
        new.writestr("clean/archive_format", "pt2")
        new.writestr("clean/archive_version", "0")
        new.writestr("clean/byteorder", sys.byteorder)
        new.writestr("clean/.data/version", "6\n")
        new.writestr(f"clean/{PROGRAM_FILE}", json.dumps(program))
        new.writestr("clean/data/sample_inputs/model.pt", "")
        for part, held in tensors.items():
            prefix = "weight" if part == WEIGHTS else "tensor"
            members = {name: f"{prefix}_{place}" for place, name in enumerate(held)}
            config = {name: _nothing_of(held[name], member) for name, member in members.items()}
            new.writestr(f"clean/{_CONFIGS[part]}", json.dumps({"config": config}))
            for member in members.values():
                new.writestr(f"clean/{part}{member}", "")
    result.seek(0)
    return result


def _nothing_of(tensor: Tensor, member: str) -> dict[str, Any]:
    meta = {
        "dtype": next(code for code, dtype in DTYPES.items() if dtype == tensor.dtype),
        "sizes": [{"as_int": 0}],
        "requires_grad": tensor.requires_grad,
        "device": {"type": "cpu", "index": None},
        "strides": [{"as_int": 1}],
        "storage_offset": {"as_int": 0},
        "layout": 7,
    }
    parameter = isinstance(tensor, nn.Parameter)
    return {
        "path_name": member, "is_param": parameter, "use_pickle": False, "tensor_meta": meta,
    }  # fmt: skip


def _members(infos: list[zipfile.ZipInfo], size: int) -> dict[str, zipfile.ZipInfo]:
    found: dict[str, zipfile.ZipInfo] = {}
    for info in infos:
        name = info.filename.partition("/")[2]
        if not _MEMBERS.fullmatch(name):
            raise Refused(f"holds {shown(info.filename)}, which is no plain data of a program")
        if name in found:
            raise Refused(f"holds {name} twice")
        if info.compress_type != zipfile.ZIP_STORED:
            raise Refused(f"holds {name} compressed")
        found[name] = info
    if sum(info.file_size for info in found.values()) > size:
        raise Refused("its members are larger than the file")
    return found


def _number(size: Mapping[str, Any]) -> int:
    if "as_int" not in size:
        raise Refused("has a size that is no number")
    return int(size["as_int"])


def _device(found: Mapping[str, Any]) -> torch.device:
    index = found.get("index")
    return torch.device(found["type"] if index is None else f"{found['type']}:{index}")
