"""The numbers of every step of the lesson are those of PyTorch."""

import random

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from helpers.lesson import comparison, data, grid, image, sheets, turn, verdict
from helpers.picture import READ_CELLS, READ_OUTPUTS

KERNEL = torch.tensor([0.8, -0.5], dtype=torch.float64)
TIGHT = {"rtol": 0, "atol": 1e-9}
READ_TABLE = """() => [...document.querySelectorAll("#stage .weights td")].map(
    cell => Number(cell.dataset.value))"""


def example(page) -> torch.Tensor:
    return image(page)[:, :2, :2]


def convolve(x, weight, padding=0):
    return functional.conv2d(x[None], weight, padding=padding)[0]


def test_1_an_output_reads_the_two_numbers_at_its_location(learn):
    page = learn("step=1&shown=1")
    expected = convolve(example(page), KERNEL.reshape(1, 2, 1, 1)).flatten()
    np.testing.assert_allclose(page.evaluate(READ_OUTPUTS.replace("#sheets", "#stage")), expected)
    for at in range(4):
        turn(page, f"step=1&shown=1&at={at}")
        wires = page.locator("#stage .lines .wire.pinned").evaluate_all(
            "all => all.map(wire => wire.dataset.key)"
        )
        assert wires == [f"c{at},{at}", f"c{at},{at + 4}"]
        visible = page.locator("#stage .lines .wire:visible")
        assert visible.count() == 2
        x = example(page).flatten()
        words = f"reads {x[at]:g} in channel 0 and {x[at + 4]:g} in channel 1"
        assert words in page.locator("#seen").inner_text()


def test_2_a_location_is_a_fully_connected_layer_with_any_two_weights(learn):
    page = learn("step=2&shown=1")
    rng = random.Random(1)
    for _ in range(12):
        at, w = rng.randrange(4), [round(rng.uniform(-1, 1), rng.choice([1, 2])) for _ in "ab"]
        turn(page, f"step=2&shown=1&at={at}&w={w[0]},{w[1]}")
        weight = torch.tensor(w, dtype=torch.float64)
        conv = convolve(example(page), weight.reshape(1, 2, 1, 1)).flatten()[at]
        linear = functional.linear(example(page).flatten(1)[:, at], weight[None])
        [[convolved], [connected]] = comparison(page)
        np.testing.assert_allclose([convolved, connected], [conv, linear[0]], **TIGHT)
        assert verdict(page) == "= equal"


def trained(page, run: str) -> torch.Tensor:
    """The weights [location, channel] after a run, by PyTorch's own gradients."""
    examples = data(page, "lesson/training", "EXAMPLES")
    x = torch.tensor([one["image"] for one in examples], dtype=torch.float64)
    target = torch.tensor([one["targets"] for one in examples], dtype=torch.float64)
    weights = KERNEL[None].clone()
    for token in run:
        if token == "u":
            weights = weights.expand(4, 2).clone()
        elif token == "r":
            weights = weights.mean(0, keepdim=True)
        else:
            weights.requires_grad_(True)
            optimizer = torch.optim.SGD([weights], lr=data(page, "lesson/training", "RATE"))
            output = torch.einsum("ncl,lc->nl", x.flatten(2), weights.expand(4, 2))
            ((output - target) ** 2 / 2).sum(1).mean().backward()
            optimizer.step()
            weights = weights.detach()
    return weights.expand(4, 2)


@pytest.mark.parametrize("seed", range(3))
def test_3_training_with_weights_shared_and_not(learn, seed):
    page = learn("step=3&shown=1")
    rng = random.Random(seed)
    for run in ["", "t", "u", "ut", "utttr", *("".join(rng.choices("utttr", k=9)) for _ in "ab")]:
        turn(page, f"step=3&shown=1&run={run}" if run else "step=3&shown=1")
        expected = trained(page, run)
        np.testing.assert_allclose(grid(page.evaluate(READ_TABLE), 4, 2), expected, **TIGHT)
        outputs = torch.einsum("cl,lc->l", example(page).flatten(1), expected)
        shown = page.evaluate(READ_OUTPUTS.replace("#sheets", "#stage"))
        np.testing.assert_allclose(shown, outputs, **TIGHT)
        equal = bool(torch.allclose(expected, expected[:1], rtol=0, atol=1e-9))
        assert (page.locator("#stage .quarter").count() == 4) == equal
        assert (page.locator("#stage .dot").count() == 4) == (not equal)


def test_3_pressing_the_buttons_is_a_run(learn):
    page = learn("step=3&shown=1")
    page.locator("[data-name=step]").click()
    page.locator("[data-name=shared]").uncheck()
    page.locator("[data-name=ten]").click()
    page.locator("[data-name=step]").click()
    assert page.evaluate("location.hash") == "#step=3&shown=1&run=t1ut11"
    assert "drifted apart" in page.locator("#seen").inner_text()
    expected = trained(page, "tu" + "t" * 11)
    np.testing.assert_allclose(grid(page.evaluate(READ_TABLE), 4, 2), expected, **TIGHT)
    page.locator("[data-name=shared]").check()
    assert "mean of the four" in page.locator("#seen").inner_text()
    np.testing.assert_allclose(
        grid(page.evaluate(READ_TABLE), 4, 2), expected.mean(0).expand(4, 2), **TIGHT
    )


def switched(flips) -> np.ndarray:
    m = np.kron(KERNEL.numpy(), np.eye(4))
    for index in flips:
        row, column = divmod(index, 8)
        m[row, column] = 0.5 if m[row, column] == 0 else 0
    return m


@pytest.mark.parametrize("seed", range(2))
def test_4_the_matrix_its_outputs_and_the_nearest_convolution(learn, seed):
    page = learn("step=4&shown=1")
    rng = random.Random(seed)
    draws = [sorted(rng.sample(range(32), rng.randint(1, 6))) for _ in range(5)]
    for flips in [[], [0, 9, 18, 27], [1], [0], *draws]:
        fragment = (
            f"step=4&shown=1&flips={','.join(map(str, flips))}" if flips else "step=4&shown=1"
        )
        turn(page, fragment)
        m = switched(flips)
        read = np.zeros((4, 8))
        for row, column, value, _ in page.evaluate(READ_CELLS.replace("#matrix", "#stage")):
            read[row, column] = value
        np.testing.assert_array_equal(read, m)
        blocks = m.reshape(4, 2, 4)
        nearest = np.einsum("ici->c", blocks) / 4
        away = np.linalg.norm(m - np.kron(nearest, np.eye(4)))
        shown = page.locator("#stage [data-weight]:not(.cell)").evaluate_all(
            "all => all.map(one => Number(one.dataset.weight))"
        )
        np.testing.assert_allclose(shown, nearest, **TIGHT)
        distance = page.locator("#stage .nearest").get_attribute("data-distance")
        assert float(distance) == pytest.approx(away, abs=1e-9)
        x = example(page).flatten().numpy()
        np.testing.assert_allclose(
            comparison(page), [m @ x, np.kron(nearest, np.eye(4)) @ x], **TIGHT
        )
        assert verdict(page) == ("= equal" if away < 1e-9 else "≠ not equal")


def test_5_each_cell_of_the_map_is_the_layer_on_its_crop(learn):
    page = learn("step=5&shown=1")
    weight = torch.tensor(data(page, "lesson/growing", "WEIGHTS"), dtype=torch.float64)
    rng = random.Random(2)
    for h, w in [
        (2, 2),
        (2, 6),
        (6, 6),
        *((rng.randint(2, 6), rng.randint(2, 6)) for _ in range(4)),
    ]:
        y, x = rng.randint(0, h - 2), rng.randint(0, w - 2)
        turn(page, f"step=5&shown=1&h={h}&w={w}&y={y}&x={x}")
        picture = image(page)[:, :h, :w]
        map = convolve(picture, weight.reshape(2, 2, 2, 2))
        read = sheets(page)
        for k in range(2):
            title = (f"Map of outputs, {h - 1}×{w - 1}", f"output {k}")
            np.testing.assert_allclose(read[title], map[k].flatten(), **TIGHT)
            crop = read[("The crop under the cell", f"channel {k}")]
            np.testing.assert_array_equal(crop, picture[k, y : y + 2, x : x + 2].flatten())
        linear = nn.Linear(8, 2, bias=False).double()
        linear.weight.data = weight.reshape(2, 8)
        alone = linear(picture[:, y : y + 2, x : x + 2].flatten()).detach()
        np.testing.assert_allclose(
            comparison(page), [map[:, y, x].tolist(), alone.tolist()], **TIGHT
        )
        assert verdict(page) == "= equal"


def network(page, pad: int):
    """The two layers, for an image or a crop of any size."""
    kernel = torch.tensor(data(page, "lesson/windows", "KERNEL"), dtype=torch.float64)
    last = torch.tensor(data(page, "lesson/windows", "LAST"), dtype=torch.float64)
    last = last if pad else last[1:3, 1:3]

    def first(x):
        return functional.relu(convolve(x, kernel.reshape(1, 2, 3, 3), padding=pad))

    return first, lambda hidden: convolve(hidden, last[None, None])[0]


@pytest.mark.parametrize("pad", [0, 1])
@pytest.mark.parametrize("way", ["whole", "slide"])
def test_6_padding_and_what_slide_makes_of_it(learn, pad, way):
    page = learn("step=6&shown=1")
    first, last = network(page, pad)
    picture = image(page)
    crops = {(y, x): first(picture[:, y : y + 4, x : x + 4]) for y in range(3) for x in range(3)}
    scores = np.array([[float(last(crops[y, x])) for x in range(3)] for y in range(3)])
    whole = last(first(picture)).numpy()
    for y, x in ((0, 0), (1, 1), (2, 1), (0, 2)):
        turn(page, f"step=6&shown=1&pad={pad}&way={way}&y={y}&x={x}")
        read = sheets(page)
        map = whole if way == "whole" else scores
        np.testing.assert_allclose(grid(read["Map", "a cell for each window"], 3, 3), map, **TIGHT)
        np.testing.assert_allclose(
            read["First layer, crop", "for the crop alone"], crops[y, x].flatten(), **TIGHT
        )
        if way == "whole":
            used = read["First layer, whole image", "for all windows at once"]
            np.testing.assert_allclose(used, first(picture).flatten(), **TIGHT)
        else:
            used = read["First layer, as slide does it", "for this window"]
            np.testing.assert_allclose(used, crops[y, x].flatten(), **TIGHT)
        np.testing.assert_allclose(comparison(page), [[map[y, x]], [scores[y, x]]], **TIGHT)
        equal = bool(np.isclose(map, scores).all())
        assert equal == (not pad or way == "slide")
        assert verdict(page) == ("= equal" if equal else "≠ not equal")


def reads(y: int, x: int, r: int, c: int) -> frozenset:
    """The taps of an intermediate number of a padded crop, and the pixels that they read."""
    taps = [(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1)]
    return frozenset(
        (a, b, y + r + a, x + c + b) for a, b in taps if 0 <= r + a < 4 and 0 <= c + b < 4
    )


def test_6_what_is_shared_is_what_reads_the_same_pixels_with_the_same_taps(learn):
    page = learn("step=6&shown=1")
    places = page.evaluate(
        """async () => { const { places } = await import("lesson/windows");
        return [0, 1, 2].flatMap(y => [0, 1, 2].map(x => [y, x, places(1, y, x)])); }"""
    )
    owners = {}
    for y, x, rows in places:
        for r, row in enumerate(rows):
            for c, place in enumerate(row):
                key = (tuple(place["at"]), tuple(place["edges"]))
                owners.setdefault(reads(y, x, r, c), []).append((key, place["kind"], (y, x)))
    assert all(len({key for key, _, _ in found}) == 1 for found in owners.values())
    keys = {found[0][0] for found in owners.values()}
    assert len(keys) == len(owners)
    for found in owners.values():
        kinds = {kind for _, kind, _ in found}
        assert len(kinds) == 1
        rows, columns = ({window[n] for _, _, window in found} for n in (0, 1))
        if kinds == {"own"}:
            assert len(found) == 1
        if kinds == {"edge"}:
            assert min(len(rows), len(columns)) == 1
    counts = page.evaluate("""async () => (await import("lesson/windows")).shared(1).counts""")
    assert counts == {
        kind: sum(found[0][1] == kind for found in owners.values())
        for kind in ("all", "edge", "own")
    }
    turn(page, "step=6&shown=1&pad=1&way=slide")
    assert f"{len(owners)} numbers in the place of 144" in page.locator("#seen").inner_text()


@pytest.mark.parametrize("relu", [0, 1])
def test_7_a_small_network_at_every_window(learn, relu):
    page = learn("step=7&shown=1")
    layers = []
    shapes = {
        ("lesson/growing", "WEIGHTS"): (2, 2, 2, 2),
        ("lesson/purpose", "FIRST"): (3, 2, 1, 1),
        ("lesson/purpose", "SECOND"): (1, 3, 1, 1),
    }
    for (module, name), shape in shapes.items():
        conv = nn.Conv2d(shape[1], shape[0], shape[2], bias=False).double()
        conv.weight.data = torch.tensor(data(page, module, name), dtype=torch.float64).reshape(
            shape
        )
        layers += [conv, nn.ReLU()]
    plain = nn.Sequential(*layers[::2])
    picture = image(page)[:, :4, :4]
    for place in (0, 1, 5, 8):
        y, x = divmod(place, 3)
        turn(page, f"step=7&shown=1&relu={relu}&y={y}&x={x}")
        net = nn.Sequential(*layers) if relu else plain
        with torch.no_grad():
            map, one = net(picture[None])[0, 0], plain(picture[None])[0, 0]
            stages = [net[: (n + 1) * (1 + relu)](picture[None])[0, :, y, x] for n in range(3)]
        np.testing.assert_allclose(sheets(page)["Map", "output"], map.flatten(), **TIGHT)
        units = page.locator("#stage .unit").evaluate_all("all => all.map(u => +u.dataset.value)")
        np.testing.assert_allclose(units, torch.cat(stages), **TIGHT)
        np.testing.assert_allclose(comparison(page), [[map[y, x]], [one[y, x]]], **TIGHT)
        equal = bool(torch.isclose(map[y, x], one[y, x]))
        assert verdict(page) == ("= equal" if equal else "≠ not equal")
        assert equal or relu
