"""Make the table of docs/rewriting.md: every way to write a layer, rewritten, run and compared.

    python benchmarks/rewriting.py --into docs/rewriting.md

Each cell rewrites one small file whose numbers are integers, and compares both files in
onnxruntime: equal means equal, not close. Nothing is timed.
"""

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx

from onebyone.rewriting.onnx import rewrite_onnx

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from helpers.onnx_cases import (
    LAYOUTS,
    NORMALISED,
    OPSETS,
    TO_CONVOLUTION,
    TO_LINEAR,
    Case,
    feeds,
    operators,
    run,
)

MARKS = ("<!-- table of cases -->", "<!-- end of the table -->")


def equal(case: Case, opset: int, layout: str, folder: Path) -> list[str]:
    """The operators that a case became; empty where its outputs differ or it was left."""
    before, after = folder / "before.onnx", folder / "after.onnx"
    onnx.save(case.model(opset), before)
    report = rewrite_onnx(before, case.to, after, layout=layout).report
    onnx.checker.check_model(str(after), full_check=True)
    inputs = feeds(onnx.load(before))
    pairs = zip(run(before, inputs), run(after, inputs), strict=True)
    same = all(np.array_equal(a, b) for a, b in pairs)
    return operators(after) if same and len(report.rewritten) == case.rewritten else []


def row(case: Case, folder: Path) -> str:
    """One line of the table."""
    opsets = [opset for opset in OPSETS if opset >= case.since]
    by_opset = {opset: equal(case, opset, "BCHW", folder) for opset in opsets}
    layouts = LAYOUTS if case.to == "convolution" else ("BCHW",)
    by_layout = {layout: equal(case, max(18, case.since), layout, folder) for layout in layouts}
    wrong = [str(key) for key, found in {**by_opset, **by_layout}.items() if not found]
    moving = {"Transpose", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity"}
    became = sorted(set(by_opset[max(opsets)]) - moving)
    outcome = "differs: " + ", ".join(wrong) if wrong else "equal"
    opsets_said = f"{opsets[0]}–{opsets[-1]}"
    layouts_said = "all" if len(layouts) == len(LAYOUTS) else "—"
    differs = NORMALISED.get(case.name)
    back = f"as it was, normalised: {differs}" if differs else "as it was"
    cells = (case.name, case.to, ", ".join(became), opsets_said, layouts_said, outcome, back)
    return "| " + " | ".join(cells) + " |"


def table() -> str:
    """All cases."""
    heads = ("written as", "to", "operators of the result, moves aside")
    heads += ("opsets", "layouts", "outputs", "back again")
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    with TemporaryDirectory() as folder:
        lines += [row(case, Path(folder)) for case in TO_CONVOLUTION + TO_LINEAR]
    return "\n".join(lines)


def main() -> None:
    """Print the table, or put it between its marks in a page."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--into", type=Path, help="the page to change; default: print")
    into = parser.parse_args().into
    made = table()
    if into is None:
        print(made)
        return
    text = into.read_text()
    before, rest = text.split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    into.write_text(f"{before}{MARKS[0]}\n\n{made}\n\n{MARKS[1]}{after}")


if __name__ == "__main__":
    main()
