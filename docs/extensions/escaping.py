"""Docstrings write shapes as [N, C, *space] and norms as |x|, which are no markup."""

from typing import Any

from sphinx.application import Sphinx


def _escape(
    _app: Sphinx, _what: str, _name: str, _of: Any, _options: Any, lines: list[str]
) -> None:
    for number, line in enumerate(lines):
        if not line.lstrip().startswith((">>>", "...")):  # examples stay as they are
            lines[number] = line.replace("*", r"\*").replace("|", r"\|")


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect with autodoc, before napoleon reads the lines."""
    app.connect("autodoc-process-docstring", _escape, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
