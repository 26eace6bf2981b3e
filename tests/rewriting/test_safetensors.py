import tracemalloc

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import onebyone as ob

DTYPES = [torch.float32, torch.bfloat16, torch.float16, torch.float8_e4m3fn, torch.int8]


def weights():
    state = {f"{i}.weight": torch.randn(8, 6).to(dtype) for i, dtype in enumerate(DTYPES)}
    return {**state, "0.bias": torch.randn(8), "conv.weight": torch.randn(4, 8, 3, 3),
            "scale": torch.randn(4, 4), "empty.weight": torch.zeros(0, 6)}  # fmt: skip


def same(a, b):
    return a.dtype is b.dtype and torch.equal(
        a.contiguous().flatten().view(torch.uint8), b.contiguous().flatten().view(torch.uint8)
    )


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "in.safetensors"
    save_file(weights(), path, metadata={"format": "pt", "made by": "ä test"})
    return path


@pytest.mark.parametrize(
    ("layout", "kernel"), [("BCHW", (1, 1)), ("conv1d", (1,)), ("BCS1", (1, 1))]
)
def test_matrices_become_kernels_and_back(source, tmp_path, layout, kernel):
    out, back = tmp_path / "out.safetensors", tmp_path / "back.safetensors"
    found = ob.rewrite(source, "convolution", out=out, layout=layout)
    assert found.model == out
    assert found.report.passed
    assert found.report.bytes_after == out.stat().st_size
    old, new = load_file(source), load_file(out)
    for name, tensor in old.items():
        changed = name.endswith(".weight") and tensor.ndim == 2
        assert new[name].shape == ((*tensor.shape, *kernel) if changed else tensor.shape)
        assert same(new[name], tensor)
    with safe_open(out, "pt") as file:
        assert file.metadata() == {"format": "pt", "made by": "ä test"}
    ob.rewrite(out, "linear", out=back)
    assert back.read_bytes() == source.read_bytes()


def test_rows_say_what_was_left(source, tmp_path):
    report = ob.rewrite(source, "convolution", skip="^1").report
    rows = {row.name: row.became or row.reason for row in report.rows}
    assert rows["0.weight"] == "8×6×1×1"
    assert rows["1.weight"] == "in skip"
    assert rows["scale"] == "is not called weight; name it with where"
    assert "conv.weight" not in rows
    report = ob.rewrite(source, "convolution", where="scale").report
    assert [row.name for row in report.rewritten] == ["scale"]


def test_without_out_nothing_is_written(source, tmp_path):
    found = ob.rewrite(source, "convolution")
    assert found.model is None
    assert found.report.rewritten
    assert list(tmp_path.iterdir()) == [source]


def test_a_large_file_takes_little_memory(tmp_path):
    path, out = tmp_path / "large.safetensors", tmp_path / "out.safetensors"
    save_file({"weight": torch.zeros(2**12, 2**12)}, path)
    tracemalloc.start()
    ob.rewrite(path, "convolution", out=out)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert path.stat().st_size > 2**26
    assert peak < 2**24


def test_an_interrupted_run_leaves_the_old_file(source, tmp_path, monkeypatch):
    out = tmp_path / "out.safetensors"
    out.write_bytes(b"before")

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("onebyone.rewriting.tensors.shutil.copyfileobj", interrupt)
    with pytest.raises(KeyboardInterrupt):
        ob.rewrite(source, "convolution", out=out)
    assert out.read_bytes() == b"before"
    assert sorted(tmp_path.iterdir()) == [source, out]


def test_files_that_cannot_be_used(source, tmp_path):
    (tmp_path / "broken.safetensors").write_bytes(source.read_bytes()[:-9])
    (tmp_path / "folder.safetensors").mkdir()
    link = tmp_path / "link.safetensors"
    link.symlink_to(source)
    for given, out, message in [
        (tmp_path / "broken.safetensors", "x.safetensors", "cannot be read as .safetensors"),
        (tmp_path / "none.safetensors", "x.safetensors", "no such file"),
        (tmp_path / "none.pth", "x.pth", "give one of .onnx, .pt2, .safetensors"),
        (source, "x.onnx", "give a .safetensors file"),
        (source, "folder.safetensors", "is a folder"),
        (source, "none/x.safetensors", "does not exist"),
        (source, "in.safetensors", "is a file that is read"),
        (source, "link.safetensors", "is a file that is read"),
    ]:
        with pytest.raises(ob.InputError, match=message):
            ob.rewrite(given, "convolution", out=tmp_path / out)
    with pytest.raises(ob.InputError, match="where='head' finds nothing"):
        ob.rewrite(source, "convolution", out=tmp_path / "x.safetensors", where="head")
    assert not (tmp_path / "x.safetensors").exists()
    with pytest.raises(ob.InputError, match="inplace=True goes with a module"):
        ob.rewrite(source, "convolution", inplace=True)
