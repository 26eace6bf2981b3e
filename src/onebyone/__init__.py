"""A convolution is a fully connected layer applied at every window.

`matrix`, `equal`, `convert`, `nearest` and `identify` say for any linear layer which forms are
equal and why, `equal` also for whole networks in files; `explain` shows it; `slide` runs a trained
classifier at every window of an image of any size.
"""

_OF_ZARR = ("Map", "Scan", "export", "open_map", "scan")


def __getattr__(name: str) -> object:
    """Attach the public names, which `__init__.pyi` lists; each is imported when it is first used.

    That is done here, not at the import: Ctrl-C is answered from `cli.main` on, after this.

    Raises:
        AttributeError: there is no such name, or a package that it needs is not installed.
    """
    import sys
    from importlib.metadata import version
    from importlib.util import find_spec

    from lazy_loader import attach_stub

    from onebyone.errors import InputError

    names = globals()
    attach, names["__dir__"], names["__all__"] = attach_stub(__name__, __file__)

    def found(name: str) -> object:
        if name == "__version__":
            return version("onebyone")
        try:
            return attach(name)
        except InputError as error:  # of a package that is missing: there is no such name then
            raise AttributeError(str(error)) from error

    if find_spec("zarr") is None:  # else `from onebyone import *` would fail
        names["__all__"] = [name for name in names["__all__"] if name not in _OF_ZARR]
    names["__getattr__"] = found
    return getattr(sys.modules[__name__], name)


def __dir__() -> list[str]:
    return list(__getattr__("__all__"))
