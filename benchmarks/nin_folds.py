"""Make the table of docs/nin.md: the published MNIST network on 5,000 digits, five folds.

    python benchmarks/nin_folds.py --folder folds --docs docs/nin.md

Global average pooling and the fully connected head, with dropout before it and without, beside
scikit-learn's SVC and a linear classifier, all on the same folds. Each fold of each classifier is
one JSON file in the folder; those that are there are not run again, and an interrupted training
goes on from its checkpoint. The held-out digits are seen once, after the last epoch.
"""

import argparse
import datetime
import json
import platform
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import mean, stdev

import torch
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from onebyone import nin

FOLDS = 5
EPOCHS = 30
BEGIN, END = "<!-- folds: begin -->", "<!-- folds: end -->"
HEADS = {
    "global average pooling": ("gap", 0.0),
    "fully connected, dropout": ("fully_connected", 0.5),
    "fully connected": ("fully_connected", 0.0),
}
OTHERS: dict[str, Callable[[], Pipeline]] = {
    "SVC (RBF, C = 10)": lambda: make_pipeline(SVC(C=10, gamma="scale")),
    "logistic regression": lambda: make_pipeline(
        StandardScaler(), LogisticRegression(C=0.01, max_iter=1000)
    ),
}


class Fold:
    """The digits of one fold: four fifths of each class to train on, one fifth held out."""

    def __init__(self, number: int) -> None:
        self.number = number
        digits = nin.mnist_digits()
        splitter = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
        train, held_out = list(splitter.split(digits.labels, digits.labels))[number]
        self.train, self.held_out = digits.subset(train), digits.subset(held_out)

    def network_error(self, head: str, dropout: float, checkpoint: Path, epochs: int) -> float:
        """Train the published network, from its checkpoint where there is one; its error."""
        torch.manual_seed(self.number)
        model = nin.mnist(head=head, head_dropout=dropout)
        nin.train(
            model,
            self.train,
            recipe="fast",
            augment=["warp"],
            epochs=epochs,
            seed=self.number,
            device="cpu",
            checkpoint=checkpoint,
            resume=checkpoint.exists(),
            progress=nin.Progress(epoch=lambda epoch: print(epoch, file=sys.stderr, flush=True)),
        )
        checkpoint.unlink()
        return 1 - nin.accuracy(model, self.held_out)

    def other_error(self, classifier: Pipeline) -> float:
        """Train a classifier of scikit-learn; its error."""
        classifier.fit(self.train.images.flatten(1).numpy(), self.train.labels.numpy())
        given = self.held_out.images.flatten(1).numpy()
        return 1 - float(classifier.score(given, self.held_out.labels.numpy()))


def jobs(folder: Path, epochs: int) -> Iterator[tuple[Path, str, int, Callable[[Fold], float]]]:
    """Every fold of every classifier, the heads of the paper's comparison first."""
    for name, build in OTHERS.items():
        for number in range(FOLDS):
            yield path(folder, name, number), name, number, lambda f, b=build: f.other_error(b())
    for name, (head, dropout) in HEADS.items():
        for number in range(FOLDS):
            target = path(folder, name, number)

            def run(
                fold: Fold, head: str = head, dropout: float = dropout, target: Path = target
            ) -> float:
                checkpoint = target.with_suffix(".checkpoint")
                return fold.network_error(head, dropout, checkpoint, epochs)

            yield target, name, number, run


def path(folder: Path, name: str, number: int) -> Path:
    words = "".join(letter if letter.isalnum() else " " for letter in name.lower()).split()
    return folder / f"{'-'.join(words)}-{number}.json"


def table(folder: Path) -> str:
    """The errors of all folds that are there, in per cent."""
    lines = ["| classifier | error, % | ± standard deviation | folds | minutes a fold |",
             "|---|---|---|---|---|"]  # fmt: skip
    for name in (*HEADS, *OTHERS):
        done = [
            json.loads(p.read_text()) for n in range(FOLDS) if (p := path(folder, name, n)).exists()
        ]
        if done:
            errors = [100 * fold["error"] for fold in done]
            spread = f"{stdev(errors):.2f}" if len(errors) > 1 else ""
            minutes = mean(fold["seconds"] for fold in done) / 60
            lines.append(
                f"| {name} | {mean(errors):.2f} | {spread} | {len(errors)} | {minutes:.1f} |"
            )
    return "\n".join(lines)


def inject(docs: Path, text: str) -> None:
    """Put the table between the page's markers."""
    page = docs.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    if not after:
        sys.exit(f"{docs}: has no {BEGIN} … {END}")
    docs.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")


def conditions(epochs: int) -> str:
    """Under what conditions the table was made."""
    return (
        f"Made by `benchmarks/nin_folds.py` on {datetime.datetime.now(datetime.UTC).date()}: "
        f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}; "
        f"{epochs} epochs of the fast recipe with digits warped anew; 4,000 digits to train on and "
        "1,000 held out in each fold, seen once, after the last epoch."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare heads and classifiers on five folds.")
    parser.add_argument("--folder", type=Path, default=Path("nin-folds"))
    parser.add_argument("--docs", type=Path, help="the page to put the table into")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--only", help="classifiers whose name contains this")
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    for target, name, number, run in jobs(chosen.folder, chosen.epochs):
        if target.exists() or (chosen.only and chosen.only not in name):
            continue
        start = time.perf_counter()
        error = run(Fold(number))
        result = {"classifier": name, "fold": number, "error": error,
                  "seconds": time.perf_counter() - start, "epochs": chosen.epochs}  # fmt: skip
        target.write_text(json.dumps(result))
        print(result, file=sys.stderr, flush=True)
    text = f"{conditions(chosen.epochs)}\n\n{table(chosen.folder)}"
    print(text)
    if chosen.docs:
        inject(chosen.docs, text)


if __name__ == "__main__":
    main()
