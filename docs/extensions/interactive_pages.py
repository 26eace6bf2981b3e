"""Put the interactive pages beside the documentation, each with a link back to it."""

from collections.abc import Callable
from pathlib import Path

from sphinx.application import Sphinx

BACK = (
    '<nav id="documentation" aria-label="Documentation" style="margin-bottom:.5rem">'
    "<style>@media print {{ #documentation {{ display: none }} }}</style>"
    '<a href="{page}">← onebyone: {title}</a></nav>'
)


def _save_answer(path: Path) -> None:
    from onebyone.demos.answer import INPUT, example
    from onebyone.figures import explain

    explain(example(), INPUT).save(path)


def _save_lesson(path: Path) -> None:
    from onebyone.figures import lesson

    lesson(docs=".").save(path)


PAGES: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "answer.html": (_save_answer, "picture.html", "the picture of a layer"),
    "lesson.html": (_save_lesson, "index.html", "the documentation"),
}


def _write(app: Sphinx, trouble: Exception | None) -> None:
    if trouble is not None or app.builder.format != "html":
        return
    for name, (save, page, title) in PAGES.items():
        path = Path(app.outdir) / name
        save(path)
        text = path.read_text("utf-8")
        if text.count("<body>") != 1:
            raise ValueError(f"{name}: there is no place for the link back to the documentation")
        back = BACK.format(page=page, title=title)
        path.write_text(text.replace("<body>", f"<body>\n{back}"), "utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Write the pages when all others are written."""
    app.connect("build-finished", _write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
