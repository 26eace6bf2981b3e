"""Make the list of ONNX's operators in docs/onnx.md: which are computed, which not, and why.

python benchmarks/onnx_operators.py
"""

import sys
from pathlib import Path

import onnx

from onebyone.models.onnx.classical import CLASSICAL
from onebyone.models.onnx.control import CONTROL
from onebyone.models.onnx.sequences import CONSTRUCT, SEQUENCES
from onebyone.models.onnx.table import find, known
from onebyone.models.onnx.unknown import is_known

PAGE = Path(__file__).parents[1] / "docs" / "onnx.md"
BEGIN, END = "<!-- made by benchmarks/onnx_operators.py -->", "<!-- end -->"

WHY_NOT = {
    "random numbers: crops would not be the same twice": (
        "Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform",
        "RandomUniformLike",
    ),
    "text": (
        "RegexFullMatch", "StringConcat", "StringNormalizer", "StringSplit", "TfIdfVectorizer",
    ),
    "encoded images": ("ImageDecoder",),
    "boxes, whose number follows from the image": ("NonMaxSuppression", "MaxRoiPool", "RoiAlign"),
    "values that may be missing, which are no tensors": (
        "Optional", "OptionalGetElement", "OptionalHasElement",
    ),
    "sampling at places that follow from the image, which classifiers hardly have": (
        "DeformConv",
    ),
    "state that is kept between calls": ("TensorScatter",),
}  # fmt: skip


def newest() -> dict[str, int]:
    """ONNX's own operators that are not deprecated, with their newest version."""
    schemas = onnx.defs.get_all_schemas()
    return {s.name: s.since_version for s in schemas if s.domain == "" and not s.deprecated}


def _others() -> set[str]:
    """Operators of other domains, which quantisation and scikit-learn's exporter write."""
    return {entry.name for entry in known() if entry.domain} | set(CLASSICAL)


def listed() -> str:
    """The list as it stands in the docs."""
    versions = newest()
    last = max(versions.values())
    built = {*CONTROL, *SEQUENCES, CONSTRUCT}
    read = [n for n in versions if is_known(onnx.NodeProto(op_type=n), last)]
    table = [n for n in read if find(n, last) and n not in built]
    bodies = [n for n in read if n not in (*table, *built)]
    reasons = {name: why for why, names in WHY_NOT.items() for name in names}
    left = [n for n in versions if n not in read]
    lines = [
        f"Of the {len(versions)} operators of ONNX {onnx.__version__} (operator set {last}), "
        f"{len(read)} are read: {len(table)} by a function of the table, {len(bodies)} written out "
        f"as ONNX defines them, {len(read) - len(table) - len(bodies)} when the network is built.",
        "",
        f"*Table:* {', '.join(sorted(table))}.",
        "",
        f"*Written out:* {', '.join(sorted(bodies))}.",
        "",
        f"*Built:* {', '.join(sorted(set(read) & built))}.",
        "",
        f"*Of other domains:* {', '.join(sorted(_others()))}.",
        "",
        f"*Not computed* ({len(left)}):",
        "",
    ]
    for why in dict.fromkeys(reasons[name] for name in sorted(left)):
        names = sorted(name for name in left if reasons[name] == why)
        lines.append(f"- {why}: {', '.join(names)}")
    return "\n".join(lines)


def main() -> int:
    text = PAGE.read_text("utf-8")
    before, rest = text.split(BEGIN)
    behind = rest.split(END)[1]
    PAGE.write_text(f"{before}{BEGIN}\n\n{listed()}\n\n{END}{behind}", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
