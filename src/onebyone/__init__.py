"""A convolution is a fully connected layer applied at every window.

`matrix`, `equal`, `convert`, `nearest` and `identify` say for any linear layer which forms are
equal and why, `equal` also for whole networks in files; `explain` shows it; `slide` runs a trained
classifier at every window of an image of any size.
"""


def __getattr__(name: str) -> object:
    """Attach the public names, which `__init__.pyi` lists; each is imported when it is first used.

    That is done here, not at the import: Ctrl-C is answered from `cli.main` on, after this.
    """
    import sys

    from lazy_loader import attach_stub

    names = globals()
    names["__getattr__"], names["__dir__"], names["__all__"] = attach_stub(__name__, __file__)
    return getattr(sys.modules[__name__], name)


def __dir__() -> list[str]:
    return list(__getattr__("__all__"))
