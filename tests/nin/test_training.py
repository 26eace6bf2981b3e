"""Training: equal seeds, resuming bit for bit, the published schedule, and where it stops."""

from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional

from onebyone import nin
from onebyone.errors import InputError
from onebyone.nin import fitting
from onebyone.nin.recipes import Plateau, stalls

TINY = nin.Architecture(
    (1, 9, 9), (nin.Block(3, 1, (6, 4)), nin.Block(3, 1, (6, 4)), nin.Block(3, 1, (6, 2)))
)


@pytest.fixture(scope="module")
def stripes() -> nin.Labelled:
    """Images of stripes across (0) and down (1), with noise."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(150) % 2
    wave = (torch.arange(9.0) * 2).sin().view(1, 1, 9, 1).expand(150, 1, 9, 9)
    images = torch.where(labels.view(-1, 1, 1, 1) == 0, wave, wave.transpose(2, 3))
    noise = 0.3 * torch.randn(150, 1, 9, 9, generator=generator)
    return nin.Labelled(images + noise, labels, ("across", "down"))


def fresh(**options) -> nin.NetworkInNetwork:
    torch.manual_seed(1)
    return nin.NetworkInNetwork(TINY, **options)


def parameters(model: nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def trained(data: nin.Labelled, **options) -> tuple[torch.Tensor, list[nin.Epoch]]:
    model = fresh()
    history = nin.train(model, data, device="cpu", **options)
    return parameters(model), history


@pytest.mark.parametrize("recipe", ["paper", "fast"])
def test_training_learns(recipe: str, stripes: nin.Labelled) -> None:
    model = fresh(dropout=0.1)
    history = nin.train(model, stripes, recipe=recipe, epochs=25, device="cpu", held_out=stripes)
    assert history[-1].loss < 0.6 * history[0].loss
    assert nin.accuracy(model, stripes) > 0.95
    assert history[-1].held_out > 0.9
    assert not any(module.training for module in model.modules())


def test_fast_recipe_leaves_the_plain_network_with_the_scores_of_the_trained_one(
    stripes: nin.Labelled, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = []
    finish = fitting._finish

    def spy(model: nin.NetworkInNetwork) -> None:
        with torch.no_grad():
            before.append(model.eval()(stripes.images))
        assert any(isinstance(module, nn.BatchNorm2d) for module in model.modules())
        finish(model)

    monkeypatch.setattr(fitting, "_finish", spy)
    model = fresh()
    nin.train(model, stripes, epochs=2, device="cpu")
    assert model.state_dict().keys() == fresh().state_dict().keys()
    torch.testing.assert_close(model(stripes.images), before[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("recipe", ["paper", "fast"])
def test_resumed_training_gives_the_same_bits(
    recipe: str, stripes: nin.Labelled, tmp_path: Path
) -> None:
    options = {"recipe": recipe, "epochs": 5, "seed": 3, "augment": ["shift", "flip"]}
    whole, history = trained(stripes, **options)
    path = tmp_path / "run.checkpoint"

    def stop(epoch: nin.Epoch) -> None:
        if epoch.number == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(stripes, **options, checkpoint=path, progress=nin.Progress(epoch=stop))
    resumed, again = trained(stripes, **options, checkpoint=path, resume=True)
    assert torch.equal(resumed, whole)
    assert again == history


def test_seeds_decide_and_the_callers_random_numbers_stay(stripes: nin.Labelled) -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    model = fresh()
    torch.manual_seed(5)
    nin.train(model, stripes, epochs=1, seed=3, device="cpu", augment=["shift"])
    assert torch.equal(torch.rand(1), expected)
    again, _ = trained(stripes, epochs=1, seed=3, augment=["shift"])
    other, _ = trained(stripes, epochs=1, seed=4, augment=["shift"])
    assert torch.equal(parameters(model), again)
    assert not torch.equal(again, other)


def test_paper_recipe_steps_as_sgd_with_momentum_and_decay(stripes: nin.Labelled) -> None:
    """Two steps of the recipe against their formula, without torch.optim."""
    few = nin.Labelled(stripes.images[:100], stripes.labels[:100], stripes.classes)
    model, mine = fresh(dropout=0.0), fresh(dropout=0.0)
    nin.train(model, few, recipe="paper", epochs=2, device="cpu")
    momenta = [torch.zeros_like(p) for p in mine.parameters()]
    for _ in range(2):
        loss = functional.cross_entropy(mine(few.images), few.labels)
        gradients = torch.autograd.grad(loss, list(mine.parameters()))
        for p, momentum, gradient in zip(mine.parameters(), momenta, gradients, strict=True):
            momentum.mul_(0.9).add_(gradient + 1e-4 * p.detach())
            p.data -= 0.1 * momentum
    torch.testing.assert_close(parameters(model), parameters(mine), rtol=1e-4, atol=1e-6)


def test_plateau_divides_the_rate_by_ten_twice_and_then_ends() -> None:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    plateau = Plateau(optimizer, 0.1, 0)
    accuracies, rates, going = [], [], True
    while going:
        accuracies.append(min(0.5, 0.1 * (len(accuracies) + 1)))  # best at the fifth
        going = plateau.after_epoch(accuracies)
        rates.append(round(optimizer.param_groups[0]["lr"], 6))
    # Ten epochs without a new best, then ten at each lower rate.
    assert rates == [0.1] * 14 + [0.01] * 10 + [0.001] * 11
    assert stalls([0.5, 0.4, 0.6, 0.6, 0.6], patience=2) == 1


def test_progress_is_told_of_every_epoch_and_of_shares_of_it(stripes: nin.Labelled) -> None:
    epochs, shares = [], []
    progress = nin.Progress(epoch=epochs.append, step=shares.append)
    nin.train(fresh(), stripes, epochs=2, device="cpu", progress=progress)
    assert [epoch.number for epoch in epochs] == [1, 2]
    assert shares == [0.5, 1, 1.5, 2]


@pytest.mark.parametrize("name", ["cifar10", "cifar100", "svhn"])
@pytest.mark.parametrize("recipe", ["paper", "fast"])
def test_colour_networks_train_on_arrays_of_their_shape(name: str, recipe: str) -> None:
    architecture = nin.ARCHITECTURES[name]
    images = torch.rand(2, *architecture.input)
    data = nin.Labelled(images, torch.tensor([0, 9]), tuple(map(str, range(architecture.classes))))
    model = getattr(nin, name)()
    history = nin.train(model, data, recipe=recipe, epochs=2, device="cpu", augment=["shift"])
    assert all(torch.tensor(epoch.loss).isfinite() for epoch in history)
    assert model(images).shape == (2, architecture.classes)


def test_nan_stops_names_the_step_and_keeps_the_last_good_checkpoint(
    stripes: nin.Labelled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.checkpoint"
    good = []

    def spoil(epoch: nin.Epoch) -> None:
        good.append(path.read_bytes())
        stripes.images[0] = torch.nan

    kept = stripes.images[0].clone()
    options = {"recipe": "paper", "epochs": 3, "checkpoint": path}
    message = r"the loss is nan at step [12] of 2 in epoch 2: training has stopped"
    with pytest.raises(InputError, match=message):
        trained(stripes, **options, progress=nin.Progress(epoch=spoil))
    assert path.read_bytes() == good[0]
    stripes.images[0] = kept
    _, history = trained(stripes, **options, resume=True)
    assert len(history) == 3


def test_interrupted_training_leaves_the_plain_network(stripes: nin.Labelled) -> None:
    def stop(_: float) -> None:
        raise KeyboardInterrupt

    model = fresh()
    with pytest.raises(KeyboardInterrupt):
        nin.train(model, stripes, device="cpu", progress=nin.Progress(step=stop))
    assert model.state_dict().keys() == fresh().state_dict().keys()
    assert not any(module.training for module in model.modules())


def test_checkpoint_of_another_training_is_refused(stripes: nin.Labelled, tmp_path: Path) -> None:
    path = tmp_path / "run.checkpoint"
    trained(stripes, epochs=1, checkpoint=path)
    other = nin.NetworkInNetwork(TINY._replace(head="fully_connected"))
    message = (
        r"is of a training with architecture 1×9×9: 3/1 6-4, 3/1 6-4, 3/1 6-2; pool 3 up max; "
        r"dropout after \(1, 2\); gap, not 1×9×9: .*; fully_connected\.$"
    )
    with pytest.raises(InputError, match=message):
        nin.train(other, stripes, epochs=1, device="cpu", checkpoint=path, resume=True)
    for changed in ({"seed": 1}, {"recipe": "paper"}, {"epochs": 2}, {"augment": ["flip"]}):
        name, value = next(iter(changed.items()))
        options = {"epochs": 1, "checkpoint": path, "resume": True, **changed}
        with pytest.raises(InputError, match=f"with {name} .*, not ") as caught:
            trained(stripes, **options)
        assert str(value) in str(caught.value)


def test_damaged_or_missing_checkpoint_is_refused(stripes: nin.Labelled, tmp_path: Path) -> None:
    path = tmp_path / "run.checkpoint"
    with pytest.raises(InputError, match="no such file; nothing to resume"):
        trained(stripes, checkpoint=path, resume=True)
    with pytest.raises(InputError, match="name the checkpoint"):
        trained(stripes, resume=True)
    trained(stripes, epochs=1, checkpoint=path)
    whole = path.read_bytes()
    for content in (whole[:500], b"no checkpoint", b""):
        path.write_bytes(content)
        with pytest.raises(InputError, match="damaged, or none of onebyone's"):
            trained(stripes, epochs=1, checkpoint=path, resume=True)


def test_a_checkpoint_with_a_flipped_bit_is_refused(stripes: nin.Labelled, tmp_path: Path) -> None:
    path = tmp_path / "run.checkpoint"
    trained(stripes, epochs=1, checkpoint=path)
    whole = path.read_bytes()
    for place in (0, 40, *range(1000, len(whole), len(whole) // 20), len(whole) - 1):
        flipped = bytearray(whole)
        flipped[place] ^= 4
        path.write_bytes(flipped)
        with pytest.raises(InputError, match=r"checkpoint .*run\.checkpoint: damaged"):
            trained(stripes, epochs=1, checkpoint=path, resume=True)
    path.write_bytes(whole)
    trained(stripes, epochs=1, checkpoint=path, resume=True)


def test_a_training_that_begins_leaves_the_checkpoint_that_is_there(
    stripes: nin.Labelled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.checkpoint"
    path.write_bytes(b"of days")
    monkeypatch.setattr(fitting.Training, "epoch", lambda *_: pytest.fail("trained"))
    with pytest.raises(InputError, match=r"run\.checkpoint: is there already, .*resume=True"):
        trained(stripes, epochs=1, checkpoint=path)
    assert path.read_bytes() == b"of days"
    with pytest.raises(InputError, match=r"its folder .* does not exist"):
        trained(stripes, epochs=1, checkpoint=tmp_path / "no" / "run.checkpoint")


def test_images_that_do_not_fit_are_refused(stripes: nin.Labelled) -> None:
    images, labels, classes = stripes
    with pytest.raises(InputError, match=r"images of 1×8×9: the network takes 1×9×9"):
        trained(nin.Labelled(images[:, :, 1:], labels, classes))
    with pytest.raises(InputError, match=r"images of 1×8×9"):
        trained(stripes, held_out=nin.Labelled(images[:, :, 1:], labels, classes))
    for label in (2, -1):
        wrong = labels.clone()
        wrong[7] = label
        message = f"label {label} of image 7 is out of range: .* 2 classes, 0 to 1"
        with pytest.raises(InputError, match=message):
            trained(nin.Labelled(images, wrong, classes))


def test_unknown_options_are_refused(stripes: nin.Labelled) -> None:
    with pytest.raises(InputError, match=r"recipe = 'slow': give one of paper, fast, pages"):
        trained(stripes, recipe="slow")
    with pytest.raises(InputError, match=r"augment = 'zoom': give some of warp, shift, flip"):
        trained(stripes, augment=["zoom"])


def test_network_for_images_that_are_too_small_is_refused() -> None:
    with pytest.raises(InputError, match="images of 1×12×12: too small for the network"):
        nin.NetworkInNetwork(nin.ARCHITECTURES["digits"].adapted((1, 12, 12), 2))
