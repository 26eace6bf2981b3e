"""What a user may give as a model, and how it becomes a network: files of strangers are data."""

from onebyone.models.layer import load_layer
from onebyone.models.loading import Described, Model, Network, load
from onebyone.models.preprocessing import Preprocessing
from onebyone.models.programs import load_program, window

__all__ = [
    "Described",
    "Model",
    "Network",
    "Preprocessing",
    "load",
    "load_layer",
    "load_program",
    "window",
]
