"""Names of classes in the metadata of ONNX files, honest and hostile."""

import time

import onnx
import pytest

from onebyone.models.onnx.classes import class_names


def told(**texts: str) -> tuple[str, ...] | None:
    made = onnx.ModelProto()
    for key, text in texts.items():
        made.metadata_props.add(key=key, value=text)
    return class_names(made)


def test_a_dict_by_numbers_a_list_and_lines() -> None:
    assert told(names="{1: 'dog', 0: 'cat'}") == ("cat", "dog")
    assert told(classes="['cat', 'dog']", stride="32") == ("cat", "dog")
    assert told(names="{0: 1}", labels="('a',)") == ("a",)
    assert told(character="0\n180") == ("0", "180")
    assert told(author="x") is None


HOSTILE = {
    "code": "__import__('os').mkdir('harmed')",
    "no hash": "{[1]: 2}",
    "mixed keys": "{0: 'a', 'b': 'c'}",
    "places missing": "{0: 'a', 2: 'c'}",
    "complex keys": "{0j: 'a', 1: 'b'}",
    "deep": "[" * 100_000,
    "deep and closed": "[" * 90 + "]" * 90,
    "deep minus": "-" * 100_000 + "1",
    "deep sum": "1" + "+1" * 100_000,
    "huge": "['" + "a" * (1 << 20) + "']",
    "many digits": "1" * 100_000,
    "null": "\0",
    "half a pair": "['\\ud800', 1]",
    "empty": "",
}


@pytest.mark.parametrize("case", HOSTILE)
def test_other_text_is_none(case: str) -> None:
    started = time.perf_counter()
    assert told(names=HOSTILE[case]) is None
    assert time.perf_counter() - started < 5


def test_names_are_printable_whatever_they_hold() -> None:
    (name,) = told(names=repr(["a\x1b[2J\nb\ud800"])) or ()
    assert name == "a?[2J?b?"
