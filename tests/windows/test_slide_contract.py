"""What `slide` promises beside its numbers: gradients, state, structure, plans and refusals."""

import copy
import itertools
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

import onebyone as ob
from helpers.modules import Apply, Heads, settle
from helpers.oracle import assert_contract, assert_equal_crops, distance, run_crops
from onebyone.errors import InputError, NotExact

WINDOW = (2, 16, 16)
STRIDE = 4
SIZE = (41, 38)


def classifier(seed: int = 0, padding: int = 1) -> nn.Module:
    """Two padded convolutions with BatchNorm and pooling, flattened into three scores."""
    side = 4 if padding else 2
    return settle(
        nn.Sequential(
            nn.Conv2d(2, 4, 3, padding=padding), nn.BatchNorm2d(4), nn.ReLU(inplace=True),
            nn.MaxPool2d(2), nn.Conv2d(4, 6, 3, padding=padding), nn.GELU(), nn.AvgPool2d(2),
            nn.Flatten(), nn.Dropout(), nn.Linear(6 * side * side, 3),
        ),
        seed,
    )  # fmt: skip


def image(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(*(shape or (2, 2, *SIZE)), dtype=dtype)


def emitted(sliding: ob.SlidingModel, *size: int) -> nn.Module:
    """The graph that a plan emits, as a module from an image to its outputs."""
    return sliding.plan(*size).module


# Gradients and state.


def test_gradients_are_the_sum_over_crops() -> None:
    """S12, for every parameter and for the image."""
    model = classifier().double()
    x = image(dtype=torch.float64).requires_grad_()
    weights = image(2, 3, 7, 6, dtype=torch.float64)
    inputs = [x, *model.parameters()]
    wanted = torch.autograd.grad((run_crops(model, x, WINDOW, STRIDE) * weights).sum(), inputs)
    sliding = ob.slide(model, WINDOW, STRIDE)
    got = torch.autograd.grad((sliding(x) * weights).sum(), inputs)
    for ours, theirs in zip(got, wanted, strict=True):
        assert distance(ours, theirs) <= 1e-9 * theirs.abs().max().item()


def test_parameters_are_the_models_own() -> None:
    model = classifier()
    sliding = ob.slide(model, WINDOW, STRIDE)
    assert {id(p) for p in model.parameters()} <= {id(p) for p in sliding.parameters()}


def load(model: nn.Module) -> None:
    model.load_state_dict(classifier(seed=1).state_dict())


def change_statistics(model: nn.Module) -> None:
    with torch.no_grad():
        model[1].running_mean.add_(0.5)
        model[1].running_var.mul_(3)


def optimise(model: nn.Module) -> None:
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.sub_(0.1)


@pytest.mark.parametrize("change", [load, change_statistics, optimise])
def test_later_changes_of_the_model_are_seen(change: Callable[[nn.Module], None]) -> None:
    model = classifier().double()
    sliding = ob.slide(model, WINDOW, STRIDE)
    x = image(dtype=torch.float64)
    with torch.no_grad():
        before = sliding(x)
        change(model)
        after = sliding(x)
        assert distance(before, after) > 1e-3
        assert_equal_crops(after, model, x, WINDOW, STRIDE)


def test_the_model_is_left_as_it_was() -> None:
    model = classifier()
    before = copy.deepcopy(model.state_dict())
    ob.slide(model, WINDOW, STRIDE)(image())
    assert not model.training
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())


def test_other_precisions() -> None:
    """Moving the SlidingModel moves the model: `.double()` after `slide` gives float64 numbers."""
    sliding = ob.slide(classifier(), WINDOW, STRIDE).double()
    x = image(dtype=torch.float64)
    with torch.no_grad():
        assert_equal_crops(sliding(x), classifier(), x, WINDOW, STRIDE)


# Training mode.


def test_training_mode_is_refused() -> None:
    with pytest.raises(InputError, match="eval"):
        ob.slide(classifier().train(), WINDOW, STRIDE)


def test_training_dropout_alone_is_refused() -> None:
    model = classifier()
    model[8].train()
    with pytest.raises(InputError, match="eval"):
        ob.slide(model, WINDOW, STRIDE)


def test_batch_norm_without_running_statistics_is_refused() -> None:
    """It normalises by the batch, so a window's result would depend on the other windows."""
    model = nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4, track_running_stats=False)).eval()
    with pytest.raises(InputError, match="statistics"):
        ob.slide(model, WINDOW, STRIDE)


def test_a_sliding_model_stays_in_eval_mode() -> None:
    sliding = ob.slide(classifier(), WINDOW, STRIDE)
    assert not sliding.training
    assert not sliding.eval().training
    assert not sliding.train().training
    assert not sliding.model.training


# Verification.


class Leaky(nn.Module):
    """A slope that is a plain number, so capture bakes it in."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 3, 3)
        self.slope = 0.1

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.leaky_relu(self.conv(x), self.slope).mean((2, 3))


def change_slope(model: nn.Module) -> None:
    model.slope = 0.5


def patch_forward(model: nn.Module) -> None:
    forward = model.forward
    model.forward = lambda x: forward(x) + 1


@pytest.mark.parametrize("tamper", [change_slope, patch_forward])
def test_verify_raises_where_the_captured_graph_is_not_the_model(
    tamper: Callable[[nn.Module], None],
) -> None:
    model = settle(Leaky(), 0)
    sliding = ob.slide(model, WINDOW, STRIDE, verify=2)
    unchecked = ob.slide(model, WINDOW, STRIDE, verify=0)
    tamper(model)
    with torch.no_grad():
        with pytest.raises(NotExact):
            sliding(image())
        assert unchecked(image()).shape == (2, 3, 7, 6)


def test_verify_lets_missing_pixels_pass() -> None:
    """NaN reaches the windows that see it and no others; it is no disagreement."""
    model = classifier()
    x = image()
    x[0, 0, 20, 20] = float("nan")
    with torch.no_grad():
        output = ob.slide(model, WINDOW, STRIDE)(x)
        wanted = run_crops(model, x, WINDOW, STRIDE)
    assert wanted.isnan().any()
    assert torch.equal(output.isnan(), wanted.isnan())


# Structure of inputs and outputs.


class Everything(nn.Module):
    """A nested output: a map, scores and one number per window."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 4, 3, padding=1)

    def forward(self, x: Tensor) -> dict[str, Any]:
        features = torch.relu(self.conv(x))
        scores = features.mean((2, 3))
        return {"map": features[:, :2], "rest": (scores, [scores.amax(1)])}


STRUCTURES = {
    "tensor": classifier,
    "dict": lambda: Heads(a=classifier(), b=classifier(1)),
    "tuple": lambda: nn.Sequential(
        nn.Conv2d(2, 3, 3), Apply("tuple", lambda x: (x.mean((2, 3)), x.amax(3)))
    ),
    "nested": Everything,
}


@pytest.mark.parametrize("build", STRUCTURES.values(), ids=STRUCTURES)
def test_outputs_keep_their_structure(build: Callable[[], nn.Module]) -> None:
    model = settle(build(), 0).double()
    x = image(3, 2, *SIZE, dtype=torch.float64)
    with torch.no_grad():
        assert_equal_crops(ob.slide(model, WINDOW, STRIDE)(x), model, x, WINDOW, STRIDE)


@pytest.mark.parametrize("build", STRUCTURES.values(), ids=STRUCTURES)
def test_one_image_without_a_batch(build: Callable[[], nn.Module]) -> None:
    sliding = ob.slide(settle(build(), 0), WINDOW, STRIDE)
    x = image(2, *SIZE)
    with torch.no_grad():
        alone, batched = sliding(x), sliding(x[None])
    for one, many in zip(tree_leaves(alone), tree_leaves(batched), strict=True):
        assert torch.equal(one, many[0])


def test_no_images_give_no_maps() -> None:
    sliding = ob.slide(classifier(), WINDOW, STRIDE)
    assert sliding(image(0, 2, *SIZE)).shape == (0, 3, *sliding.grid(*SIZE))


def test_channels_last_and_strided_images() -> None:
    model = classifier()
    sliding = ob.slide(model, WINDOW, STRIDE)
    x = image(2, 2, 2 * SIZE[0], SIZE[1])[:, :, ::2]
    with torch.no_grad():
        plain = sliding(x.contiguous())
        torch.testing.assert_close(sliding(x), plain)
        torch.testing.assert_close(sliding(x.to(memory_format=torch.channels_last)), plain)


# Sizes, strides and bands.


def test_one_capture_serves_all_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    model = classifier().double()
    sliding = ob.slide(model, WINDOW, STRIDE)
    monkeypatch.setattr(torch.export, "export", None)
    for size in [SIZE, (16, 16), (16, 57), (33, 20), SIZE]:
        x = image(1, 2, *size, dtype=torch.float64)
        with torch.no_grad():
            assert_equal_crops(sliding(x), model, x, WINDOW, STRIDE)


def test_plans_are_kept_per_size() -> None:
    sliding = ob.slide(classifier(), WINDOW, STRIDE)
    assert sliding.plan(*SIZE) is sliding.plan(*SIZE)
    assert sliding.plan(*SIZE) is not sliding.plan(50, 50)


def test_default_stride_is_the_networks_own() -> None:
    sliding = ob.slide(classifier(), WINDOW)
    assert tuple(sliding.grid(41, 38)) == (7, 6)


def test_default_stride_is_the_window_where_the_network_has_none() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(2 * 16 * 16, 3)).eval()
    assert tuple(ob.slide(model, WINDOW).grid(41, 50)) == (2, 3)


@pytest.mark.parametrize("memory", [1 << 16, 1 << 18, 1 << 30])
@pytest.mark.parametrize("stride", [4, 3, (1, 5)])
def test_bands_give_the_same_numbers(memory: int, stride: int | tuple[int, int]) -> None:
    model = classifier().double()
    x = image(1, 2, 70, 45, dtype=torch.float64)
    with torch.no_grad():
        output = ob.slide(model, WINDOW, stride, memory=memory)(x)
        assert_equal_crops(output, model, x, WINDOW, stride)


# Plans and reports.


def operations(run: Callable[[], Any]) -> int:
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops()


@pytest.mark.parametrize("padding", [0, 1], ids=["unpadded", "padded"])
def test_counted_operations_are_those_of_a_real_run(padding: int) -> None:
    model = classifier(padding=padding)
    sliding = ob.slide(model, WINDOW, STRIDE, verify=0)
    x = image(1, 2, *SIZE)
    ours = operations(lambda: sliding(x))
    crops = operations(lambda: run_crops(model, x, WINDOW, STRIDE))
    assert ours < crops
    assert sliding.plan(*SIZE).multiply_adds == ours
    assert sliding.report(*SIZE).ratio == pytest.approx(crops / ours)


def test_a_plan_can_be_exported_and_compiled() -> None:
    model = classifier()
    plan = emitted(ob.slide(model, WINDOW, STRIDE), *SIZE)
    x = image(1, 2, *SIZE)
    with torch.no_grad():
        exported = torch.export.export(plan, (x,)).module()(x)
        compiled = torch.compile(plan, backend="eager", fullgraph=True)(x)
    for output in (exported, compiled):
        (leaf,) = tree_leaves(output)
        assert_contract(leaf, model, x, WINDOW, STRIDE)


def test_report_as_text_and_as_a_dict() -> None:
    report = ob.slide(classifier(), WINDOW, STRIDE).report(*SIZE)
    assert report.ratio > 1
    assert "conv" in str(report)
    assert isinstance(report.to_dict(), dict)


# Padding at the image's border only.


def by_hand(model: nn.Sequential) -> nn.Module:
    """`classifier` with its fully connected layer written as a convolution (S3, S11)."""
    *body, _, _, linear = copy.deepcopy(model)
    last = nn.Conv2d(6, 3, 4, dtype=linear.weight.dtype)
    last.weight = nn.Parameter(linear.weight.unflatten(1, (6, 4, 4)))
    last.bias = linear.bias
    return nn.Sequential(*body, last)


def interleaved(convolutional: nn.Module, x: Tensor, stride: int, grid: tuple[int, int]) -> Tensor:
    """`convolutional`, of stride 4, on the image shifted by each residue: window i is at i·stride.

    It is window ⌊i·stride / 4⌋ of the image shifted by i·stride mod 4, one axis at a time.
    """
    maps = {
        place: convolutional(x[..., place[0] :, place[1] :])
        for place in itertools.product(range(4), repeat=2)
    }
    rows = []
    for i in range(grid[0]):
        row = []
        for j in range(grid[1]):
            (p, a), (q, b) = divmod(i * stride, 4), divmod(j * stride, 4)
            row.append(maps[a, b][..., p, q])
        rows.append(torch.stack(row, -1))
    return torch.stack(rows, -2)


@pytest.mark.parametrize("stride", [4, 2, 1, 3, 8])
def test_image_padding_is_the_hand_converted_network(stride: int) -> None:
    model = classifier().double()
    x = image(1, 2, 44, 36, dtype=torch.float64)
    sliding = ob.slide(model, WINDOW, stride, padding="image")
    with torch.no_grad():
        wanted = interleaved(by_hand(model), x, stride, tuple(sliding.grid(44, 36)))
        assert distance(sliding(x), wanted) <= 1e-9 * wanted.abs().max().item()


def test_deviation_is_the_distance_from_crops() -> None:
    model = classifier()
    x = image(1, 2, *SIZE)
    with torch.no_grad():
        padded_once = ob.slide(model, WINDOW, STRIDE, padding="image")
        truth = run_crops(model, x, WINDOW, STRIDE)
        deviation = padded_once.deviation(x, windows=1000)
        assert deviation.absolute == pytest.approx(distance(padded_once(x), truth), rel=1e-3)
        assert deviation.absolute > 0.01 * truth.abs().max().item()
        exact = ob.slide(model, WINDOW, STRIDE).deviation(x)
    assert exact.absolute <= 1e-5 * truth.abs().max().item()


def test_image_padding_equals_crops_where_nothing_is_padded() -> None:
    model = classifier(padding=0).double()
    x = image(1, 2, *SIZE, dtype=torch.float64)
    with torch.no_grad():
        output = ob.slide(model, WINDOW, STRIDE, padding="image")(x)
        assert_equal_crops(output, model, x, WINDOW, STRIDE)


# Preprocessing.


class Preprocessed(nn.Module):
    """What `mean`, `std` and `scale` stand for: (x · scale - mean) / std, then the model."""

    def __init__(self, model: nn.Module, mean: list[float], std: list[float], scale: float) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("mean", torch.tensor(mean).view(-1, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(-1, 1, 1))
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        return self.model((x.to(self.mean.dtype) * self.scale - self.mean) / self.std)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32, torch.float32])
def test_preprocessing(dtype: torch.dtype) -> None:
    mean, std, scale = [0.4, 0.6], [0.2, 0.3], 1 / 255
    model = classifier()
    x = torch.randint(0, 256, (1, 2, *SIZE)).to(dtype)
    sliding = ob.slide(model, WINDOW, STRIDE, mean=mean, std=std, scale=scale)
    with torch.no_grad():
        assert_contract(sliding(x), Preprocessed(model, mean, std, scale), x, WINDOW, STRIDE)


class LargestFloats(TorchDispatchMode):
    """Notes how many numbers the largest float32 tensor holds that an operator makes."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        outputs = func(*args, **kwargs or {})
        for leaf in tree_leaves(outputs):
            if isinstance(leaf, Tensor) and leaf.dtype == torch.float32:
                self.numbers = max(self.numbers, leaf.numel())
        return outputs


@pytest.mark.parametrize("dtype", [torch.uint8, torch.uint16, torch.float64])
def test_pixels_are_prepared_piece_by_piece_and_to_the_same_bits(dtype: torch.dtype) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 8, stride=8), nn.Flatten()).eval()
    mean, std, scale = [0.4, 0.5, 0.6], [0.2, 0.3, 0.4], 1 / 255
    x = torch.randint(0, 256, (3, 512, 96)).to(dtype)
    offsets, divisors = (torch.tensor(values).view(-1, 1, 1) for values in (mean, std))
    prepared = (x.float() * scale - offsets) / divisors
    settings: dict[str, Any] = {"memory": 1 << 17, "verify": 0}
    whole = ob.slide(model, (3, 8, 8), 8, **settings)
    sliding = ob.slide(model, (3, 8, 8), 8, mean=mean, std=std, scale=scale, **settings)
    with torch.no_grad(), LargestFloats() as largest:
        scores = sliding(x)
    assert torch.equal(scores, whole(prepared))
    assert largest.numbers < x.numel() / 4


# What cannot be captured, and what is refused.


class Branching(nn.Module):
    """A Python branch on a tensor's value, which torch.export cannot capture.

    It asks a question of the batch that all crops answer alike, so any batching is right.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 3, 3)

    def forward(self, x: Tensor) -> Tensor:
        if x.abs().max() > 1e6:
            raise ValueError("these are not pixels")
        return self.conv(x).mean((2, 3))


def test_what_cannot_be_captured_runs_as_crops_with_one_warning() -> None:
    model = settle(Branching(), 0).double()
    images = [image(2, 2, *size, dtype=torch.float64) for size in (SIZE, (30, 30))]
    with warnings.catch_warnings(record=True) as caught, torch.no_grad():
        warnings.simplefilter("always")
        sliding = ob.slide(model, WINDOW, STRIDE)
        outputs = [sliding(x) for x in images]
    assert len(caught) == 1
    assert "crops" in str(caught[0].message)
    assert "data-dependent" in str(caught[0].message)
    for x, output in zip(images, outputs, strict=True):
        assert_equal_crops(output, model, x, WINDOW, STRIDE)
    assert sliding.report(*SIZE).ratio == 1


def scalar_output(x: Tensor) -> Tensor:
    return x.sum()


def transposed_output(x: Tensor) -> Tensor:
    return x.mean((2, 3)).t()


def merged_output(x: Tensor) -> Tensor:
    return x.mean((2, 3)).flatten()


@pytest.mark.parametrize("forward", [scalar_output, transposed_output, merged_output])
def test_an_output_without_the_batch_is_refused(forward: Callable[[Tensor], Tensor]) -> None:
    model = nn.Sequential(nn.Conv2d(2, 3, 3), Apply("head", forward)).eval()
    with pytest.raises(InputError, match="batch"):
        ob.slide(model, WINDOW, STRIDE)


@dataclass
class Scores:
    """A result in which PyTorch does not see tensors, until it is told how."""

    classes: Tensor
    scale: float


class Wrapped(Branching):
    """A network that is not captured and gives more than tensors."""

    def __init__(self, wrap: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.wrap = wrap

    def forward(self, x: Tensor) -> Any:
        return self.wrap(super().forward(x))


def test_an_output_in_which_no_tensors_are_seen_is_refused() -> None:
    model = settle(Wrapped(lambda y: {"a": Scores(y, 2.0)}), 0)
    with pytest.raises(InputError, match=r"output 0 is a Scores, .*register_dataclass\(Scores\)"):
        ob.slide(model, WINDOW, STRIDE)


@pytest.mark.filterwarnings("ignore:Wrapped cannot be captured")
def test_outputs_beside_tensors_where_nothing_is_captured() -> None:
    sliding = ob.slide(settle(Wrapped(lambda y: (y, 2.0, None)), 0), WINDOW, STRIDE)
    with torch.no_grad():
        scores, *rest = sliding(image())
    assert scores.shape == (2, 3, 7, 6)
    assert rest == [2.0, None]


REFUSED_IMAGES = {
    "window larger than the image": (image(1, 2, 15, 40), "window"),
    "too many channels": (image(1, 3, *SIZE), "channels"),
    "channels last": (image(*SIZE, 2), r"its channels come last: give np.moveaxis\(x, -1, -3\)"),
    "too few channels": (image(1, 1, *SIZE), "channels"),
    "too few axes": (image(40, 40), "dimensions|axes|shape"),
    "too many axes": (image(1, 2, 4, 40, 40), "dimensions|axes|shape"),
    "integers without scale": (torch.zeros(1, 2, *SIZE, dtype=torch.uint8), "scale"),
}


@pytest.mark.parametrize("case", REFUSED_IMAGES)
def test_refused_images(case: str) -> None:
    x, match = REFUSED_IMAGES[case]
    sliding = ob.slide(classifier(), WINDOW, STRIDE)
    with pytest.raises(InputError, match=match):
        sliding(x)


REFUSED_ARGUMENTS: dict[str, dict[str, Any]] = {
    "stride": {"stride": 0},
    "stride, negative": {"stride": -1},
    "stride, one axis zero": {"stride": (2, 0)},
    "stride, one axis too many": {"stride": (2, 2, 2)},
    "window, no axes": {"window": (2,)},
    "window, four axes": {"window": (2, 4, 4, 4, 4)},
    "window, zero": {"window": (2, 0, 16)},
    "window, other channels than the model": {"window": (3, 16, 16)},
    "window, other size than the model": {"window": (2, 24, 16)},
    "padding": {"padding": "same"},
    "mean": {"mean": [0.5] * 3},
    "std": {"std": [1.0, 0.0]},
    "memory": {"memory": 0},
    "verify": {"verify": -1},
}


@pytest.mark.parametrize("case", REFUSED_ARGUMENTS)
def test_refused_arguments(case: str) -> None:
    arguments = {"window": WINDOW, "stride": STRIDE} | REFUSED_ARGUMENTS[case]
    with pytest.raises(InputError, match=case.split(",", maxsplit=1)[0]) as raised:
        ob.slide(classifier(), **arguments)
    assert len(str(raised.value).splitlines()) == 1


@pytest.mark.parametrize("method", ["grid", "plan", "report"])
@pytest.mark.parametrize("size", [(15, 40), (40,), (40, 40, 40)])
def test_refused_sizes(method: str, size: tuple[int, ...]) -> None:
    sliding = ob.slide(classifier(), WINDOW, STRIDE)
    with pytest.raises(InputError):
        getattr(sliding, method)(*size)
