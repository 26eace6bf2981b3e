"""torchvision's builds with few layers and channels: made and exported in a second or two."""

from collections.abc import Callable
from functools import partial

from torch import nn

from helpers.torchvision_offline import enliven, models

SIDE = 32
"""Of the window."""


def _convnext() -> nn.Module:
    blocks = [models.convnext.CNBlockConfig(8, 12, 1), models.convnext.CNBlockConfig(12, None, 1)]
    return models.convnext.ConvNeXt(blocks, num_classes=5)


def _densenet() -> nn.Module:
    return models.densenet.DenseNet(4, (2, 2), 8, num_classes=5)


def _efficientnet() -> nn.Module:
    plain = models.efficientnet.MBConvConfig(2, 3, 1, 8, 8, 1, 1.0, 1.0)
    strided = models.efficientnet.MBConvConfig(2, 5, 2, 8, 12, 1, 1.0, 1.0)
    return models.efficientnet.EfficientNet([plain, strided], 0.2, num_classes=5, last_channel=24)


def _maxvit() -> nn.Module:
    return models.maxvit.MaxVit((64, 64), 8, 2, [8, 12], [1, 1], 4, 0.1, num_classes=5)


def _mobilenet() -> nn.Module:
    config = partial(models.mobilenetv3.InvertedResidualConfig, dilation=1, width_mult=1)
    blocks = [config(8, 3, 8, 8, True, "RE", 2), config(8, 5, 24, 12, False, "HS", 1)]
    return models.mobilenetv3.MobileNetV3(blocks, 24, num_classes=5)


def _regnet() -> nn.Module:
    sizes = models.regnet.BlockParams([1, 2], [8, 16], [4, 4], [1.0, 1.0], [2, 2], 0.25)
    return models.regnet.RegNet(sizes, num_classes=5, stem_width=8)


def _resnet() -> nn.Module:
    return models.resnet.ResNet(
        models.resnet.BasicBlock, [1, 1, 1, 1], num_classes=5, width_per_group=64
    )


def _shufflenet() -> nn.Module:
    return models.shufflenetv2.ShuffleNetV2([2, 2, 2], [8, 8, 16, 16, 24], num_classes=5)


def _squeezenet() -> nn.Module:
    return models.squeezenet.SqueezeNet("1_1", num_classes=5)


def _swin(block: Callable[..., nn.Module], merging: Callable[..., nn.Module]) -> nn.Module:
    return models.swin_transformer.SwinTransformer(
        [4, 4], 8, [2, 2], [2, 2], [4, 4], num_classes=5, block=block, downsample_layer=merging
    )


def _vit() -> nn.Module:
    return models.vision_transformer.VisionTransformer(SIDE, 8, 2, 2, 16, 32, num_classes=5)


_BUILDS: dict[str, Callable[[], nn.Module]] = {
    "convnext": _convnext,
    "densenet": _densenet,
    "efficientnet": _efficientnet,
    "maxvit": _maxvit,
    "mobilenet": _mobilenet,
    "regnet": _regnet,
    "resnet": _resnet,
    "shufflenet": _shufflenet,
    "squeezenet": _squeezenet,
    "swin": partial(
        _swin, models.swin_transformer.SwinTransformerBlock, models.swin_transformer.PatchMerging
    ),
    "swin_v2": partial(
        _swin,
        models.swin_transformer.SwinTransformerBlockV2,
        models.swin_transformer.PatchMergingV2,
    ),
    "vit": _vit,
}
NAMES = tuple(_BUILDS)
"""Of the builds."""


def window_of(name: str) -> tuple[int, int, int]:
    """(C, H, W) of a build's window."""
    side = 64 if name in ("maxvit", "squeezenet") else SIDE
    return (3, side, side)


def tiny(name: str) -> nn.Module:
    """A network of a build, its weights random."""
    return enliven(_BUILDS[name]().eval(), window_of(name))
