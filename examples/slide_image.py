"""A classifier at every window of an image, and a page to look at the result.

A network for windows of 28 × 28 pixels is applied at every fourth pixel of a larger image, with
the same numbers as running every crop.
"""

import sys
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import torch
from PIL import Image, ImageDraw

import onebyone as ob
from onebyone.images import save_html
from onebyone.nin import load

# A picture of our own: white digits on black, as the network was trained on.
picture = Image.new("L", (120, 64))
ImageDraw.Draw(picture).text((12, 16), "3 1 7", fill=255, font_size=32)
pixels = np.array(picture)

sliding = ob.slide(load("nin-digits"), window=(1, 28, 28), stride=4, scale=1 / 255)
with torch.inference_mode():
    scores = sliding(torch.from_numpy(pixels)[None])  # [11, ny, nx]
print(sliding.report(*pixels.shape).summary)

# The same numbers as one crop gives.
crop = torch.from_numpy(pixels[16:44, 8:36])[None, None] / 255
with torch.inference_mode():
    torch.testing.assert_close(scores[:, 4, 2], load("nin-digits")(crop)[0], rtol=1e-4, atol=1e-4)

folder = Path(sys.argv[1] if len(sys.argv) > 1 else mkdtemp())
classes = [*map(str, range(10)), "background"]
save_html(folder / "digits.html", pixels, scores.numpy(), (1, 28, 28), 4, classes, "Digits")
print(folder / "digits.html")
