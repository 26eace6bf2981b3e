"""A face classifier trained on 200 patches in under a minute, then slid over a photo.

The patches' background is nearly blank, so a network that has seen only them takes every texture
for a face. Photos without faces teach it better: first random windows of them, then those windows
that it takes for faces, found by sliding it over the photos (bootstrapping: Sung and Poggio, 1998).
"""

import sys
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import torch
from PIL import Image
from skimage import data
from torch import Tensor

import onebyone as ob
from onebyone.images import save_png

WINDOW = (1, 25, 25)
EPOCHS = 12
FACE = ((70, 165), (180, 285))  # rows and columns of the face in the photo, by eye
SIDES = (90, 100, 110, 125)  # of windows in the photo, in pixels
generator = torch.Generator().manual_seed(0)


def scaled(photo: np.ndarray, side: int) -> Tensor:
    """Grey, shrunk so that `side` pixels become the window's 25: [1, h, w]."""
    grey = Image.fromarray(photo).convert("L")
    size = round(grey.width * 25 / side), round(grey.height * 25 / side)
    return torch.from_numpy(np.array(grey.resize(size, Image.Resampling.BOX)))[None] / 255


def face_map(sliding: ob.SlidingModel, image: Tensor) -> Tensor:
    """The probability of a face at every window: [ny, nx]."""
    with torch.inference_mode():
        return sliding(image).softmax(0)[1]


def some(corners: Tensor, count: int) -> Tensor:
    return corners[torch.randperm(len(corners), generator=generator)[:count]]


def cut(image: Tensor, corners: Tensor) -> list[Tensor]:
    return [image[:, y : y + 25, x : x + 25] for y, x in corners.tolist()]


def train(faces: Tensor, background: list[Tensor], epochs: int) -> ob.nin.NetworkInNetwork:
    """Faces are repeated, to be as many as the background; each time they are drawn anew."""
    repeated = faces.repeat(max(1, len(background) // len(faces)), 1, 1, 1)
    labels = torch.tensor([1] * len(repeated) + [0] * len(background))
    images = torch.cat([repeated, torch.stack(background)])
    torch.manual_seed(0)
    model = ob.nin.faces()
    patches = ob.nin.Labelled(images, labels, model.class_names)
    ob.nin.train(model, patches, epochs=epochs, augment=["shift", "flip"])
    return model


def main(folder: Path, epochs: int = EPOCHS) -> None:
    known, held_out = ob.nin.hold_out(ob.nin.face_patches())
    faces = known.images[known.labels == 1]
    background = list(known.images[known.labels == 0])
    photos = data.coffee(), data.chelsea(), data.rocket(), data.stereo_motorcycle()[0]
    images = [scaled(photo, side) for photo in photos for side in (50, 100)]
    for image in images:
        everywhere = torch.ones(image.shape[1] - 24, image.shape[2] - 24).nonzero()
        background += cut(image, some(everywhere, 100))
    model = train(faces, background, epochs)
    sliding = ob.slide(model, WINDOW, stride=2)
    for image in images:
        wrong = (face_map(sliding, image) > 0.5).nonzero() * 2
        background += cut(image, some(wrong, 60))
    model = train(faces, background, epochs)
    print(f"held-out patches: {ob.nin.accuracy(model, held_out):.1%} right")

    photo = data.astronaut()
    sliding = ob.slide(model, WINDOW, stride=1)
    maps = {side: face_map(sliding, scaled(photo, side)) for side in SIDES}
    for side, found in maps.items():
        print(f"windows of {side} pixels: {report(found, side)}")
    side = max(maps, key=lambda key: maps[key].max())
    draw(photo, maps[side], side, model.class_names, folder / "faces.png")
    print(folder / "faces.png")


def report(found: Tensor, side: int) -> str:
    """Where a face is seen most clearly, and how many windows off the face are taken for one."""
    centres = [(torch.arange(n) + 12.5) * side / 25 for n in found.shape]
    rows, columns = (
        (centre > low) & (centre < high) for centre, (low, high) in zip(centres, FACE, strict=True)
    )
    off = found[~(rows[:, None] & columns)]
    row, column = divmod(int(found.argmax()), found.shape[1])
    wrong = ", ".join(f"{int((off > least).sum())} over {least}" for least in (0.5, 0.8))
    return (
        f"{found.numel():,}; face {found.max():.2f} at row {centres[0][row]:.0f}, column "
        f"{centres[1][column]:.0f}; of the {len(off):,} centred off the face, {wrong}"
    )


def draw(photo: np.ndarray, found: Tensor, side: int, classes: tuple[str, ...], path: Path) -> None:
    """The photo, coloured where a window of this size is more likely a face than not."""
    size = scaled(photo, side).shape[1:]
    scores = torch.stack([1 - found, found]).numpy()
    save_png(path, scores, WINDOW, (1, 1), tuple(size), classes=classes)
    with Image.open(path) as overlay:
        ground = Image.fromarray(photo).convert("L").convert("RGBA")
        fitted = overlay.resize(ground.size, Image.Resampling.NEAREST)
    Image.alpha_composite(ground, fitted).convert("RGB").save(path)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else mkdtemp()), *map(int, sys.argv[2:]))
