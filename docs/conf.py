"""Sphinx configuration."""

import sys
from importlib.metadata import version as installed
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "extensions"))

project = "onebyone"
author = "The onebyone authors"
copyright = "2026, the onebyone authors"
version = release = installed("onebyone")
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx_design",
    # of docs/extensions
    "escaping",
    "formulas",
    "interactive_pages",
    "notebook_downloads",
    "statement_links",
]
myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]

# Notebooks run at every build, and a cell that fails fails the build. `-D nb_execution_mode=cache`
# runs only those that were edited, which is quicker while one writes.
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 1800  # seconds a cell; a machine may be busy
nb_merge_streams = True

html_theme = "furo"
html_title = "onebyone"
html_static_path = ["static"]
html_css_files = ["docs.css"]
html_math_renderer = "mathml"
html_show_sourcelink = False
html_theme_options = {"navigation_with_keys": True}
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autosummary_generate = False
napoleon_use_ivar = True
nitpicky = False
