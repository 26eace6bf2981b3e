"""Infinity and NaN are equal to themselves alone; rounding is that of the coarsest type."""

import pytest
import torch
from torch import Tensor

from onebyone.errors import NotExact
from onebyone.windows.deviation import Deviation, deviation, require_exact
from onebyone.windows.geometry import Geometry

INF, NAN = float("inf"), float("nan")
GEOMETRY = Geometry((1, 1, 1), (1, 1), "crop")


def compared(got: list[float], want: list[float], dtype: torch.dtype = torch.float32) -> Deviation:
    """Three numbers for the only window of an image, against what the network gives."""
    leaf = torch.tensor(got).to(dtype).reshape(1, 3, 1, 1)
    network = lambda x: torch.tensor([want]).to(dtype)  # noqa: E731
    return deviation(network, GEOMETRY, torch.zeros(1, 1, 1, 1), [leaf], 4)


@pytest.mark.parametrize("values", [[INF, 1.0, 2.0], [-INF, NAN, 2.0], [NAN, NAN, INF]])
def test_the_same_is_equal(values: list[float]) -> None:
    assert compared(values, values).absolute == 0


@pytest.mark.parametrize(
    ("got", "want"),
    [(INF, -INF), (-INF, INF), (NAN, INF), (INF, NAN), (NAN, 1.0), (1.0, NAN), (INF, 1.0)],
)
def test_anything_else_differs_infinitely(got: float, want: float) -> None:
    found = compared([1.0, got, 3.0], [1.0, want, 3.0])
    assert found.absolute == INF
    with pytest.raises(NotExact):
        require_exact(found, [torch.bfloat16])


def test_complex_and_boolean_outputs() -> None:
    assert compared([1.0, 0.0, 1.0], [1.0, 0.0, 0.0], torch.bool).absolute == 1
    assert compared([1.0, 2.0, 3.0], [1.0, 2.0, 4.5], torch.complex64).absolute == 1.5


@pytest.mark.parametrize(
    ("dtypes", "relative", "exact"),
    [
        ([torch.float32], 1e-2, False),
        ([torch.float32, torch.int64, torch.bfloat16], 1e-2, True),
        ([torch.float16], 1e-2, True),
        ([torch.bfloat16], 0.2, False),
        ([torch.float64], 1e-6, False),
        ([torch.complex64], 1e-4, True),
    ],
)
def test_rounding_is_of_the_coarsest_type(
    dtypes: list[torch.dtype], relative: float, exact: bool
) -> None:
    found = Deviation(2, relative, 1.0, 1.0)
    if exact:
        require_exact(found, dtypes)
    else:
        with pytest.raises(NotExact):
            require_exact(found, dtypes)


def test_an_output_of_no_numbers() -> None:
    nothing: Tensor = torch.zeros(1, 0, 1, 1)
    found = deviation(lambda x: x.new_zeros(1, 0), GEOMETRY, torch.zeros(1, 1, 1, 1), [nothing], 1)
    assert found.absolute == 0
