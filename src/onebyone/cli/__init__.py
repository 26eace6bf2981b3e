"""The command line: one file per command."""

from onebyone.cli.main import main

__all__ = ["main"]
