"""The errors that onebyone raises on purpose, and what others say in theirs."""


class InputError(ValueError):
    """An argument, file or model that onebyone cannot use; the message names it and the remedy.

    The command line prints it as one line and exits with status 2.

    Args:
        message: what is wrong, and what would be right.
        argument: the name and value of the argument that it is about. They are put before it, as
            `model='x'` in Python, on the command line as the option, `--model x`.

    Example:
        >>> try:
        ...     ob.slide(nn.Flatten().eval(), window=(1, 4), padding="same")
        ... except ob.InputError as error:
        ...     print(error)
        padding='same' is unknown; use "crop" or "image"
    """

    def __init__(self, message: str, **argument: object) -> None:
        named = (f"{name}={value!r}: " for name, value in argument.items())
        super().__init__("".join(named) + message)
        self.message, self.argument = message, argument


class NotExact(RuntimeError):
    """A result differs from running crops by more than arithmetic explains.

    Example:
        >>> class Scaled(nn.Module):
        ...     factor = 1.0
        ...     def forward(self, x):
        ...         return x.flatten(1) * self.factor
        >>> model = Scaled().eval()
        >>> sliding = ob.slide(model, window=(1, 1, 2))
        >>> model.factor = 2.0  # the plan was made of another network
        >>> try:
        ...     sliding(torch.ones(1, 1, 4))
        ... except ob.NotExact as error:
        ...     print(str(error).partition(" (")[0])
        windows differ from real crops by 5.0e-01 of the output's scale
    """


def first_line(error: BaseException) -> str:
    """Return what an error of another library says: a line of at most 300 printable characters."""
    line = (str(error).strip() or type(error).__name__).splitlines()[0]
    return printable(line[:300])


def printable(text: str) -> str:
    """Return a text with a question mark for each character that cannot be printed."""
    return "".join(c if c.isprintable() else "?" for c in text)
