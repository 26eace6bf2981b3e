import json

import pytest
import torch
from torch import nn

from onebyone.errors import InputError
from onebyone.layers import alternatives, compare, comparison


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(comparison, "SECONDS", 0.0)


def rows(layer, *grids, **options):
    return {row.form: row for row in compare(layer, *grids, **options).rows}


POINTWISE = ["convolution, channels first", "convolution, channels last", "linear, channels last",
             "batched matmul, channels first"]  # fmt: skip


def test_every_form_of_a_pointwise_layer():
    found = rows(nn.Conv2d(3, 5, 1), (3, 4, 6), batch=2)
    assert list(found) == ["dense", "local", *POINTWISE]
    assert found["dense"].weights == 3 * 24 * 5 * 24
    assert found["dense"].operations == 2 * 2 * 3 * 24 * 5 * 24
    assert found["local"].weights == 15 * 24
    assert found["local"].bytes == 4 * ((3 + 1) * 5 * 24 + 2 * (3 + 5) * 24)
    for name in POINTWISE:
        row = found[name]
        assert (row.weights, row.operations) == (15, 2 * 2 * 15 * 24)
        assert row.bytes == 4 * (15 + 5 + 2 * (3 + 5) * 24)
        assert (row.sizes, row.trains_alike) == ("any", True)
        assert 0 < row.spread[0] <= row.seconds <= row.spread[1]
    assert [found[name].trains_alike for name in ("dense", "local")] == [False, False]
    assert found["dense"].sizes == "4×6 only"


@pytest.mark.parametrize(
    ("layer", "grids", "names", "sizes"),
    [
        (nn.Conv2d(4, 6, 3, groups=2), [(4, 5, 5)], ["dense", "local", *POINTWISE[:2]], "from 3×3"),
        (nn.Conv1d(4, 6, 3, padding=1), [(4, 5)], ["dense", "local", POINTWISE[0]], "any"),
        (nn.Linear(8, 4), [(2, 2, 2)], ["dense", "local", *POINTWISE[:2]], "from 2×2"),
        (nn.Linear(8, 4), [(2, 2, 2), (1, 2, 2)], ["dense", "local"], None),
        (nn.Linear(8, 4), [(8,)], ["dense", "local"], None),
        (nn.AvgPool2d(2), [(3, 4, 4)], ["dense", "local", *POINTWISE[:2]], "from 2×2"),
        (nn.ConvTranspose1d(2, 3, 2, 2), [(2, 4)], ["dense", "local"], None),
    ],
)
def test_forms_of_other_layers(layer, grids, names, sizes):
    found = rows(layer, *grids)
    assert list(found) == names
    assert sizes is None or found[names[-1]].sizes == sizes


def test_all_forms_compute_the_layer():
    conv = nn.Conv2d(3, 5, 1)
    x = torch.randn(2, 3, 4, 6)
    expected = conv(x)
    form = comparison.read(conv, (3, 4, 6))
    for name, _, run in alternatives.alternatives(conv, form, x):
        y = run()
        y = y.movedim(-1, 1) if name == "linear, channels last" else y
        torch.testing.assert_close(y.reshape(expected.shape), expected)


def test_large_forms_are_counted_only(monkeypatch):
    monkeypatch.setattr(alternatives, "MOST_WEIGHTS", 400)
    found = compare(nn.Conv2d(3, 5, 1), (3, 4, 6))
    assert [row.form for row in found.rows if row.seconds is None] == ["dense"]
    assert "too large" in str(found)


def test_table_dict_and_advice():
    found = compare(nn.Conv2d(3, 5, 1), (3, 4, 6))
    assert found.rounds == comparison.LEAST_ROUNDS
    assert found.fastest.trains_alike
    assert found.advice.startswith(f"take {found.fastest.form}: ")
    assert "S12" in found.advice
    assert json.loads(json.dumps(found.to_dict()))["fastest"] == found.fastest.form
    assert "a 1×1 convolution, (3, 4, 6) → (5, 4, 6), batch 1, cpu" in str(found)
    with pytest.raises(InputError, match="batch=0"):
        compare(nn.Linear(2, 2), (2,), batch=0)
