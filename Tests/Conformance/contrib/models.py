"""What onnxruntime itself writes of whole models, run by Kerf: its optimized graph, and its quantized ones.

    python models.py --kerf PATH --out FOLDER MODEL.onnx...

Each model becomes up to nine: optimized (all fusions but those of blocked layouts), transformers (by its own optimizer
of them), dynamic (8-bit weights, ranges at run time), qoperator and qdq (8-bit throughout, ranges measured), some of
these optimized or quantized again, and nbits (4-bit weights of matrix products). Kerf's outputs are compared with
onnxruntime's of the same file, and both with those of the float model: by the ratio of signal to difference in
decibels, and by whether the largest elements agree. Ends with 1 where a file is not imported, or is below its bound.
Needs numpy, onnx, onnxruntime (with onnx_ir for the 4-bit weights).
"""

import argparse
import logging
import os
import shutil
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime as ort
from onnxruntime import quantization
from onnxruntime.quantization.shape_inference import quant_pre_process

# Kinds whose results are those of floats: they differ by the order of sums only, and must agree to so many decibels.
FLOATS = {"optimized": 80, "transformers": 80, "nbits": 80}
# On codes a value that meets a half is rounded up here and down there; that step moves on through all further layers,
# and after some of them two right answers are as far apart as each is from the floats. So both differences are compared
# with onnxruntime's own from the float model: Kerf may be so many decibels worse than it.
SLACK = 1.5


def options(optimized_path=None, level=ort.GraphOptimizationLevel.ORT_ENABLE_ALL):
    result = ort.SessionOptions()
    result.graph_optimization_level = level
    result.log_severity_level = 3
    result.intra_op_num_threads = 1
    if optimized_path:
        result.optimized_model_filepath = optimized_path
    return result


def session(path, **keywords):
    disabled = ["NchwcTransformer"]
    return ort.InferenceSession(path, options(**keywords), providers=["CPUExecutionProvider"], disabled_optimizers=disabled)


def feeds(path, seed):
    """Random inputs in the model's own shapes, free dimensions 1 or 16."""
    rng = np.random.default_rng(seed)
    result = {}
    for entry in session(path, level=ort.GraphOptimizationLevel.ORT_DISABLE_ALL).get_inputs():
        shape = [size if isinstance(size, int) else 1 if axis == 0 else 16 for axis, size in enumerate(entry.shape)]
        if "int" in entry.type:
            kind = np.int64 if "64" in entry.type else np.int32
            high = 2 if "mask" in entry.name or "type" in entry.name else 1000
            values = np.ones(shape) if "mask" in entry.name else rng.integers(0, high, shape)
            result[entry.name] = values.astype(kind)
        else:
            result[entry.name] = rng.standard_normal(shape).astype(np.float32)
    return result


class Reader(quantization.CalibrationDataReader):
    def __init__(self, path):
        self.samples = iter([feeds(path, seed) for seed in range(4)])

    def get_next(self):
        return next(self.samples, None)


def optimize(source, target):
    session(source, optimized_path=target)


def transformers(source, target):
    from onnxruntime.transformers import optimizer

    kind = "gpt2" if "gpt" in os.path.basename(source) else "bert"
    model = optimizer.optimize_model(source, model_type=kind, opt_level=0)
    if not any(model.get_fused_operator_statistics().values()):
        raise RuntimeError("nothing to fuse")
    model.save_model_to_file(target)


def nbits(source, target):
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

    quantizer = MatMulNBitsQuantizer(onnx.load(source), block_size=32, is_symmetric=False)
    quantizer.process()
    quantizer.model.save_model_to_file(target, use_external_data_format=False)


def variants(source, folder, name):
    """(kind, path) of what could be made; what a tool cannot do is printed. Weights keep to seven bits: without
    dot-product instructions onnxruntime adds pairs of products in 16 bits, and larger ones are cut off."""
    prepared = os.path.join(folder, f"{name}.prepared.onnx")
    quant_pre_process(source, prepared, skip_symbolic_shape=True)

    def static(kind):
        return lambda s, t: quantization.quantize_static(
            s, t, Reader(s), quant_format=kind, per_channel=True, reduce_range=True,
            activation_type=quantization.QuantType.QUInt8, weight_type=quantization.QuantType.QInt8)

    def dynamic(s, t):
        signed = quantization.QuantType.QInt8
        quantization.quantize_dynamic(
            s, t, weight_type=signed, reduce_range=True, extra_options={"DefaultTensorType": 1})

    steps = [
        ("optimized", source, optimize),
        ("transformers", source, transformers),
        ("transformers_dynamic", "transformers", dynamic),
        ("dynamic", prepared, dynamic),
        ("dynamic_optimized", "dynamic", optimize),
        ("qoperator", prepared, static(quantization.QuantFormat.QOperator)),
        ("qdq", prepared, static(quantization.QuantFormat.QDQ)),
        ("qdq_optimized", "qdq", optimize),
        ("nbits", source, nbits),
    ]
    for kind, origin, make in steps:
        path = os.path.join(folder, f"{name}.{kind}.onnx")
        origin = os.path.join(folder, f"{name}.{origin}.onnx") if origin != source and origin != prepared else origin
        try:
            if not os.path.exists(path):
                make(origin, path)
            yield kind, path
        except Exception as error:
            print(f"{name} {kind}: onnxruntime: {str(error).splitlines()[0][:160]}")


def operators(path):
    """Operators outside of ONNX's own domain, and those on codes, with how often they stand."""
    counts = {}
    for node in onnx.load(path, load_external_data=False).graph.node:
        if node.domain not in ("", "ai.onnx") or node.op_type.startswith("Q") or "Integer" in node.op_type:
            counts[node.op_type] = counts.get(node.op_type, 0) + 1
    return " ".join(f"{name}:{count}" for name, count in sorted(counts.items()))


def run_kerf(kerf, path, inputs, folder):
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(os.path.join(folder, "in"))
    arguments = [kerf, "run", path, "--outputs", os.path.join(folder, "out")]
    for index, (name, array) in enumerate(inputs.items()):
        file = os.path.join(folder, "in", f"input_{index}.npy")
        np.save(file, array)
        arguments += ["--inputs", f"{name}={file}"]
    done = subprocess.run(arguments, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr.strip())
    count = len(os.listdir(os.path.join(folder, "out")))
    return [np.load(os.path.join(folder, "out", f"output_{i}.npy")) for i in range(count)]


def decibels(expected, value):
    noise = float(np.square(expected.astype(np.float64) - value).sum())
    signal = float(np.square(expected.astype(np.float64)).sum())
    return 200.0 if noise == 0 else min(200.0, 10 * np.log10(max(signal, 1e-30) / noise))


def worst(expected, values):
    return min(decibels(a, b) for a, b in zip(expected, values, strict=True))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kerf", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--only", help="one kind")
    parser.add_argument("models", nargs="+")
    arguments = parser.parse_args()
    os.makedirs(arguments.out, exist_ok=True)
    logging.disable(logging.WARNING)
    failed = 0
    for source in arguments.models:
        name = os.path.splitext(os.path.basename(source))[0]
        for kind, path in variants(source, arguments.out, name):
            if arguments.only and kind != arguments.only:
                continue
            inputs = feeds(path, 99)
            expected = session(path, level=ort.GraphOptimizationLevel.ORT_DISABLE_ALL).run(None, inputs)
            floats = session(source, level=ort.GraphOptimizationLevel.ORT_DISABLE_ALL).run(None, inputs)
            try:
                values = run_kerf(arguments.kerf, path, inputs, os.path.join(arguments.out, "work"))
                ratio, own, theirs = worst(expected, values), worst(floats, values), worst(floats, expected)
                agreement = np.mean([np.mean(a.argmax(-1) == b.argmax(-1)) for a, b in zip(expected, values)])
                good = ratio >= FLOATS.get(kind, theirs - SLACK) and (kind in FLOATS or own >= theirs - SLACK)
                print(
                    f"{name} {kind}: {ratio:.1f} dB, top {agreement:.3f}; to floats {own:.1f}, onnxruntime {theirs:.1f}"
                    f"{'' if good else ' BELOW'} | {operators(path)}", flush=True)
            except Exception as error:
                good = False
                print(f"{name} {kind}: FAILED {str(error)[:1500]} | {operators(path)}", flush=True)
            failed += not good
    return 1 if failed else 0


sys.exit(main())
