import pytest

from onebyone.rewriting.layouts import LAYOUTS, channels_last
from onebyone.rewriting.moves import Move, between, squeeze, transpose, unsqueeze


@pytest.mark.parametrize(
    "move",
    [
        transpose((0, 2, 1)),
        unsqueeze(2, (2, 3)),
        squeeze(4, (-1, 2)),
        Move(3, (0, 2, None, 1)),
        Move(4, (0, 3, 1)),
    ],
)
def test_a_move_and_its_inverse(move: Move) -> None:
    sizes = tuple(1 if k in move.dropped else k + 2 for k in range(move.rank))
    assert move.then(move.inverse).identity
    assert move.inverse.then(move).identity
    assert move.inverse.apply(move.apply(sizes)) == sizes
    assert move.inverse.inverse == move


@pytest.mark.parametrize(
    ("before", "after", "axes"),
    [
        (("B", 6, 1, 1), ("B", 6), (0, 1)),
        (("B", 6), ("B", 6, 1, 1), (0, 1, None, None)),
        (("B", 1, 6), ("B", 6, 1), (0, 2, None)),
        (("B", 2, 3), ("B", 6), None),
        (("B", 2, 3), ("B", 3, 2), None),
        ((None, 6, 1), (None, 6), None),
    ],
)
def test_reshapes_that_only_move(
    before: tuple[int | str | None, ...],
    after: tuple[int | str | None, ...],
    axes: tuple[int | None, ...] | None,
) -> None:
    assert between(before, after) == (None if axes is None else Move(len(before), axes))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("rank", [2, 3, 4, 5])
def test_a_layout_and_back(layout: str, rank: int) -> None:
    """The channels come second; a linear layer's input comes back, but for merged positions."""
    sizes = tuple(range(2, 2 + rank))
    move = LAYOUTS[layout].move(rank)
    assert (move is None) is (rank > 3 and layout != "BCHW")
    if move is not None:
        laid = move.apply(sizes)
        assert laid[1] == sizes[-1]
        back = channels_last(laid)
        assert back is not None
        assert back.apply(laid) == sizes
