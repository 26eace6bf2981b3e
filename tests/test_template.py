"""Pages hold any text: none ends the script that it stands in, or takes another part's place."""

import json
from urllib.parse import unquote

from onebyone.template import filled, import_map, script_json


def test_no_text_ends_its_script_element():
    data = {"name": "</script><script>alert(1)</script><!--", "weight": [0.1, -2e-9]}
    text = script_json(data)
    assert "<" not in text
    assert json.loads(text) == data


def test_a_part_that_looks_like_a_place_stays():
    assert filled("<b>{{title}}</b>{{data}}", {"title": "{{data}}", "data": r"\1"}) == (
        r"<b>{{data}}</b>\1"
    )


def test_scripts_are_named_by_their_folder(tmp_path):
    (tmp_path / "main.js").write_text('import "page/other"; // ∑ </script>', encoding="utf-8")
    (tmp_path / "page.css").write_text("p {}")
    text = import_map(page=tmp_path)
    assert "<" not in text
    (name, source), *rest = json.loads(text)["imports"].items()
    assert (name, rest) == ("page/main", [])
    head, _, script = source.partition(",")
    assert head == "data:text/javascript;charset=utf-8"
    assert unquote(script) == 'import "page/other"; // ∑ </script>'
