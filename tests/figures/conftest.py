"""The interactive picture opened in a real browser."""

import pytest

from onebyone.figures import explain


@pytest.fixture
def visit(browser, tmp_path):
    """Open the page of a layer; at the end there must have been no error and no request."""
    troubles, pages = [], []

    def note(trouble, text):
        if trouble:
            troubles.append(text)

    def visit(layer, input, output=None, fragment="", **options):
        path = tmp_path / f"{len(pages)}.html"
        explain(layer, input, output).save(path)
        page = browser.new_page(**{"viewport": {"width": 1280, "height": 900}} | options)
        pages.append(page)
        page.on("console", lambda message: note(message.type == "error", message.text))
        page.on("pageerror", lambda error: note(True, str(error)))
        local = ("file:", "data:", "blob:")
        page.on("request", lambda asked: note(not asked.url.startswith(local), asked.url[:80]))
        page.goto(path.as_uri() + fragment)
        page.wait_for_selector("html[data-ready]")
        return page

    yield visit
    for page in pages:
        page.close()
    assert troubles == []
