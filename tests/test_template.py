"""Pages hold any text: none ends the script that it stands in, or takes another part's place."""

import json

from onebyone.template import filled, script_json


def test_no_text_ends_its_script_element():
    data = {"name": "</script><script>alert(1)</script><!--", "weight": [0.1, -2e-9]}
    text = script_json(data)
    assert "<" not in text
    assert json.loads(text) == data


def test_a_part_that_looks_like_a_place_stays():
    assert filled("<b>{{title}}</b>{{data}}", {"title": "{{data}}", "data": r"\1"}) == (
        r"<b>{{data}}</b>\1"
    )
