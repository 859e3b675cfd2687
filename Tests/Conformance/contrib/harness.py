"""Cases of one node in the ONNX backend-test layout, with onnxruntime's answers."""

import json
import os
import shutil
import zlib

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

DOMAIN = "com.microsoft"


class Source:
    """Random arrays, the same for the same name on every machine."""

    def __init__(self, name):
        self.rng = np.random.default_rng(zlib.crc32(name.encode()))

    def f(self, *shape, scale=1.0, dtype=np.float32):
        return (self.rng.standard_normal(shape) * scale).astype(dtype)

    def positive(self, *shape):
        return (self.rng.random(shape) + 0.5).astype(np.float32)

    def u8(self, *shape, low=0, high=256):
        return self.rng.integers(low, high, shape).astype(np.uint8)

    def s8(self, *shape, low=-128, high=128):
        return self.rng.integers(low, high, shape).astype(np.int8)

    def ints(self, *shape, low=0, high=10, dtype=np.int64):
        return self.rng.integers(low, high, shape).astype(dtype)

    def codes(self, dtype, *shape):
        return self.u8(*shape) if dtype == np.uint8 else self.s8(*shape)


class Packed:
    """A tensor whose elements are smaller than a byte, or of a type that numpy lacks."""

    def __init__(self, kind, shape, data):
        self.kind, self.shape, self.data = kind, tuple(shape), bytes(data)

    def proto(self, name):
        return helper.make_tensor(name, self.kind, self.shape, self.data, raw=True)


class Case:
    """One node. `inputs` are arrays, None where absent. `fixed` are the inputs that are initializers, as exporters
    write weights and quantization parameters. `steps` is how far integer results may be apart, for at most a share of
    the elements: onnxruntime rounds such results in float, Kerf in fixed point, and both may meet a half."""

    def __init__(
        self, op, name, inputs, outputs=1, fixed=(), domain=DOMAIN, rtol=1e-4, atol=1e-5, steps=0, share=0.02, opset=21,
        floats=(), **attributes,
    ):
        self.op, self.name, self.outputs = op, name, outputs
        self.inputs = [x if x is None or isinstance(x, Packed) else np.asarray(x) for x in inputs]
        self.fixed = set(range(len(inputs))) if fixed == "all" else {i for i in fixed if i < len(inputs)}
        self.domain, self.attributes, self.opset = domain, attributes, opset
        # Outputs whose type onnxruntime does not infer.
        self.floats = set(floats)
        self.tolerance = {"rtol": rtol, "atol": atol}
        if steps:
            self.tolerance |= {"steps": steps, "share": share}

    @property
    def title(self):
        return f"{self.op.lower()}_{self.name}"

    def model(self, results=None):
        names = ["" if x is None else f"in{i}" for i, x in enumerate(self.inputs)]
        kept = self.outputs if isinstance(self.outputs, (list, tuple)) else list(range(self.outputs))
        outputs = [f"out{i}" if i in kept else "" for i in range(max(kept) + 1)]
        node = helper.make_node(self.op, names, outputs, name="node", domain=self.domain, **self.attributes)
        if results is None:
            infos = [
                helper.make_tensor_value_info(f"out{i}", TensorProto.FLOAT, None)
                if i in self.floats
                else helper.make_empty_tensor_value_info(f"out{i}")
                for i in kept
            ]
        else:
            infos = [info(f"out{i}", x) for i, x in zip(kept, results)]
        fed = [info(f"in{i}", x) for i, x in enumerate(self.inputs) if x is not None and i not in self.fixed]
        weights = [proto(f"in{i}", self.inputs[i]) for i in sorted(self.fixed) if self.inputs[i] is not None]
        graph = helper.make_graph([node], self.title, fed, infos, weights)
        opsets = [helper.make_opsetid("", self.opset), helper.make_opsetid(DOMAIN, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=10)

    def feeds(self):
        return {f"in{i}": x for i, x in enumerate(self.inputs) if x is not None and i not in self.fixed}

    def run(self):
        """onnxruntime's results, of the node as it stands."""
        options = ort.SessionOptions()
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.intra_op_num_threads = 1
        options.log_severity_level = 4
        model = self.model().SerializeToString()
        session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        return session.run(None, self.feeds())

    def write(self, root):
        results = self.run()
        folder = os.path.join(root, self.title)
        shutil.rmtree(folder, ignore_errors=True)
        data = os.path.join(folder, "test_data_set_0")
        os.makedirs(data)
        onnx.save(self.model(results), os.path.join(folder, "model.onnx"))
        with open(os.path.join(folder, "data.json"), "w") as file:
            json.dump(self.tolerance, file)
        for kind, arrays in [("input", list(self.feeds().values())), ("output", results)]:
            for index, array in enumerate(arrays):
                with open(os.path.join(data, f"{kind}_{index}.pb"), "wb") as file:
                    file.write(proto(f"{kind}_{index}", array).SerializeToString())


def proto(name, x):
    return x.proto(name) if isinstance(x, Packed) else numpy_helper.from_array(np.asarray(x), name)


def info(name, x):
    if isinstance(x, Packed):
        return helper.make_tensor_value_info(name, x.kind, x.shape)
    x = np.asarray(x)
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape)


def nibbles(codes, kind=TensorProto.UINT4):
    """Codes of four bits as a tensor of them, the first in the lower half of a byte."""
    flat = np.asarray(codes).astype(np.int64).ravel() & 15
    if flat.size % 2:
        flat = np.append(flat, 0)
    return Packed(kind, np.asarray(codes).shape, (flat[0::2] | flat[1::2] << 4).astype(np.uint8).tobytes())
