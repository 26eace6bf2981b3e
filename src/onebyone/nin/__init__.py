"""Network in Network: its layers and networks, their data and training."""

from onebyone.nin.architectures import ARCHITECTURES, Architecture, Block, Pool
from onebyone.nin.data import BACKGROUND, Digits, load_digits
from onebyone.nin.datasets import face_patches, mnist_digits, read_dataset
from onebyone.nin.drawing import train_digits
from onebyone.nin.fitting import Epoch, Progress, accuracy
from onebyone.nin.jobs import Job, prepare
from onebyone.nin.labelled_images import Labelled, Split, hold_out, labelled
from onebyone.nin.layers import FORMS, CrossChannelPooling, MLPConv
from onebyone.nin.lines import Found, edit_distance, find_digits, read_lines, share_right
from onebyone.nin.networks import (
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
from onebyone.nin.preparing import AUGMENTATIONS, Whitening, contrast_normalised
from onebyone.nin.recipes import RECIPES, Recipe, find_recipe
from onebyone.nin.storing import BUNDLED, is_padded, is_saved, load, save
from onebyone.nin.training import check_fits, train

__all__ = [
    "ARCHITECTURES",
    "AUGMENTATIONS",
    "BACKGROUND",
    "BUNDLED",
    "FORMS",
    "RECIPES",
    "Architecture",
    "Block",
    "CrossChannelPooling",
    "Digits",
    "Epoch",
    "Found",
    "Job",
    "Labelled",
    "MLPConv",
    "NetworkInNetwork",
    "Page",
    "Pool",
    "Progress",
    "Recipe",
    "Split",
    "Whitening",
    "accuracy",
    "check_fits",
    "cifar10",
    "cifar100",
    "contrast_normalised",
    "digits",
    "edit_distance",
    "face_patches",
    "faces",
    "find_digits",
    "find_recipe",
    "held_out_page",
    "hold_out",
    "imagenet",
    "is_padded",
    "is_saved",
    "labelled",
    "lay_out",
    "load",
    "load_digits",
    "mnist",
    "mnist_digits",
    "prepare",
    "read_dataset",
    "read_lines",
    "save",
    "share_right",
    "svhn",
    "train",
    "train_digits",
]
