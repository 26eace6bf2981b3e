import pytest
import torch
from torch import nn

from onebyone.errors import InputError
from onebyone.layers import LocallyConnected, convert


def test_with_equal_weights_everywhere_it_is_the_convolution():
    conv = nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2)
    local = convert(conv, "local", input=(4, 7, 6))
    assert isinstance(local, LocallyConnected)
    x = torch.randn(3, 4, 7, 6)
    torch.testing.assert_close(local(x), conv(x))
    torch.testing.assert_close(local(x[0]), conv(x[0]))


def test_every_location_has_weights_of_its_own():
    local = LocallyConnected((2, 3), 1, 1, bias=False)
    x = torch.ones(2, 3)
    before = local(x)
    with torch.no_grad():
        local.weight[0, 1] += 1
    assert (local(x) - before).tolist() == [[0, 2, 0]]
    assert "(2, 3) -> (1, 3)" in repr(local)


def test_bad_input_is_named():
    with pytest.raises(InputError, match="groups=2 must divide 3 and 2"):
        LocallyConnected((3, 4), 2, 1, groups=2)
    with pytest.raises(InputError, match="stride=0"):
        LocallyConnected((3, 4), 2, 1, stride=0)
    with pytest.raises(InputError, match="padding='most'"):
        LocallyConnected((3, 4), 2, 1, padding="most")
    with pytest.raises(InputError, match="needs stride 1"):
        LocallyConnected((3, 4), 2, 1, stride=2, padding="same")
    with pytest.raises(InputError, match=r"x has shape \(3, 5\)"):
        LocallyConnected((3, 4), 2, 1)(torch.zeros(3, 5))
