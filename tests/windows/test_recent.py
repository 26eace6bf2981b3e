"""The last values that were used are kept, and made one at a time."""

from threading import Barrier, Thread

from onebyone.windows.recent import Recent


def test_the_last_ones_used_are_kept() -> None:
    made: list[int] = []

    def make(key: int) -> int:
        made.append(key)
        return 10 * key

    recent = Recent(make, 2)
    assert [recent[key] for key in (1, 2, 1, 3, 1, 2)] == [10, 20, 10, 30, 10, 20]
    assert made == [1, 2, 3, 2]
    assert len(recent) == 2
    recent.clear()
    assert recent[1] == 10
    assert made == [1, 2, 3, 2, 1]


def test_threads_make_a_value_once() -> None:
    made: list[int] = []
    together, recent = Barrier(4), Recent(made.append, 2)

    def ask() -> None:
        together.wait()
        recent[0]

    threads = [Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [0]
