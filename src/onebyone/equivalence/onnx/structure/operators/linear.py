"""Linear layers, one form for all: a sum of products over axes with the same letter.

A fully connected layer, a 1×1 convolution and a convolution as large as its input differ in
layouts only. Along an axis where the kernel is smaller than the input, a convolution slides.
"""

from onebyone.equivalence.ladder import Undecided
from onebyone.equivalence.onnx.structure.operators.arithmetic import PRODUCT, arithmetic, times
from onebyone.equivalence.onnx.structure.operators.call import Call, operator
from onebyone.equivalence.onnx.structure.operators.kernels import kernels
from onebyone.equivalence.onnx.structure.operators.slices import padded, sliced
from onebyone.equivalence.onnx.structure.sizes import ONE, Size
from onebyone.equivalence.onnx.structure.values import Letter, Operand, Value


@operator("MatMul")
def _matmul(call: Call) -> Value:
    a, b = call[0], call[1]
    batch = max(len(a.shape), len(b.shape), 2) - 2
    left = [*range(-len(a.shape) + 2, 0), "m", "k"][-len(a.shape) :]
    right = [*range(-len(b.shape) + 2, 0), "k", "n"]
    right = ["k"] if len(b.shape) == 1 else right
    left = ["k"] if len(a.shape) == 1 else left
    ends = [letter for letter in ("m", "n") if letter in left or letter in right]
    out = [*range(-batch, 0), *ends]
    return call.table.join(PRODUCT, [(a, left), (b, right)], out, commutative=True)


@operator("Gemm")
def _gemm(call: Call) -> Value:
    left = "km" if call.attribute("transA", 0) else "mk"
    right = "nk" if call.attribute("transB", 0) else "kn"
    y = call.table.join(PRODUCT, [(call[0], left), (call[1], right)], "mn", commutative=True)
    y = times(call.table, y, call.attribute("alpha", 1.0))
    if not call.has(2):
        return y
    c = times(call.table, call[2], call.attribute("beta", 1.0))
    letters = "mn"[2 - len(c.shape) :]
    return arithmetic(call.table, "Add", [(y, "mn"), (c, letters)], "mn")


@operator("Conv")
def _convolution(call: Call) -> Value:
    x, w = call[0], call[1]
    group = Size.of(call.attribute("group", 1))
    lengths = [size.known for size in w.shape[2:]]
    if None in lengths:
        raise Undecided("Conv with a kernel of unknown size")
    sides = kernels(call, [length or 0 for length in lengths])
    single = [(axis, kernel) for axis, kernel in enumerate(sides, 2) if kernel.length == 1]
    for axis, kernel in single:
        x = padded(call, x, axis, kernel.before, kernel.after)
    for axis, kernel in single:
        x = sliced(call, x, axis, step=kernel.stride)
    spatial: list[Letter] = []
    taps: list[Letter] = []
    out: list[Letter] = []
    sliding = []
    fresh: dict[Letter, Size] = {}
    for axis, kernel in enumerate(sides):
        size = x.shape[axis + 2]
        s, t, o = f"s{axis}", f"t{axis}", f"o{axis}"
        if kernel.length == 1:
            t = o = s
        elif kernel.covers(size):
            t, fresh[o] = s, ONE
        else:
            fresh[o] = kernel.places(size)
            sliding.append((s, t, kernel[1:]))
        spatial.append(s)
        taps.append(t)
        out.append(o)
    x, w = _grouped(x, 1, group), _grouped(w, 0, group)
    y = call.table.join(
        PRODUCT,
        [(x, ["n", "g", "c", *spatial]), (w, ["g", "o", "c", *taps])],
        ["n", "g", "o", *out],
        tuple(setting for _, _, setting in sliding),
        ordered=[letter for s, t, _ in sliding for letter in (s, t)],
        fresh=fresh,
        commutative=not sliding,
    )
    return _biased(call, y)


@operator("ConvTranspose")
def _transposed_convolution(call: Call) -> Value:
    x, w = call[0], call[1]
    rank = len(x.shape) - 2
    plain = all(size == ONE for size in w.shape[2:]) and not any(
        set(call.attribute(name) or [default]) - {default}
        for name, default in (("strides", 1), ("pads", 0), ("output_padding", 0))
    )
    padding = call.attribute("auto_pad", "NOTSET")
    if not plain or call.attribute("output_shape") or padding not in ("NOTSET", "VALID"):
        raise Undecided("ConvTranspose with a kernel, stride or padding")
    group = Size.of(call.attribute("group", 1))
    spatial = [f"s{axis}" for axis in range(rank)]
    operands: list[Operand] = [
        (_grouped(x, 1, group), ["n", "g", "c", *spatial]),
        (_grouped(w, 0, group), ["g", "c", "o", *spatial]),
    ]
    out = ["n", "g", "o", *spatial]
    return _biased(call, call.table.join(PRODUCT, operands, out, commutative=True))


@operator("Einsum")
def _einsum(call: Call) -> Value:
    equation = call.attribute("equation").replace(" ", "")
    inputs, arrow, out = equation.partition("->")
    terms = inputs.split(",")
    if not arrow or "." in equation or any(len(set(t)) < len(t) for t in terms) or len(terms) > 2:
        raise Undecided(f"Einsum {equation}")
    operands: list[Operand] = [(call[index], letters) for index, letters in enumerate(terms)]
    return call.table.join(PRODUCT, operands, out, commutative=True)


def _grouped(value: Value, axis: int, group: Size) -> Value:
    """One axis cut into groups and what is in each."""
    shape = value.shape
    each = shape[axis].over(group)
    if each is None:
        raise Undecided(f"{shape[axis]} channels in {group} groups")
    return value.reshaped([*shape[:axis], group, each, *shape[axis + 1 :]])


def _biased(call: Call, y: Value) -> Value:
    """Groups and channels of a convolution's result as one axis again, with the bias added."""
    n, g, o, *spatial = y.shape
    y = y.reshaped([n, g * o, *spatial])
    if not call.has(2):
        return y
    if len(call[2].shape) != 1:
        raise Undecided(f"{call.node.op_type} with a bias of {len(call[2].shape)} axes")
    letters = range(len(y.shape))
    return arithmetic(call.table, "Add", [(y, letters), (call[2], [1])], letters)
