"""One self-contained HTML page, put together from a template and its parts."""

import json
import re
from collections.abc import Mapping
from importlib.resources.abc import Traversable
from typing import Any
from urllib.parse import quote


def filled(template: str, parts: Mapping[str, str]) -> str:
    """Put parts into the places {{name}} of a template; what stands in a part stays as it is."""
    return re.sub(r"\{\{(\w+)\}\}", lambda place: parts[place[1]], template)


def script_json(data: Any) -> str:
    """Return JSON for a script element, which no "<" in a text may end."""
    return json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")


def import_map(folder: Traversable, prefix: str) -> str:
    """Return the import map that gives the scripts of a folder their names, as prefix/name.

    Args:
        folder: The scripts, plain ES modules whose names end in .js; whatever else is left out.
        prefix: What stands before each name.
    """
    scripts = sorted(folder.iterdir(), key=lambda file: file.name)
    modules = {
        f"{prefix}/{file.name.removesuffix('.js')}": "data:text/javascript;charset=utf-8,"
        + quote(file.read_text(encoding="utf-8"))
        for file in scripts
        if file.name.endswith(".js")
    }
    return script_json({"imports": modules})
