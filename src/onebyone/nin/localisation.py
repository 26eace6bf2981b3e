"""Class confidence maps over the image: where a Network in Network sees each class."""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image, ImageDraw
from torch import Tensor

from onebyone.nin.networks import NetworkInNetwork
from onebyone.writing import replacing

PANEL = 168  # side of the longer edge of each picture, in pixels
GAP, TITLE = 12, 22
COLUMNS = 6
SHOWN = 11
"""At most so many maps are drawn, those with the highest scores."""

GREY, HEAT, INK = 150, (213, 94, 0), "#1F2328"


def draw_maps(
    model: NetworkInNetwork, image: Float[Tensor, "C H W"], path: str | Path
) -> list[tuple[str, float]]:
    """Draw an image, and over it the class confidence maps; each map's cells cover the image.

    Orange is as opaque as the value is large, on one scale for all maps. Above each stands its
    class with the score; the mean of the map, where the head is global average pooling.

    Args:
        model: The network, in evaluation mode.
        image: What it takes, with values of about 0 to 1.
        path: The picture's file, of a kind that Pillow writes.

    Returns:
        The classes drawn and their scores, the highest first.

    Source: arXiv:1312.4400, section 4.7 and figure 4.
    """
    with torch.inference_mode():
        maps, scores = model.maps(image[None])[0], model(image[None])[0]
    order = scores.argsort(descending=True, stable=True)[:SHOWN].tolist()
    found = [(model.class_names[label], scores[label].item()) for label in order]
    ground = _picture(image)
    opacities = maps.clamp(min=0) / maps.max().clamp(min=1e-9)
    panels = [_overlaid(ground, opacities[label].numpy()) for label in order]
    titles = [f"{name}: {score:.2f}" for name, score in found]
    with replacing(path) as temporary:
        _sheet(["image", *titles], [ground, *panels]).save(temporary)
    return found


def _picture(image: Float[Tensor, "C H W"]) -> Image.Image:
    """Show the mean of the channels in grey, darkened so that colour stands out on white too."""
    levels = (image.mean(dim=0).clamp(0, 1) * GREY).byte().numpy()
    picture = Image.fromarray(levels)
    scale = PANEL / max(picture.size)
    size = (round(picture.width * scale), round(picture.height * scale))
    return picture.resize(size, Image.Resampling.NEAREST).convert("RGB")


def _overlaid(ground: Image.Image, opacity: Float[np.ndarray, "h w"]) -> Image.Image:
    mask = Image.fromarray((opacity * 255).round().astype(np.uint8))
    heat = Image.new("RGB", ground.size, HEAT)
    return Image.composite(heat, ground, mask.resize(ground.size, Image.Resampling.NEAREST))


def _sheet(titles: list[str], panels: list[Image.Image]) -> Image.Image:
    columns = min(COLUMNS, len(panels))
    width, height = panels[0].width + GAP, panels[0].height + TITLE + GAP
    rows = -(-len(panels) // columns)
    sheet = Image.new("RGB", (columns * width + GAP, rows * height + GAP), "white")
    draw = ImageDraw.Draw(sheet)
    for index, (title, panel) in enumerate(zip(titles, panels, strict=True)):
        left, top = GAP + index % columns * width, GAP + index // columns * height
        draw.text((left, top), title, INK, font_size=14)
        sheet.paste(panel, (left, top + TITLE))
    return sheet
