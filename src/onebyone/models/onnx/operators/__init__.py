"""ONNX's operators, each a short function of PyTorch: importing this enters them into the table."""

from onebyone.models.onnx.operators import (
    activations,
    arithmetic,
    casting,
    comparisons,
    convolutions,
    indexing,
    making,
    normalising,
    ordering,
    padding,
    parts,
    pooling,
    products,
    reductions,
    shapes,
)

__all__ = [
    "activations",
    "arithmetic",
    "casting",
    "comparisons",
    "convolutions",
    "indexing",
    "making",
    "normalising",
    "ordering",
    "padding",
    "parts",
    "pooling",
    "products",
    "reductions",
    "shapes",
]
