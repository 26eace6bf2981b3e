"""The reference has every public name, once."""

import re
from collections import Counter
from pathlib import Path

import pytest

import onebyone as ob

API = Path(__file__).parents[2] / "docs" / "api"
TEXTS = {path.name: path.read_text("utf-8") for path in API.glob("*.md")}
DOCUMENTED = Counter(
    name
    for text in TEXTS.values()
    for name in re.findall(r"^\.\. auto(?:function|class|exception):: onebyone\.(\S+)", text, re.M)
)
LISTED = Counter(re.findall(r" <onebyone\.([\w.]+)>`", TEXTS["index.md"]))
PUBLIC = [name for name in ob.__all__ if name != "nin"] + [f"nin.{name}" for name in ob.nin.__all__]


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_is_there(name: str) -> None:
    found = getattr(ob.nin, name[4:]) if name.startswith("nin.") else getattr(ob, name)
    if callable(found):
        assert DOCUMENTED[name] == 1
    else:  # a table or a number, which a page tells of in words
        assert sum(f"`ob.{name}`" in text for text in TEXTS.values()) == 1


def test_the_index_lists_what_the_pages_have() -> None:
    assert LISTED == DOCUMENTED
    assert set(LISTED.values()) == {1}
