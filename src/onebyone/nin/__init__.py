"""Network in Network: its layers and networks, and the training of those for digits."""

from onebyone.nin.bundled import BUNDLED, is_padded, load
from onebyone.nin.data import BACKGROUND, Digits, load_digits
from onebyone.nin.layers import FORMS, CrossChannelPooling, MLPConv
from onebyone.nin.networks import (
    ARCHITECTURES,
    Architecture,
    Block,
    NetworkInNetwork,
    cifar10,
    cifar100,
    digits,
    faces,
    imagenet,
    mnist,
    svhn,
)
from onebyone.nin.page import Page, held_out_page, lay_out
from onebyone.nin.reading import Found, edit_distance, find_digits, read_lines, share_right
from onebyone.nin.training import Epoch, accuracy, train_digits

__all__ = [
    "ARCHITECTURES",
    "BACKGROUND",
    "BUNDLED",
    "FORMS",
    "Architecture",
    "Block",
    "CrossChannelPooling",
    "Digits",
    "Epoch",
    "Found",
    "MLPConv",
    "NetworkInNetwork",
    "Page",
    "accuracy",
    "cifar10",
    "cifar100",
    "digits",
    "edit_distance",
    "faces",
    "find_digits",
    "held_out_page",
    "imagenet",
    "is_padded",
    "lay_out",
    "load",
    "load_digits",
    "mnist",
    "read_lines",
    "share_right",
    "svhn",
    "train_digits",
]
