"""The errors that onebyone raises on purpose."""


class InputError(ValueError):
    """An argument, file or model that onebyone cannot use; the message names it and the remedy.

    The command line prints it as one line and exits with status 2.
    """


class NotExact(RuntimeError):
    """A result differs from running crops by more than arithmetic explains."""
