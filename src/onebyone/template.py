"""One self-contained HTML page, put together from a template and its parts."""

import json
import re
from collections.abc import Mapping
from typing import Any


def filled(template: str, parts: Mapping[str, str]) -> str:
    """Put parts into the places {{name}} of a template; what stands in a part stays as it is."""
    return re.sub(r"\{\{(\w+)\}\}", lambda place: parts[place[1]], template)


def script_json(data: Any) -> str:
    """Return JSON for a script element, which no "<" in a text may end."""
    return json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
