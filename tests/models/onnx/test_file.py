"""What the one reader of ONNX files takes, and what it refuses in one line."""

import faulthandler
import io
import os
import pickle
import sys
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from random import Random

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper
from onnx.backend.test.case.node import collect_testcases

from helpers.onnx_damage import structural
from onebyone.errors import InputError
from onebyone.models.onnx import file as onnx_file
from onebyone.rewriting.onnx import rewrite_onnx

node = helper.make_node
WEIGHT = np.arange(12, dtype=np.float32).reshape(4, 3)


def value(name: str, *shape: int | str, kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def made(nodes: list[onnx.NodeProto] | None = None, **parts: object) -> onnx.ModelProto:
    """MatMul and Relu, or other nodes that make y of x and w."""
    nodes = nodes or [node("MatMul", ["x", "w"], ["t"], "fc"), node("Relu", ["t"], ["y"], "act")]
    weight = onnx.numpy_helper.from_array(WEIGHT, "w")
    graph = helper.make_graph(nodes, "g", [value("x", "N", 4)], [value("y", "N", 3)], [weight])
    for name, more in parts.items():
        getattr(graph, name).extend(more)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def saved(folder: Path, model: onnx.ModelProto) -> Path:
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def refusal(path: Path) -> str:
    """The one line that refuses a file, after its name."""
    with pytest.raises(InputError) as caught:
        onnx_file.read(path)
    said = str(caught.value)
    assert said.startswith(f"{path}: ")
    assert said.isprintable()
    assert len(said) < len(str(path)) + 500
    return said.removeprefix(f"{path}: ")


def ran(model: onnx.ModelProto | Path) -> np.ndarray:
    """What onnxruntime makes of rows of ones."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    source = str(model) if isinstance(model, Path) else model.SerializeToString()
    session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    return session.run(None, {"x": np.ones((2, 4), np.float32)})[0]


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("model", made().SerializeToString())
    return file.getvalue()


OTHER_BYTES = {
    "nothing": b"",
    "text": b"not a model\n",
    "pickle": pickle.dumps({"weights": [1, 2]}),
    "zip": zipped(),
    "zeros": bytes(1000),
    "half": made().SerializeToString()[:150],
    "message of another kind": value("x", 3).SerializeToString(),
}


@pytest.mark.parametrize("name", OTHER_BYTES)
def test_bytes_that_are_no_model(name: str, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(OTHER_BYTES[name])
    assert refusal(path)


def test_what_is_no_file(tmp_path: Path) -> None:
    fifo, zeros, huge = (tmp_path / name for name in ("fifo.onnx", "zeros.onnx", "huge.onnx"))
    os.mkfifo(fifo)
    zeros.symlink_to("/dev/zero")
    huge.touch()
    os.truncate(huge, 3 << 30)
    assert refusal(tmp_path / "missing.onnx") == "cannot be read (No such file or directory)"
    assert refusal(tmp_path) == "is no regular file"
    assert refusal(fifo) == "is no regular file"
    assert refusal(zeros) == "is no regular file"
    assert "more than 2 GiB" in refusal(huge)


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = saved(tmp_path, made())
    path.chmod(0)
    assert refusal(path) == "cannot be read (Permission denied)"


# External data


def external(folder: Path, location: str = "w.bin", **told: object) -> Path:
    """A file whose weight is elsewhere; the other file is not made."""
    folder.mkdir(exist_ok=True)
    model = made()
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, held in {"location": location, **told}.items():
        tensor.external_data.add(key=key, value=str(held))
    return saved(folder, model)


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[list[str]]:
    """The files that Python opens in the course of a test."""
    seen: list[str] = []
    on = True

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if on and event == "open" and isinstance(arguments[0], str):
            seen.append(arguments[0])

    sys.addaudithook(hook)
    yield seen
    on = False


OUTSIDE = {
    "two points": "../secret.bin",
    "two points behind a folder": "in/../../secret.bin",
    "absolute": "/etc/passwd",
    "device": "/dev/zero",
    "link to a device": "zeros",
    "link out": "out",
    "link to a folder outside": "folder/secret.bin",
    "fifo": "fifo",
    "folder": "in",
    "itself": ".",
    "nothing": "",
    "no path": "w\0.bin",
    "missing": "missing.bin",
    "very long": "w" * 5000,
}


@pytest.mark.parametrize("name", OUTSIDE)
def test_external_data_that_is_no_file_of_the_folder(
    name: str, tmp_path: Path, opened: list[str]
) -> None:
    secret = tmp_path / "secret.bin"
    secret.write_bytes(WEIGHT.tobytes())
    path = external(tmp_path / "model", OUTSIDE[name])
    folder = path.parent
    (folder / "in").mkdir()
    os.mkfifo(folder / "fifo")
    for link, target in {"zeros": "/dev/zero", "out": secret, "folder": tmp_path}.items():
        (folder / link).symlink_to(target)
    opened.clear()
    refusal(path)
    with pytest.raises(InputError):
        rewrite_onnx(path, "convolution", folder / "out.onnx")
    assert set(opened) <= {str(path)}


@pytest.mark.parametrize(
    "told",
    [
        {"offset": -4},
        {"offset": "x"},
        {"offset": " 4"},
        {"offset": 4},
        {"offset": 10**30},
        {"length": 44},
        {"length": 52},
        {"length": "nan"},
    ],
    ids=str,
)
def test_external_data_at_places_that_are_not_there(
    told: dict[str, object], tmp_path: Path
) -> None:
    path = external(tmp_path, **told)
    (tmp_path / "w.bin").write_bytes(WEIGHT.tobytes())
    assert "tensor 'w'" in refusal(path)


def _beside(folder: Path, path: Path) -> Path:
    (folder / "w.bin").write_bytes(WEIGHT.tobytes())
    return path


def _below(folder: Path, path: Path) -> Path:
    (folder / "below").mkdir()
    return _beside(folder / "below", external(folder, "below/w.bin"))


def _around(folder: Path, path: Path) -> Path:
    (folder / "below").mkdir()
    return _beside(folder, external(folder, "below/../w.bin"))


def _at_an_offset(folder: Path, path: Path) -> Path:
    (folder / "w.bin").write_bytes(bytes(64) + WEIGHT.tobytes() + bytes(9))
    return external(folder, offset=64, length=48, checksum="0" * 40)


def _hard_link(folder: Path, path: Path) -> Path:
    (folder / "other").write_bytes(WEIGHT.tobytes())
    os.link(folder / "other", folder / "w.bin")
    return path


def _link(folder: Path, path: Path) -> Path:
    (folder / "other").write_bytes(WEIGHT.tobytes())
    (folder / "w.bin").symlink_to("other")
    return path


def _cache(folder: Path, path: Path) -> Path:
    """As download caches lay files: the model and its data are links into one folder of blobs."""
    blobs, view = folder / "blobs", folder / "view"
    blobs.mkdir()
    view.mkdir()
    path.rename(blobs / "1")
    (blobs / "2").write_bytes(WEIGHT.tobytes())
    (view / "model.onnx").symlink_to("../blobs/1")
    (view / "w.bin").symlink_to("../blobs/2")
    return view / "model.onnx"


@pytest.mark.parametrize(
    "lay", [_beside, _below, _around, _at_an_offset, _hard_link, _link, _cache]
)
def test_external_data_as_onnxruntime_takes_it(
    lay: Callable[[Path, Path], Path], tmp_path: Path
) -> None:
    path = lay(tmp_path, external(tmp_path))
    expected = ran(path)
    tensor = onnx_file.read(path).graph.initializers["w"].const_value
    np.testing.assert_array_equal(tensor.numpy(), WEIGHT)
    out = tmp_path / "out.onnx"
    rewrite_onnx(path, "convolution", out)
    np.testing.assert_array_equal(ran(out), expected)


# What is malformed


def tensor(name: str = "u", dims: tuple[int, ...] = (2,), kind: int = 1, **held: object):
    return TensorProto(name=name, dims=dims, data_type=kind, **held)


def body(*steps: onnx.NodeProto, gives: str, given: tuple[str, ...] = ()) -> onnx.GraphProto:
    inputs = [onnx.ValueInfoProto(name=name) for name in given]
    return helper.make_graph(steps, "body", inputs, [onnx.ValueInfoProto(name=gives)])


def branches(first: onnx.GraphProto, second: onnx.GraphProto) -> list[onnx.NodeProto]:
    yes = helper.make_tensor("yes", TensorProto.BOOL, [], [True])
    return [
        node("Constant", [], ["c"], value=yes),
        node("If", ["c"], ["y"], then_branch=first, else_branch=second),
    ]


def relu(source: str, gives: str) -> onnx.GraphProto:
    return body(node("Relu", [source], [gives]), gives=gives)


def changed(change: Callable[[onnx.ModelProto], object], *nodes: onnx.NodeProto):
    model = made(list(nodes))
    change(model)
    return model


def function(name: str, *steps: onnx.NodeProto) -> onnx.FunctionProto:
    sets = [helper.make_opsetid("", 18), helper.make_opsetid("own", 1)]
    return helper.make_function("own", name, ["x"], ["y"], list(steps), sets)


def calling(*functions: onnx.FunctionProto, name: str = "f0") -> onnx.ModelProto:
    model = made([node(name, ["x"], ["y"], domain="own")])
    model.opset_import.append(helper.make_opsetid("own", 1))
    model.functions.extend(functions)
    del model.graph.output[0].type.tensor_type.shape.dim[:]
    model.graph.output[0].type.tensor_type.ClearField("shape")
    return model


def call(name: str, source: str, gives: str) -> onnx.NodeProto:
    return node(name, [source], [gives], domain="own")


def overfed() -> onnx.ModelProto:
    model = calling(function("f0", node("Relu", ["x"], ["y"])))
    model.graph.node[0].input.append("x")
    return model


def _own_relu(model: onnx.ModelProto) -> None:
    sets = [helper.make_opsetid("", 18)]
    steps = [node("Neg", ["x"], ["y"])]
    model.functions.append(helper.make_function("", "Relu", ["x"], ["y"], steps, sets))


def laughing(depth: int) -> onnx.ModelProto:
    steps = [
        function(f"f{k}", call(f"f{k + 1}", "x", "t"), call(f"f{k + 1}", "t", "y"))
        for k in range(depth)
    ]
    return calling(*steps, function(f"f{depth}", node("Relu", ["x"], ["y"])))


def doubling(times: int) -> onnx.ModelProto:
    steps = [node("Concat", [f"s{k}"] * 2, [f"s{k + 1}"], axis=0) for k in range(times)]
    shape = node("Shape", ["x"], ["s0"])
    return made([shape, *steps, node("ConstantOfShape", [f"s{times}"], ["y"])])


def set_ref(model: onnx.ModelProto) -> None:
    model.graph.node[0].attribute[0].ref_attr_name = "alpha"


def set_integers(model: onnx.ModelProto) -> None:
    attribute = model.graph.node[0].attribute[0]
    attribute.Clear()
    attribute.CopyFrom(helper.make_attribute("strides", [float("nan")]))


GEMM = node("Gemm", ["x", "w"], ["y"], alpha=2.0)
MALFORMED = {
    "undefined name": (made([node("MatMul", ["x", "q"], ["y"])]), "reads 'q', which comes from"),
    "circle": (made([node("Add", ["x", "y"], ["t"]), node("Relu", ["t"], ["y"])]), "own result"),
    "a name twice": (made([node("Relu", ["x"], ["y"])] * 2), "'y' is given to two values"),
    "an input computed": (made([node("Relu", ["x"], ["x"])]), "'x' is given to two values"),
    "a weight computed": (made([node("Relu", ["x"], ["w"])]), "'w' is given to two values"),
    "initializer twice": (made(initializer=[tensor("w", raw_data=bytes(8))]), "two values"),
    "input twice": (made(input=[value("x", 3)]), "'x' is given to two values"),
    "input without a name": (made(input=[value("", 3)]), "no name"),
    "input without a type": (made(input=[onnx.ValueInfoProto(name="z")]), "'z' has no type"),
    "output from nothing": (made(output=[value("z", 3)]), "output 'z' comes from nothing"),
    "node without results": (made([node("Relu", ["x"], [""])]), "gives nothing a name"),
    "unknown operator": (made([node("Frob", ["x"], ["y"])]), "No Op registered for Frob"),
    "too many inputs": (made([node("Relu", ["x", "w"], ["y"])]), "input size 2 not in range"),
    "too few inputs": (made([node("MatMul", ["x"], ["y"])]), "input size 1 not in range"),
    "input left out": (made([node("MatMul", ["x", ""], ["y"])]), "empty string"),
    "unknown attribute": (made([node("Relu", ["x"], ["y"], a=1)]), "Unrecognized attribute"),
    "missing attribute": (made([node("Cast", ["x"], ["y"])]), "Required attribute 'to'"),
    "attribute of a type": (made([node("Gemm", ["x", "w"], ["y"], alpha=2)]), "Mismatched attr"),
    "floats for integers": (changed(set_integers, node("Conv", ["x", "w"], ["y"], strides=[1])),
                            "strides"),
    "attribute of none": (changed(set_ref, GEMM), "outside of one"),
    "ranks": (made([node("Conv", ["x", "w"], ["y"])]), "Conv 'y' is not valid"),
    "sizes": (made([node("MatMul", ["w", "w"], ["y"])]), "MatMul 'y' is not valid"),
    "types": (made([node("Constant", [], ["k"], value_int=3), node("MatMul", ["x", "k"], ["y"])]),
              "MatMul 'y' is not valid"),
    "axis": (made([node("Concat", ["x", "x"], ["y"], axis=7)]), "axis must be in"),
    "declared type": (changed(lambda m: m.graph.value_info.append(value("t", 2, kind=7))),
                      "'t' is not of the type"),
    "declared input": (made(input=[value("w", 4, 5)]), "'w' is not of its initializer's type"),
    "sparse": (made(sparse_initializer=[onnx.SparseTensorProto()]), "store them dense"),
    "no opset": (changed(lambda m: m.ClearField("opset_import")), "names no opset"),
    "version 0": (changed(lambda m: setattr(m.opset_import[0], "version", 0)), "the version 0"),
    "negative version": (changed(lambda m: setattr(m.opset_import[0], "version", -5)), "-5"),
    "two versions": (changed(lambda m: m.opset_import.append(helper.make_opsetid("", 7))), "two"),
    "from the future": (changed(lambda m: setattr(m, "ir_version", 99)), "update the package"),
    "very many versions": (changed(lambda m: [m.opset_import.append(
        helper.make_opsetid(f"d{k}", 1)) for k in range(200)]), "names 201 operator sets"),
    "no graph": (changed(lambda m: m.ClearField("graph")), "is not an ONNX file"),
    "If without a branch": (made([node("Constant", [], ["c"], value_int=1),
                                  node("If", ["c"], ["y"], then_branch=relu("x", "a"))]), "else"),
    "branch with inputs": (made(branches(body(gives="a", given=("a",)), relu("x", "b"))),
                           "has 1 inputs and 1 outputs, and its graph"),
    "branch gives an outer value": (made(branches(body(gives="x"), relu("x", "b"))), "'x' comes"),
    "branch reads nothing": (made(branches(relu("q", "a"), relu("x", "b"))), "reads 'q'"),
    "branch reads another's": (made(branches(relu("x", "a"), relu("a", "b"))), "reads 'a'"),
    "branch hides a value": (made(branches(relu("x", "c"), relu("x", "b"))), "two values"),
    "function calls itself": (calling(function("f0", call("f0", "x", "y"))), "calls itself"),
    "functions in a circle": (calling(function("f0", call("f1", "x", "y")),
                                      function("f1", call("f0", "x", "y"))), "calls itself"),
    "function in place of an operator": (changed(_own_relu), "defines 'Relu' in ONNX's own"),
    "function twice": (calling(*[function("f0", node("Relu", ["x"], ["y"]))] * 2), "one name"),
    "function of nothing": (calling(function("f0", node("Relu", ["q"], ["y"]))),
                            "in the function 'f0': Relu 'y' reads 'q'"),
    "function gives nothing": (calling(function("f0", node("Relu", ["x"], ["z"]))), "gives 'y'"),
    "function of fewer inputs": (overfed(), "does not fit the function"),
    "functions that explode": (laughing(60), "more than 1000000 nodes"),
    "sizes that explode": (doubling(60), "joins 131072 integers"),
    "an axis that is cut": (made([node("Split", ["x"], ["y"], axis=-(2**63), num_outputs=1)]),
                            "has the axis -9223372036854775808"),
    "fewer outputs than there are": (made([node("Split", ["x"], ["y", "z"], num_outputs=1)]),
                                     "has 2 outputs, not 1"),
    "outputs that explode": (made([node("Split", ["x"], ["y"], num_outputs=2**40)]), "1 outputs"),
}  # fmt: skip
TENSORS = {
    "one number less": tensor(float_data=[1.0]),
    "one number more": tensor(float_data=[1.0] * 3),
    "bytes missing": tensor(raw_data=bytes(7)),
    "bytes for the type of another": tensor(double_data=[1.0, 2.0]),
    "numbers twice": tensor(float_data=[1.0, 2.0], raw_data=bytes(8)),
    "nothing": tensor(),
    "numbers for none": tensor(dims=(0,), float_data=[1.0]),
    "a negative size": tensor(dims=(-1,)),
    "more than there is": tensor(dims=(2**62,), raw_data=bytes(8)),
    "more than a number says": tensor(dims=(2**62, 2**62, 4), raw_data=bytes(8)),
    "none, but very large": tensor(dims=(0, 2**62, 2**62)),
    "many axes": tensor(dims=(1,) * 70, raw_data=bytes(4)),
    "no type": tensor(kind=0, raw_data=bytes(8)),
    "an unknown type": tensor(kind=99, raw_data=bytes(8)),
    "text as bytes": tensor(kind=8, raw_data=bytes(8)),
    "text less": tensor(kind=8, string_data=[b"a"]),
    "half a nibble": tensor(kind=TensorProto.INT4, dims=(5,), raw_data=bytes(2)),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_graphs(name: str, tmp_path: Path) -> None:
    model, said = MALFORMED[name]
    assert said in refusal(saved(tmp_path, model))


@pytest.mark.parametrize("name", TENSORS)
def test_malformed_tensors(name: str, tmp_path: Path) -> None:
    model = made(initializer=[TENSORS[name]])
    assert "tensor 'u'" in refusal(saved(tmp_path, model))
    held = made([node("Constant", [], ["y"], value=TENSORS[name])])
    assert "tensor 'u'" in refusal(saved(tmp_path, held))


@pytest.mark.parametrize(
    ("kind", "dims", "held"),
    [
        (TensorProto.INT4, (3,), {"int32_data": [1, 2]}),
        (TensorProto.UINT4, (3,), {"raw_data": bytes(2)}),
        (TensorProto.FLOAT16, (3,), {"int32_data": [1, 2, 3]}),
        (TensorProto.BOOL, (2, 2), {"int32_data": [0, 1, 0, 1]}),
        (TensorProto.COMPLEX64, (2,), {"float_data": [1, 2, 3, 4]}),
        (TensorProto.UINT32, (2,), {"uint64_data": [1, 2]}),
        (TensorProto.STRING, (2,), {"string_data": [b"a", b"\xff"]}),
        (TensorProto.FLOAT, (), {"float_data": [1.0]}),
        (TensorProto.FLOAT, (0, 3), {}),
    ],
)
def test_numbers_of_every_field(
    kind: int, dims: tuple[int, ...], held: dict[str, object], tmp_path: Path
) -> None:
    onnx_file.read(saved(tmp_path, made(initializer=[tensor(kind=kind, dims=dims, **held)])))


def test_text_that_is_none(tmp_path: Path) -> None:
    path = saved(tmp_path, made())
    path.write_bytes(path.read_bytes().replace(b"MatMul", b"Mat\xfful"))
    assert refusal(path) == "is not an ONNX file (has a op_type that is no text)"


def test_names_in_messages_are_short_and_printable(tmp_path: Path) -> None:
    name = "line\nand \x1b[31m colour " + "long" * 1000
    assert "\\n" in refusal(saved(tmp_path, made([node("MatMul", ["x", name], ["y"])])))
    assert refusal(saved(tmp_path, made([node(name, ["x"], ["y"])])))


# What is not as the standard says, and runs


def _nested(depth: int) -> onnx.ModelProto:
    inner = relu("x", "a")
    yes = helper.make_tensor("yes", TensorProto.BOOL, [], [True])
    for k in range(depth):
        choice = node("If", ["c"], [f"n{k}"], then_branch=inner, else_branch=relu("x", f"e{k}"))
        inner = body(choice, gives=f"n{k}")
    model = made([node("Constant", [], ["c"], value=yes), *inner.node])
    model.graph.output[0].name = inner.output[0].name
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 4
    return model


def _loop() -> onnx.ModelProto:
    """The body's inputs are called like values around it."""
    steps = [node("Relu", ["x"], ["o"]), node("Identity", ["w"], ["more"])]
    inner = helper.make_graph(
        steps,
        "body",
        [value("n", kind=7), value("w", kind=9), value("x", "N", 4)],
        [value("more", kind=9), value("o", "N", 4)],
    )
    count = helper.make_tensor("count", TensorProto.INT64, [], [2])
    nodes = [
        node("Constant", [], ["n"], value=count),
        node("Loop", ["n", "", "x"], ["r"], body=inner),
        node("MatMul", ["r", "w"], ["y"]),
    ]
    return made(nodes)


UNUSUAL = {
    "nodes out of order": made(list(made().graph.node)[::-1]),
    "a branch reads what comes later": made(
        [*branches(relu("t", "a"), relu("t", "b")), node("MatMul", ["x", "w"], ["t"])]
    ),
    "no shape": changed(lambda m: m.graph.input[0].type.tensor_type.ClearField("shape")),
    "no type of the output": changed(lambda m: m.graph.output[0].ClearField("type")),
    "a negative size": changed(
        lambda m: m.graph.input[0].type.tensor_type.shape.dim[0].CopyFrom(
            onnx.TensorShapeProto.Dimension(dim_value=-1)
        )
    ),
    "no name of the graph": changed(lambda m: m.graph.ClearField("name")),
    "version 3, weights that are no inputs": changed(lambda m: setattr(m, "ir_version", 3)),
    "the long name of the domain": changed(lambda m: setattr(m.opset_import[0], "domain",
                                                             "ai.onnx")),
    "an operator with the long name": made([node("MatMul", ["x", "w"], ["y"], domain="ai.onnx")]),
    "metadata twice": changed(lambda m: [m.metadata_props.add(key="k", value="v") for _ in "ab"]),
    "the output twice": made(output=[value("y", "N", 3)]),
    "another domain's operator": made(
        [node("MatMul", ["x", "w"], ["t"]),
         node("Gelu", ["t"], ["y"], domain="com.microsoft")]
    ),
    "a declaration of nothing": made(value_info=[value("nothing", 3)]),
    "nested as deep as Protocol Buffers go": _nested(20),
    "values that hide others": _loop(),
    "functions": calling(*laughing(8).functions),
}  # fmt: skip


@pytest.mark.parametrize("name", UNUSUAL)
def test_unusual_files_that_run(name: str, tmp_path: Path) -> None:
    model = UNUSUAL[name]
    path = saved(tmp_path, model)
    expected = ran(path)
    read = onnx_file.parse(path)
    np.testing.assert_array_equal(ran(read), expected)
    out = tmp_path / "out.onnx"
    rewrite_onnx(path, "convolution", out)
    np.testing.assert_array_equal(ran(out), expected)


@pytest.mark.parametrize("sizes", [("N", 7), ("N",), ("N", 3, 1)])
def test_a_wrong_shape_is_left_out(sizes: tuple[int | str, ...], tmp_path: Path) -> None:
    """Runtimes warn, and go by what they infer."""
    path = saved(tmp_path, made(value_info=[value("t", *sizes)]))
    ran(path)
    with pytest.warns(UserWarning, match="declares 't' as .*, which is .*; left out"):
        model = onnx_file.read(path)
    (first, _) = model.graph
    assert first.outputs[0].shape is None


@pytest.fixture(scope="module")
def operator_tests() -> list[onnx.ModelProto]:
    """The models of ONNX's own tests of its operators."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they compute with infinities
        return [case.model for case in collect_testcases(None) if case.model is not None]


@pytest.mark.slow
def test_every_operator_test_of_onnx_is_read(
    operator_tests: list[onnx.ModelProto], tmp_path: Path
) -> None:
    """Those that no version of onnxruntime runs, too."""
    assert len(operator_tests) > 1500
    for model in operator_tests:
        onnx_file.read(saved(tmp_path, model))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*left out")
def test_damaged_operator_tests_are_read_or_refused(
    operator_tests: list[onnx.ModelProto], tmp_path: Path
) -> None:
    """ONNX's own code, which is C++, meets nothing that ends the process or takes all memory."""
    files = [model.SerializeToString() for model in operator_tests if model.ByteSize() < 20_000]
    path, refused = tmp_path / "model.onnx", 0
    for number in range(3000):
        random = Random(number)
        path.write_bytes(structural(random, random.choice(files), [random.choice(files)]))
        faulthandler.dump_traceback_later(60, exit=True)
        with suppress(InputError):
            onnx_file.read(path)
            refused -= 1
        refused += 1
    faulthandler.cancel_dump_traceback_later()
    assert 0 < refused < 3000
