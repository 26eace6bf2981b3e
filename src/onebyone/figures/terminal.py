"""A matrix in the terminal, its cells coloured by the weight they share."""

import numpy as np
from rich.text import Text

from onebyone.figures.palette import ink_on, weight_color
from onebyone.layers import LayerMatrix

CELL = 7


def matrix_text(matrix: LayerMatrix) -> Text:
    """Return the rows of a matrix as coloured text; a dot stands where there is no connection."""
    text = Text()
    weights, classes = matrix.weight, sharing_ranks(matrix)
    for row in range(matrix.shape[0]):
        cells = [Text("·".center(CELL), style="dim")] * matrix.shape[1]
        for entry in range(weights.indptr[row], weights.indptr[row + 1]):
            color = weight_color(int(classes[entry]))
            value = f"{weights.data[entry] + 0.0:.3g}".center(CELL)  # never -0
            cells[weights.indices[entry]] = Text(value, style=f"bold {ink_on(color)} on {color}")
        text.append("\n" if row else "").append_text(Text.assemble(*cells))
    return text


def sharing_ranks(matrix: LayerMatrix) -> np.ndarray:
    """Return, for every stored entry, the rank of its weight among the weights in use."""
    ranks: np.ndarray = np.unique(matrix.sharing, return_inverse=True)[1]
    return ranks
