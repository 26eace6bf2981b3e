"""What is kept of scores."""

import numpy as np
import pytest
import torch

from onebyone.errors import InputError
from onebyone.scans.values import are_probabilities, values_of

SCORES = torch.randn(4, 3, 5, generator=torch.Generator().manual_seed(0))
SHARES = SCORES.softmax(0).numpy()


def test_scores_and_probabilities():
    assert (values_of("scores", "float32").kept(SCORES)["scores"] == SCORES.numpy()).all()
    for dtype, far in (("float32", 1e-6), ("float16", 1e-3)):
        found = values_of("probabilities", dtype).kept(SCORES)["scores"]
        assert found.dtype == dtype
        np.testing.assert_allclose(found, SHARES, atol=far)
    whole = values_of("probabilities", "uint8").kept(SCORES)["scores"]
    np.testing.assert_allclose(whole / 254, SHARES, atol=0.5 / 254 + 1e-6)


def test_one_class_is_its_sigmoid():
    found = values_of("probabilities", "float32").kept(SCORES[:1])["scores"]
    np.testing.assert_allclose(found, SCORES[:1].sigmoid().numpy(), atol=1e-6)


def test_top_and_margin():
    best = np.sort(SHARES, axis=0)[::-1]
    order = np.argsort(-SHARES, axis=0)
    top = values_of("top:2", "float32").kept(SCORES)
    np.testing.assert_allclose(top["scores"], best[:2], atol=1e-6)
    assert (top["labels"] == order[:2]).all()
    margin = values_of("margin", "float32").kept(SCORES)
    np.testing.assert_allclose(margin["scores"], best[:1] - best[1:2], atol=1e-6)
    assert (margin["labels"] == order[:1]).all()


def test_no_number_is_none_in_whole_numbers():
    scores = SCORES.clone()
    scores[:, 1] = torch.nan
    found = values_of("probabilities", "uint8").kept(scores)["scores"]
    assert (found[:, 1] == 255).all()
    assert (found[:, 0] < 255).all()


@pytest.mark.parametrize(
    "values",
    ["", "top", "top:", "top:0", "top:-1", "top:x", "scores:2", "TOP:2", "top:²", f"top:{10**999}"],
    ids=lambda text: text[:9],
)
def test_words_that_say_nothing(values):
    with pytest.raises(InputError, match="use scores, probabilities, top:K or margin"):
        values_of(values, "float32")


def test_types_and_numbers_of_classes_that_do_not_fit():
    with pytest.raises(InputError, match="use one of float32"):
        values_of("scores", "float64")
    with pytest.raises(InputError, match="holds 0 to 1"):
        values_of("scores", "uint8")
    for values, least in (("top:5", 5), ("margin", 2)):
        kept = values_of(values, "float32")
        assert kept.count(least) == (5 if least == 5 else 1)
        for classes in (least - 1, 2**16):
            with pytest.raises(InputError, match=f"values='{values}': the model gives {classes}"):
                kept.count(classes)


def test_probabilities_are_known():
    assert are_probabilities(SCORES.softmax(0))
    assert not are_probabilities(SCORES)
    assert not are_probabilities(torch.ones(1, 2))
