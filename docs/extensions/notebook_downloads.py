"""Each tutorial can be downloaded as a notebook, with the outputs that this build has made."""

import json
import re
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx

PAGE_LINK = re.compile(r"\[([^\]]+)\]\([^)\s]*\.md(?:#[^)\s]*)?\)")
LINK = (
    '<p class="download">This page is a notebook. <a href="{name}" download>Download it</a>, '
    "and run it where onebyone is installed.</p>"
)


def _executed(app: Sphinx, page: str) -> Path:
    return Path(app.env.mystnb_config.output_folder) / f"{page}.ipynb"


def _link(app: Sphinx, doctree: nodes.document, page: str) -> None:
    title = next(doctree.findall(nodes.title), None)
    if title is not None and _executed(app, page).exists():
        link = LINK.format(name=f"{page.rpartition('/')[2]}.ipynb")
        title.parent.insert(1, nodes.raw("", link, format="html"))


def _copy(app: Sphinx, trouble: Exception | None) -> None:
    if trouble is not None or app.builder.format != "html":
        return
    for page in app.env.found_docs:
        if (source := _executed(app, page)).exists():
            target = Path(app.outdir) / f"{page}.ipynb"
            target.write_text(_alone(source.read_text("utf-8")), "utf-8")


def _alone(text: str) -> str:
    """Write links to pages as their words: these pages are not beside a notebook."""
    notebook = json.loads(text)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = PAGE_LINK.sub(r"\1", "".join(cell["source"]))
    return json.dumps(notebook, ensure_ascii=False, indent=1) + "\n"


def setup(app: Sphinx) -> dict[str, bool]:
    """Put the link when a page is read, and the file beside it when all are written."""
    app.connect("doctree-resolved", _link)
    app.connect("build-finished", _copy)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
