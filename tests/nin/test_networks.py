import pytest
import torch
from torch import nn

from onebyone import nin
from onebyone.errors import InputError


def count(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


PUBLISHED = {
    "cifar10": 966_986,
    "cifar100": 984_356,
    "svhn": 1_986_026,
    "mnist": 349_674,
    "imagenet": 7_595_176,
}
SIDES = {
    "cifar10": [32, 16, 16, 8, 8],
    "cifar100": [32, 16, 16, 8, 8],
    "svhn": [32, 16, 16, 8, 8],
    "mnist": [28, 14, 14, 7, 7],
    "imagenet": [54, 27, 27, 13, 13, 6, 6],
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_networks_have_the_published_parameters(name: str) -> None:
    assert count(getattr(nin, name)()) == PUBLISHED[name]


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_networks_have_the_published_sizes_and_scores(name: str) -> None:
    model = getattr(nin, name)().eval()
    architecture = nin.ARCHITECTURES[name]
    with torch.inference_mode():
        scores = model(torch.rand(1, *architecture.input))
    assert scores.shape == (1, architecture.classes)
    assert sides(model) == SIDES[name]


@pytest.mark.parametrize("name", ["mnist", "faces", "digits", "cifar10"])
@pytest.mark.parametrize("size", [(25, 26), (31, 40), (28, 53)])
def test_size_of_the_maps_is_known_beforehand(name: str, size: tuple[int, int]) -> None:
    channels = nin.ARCHITECTURES[name].input[0]
    architecture = nin.ARCHITECTURES[name].adapted((channels, *size), 3)
    model = nin.NetworkInNetwork(architecture).eval()
    assert model.maps(torch.rand(1, *architecture.input)).shape == (1, 3, *architecture.grid)


def test_dropout_follows_the_poolings_that_the_papers_networks_have_it_after() -> None:
    def order(model: nn.Module) -> str:
        letters = {nin.MLPConv: "m", nn.MaxPool2d: "p", nn.AvgPool2d: "a", nn.Dropout: "d"}
        return "".join(letters[type(layer)] for layer in model.features)

    assert order(nin.cifar10()) == "mpdmpdm"
    assert order(nin.cifar10(pool_2="average")) == "mpdmadm"
    assert order(nin.imagenet()) == "mpmpmpdm"


def test_fully_connected_head_is_a_layer_on_the_last_maps() -> None:
    model = nin.mnist(head="fully_connected", head_dropout=0.25).eval()
    images = torch.rand(3, 1, 28, 28)
    _, dropout, linear = model.head
    assert dropout.p == 0.25
    assert linear.weight.shape == (10, 10 * 7 * 7)
    expected = model.maps(images).flatten(1) @ linear.weight.T + linear.bias
    torch.testing.assert_close(model(images), expected)
    with pytest.raises(InputError, match=r"images of 1×32×32: .* takes 1×28×28 only"):
        model(torch.rand(1, 1, 32, 32))


def test_global_average_pooling_is_a_fully_connected_head() -> None:
    """S6: with the weights I ⊗ (1/HW)·1ᵀ both heads give the same scores."""
    model, other = nin.mnist().eval(), nin.mnist(head="fully_connected").eval()
    other.features.load_state_dict(model.features.state_dict())
    linear = other.head[2]
    linear.weight.data = torch.kron(torch.eye(10), torch.full((1, 49), 1 / 49))
    linear.bias.data.zero_()
    images = torch.rand(3, 1, 28, 28)
    torch.testing.assert_close(other(images), model(images))


def test_maps_average_to_the_scores_and_the_place_of_the_relu_matters() -> None:
    model = nin.mnist().eval()
    images = torch.rand(3, 1, 28, 28)
    maps = model.maps(images)
    torch.testing.assert_close(maps.mean(dim=(2, 3)), model(images))
    entering = []
    model.features[-1][-1][1].register_forward_pre_hook(lambda _, given: entering.extend(given))
    model(images)
    late = entering[0].mean(dim=(2, 3)).relu()  # S13 does not hold across the ReLU
    assert (late - model(images)).abs().max() > 0.01


def test_published_initialisation_is_a_gaussian_of_005() -> None:
    weight = nin.cifar10(initialisation="published").features[3][0].weight
    assert abs(weight.std().item() - 0.05) < 0.001
    assert abs(nin.cifar10().features[3][0].weight.std().item() - 0.05) > 0.01


@pytest.mark.parametrize("form", ["linear", "per_location"])
def test_whole_networks_are_equal_in_all_forms(form: str) -> None:
    model, other = nin.mnist().double().eval(), nin.mnist(form=form).double().eval()
    other.load_state_dict(model.state_dict())
    images = torch.rand(2, 1, 28, 28, dtype=torch.float64)
    torch.testing.assert_close(other(images), model(images), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("option", "choices"),
    [
        ("head", "gap, fully_connected"),
        ("pool_2", "max, average"),
        ("initialisation", "he, published"),
        ("form", "convolution, linear, per_location"),
    ],
)
def test_unknown_choices_are_refused(option: str, choices: str) -> None:
    with pytest.raises(InputError, match=f"{option} = 'other': give one of {choices}"):
        nin.mnist(**{option: "other"})


@pytest.mark.parametrize(("padded", "parameters"), [(False, 251_467), (True, 349_771)])
def test_digit_networks_have_the_stated_parameters(padded: bool, parameters: int) -> None:
    assert count(nin.digits(padded=padded)) == parameters


def test_unpadded_network_pads_nowhere_and_leaves_no_pixel_over() -> None:
    model = nin.digits()
    windowed = [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.MaxPool2d)]
    assert {m.padding for m in windowed} == {0, (0, 0)}
    assert not any(m.ceil_mode for m in windowed if isinstance(m, nn.MaxPool2d))
    assert sides(model) == [24, 12, 8, 4, 2]


def test_published_padding_and_ceil_mode_keep_28_14_7() -> None:
    assert sides(nin.mnist()) == [28, 14, 14, 7, 7]


def test_face_network_leaves_no_pixel_over() -> None:
    assert sides(nin.faces()) == [22, 11, 8, 4, 2]


def sides(model: nin.NetworkInNetwork) -> list[int]:
    x = torch.zeros(1, *model.architecture.input)
    found = []
    for layer in model.features:
        x = layer(x)
        if not isinstance(layer, nn.Dropout):
            found.append(x.shape[-1])
    return found


@pytest.mark.parametrize("padded", [False, True])
def test_scores_are_eleven_and_not_negative(padded: bool) -> None:
    scores = nin.digits(padded=padded).eval()(torch.rand(3, 1, 28, 28))
    assert scores.shape == (3, 11)
    assert (scores >= 0).all()
    assert (scores > 0).any()


def test_images_are_prepared_before_the_network() -> None:
    model = nin.mnist().eval()
    images = torch.rand(2, 1, 28, 28)
    expected = model(2 * images)
    model.prepare = nn.Conv2d(1, 1, 1, bias=False)
    nn.init.constant_(model.prepare.weight, 2)
    torch.testing.assert_close(model(images), expected)
