"""The command that trains the bundled networks anew."""

from pathlib import Path
from typing import Annotated

import typer


def train(
    name: Annotated[str, typer.Argument(help="nin-digits or nin-digits-padded.")],
    out: Annotated[Path, typer.Option(help="Where to write the weights, as safetensors.")],
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the training digits.")] = 40,
    seed: Annotated[int, typer.Option(min=0, help="Decides everything drawn at random.")] = 0,
) -> None:
    """Train a network for handwritten digits and background, and measure it on held-out ones."""
    from rich.console import Console
    from rich.progress import Progress
    from safetensors.torch import save_file

    from onebyone import nin
    from onebyone.writing import check_target, replacing

    padded = nin.is_padded(name)
    check_target(out)
    training, held_out = nin.load_digits()
    console = Console()
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task(name, total=epochs)

        def show(epoch: nin.Epoch) -> None:
            line = f"{name}: loss {epoch.loss:.3f}, right {epoch.accuracy:.1%}"
            progress.update(task, advance=1, description=line)

        model = nin.train_digits(
            padded=padded, epochs=epochs, seed=seed, train=training, progress=show
        )
    right = nin.accuracy(model, held_out)
    with replacing(out) as temporary:
        save_file(model.state_dict(), temporary)
    console.print(f"{right:.2%} of {len(held_out.labels):,} held-out digits right; wrote {out}")
