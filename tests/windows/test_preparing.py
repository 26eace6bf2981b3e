"""Pixels as a network takes them."""

import numpy as np
import pytest
import torch

import onebyone as ob
from onebyone.windows.preparing import Preparing


def prepared(preparing: Preparing, x: torch.Tensor) -> torch.Tensor:
    return preparing(x, torch.empty(0))


def test_scale_then_mean_then_deviation() -> None:
    x = torch.arange(24, dtype=torch.uint8).reshape(1, 2, 3, 4)
    numbers = [torch.tensor(pair).reshape(2, 1, 1) for pair in ((1.0, 2.0), (4.0, 5.0))]
    wanted = (x.double() * 0.5 - numbers[0]) / numbers[1]
    found = prepared(Preparing(0.5, *numbers), x)
    torch.testing.assert_close(found.double(), wanted)
    assert found.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(
    ("kind", "unit", "scale", "factor"),
    [
        (torch.uint8, True, None, 1 / 255),
        (torch.uint8, True, 2.0, 2.0),
        (torch.uint8, False, None, None),
        (torch.int16, True, None, None),  # nothing says what white is
        (torch.float32, True, None, None),
        (torch.float32, True, 1 / 255, 1 / 255),
    ],
)
def test_8_bits_go_from_0_to_1_where_the_network_is_known_to_take_that(
    kind: torch.dtype, unit: bool, scale: float | None, factor: float | None
) -> None:
    preparing = Preparing(scale, unit=unit)
    assert preparing.factor(kind) == factor
    found = prepared(preparing, torch.full((1, 1, 2, 2), 3).to(kind))
    torch.testing.assert_close(found, torch.full((1, 1, 2, 2), 3.0 * (factor or 1)))


def test_what_is_not_changed_is_not_copied() -> None:
    x = torch.rand(1, 3, 4, 4).contiguous(memory_format=torch.channels_last)
    assert prepared(Preparing(unit=True), x).data_ptr() == x.data_ptr()


def test_a_bundled_network_scales_8_bits_in_python_too() -> None:
    sliding = ob.slide("nin-digits")
    pixels = np.random.default_rng(0).integers(0, 256, (1, 36, 40), dtype=np.uint8)
    wanted = sliding((pixels / 255).astype(np.float32))
    torch.testing.assert_close(sliding(pixels), wanted)
    with pytest.raises(ob.InputError, match="image of int16 needs scale"):
        sliding(pixels.astype(np.int16))
