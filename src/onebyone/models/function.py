"""Networks that a function returns, named as `package.module:function`."""

import importlib
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from torch import fx, nn

from onebyone.errors import InputError, first_line
from onebyone.models.weights import put_weights


def call(name: str, weights: str | Path | None = None) -> nn.Module:
    """Call `package.module:function`, and put the network that it makes into eval mode.

    The file of `weights`, if there is one, is put into the network.
    """
    function = _find(name)
    try:
        model = function()
        if isinstance(model, nn.Module) and not isinstance(model, fx.GraphModule):
            model.eval()  # a graph has its mode within, and an exported one refuses the call
    except (Exception, SystemExit) as error:
        raise InputError(f"the call failed: {_named(error)}", model=name) from error
    if not isinstance(model, nn.Module):
        what = type(model).__name__
        raise InputError(f"the call returned {what}, not a torch.nn.Module", model=name)
    if weights is not None:
        put_weights(model, Path(weights))
    return model


def _find(name: str) -> Callable[[], Any]:
    place, _, called = name.partition(":")
    try:
        module = importlib.import_module(place)
    except (Exception, SystemExit) as error:
        raise InputError(f"importing {place!r} failed: {_named(error)}", model=name) from error
    function = getattr(module, called, None)
    if not callable(function):
        near = get_close_matches(called, dir(module), n=1)
        hint = f"; did you mean {place}:{near[0]}?" if near else ""
        raise InputError(f"{place} has no function {called!r}{hint}", model=name)
    found: Callable[[], Any] = function
    return found


def _named(error: BaseException) -> str:
    kind = type(error).__name__
    return f"{kind}: {first_line(error)}" if str(error).strip() else kind
