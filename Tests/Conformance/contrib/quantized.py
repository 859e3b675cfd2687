"""Operators on 8-bit codes."""

import numpy as np

from harness import Case, Packed, Source, nibbles

F = np.float32
BYTES = [np.uint8, np.int8]
SHAPES = [((2, 3), (2, 3)), ((1, 5), (3, 5)), ((2, 3, 4), (4,)), ((7,), (1,)), ((2, 1, 3), (1, 4, 1)), ((0, 3), (0, 3)), ((1, 8, 5, 5), (1, 8, 5, 5))]


def weights(s, data, kind, *shape):
    """Codes of weights. Beside unsigned data, signed ones keep to seven bits: without dot-product instructions
    onnxruntime adds pairs of products in 16 bits, and larger ones would be cut off."""
    return s.s8(*shape, low=-64, high=64) if (data, kind) == (np.uint8, np.int8) else s.codes(kind, *shape)


def word(kind):
    return np.dtype(kind).name


def zero(kind, value):
    return np.array(value, kind)


def elementwise():
    for op in ["QLinearAdd", "QLinearMul"]:
        s = Source(op)
        for index, (a, b) in enumerate(SHAPES):
            for kind in BYTES:
                points = [120, 131, 97] if kind == np.uint8 else [-3, 5, -21]
                inputs = [s.codes(kind, *a), F(0.0213), zero(kind, points[0]), s.codes(kind, *b), F(0.0347), zero(kind, points[1]), F(0.0519), zero(kind, points[2])]
                fixed = [1, 2, 4, 5, 6, 7] if index % 2 == 0 else []
                yield Case(op, f"{word(kind)}_{index}", inputs, fixed=fixed, steps=1)
        yield Case(op, "weights", [s.u8(3, 4), F(0.02), zero(np.uint8, 100), s.u8(4), F(0.01), zero(np.uint8, 3), F(0.03), zero(np.uint8, 9)], steps=1, fixed=[1, 2, 3, 4, 5, 6, 7])
    functions = [("QLinearSigmoid", {}), ("QLinearLeakyRelu", {"alpha": 0.1})]
    for op, attributes in functions:
        s = Source(op)
        for kind in BYTES:
            for shape in [(256,), (2, 3), (1, 3, 5, 5), (0, 4), (1,)]:
                points = [130, 12] if kind == np.uint8 else [4, -90]
                inputs = [s.codes(kind, *shape), F(0.04), zero(kind, points[0]), F(0.02), zero(kind, points[1])]
                yield Case(op, f"{word(kind)}_{'x'.join(map(str, shape))}", inputs, fixed=[1, 2, 3, 4], steps=1, **attributes)
        yield Case(op, "no_zero_point", [s.u8(7, 3), F(0.04), None, F(0.02), zero(np.uint8, 5)], steps=1, fixed=[1, 3, 4], **attributes)
        yield Case(op, "dynamic", [s.u8(7, 3), F(0.04), zero(np.uint8, 3), F(0.02), zero(np.uint8, 3)], steps=1, **attributes)
    s = Source("softmax")
    for kind in BYTES:
        low = zero(kind, 0 if kind == np.uint8 else -128)
        for shape, axis, opset in [((3, 7), -1, 13), ((2, 3, 5), 1, 13), ((2, 3, 5), 1, 11), ((4, 9), 1, 12), ((1, 100), -1, 13)]:
            inputs = [s.codes(kind, *shape), F(0.1), zero(kind, 7), F(1 / 256), low]
            title = f"{word(kind)}_{'x'.join(map(str, shape))}_{axis}_{opset}"
            # onnxruntime sums a table of exponentials cut to whole numbers.
            case = Case("QLinearSoftmax", title, inputs, fixed=[1, 2, 3, 4], steps=1, share=0.2, axis=axis)
            case.attributes["opset"] = opset
            yield case
    s = Source("where")
    for kind in BYTES:
        for index, (c, a, b) in enumerate([((2, 3), (2, 3), (2, 3)), ((3,), (2, 1), (2, 3)), ((1,), (4, 5), (5,)), ((2, 1, 3), (1,), (1, 4, 1)), ((5,), (5,), (1,))]):
            condition = s.ints(*c, high=2).astype(bool)
            inputs = [condition, s.codes(kind, *a), F(0.02), zero(kind, 3), s.codes(kind, *b), F(0.03), zero(kind, 9), F(0.05), zero(kind, 11)]
            yield Case("QLinearWhere", f"{word(kind)}_{index}", inputs, fixed=[2, 3, 5, 6, 7, 8], steps=1)
    s = Source("concat")
    for kind in BYTES:
        for index, (shapes, axis) in enumerate([([(2, 3), (2, 4)], 1), ([(1, 3), (2, 3), (3, 3)], 0), ([(1, 2, 3, 3), (1, 5, 3, 3)], 1), ([(2, 4)], -1), ([(2, 0), (2, 3)], 1)]):
            inputs = [F(0.05), zero(kind, 10)]
            for number, shape in enumerate(shapes):
                inputs += [s.codes(kind, *shape), F(0.02 * (number + 1)), zero(kind, 3 * number)]
            fixed = [i for i in range(len(inputs)) if i < 2 or (i - 2) % 3]
            yield Case("QLinearConcat", f"{word(kind)}_{index}", inputs, axis=axis, fixed=fixed, steps=1)


def pools():
    s = Source("pools")
    pools = [
        ("plain", (1, 3, 6, 6), {"kernel_shape": [2, 2], "strides": [2, 2]}),
        ("padded", (2, 4, 7, 5), {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}),
        ("counted", (1, 2, 5, 5), {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "count_include_pad": 1}),
        ("ceil", (1, 3, 7, 7), {"kernel_shape": [2, 2], "strides": [2, 2], "ceil_mode": 1}),
        ("whole", (1, 5, 4, 4), {"kernel_shape": [4, 4]}),
        ("one_axis", (2, 3, 9), {"kernel_shape": [3], "strides": [2]}),
    ]
    for kind in BYTES:
        points = [100, 120] if kind == np.uint8 else [-5, 10]
        rest = [F(0.0313), zero(kind, points[0]), F(0.0417), zero(kind, points[1])]
        for name, shape, attributes in pools:
            yield Case("QLinearAveragePool", f"{word(kind)}_{name}", [s.codes(kind, *shape)] + rest, fixed=[1, 2, 3, 4], steps=1, **attributes)
            last = (shape[0],) + shape[2:] + (shape[1],)
            yield Case("QLinearAveragePool", f"{word(kind)}_{name}_last", [s.codes(kind, *last)] + rest, fixed=[1, 2, 3, 4], steps=1, channels_last=1, **attributes)
        for shape in [(1, 3, 4, 4), (2, 8, 7, 5), (1, 1, 1, 1), (3, 17, 3, 3)]:
            yield Case("QLinearGlobalAveragePool", f"{word(kind)}_{'x'.join(map(str, shape))}", [s.codes(kind, *shape)] + rest, fixed=[1, 2, 3, 4], steps=1, channels_last=0)
            yield Case("QLinearGlobalAveragePool", f"{word(kind)}_{'x'.join(map(str, shape))}_last", [s.codes(kind, *shape)] + rest, fixed=[1, 2, 3, 4], steps=1, channels_last=1)
        for name, shape, attributes in [
            ("plain", (1, 6, 6, 3), {"kernel_shape": [2, 2], "strides": [2, 2]}), ("padded", (2, 7, 5, 4), {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}),
            ("dilated", (1, 9, 9, 2), {"kernel_shape": [3, 3], "dilations": [2, 2]}), ("one_axis", (2, 9, 3), {"kernel_shape": [3], "strides": [2]}),
            ("ceil", (1, 7, 7, 5), {"kernel_shape": [2, 2], "strides": [2, 2], "ceil_mode": 1}),
        ]:
            yield Case("NhwcMaxPool", f"{word(kind)}_{name}", [s.codes(kind, *shape)], **attributes)


def linear():
    s = Source("linear")
    for op, name, shape, scale, point, axis in [
        ("QuantizeLinear", "scalar", (3, 4), F(0.05), np.uint8(12), None), ("QuantizeLinear", "signed", (2, 3, 4), F(0.02), np.int8(-3), None),
        ("QuantizeLinear", "rows", (3, 4), s.positive(3) / 20, s.u8(3), 0), ("QuantizeLinear", "columns", (3, 4), s.positive(4) / 20, s.s8(4), 1),
        ("QuantizeLinear", "last", (2, 3, 5), s.positive(5) / 20, s.u8(5), -1), ("QuantizeLinear", "no_zero_point", (9,), F(0.02), None, None),
        ("QuantizeLinear", "wide", (3, 4), F(0.0005), np.uint16(3000), None), ("QuantizeLinear", "wide_signed", (3, 4), F(0.0005), np.int16(-300), None),
        ("QuantizeLinear", "empty", (0, 4), F(0.05), np.uint8(12), None),
    ]:
        attributes = {} if axis is None else {"axis": axis}
        yield Case(op, name, [s.f(*shape), scale, point], fixed=[1, 2], **attributes)
    for name, codes, scale, point, axis in [
        ("scalar", s.u8(3, 4), F(0.05), np.uint8(12), None), ("signed", s.s8(2, 3, 4), F(0.02), np.int8(-3), None),
        ("rows", s.u8(3, 4), s.positive(3), s.u8(3), 0), ("columns", s.s8(3, 4), s.positive(4), s.s8(4), 1),
        ("last", s.u8(2, 3, 5), s.positive(5), s.u8(5), -1), ("no_zero_point", s.s8(9), F(0.02), None, None),
        ("bias", s.ints(7, low=-1000, high=1000, dtype=np.int32), F(0.001), None, None),
        ("wide", s.ints(3, 4, high=60000, dtype=np.uint16), F(0.0005), np.uint16(3000), None),
        ("nibbles", nibbles(s.ints(3, 4, high=16)), F(0.25), nibbles([7]).__class__(21, (), bytes([7])), None),
    ]:
        attributes = {} if axis is None else {"axis": axis}
        fixed = [0, 1, 2] if isinstance(codes, Packed) else [1, 2]
        yield Case("DequantizeLinear", name, [codes, scale, point], fixed=fixed, **attributes)


def convolutions():
    s = Source("convolutions")
    shapes = [
        ("plain", (1, 3, 8, 8), (5, 3, 3, 3), {}), ("padded", (2, 4, 7, 9), (6, 4, 3, 3), {"pads": [1, 1, 1, 1]}),
        ("strided", (1, 3, 9, 9), (8, 3, 3, 3), {"strides": [2, 2], "pads": [1, 1, 1, 1]}), ("pointwise", (1, 16, 5, 5), (17, 16, 1, 1), {}),
        ("depthwise", (1, 8, 7, 7), (8, 1, 3, 3), {"group": 8, "pads": [1, 1, 1, 1]}), ("groups", (1, 6, 6, 6), (4, 3, 3, 3), {"group": 2}),
        ("dilated", (1, 2, 9, 9), (3, 2, 3, 3), {"dilations": [2, 2]}), ("one_axis", (2, 3, 12), (4, 3, 3), {"strides": [2]}),
    ]
    for name, image, filters, attributes in shapes:
        for last in [0, 1]:
            for kind, weight in [(np.uint8, np.uint8), (np.uint8, np.int8), (np.int8, np.int8)]:
                shape = (image[0],) + image[2:] + (image[1],) if last else image
                channels = filters[0]
                each = name in ("padded", "depthwise", "strided")
                scale = s.positive(channels) / 100 if each else F(0.01)
                point = np.zeros(channels, weight) if each and weight == np.int8 else (np.full(channels, 128, weight) if each else zero(weight, 128 if weight == np.uint8 else 0))
                bias = s.ints(channels, low=-500, high=500, dtype=np.int32) if name != "plain" else None
                inputs = [s.codes(kind, *shape), F(0.02), zero(kind, 121 if kind == np.uint8 else -7), weights(s, kind, weight, *filters), scale, point, F(0.5), zero(kind, 115 if kind == np.uint8 else 3), bias]
                fixed = [1, 2, 3, 4, 5, 6, 7, 8] if name != "dilated" else []
                extra = {"channels_last": last} if last else {}
                yield Case("QLinearConv", f"{name}_{word(kind)}_{word(weight)}_{'last' if last else 'first'}", inputs, fixed=fixed, steps=1, **attributes, **extra)


def products():
    s = Source("products")
    for index, (m, k, n, a_t, b_t, alpha) in enumerate([(3, 4, 5, 0, 0, 1.0), (1, 16, 7, 0, 1, 1.0), (5, 33, 2, 1, 0, 1.0), (4, 8, 9, 0, 1, 0.5), (2, 3, 1, 1, 1, 2.0)]):
        a, b = (k, m) if a_t else (m, k), (n, k) if b_t else (k, n)
        for kind, weight in [(np.uint8, np.uint8), (np.uint8, np.int8), (np.int8, np.int8)]:
            each = index % 2 == 1
            scale = s.positive(n) / 50 if each else F(0.02)
            points = np.zeros(n, weight) if each else zero(weight, 0 if weight == np.int8 else 128)
            c = None if index == 0 else s.ints(n, low=-900, high=900, dtype=np.int32)
            inputs = [s.codes(kind, *a), F(0.03), zero(kind, 11), weights(s, kind, weight, *b), scale, points, c]
            attributes = {"transA": a_t, "transB": b_t, "alpha": alpha}
            fixed = [1, 2, 3, 4, 5, 6, 7, 8] if index != 2 else []
            yield Case("QGemm", f"{index}_{word(kind)}_{word(weight)}_codes", inputs + [F(0.4), zero(kind, 19)], fixed=fixed, steps=1, **attributes)
            yield Case("QGemm", f"{index}_{word(kind)}_{word(weight)}_floats", inputs, fixed=fixed, atol=1e-3, **attributes)
    for index, (a, b) in enumerate([((3, 4), (4, 5)), ((1, 16), (16, 7)), ((2, 3, 8), (8, 9)), ((2, 2, 3), (2, 3, 4)), ((1, 1), (1, 1)), ((5, 65), (65, 33))]):
        for weight in BYTES:
            n = b[-1]
            flat = len(b) == 2 and index % 2 == 1
            scale = s.positive(n) / 50 if flat else F(0.02)
            point = (s.codes(weight, n) if flat else zero(weight, 5)) if index != 2 else None
            bias = s.f(n) if index % 3 == 1 else None
            fixed = [1, 2, 3, 4]
            yield Case("DynamicQuantizeMatMul", f"{index}_{word(weight)}", [s.f(*a), weights(s, np.uint8, weight, *b), scale, point, bias], fixed=fixed, atol=1e-3)
            for kind in BYTES:
                if (kind, weight) == (np.int8, np.uint8):
                    continue
                inputs = [s.codes(kind, *a), weights(s, kind, weight, *b), F(0.04), scale, zero(kind, 9), point, bias]
                yield Case("MatMulIntegerToFloat", f"{index}_{word(kind)}_{word(weight)}", inputs, fixed=[1, 3, 5, 6], atol=1e-3)
    for index, (a, b) in enumerate([((3, 4), (4, 5)), ((1, 16), (16, 7)), ((2, 3, 8), (8, 9)), ((1, 1), (1, 1)), ((5, 65), (65, 33))]):
        for kind, weight in [(np.uint8, np.uint8), (np.uint8, np.int8), (np.int8, np.int8)]:
            each = index % 2 == 1
            scale = s.positive(b[-1]) / 50 if each else F(0.02)
            point = np.full(b[-1], 128 if weight == np.uint8 else 0, weight) if each else zero(weight, 3)
            inputs = [s.codes(kind, *a), F(0.02), zero(kind, 7), weights(s, kind, weight, *b), scale, point, F(0.7), zero(kind, 20)]
            yield Case("QLinearMatMul", f"{index}_{word(kind)}_{word(weight)}", inputs, domain="", fixed=[1, 2, 3, 4, 5, 6, 7], steps=1)


def recurrent():
    s = Source("recurrent")
    for index, (time, batch, width, hidden, direction) in enumerate([
        (1, 1, 4, 3, "forward"), (5, 2, 8, 4, "forward"), (4, 1, 3, 5, "reverse"), (3, 3, 6, 2, "bidirectional"),
        (7, 1, 16, 8, "bidirectional"), (2, 4, 5, 5, "forward"), (6, 2, 2, 1, "reverse"), (3, 1, 32, 16, "forward"),
    ]):
        count = 2 if direction == "bidirectional" else 1
        kind = BYTES[index % 2]
        each = index % 3 == 0
        shape = (count, 4 * hidden) if each else (count,)
        middle = np.full(shape, 128 if kind == np.uint8 else 0, kind)
        w, r = (weights(s, np.uint8, kind, count, rows, 4 * hidden) for rows in (width, hidden))
        scales = [s.positive(*shape) / 250, s.positive(*shape) / 250]
        bias = s.f(count, 8 * hidden, scale=0.2) if index != 1 else None
        start = [s.f(count, batch, hidden, scale=0.3), s.f(count, batch, hidden, scale=0.3)] if index % 2 else [None, None]
        lengths = s.ints(batch, low=1, high=time + 1, dtype=np.int32) if index == 5 else None
        inputs = [s.f(time, batch, width), w, r, bias, lengths, *start, None, scales[0], middle, scales[1], middle]
        # onnxruntime rounds inputs and states to 8 bits, Kerf does not; outputs lie in -1...1.
        yield Case("DynamicQuantizeLSTM", f"{index}_{direction}", inputs, outputs=3, fixed=[1, 2, 3, 8, 9, 10, 11], atol=0.03, rtol=0.02, hidden_size=hidden, direction=direction)


def cases():
    for family in [elementwise, pools, linear, convolutions, products, recurrent]:
        yield from family()
