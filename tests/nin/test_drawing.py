import numpy as np
import pytest
import torch

from onebyone import nin
from onebyone.nin.drawing import CENTRED, OFF_CENTRE, cut_windows, training_windows


@pytest.fixture(scope="module")
def few() -> nin.Digits:
    training, _ = nin.load_digits()
    return nin.Digits(training.images[::40], training.labels[::40])


def parameters(model: torch.nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in model.parameters()])


@pytest.mark.slow
def test_training_is_decided_by_its_seed(few: nin.Digits) -> None:
    first, history = nin.train_digits(epochs=2, train=few)
    again, _ = nin.train_digits(epochs=2, train=few)
    other, _ = nin.train_digits(epochs=2, train=few, seed=1)
    assert [epoch.number for epoch in history] == [1, 2]
    assert torch.equal(parameters(first), parameters(again))
    assert not torch.equal(parameters(first), parameters(other))


def test_training_leaves_the_callers_random_numbers_alone(few: nin.Digits) -> None:
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    nin.train_digits(epochs=1, train=few)
    assert torch.equal(torch.rand(1), expected)


def test_trained_network_is_the_plain_one_and_in_evaluation_mode(few: nin.Digits) -> None:
    model, _ = nin.train_digits(epochs=1, train=few)
    assert model.state_dict().keys() == nin.digits().state_dict().keys()
    assert not any(module.training for module in model.modules())


def test_windows_are_digits_near_centres_and_background_away_from_them(few: nin.Digits) -> None:
    page = nin.lay_out(few, 400, 600, np.random.default_rng(0))
    # With each pixel's own number as the image, a window says where it was cut.
    height, width = page.image.shape
    numbered = np.arange(height * width, dtype=np.float32).reshape(height, width)
    windows = cut_windows(page._replace(image=numbered), np.random.default_rng(1))
    corners = np.rint(windows.images[:, 0, 0, 0].double().numpy() * 255).astype(int)
    centres = np.stack(np.divmod(corners, width), axis=1) + 14
    labels = windows.labels.numpy()
    away = np.abs(centres[:, None] - page.centres[None]).max(axis=2)
    digit = labels != nin.BACKGROUND
    assert digit.sum() == len(page.labels)
    assert (labels[digit] == page.labels[away[digit].argmin(axis=1)]).all()
    assert away[digit].min(axis=1).max() <= CENTRED
    assert away[~digit].min() >= OFF_CENTRE
    assert 0.3 < (~digit).sum() / digit.sum() < 0.7


def test_each_drawing_is_new_and_holds_every_digit() -> None:
    training, _ = nin.load_digits()
    first, second = training_windows(training, seed=1), training_windows(training, seed=2)
    counts = torch.bincount(first.labels).tolist()
    assert counts[:10] == [400] * 10
    assert 1600 <= counts[10] <= 2400
    assert first.images.min() >= 0
    assert first.images.max() <= 1
    assert not torch.equal(first.images[:100], second.images[:100])
