"""What a network's graph depends on, as a digest: its modules, their attributes and their code.

Code is followed from each module's class through every function, class and global value that it
names, up to those of PyTorch and of the standard library. Whatever cannot be followed surely
raises `NoFingerprint`: better no digest than one that two networks share. Weights do not enter,
only their names, shapes and types.
"""

import hashlib
import logging
import sys
import types
from collections.abc import Iterable, Mapping
from dataclasses import is_dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

# Their versions are part of the key.
_VERSIONED = {"torch", "builtins", *sys.stdlib_module_names} - {"__main__"}
_INTERNAL = frozenset(vars(nn.Module())) - {"training"}
_PLAIN = (
    bool, int, float, complex, str, bytes, type(None), type(...),
    torch.dtype, torch.device, torch.layout, torch.memory_format,
)  # fmt: skip
_NAMED = (
    types.ModuleType, types.BuiltinFunctionType, types.MethodDescriptorType,
    types.WrapperDescriptorType,
)  # fmt: skip


class NoFingerprint(Exception):
    """What a network depends on cannot be told from its modules and code."""


def fingerprint(model: nn.Module) -> str:
    """Give a digest that changes with everything that may change the network's captured graph.

    Raises:
        NoFingerprint: something cannot be followed: hooks, attributes that are no plain data,
            functions that are not PyTorch's and have no code to read.
    """
    walk = _Walk()
    walk.add(torch.__version__, sys.version, torch.get_default_dtype())
    walk.add(*[torch.is_autocast_enabled(device) for device in ("cpu", "cuda")])
    walk.network(model)
    return walk.digest.hexdigest()


class _Walk:
    """One walk over a network; what was met before enters as a number."""

    def __init__(self) -> None:
        self.digest = hashlib.sha256()
        self.met: dict[int, int] = {}
        self.imports: set[tuple[str, ...]] = set()
        self.kept: list[object] = []  # so that no id is used again during the walk

    def add(self, *items: Any) -> None:
        """Add plain items, each with its type."""
        for item in items:
            self.digest.update(f"{type(item).__name__} {item!r}\n".encode())

    def is_new(self, item: object) -> bool:
        """Note an object, and add the number by which it is known."""
        new = id(item) not in self.met
        if new:
            self.met[id(item)] = len(self.met)
            self.kept.append(item)
        self.add(self.met[id(item)])
        return new

    def network(self, model: nn.Module) -> None:
        """Every module by its path; modules and tensors that are used twice are known as such."""
        _refuse_global_hooks()
        for path, module in model.named_modules(remove_duplicate=False):
            self.add("module", path)
            if self.is_new(module):
                self.module(module)
        for path, tensor in _tensors(model):
            if type(tensor) not in (Tensor, nn.Parameter):
                raise NoFingerprint(f"{path} is a {type(tensor).__name__}")
            self.add("tensor", path, type(tensor).__name__)
            self.add(tuple(tensor.shape), tensor.dtype, tensor.device, tensor.layout)
            self.add(tensor.layout is torch.strided and tensor.stride())
            self.is_new(tensor)

    def module(self, module: nn.Module) -> None:
        """A module's class and attributes, without what it contains."""
        if module._forward_hooks or module._forward_pre_hooks:
            raise NoFingerprint(f"{type(module).__name__} has forward hooks")
        self.see(type(module))
        for name, value in vars(module).items():
            if name not in _INTERNAL:
                self.add("attribute", name)
                self.see(value)
        self.add("absent", *[name for name, child in module._modules.items() if child is None])
        self.add("absent", *[name for name, child in module._parameters.items() if child is None])
        self.add("absent", *[name for name, child in module._buffers.items() if child is None])

    def see(self, value: Any) -> None:
        """A value that code or an attribute holds."""
        if type(value) in _PLAIN:
            self.add(value)
        elif isinstance(value, type):
            self.type(value)
        elif type(value) in (list, tuple, torch.Size):
            self.add(type(value).__name__, len(value))
            self.all(value)
        elif type(value) is dict:
            self.add("dict", len(value))
            self.all(item for pair in value.items() for item in pair)
        elif type(value) in (set, frozenset) and all(type(item) in _PLAIN for item in value):
            self.add("set", *sorted(value, key=repr))
        elif isinstance(value, types.FunctionType):
            self.function(value)
        elif type(value) in (staticmethod, classmethod):
            self.see(value.__func__)
        elif type(value) is property:
            self.all((value.fget, value.fset, value.fdel))
        elif type(value) is partial:
            self.all((value.func, value.args, value.keywords))
        elif isinstance(value, tuple) and hasattr(value, "_fields"):
            self.all((type(value), tuple(value)))
        elif is_dataclass(value):
            self.all((type(value), vars(value)))
        else:
            self.versioned(value)

    def all(self, values: Iterable[Any]) -> None:
        """Several values, in order."""
        for value in values:
            self.see(value)

    def type(self, cls: type) -> None:
        """A class with all that its methods may run; a network's `__init__` has run already."""
        self.add("class", cls.__module__, cls.__qualname__)
        if _is_versioned(cls) or not self.is_new(cls):
            if issubclass(cls, nn.Module):
                self.see(cls.forward)  # somebody else's, where it was replaced
            return
        self.all(cls.__bases__)
        if issubclass(cls, tuple) and hasattr(cls, "_fields"):
            self.see(cls._fields)
            return
        for name, value in vars(cls).items():
            if name == "_abc_impl" or (name == "__init__" and issubclass(cls, nn.Module)):
                continue
            if not name.startswith("__") or isinstance(value, types.FunctionType):
                self.add(name)
                self.see(value)

    def function(self, function: types.FunctionType) -> None:
        """A function's code, its defaults, what it encloses, and the globals that it names."""
        self.add("function", function.__module__, function.__qualname__)
        if not self.is_new(function):
            return
        self.all((function.__defaults__, function.__kwdefaults__))
        self.all(_content(cell) for cell in function.__closure__ or ())
        if _is_versioned(function):
            return
        self.named(self.code(function.__code__), function.__globals__)

    def code(self, code: types.CodeType) -> list[str]:
        """Instructions and constants, of nested functions too; the names that they use."""
        names = [*code.co_names]
        self.add(code.co_code, code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
        self.add(code.co_argcount, code.co_kwonlyargcount, code.co_flags, code.co_exceptiontable)
        for constant in code.co_consts:
            if isinstance(constant, types.CodeType):
                names += self.code(constant)
            else:
                self.see(constant)
        return names

    def named(self, names: list[str], there: Mapping[str, Any]) -> None:
        """The values of the names that are there; of modules, what the code may take from them."""
        for name in names:
            if name not in there:
                continue
            value = there[name]
            self.add("name", name)
            if isinstance(value, types.ModuleType) and not _is_versioned(value):
                self.imported(value, names)
            else:
                self.see(value)

    def imported(self, module: types.ModuleType, names: list[str]) -> None:
        """What code may take from a module, itself no more than once."""
        self.add("import", module.__name__)
        key = (module.__name__, *names)
        if key not in self.imports:
            self.imports.add(key)
            self.named(names, vars(module))

    def versioned(self, value: Any) -> None:
        """What belongs to PyTorch or the standard library, by its name."""
        name = getattr(value, "__qualname__", None) or getattr(value, "__name__", None)
        if isinstance(value, logging.Logger):
            return  # what it writes is no part of a graph
        operators = (torch._ops.OpOverload, torch._ops.OpOverloadPacket)
        if isinstance(value, operators):
            self.add(str(value))
        elif isinstance(value, _NAMED) and _is_versioned(value) and name:
            self.add(type(value).__name__, str(getattr(value, "__module__", "")), name)
        else:
            raise NoFingerprint(f"{type(value).__name__} {name or ''} cannot be followed")


def _tensors(model: nn.Module) -> Iterable[tuple[str, Tensor]]:
    yield from model.named_parameters(remove_duplicate=False)
    yield from model.named_buffers(remove_duplicate=False)


def _refuse_global_hooks() -> None:
    hooks = nn.modules.module
    if hooks._global_forward_hooks or hooks._global_forward_pre_hooks:
        raise NoFingerprint("there are forward hooks on all modules")


def _is_versioned(value: Any) -> bool:
    """Whether a value belongs to PyTorch or the standard library."""
    home = getattr(value, "__module__", None)
    if isinstance(value, types.ModuleType):
        home = value.__name__
    elif isinstance(value, type | types.FunctionType):
        # What is made at run time bears the name of the module that made it, or none.
        there = vars(sys.modules.get(str(home), sys))
        ours = value.__globals__ is there if isinstance(value, types.FunctionType) else False
        home = home if ours or there.get(value.__qualname__) is value else None
    elif home is None:
        owner = getattr(value, "__objclass__", None) or getattr(value, "__self__", None)
        return isinstance(owner, type | types.ModuleType) and _is_versioned(owner)
    return isinstance(home, str) and home.partition(".")[0] in _VERSIONED


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError as error:
        raise NoFingerprint("a function encloses a name that has no value") from error
