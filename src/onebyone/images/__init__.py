"""Images in and class maps out: reading, atomic writing, overlays and the page that shows them."""

from onebyone.images.classmap import class_colours, probabilities, save_png
from onebyone.images.page import Box, save_html
from onebyone.images.reading import read_image
from onebyone.images.writing import check_target, replacing

__all__ = [
    "Box",
    "check_target",
    "class_colours",
    "probabilities",
    "read_image",
    "replacing",
    "save_html",
    "save_png",
]
