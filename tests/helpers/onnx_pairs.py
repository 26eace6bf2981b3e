"""Pairs of ONNX models that are the same function, written by hand, before and after a rewrite."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import onnx

OPSET = 17
Arrays = Mapping[str, np.ndarray]


def model(text: str, arrays: Arrays, opset: int = OPSET) -> onnx.ModelProto:
    """A model from ONNX's textual form of its graph, and its initializers."""
    header = f'<ir_version: 8, opset_import: ["" : {opset}, "com.microsoft" : 1]>'
    made = onnx.parser.parse_model(f"{header}\n{text}")
    for number, node in enumerate(made.graph.node):
        node.name = node.name or f"{node.op_type}{number}"
    for name, array in arrays.items():
        made.graph.initializer.append(onnx.numpy_helper.from_array(np.asarray(array), name))
    onnx.checker.check_model(made, full_check=True)
    return made


@dataclass(frozen=True)
class Pair:
    """Two models that are the same function."""

    name: str
    before: onnx.ModelProto
    after: onnx.ModelProto


PAIRS: dict[str, Callable[[], Pair]] = {}


def pair(make: Callable[[np.random.Generator], tuple[onnx.ModelProto, onnx.ModelProto]]):
    """Register a maker of a pair under its name."""
    name = make.__name__

    def build() -> Pair:
        return Pair(name, *make(np.random.default_rng(0)))

    PAIRS[name] = build
    return build


def floats(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.standard_normal(shape).astype(np.float32)


def shape(*sizes: int) -> np.ndarray:
    return np.array(sizes, np.int64)


@pair
def gemm(rng):
    """Two Gemms with ReLU between: reshapes around each convolution, or cancelled."""
    w, b, v, c = floats(rng, 5, 8), floats(rng, 5), floats(rng, 5, 3), floats(rng, 3)
    before = model(
        """mlp (float[N,8] x) => (float[N,3] o) {
            y = Gemm<transB=1>(x, w, b)
            z = Relu(y)
            o = Gemm(z, v, c) }""",
        {"w": w, "b": b, "v": v, "c": c},
    )
    after = model(
        """mlp (float[N,8] x) => (float[N,3] o) {
            x4 = Reshape(x, s)
            y4 = Conv(x4, w4, b)
            z4 = Relu(y4)
            o4 = Conv(z4, v4, c)
            o = Flatten(o4) }""",
        {"w4": w[..., None, None], "v4": v.T[..., None, None].copy(), "b": b, "c": c}
        | {"s": shape(-1, 8, 1, 1)},
    )
    return before, after


@pair
def matmul_add(rng):
    """MatMul and Add on a sequence: BCS1 convolutions, transposes cancelled across GELU."""
    w, b, v, g, h = (
        floats(rng, 8, 16), floats(rng, 16), floats(rng, 16, 8), floats(rng, 8), floats(rng, 8),
    )  # fmt: skip
    before = model(
        """block (float[B,S,8] x) => (float[B,S,8] o) {
            n = LayerNormalization<axis=-1>(x, g, h)
            m = MatMul(n, w)
            y = Add(b, m)
            e = Erf(y)
            z = Mul(y, e)
            r = MatMul(z, v)
            o = Add(x, r) }""",
        {"w": w, "b": b, "v": v, "g": g, "h": h},
    )
    after = model(
        """block (float[B,S,8] x) => (float[B,S,8] o) {
            n = LayerNormalization<axis=-1>(x, g, h)
            t = Transpose<perm=[0,2,1]>(n)
            u = Unsqueeze(t, two)
            y = Conv(u, w4, b)
            e = Erf(y)
            z = Mul(y, e)
            r4 = Conv(z, v4)
            r3 = Squeeze(r4, two)
            r = Transpose<perm=[0,2,1]>(r3)
            o = Add(x, r) }""",
        {"w4": w.T[..., None, None].copy(), "v4": v.T[..., None, None].copy(), "b": b}
        | {"g": g, "h": h, "two": shape(2)},
    )
    return before, after


@pair
def attention(rng):
    """An attention block: heads are split from the features, which stay features in a Conv."""
    q, k, v, p = (floats(rng, 8, 8) for _ in range(4))
    a, b, c, d = (floats(rng, 8) for _ in range(4))
    heads = """
            q4 = Reshape(q, heads)
            k4 = Reshape(k, heads)
            v4 = Reshape(v, heads)
            qh = Transpose<perm=[0,2,1,3]>(q4)
            kh = Transpose<perm=[0,2,3,1]>(k4)
            vh = Transpose<perm=[0,2,1,3]>(v4)
            s = MatMul(qh, kh)
            t = Mul(s, half)
            w = Softmax<axis=-1>(t)
            y4 = MatMul(w, vh)
            y3 = Transpose<perm=[0,2,1,3]>(y4)
            y = Reshape(y3, flat)"""
    shared = {"heads": shape(0, 0, 2, 4), "flat": shape(0, 0, 8), "half": np.float32(0.5)}
    before = model(
        """attention (float[B,S,8] x) => (float[B,S,8] o) {
            qm = MatMul(x, wq)
            q = Add(qm, a)
            km = MatMul(x, wk)
            k = Add(km, b)
            vm = MatMul(x, wv)
            v = Add(vm, c)"""
        + heads
        + """
            om = MatMul(y, wp)
            o = Add(om, d) }""",
        {"wq": q, "wk": k, "wv": v, "wp": p, "a": a, "b": b, "c": c, "d": d} | shared,
    )
    after = model(
        """attention (float[B,S,8] x) => (float[B,S,8] o) {
            xt = Transpose<perm=[0,2,1]>(x)
            qc = Conv(xt, wq, a)
            q = Transpose<perm=[0,2,1]>(qc)
            kc = Conv(xt, wk, b)
            k = Transpose<perm=[0,2,1]>(kc)
            vc = Conv(xt, wv, c)
            v = Transpose<perm=[0,2,1]>(vc)"""
        + heads
        + """
            yt = Transpose<perm=[0,2,1]>(y)
            oc = Conv(yt, wp, d)
            o = Transpose<perm=[0,2,1]>(oc) }""",
        {n: w.T[..., None].copy() for n, w in {"wq": q, "wk": k, "wv": v, "wp": p}.items()}
        | {"a": a, "b": b, "c": c, "d": d}
        | shared,
    )
    return before, after


@pair
def pointwise_head(rng):
    """A NIN head: 1×1 convolutions with ReLU, channels last and linear."""
    w, b, v, c = floats(rng, 6, 4, 1, 1), floats(rng, 6), floats(rng, 3, 6, 1, 1), floats(rng, 3)
    k, d = floats(rng, 4, 3, 3, 3), floats(rng, 4)
    before = model(
        """nin (float[N,3,H,W] x) => (float[N,3] o) {
            f = Conv<pads=[1,1,1,1]>(x, k, d)
            y = Conv(f, w, b)
            z = Relu(y)
            u = Conv(z, v, c)
            m = GlobalAveragePool(u)
            o = Flatten(m) }""",
        {"w": w, "b": b, "v": v, "c": c, "k": k, "d": d},
    )
    after = model(
        """nin (float[N,3,H,W] x) => (float[N,3] o) {
            f = Conv<pads=[1,1,1,1]>(x, k, d)
            ft = Transpose<perm=[0,2,3,1]>(f)
            ym = MatMul(ft, w2)
            y = Add(ym, b)
            z = Relu(y)
            um = MatMul(z, v2)
            u = Add(um, c)
            ut = Transpose<perm=[0,3,1,2]>(u)
            m = GlobalAveragePool(ut)
            o = Flatten(m) }""",
        {"w2": w[:, :, 0, 0].T.copy(), "b": b, "v2": v[:, :, 0, 0].T.copy(), "c": c}
        | {"k": k, "d": d},
    )
    return before, after


@pair
def strided(rng):
    """A 1×1 convolution with stride and padding: the bias is at the border too (S10)."""
    w, b = floats(rng, 5, 4, 1, 1), floats(rng, 5)
    before = model(
        """conv (float[N,4,H,9] x) => (float[N,5,P,Q] o) {
            y = Conv<strides=[2,3], pads=[1,0,1,2]>(x, w, b)
            o = Relu(y) }""",
        {"w": w, "b": b},
    )
    after = model(
        """conv (float[N,4,H,9] x) => (float[N,5,P,Q] o) {
            p = Pad(x, pads, zero)
            s = Slice(p, starts, ends, axes, steps)
            t = Transpose<perm=[0,2,3,1]>(s)
            m = MatMul(t, w2)
            y = Add(m, b)
            u = Transpose<perm=[0,3,1,2]>(y)
            o = Relu(u) }""",
        {"w2": w[:, :, 0, 0].T.copy(), "b": b, "pads": shape(0, 0, 1, 0, 0, 0, 1, 2)}
        | {"zero": np.float32(0), "starts": shape(0, 0), "axes": shape(2, 3)}
        | {"ends": shape(2**63 - 1, 2**63 - 1), "steps": shape(2, 3)},
    )
    return before, after


@pair
def grouped(rng):
    """A grouped 1×1 convolution as one batched product of matrices."""
    w, b = floats(rng, 6, 2, 1, 1), floats(rng, 6)
    before = model(
        """conv (float[N,4,H,W] x) => (float[N,6,H,W] o) {
            o = Conv<group=2>(x, w, b) }""",
        {"w": w, "b": b},
    )
    after = model(
        """conv (float[N,4,H,W] x) => (float[N,6,H,W] o) {
            xs = Shape(x)
            n = Gather(xs, i0)
            h = Gather(xs, i2)
            v = Gather(xs, i3)
            cut = Concat<axis=0>(n, two, two, h, v)
            g = Reshape(x, cut)
            t = Transpose<perm=[1,0,3,4,2]>(g)
            q = Reshape(t, rows)
            m = MatMul(q, w3)
            back = Concat<axis=0>(two, n, h, v, three)
            r = Reshape(m, back)
            u = Transpose<perm=[1,0,4,2,3]>(r)
            whole = Concat<axis=0>(n, six, h, v)
            j = Reshape(u, whole)
            o = Add(j, b3) }""",
        {"w3": w.reshape(2, 3, 2).transpose(0, 2, 1).copy(), "b3": b.reshape(6, 1, 1)}
        | {"i0": shape(0), "i2": shape(2), "i3": shape(3), "two": shape(2), "three": shape(3)}
        | {"six": shape(6), "rows": shape(2, -1, 2)},
    )
    return before, after


@pair
def flat_channels_last(rng):
    """Flatten in channels-last order before a Gemm, as a convolution as large as its input."""
    w, b = floats(rng, 5, 3 * 4 * 2), floats(rng, 5)
    before = model(
        """flat (float[N,2,3,4] x) => (float[N,5] o) {
            a = Relu(x)
            t = Transpose<perm=[0,2,3,1]>(a)
            f = Flatten(t)
            o = Gemm<transB=1>(f, w, b) }""",
        {"w": w, "b": b},
    )
    after = model(
        """flat (float[N,2,3,4] x) => (float[N,5] o) {
            a = Relu(x)
            y = Conv(a, w4, b)
            o = Flatten(y) }""",
        {"w4": w.reshape(5, 3, 4, 2).transpose(0, 3, 1, 2).copy(), "b": b},
    )
    return before, after


@pair
def whole_extent(rng):
    """Flatten and Gemm in the usual order, as a convolution as large as its input."""
    w, b = floats(rng, 2 * 3 * 4, 5), floats(rng, 5)
    before = model(
        """flat (float[N,2,3,4] x) => (float[N,5] o) {
            a = Relu(x)
            f = Flatten(a)
            o = Gemm(f, w, b) }""",
        {"w": w, "b": b},
    )
    after = model(
        """flat (float[N,2,3,4] x) => (float[N,5] o) {
            a = Relu(x)
            y = Conv(a, w4, b)
            o = Reshape(y, s) }""",
        {"w4": w.T.reshape(5, 2, 3, 4).copy(), "b": b, "s": shape(-1, 5)},
    )
    return before, after


@pair
def volume(rng):
    """A 1×1×1 convolution and its transpose on a volume."""
    w, b, v = floats(rng, 5, 4, 1, 1, 1), floats(rng, 5), floats(rng, 5, 3, 1, 1, 1)
    before = model(
        """volume (float[N,4,D,H,W] x) => (float[N,3,D,H,W] o) {
            y = Conv(x, w, b)
            z = Sigmoid(y)
            o = ConvTranspose(z, v) }""",
        {"w": w, "b": b, "v": v},
    )
    after = model(
        """volume (float[N,4,D,H,W] x) => (float[N,3,D,H,W] o) {
            t = Transpose<perm=[0,2,3,4,1]>(x)
            m = MatMul(t, w2)
            y = Add(m, b)
            z = Sigmoid(y)
            u = MatMul(z, v2)
            o = Transpose<perm=[0,4,1,2,3]>(u) }""",
        {"w2": w.reshape(5, 4).T.copy(), "b": b, "v2": v.reshape(5, 3)},
    )
    return before, after


@pair
def quantised(rng):
    """QDQ: scales and zero points per output channel, with the axis moved."""
    q = rng.integers(-127, 128, (8, 5)).astype(np.int8)
    scale = (rng.random(5) + 0.5).astype(np.float32)
    zero = rng.integers(-3, 4, 5).astype(np.int8)
    b = floats(rng, 5)
    small = {"sx": np.float32(0.05), "zx": np.uint8(128)}
    before = model(
        """qdq (float[N,S,8] x) => (float[N,S,5] o) {
            xq = QuantizeLinear(x, sx, zx)
            xd = DequantizeLinear(xq, sx, zx)
            w = DequantizeLinear<axis=1>(q, s, z)
            m = MatMul(xd, w)
            o = Add(m, b) }""",
        {"q": q, "s": scale, "z": zero, "b": b} | small,
    )
    after = model(
        """qdq (float[N,S,8] x) => (float[N,S,5] o) {
            xq = QuantizeLinear(x, sx, zx)
            xt = Transpose<perm=[0,2,1]>(xq)
            xd = DequantizeLinear(xt, sx, zx)
            w = DequantizeLinear<axis=0>(q3, s, z)
            y = Conv(xd, w, b)
            o = Transpose<perm=[0,2,1]>(y) }""",
        {"q3": q.T[..., None].copy(), "s": scale, "z": zero, "b": b} | small,
    )
    return before, after


@pair
def tied(rng):
    """One weight with two users, and residual and concatenation over channels-last features."""
    w, v = floats(rng, 8, 8), floats(rng, 16, 4)
    before = model(
        """tied (float[B,S,8] x) => (float[B,S,4] o) {
            a = MatMul(x, w)
            r = Relu(a)
            b = MatMul(r, w)
            s = Add(a, b)
            c = Concat<axis=-1>(s, r)
            p = Softmax<axis=-1>(c)
            o = MatMul(p, v) }""",
        {"w": w, "v": v},
    )
    after = model(
        """tied (float[B,S,8] x) => (float[B,S,4] o) {
            t = Transpose<perm=[0,2,1]>(x)
            a = Conv(t, w3)
            r = Relu(a)
            b = Conv(r, w3)
            s = Add(b, a)
            c = Concat<axis=1>(s, r)
            p = Softmax<axis=1>(c)
            y = Conv(p, v3)
            o = Transpose<perm=[0,2,1]>(y) }""",
        {"w3": w.T[..., None].copy(), "v3": v.T[..., None].copy()},
    )
    return before, after


@pair
def scaled(rng):
    """Gemm with alpha, beta and transA; halves are exact, so they may be in the weights."""
    w, b = floats(rng, 8, 5), floats(rng, 5)
    before = model(
        """gemm (float[8,N] x) => (float[N,5] o) {
            o = Gemm<transA=1, alpha=0.5, beta=2.0>(x, w, b) }""",
        {"w": w, "b": b},
    )
    after = model(
        """gemm (float[8,N] x) => (float[N,5] o) {
            t = Transpose(x)
            u = Reshape(t, s)
            y = Conv(u, w3, b2)
            o = Squeeze(y, two) }""",
        {"w3": 0.5 * w.T[..., None].copy(), "b2": 2 * b, "s": shape(-1, 8, 1), "two": shape(2)},
    )
    return before, after


@pair
def branches(rng):
    """Layers in the branches of an If, and a branch in a branch."""
    w, v, b, u = floats(rng, 8, 5), floats(rng, 8, 5), floats(rng, 5), floats(rng, 5, 4)
    head = "branches (float[B,S,8] x, bool c, bool d) => (float[B,S,4] o) { "
    before = model(
        head
        + """n = Neg(x)
            h = If (c) <
                then_branch = g1 () => (float[B,S,5] t) { t = MatMul(n, w) },
                else_branch = g2 () => (float[B,S,5] e) {
                    p = MatMul(x, v)
                    q = Add(p, b)
                    e = If (d) <
                        then_branch = g3 () => (float[B,S,5] f) { f = Relu(q) },
                        else_branch = g4 () => (float[B,S,5] g) { g = MatMul(n, v) }> }>
            o = MatMul(h, u) }""",
        {"w": w, "v": v, "b": b, "u": u},
    )
    after = model(
        head
        + """n = Neg(x)
            h = If (c) <
                then_branch = g1 () => (float[B,S,5] t) {
                    t1 = Transpose<perm=[0,2,1]>(n)
                    t2 = Conv(t1, w3)
                    t = Transpose<perm=[0,2,1]>(t2) },
                else_branch = g2 () => (float[B,S,5] e) {
                    e1 = Transpose<perm=[0,2,1]>(x)
                    e2 = Conv(e1, v3, b)
                    q = Transpose<perm=[0,2,1]>(e2)
                    e = If (d) <
                        then_branch = g3 () => (float[B,S,5] f) { f = Relu(q) },
                        else_branch = g4 () => (float[B,S,5] g) {
                            i1 = Transpose<perm=[0,2,1]>(n)
                            i2 = Conv(i1, v3)
                            g = Transpose<perm=[0,2,1]>(i2) }> }>
            h1 = Transpose<perm=[0,2,1]>(h)
            h2 = Conv(h1, u3)
            o = Transpose<perm=[0,2,1]>(h2) }""",
        {k + "3": a.T[..., None].copy() for k, a in {"w": w, "v": v, "u": u}.items()} | {"b": b},
    )
    return before, after


@pair
def loop(rng):
    """Layers in the body of a Loop of two states, which reads a value from outside."""
    w, v = floats(rng, 6, 6), floats(rng, 6, 2)
    head = "loop (float[B,S,6] x, int64 n, bool c) => (float[B,S,6] o, float[K,B,S,2] p) { "
    given = "int64 k, bool a, float[B,S,6] s, float[B,S,6] q"
    signature = f"g ({given}) => (bool z, float[B,S,6] t, float[B,S,6] h, float[B,S,2] y)"
    before = model(
        head
        + f"""r = Relu(x)
            o, l, p = Loop (n, c, x, r) <body = {signature} {{
                z = Identity(a)
                h = Sub(q, s)
                m = MatMul(s, w)
                t = Add(m, r)
                y = MatMul(t, v) }}> }}""",
        {"w": w, "v": v},
    )
    after = model(
        head
        + f"""r = Relu(x)
            o, l, p = Loop (n, c, x, r) <body = {signature} {{
                z = Identity(a)
                h = Sub(q, s)
                s1 = Transpose<perm=[0,2,1]>(s)
                r1 = Transpose<perm=[0,2,1]>(r)
                m1 = Conv(s1, w3)
                t1 = Add(m1, r1)
                t = Transpose<perm=[0,2,1]>(t1)
                y1 = Conv(t1, v3)
                y = Transpose<perm=[0,2,1]>(y1) }}> }}""",
        {"w3": w.T[..., None].copy(), "v3": v.T[..., None].copy()},
    )
    return before, after


@pair
def normalisation(rng):
    """A LayerNormalization, and the same written over channels that come first."""
    w, scale, bias = floats(rng, 8, 5), floats(rng, 5), floats(rng, 5)
    head = "normalisation (float[B,S,8] x) => (float[B,S,5] o) { "
    before = model(
        head
        + """y = MatMul(x, w)
            n = LayerNormalization<axis=-1, epsilon=0.01>(y, scale, bias)
            o = Relu(n) }""",
        {"w": w, "scale": scale, "bias": bias},
    )
    after = model(
        head
        + """t = Transpose<perm=[0,2,1]>(x)
            c = Conv(t, w3)
            m = ReduceMean<axes=[1]>(c)
            d = Sub(c, m)
            q = Mul(d, d)
            v = ReduceMean<axes=[1]>(q)
            e = Add(v, epsilon)
            r = Sqrt(e)
            k = Div(d, r)
            a = Mul(k, scale3)
            b = Add(a, bias3)
            f = Relu(b)
            o = Transpose<perm=[0,2,1]>(f) }""",
        {
            "w3": w.T[..., None].copy(), "epsilon": np.float32(0.01),
            "scale3": scale[:, None].copy(), "bias3": bias[:, None].copy(),
        },
    )  # fmt: skip
    return before, after
