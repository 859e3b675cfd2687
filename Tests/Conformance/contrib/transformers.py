"""Normalizations, embeddings, weights of few bits."""

import numpy as np
from onnx import TensorProto

from harness import Case, Packed, Source, nibbles

F = np.float32


def normalizations():
    s = Source("normalizations")
    shapes = [(1, 1, 4), (2, 3, 8), (1, 7, 33), (3, 1, 16), (2, 5, 1), (1, 0, 8), (4, 2, 6), (1, 2, 128)]
    for index, shape in enumerate(shapes):
        name, size = "x".join(map(str, shape)), shape[-1]
        skip = [shape, (1,) + shape[1:], shape[1:]][index % 3]
        gamma, beta, bias = s.f(size), s.f(size), s.f(size)
        x, y = s.f(*shape), s.f(*skip)
        yield Case("SkipLayerNormalization", name, [x, y, gamma, beta, bias], outputs=[0, 3], epsilon=1e-5, fixed=[2, 3, 4])
        yield Case("SkipLayerNormalization", f"{name}_bare", [x, y, gamma], epsilon=1e-3)
        yield Case("SkipLayerNormalization", f"{name}_sum", [x, y, gamma, beta], outputs=[0, 3], epsilon=1e-5, fixed=[2, 3])
        yield Case("SkipSimplifiedLayerNormalization", name, [x, y, gamma], epsilon=1e-5, fixed=[2])
        yield Case("SkipSimplifiedLayerNormalization", f"{name}_sum", [x, y, gamma, bias], outputs=[0, 3], epsilon=1e-5, fixed=[2, 3])
        yield Case("SimplifiedLayerNormalization", name, [x, gamma], domain="", epsilon=1e-5, fixed=[1])
    yield Case("SimplifiedLayerNormalization", "axis_1", [s.f(2, 3, 4), s.f(3, 4)], domain="", axis=1, epsilon=1e-5)
    yield Case("SimplifiedLayerNormalization", "inverse", [s.f(2, 3, 4), s.f(4)], domain="", outputs=2, epsilon=1e-5)
    yield Case("SimplifiedLayerNormalization", "half", [s.f(2, 3, 8, dtype=np.float16), s.f(8, dtype=np.float16)], domain="", rtol=2e-3, atol=2e-3)
    for index, (rows, width, size) in enumerate([((2, 3), 8, 8), ((1, 1), 4, 4), ((2, 3), 12, 4), ((1, 5), 33, 33), ((3, 1), 6, 2), ((1, 2, 2), 8, 8), ((0, 3), 4, 4), ((2, 2), 64, 16)]):
        activation = ["silu", "swish", "sigmoid"][index % 3]
        inputs = [s.f(*rows, width), s.f(size), s.f(*rows, width)]
        yield Case("GatedRMSNorm", f"{index}_{activation}", inputs, activation=activation, epsilon=1e-5)
        yield Case("GatedAdd", str(index), [s.f(*rows, width), s.f(*rows, width), s.f(*rows, 1)])


def embeddings():
    s = Source("embeddings")
    for index, (batch, length, size) in enumerate([(1, 1, 4), (2, 3, 8), (3, 7, 16), (1, 9, 33), (2, 1, 5), (4, 4, 12), (1, 2, 64), (2, 5, 6)]):
        ids, segments = s.ints(batch, length, high=11, dtype=np.int32), s.ints(batch, length, high=2, dtype=np.int32)
        words, places, kinds = s.f(11, size), s.f(10, size), s.f(2, size)
        gamma, beta = s.f(size), s.f(size)
        mask = np.array([[1] * (length - i % length) + [0] * (i % length) for i in range(batch)], np.int32)
        positions = s.ints([1, batch][index % 2], length, high=10, dtype=np.int32)
        tables = [words, places, kinds, gamma, beta]
        yield Case("EmbedLayerNormalization", f"{index}", [ids, segments] + tables, outputs=[0, 1], fixed=[2, 3, 4, 5, 6])
        yield Case("EmbedLayerNormalization", f"{index}_mask", [ids, segments] + tables + [mask], outputs=[0, 1, 2], epsilon=1e-5, fixed=[2, 3, 4, 5, 6])
        yield Case("EmbedLayerNormalization", f"{index}_no_segments", [ids, None, words, places, None, gamma, beta, mask], outputs=[0, 1], epsilon=1e-5, fixed=[2, 3, 5, 6])
        yield Case("EmbedLayerNormalization", f"{index}_positions", [ids, segments] + tables + [None, positions], outputs=[0, 1], epsilon=1e-5, fixed=[2, 3, 4, 5, 6])
        kind = [np.uint8, np.int8][index % 2]
        codes = [s.codes(kind, *table.shape) for table in tables]
        scales, zeros = [F(0.01 * (i + 1)) for i in range(5)], [np.array(3 * i, kind) for i in range(5)]
        inputs = [ids, segments] + codes + [mask] + scales + zeros
        yield Case("QEmbedLayerNormalization", f"{index}", inputs, outputs=2, epsilon=1e-5, fixed=range(2, 7), atol=1e-3)
        if index % 2 == 0:
            for place in [1, 4, 10, 15]:
                inputs[place] = None
            yield Case("QEmbedLayerNormalization", f"{index}_no_segments", inputs, outputs=2, epsilon=1e-5, fixed=[2, 3, 5, 6], atol=1e-3)


def packed(codes, bits):
    """Rows of codes, the first in the lowest bits of a byte, every row from a byte of its own."""
    per = 8 // bits
    width = -(-codes.shape[-1] // per) * per
    rows = np.zeros(codes.shape[:-1] + (width,), np.uint8)
    rows[..., : codes.shape[-1]] = codes
    parts = rows.reshape(codes.shape[:-1] + (width // per, per)).astype(np.uint32)
    return (parts << (np.arange(per) * bits)).sum(-1).astype(np.uint8)


def blocks():
    s = Source("blocks")
    sizes = [(1, 32, 8, 32), (3, 64, 5, 16), (2, 40, 7, 16), (4, 33, 3, 32), (1, 128, 16, 128), (5, 100, 9, 64), (1, 16, 1, 16), (2, 200, 12, 32)]
    for m, k, n, size in sizes:
        for bits in [2, 4, 8]:
            count = -(-k // size)
            codes = s.ints(n, count, size, high=1 << bits)
            scales = s.positive(n * count) / 16
            name = f"{bits}_{m}x{k}x{n}_{size}"
            zeros = packed(s.ints(n, count, high=1 << bits), bits)
            a = s.f(*([m, k] if k % 3 else [2, m, k]))
            attributes = {"K": k, "N": n, "bits": bits, "block_size": size}
            data = [a, packed(codes, bits), scales.reshape(n, count)]
            yield Case("MatMulNBits", name, data, fixed=[1, 2], atol=1e-3, **attributes)
            yield Case("MatMulNBits", f"{name}_zeros", data + [zeros], fixed=[1, 2, 3], atol=1e-3, **attributes)
            yield Case("MatMulNBits", f"{name}_bias", data + [zeros, None, s.f(n)], fixed=[1, 2, 3, 5], atol=1e-3, **attributes)
            if bits < 8:  # onnxruntime refuses floats as zero points of whole bytes
                yield Case("MatMulNBits", f"{name}_float_zeros", data + [s.f(n, count) + (1 << bits - 1)], fixed=[1, 2, 3], atol=1e-3, **attributes)
    yield Case("MatMulNBits", "omitted", [s.f(2, 32), np.zeros((0, 1, 16), np.uint8), np.zeros((8, 1), F), None, None, s.f(8)], fixed=[1, 2, 5], K=32, N=8, bits=4, block_size=32)
    for m, k, n, size in sizes:
        count = -(-n * k // size)
        codes = s.u8((n * k + 1) // 2)
        for kind in [0, 1]:
            inputs = [s.f(m, k), codes, s.positive(count)]
            yield Case("MatMulBnb4", f"{kind}_{m}x{k}x{n}_{size}", inputs, fixed=[1, 2], K=k, N=n, block_size=size, quant_type=kind, atol=1e-3)
    yield from gathers(s)


def gathers(s):
    for index, (rows, width, size, shape) in enumerate([(7, 32, 16, (2,)), (5, 64, 32, (2, 3)), (9, 16, 16, ()), (3, 48, 16, (1, 1)), (11, 128, 128, (4,)), (6, 40, 16, (3,))]):
        count = -(-width // size)
        codes = s.ints(rows, width, high=16)
        scales = s.positive(rows, count)
        indices = np.asarray(s.ints(*shape, high=rows, dtype=[np.int32, np.int64][index % 2]))
        zeros = s.ints(rows, count, high=16)
        attributes = {"gather_axis": 0, "quantize_axis": 1, "block_size": size}
        for name, kind in [("uint4", TensorProto.UINT4), ("int4", TensorProto.INT4)]:
            yield Case("GatherBlockQuantized", f"{name}_{index}", [nibbles(codes, kind), indices, scales], fixed=[0, 2], **attributes)
            yield Case("GatherBlockQuantized", f"{name}_{index}_zeros", [nibbles(codes, kind), indices, scales, nibbles(zeros, kind)], fixed=[0, 2, 3], **attributes)
        for bits in [4, 8]:
            data = packed(s.ints(rows, width, high=1 << bits), bits)
            yield Case("GatherBlockQuantized", f"bytes_{bits}_{index}", [data, indices, scales], fixed=[0, 2], bits=bits, **attributes)


def cases():
    for family in [normalizations, embeddings, blocks]:
        yield from family()
