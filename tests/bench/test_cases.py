"""The benchmark's cases: what they compute is asserted here, what they take is not."""

import pytest

from onebyone.bench.cases import CASES, Case, chosen
from onebyone.errors import InputError
from onebyone.windows import slide

BY_NAME = {case.name: case for case in CASES}

# The least that sharing must save, and the operations of one window, counted by hand where a
# paper or a definition gives the layers (a multiplication and an addition are two).
EXPECTED = {
    # 92²·48·16 + 42²·48·48·25 + 18²·48·48·16 + 6²·48·48·16 + 432·200 + 200·2
    "n4-256-s1": (2 * (6_500_352 + 101_606_400 + 11_943_936 + 1_327_104 + 86_400 + 400), 340),
    "padded-256-s8": (None, 5.4),
    "padded-256-s4": (None, 4),
    "padded-256-s3": (None, 3),
    "digits-512-s4": (None, 18),
    "digits-padded-512-s4": (None, 2.1),
    "onet-512-s2": (None, 19),
    "signal-65536-s64": (None, 10),
    "volume-64-s4": (None, 2),
}


def ratio(case: Case) -> tuple[float, float]:
    """Operations of one window, and those of crops over those of the emitted graph."""
    plan = slide(case.build(), case.window, case.stride).plan(*case.size)
    windows = 1
    for m in plan.grid:
        windows *= m
    return plan.crops / windows, plan.ratio


@pytest.mark.parametrize("name", EXPECTED)
def test_operations_of_the_small_cases(name: str) -> None:
    window, least = EXPECTED[name]
    found, saved = ratio(BY_NAME[name])
    assert window is None or found == window
    assert saved >= least


@pytest.mark.slow  # the networks of ImageNet are large to build and to plan
@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("alexnet-512-s32", 2.1),
        ("resnet18-512-s32", 1.9),
        ("resnet50-512-s32", 1.6),
        ("vgg11-512-s32", 4),
        ("vgg16-512-s32", 4.2),
        ("vgg16-512-s16", 6),
        ("n4-512-s1", 455),
        ("efficientnet-lite0-512-s32", 1.4),
    ],
)
def test_operations_of_the_large_cases(name: str, least: float) -> None:
    assert ratio(BY_NAME[name])[1] >= least


def test_names_are_unique_and_say_size_and_stride() -> None:
    assert len(BY_NAME) == len(CASES)
    for case in CASES:
        assert case.name.endswith(f"-{case.size[0]}-s{case.stride}")


def test_cases_are_chosen_by_tag_and_by_name() -> None:
    assert {case.name for case in chosen(None, quick=True)[0]} >= {"n4-256-s1", "digits-512-s4"}
    assert all("default" in case.tags for case in chosen(None, quick=False)[0])
    assert [case.name for case in chosen("vgg16-1024-s8", quick=False)[0]] == ["vgg16-1024-s8"]
    assert {case.name for case in chosen("digits", quick=True)[0]} == {"digits-512-s4"}


@pytest.mark.parametrize(("pattern", "reason"), [("nothing", "no case matches"), ("(", "no reg")])
def test_a_pattern_that_chooses_nothing_is_refused(pattern: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        chosen(pattern, quick=False)
