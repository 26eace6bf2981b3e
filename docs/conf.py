"""Sphinx configuration."""

from importlib.metadata import version as installed

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


def setup(app):
    """Docstrings write shapes as [N, C, *space] and norms as |x|, which are no markup."""

    def escape(_app, _what, _name, _obj, _options, lines):
        lines[:] = [line.replace("*", r"\*").replace("|", r"\|") for line in lines]

    app.connect("autodoc-process-docstring", escape, priority=100)
