import pytest

from onebyone import nin
from onebyone.errors import InputError

STATED = {"nin-digits": 0.987, "nin-digits-padded": 0.991}
"""Shares of all held-out digits as docs/digits.md states them."""


@pytest.mark.parametrize("name", nin.BUNDLED)
def test_bundled_weights_read_held_out_digits_as_stated(name: str) -> None:
    _, held_out = nin.load_digits()
    assert nin.accuracy(nin.load(name), nin.labelled(*held_out)) >= STATED[name] - 0.003


def test_bundled_networks_are_in_evaluation_mode() -> None:
    for name in nin.BUNDLED:
        assert not any(module.training for module in nin.load(name).modules())


def test_unknown_name_is_refused() -> None:
    with pytest.raises(InputError, match=r"name = 'nin-letters': .* nin-digits"):
        nin.load("nin-letters")
