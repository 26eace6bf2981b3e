import numpy as np
import torch

from onebyone import nin
from onebyone.nin.data import warp


def test_split_holds_out_100_of_each_digit_and_shares_none() -> None:
    training, held_out = nin.load_digits()
    assert np.bincount(training.labels).tolist() == [400] * 10
    assert np.bincount(held_out.labels).tolist() == [100] * 10
    seen = {image.tobytes() for image in training.images}
    assert not any(image.tobytes() in seen for image in held_out.images)


def test_split_depends_on_the_seed_alone() -> None:
    first, again, other = nin.load_digits(), nin.load_digits(), nin.load_digits(seed=1)
    assert (first[1].images == again[1].images).all()
    assert not (first[1].images == other[1].images).all()


def test_warp_keeps_the_ink_about_where_it_was_and_how_much() -> None:
    training, _ = nin.load_digits()
    images = torch.from_numpy(training.images[:200]).unsqueeze(1).float()
    warped = warp(images, torch.Generator().manual_seed(0))
    assert not torch.equal(warped, images)
    ratio = warped.sum(dim=(1, 2, 3)) / images.sum(dim=(1, 2, 3))
    assert ratio.min() > 0.6
    assert ratio.max() < 1.5
    rows = torch.arange(28.0).view(1, 1, 28, 1)
    middle = (warped * rows).sum(dim=(1, 2, 3)) / warped.sum(dim=(1, 2, 3))
    assert (middle - 13.5).abs().max() < 3
