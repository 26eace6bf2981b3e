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
