"""Every public name has a short example in its docstring, which runs and prints what it says."""

import doctest
import inspect
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import onebyone as ob

NAMES = {"ob": ob, "np": np, "torch": torch, "nn": nn}  # as docs/api/index.md says
PUBLIC = {
    f"{home}.{name}": getattr(module, name)
    for home, module in (("ob", ob), ("ob.nin", ob.nin))
    for name in module.__all__
}
WITH_DOCSTRING = [
    name for name, found in PUBLIC.items() if inspect.isclass(found) or inspect.isfunction(found)
]


@pytest.mark.parametrize("name", WITH_DOCSTRING)
def test_example(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ONEBYONE_CACHE", str(tmp_path / "cache"))
    docstring = PUBLIC[name].__doc__ or ""
    parsed = doctest.DocTestParser().get_doctest(docstring, dict(NAMES), name, None, None)
    assert 1 <= len(parsed.examples) <= 8
    assert doctest.DocTestRunner().run(parsed).failed == 0
