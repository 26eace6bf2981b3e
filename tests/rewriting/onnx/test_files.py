"""Files: external data, writing over the old file, interrupted runs, bad input."""

import os
import re
from pathlib import Path

import numpy as np
import onnx
import pytest

import onebyone as ob
from helpers.onnx_cases import TO_CONVOLUTION, TO_LINEAR, Graph, feeds, run
from onebyone.errors import InputError
from onebyone.rewriting.onnx import rewrite_onnx

CASES = {case.name: case for case in TO_CONVOLUTION + TO_LINEAR}


def external(folder: Path, name: str = "residual block with Concat", opset: int = 18) -> Path:
    """A file of a case, all its weights in another file."""
    folder.mkdir(exist_ok=True)
    path = folder / "model.onnx"
    model = CASES[name].model(opset)
    onnx.save(model, path, save_as_external_data=True, location="weights.bin", size_threshold=64)
    return path


def embedded(folder: Path, name: str = "MatMul + Add, rank 3") -> Path:
    path = folder / "model.onnx"
    onnx.save(CASES[name].model(18), path)
    return path


def same_outputs(first: Path, second: Path) -> None:
    inputs = feeds(onnx.load(first))
    for a, b in zip(run(first, inputs), run(second, inputs), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", ["residual block with Concat", "Flatten + Gemm, NHWC"])
def test_external_data_stays_external(name: str, tmp_path: Path) -> None:
    source, out = external(tmp_path / "in", name), tmp_path / "out.onnx"
    report = rewrite_onnx(source, "convolution", out).report
    same_outputs(source, out)
    model = onnx.load(out, load_external_data=False)
    places = {e.value for t in model.graph.initializer for e in t.external_data}
    assert "out.onnx.data" in places
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in", "out.onnx", "out.onnx.data"]
    data = tmp_path / "out.onnx.data"
    assert report.bytes_after == out.stat().st_size + data.stat().st_size


def test_the_file_itself_can_be_written_over(tmp_path: Path) -> None:
    source = external(tmp_path)
    expected = run(source, feeds(onnx.load(source)))
    for _ in range(2):
        rewrite_onnx(source, "convolution", source)
        np.testing.assert_array_equal(run(source, feeds(onnx.load(source)))[0], expected[0])
    names = sorted(p.name for p in tmp_path.iterdir())
    assert names == ["model.onnx", "model.onnx.data", "weights.bin"]  # not ours to remove


def test_the_same_bytes_over_an_earlier_output(tmp_path: Path) -> None:
    source, out = external(tmp_path / "in"), tmp_path / "out.onnx"
    rewrite_onnx(source, "convolution", out)
    first = out.read_bytes(), (tmp_path / "out.onnx.data").read_bytes()
    rewrite_onnx(source, "convolution", out)
    assert (out.read_bytes(), (tmp_path / "out.onnx.data").read_bytes()) == first
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in", "out.onnx", "out.onnx.data"]


@pytest.mark.parametrize("written", [0, 1, 2])
def test_an_interrupted_run_leaves_the_old_file(
    written: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = external(tmp_path)
    rewrite_onnx(source, "convolution", source)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    left = [written]

    def interrupted(*_: object) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt

    monkeypatch.setattr("onebyone.rewriting.onnx.files.stream", interrupted)
    with pytest.raises(KeyboardInterrupt):
        rewrite_onnx(source, "linear", source)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


@pytest.mark.parametrize("step", range(4))
def test_the_file_is_whole_after_every_step(
    step: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = external(tmp_path)
    rewrite_onnx(source, "convolution", source)
    expected = run(source, feeds(onnx.load(source)))
    seen = []
    steps = {"replace": os.replace, "unlink": os.unlink, "link": os.link}

    def counted(name: str):
        def call(*arguments: object, **options: object) -> object:
            seen.append(name)
            if len(seen) > step:
                raise KeyboardInterrupt
            return steps[name](*arguments, **options)

        return call

    for name in steps:
        monkeypatch.setattr(os, name, counted(name))
    with pytest.raises(KeyboardInterrupt):
        rewrite_onnx(source, "linear", source)
    monkeypatch.undo()
    np.testing.assert_array_equal(run(source, feeds(onnx.load(source)))[0], expected[0])


def test_nothing_is_written_without_out(tmp_path: Path) -> None:
    source = embedded(tmp_path)
    result = rewrite_onnx(source, "convolution", None)
    assert [p.name for p in tmp_path.iterdir()] == ["model.onnx"]
    assert result.report.rewritten[0].became == "Conv"


def test_transposed_weights_are_written_in_tiles(tmp_path: Path) -> None:
    """More than one tile each way, and bytes that are right."""
    g = Graph(18)
    w = np.arange(130 * 70, dtype=np.float32).reshape(130, 70)
    y = g.add("MatMul", g.input("B", 130), g.constant("w", w), name="fc/MatMul")
    path = tmp_path / "model.onnx"
    onnx.save(g.model(y), path, save_as_external_data=True, location="w.bin", size_threshold=64)
    out = tmp_path / "out.onnx"
    rewrite_onnx(path, "convolution", out)
    stored = {t.name: onnx.numpy_helper.to_array(t) for t in onnx.load(out).graph.initializer}
    np.testing.assert_array_equal(stored["w"][:, :, 0, 0], w.T)


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "names no opset"), (b"not a model", "is not an ONNX file"), (None, "cannot be read")],
)
def test_bad_files_are_one_line(content: bytes | None, said: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=said) as caught:
        rewrite_onnx(path, "convolution", tmp_path / "out.onnx")
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_what_would_be_lost_is_refused(tmp_path: Path) -> None:
    path = embedded(tmp_path)
    model = onnx.load(path)
    model.training_info.add()
    onnx.save(model, path)
    with pytest.raises(InputError, match="training information"):
        rewrite_onnx(path, "convolution", tmp_path / "out.onnx")


@pytest.mark.parametrize("length", [None, 10])
def test_missing_external_data(length: int | None, tmp_path: Path) -> None:
    source = external(tmp_path)
    data = tmp_path / "weights.bin"
    if length is None:
        data.unlink()
    else:
        os.truncate(data, length)
    with pytest.raises(InputError, match=re.escape("weights.bin")):
        rewrite_onnx(source, "convolution", tmp_path / "out.onnx")


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        rewrite_onnx(embedded(tmp_path), "convolution", tmp_path / "no" / "out.onnx")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"to": "dense"}, "to='dense'"),
        ({"layout": "NHWC"}, "layout='NHWC'"),
        ({"where": "("}, "regular expression"),
        ({"where": "nothing"}, "where='nothing' finds nothing"),
    ],
)
def test_bad_arguments(arguments: dict[str, str], said: str, tmp_path: Path) -> None:
    given = {"to": "convolution"} | arguments
    with pytest.raises(InputError, match=said):
        ob.rewrite(embedded(tmp_path), given.pop("to"), **given)


def test_data_of_other_models_stay(tmp_path: Path) -> None:
    source, out = external(tmp_path), tmp_path / "out.onnx"
    taken = {f"out.onnx.data{k}": f"data {k}".encode() for k in ("", "2")}
    for name, content in taken.items():
        (tmp_path / name).write_bytes(content)
    rewrite_onnx(source, "convolution", out)
    same_outputs(source, out)
    assert {name: (tmp_path / name).read_bytes() for name in taken} == taken
    assert {p.name for p in tmp_path.iterdir()} == {
        "model.onnx", "weights.bin", "out.onnx", "out.onnx.data3", *taken
    }  # fmt: skip


@pytest.mark.parametrize("place", ["out.onnx.data", "out.onnx.data2"])
def test_data_that_the_source_shares_with_the_old_file_stay(place: str, tmp_path: Path) -> None:
    model = CASES["residual block with Concat"].model(18)
    source, out = tmp_path / "model.onnx", tmp_path / "out.onnx"
    onnx.save(model, source, save_as_external_data=True, location=place, size_threshold=64)
    out.write_bytes(source.read_bytes())
    weights = (tmp_path / place).read_bytes()
    for _ in range(2):
        rewrite_onnx(source, "convolution", out)
        assert (tmp_path / place).read_bytes() == weights
        same_outputs(source, out)


def test_a_link_is_followed_where_the_weights_are_inside(tmp_path: Path) -> None:
    link, out = tmp_path / "link.onnx", tmp_path / "elsewhere" / "out.onnx"
    out.parent.mkdir()
    link.symlink_to(out)
    source = embedded(tmp_path)
    rewrite_onnx(source, "convolution", link)
    assert link.is_symlink()
    same_outputs(source, out)
    with pytest.raises(InputError, match=r"link\.onnx: is a link, and data beside it"):
        rewrite_onnx(external(tmp_path / "in"), "convolution", link)
    same_outputs(source, out)
    assert [p.name for p in out.parent.iterdir()] == ["out.onnx"]
