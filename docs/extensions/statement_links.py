"""S1 to S14 in running text are links to the statements, and these to the lesson's steps."""

import re
from collections.abc import Callable

from docutils import nodes
from sphinx.application import Sphinx

STATEMENTS = "statements"
NAME = re.compile(r"\bS(?:1[0-4]|[1-9])\b")
STEP = re.compile(r"\b[Ss]tep [1-7]\b")
AS_THEY_ARE = (nodes.literal, nodes.literal_block, nodes.reference, nodes.title, nodes.raw)


def _link(app: Sphinx, doctree: nodes.document, page: str) -> None:
    target = app.builder.get_relative_uri(page, STATEMENTS)
    if page == STATEMENTS:
        _name_rows(doctree)
        _replace(doctree, STEP, lambda step: f"lesson.html#step={step[-1]}")
    _replace(doctree, NAME, lambda name: f"{target}#{name.lower()}")


def _name_rows(doctree: nodes.document) -> None:
    """Give the first row of each statement its name as an address."""
    named = set()
    for row in doctree.findall(nodes.row):
        first = row.children[0].astext()
        if NAME.fullmatch(first) and first not in named:
            row["ids"].append(first.lower())
            named.add(first)


def _replace(doctree: nodes.document, pattern: re.Pattern[str], to: Callable[[str], str]) -> None:
    for text in list(doctree.findall(nodes.Text)):
        if not pattern.search(text) or _is_left(text):
            continue
        parts: list[nodes.Node] = []
        end = 0
        for found in pattern.finditer(text):
            parts.append(nodes.Text(text[end : found.start()]))
            parts.append(nodes.reference("", found[0], internal=True, refuri=to(found[0])))
            end = found.end()
        parts.append(nodes.Text(text[end:]))
        text.parent.replace(text, parts)


def _is_left(text: nodes.Text) -> bool:
    """Whether text is code, a link, a title, or the name in a statement's own row."""
    node = text.parent
    while node is not None:
        if isinstance(node, AS_THEY_ARE):
            return True
        if isinstance(node, nodes.entry) and NAME.fullmatch(node.astext()):
            return True
        node = node.parent
    return False


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect when all pages are read."""
    app.connect("doctree-resolved", _link)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
