"""`onebyone explain --maps`: a Network in Network's class confidence maps over an image."""

from pathlib import Path

import numpy as np

from onebyone import nin
from onebyone.images import read_image
from onebyone.nin.localisation import draw_maps


def draw_class_maps(name: str, path: Path, out: Path) -> None:
    """Draw the maps of the network called `name` over the image at `path`."""
    model = nin.load(name)
    image = nin.labelled(read_image(path)[None], np.zeros(1, np.int64), source=str(path))
    nin.check_fits(model, image)
    draw_maps(model, image.images[0], out)
