import io
from inspect import unwrap

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn
from torch.export import Dim

import onebyone as ob
from helpers.modules import (
    Apply,
    Attention,
    ChannelsLast,
    Concatenate,
    Residual,
    SqueezeExcite,
    settle,
    shuffle,
    space_slice,
)
from helpers.oracle import assert_contract


def body(*head: nn.Module) -> nn.Module:
    """Two blocks of a small classifier without padding: 28×28 becomes 12 channels of 5×5."""
    return nn.Sequential(
        nn.Conv2d(3, 8, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 12, 3, bias=False),
        nn.BatchNorm2d(12), nn.ReLU(), nn.AvgPool2d(2), *head,
    )  # fmt: skip


def flattened(order):
    return Apply(f"permute {order}, flatten", lambda x: x.permute(order).flatten(1))


WINDOW = (3, 28, 28)
NETWORKS = {
    "flatten": (body(nn.Flatten(), nn.Linear(300, 6), nn.ReLU(), nn.Linear(6, 4)), WINDOW),
    "flatten channels last": (body(flattened((0, 2, 3, 1)), nn.Linear(300, 4)), WINDOW),
    "flatten columns first": (body(flattened((0, 3, 1, 2)), nn.Linear(300, 4)), WINDOW),
    "global average": (body(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, 4)), WINDOW),
    "global maximum": (body(nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Softmax(1)), WINDOW),
    "sums": (body(Apply("sum", lambda x: x.sum((2, 3)) - x.amin((2, 3)))), WINDOW),
    "channels-last mean": (
        body(Apply("mean", lambda x: x.permute(0, 2, 3, 1).mean((1, 2))), nn.Linear(12, 4)), WINDOW,
    ),
    "a window with pixels to spare": (
        body(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, 4)), (3, 30, 31),
    ),
    "a convolution at the end": (body(nn.Conv2d(12, 4, 5), nn.Flatten()), WINDOW),
    "kept dimensions": (body(nn.AdaptiveAvgPool2d(1), nn.Conv2d(12, 4, 1)), WINDOW),
    "pooled in part": (body(nn.AvgPool2d(2, 1), nn.Flatten(), nn.Linear(192, 4)), WINDOW),
    "other operators": (
        nn.Sequential(
            Concatenate(nn.Conv2d(3, 4, 3, stride=2), nn.MaxPool2d(3, 2)),
            Residual(nn.Conv2d(7, 7, 1)), shuffle(7), ChannelsLast(nn.Linear(7, 6)),
            space_slice(slice(1, -1), slice(0, None, 2)), nn.PReLU(6), nn.Flatten(),
            nn.Linear(6 * 7 * 5, 3),
        ),
        (3, 19, 21),
    ),
    "signals": (
        nn.Sequential(nn.Conv1d(1, 4, 3, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(28, 3)),
        (1, 15),
    ),
    "volumes": (
        nn.Sequential(nn.Conv3d(1, 3, 3), nn.MaxPool3d(2), nn.AdaptiveAvgPool3d(1), nn.Flatten()),
        (1, 8, 8, 10),
    ),
}  # fmt: skip


def network(name):
    model, window = NETWORKS[name]
    return settle(model, 0).eval(), window


def sizes(model, window):
    """The window itself, one pixel less than two windows, and more."""
    for more in ((0, 0, 0), (7, 3, 5), (12, 17, 4)):
        yield tuple(n + m for n, m in zip(window[1:], more, strict=False))


@pytest.mark.parametrize("name", NETWORKS)
def test_it_gives_what_crops_give(name):
    model, window = network(name)
    found = ob.convolutionalize(model, window)
    sliding = ob.slide(model, window, verify=0)
    assert found.stride == sliding.stride
    for size in sizes(model, window):
        x = torch.randn(2, window[0], *size)
        with torch.no_grad():
            y = found(x)
            assert_contract(y, model, x, window, found.stride)
            torch.testing.assert_close(y, sliding(x), rtol=1e-4, atol=1e-5)


EXPORTED = ["a window with pixels to spare", "signals"]


@pytest.mark.filterwarnings(  # of PyTorch's own copies
    "ignore:`isinstance.treespec, LeafSpec.` is deprecated:FutureWarning"
)
@pytest.mark.parametrize("name", EXPORTED)
def test_onnx_with_any_size(name):
    model, window = network(name)
    found = ob.convolutionalize(model, window)
    like = torch.randn(2, window[0], *(n + 17 for n in window[1:]))
    shapes = dict.fromkeys(range(2, like.ndim), Dim.AUTO) | {0: Dim("batch")}
    program = torch.export.export(found, (like,), dynamic_shapes=(shapes,))
    session = None
    for size in sizes(model, window):
        x = torch.randn(3, window[0], *(n + 8 for n in size))
        with torch.no_grad():
            expected = found(x)
            torch.testing.assert_close(program.module()(x), expected)
        session = session or onnx_session(program)
        (y,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
        np.testing.assert_allclose(y, expected.numpy(), rtol=1e-4, atol=1e-5)


def onnx_session(program):
    file = io.BytesIO()
    torch.onnx.export(program, dynamo=True, verbose=False).save(file)
    return onnxruntime.InferenceSession(file.getvalue(), providers=["CPUExecutionProvider"])


PADDED = nn.Sequential(
    nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 8, 3, padding=1),
    nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8 * 36, 4),
)  # fmt: skip


@pytest.mark.parametrize("size", [(24, 24), (31, 45), (40, 24)])
def test_padding_at_the_border_of_the_image(size):
    model = settle(PADDED, 0).eval()
    x = torch.randn(1, 3, *size)
    with torch.no_grad():
        found = ob.convolutionalize(model, (3, 24, 24), padding="image")(x)
        sliding = ob.slide(model, (3, 24, 24), padding="image")(x)
        by_hand = nn.functional.conv2d(
            PADDED[:5](x), PADDED[6].weight.view(4, 8, 6, 6), PADDED[6].bias
        )
    torch.testing.assert_close(found, sliding)
    torch.testing.assert_close(found, by_hand)


def test_parameters_are_the_models_own():
    model, window = network("flatten")
    found = ob.convolutionalize(model, window)
    assert {id(p) for p in found.parameters()} == {id(p) for p in model.parameters()}
    x = torch.randn(1, 3, 36, 40)
    found(x).square().sum().backward()
    grads = [p.grad.clone() for p in model.parameters()]
    model.zero_grad()
    ob.slide(model, window)(x).square().sum().backward()
    for grad, parameter in zip(grads, model.parameters(), strict=True):
        torch.testing.assert_close(grad, parameter.grad, rtol=1e-3, atol=1e-4)
    with torch.no_grad():
        model[-1].bias.add_(1)
        torch.testing.assert_close(found(x), ob.slide(model, window)(x), rtol=1e-4, atol=1e-5)


def test_structures_of_outputs():
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Conv2d(1, 4, 3, stride=2)
            self.heads = nn.ModuleList([nn.Linear(36, 2), nn.Linear(36, 3)])

        def forward(self, x):
            x = self.body(x).flatten(1)
            return {"class": self.heads[0](x).softmax(1), "box": self.heads[1](x)}

    model = Two().eval()
    x = torch.randn(2, 1, 16, 12)
    found, expected = ob.convolutionalize(model, (1, 8, 8))(x), ob.slide(model, (1, 8, 8))(x)
    assert {name: y.shape for name, y in found.items()} == {
        "class": (2, 2, 5, 3),
        "box": (2, 3, 5, 3),
    }
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (PADDED, "0 pads inside the network"),
        (
            nn.Sequential(nn.Conv2d(3, 4, 2), nn.MaxPool2d(2, ceil_mode=True), nn.Flatten()),
            "1 pads",
        ),
        (nn.Sequential(nn.Conv2d(3, 4, 3), SqueezeExcite(4), nn.Flatten()), "use slide"),
        (
            nn.Sequential(nn.Conv2d(3, 4, 3), Attention(4), nn.Flatten()),
            "reshapes through the positions",
        ),
        (nn.Sequential(nn.Conv2d(3, 4, 3)), "is a map for each window"),
        (nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten()), "is a map for each window"),
    ],
)
def test_networks_that_are_refused(model, message):
    with pytest.raises(ob.InputError, match=message):
        ob.convolutionalize(model.eval(), (3, 24, 24))


def test_bad_arguments():
    model, _ = network("flatten")
    for arguments, message in [
        ({"window": (3,)}, "window="),
        ({"window": WINDOW, "padding": "same"}, "padding='same' is unknown"),
        ({"window": (3, 30, 40)}, "does not run on windows"),
    ]:
        with pytest.raises(ob.InputError, match=message):
            unwrap(ob.convolutionalize)(model, **arguments)  # without the checks of annotations
    with pytest.raises(ob.InputError, match="training mode"):
        ob.convolutionalize(nn.Sequential(nn.Conv2d(3, 4, 3)).train(), WINDOW)


def test_a_program_for_any_batch():
    model = body(nn.Flatten(), nn.Linear(300, 4)).eval()
    batch = ({0: Dim("batch")},)
    program = torch.export.export(model, (torch.zeros(2, *WINDOW),), dynamic_shapes=batch)
    x = torch.rand(1, 3, 40, 36)
    found = ob.convolutionalize(program, window=WINDOW).train()
    torch.testing.assert_close(found(x), ob.convolutionalize(model, window=WINDOW)(x))
