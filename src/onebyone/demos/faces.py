"""The demonstration on a photo: a face classifier that others trained, at every window."""

from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from rich.console import Console
from torch import Tensor, nn

from onebyone.demos.measure import figures_table, measure, method
from onebyone.errors import InputError
from onebyone.images import Box, save_html
from onebyone.windows import slide

SIDE = 48  # of O-Net's window, in pixels
STRIDE = 2  # in the scaled photo
FACES = (96, 120, 144, 168, 192)  # sides of windows in the photo that are scaled to 48 pixels
STEP = 4  # between places of the map that is shown, in pixels of the photo


class OutputNetwork(nn.Sequential):
    """O-Net, the last of the three networks of the MTCNN face detector.

    Takes [B, 3, 48, 48], pixels (x - 127.5) / 128, and gives [B, 5]: the log-odds of a face, then
    by how many window sides its box's left, top, right and bottom lie off the window's.

    Source: Zhang, Zhang, Li and Qiao, Joint Face Detection and Alignment, arXiv:1604.02878.
    """

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(3, 32, 3),
            nn.PReLU(32),
            nn.MaxPool2d(3, 2, ceil_mode=True),
            nn.Conv2d(32, 64, 3),
            nn.PReLU(64),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(64, 64, 3),
            nn.PReLU(64),
            nn.MaxPool2d(2, 2),
            nn.Conv2d(64, 128, 2),
            nn.PReLU(128),
            nn.Flatten(),
            nn.Linear(128 * 3 * 3, 256),
            nn.PReLU(256),
            nn.Linear(256, 5),
        )


def load_network() -> OutputNetwork:
    """Load O-Net with the weights that the package mtcnn carries."""
    # Importing mtcnn would import TensorFlow, which this does not need: only its file is read.
    found = find_spec("mtcnn")
    if found is None or not found.submodule_search_locations:
        raise InputError("the faces demo needs the package mtcnn: pip install onebyone[demo]")
    try:
        import joblib
    except ImportError as error:
        raise InputError("the faces demo needs joblib: pip install onebyone[demo]") from error
    folder = Path(found.submodule_search_locations[0])
    arrays = joblib.load(folder / "assets" / "weights" / "onet.lz4")
    network = OutputNetwork()
    network.load_state_dict(dict(zip(network.state_dict(), _from_keras(arrays), strict=True)))
    return network.eval()


def _from_keras(arrays: list[np.ndarray]) -> list[Tensor]:
    """Put Keras' arrays into PyTorch's order: HWIO becomes OIHW, in×out becomes out×in."""
    *convolutions, dense, dense_bias, slope, box, box_bias, _, _, face, face_bias = arrays
    tensors = [
        torch.from_numpy(array.transpose(3, 2, 0, 1) if array.ndim == 4 else array.ravel())
        for array in convolutions
    ]
    # Keras flattens [column, row, channel]; PyTorch [channel, row, column].
    flattened = dense.reshape(3, 3, 128, 256).transpose(3, 2, 1, 0).reshape(256, -1)
    odds, odds_bias = face[:, 1:] - face[:, :1], face_bias[1:] - face_bias[:1]
    head, head_bias = np.hstack([odds, box]).T, np.hstack([odds_bias, box_bias])
    rest = (flattened, dense_bias, slope, head, head_bias)
    return tensors + [torch.from_numpy(np.ascontiguousarray(array)) for array in rest]


class Face(NamedTuple):
    """Where a face is: its box in pixels of the photo, its probability, the window's side there."""

    box: Box
    probability: float
    side: int


def run(console: Console, out_dir: Path) -> list[Path]:
    """Look for a face at every window of a photo, at several sizes; give the page of its map."""
    network, photo = load_network(), load_photo()
    console.print(
        "O-Net, a face classifier that others trained (package mtcnn), ends in fully connected "
        f"layers. Its {SIDE}×{SIDE} window goes over scikit-image's astronaut at "
        f"{len(FACES)} scales in steps of {STRIDE}."
    )
    sliding = slide(network, window=(3, SIDE, SIDE), stride=STRIDE)
    smallest, *larger = FACES
    console.print(f"faces of about {smallest} pixels: every window, and some as crops, by turns …")
    measured = measure(sliding, network, scaled(photo, smallest))
    scores = {smallest: measured.scores}
    for side in larger:
        console.print(f"faces of about {side} pixels: every window …")
        with torch.inference_mode():
            scores[side] = sliding(scaled(photo, side))
    named = {f"{smallest} pixels": measured}
    console.print(figures_table("Faces", named))
    console.print(method(named))
    face = best_face(scores)
    console.print(
        f"Best box: x {face.box.left:.0f}, y {face.box.top:.0f}, {face.box.width:.0f} × "
        f"{face.box.height:.0f} pixels; face {face.probability:.2f}, "
        f"in a window of {face.side} pixels"
    )
    page = out_dir / "faces.html"
    heat = face_map(scores, photo.shape[1:])
    save_html(
        page,
        photo,
        heat,
        [(3, side, side) for side in FACES],
        STEP,
        [f"face, {side} px" for side in FACES],
        "Faces: O-Net at every window",
        boxes=[face.box],
        view="highest score",
    )
    return [page]


def load_photo() -> UInt8[np.ndarray, "3 H W"]:
    """Load scikit-image's photo of the astronaut Eileen Collins (NASA, public domain)."""
    try:
        from skimage import data
    except ImportError as error:
        message = "the faces demo needs scikit-image: pip install onebyone[demo]"
        raise InputError(message) from error
    photo: np.ndarray = data.astronaut()  # type: ignore[no-untyped-call]  # has no types
    return np.ascontiguousarray(photo.transpose(2, 0, 1))


def scaled(photo: UInt8[np.ndarray, "3 H W"], side: int) -> Float[Tensor, "3 h w"]:
    """Shrink the photo so that `side` pixels become the window's 48, as O-Net takes it."""
    height, width = (round(length * SIDE / side) for length in photo.shape[1:])
    picture = Image.fromarray(photo.transpose(1, 2, 0)).resize(
        (width, height), Image.Resampling.BOX
    )
    pixels = torch.from_numpy(np.array(picture)).permute(2, 0, 1)
    return (pixels.float() - 127.5) / 128


def best_face(scores: dict[int, Float[Tensor, "5 _ _"]]) -> Face:
    """Find the window with the highest log-odds of a face in O-Net's outputs, by window side."""
    side = max(scores, key=lambda key: scores[key][0].max().item())
    grid = scores[side]
    row, column = divmod(int(grid[0].argmax()), grid.shape[2])
    odds, *offsets = grid[:, row, column].tolist()
    corner = (column, row, column, row)
    edges = [STRIDE * side / SIDE * place for place in corner]
    left, top, right, bottom = (
        edge + side * (offset + far)
        for edge, offset, far in zip(edges, offsets, (0, 0, 1, 1), strict=True)
    )
    probability = 1 / (1 + np.exp(-odds))
    label = f"face {probability:.2f}"
    return Face(Box(label, top, left, bottom - top, right - left), probability, side)


def face_map(
    scores: dict[int, Float[Tensor, "5 _ _"]], size: tuple[int, ...]
) -> Float[np.ndarray, "sizes ny nx"]:
    """Give the face probability by window size, at places every 4 pixels of the photo.

    The places are the centres of the smallest windows. A larger window counts at the place nearest
    to its centre; where none fits into the photo the probability is 0.
    """
    places = [np.arange(FACES[0] / 2, length - FACES[0] / 2 + 1, STEP) for length in size]
    layers = []
    for side, grid in scores.items():
        rows, columns = (
            np.rint((centres - side / 2) * SIDE / (side * STRIDE)).astype(np.int64)
            for centres in places
        )
        inside = np.ix_(
            (rows >= 0) & (rows < grid.shape[1]), (columns >= 0) & (columns < grid.shape[2])
        )
        layer = np.zeros((len(rows), len(columns)), dtype=np.float32)
        known = np.ix_(rows[inside[0].ravel()], columns[inside[1].ravel()])
        layer[inside] = grid[0].sigmoid().numpy()[known]
        layers.append(layer)
    return np.stack(layers)
