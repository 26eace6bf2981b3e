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
from pathlib import Path
from statistics import mean, stdev

import torch
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from onebyone import nin

FOLDS = 5
EPOCHS = 50
DROPOUT = 0.2  # after the poolings, as in the bundled networks, which see digits warped anew too
BEGIN, END = "<!-- folds: begin -->", "<!-- folds: end -->"

# The probability of dropout before the fully connected head.
HEADS = {
    "global average pooling": ("gap", 0.0),
    "fully connected, dropout": ("fully_connected", 0.5),
    "fully connected": ("fully_connected", 0.0),
}
OTHERS = {
    "SVC (RBF, C = 10)": SVC(C=10),
    "logistic regression": make_pipeline(
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

    def error(self, name: str, checkpoint: Path, epochs: int) -> float:
        """Train the classifier of this name and measure its error on what was held out."""
        if name in HEADS:
            return self._network_error(*HEADS[name], checkpoint, epochs)
        classifier = clone(OTHERS[name])
        classifier.fit(self.train.images.flatten(1).numpy(), self.train.labels.numpy())
        given = self.held_out.images.flatten(1).numpy()
        return 1 - float(classifier.score(given, self.held_out.labels.numpy()))

    def _network_error(self, head: str, dropout: float, checkpoint: Path, epochs: int) -> float:
        torch.manual_seed(self.number)
        model = nin.mnist(head=head, head_dropout=dropout, dropout=DROPOUT)
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


def result_of(folder: Path, name: str, number: int) -> Path:
    """The file for a fold of a classifier."""
    words = "".join(letter if letter.isalnum() else " " for letter in name.lower()).split()
    return folder / f"{'-'.join(words)}-{number}.json"


def run(folder: Path, name: str, number: int, epochs: int) -> None:
    """Run one fold of one classifier and write its result."""
    result = result_of(folder, name, number)
    start = time.perf_counter()
    error = Fold(number).error(name, result.with_suffix(".checkpoint"), epochs)
    minutes = (time.perf_counter() - start) / 60  # of the last part, where it was interrupted
    written = {"classifier": name, "fold": number, "error": error, "minutes": minutes}
    result.write_text(json.dumps(written | {"epochs": epochs, "threads": torch.get_num_threads()}))
    print(result.read_text(), file=sys.stderr, flush=True)


def table(folder: Path) -> str:
    """The errors of all folds that are there, in per cent."""
    lines = [
        "| classifier | error, % | standard deviation | folds |",
        "|---|---|---|---|",
    ]
    for name in (*HEADS, *OTHERS):
        paths = [result_of(folder, name, number) for number in range(FOLDS)]
        done = [json.loads(path.read_text()) for path in paths if path.exists()]
        errors = [100 * fold["error"] for fold in done]
        if len(errors) > 1:
            figures = f"{mean(errors):.2f} | {stdev(errors):.2f} | {len(errors)}"
            lines.append(f"| {name} | {figures} |")
    return "\n".join(lines)


def inject(docs: Path, text: str) -> None:
    """Put the table between the page's markers."""
    page = docs.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    if not after:
        sys.exit(f"{docs}: has no {BEGIN} … {END}")
    docs.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")


def machine() -> str:
    """The processor's model, from where Linux tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def conditions(epochs: int) -> str:
    """Under what conditions the table was made."""
    return (
        f"Made by `benchmarks/nin_folds.py` on {datetime.datetime.now(datetime.UTC).date()}: "
        f"{machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}; "
        f"{epochs} epochs of the fast recipe with digits warped anew, dropout {DROPOUT} after the "
        "poolings and 0.5 before the fully connected layer where the table says so; 4,000 "
        "digits to train on and 1,000 held out in each fold, seen once, after the last epoch."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare heads and classifiers on five folds.")
    parser.add_argument("--folder", type=Path, default=Path("nin-folds"), help="for the results")
    parser.add_argument("--docs", type=Path, help="the page to put the table into")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--only", nargs="+", choices=[*HEADS, *OTHERS], metavar="CLASSIFIER")
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    for name in chosen.only or [*OTHERS, *HEADS]:
        for number in range(FOLDS):
            if not result_of(chosen.folder, name, number).exists():
                run(chosen.folder, name, number, chosen.epochs)
    text = f"{conditions(chosen.epochs)}\n\n{table(chosen.folder)}"
    print(text)
    if chosen.docs:
        inject(chosen.docs, text)


if __name__ == "__main__":
    main()
