"""The one shape of the commands on a layer: read it, ask something of it, print the answer."""

from collections.abc import Callable
from inspect import Parameter, Signature, signature
from typing import Any

from onebyone.cli.answer import Answer
from onebyone.cli.options import Input, Json, Layer, Out, Output, Trust, Weights
from onebyone.cli.outputs import check_outputs

Grids = dict[str, Any]
"""A layer's input and output grid, by name, as the functions of `layers` take them."""


def layer_command(
    out: Out | None = None,
) -> Callable[[Callable[..., Answer]], Callable[..., None]]:
    """Make a command of a question about one layer, by adding the options that all of them have.

    The question is a function of the layer, its grids and options of its own; its docstring is the
    command's help.

    Args:
        out: the option that names a file for the answer, if it may be written to one.
    """

    def command_of(ask: Callable[..., Answer]) -> Callable[..., None]:
        own = dict(list(signature(ask).parameters.items())[2:])

        def command(**given: Any) -> None:
            from onebyone.cli.layer_spec import layers_on_grid

            if out is not None:
                check_outputs(given, out=out.suffixes)
            words = (given[name] for name in ("input", "output", "trust"))
            (layer,), input, output = layers_on_grid((given["layer"],), (given["weights"],), *words)
            grids = {"input": input, "output": output}
            answer = ask(layer, grids, **{name: given[name] for name in own})
            if answer.save is not None and given.get("out") is not None:
                answer.save(given["out"])
            answer.tell(as_json=given["as_json"])

        required = [option for option in own.values() if option.default is Parameter.empty]
        options = [
            _option("layer", Layer, Parameter.empty),
            *required,
            _option("input", Input),
            _option("output", Output),
            *(option for option in own.values() if option not in required),
            _option("weights", Weights),
            *([] if out is None else [_option("out", out.option)]),
            _option("as_json", Json, False),
            _option("trust", Trust, False),
        ]
        command.__name__, command.__doc__ = ask.__name__, ask.__doc__
        command.__annotations__ = {option.name: option.annotation for option in options}
        command.__signature__ = Signature(options)  # type: ignore[attr-defined]  # typer reads it
        return command

    return command_of


def _option(name: str, annotation: Any, default: Any = None) -> Parameter:
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
