"""S8: O·C weights shared against O·C·(HW)² dense; NIN's first cccp layer: 30,720, 3.2·10¹⁰."""

from torch import nn

from onebyone.layers import convert, matrix


def test_s08_weights_stored():
    conv = nn.Conv2d(3, 5, 1)
    dense = convert(conv, "dense", input=(3, 4, 4))
    assert conv.weight.numel() == 5 * 3
    assert dense.weight.numel() == 5 * 3 * 16**2
    cccp1 = matrix(nn.Conv2d(192, 160, 1), input=(192, 32, 32))
    assert cccp1.form.weight.numel() == 30_720
    assert cccp1.shape[0] * cccp1.shape[1] == 32_212_254_720


def test_s08_fails_for_locally_connected():
    conv = nn.Conv2d(3, 5, 1)
    local = convert(conv, "local", input=(3, 4, 4))
    assert local.weight.numel() == conv.weight.numel() * 16
