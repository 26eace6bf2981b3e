"""Contrast normalisation, whitening and augmentation, against what defines them."""

import pytest
import torch

from onebyone import nin
from onebyone.errors import InputError
from onebyone.nin.preparing import flip, shift


def test_contrast_normalised_images_have_mean_0_and_norm_55() -> None:
    images = torch.rand(5, 3, 6, 6) * torch.tensor([1, 0.01, 1, 1, 1]).view(-1, 1, 1, 1)
    images[4] = 0.3  # nothing to see
    done = nin.contrast_normalised(images)
    torch.testing.assert_close(done.mean(dim=(1, 2, 3)), torch.zeros(5), atol=1e-5, rtol=0)
    expected = torch.tensor([55.0, 55, 55, 55, 0])
    torch.testing.assert_close(done.flatten(1).norm(dim=1), expected, atol=1e-2, rtol=0)


def test_whitened_values_are_uncorrelated_and_of_variance_one() -> None:
    mixing = torch.randn(12, 12)
    images = (torch.randn(4000, 12) @ mixing).view(-1, 3, 2, 2)
    whitening = nin.Whitening.fit(images)
    values = whitening(images).flatten(1)
    covariance = torch.cov(values.T)
    # One direction is lost to the mean of each image, and the regularisation takes a little.
    variances = torch.linalg.eigvalsh(covariance)
    assert variances[0].abs() < 1e-3
    assert (variances[1:] - 1).abs().max() < 0.05
    assert values.mean(dim=0).abs().max() < 1e-2


def test_whitening_is_symmetric_so_that_images_still_look_like_themselves() -> None:
    matrix = nin.Whitening.fit(torch.rand(50, 1, 4, 4)).matrix
    torch.testing.assert_close(matrix, matrix.T, atol=1e-5, rtol=0)
    assert torch.linalg.eigvalsh(matrix.double()).min() > 0


def test_whitening_of_large_images_is_refused() -> None:
    with pytest.raises(InputError, match=r"images of 30,000 values: whitening takes 20,000"):
        nin.Whitening.fit(torch.zeros(2, 3, 100, 100))


def test_shift_moves_whole_images_by_up_to_an_eighth() -> None:
    images = torch.zeros(300, 2, 16, 24)
    images[:, 0, 8, 12], images[:, 1, 8, 12] = 1, 2
    moved = shift(images)
    sample, row, column = torch.nonzero(moved[:, 0], as_tuple=True)
    assert sample.tolist() == list(range(300))
    assert sorted(set((row - 8).tolist())) == list(range(-2, 3))
    assert sorted(set((column - 12).tolist())) == list(range(-3, 4))
    assert torch.equal(moved[:, 1], 2 * moved[:, 0])


def test_flip_mirrors_about_half_of_the_images() -> None:
    images = torch.rand(400, 1, 3, 5)
    flipped = flip(images)
    same = (flipped == images).flatten(1).all(dim=1)
    mirrored = (flipped == images.flip(3)).flatten(1).all(dim=1)
    assert (same ^ mirrored).all()
    assert 150 < mirrored.sum() < 250
