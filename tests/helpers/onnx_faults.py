"""Small graphs, faults to plant in them, and changes that are none: a line for each kind."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import onnx

from helpers.onnx_pairs import floats, model, shape

Edit = tuple[str, str | Callable[[np.ndarray], np.ndarray]]
"""A text of the graph and what stands there instead, or an array's name and what changes it."""


@dataclass(frozen=True)
class Base:
    """A graph in ONNX's textual form, with its initializers."""

    text: str
    arrays: dict[str, np.ndarray]
    opset: int = 17

    def edited(self, *edits: Edit) -> "Base":
        made = self
        for what, instead in edits:
            if callable(instead):
                array = np.asarray(instead(np.array(made.arrays[what])), order="C")
                made = replace(made, arrays={**made.arrays, what: array})
            else:
                assert made.text.count(what) == 1, (what, made.text)
                made = replace(made, text=made.text.replace(what, instead))
        return made

    def model(self) -> onnx.ModelProto:
        return model(self.text, self.arrays, self.opset)


_RNG = np.random.default_rng(7)
BASES: dict[str, Base] = {}
FAULTS: dict[str, tuple[str, tuple[Edit, ...]]] = {}
SAME: dict[str, tuple[str, tuple[Edit, ...]]] = {}
IMAGE = "m (float[N,4,6,6] x) => (float[A,B,C,D] o) "
LINE = "m (float[N,4,6] x) => (float[A,B,C] o) "
ROWS = "m (float[N,4] x) => (float[A,B] o) "
TWO = "m (float[N,4] x, float[N,4] y) => (float[N,4] o) "


def f(*sizes: int) -> np.ndarray:
    return floats(_RNG, *sizes)


def positive(*sizes: int) -> np.ndarray:
    return np.abs(f(*sizes)) + np.float32(0.5)


def num(value: float) -> np.ndarray:
    return np.float32(value)


def base(name: str, head: str, body: str, opset: int = 17, **arrays: np.ndarray) -> None:
    BASES[name] = Base(f"{head}{{ {body} }}", arrays, opset)


def fault(kind: str, name: str, *edits: Edit) -> None:
    assert kind not in FAULTS, kind
    FAULTS[kind] = (name, edits)


def same(kind: str, name: str, *edits: Edit) -> None:
    assert kind not in SAME, kind
    SAME[kind] = (name, edits)


def at(place: tuple[int, ...], value: float) -> Callable[[np.ndarray], np.ndarray]:
    """One element set."""

    def change(array: np.ndarray) -> np.ndarray:
        array[place] = value
        return array

    return change


def swapped(array: np.ndarray) -> np.ndarray:
    """The first two parts exchanged."""
    return array[[1, 0, *range(2, len(array))]]


def last_place(array: np.ndarray) -> np.ndarray:
    """One element moved by one unit in the last place."""
    array.reshape(-1)[0] = np.nextafter(array.reshape(-1)[0], array.dtype.type(9))
    return array


# Layers and their weights.
base(
    "conv",
    IMAGE,
    "y = Conv<pads=[1,1,1,1], strides=[1,1], dilations=[1,1]>(x, w, b) o = Relu(y)",
    w=f(6, 4, 3, 3),
    b=f(6),
)
fault("pads", "conv", ("pads=[1,1,1,1]", "pads=[1,1,0,1]"))
fault("pads on the other side", "conv", ("pads=[1,1,1,1]", "pads=[2,1,0,1]"))
fault("strides", "conv", ("strides=[1,1]", "strides=[1,2]"))
fault("dilations", "conv", ("dilations=[1,1]", "dilations=[2,1]"))
fault("kernel turned upside down", "conv", ("w", lambda w: w[:, :, ::-1]))
fault("kernel transposed", "conv", ("w", lambda w: w.swapaxes(2, 3)))
fault("filters swapped", "conv", ("w", swapped))
fault("channels swapped", "conv", ("w", lambda w: swapped(w.swapaxes(0, 1)).swapaxes(0, 1)))
fault("weight one unit in the last place", "conv", ("w", last_place))
fault("weight negated", "conv", ("w", lambda w: -w))
fault("weight not a number", "conv", ("w", at((0, 0, 0, 0), np.nan)))
fault("weight infinite", "conv", ("w", at((0, 0, 0, 0), np.inf)))
fault("weight of half precision", "conv", ("w", lambda w: w.astype("e").astype("f")))
fault("biases swapped", "conv", ("b", swapped))
fault("bias dropped", "conv", ("(x, w, b)", "(x, w)"))
fault("bias one unit in the last place", "conv", ("b", last_place))
fault("bias subnormal", "conv", ("b", at((0,), 1e-40)))
fault("activation dropped", "conv", ("Relu", "Identity"))
fault("activation exchanged", "conv", ("Relu", "Abs"))
fault(
    "activation before the layer",
    "conv",
    (
        "y = Conv<pads=[1,1,1,1], strides=[1,1], dilations=[1,1]>(x, w, b) o = Relu(y)",
        "y = Relu(x) o = Conv<pads=[1,1,1,1], strides=[1,1], dilations=[1,1]>(y, w, b)",
    ),
)
base("subnormal", ROWS, "o = MatMul(x, w)", w=np.full((4, 3), 1e-40, np.float32))
fault("subnormal weights flushed", "subnormal", ("w", np.zeros_like))
fault("subnormal weight by one unit", "subnormal", ("w", last_place))
base("negative zero", ROWS, "y = Reciprocal(b) o = Add(x, y)", b=np.full(4, -0.0, np.float32))
fault("sign of a zero", "negative zero", ("b", np.abs))
base(
    "special",
    ROWS,
    "o = MatMul(x, w)",
    w=np.array([[np.nan, np.inf], [1, 2], [3, 4], [5, 6]], np.float32),
)
fault("not a number made zero", "special", ("w", at((0, 0), 0)))
fault("infinity made finite", "special", ("w", at((0, 1), 3e38)))
base("grouped", IMAGE, "o = Conv<group=2>(x, w, b)", w=f(4, 2, 3, 3), b=f(4))
fault("groups swapped", "grouped", ("w", lambda w: w[[2, 3, 0, 1]]))
fault("group", "grouped", ("group=2", "group=4"), ("w", lambda w: w[:, :1]))
base("same", IMAGE, 'o = Conv<auto_pad="SAME_UPPER", strides=[2,2]>(x, w)', w=f(4, 4, 3, 3))
fault("auto_pad", "same", ("SAME_UPPER", "SAME_LOWER"))
fault("auto_pad left out", "same", ('auto_pad="SAME_UPPER", ', ""))
base(
    "transposed",
    IMAGE,
    "o = ConvTranspose<strides=[2,2], output_padding=[1,0]>(x, w, b)",
    w=f(4, 3, 3, 3),
    b=f(3),
)
fault("output_padding", "transposed", ("[1,0]", "[0,1]"))
fault("strides of a transposed convolution", "transposed", ("strides=[2,2]", "strides=[2,3]"))
fault("transposed convolution's filters", "transposed", ("w", swapped))
base(
    "gemm",
    "m (float[4,4] x) => (float[4,4] o) ",
    "o = Gemm<alpha=0.3, beta=0.7, transA=0, transB=1>(x, w, c)",
    w=f(4, 4),
    c=f(4),
)
fault("alpha", "gemm", ("alpha=0.3", "alpha=0.31"))
fault("alpha left out", "gemm", ("alpha=0.3, ", ""))
fault("beta", "gemm", ("beta=0.7", "beta=0.3"))
fault("alpha and beta exchanged", "gemm", ("alpha=0.3, beta=0.7", "alpha=0.7, beta=0.3"))
fault("transA", "gemm", ("transA=0", "transA=1"))
fault("transB", "gemm", ("transB=1", "transB=0"))
fault("addend along the other axis", "gemm", ("c", lambda c: c.reshape(4, 1)))
base("linear", ROWS, "o = Gemm(x, w, b)", w=f(4, 3), b=f(3), axis=shape(2))
base("matmul", "m (float[4,4] x) => (float[4,4] o) ", "y = Tanh(x) o = MatMul(x, y)")
fault("factors exchanged", "matmul", ("MatMul(x, y)", "MatMul(y, x)"))
fault("product of elements", "matmul", ("MatMul", "Mul"))
fault("transpose dropped", "matmul", ("y = Tanh(x)", "t = Tanh(x) y = Transpose(t)"))
base(
    "einsum",
    "m (float[N,4,4] x) => (float[N,4,4] o) ",
    'o = Einsum<equation="nij,jk->nik">(x, w)',
    w=f(4, 4),
)
fault("equation", "einsum", ("nij,jk->nik", "nij,kj->nik"))
fault("equation's result", "einsum", ("->nik", "->nki"))
base("tied", ROWS, "y = MatMul(x, w) z = Relu(y) o = MatMul(z, w)", w=f(4, 4), v=f(4, 4))
fault("tie undone", "tied", ("MatMul(z, w)", "MatMul(z, v)"))
fault(
    "weights tied that were not",
    "tied",
    (
        "y = MatMul(x, w) z = Relu(y) o = MatMul(z, w)",
        "y = MatMul(x, v) z = Relu(y) o = MatMul(z, v)",
    ),
)
fault("layer left out", "tied", ("z = Relu(y) o = MatMul(z, w)", "o = Relu(y)"))
fault("skips a layer", "tied", ("MatMul(z, w)", "MatMul(x, w)"))

# Activations and their settings.
base(
    "activations",
    ROWS,
    """a = LeakyRelu<alpha=0.2>(x) b = Elu<alpha=0.8>(a)
     c = Selu<alpha=1.5, gamma=1.1>(b) d = HardSigmoid<alpha=0.3, beta=0.4>(c)
     e = Celu<alpha=0.9>(d) g = ThresholdedRelu<alpha=0.1>(e) o = Shrink<lambd=0.1, bias=0.05>(g)
     """,
)
fault("alpha of LeakyRelu", "activations", ("alpha=0.2", "alpha=0.25"))
fault("alpha of Elu", "activations", ("alpha=0.8", "alpha=0.7"))
fault("alpha of Selu", "activations", ("alpha=1.5", "alpha=1.4"))
fault("gamma of Selu", "activations", ("gamma=1.1", "gamma=1.2"))
fault("alpha of HardSigmoid", "activations", ("alpha=0.3", "alpha=0.35"))
fault("beta of HardSigmoid", "activations", ("beta=0.4", "beta=0.5"))
fault("alpha of Celu", "activations", ("alpha=0.9", "alpha=0.6"))
fault("alpha of ThresholdedRelu", "activations", ("alpha=0.1>(e)", "alpha=0.45>(e)"))
fault("lambd of Shrink", "activations", ("lambd=0.1", "lambd=0.45"))
fault("bias of Shrink", "activations", ("bias=0.05", "bias=0.04"))
fault("setting left out", "activations", ("LeakyRelu<alpha=0.2>", "LeakyRelu"))
base("zero alpha", ROWS, "y = LeakyRelu<alpha=0.0>(x) o = Reciprocal(y)")
fault("setting's sign of a zero", "zero alpha", ("alpha=0.0", "alpha=-0.0"))
base("slopes", IMAGE, "o = PRelu(x, s)", s=f(4, 1, 1))
fault("slopes permuted", "slopes", ("s", swapped))
fault("slopes along another axis", "slopes", ("s", lambda s: s.reshape(4)[[0, 1, 2, 3, 0, 1]]))
base("clip", ROWS, "o = Clip(x, low, high)", low=num(-0.5), high=num(0.75))
fault("lower bound", "clip", ("low", lambda a: a * 2))
fault("upper bound", "clip", ("high", lambda a: a + 1))
fault("bounds exchanged", "clip", ("(x, low, high)", "(x, high, low)"))
fault("bound dropped", "clip", ("(x, low, high)", "(x, low)"))
base("gelu", ROWS, 'o = Gelu<approximate="none">(x)', 20)
fault("approximation", "gelu", ("none", "tanh"))
base("softmax", LINE, "o = Softmax<axis=1>(x)")
fault("axis of Softmax", "softmax", ("axis=1", "axis=2"))
fault("axis of Softmax left out", "softmax", ("<axis=1>", ""))
fault("logarithm of Softmax", "softmax", ("Softmax", "LogSoftmax"))
fault("Hardmax", "softmax", ("Softmax", "Hardmax"))

# Normalisations.
base(
    "batch",
    IMAGE,
    "o = BatchNormalization<epsilon=0.1>(x, s, b, m, v)",
    s=f(4),
    b=f(4),
    m=f(4),
    v=positive(4),
)
fault("epsilon of BatchNormalization", "batch", ("epsilon=0.1", "epsilon=0.11"))
fault("mean and bias exchanged", "batch", ("s, b, m, v", "s, m, b, v"))
fault("variances swapped", "batch", ("v", swapped))
fault("means swapped", "batch", ("m", swapped))
base("instance", LINE, "o = InstanceNormalization<epsilon=0.1>(x, s, b)", s=f(4), b=f(4))
fault("epsilon of InstanceNormalization", "instance", ("epsilon=0.1", "epsilon=0.2"))
fault("scales swapped", "instance", ("s", swapped))
base("layer", LINE, "o = LayerNormalization<axis=-1, epsilon=0.1>(x, s, b)", s=f(6), b=f(6))
fault("epsilon of LayerNormalization", "layer", ("epsilon=0.1", "epsilon=0.2"))
fault("axis of LayerNormalization", "layer", ("axis=-1", "axis=-2"))
fault("bias of LayerNormalization dropped", "layer", ("(x, s, b)", "(x, s)"))
base("lrn", IMAGE, "o = LRN<size=3, alpha=0.5, beta=0.7, bias=1.5>(x)")
fault("size of LRN", "lrn", ("size=3", "size=1"))
fault("alpha of LRN", "lrn", ("alpha=0.5", "alpha=0.6"))
fault("beta of LRN", "lrn", ("beta=0.7", "beta=0.8"))
fault("bias of LRN", "lrn", ("bias=1.5", "bias=1.0"))
base("norm", LINE, "o = LpNormalization<axis=1, p=2>(x)")
fault("p of LpNormalization", "norm", ("p=2", "p=1"))
fault("axis of LpNormalization", "norm", ("axis=1", "axis=2"))
base("variance", IMAGE, "o = MeanVarianceNormalization<axes=[0,2,3]>(x)")
fault("axes of MeanVarianceNormalization", "variance", ("[0,2,3]", "[2,3]"))

# Poolings and reductions.
base(
    "max",
    IMAGE,
    """o = MaxPool<kernel_shape=[2,2], strides=[2,2], pads=[0,0,1,1], ceil_mode=0,
     dilations=[1,1]>(x)""",
)
fault("kernel_shape", "max", ("kernel_shape=[2,2]", "kernel_shape=[2,1]"))
fault("strides of a pooling", "max", ("strides=[2,2]", "strides=[2,3]"))
fault("pads of a pooling", "max", ("pads=[0,0,1,1]", "pads=[1,1,0,0]"))
fault("dilations of a pooling", "max", ("dilations=[1,1]", "dilations=[2,1]"))
base("ceil", IMAGE, "o = MaxPool<kernel_shape=[3,3], strides=[2,2], ceil_mode=0>(x)")
fault("ceil_mode", "ceil", ("ceil_mode=0", "ceil_mode=1"))
base(
    "average", IMAGE, "o = AveragePool<kernel_shape=[3,3], pads=[1,1,1,1], count_include_pad=0>(x)"
)
fault("count_include_pad", "average", ("count_include_pad=0", "count_include_pad=1"))
fault(
    "maximum for an average", "average", ("AveragePool", "MaxPool"), (", count_include_pad=0", "")
)
base("lp", IMAGE, "o = LpPool<kernel_shape=[2,2], p=2>(x)")
fault("p of LpPool", "lp", ("p=2", "p=3"))
base("reduce", LINE, "y = ReduceMean<axes=[1], keepdims=1>(x) o = Sub(x, y)")
fault("axes", "reduce", ("axes=[1]", "axes=[2]"))
fault("another reduction", "reduce", ("ReduceMean", "ReduceMax"))
fault("all axes", "reduce", ("axes=[1], ", ""))
fault("difference turned round", "reduce", ("Sub(x, y)", "Sub(y, x)"))
base(
    "keepdims",
    "m (float[4,4] x) => (float[4,4] o) ",
    "y = ReduceMax<axes=[1], keepdims=1>(x) o = Sub(x, y)",
)
fault("keepdims", "keepdims", ("keepdims=1", "keepdims=0"))
base(
    "pick",
    "m (float[N,4] x) => (int64[A,B] o) ",
    "o = ArgMax<axis=1, keepdims=1, select_last_index=0>(x)",
)
fault("axis of ArgMax", "pick", ("axis=1", "axis=0"))
fault("last index", "pick", ("select_last_index=0", "select_last_index=1"))
fault("least for largest", "pick", ("ArgMax", "ArgMin"))
base("top", LINE, "o, i = TopK<axis=2, largest=1>(x, k)", k=shape(3))
fault("k", "top", ("k", lambda k: k + 1))
fault("axis of TopK", "top", ("axis=2", "axis=1"))
fault("least of TopK", "top", ("largest=1", "largest=0"))
base("sum", LINE, "o = CumSum<exclusive=0, reverse=0>(x, a)", a=np.int64(1))
fault("exclusive", "sum", ("exclusive=0", "exclusive=1"))
fault("reverse", "sum", ("reverse=0", "reverse=1"))
fault("axis of CumSum", "sum", ("a", lambda a: a + 1))

# Moves of elements.
base(
    "slice",
    LINE,
    "o = Slice(x, starts, ends, axes, steps)",
    starts=shape(1, 0),
    ends=shape(4, 6),
    axes=shape(1, 2),
    steps=shape(1, 2),
)
fault("starts", "slice", ("starts", lambda a: np.add(a, (1, 0))))
fault("ends", "slice", ("ends", lambda a: a - (1, 0)))
fault("axes of a slice", "slice", ("axes", lambda a: a[::-1]))
fault("steps", "slice", ("steps", lambda a: np.add(a, (0, 1))))
fault(
    "backwards",
    "slice",
    ("starts", lambda a: a * 0 + [1, 5]),
    ("ends", lambda a: a * 0 + [4, -9]),
    ("steps", lambda a: a * [1, -1]),
)
base("gather", LINE, "o = Gather<axis=1>(x, i)", i=shape(0, 2))
fault("places", "gather", ("i", lambda i: i[::-1]))
fault("axis of Gather", "gather", ("axis=1", "axis=2"))
base("one", "m (float[N,4,6] x) => (float[A,B] o) ", "o = Gather<axis=1>(x, i)", i=np.int64(1))
fault("place", "one", ("i", lambda i: i + 1))
base("elements", LINE, "o = GatherElements<axis=1>(x, i)", i=np.array([[[0, 1, 2]]]))
fault("axis of GatherElements", "elements", ("axis=1", "axis=2"))
base("concat", LINE, "y = Relu(x) o = Concat<axis=1>(x, y)")
fault("order of Concat", "concat", ("(x, y)", "(y, x)"))
fault("axis of Concat", "concat", ("axis=1", "axis=2"))
base("split", LINE, "a, b = Split<axis=1>(x, s) o = Concat<axis=1>(b, a)", s=shape(1, 3))
fault("sizes of Split", "split", ("s", lambda s: s[::-1]))
fault("parts exchanged", "split", ("(b, a)", "(a, b)"))
base("pad", LINE, 'o = Pad<mode="constant">(x, p, v)', p=shape(0, 1, 0, 0, 0, 2), v=num(0.5))
fault("mode of Pad", "pad", ("constant", "edge"))
fault("value of Pad", "pad", ("v", lambda v: v * 2))
fault("value of Pad left out", "pad", ("(x, p, v)", "(x, p)"))
fault("pads of Pad", "pad", ("p", lambda p: p[::-1]))
base("turn", "m (float[4,4,4] x) => (float[4,4,4] o) ", "o = Transpose<perm=[0,2,1]>(x)")
fault("perm", "turn", ("[0,2,1]", "[1,0,2]"))
fault("perm turned round", "turn", ("[0,2,1]", "[1,2,0]"))
fault("perm left out", "turn", ("<perm=[0,2,1]>", ""))
base("reshape", LINE, "o = Reshape(x, s)", s=shape(-1, 12, 2))
fault("target of Reshape", "reshape", ("s", lambda s: s[[0, 2, 1]]))
fault(
    "Reshape in another order",
    "reshape",
    ("Reshape(x, s)", "Reshape(t, s)"),
    ("o =", "t = Transpose<perm=[0,2,1]>(x) o ="),
)
base("flat", "m (float[2,2,3] x) => (float[A,B] o) ", "o = Flatten<axis=1>(x)")
fault("axis of Flatten", "flat", ("axis=1", "axis=2"))
base(
    "depth of eight",
    "m (float[N,8,2,2] x) => (float[A,B,C,D] o) ",
    'o = DepthToSpace<blocksize=2, mode="DCR">(x)',
)
fault("mode of DepthToSpace", "depth of eight", ("DCR", "CRD"))
base("tile", ROWS, "o = Tile(x, r)", r=shape(1, 2))
fault("repeats", "tile", ("r", lambda r: r[::-1]))
base("triangle", "m (float[4,4] x) => (float[4,4] o) ", "o = Trilu<upper=1>(x, k)", k=np.int64(0))
fault("upper", "triangle", ("upper=1", "upper=0"))
fault("diagonal", "triangle", ("k", lambda k: k + 1))
base(
    "scatter",
    "m (float[4,4] x) => (float[4,4] o) ",
    "o = ScatterElements<axis=0>(x, i, u)",
    i=np.array([[0, 1], [2, 3]]),
    u=f(2, 2),
)
fault("axis of ScatterElements", "scatter", ("axis=0", "axis=1"))
fault("updates", "scatter", ("u", swapped))
fault("reduction of ScatterElements", "scatter", ("axis=0", 'axis=0, reduction="add"'))
base(
    "resize",
    IMAGE,
    'o = Resize<mode="linear", coordinate_transformation_mode="half_pixel">(x, , scales)',
    scales=np.array([1, 1, 2, 1.5], "f"),
)
fault("mode of Resize", "resize", ("linear", "nearest"))
fault("coordinates of Resize", "resize", ("half_pixel", "align_corners"))
fault("scales of Resize", "resize", ("scales", lambda s: s[[0, 1, 3, 2]]))
base(
    "nearest",
    IMAGE,
    'o = Resize<mode="nearest", nearest_mode="floor">(x, , scales)',
    scales=np.array([1, 1, 2, 1.5], "f"),
)
fault("nearest_mode", "nearest", ("floor", "ceil"))
base(
    "cubic",
    IMAGE,
    'o = Resize<mode="cubic", cubic_coeff_a=-0.75>(x, , scales)',
    scales=np.array([1, 1, 2, 1.5], "f"),
)
fault("cubic_coeff_a", "cubic", ("-0.75", "-0.5"))
base(
    "grid",
    IMAGE,
    "s = Slice(x, zero, two, one) r = Tanh(s) g = Transpose<perm=[0,2,3,1]>(r) "
    'o = GridSample<mode="bilinear", padding_mode="zeros", align_corners=0>(x, g)',
    zero=shape(0),
    one=shape(1),
    two=shape(2),
)
fault("padding_mode", "grid", ("zeros", "border"))
fault("align_corners", "grid", ("align_corners=0", "align_corners=1"))
base(
    "onehot",
    "m (int64[N] x) => (float[A,B] o) ",
    "o = OneHot<axis=1>(x, d, v)",
    d=np.int64(4),
    v=np.array([0, 2], "f"),
)
fault("axis of OneHot", "onehot", ("axis=1", "axis=0"))
fault("values of OneHot", "onehot", ("v", swapped))

# Operators of two operands.
base("two", TWO, "a = Sub(x, y) b = Exp(y) c = Div(a, b) o = Max(c, x)")
fault("operands of Sub exchanged", "two", ("Sub(x, y)", "Sub(y, x)"))
fault("operands of Div exchanged", "two", ("Div(a, b)", "Div(b, a)"))
fault("Min for Max", "two", ("Max", "Min"))
fault("Add for Sub", "two", ("Sub", "Add"))
fault("another operand", "two", ("Max(c, x)", "Max(c, y)"))
fault("inputs exchanged", "two", ("(float[N,4] x, float[N,4] y)", "(float[N,4] y, float[N,4] x)"))
fault(
    "input dropped",
    "two",
    ("float[N,4] x, float[N,4] y", "float[N,4] x"),
    ("b = Exp(y)", "b = Exp(x)"),
    ("Sub(x, y)", "Sub(x, x)"),
)
fault("input that nothing reads", "two", ("float[N,4] y)", "float[N,4] y, float[N] z)"))
fault(
    "input of fixed size",
    "two",
    ("float[N,4] x, float[N,4] y", "float[3,4] x, float[3,4] y"),
    ("float[N,4] o", "float[3,4] o"),
)
base("where", TWO, "c = Greater(x, y) o = Where(c, x, y)")
fault("choices exchanged", "where", ("Where(c, x, y)", "Where(c, y, x)"))
fault("Less for Greater", "where", ("Greater", "Less"))
fault(
    "equality admitted",
    "where",
    ("c = Greater(x, y) o = Where(c, x, y)", "c = GreaterOrEqual(x, x) o = Where(c, x, y)"),
)
base("mod", "m (int64[N] x) => (int64[N] o) ", "o = Mod<fmod=0>(x, d)", d=np.int64(-3))
fault("fmod", "mod", ("fmod=0", "fmod=1"))
base(
    "shift",
    "m (uint8[N] x) => (uint8[N] o) ",
    'o = BitShift<direction="LEFT">(x, d)',
    d=np.uint8(1),
)
fault("direction of BitShift", "shift", ("LEFT", "RIGHT"))
base(
    "infinite",
    "m (float[N] x) => (bool[N] o) ",
    "z = Mul(x, zero) y = Reciprocal(z) o = IsInf<detect_negative=1>(y)",
    zero=num(0),
)
fault("detect_negative", "infinite", ("detect_negative=1", "detect_negative=0"))

# Inputs that have a default: whoever runs the file may give another value.
DEFAULT = "float[4] b = {1, -2, 3, 0.5}"
BAKED = "Constant<value_floats=[1.0, -2.0, 3.0, 0.5]>()"
base(
    "default",
    f"m (float[N,4] x, {DEFAULT}) => (float[N,4] o) ",
    "y = Add(x, b) z = Relu(y) o = Mul(z, b)",
)
fault("default of an input", "default", ("0.5", "0.25"))
fault(
    "input that has a default dropped", "default", (f", {DEFAULT}", ""), ("y =", f"b = {BAKED} y =")
)
fault("default baked for one use", "default", ("o = Mul(z, b)", f"c = {BAKED} o = Mul(z, c)"))
fault("default dropped", "default", (" = {1, -2, 3, 0.5}", ""))

# Types.
base("cast", "m (float[N,4] x) => (float[N,4] o) ", "y = Cast<to=7>(x) o = Cast<to=1>(y)")
fault("type between casts", "cast", ("to=7", "to=9"))
fault("cast that rounds", "cast", ("y = Cast<to=7>(x)", "r = Round(x) y = Cast<to=7>(r)"))
fault("cast that floors", "cast", ("y = Cast<to=7>(x)", "r = Floor(x) y = Cast<to=7>(r)"))
fault("casts dropped", "cast", ("y = Cast<to=7>(x) o = Cast<to=1>(y)", "o = Identity(x)"))
base("plain", ROWS, "o = Relu(x)")
fault(
    "half precision between",
    "plain",
    ("o = Relu(x)", "h = Cast<to=10>(x) y = Cast<to=1>(h) o = Relu(y)"),
)
fault(
    "type of the output",
    "plain",
    ("float[A,B] o", "double[A,B] o"),
    ("o = Relu(x)", "y = Relu(x) o = Cast<to=11>(y)"),
)
fault(
    "type of the input",
    "plain",
    ("float[N,4] x", "double[N,4] x"),
    ("o = Relu(x)", "y = Cast<to=1>(x) o = Relu(y)"),
)
fault("name of the input", "plain", ("4] x", "4] input"), ("Relu(x)", "Relu(input)"))
fault("name of the output", "plain", ("B] o", "B] output"), ("o =", "output ="))
base("double", "m (double[N] x) => (double[N] o) ", "o = Mul(x, c)", c=np.array([1 / 3]))
fault("constant of half the bits", "double", ("c", lambda c: c.astype("f").astype("d")))

# Outputs.
base("outputs", "m (float[N,4] x) => (float[N,4] o, float[N,4] p) ", "o = Relu(x) p = Neg(x)")
fault("order of outputs", "outputs", ("float[N,4] o, float[N,4] p", "float[N,4] p, float[N,4] o"))
fault("names of outputs exchanged", "outputs", ("o = Relu(x) p = Neg(x)", "p = Relu(x) o = Neg(x)"))
fault("output dropped", "outputs", ("float[N,4] o, float[N,4] p", "float[N,4] o"))
fault("one output twice", "outputs", ("p = Neg(x)", "p = Relu(x)"))

# Sizes that are computed.
base(
    "sizes",
    ROWS,
    "s = Shape(x) n = Gather(s, zero) k = Cast<to=7>(n) t = Concat<axis=0>(k, rest) "
    "o = Reshape(x, t)",
    zero=shape(0),
    rest=shape(4),
)
fault(
    "size cast to eight bits", "sizes", ("k = Cast<to=7>(n)", "l = Cast<to=3>(n) k = Cast<to=7>(l)")
)
fault(
    "size cast to unsigned bytes",
    "sizes",
    ("k = Cast<to=7>(n)", "l = Cast<to=2>(n) k = Cast<to=7>(l)"),
)
fault("size of another axis", "sizes", ("zero", lambda a: a + 1), ("rest", lambda a: a * 0 - 1))
base("squeezed", "m (float[N,1,4] x) => (float[A,B] o) ", "o = Squeeze(x, one)", one=shape(1))
fault("squeezed without axes", "squeezed", ("(x, one)", "(x)"))
base(
    "filled",
    "m (float[N,4] x) => (float[A,B] o) ",
    "s = Shape(x) c = ConstantOfShape<value=float[1] {2.0}>(s) o = Add(x, c)",
)
fault("value of ConstantOfShape", "filled", ("{2.0}", "{3.0}"))
fault("value of ConstantOfShape left out", "filled", ("<value=float[1] {2.0}>", ""))
base(
    "range",
    "m (float[N,4] x) => (float[A,B] o) ",
    "s = Shape<start=0, end=1>(x) n = Squeeze(s) r = Range(zero, n, one) "
    "f = Cast<to=1>(r) c = Unsqueeze(f, axis) o = Add(x, c)",
    zero=np.int64(0),
    one=np.int64(1),
    axis=shape(1),
)
fault(
    "start of Range", "range", ("r = Range(zero, n, one)", "m = Add(n, one) r = Range(one, m, one)")
)
fault("whole batch taken together", "softmax", ("o = Softmax<axis=1>(x)", "o = Softmax<axis=0>(x)"))

# Quantised numbers.
base(
    "quantised",
    ROWS,
    "y = QuantizeLinear(x, s, z) o = DequantizeLinear(y, s, z)",
    s=num(0.1),
    z=np.uint8(7),
)
fault("zero point", "quantised", ("z", lambda z: z + 1))
fault("scale", "quantised", ("s", last_place))
fault("zero point dropped", "quantised", ("DequantizeLinear(y, s, z)", "DequantizeLinear(y, s)"))
base(
    "channels",
    "m (float[4,4] x) => (float[4,4] o) ",
    "w = DequantizeLinear<axis=0>(q, s, z) o = MatMul(x, w)",
    q=np.arange(16, dtype=np.int8).reshape(4, 4),
    s=positive(4),
    z=np.arange(4, dtype=np.int8),
)
fault("axis of scales", "channels", ("axis=0", "axis=1"))
fault("scales of channels swapped", "channels", ("s", swapped))
fault("zero points swapped", "channels", ("z", swapped))
fault("one quantised weight", "channels", ("q", at((0, 0), 1)))
base(
    "integers",
    "m (uint8[N,4] x) => (int32[N,4] o) ",
    "o = MatMulInteger(x, w, a, b)",
    w=np.arange(16, dtype=np.int8).reshape(4, 4),
    a=np.uint8(3),
    b=np.int8(1),
)
fault("zero point of MatMulInteger", "integers", ("a", lambda a: a + 1))

# Recurrent layers.
base(
    "lstm",
    "m (float[S,N,4] x) => (float[A,B,C,D] o, float[E,F,G] h) ",
    'o, h = LSTM<hidden_size=3, direction="forward", '
    'activations=["Sigmoid","Tanh","Tanh"]>(x, w, r, b)',
    w=f(1, 12, 4),
    r=f(1, 12, 3),
    b=f(1, 24),
)
fault("direction", "lstm", ("forward", "reverse"))
fault("activations", "lstm", ('"Sigmoid","Tanh","Tanh"', '"Sigmoid","Tanh","Relu"'))
fault("clip of LSTM", "lstm", ("hidden_size=3,", "hidden_size=3, clip=0.1,"))
fault("gates swapped", "lstm", ("w", lambda w: w[:, [*range(3, 6), *range(3), *range(6, 12)]]))
fault("recurrent weights", "lstm", ("r", lambda r: r[:, ::-1]))
fault("biases of LSTM", "lstm", ("b", lambda b: b[:, ::-1]))
fault("input and forget gate coupled", "lstm", ("hidden_size=3,", "hidden_size=3, input_forget=1,"))
fault("state of the cell for the hidden one", "lstm", ("o, h = LSTM", "o, k, h = LSTM"))
base(
    "gru",
    "m (float[S,N,4] x) => (float[A,B,C,D] o) ",
    "o = GRU<hidden_size=3, linear_before_reset=0>(x, w, r, b)",
    w=f(1, 9, 4),
    r=f(1, 9, 3),
    b=f(1, 18),
)
fault("linear_before_reset", "gru", ("linear_before_reset=0", "linear_before_reset=1"))

# Graphs within nodes.
base(
    "if",
    "m (float[N,4] x, bool c) => (float[N,4] o) ",
    "y = Neg(x) o = If (c) <then_branch = g () => (float[N,4] a) { a = Relu(y) }, "
    "else_branch = h () => (float[N,4] b) { k = Add(x, v) b = Tanh(k) }>",
    v=f(4),
)
fault("operator of a branch", "if", ("Tanh", "Sigmoid"))
fault("constant of a branch", "if", ("v", swapped))
fault("what a branch reads", "if", ("Relu(y)", "Relu(x)"))
fault("value that a branch reads", "if", ("y = Neg(x)", "y = Abs(x)"))
fault(
    "branches exchanged",
    "if",
    ("then_branch", "other"),
    ("else_branch", "then_branch"),
    ("other", "else_branch"),
)
base(
    "loop",
    "m (float[N,4] x, int64 n) => (float[N,4] o) ",
    "o = Loop (n, t, x) <body = g (int64 i, bool a, float[N,4] s) => (bool z, float[N,4] r) { "
    "z = Identity(a) k = Mul(s, v) r = Sub(k, x) }>",
    t=np.bool_(True),
    v=f(4),
)
fault("body of a loop", "loop", ("Mul", "Add"))
fault("body reads its state", "loop", ("Sub(k, x)", "Sub(k, s)"))
fault("constant of a body", "loop", ("v", last_place))
fault("loop ends early", "loop", ("z = Identity(a)", "z = Not(a)"))
fault(
    "turns of a loop",
    "loop",
    ("Loop (n, t, x)", "Loop (two, t, x)"),
    ("o = Loop", "two = Constant<value_int=2>() o = Loop"),
)
base(
    "scan",
    "m (float[4,3] x) => (float[A,B] o) ",
    "e, o = Scan (b, x) <num_scan_inputs=1, scan_input_directions=[0], "
    "body = g (float[3] s, float[3] t) => (float[3] u, float[3] v) { "
    "k = Add(s, t) u = Tanh(k) v = Neg(k) }>",
    b=f(3),
)
fault("direction of a scan", "scan", ("directions=[0]", "directions=[1]"))
fault("body of a scan", "scan", ("Neg(k)", "Neg(u)"))
fault("start of a scan", "scan", ("b", swapped))
base(
    "sequence",
    "m (float[N,4] x) => (float[A,B] o) ",
    "y = Neg(x) s = SequenceConstruct(x, y) o = SequenceAt(s, i)",
    i=np.int64(0),
)
fault("place in a sequence", "sequence", ("i", lambda i: i + 1))
fault("order of a sequence", "sequence", ("SequenceConstruct(x, y)", "SequenceConstruct(y, x)"))
base(
    "new", "m (float[N,4] x) => (float[A,B] o) ", "y = HardSwish(x) z = Mish(y) o = Softplus(z)", 18
)
fault("Swish without its bends", "new", ("HardSwish", "Sigmoid"))
fault("Softsign", "new", ("Softplus", "Softsign"))

# Changes that are none.
same("values renamed", "two", ("a = Sub", "u = Sub"), ("Div(a,", "Div(u,"))
same("nodes in another order", "two", ("a = Sub(x, y) b = Exp(y)", "b = Exp(y) a = Sub(x, y)"))
same("operand that has a default exchanged", "default", ("Add(x, b)", "Add(b, x)"))
same("identity", "plain", ("o = Relu(x)", "y = Identity(x) o = Relu(y)"))
same("identity behind", "plain", ("o = Relu(x)", "y = Relu(x) o = Identity(y)"))
same("node that nothing reads", "plain", ("o = Relu(x)", "o = Relu(x) y = Neg(x)"))
same("node written twice", "tied", ("z = Relu(y)", "z = Relu(y) u = Relu(y)"), ("(z, w)", "(u, w)"))
same("dropout", "plain", ("o = Relu(x)", "y = Dropout(x) o = Relu(y)"))
same("momentum", "batch", ("epsilon=0.1", "epsilon=0.1, momentum=0.5"))
same("no training", "batch", ("epsilon=0.1", "epsilon=0.1, training_mode=0"))
same("strides of one left out", "conv", (", strides=[1,1], dilations=[1,1]", ""))
same("kernel_shape said", "conv", ("pads=", "kernel_shape=[3,3], pads="))
same("group of one", "conv", ("pads=", "group=1, pads="))
same("padding not set", "conv", ("pads=", 'auto_pad="NOTSET", pads='))
same("transA of none left out", "gemm", ("transA=0, ", ""))
same("axis from the back", "softmax", ("axis=1", "axis=-2"))
same("axes from the back", "reduce", ("axes=[1]", "axes=[-2]"))
same("axis of Concat from the back", "concat", ("axis=1", "axis=-2"))
same("default axis", "layer", ("axis=-1, ", ""))
same("default mode", "pad", ('<mode="constant">', ""))
same("default bounds", "ceil", (", ceil_mode=0", ""))
same("storage_order", "ceil", ("ceil_mode=0", "ceil_mode=0, storage_order=0"))
same("nearest as it is", "nearest", ('mode="nearest", ', ""))
same("turned twice", "turn", ("o =", "a = Transpose(x) y = Transpose(a) o ="), ("]>(x)", "]>(y)"))
same("reshape written otherwise", "reshape", ("s", lambda s: s * (0, 1, 1)))
same("reshape twice", "reshape", ("o = Reshape(x, s)", "y = Flatten(x) o = Reshape(y, s)"))
same("steps of one", "slice", ("starts", lambda a: a - (0, 6)))
same("ends beyond", "slice", ("ends", lambda a: np.add(a, (0, 2**40))))
same("operands of Add exchanged", "filled", ("Add(x, c)", "Add(c, x)"))
same("operands of Max exchanged", "two", ("Max(c, x)", "Max(x, c)"))
same(
    "addend zero",
    "plain",
    ("o = Relu(x)", "z = Constant<value_float=0.0>() y = Add(x, z) o = Relu(y)"),
)
same(
    "factor one",
    "plain",
    ("o = Relu(x)", "z = Constant<value_float=1.0>() y = Mul(x, z) o = Relu(y)"),
)
same("matmul and add for gemm", "linear", ("o = Gemm(x, w, b)", "y = MatMul(x, w) o = Add(y, b)"))
same("gemm turned", "linear", ("Gemm(x, w, b)", "Gemm<transB=1>(x, w, b)"), ("w", np.transpose))
same(
    "weight transposed by a node",
    "linear",
    ("o = Gemm(x, w, b)", "v = Transpose(w) o = Gemm(x, v, b)"),
    ("w", np.transpose),
)
same(
    "convolution for gemm",
    "linear",
    ("o = Gemm(x, w, b)", "u = Unsqueeze(x, axis) y = Conv(u, w, b) o = Squeeze(y, axis)"),
    ("w", lambda w: w.T[..., None]),
)
same(
    "einsum for gemm",
    "linear",
    ("o = Gemm(x, w, b)", 'y = Einsum<equation="nc,cd->nd">(x, w) o = Add(y, b)'),
)
same(
    "size cast to thirty-two bits",
    "sizes",
    ("k = Cast<to=7>(n)", "l = Cast<to=6>(n) k = Cast<to=7>(l)"),
)
same(
    "size taken otherwise",
    "sizes",
    ("s = Shape(x) n = Gather(s, zero)", "n = Shape<start=0, end=1>(x)"),
)
same("size left open", "sizes", ("o = Reshape(x, t)", "o = Identity(x)"))
same("squeezed by reshape", "squeezed", ("o = Squeeze(x, one)", "o = Flatten(x)"))
same("names within a branch", "if", ("k = Add(x, v) b = Tanh(k)", "l = Add(x, v) b = Tanh(l)"))
same("names of a body", "loop", ("k = Mul(s, v) r = Sub(k, x)", "l = Mul(s, v) r = Sub(l, x)"))
same("operands in a body", "loop", ("Mul(s, v)", "Mul(v, s)"))
same("identity within a branch", "if", ("a = Relu(y)", "e = Relu(y) a = Identity(e)"))
