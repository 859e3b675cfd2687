"""Attention in its forms: with the projection inside, by heads, grouped, with rotary embedding."""

import numpy as np

from harness import Case, Source
from quantized import weights

F = np.float32


def ends(s, batch, length):
    return s.ints(batch, low=1, high=length + 1, dtype=np.int32)


def projected():
    s = Source("projected")
    for index, (batch, length, width, heads, size) in enumerate([(1, 1, 4, 1, 4), (2, 3, 8, 2, 4), (1, 5, 6, 3, 2), (3, 4, 12, 2, 5), (2, 7, 5, 1, 8)]):
        hidden = heads * size
        x, w, b = s.f(batch, length, width), s.f(width, 3 * hidden, scale=0.3), s.f(3 * hidden, scale=0.3)
        base = {"num_heads": heads, "fixed": [1, 2]}
        raw = (s.rng.random((batch, length)) < 0.7).astype(np.int32)
        raw[:, 0] = 1
        yield Case("Attention", f"{index}_plain", [x, w, b], **base)
        yield Case("Attention", f"{index}_no_bias", [x, w, None], **base)
        yield Case("Attention", f"{index}_causal", [x, w, b], unidirectional=1, **base)
        yield Case("Attention", f"{index}_raw_mask", [x, w, b, raw], **base)
        yield Case("Attention", f"{index}_raw_mask_causal", [x, w, b, raw], unidirectional=1, **base)
        yield Case("Attention", f"{index}_filter", [x, w, b, raw], mask_filter_value=-3.0, scale=0.2, **base)
        cube = (s.rng.random((batch, length, length)) < 0.6).astype(np.int32)
        # Where all keys are masked, onnxruntime's scores lie near -10000, where floats keep three digits behind the point.
        yield Case("Attention", f"{index}_mask_by_query", [x, w, b, cube], **base | {"atol": 2e-3})
        yield Case("Attention", f"{index}_all_masked", [x, w, b, np.zeros((batch, length), np.int32)], **base | {"atol": 2e-3})
        yield Case("Attention", f"{index}_ends", [x, w, b, ends(s, batch, length)], **base)
        both = np.concatenate([np.full(batch, length), s.ints(batch, high=length)]).astype(np.int32)
        yield Case("Attention", f"{index}_ends_and_starts", [x, w, b, both], **base)
        for rows, columns in sorted({(1, 1), (batch, heads), (1, heads), (batch, 1)}):
            bias = s.f(rows, columns, length, length)
            yield Case("Attention", f"{index}_bias_{rows}x{columns}", [x, w, b, raw if rows == 1 else None, None, bias], **base)
        past = s.f(2, batch, heads, 3, size)
        yield Case("Attention", f"{index}_past", [x, w, b, None, past], outputs=2, **base)
        yield Case("Attention", f"{index}_past_causal", [x, w, b, None, past], outputs=2, unidirectional=1, **base)
        long = np.concatenate([np.ones((batch, 3), np.int32), raw], axis=1)
        yield Case("Attention", f"{index}_past_mask", [x, w, b, long, past], outputs=2, unidirectional=1, **base)
        yield Case("Attention", f"{index}_present", [x, w, b], outputs=2, unidirectional=1, **base)
        other = s.f(width, 2 * hidden + heads * 3, scale=0.3)
        sizes = [hidden, hidden, heads * 3]
        yield Case("Attention", f"{index}_value_size", [x, other, s.f(2 * hidden + heads * 3)], qkv_hidden_sizes=sizes, **base)
        yield from quantized(s, index, batch, length, width, heads, size, raw)


def quantized(s, index, batch, length, width, heads, size, raw):
    hidden = heads * size
    for kind in [np.uint8, np.int8]:
        each = index % 2 == 1
        scale = s.positive(3 * hidden) / 200 if each else F(0.004)
        point = np.full(3 * hidden, 4, kind) if each else np.array(4, kind)
        data = [s.u8(batch, length, width), weights(s, np.uint8, kind, width, 3 * hidden), s.f(3 * hidden), F(0.02), scale]
        rest = [np.uint8(120), point]
        base = {"num_heads": heads, "fixed": [1, 2, 3, 4, 6, 7], "atol": 1e-4}
        name = f"{index}_{np.dtype(kind).name}"
        yield Case("QAttention", f"{name}_plain", data + [None] + rest, **base)
        yield Case("QAttention", f"{name}_mask", data + [raw] + rest, **base)
        yield Case("QAttention", f"{name}_causal", data + [ends(s, batch, length)] + rest, unidirectional=1, **base)
        yield Case("QAttention", f"{name}_past", data + [None] + rest + [s.f(2, batch, heads, 2, size)], outputs=2, unidirectional=1, **base)


def multi():
    s = Source("multi")
    shapes = [(1, 1, 1, 1, 4, 4), (2, 3, 3, 2, 4, 4), (1, 5, 7, 3, 2, 2), (3, 4, 4, 2, 5, 3), (2, 1, 6, 4, 8, 8)]
    for index, (batch, length, keys, heads, size, value) in enumerate(shapes):
        q, k, v = s.f(batch, length, heads * size), s.f(batch, keys, heads * size), s.f(batch, keys, heads * value)
        bias = s.f(heads * (2 * size + value))
        base = {"num_heads": heads}
        op = "MultiHeadAttention"
        raw = (s.rng.random((batch, keys)) < 0.7).astype(np.int32)
        raw[:, 0] = 1
        yield Case(op, f"{index}_plain", [q, k, v], **base)
        yield Case(op, f"{index}_scale", [q, k, v], scale=0.37, **base)
        yield Case(op, f"{index}_projection_bias", [q, k, v, bias], fixed=[3], **base)
        yield Case(op, f"{index}_mask", [q, k, v, bias, raw], fixed=[3], **base)
        yield Case(op, f"{index}_mask_filter", [q, k, v, None, raw], mask_filter_value=-2.5, **base)
        yield Case(op, f"{index}_ends", [q, k, v, None, ends(s, batch, keys)], **base)
        cube = (s.rng.random((batch, length, keys)) < 0.6).astype(np.int32)
        yield Case(op, f"{index}_mask_by_query", [q, k, v, None, cube], **base | {"atol": 2e-3})
        for rows, columns in sorted({(1, 1), (batch, heads), (1, heads), (batch, 1)}):
            added = s.f(rows, columns, length, keys)
            yield Case(op, f"{index}_bias_{rows}x{columns}", [q, k, v, None, raw if rows == 1 else None, added], **base)
        if length == keys:
            yield Case(op, f"{index}_causal", [q, k, v], unidirectional=1, **base)
            yield Case(op, f"{index}_causal_mask", [q, k, v, bias, raw], unidirectional=1, **base)
            yield Case(op, f"{index}_present", [q, k, v], outputs=3, **base)
        if length == keys and size == value:
            past = [s.f(batch, heads, 2, size), s.f(batch, heads, 2, value)]
            long = np.concatenate([np.ones((batch, 2), np.int32), raw], axis=1)
            yield Case(op, f"{index}_past", [q, k, v, None, None, None] + past, outputs=3, **base)
            yield Case(op, f"{index}_past_causal", [q, k, v, bias, None, None] + past, outputs=3, unidirectional=1, **base)
            yield Case(op, f"{index}_past_mask", [q, k, v, None, long, None] + past, outputs=3, **base)
            yield Case(op, f"{index}_past_bias", [q, k, v, None, None, s.f(1, heads, length, keys + 2)] + past, outputs=3, **base)
        if size == value:
            split = [s.f(batch, heads, keys, size), s.f(batch, heads, keys, size)]
            yield Case(op, f"{index}_split_keys", [q] + split, **base)
        yield Case(op, f"{index}_scores", [q, k, v, None, raw], outputs=[0, 3], floats=[3], **base)
        yield from decoder(s, index, batch, heads, size)


def decoder(s, index, batch, heads, size):
    op = "DecoderMaskedMultiHeadAttention"
    q = s.f(batch, 1, heads * size)
    split = [s.f(batch, heads, 5, size), s.f(batch, heads, 5, size)]
    mask = np.ones((batch, 5), np.int32)
    mask[:, 2] = index % 2
    yield Case(op, f"{index}_cross", [q] + split, num_heads=heads)
    yield Case(op, f"{index}_cross_mask", [q] + split + [mask], num_heads=heads)
    yield Case(op, f"{index}_cross_scale", [q] + split + [mask], num_heads=heads, scale=0.4, mask_filter_value=-2.0)


def angles(s, rows, half):
    angle = s.rng.random((rows, half)) * 6
    return np.cos(angle).astype(F), np.sin(angle).astype(F)


def rotary():
    s = Source("rotary")
    for index, (batch, length, heads, size) in enumerate([(1, 1, 1, 4), (2, 3, 2, 8), (1, 5, 3, 16), (3, 2, 4, 6)]):
        cos, sin = angles(s, 20, size // 2)
        first, each = np.array([3 * index], np.int64), s.ints(batch, length, high=20)
        for interleaved in [0, 1]:
            base = {"interleaved": interleaved, "fixed": [2, 3]}
            name = f"{index}_{'pairs' if interleaved else 'halves'}"
            yield Case("RotaryEmbedding", f"{name}_first", [s.f(batch, length, heads * size), first, cos, sin], **base)
            yield Case("RotaryEmbedding", f"{name}_each", [s.f(batch, length, heads * size), each, cos, sin], **base)
            yield Case("RotaryEmbedding", f"{name}_split", [s.f(batch, heads, length, size), each, cos, sin], **base)
            part = angles(s, 20, size // 4 or 1)
            dim = 2 * part[0].shape[1]
            if dim < size:
                yield Case("RotaryEmbedding", f"{name}_part", [s.f(batch, length, heads * size), each, *part], num_heads=heads, rotary_embedding_dim=dim, **base)


def grouped():
    s = Source("grouped")
    op = "GroupQueryAttention"
    for index, (batch, length, heads, shared, size) in enumerate([(1, 1, 1, 1, 16), (1, 5, 4, 2, 16), (2, 4, 6, 3, 32), (1, 7, 4, 1, 16), (3, 3, 2, 2, 16)]):
        q, k, v = s.f(batch, length, heads * size), s.f(batch, length, shared * size), s.f(batch, length, shared * size)
        base = {"num_heads": heads, "kv_num_heads": shared, "outputs": 3}
        last, total = np.full(batch, length - 1, np.int32), np.int32(length)
        cos, sin = angles(s, 40, size // 2)
        start = [q, k, v, None, None, last, total]
        yield Case(op, f"{index}_prompt", start, **base)
        yield Case(op, f"{index}_prompt_packed", [np.concatenate([q, k, v], -1), None, None, None, None, last, total], **base)
        yield Case(op, f"{index}_prompt_scale", start, scale=0.3, **base)
        yield Case(op, f"{index}_prompt_softcap", start, softcap=1.5, **base)
        yield Case(op, f"{index}_prompt_window", start, local_window_size=2, **base)
        yield Case(op, f"{index}_prompt_rotary", start + [cos, sin], do_rotary=1, fixed=[7, 8], **base)
        yield Case(op, f"{index}_prompt_pairs", start + [cos, sin], do_rotary=1, rotary_interleaved=1, fixed=[7, 8], **base)
        yield Case(op, f"{index}_prompt_smooth", start, smooth_softmax=1, **base)
        yield Case(op, f"{index}_prompt_sink", start + [None] * 4 + [s.f(heads)], **base)
        yield Case(op, f"{index}_prompt_bias", start + [None] * 3 + [s.f(1, heads, length, length)], **base)
        yield Case(op, f"{index}_prompt_free", start, causal=0, **base)
        yield Case(op, f"{index}_scores", start, qk_output=1, softcap=2.0, **base | {"outputs": 4})
        yield Case(op, f"{index}_probabilities", start, qk_output=2, **base | {"outputs": 4})
        yield from steps(s, index, batch, heads, shared, size, base, (cos, sin))


def steps(s, index, batch, heads, shared, size, base, caches):
    op = "GroupQueryAttention"
    q, k, v = (s.f(batch, 1, n * size) for n in (heads, shared, shared))
    exact = [s.f(batch, shared, 6, size), s.f(batch, shared, 6, size)]
    last, total = np.full(batch, 6, np.int32), np.int32(7)
    yield Case(op, f"{index}_step", [q, k, v] + exact + [last, total], **base)
    yield Case(op, f"{index}_step_rotary", [q, k, v] + exact + [last, total, *caches], do_rotary=1, fixed=[7, 8], **base)
    yield Case(op, f"{index}_step_window", [q, k, v] + exact + [last, total], local_window_size=3, **base)
    yield Case(op, f"{index}_step_bias", [q, k, v] + exact + [last, total] + [None] * 3 + [s.f(1, 1, 1, 7)], **base)
    yield Case(op, f"{index}_step_smooth", [q, k, v] + exact + [last, total], smooth_softmax=1, local_window_size=4, **base)
    packed = np.concatenate([q, k, v], -1)
    yield Case(op, f"{index}_step_packed", [packed, None, None] + exact + [last, total, *caches], do_rotary=1, fixed=[7, 8], **base)
    # A buffer longer than what it holds, and sequences of different lengths.
    ragged = s.ints(batch, low=2, high=8, dtype=np.int32)
    buffers = [s.f(batch, shared, 12, size), s.f(batch, shared, 12, size)]
    yield Case(op, f"{index}_buffer", [q, k, v] + buffers + [ragged, ragged.max() + 1], **base)
    yield Case(op, f"{index}_buffer_rotary", [q, k, v] + buffers + [ragged, ragged.max() + 1, *caches], do_rotary=1, local_window_size=3, fixed=[7, 8], **base)
    if batch == 1:
        q, k, v = (s.f(1, 3, n * size) for n in (heads, shared, shared))
        yield Case(op, f"{index}_chunk", [q, k, v] + exact + [np.array([8], np.int32), np.int32(9), *caches], do_rotary=1, fixed=[7, 8], **base)
        yield Case(op, f"{index}_chunk_window", [q, k, v] + exact + [np.array([8], np.int32), np.int32(9)], local_window_size=4, softcap=3.0, **base)


def recurrent():
    s = Source("recurrent")
    for index, (batch, length, heads, shared, size, value) in enumerate([(1, 1, 1, 1, 4, 4), (2, 3, 4, 2, 4, 6), (1, 7, 2, 2, 8, 8), (3, 2, 6, 3, 2, 5)]):
        q, k, v = s.f(batch, length, heads * size), s.f(batch, length, shared * size, scale=0.4), s.f(batch, length, shared * value)
        past = s.f(batch, shared, size, value) if index % 2 else None
        decay, whole = -s.positive(batch, length, shared), -s.positive(batch, length, shared * size)
        beta = s.positive(batch, length, shared) / 2
        for rule, gates in [("linear", [None, None]), ("gated", [decay, None]), ("gated_keys", [whole, None]), ("delta", [None, beta]), ("gated_delta", [decay, beta])]:
            inputs = [q, k, v, past] + gates
            while inputs[-1] is None:
                inputs.pop()
            yield Case("LinearAttention", f"{index}_{rule}", inputs, outputs=2, q_num_heads=heads, kv_num_heads=shared, update_rule=rule.replace("_keys", ""))
        taps = 2 + index
        for activation in ["none", "silu", "swish"]:
            inputs = [s.f(batch, heads, length + 2), s.f(heads, 1, taps), s.f(heads) if index else None, s.f(batch, heads, taps - 1) if index % 2 else None]
            yield Case("CausalConvWithState", f"{index}_{activation}", inputs, outputs=2, fixed=[1, 2], activation=activation)


def cases():
    for family in [projected, multi, rotary, grouped, recurrent]:
        yield from family()
