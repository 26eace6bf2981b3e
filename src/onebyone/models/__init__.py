"""What a user may give as a model, and how it becomes a network: files of strangers are data."""

from onebyone.models.programs import load_program, window

__all__ = ["load_program", "window"]
