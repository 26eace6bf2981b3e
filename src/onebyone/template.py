"""One self-contained HTML page, put together from a template and its parts."""

import json
import re
from collections.abc import Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any
from urllib.parse import quote

SHARED = resources.files("onebyone").joinpath("scripts")
"""The folder of scripts that pages have in common."""


def filled(template: str, parts: Mapping[str, str]) -> str:
    """Put parts into the places {{name}} of a template; what stands in a part stays as it is."""
    return re.sub(r"\{\{(\w+)\}\}", lambda place: parts[place[1]], template)


def script_json(data: Any) -> str:
    """Return JSON for a script element, which no "<" in a text may end."""
    return json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")


def import_map(**folders: Traversable) -> str:
    """Return the import map that gives the scripts of folders their names, as `sharing/main`.

    Args:
        **folders: Scripts by what stands before their names: plain ES modules that end in .js;
            whatever else is there is left out.
    """
    modules = {
        f"{prefix}/{file.name.removesuffix('.js')}": "data:text/javascript;charset=utf-8,"
        + quote(file.read_text(encoding="utf-8"))
        for prefix, folder in folders.items()
        for file in sorted(folder.iterdir(), key=lambda file: file.name)
        if file.name.endswith(".js")
    }
    return script_json({"imports": modules})
