"""Shapes that annotations say are checked while the tests run: pyproject.toml names where."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_every_module_that_says_shapes_is_checked() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    options = settings["tool"]["pytest"]["ini_options"]["addopts"]
    (named,) = re.findall(r"--jaxtyping-packages=(\S+)", options)
    for path in sorted((ROOT / "src").rglob("*.py")):
        if re.search("^ *from jaxtyping import", path.read_text(encoding="utf-8"), re.MULTILINE):
            module = ".".join(path.relative_to(ROOT / "src").with_suffix("").parts)
            assert any(f"{module}.".startswith(f"{name}.") for name in named.split(",")), module
