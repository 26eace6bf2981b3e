"""Plain ES modules and styles put together into one file, so that there is no build step."""

from importlib import resources
from importlib.resources.abc import Traversable
from urllib.parse import quote

from onebyone.template import script_json


def folder(name: str) -> Traversable:
    """Return a folder of page sources in this package."""
    return resources.files("onebyone.figures").joinpath(name)


def style(*files: Traversable) -> str:
    """Return style sheets one after the other."""
    return "\n".join(file.read_text(encoding="utf-8") for file in files)


def import_map(**folders: Traversable) -> str:
    """Return the import map that names each module of a folder, as `onebyone/values`."""
    modules = {
        f"{prefix}/{file.name.removesuffix('.js')}": "data:text/javascript;charset=utf-8,"
        + quote(file.read_text(encoding="utf-8"))
        for prefix, files in folders.items()
        for file in sorted(files.iterdir(), key=lambda file: file.name)
        if file.name.endswith(".js")
    }
    return script_json({"imports": modules})
