"""Activations, products, movement of elements, words."""

import numpy as np

from harness import Case, Source

SHAPES = [(3,), (1, 5), (2, 3, 4), (1, 1, 7), (4, 17), (2, 0, 3), (2, 3, 5, 7), (33,)]


def label(shape):
    return "x".join(map(str, shape)) or "scalar"


def activations():
    for op in ["Gelu", "QuickGelu", "FastGelu"]:
        s = Source(op)
        for shape in SHAPES:
            yield Case(op, label(shape), [s.f(*shape, scale=3)])
    s = Source("more")
    for alpha in [0.5, 1.0, -1.0, 1.702]:
        yield Case("QuickGelu", f"alpha_{alpha}", [s.f(2, 9)], alpha=alpha)
    for shape in SHAPES:
        bias = s.f(shape[-1])
        yield Case("FastGelu", f"bias_{label(shape)}", [s.f(*shape), bias])
        yield Case("BiasGelu", label(shape), [s.f(*shape), bias], fixed=[1] if len(shape) % 2 else [])
        yield Case("ScaledSiLU", label(shape), [s.f(*shape)], alpha=0.25 * len(shape))
        yield Case("ScaledSiLU", f"input_{label(shape)}", [s.f(*shape), np.float32(1.5)])


def products():
    s = Source("products")
    cases = [
        ("plain", (3, 4), (4, 5), {}),
        ("transposed_a", (4, 3), (4, 5), {"transA": 1}),
        ("transposed_b", (2, 3, 4), (2, 5, 4), {"transB": 1}),
        ("transposed_both", (1, 4, 3), (1, 5, 4), {"transA": 1, "transB": 1}),
        ("alpha", (2, 2, 3, 4), (2, 2, 4, 5), {"alpha": 0.125}),
        ("alpha_transposed", (2, 2, 4, 3), (2, 2, 5, 4), {"alpha": -2.0, "transA": 1, "transB": 1}),
        ("broadcast", (2, 1, 3, 4), (3, 4, 1), {"alpha": 0.5}),
        ("vector_left", (4,), (4, 5), {"alpha": 3.0}),
        ("vector_right", (3, 4), (4,), {"transB": 1}),
        ("empty", (0, 4), (4, 5), {}),
        ("one", (1, 1), (1, 1), {"alpha": 7.0}),
    ]
    for name, a, b, attributes in cases:
        yield Case("FusedMatMul", name, [s.f(*a), s.f(*b)], fixed=[1] if "transposed" in name else [], **attributes)
        yield Case("TransposeMatMul", name, [s.f(*a), s.f(*b)], **attributes)
    yield Case("FusedMatMul", "double", [s.f(3, 4, dtype=np.float64), s.f(4, 5, dtype=np.float64)], alpha=0.5)
    yield Case("FusedMatMul", "batch_a", [s.f(3, 2, 4), s.f(2, 4, 5)], transBatchA=1)
    yield Case("FusedMatMul", "batch_b", [s.f(2, 6, 3, 4), s.f(4, 2, 6, 5)], transBatchB=1)
    yield Case("FusedMatMul", "batch_both", [s.f(4, 2, 3), s.f(5, 2, 4)], transBatchA=1, transBatchB=1, transA=1, transB=1)
    for name, parameters in [
        ("Relu", {}), ("Tanh", {}), ("Sigmoid", {}), ("LeakyRelu", {"activation_alpha": 0.2}),
        ("Elu", {"activation_alpha": 0.7}), ("HardSigmoid", {"activation_alpha": 0.3, "activation_beta": 0.4}),
        ("Softplus", {}), ("Softsign", {}), ("ThresholdedRelu", {"activation_alpha": 0.5}),
    ]:
        a, b, c = s.f(5, 7), s.f(7, 3), s.f(3)
        yield Case("FusedGemm", name.lower(), [a, b, c], fixed=[1, 2], activation=name, **parameters)
    yield Case("FusedGemm", "no_c", [s.f(1, 7), s.f(7, 3)], activation="Relu")
    yield Case("FusedGemm", "transposed", [s.f(7, 5), s.f(3, 7), s.f(5, 1)], transA=1, transB=1, alpha=0.5, beta=2.0, activation="Tanh")
    yield from convolutions()
    for name, a, b in [
        ("matrix", (3, 4), (4, 5)), ("batch", (2, 3, 4), (2, 4, 5)), ("one", (1, 1), (1, 1)), ("row", (1, 9), (9, 7)),
        ("column", (9, 7), (7, 1)), ("broadcast", (2, 1, 3, 4), (4, 5)), ("deep", (2, 64), (64, 2)), ("odd", (3, 5), (5, 7)),
    ]:
        low, high = -300, 300
        inputs = [s.ints(*shape, low=low, high=high, dtype=np.int16) for shape in (a, b)]
        yield Case("MatMulInteger16", name, inputs)


def convolutions():
    s = Source("convolutions")
    for name, params in [
        ("Relu", []), ("Tanh", []), ("Sigmoid", []), ("LeakyRelu", [0.1]), ("Clip", [-0.5, 0.75]), ("HardSigmoid", [0.3, 0.4]),
    ]:
        x, w, b = s.f(2, 3, 8, 9), s.f(5, 3, 3, 3), s.f(5)
        extra = {"activation_params": params} if params else {}
        yield Case("FusedConv", name.lower(), [x, w, b], fixed=[1, 2], activation=name, pads=[1, 1, 1, 1], **extra)
    yield Case("FusedConv", "no_bias", [s.f(1, 4, 5, 5), s.f(6, 4, 1, 1)], fixed=[1], activation="Relu")
    yield Case("FusedConv", "residual", [s.f(1, 3, 7, 7), s.f(4, 3, 3, 3), s.f(4), s.f(1, 4, 5, 5)], fixed=[1, 2], activation="Relu")
    yield Case("FusedConv", "residual_alone", [s.f(2, 3, 7, 7), s.f(4, 3, 3, 3), s.f(4), s.f(2, 4, 4, 4)], fixed=[1, 2], strides=[2, 2], pads=[1, 1, 1, 1])
    yield Case("FusedConv", "depthwise", [s.f(1, 6, 9, 9), s.f(6, 1, 3, 3), s.f(6)], fixed=[1, 2], group=6, strides=[2, 2], activation="Clip", activation_params=[0.0, 6.0])
    yield Case("FusedConv", "one_axis", [s.f(1, 3, 11), s.f(4, 3, 3), s.f(4)], fixed=[1, 2], dilations=[2], activation="Relu")


def movement():
    s = Source("movement")
    for axis in [0, 1, 2, -1, -2]:
        yield Case("ExpandDims", f"axis_{axis}", [s.f(3, 4), np.int32(axis)], fixed=[1])
    yield Case("ExpandDims", "scalar", [np.float32(3), np.int32(0)], fixed=[1])
    yield Case("ExpandDims", "ints", [s.ints(2, 3, 4), np.int32(-4)], fixed=[1])
    yield Case("ExpandDims", "empty", [s.f(0, 4), np.int32(1)], fixed=[1])
    gathers = [
        ("elements", (2, 2), [[0, 0], [1, 1]]), ("rows", (2, 2), [[1], [0]]), ("planes", (2, 2, 2), [[0, 1], [1, 0]]),
        ("nested", (2, 2, 2), [[[0, 1]], [[1, 0]]]), ("negative", (3, 4), [[-1, -2], [0, 3]]), ("one", (5,), [[2]]),
        ("deep", (2, 3, 4, 5), [[1, 2, 3], [0, 0, 0]]), ("odd", (7, 3), [[6], [0], [3]]),
    ]
    for name, shape, indices in gathers:
        kind = np.int32 if name in ("rows", "deep") else np.int64
        yield Case("GatherND", name, [s.f(*shape), np.array(indices, kind)])
    for k in [None, -2, 0, 1, 3]:
        for upper in [0, 1]:
            yield Case("Trilu", f"{'upper' if upper else 'lower'}_{k}", [s.f(2, 4, 5), None if k is None else np.int64(k)], upper=upper)
    for name, start, limit, delta, kind in [
        ("ints", 0, 5, 1, np.int64), ("no_delta", 2, 7, None, np.int32), ("floats", 0.5, 3, 0.4, np.float32),
        ("down", 5, -5, -3, np.int64), ("none", 3, 3, 1, np.int64), ("double", 0, 1, 0.25, np.float64),
        ("short", -3, 9, 5, np.int16), ("vector", [1], [4], [1], np.int64),
    ]:
        values = [None if x is None else np.array(x, kind) for x in (start, limit, delta)]
        yield Case("Range", name, values, fixed="all" if name == "down" else [])
    for name, shape, pads, value, mode in [
        ("front", (3, 2), [0, 2, 0, 0], None, "constant"), ("all", (3, 2), [1, 2, 3, 4], 1.5, "constant"),
        ("crop", (5, 4), [-1, 0, -1, -2], None, "constant"), ("reflect", (4, 5), [2, 1, 1, 3], None, "reflect"),
        ("edge", (4, 5), [2, 1, 1, 3], None, "edge"), ("rank3", (2, 3, 4), [0, 1, 2, 2, 1, 0], -3, "constant"),
        ("nothing", (2, 3), [0, 0, 0, 0], None, "constant"), ("matrix", (2, 3), [[1, 0, 0, 1]], [2], "constant"),
    ]:
        value = None if value is None else np.array(value, np.float32)
        yield Case("Pad", name, [s.f(*shape), np.array(pads, np.int64), value], mode=mode, fixed=[1] if name in ("all", "edge") else [])
    for name, values in [
        ("example", [2, 1, 1, 3, 4, 3]), ("one", [5]), ("same", [1, 1, 1]), ("distinct", [3, 2, 1]), ("negative", [-1, 0, -1]),
        ("alternating", [1, 2] * 5), ("long", list(range(20)) + list(range(20))), ("fractions", [0.5, 0.25, 0.5]),
    ]:
        yield Case("Unique", name, [np.array(values, np.float32)], outputs=3)
    for name, shape, dim, size, step in [
        ("last", (3, 10), -1, 4, 2), ("first", (7, 2), 0, 3, 1), ("middle", (2, 9, 3), 1, 2, 3), ("whole", (2, 5), 1, 5, 1),
        ("single", (6,), 0, 1, 1), ("wide_step", (1, 11), 1, 2, 4), ("rank4", (2, 3, 4, 6), 3, 3, 3), ("rest", (2, 8), 1, 3, 2),
    ]:
        yield Case("UnfoldTensor", name, [s.f(*shape)], dim=dim, size=size, step=step)
    for mode in ["bilinear", "nearest", "bicubic"]:
        for padding in ["zeros", "border", "reflection"]:
            if (mode, padding) == ("bicubic", "border"):
                continue  # refused: onnxruntime and ONNX's reference place the points differently
            corners = 1 if padding == "border" else 0
            grid = (s.rng.random((2, 3, 4, 2)) * 2.4 - 1.2).astype(np.float32)
            yield Case("GridSample", f"{mode}_{padding}", [s.f(2, 3, 5, 6), grid], mode=mode, padding_mode=padding, align_corners=corners)
    for metric in ["euclidean", "sqeuclidean"]:
        for m, k, n in [(1, 1, 1), (3, 5, 4), (2, 7, 1), (9, 4, 33)]:
            yield Case("CDist", f"{metric}_{m}x{k}x{n}", [s.f(m, n), s.f(k, n)], metric=metric, atol=1e-3, rtol=1e-3)
    yield Case("CDist", "double", [s.f(3, 4, dtype=np.float64), s.f(2, 4, dtype=np.float64)], metric="euclidean")


def images():
    s = Source("images")
    for mode in ["bilinear", "nearest"]:
        for name, shape, boxes, owners, size in [
            ("inside", (2, 3, 7, 9), [[0.1, 0.2, 0.8, 0.9], [0, 0, 1, 1]], [1, 0], [4, 5]),
            ("outside", (1, 2, 6, 6), [[-0.3, 0.1, 1.2, 0.7]], [0], [5, 3]),
            ("one", (1, 1, 5, 5), [[0.2, 0.2, 0.6, 0.7]], [0], [1, 1]),
            ("flipped", (1, 2, 5, 8), [[0.9, 0.8, 0.1, 0.0]], [0], [3, 4]),
        ]:
            inputs = [s.f(*shape), np.array(boxes, np.float32), np.array(owners, np.int32), np.array(size, np.int32)]
            yield Case("CropAndResize", f"{mode}_{name}", inputs, mode=mode, extrapolation_value=-2.0, fixed=[3])
    for name, shape, attributes in [
        ("square", (1, 2, 6, 6), {"kernel_shape": [2, 2], "strides": [2, 2]}),
        ("padded", (2, 1, 5, 7), {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}),
        ("wide", (1, 1, 4, 9), {"kernel_shape": [1, 4]}), ("one_axis", (2, 3, 10), {"kernel_shape": [3], "strides": [2]}),
        ("one_axis_padded", (1, 2, 7), {"kernel_shape": [3], "pads": [1, 1]}),
        ("cube", (1, 2, 4, 4, 4), {"kernel_shape": [2, 2, 2], "strides": [2, 2, 2]}),
        ("same", (1, 1, 5, 5), {"kernel_shape": [3, 3], "strides": [2, 2], "auto_pad": "SAME_UPPER"}),
        ("whole", (1, 3, 4, 4), {"kernel_shape": [4, 4]}),
    ]:
        mask = s.ints(1, 1, *shape[2:], low=0, high=5, dtype=np.int32)
        yield Case("MaxpoolWithMask", name, [s.f(*shape), mask], **attributes)


def words():
    s = Source("words")
    strings = np.array(["", "a", "ab", "abc", "abcd", "hello world", "größer"], object)
    kinds = [np.int32, np.uint32, np.int64, np.uint64, np.float32, np.float64]
    for kind in kinds:
        values = (s.f(2, 3) * 1000).astype(kind) if kind in (np.float32, np.float64) else s.ints(2, 3, high=1000, dtype=kind)
        yield Case("MurmurHash3", np.dtype(kind).name, [values])
        yield Case("MurmurHash3", f"{np.dtype(kind).name}_signed", [values], positive=0, seed=42)
    yield Case("MurmurHash3", "strings", [strings])
    yield Case("MurmurHash3", "strings_signed", [strings.reshape(7, 1)], positive=0, seed=7)
    for name, ids, words_, size in [
        ("pairs", [[1, 2, 3, 1, 2]], 5, 2), ("triples", [[1, 2, 3, 1, 2]], 5, 3), ("singles", [[0, 3, 3]], 5, 1),
        ("short", [[1]], 4, 3), ("batch", [[1, 2, 1], [2, 2, 2]], 4, 2), ("none", [[0, 1, 2, 3]], 4, 2),
        ("repeated", [[5, 5, 5, 5, 5]], 6, 3), ("long", [list(range(8)) * 2 + [0]], 8, 2),
    ]:
        ids = np.array(ids, np.int64)
        yield Case("NGramRepeatBlock", name, [ids, s.f(len(ids), words_)], ngram_size=size)
    for name, shape in [
        ("one", (1, 1)), ("two", (2, 2)), ("five", (5, 5)), ("stack", (3, 4, 4)), ("deep", (2, 2, 3, 3)), ("wide", (16, 16)),
        ("double", (4, 4)), ("many", (10, 2, 2)),
    ]:
        kind = np.float64 if name == "double" else np.float32
        matrix = s.f(*shape, dtype=kind) + 3 * np.eye(shape[-1], dtype=kind)
        yield Case("Inverse", name, [matrix.astype(kind)], rtol=1e-3, atol=1e-4)


def cases():
    for family in [activations, products, movement, images, words]:
        yield from family()
