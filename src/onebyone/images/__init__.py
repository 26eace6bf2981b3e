"""Images in and class maps out: reading, overlays and the page that shows them."""

from onebyone.images.classmap import class_colours, probabilities, save_png
from onebyone.images.map_page import Box, save_html
from onebyone.images.opening import read_image

__all__ = [
    "Box",
    "class_colours",
    "probabilities",
    "read_image",
    "save_html",
    "save_png",
]
