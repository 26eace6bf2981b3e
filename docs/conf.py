"""Sphinx configuration."""

from importlib.metadata import version as installed
from pathlib import Path

project = "onebyone"
author = "The onebyone authors"
copyright = "2026, the onebyone authors"
version = release = installed("onebyone")
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "onebyone"
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
nitpicky = False


def write_picture(app, trouble):
    """Put the interactive picture of the example beside the pages."""
    if trouble is None and app.builder.format == "html":
        from onebyone.demos.answer import INPUT, example
        from onebyone.figures import explain

        explain(example(), INPUT).save(Path(app.outdir) / "answer.html")


def setup(app):
    """Docstrings write shapes as [N, C, *space] and norms as |x|, which are no markup."""

    def escape(_app, _what, _name, _obj, _options, lines):
        for number, line in enumerate(lines):
            if not line.lstrip().startswith((">>>", "...")):  # examples stay as they are
                lines[number] = line.replace("*", r"\*").replace("|", r"\|")

    app.connect("build-finished", write_picture)
    app.connect("autodoc-process-docstring", escape, priority=100)
