"""Start-up: what importing onebyone imports, in a process of its own."""

import subprocess
import sys

import pytest

import onebyone

OPTIONAL = {
    "onnx", "onnxscript", "onnxruntime", "openvino", "monai", "timm", "torchvision", "skimage",
    "joblib", "mlxtend", "efficientnet_lite_pytorch", "matplotlib", "torch._dynamo",
    "torch._inductor", "torch.onnx",
}  # fmt: skip


def imported(code: str) -> set[str]:
    """The modules that a process has after running some code, optional ones and torch."""
    program = f"{code}; import sys; print(*sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return set(run.stdout.split())


def test_importing_onebyone_imports_no_torch_at_all() -> None:
    """So it takes milliseconds; each public name brings what it needs when it is first used."""
    found = imported("import onebyone")
    assert not found & {"torch", "numpy", "scipy", "rich", "PIL", *OPTIONAL}


def test_public_names_bring_nothing_optional() -> None:
    """Beyond what torch itself imports."""
    found = imported("import onebyone as ob; ob.slide, ob.matrix, ob.explain, ob.nin")
    assert "torch" in found
    assert not (found - imported("import torch")) & OPTIONAL


def test_sliding_brings_no_tables() -> None:
    """Rich takes as long to import as all that slides; a report brings it when it is shown."""
    assert "rich.console" not in imported("import onebyone as ob; ob.slide")


def test_the_version_is_known_without_torch() -> None:
    code = (
        "import sys, onebyone; from importlib.metadata import version;"
        "assert onebyone.__version__ == version('onebyone'); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)


def test_public_names_are_listed_before_any_is_used() -> None:
    code = "import onebyone as ob; names = dir(ob); assert names == ob.__all__; print(*names)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"slide", "Plan", "nin", "NotExact"} < {*run.stdout.split()}
    code = "from onebyone import *; print(slide, nin, Plan, NotExact)"
    subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    with pytest.raises(AttributeError, match="slidee"):
        _ = onebyone.slidee
