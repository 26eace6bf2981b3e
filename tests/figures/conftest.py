"""Interactive pages opened in a real browser."""

import pytest

from onebyone.figures import explain, lesson


@pytest.fixture
def watched(browser):
    """Open a saved page; at the end there must have been no error and no request."""
    troubles, pages = [], []

    def note(trouble, text):
        if trouble:
            troubles.append(text)

    def watched(path, fragment="", **options):
        page = browser.new_page(**{"viewport": {"width": 1280, "height": 900}} | options)
        pages.append(page)
        page.on("console", lambda message: note(message.type == "error", message.text))
        page.on("pageerror", lambda error: note(True, str(error)))
        local = ("file:", "data:", "blob:")
        page.on("request", lambda asked: note(not asked.url.startswith(local), asked.url[:80]))
        page.goto(path.as_uri() + fragment)
        page.wait_for_selector("html[data-ready]")
        return page

    yield watched
    for page in pages:
        page.close()
    assert troubles == []


@pytest.fixture
def visit(watched, tmp_path):
    """Open the page of a layer."""

    def visit(layer, input, output=None, fragment="", **options):
        path = tmp_path / f"{len([*tmp_path.glob('*.html')])}.html"
        explain(layer, input, output).save(path)
        return watched(path, fragment, **options)

    return visit


@pytest.fixture
def learn(watched, tmp_path):
    """Open the lesson, with its documentation or without."""

    def learn(fragment="", docs=None, **options):
        path = tmp_path / "lesson.html"
        lesson(docs).save(path)
        return watched(path, f"#{fragment}" if fragment else "", **options)

    return learn
