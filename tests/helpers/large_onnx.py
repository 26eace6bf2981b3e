"""An ONNX file of 4.25 GiB: a chain of matrix products over external weights."""

from pathlib import Path

import onnx
from onnx import TensorProto, helper

SIDE, LAYERS = 8192, 17  # 256 MiB each


def make(folder: Path) -> int:
    """Write big.onnx and big.data, mostly a hole in the file; bytes of the data."""
    block = SIDE * SIDE * 4
    weights, nodes, value = [], [], "x"
    with (folder / "big.data").open("wb") as data:
        for k in range(LAYERS):
            weight = TensorProto(name=f"w{k}", data_type=1, dims=[SIDE, SIDE])
            weight.data_location = TensorProto.EXTERNAL
            places = {"location": "big.data", "offset": k * block, "length": block}
            for key, place in places.items():
                weight.external_data.add(key=key, value=str(place))
            weights.append(weight)
            nodes.append(helper.make_node("MatMul", [value, f"w{k}"], [f"y{k}"], f"{k}/MatMul"))
            value = f"y{k}"
            data.seek(k * block)
            data.write(bytes([k + 1] * 4096))
        data.truncate(LAYERS * block)
    shape = ["B", "S", SIDE]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("x", value)]
    graph = helper.make_graph(nodes, "big", ends[:1], ends[1:], weights)
    opset = helper.make_opsetid("", 18)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=9), folder / "big.onnx")
    return LAYERS * block
