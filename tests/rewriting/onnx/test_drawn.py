"""Graphs drawn at random: both directions, every layout and size, and back, equal."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from helpers.drawn_graphs import DYNAMIC, LINEAR, Drawn
from helpers.onnx_cases import LAYOUTS, feeds, run, session
from onebyone.equivalence.onnx import check_onnx
from onebyone.rewriting.onnx import rewrite_onnx

BATCHES = (0, 1, 2, 127, 128, 300)


@given(st.data())
def test_drawn_graphs(data: st.DataObject) -> None:
    drawn = Drawn(data, data.draw(st.sampled_from([11, 13, 18]), "opset"))
    for kind in data.draw(st.lists(st.sampled_from(LINEAR), min_size=2, max_size=10), "operators"):
        getattr(drawn, kind)()
    outputs = {drawn.values[-1][0], drawn.pick()[0]} - {"x"}
    if not outputs:
        return
    model = drawn.graph.model(*sorted(outputs), direct=data.draw(st.booleans()))
    layout = data.draw(st.sampled_from(LAYOUTS), "layout")
    to, back = data.draw(st.permutations(["convolution", "linear"]), "directions")
    with TemporaryDirectory() as folder:
        first, second, third = (Path(folder) / f"{k}.onnx" for k in range(3))
        onnx.save(model, first)
        report = rewrite_onnx(first, to, second, layout=layout).report
        assert not [row for row in report.left if "rank" not in row.reason]
        rewrite_onnx(second, back, third, layout=layout)
        inputs = feeds(model)
        expected = run(first, inputs)
        for path in (second, third):
            onnx.checker.check_model(str(path), full_check=True)
            for a, b in zip(expected, run(path, inputs), strict=True):
                np.testing.assert_array_equal(b, a, strict=True)


def check_sizes(data: st.DataObject) -> None:
    """Rewrite a drawn graph in both directions, and run all three at every batch."""
    drawn = Drawn(data, data.draw(st.sampled_from([11, 13, 18]), "opset"))
    kinds = st.sampled_from(LINEAR + DYNAMIC + DYNAMIC)
    for kind in data.draw(st.lists(kinds, min_size=3, max_size=10), "operators"):
        getattr(drawn, kind)()
    outputs = {drawn.values[-1][0], drawn.pick()[0]} - {"x"}
    if not outputs:
        return
    model = drawn.graph.model(*sorted(outputs), shapes=dict(drawn.values))
    with TemporaryDirectory() as folder:
        before = Path(folder) / "before.onnx"
        onnx.save(model, before)
        after = {to: before.with_name(f"{to}.onnx") for to in ("convolution", "linear")}
        for to, path in after.items():
            rewrite_onnx(before, to, path, layout=data.draw(st.sampled_from(LAYOUTS), "layout"))
            onnx.checker.check_model(str(path), full_check=True)
            (structure,) = check_onnx(before, path, "structure")
            assert structure.passed, structure
        running = session(before)
        rewritten = [session(path) for path in after.values()]
        for batch in BATCHES:
            inputs = feeds(model, sizes={"B": batch})
            try:
                expected = running.run(None, inputs)
            except Exception:  # a reshape of the drawn graph itself
                assert batch == 0
                continue
            for made in rewritten:
                for a, b in zip(expected, made.run(None, inputs), strict=True):
                    np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-3, strict=True)


@settings(max_examples=50)
@given(st.data())
def test_every_batch(data: st.DataObject) -> None:
    check_sizes(data)


@pytest.mark.slow
@pytest.mark.parametrize("block", range(4))
def test_every_batch_of_many(block: int) -> None:
    """A thousand graphs, in blocks that run side by side."""

    @seed(block)
    @settings(max_examples=250)
    @given(st.data())
    def drawn(data: st.DataObject) -> None:
        check_sizes(data)

    drawn()
