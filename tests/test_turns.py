import time

from onebyone.turns import by_turns


def test_functions_run_by_turns() -> None:
    order: list[str] = []
    times = by_turns({name: lambda name=name: order.append(name) for name in "ab"}, 3)
    assert order == ["a", "b"] * 3
    assert {name: len(found) for name, found in times.items()} == {"a": 3, "b": 3}


def test_a_short_function_runs_until_it_can_be_timed() -> None:
    runs: list[None] = []
    ((seconds,),) = by_turns(
        {"a": lambda: runs.append(time.sleep(0.01))}, 1, shortest=0.05
    ).values()
    assert len(runs) > 1
    assert seconds * len(runs) >= 0.05
    assert seconds < 0.05


def test_rounds_end_with_the_time_for_all() -> None:
    runs = {"a": lambda: time.sleep(0.01), "b": lambda: None}
    assert [len(found) for found in by_turns(runs, 9, within=0.0).values()] == [1, 1]
    assert [len(found) for found in by_turns(runs, 9, least=3, within=0.0).values()] == [3, 3]
