"""Writes six models in 8 bits, quantized as other tools do it, each with its input: NAME/model.onnx, NAME/x.npy.

Weights are random over all of -128 … 127, inputs over all codes with rows of extremes; scales keep the codes of every
layer spread. Outputs are codes, so that they are defined to the bit.

  python generate.py FOLDER
"""
import pathlib
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


class Network:
    """A chain of quantized layers: `codes` names the latest u8 tensor, `scale` is its step, `zero` its zero point."""

    def __init__(self, name, shape, seed):
        self.name, self.shape, self.random = name, shape, np.random.default_rng(seed)
        self.nodes, self.constants, self.count = [], [], 0
        self.codes, self.scale, self.zero = "x", 0.02, 128

    def constant(self, array):
        self.count += 1
        self.constants.append(numpy_helper.from_array(np.asarray(array), f"c{self.count}"))
        return f"c{self.count}"

    def node(self, op, inputs, **attributes):
        self.count += 1
        self.nodes.append(helper.make_node(op, inputs, [f"v{self.count}"], **attributes))
        return f"v{self.count}"

    def parameters(self):
        return self.constant(np.float32(self.scale)), self.constant(np.uint8(self.zero))

    def floats(self):
        return self.node("DequantizeLinear", [self.codes, *self.parameters()])

    def quantize(self, value, scale, zero=128):
        self.scale, self.zero = scale, zero
        self.codes = self.node("QuantizeLinear", [value, *self.parameters()])
        return self

    def weights(self, shape):
        """s8 codes with one scale per first axis, their name as floats, and the step of the products' sums."""
        codes = self.random.integers(-128, 128, shape).astype(np.int8)
        codes[0] = -128
        scales = (0.001 * self.random.uniform(0.5, 2, shape[0])).astype(np.float32)
        value = self.node("DequantizeLinear", [self.constant(codes), self.constant(scales)], axis=0)
        return value, 110 * 0.001 * self.scale * np.sqrt(np.prod(shape[1:]))

    def conv(self, out, inputs, kernel, relu=False, **attributes):
        w, step = self.weights((out, inputs, kernel, kernel))
        bias = self.constant(self.random.normal(0, step * 20, out).astype(np.float32))
        y = self.node("Conv", [self.floats(), w, bias], **attributes)
        return self.quantize(self.node("Relu", [y]), step, 0) if relu else self.quantize(y, step)

    def gemm(self, out, inputs):
        w, step = self.weights((out, inputs))
        return self.quantize(self.node("Gemm", [self.floats(), w], transB=1), step)

    def save(self, folder, batch, shape_of_y, element=TensorProto.UINT8):
        graph = helper.make_graph(
            self.nodes, self.name, [helper.make_tensor_value_info("x", TensorProto.UINT8, self.shape)],
            [helper.make_tensor_value_info(self.codes, element, shape_of_y)], self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.checker.check_model(model)
        path = pathlib.Path(folder) / self.name
        path.mkdir(parents=True, exist_ok=True)
        onnx.save(model, path / "model.onnx")
        x = self.random.integers(0, 256, [batch, *self.shape[1:]]).astype(np.uint8)
        x[0], x[1] = 0, 255
        np.save(path / "x.npy", x)


def residual(folder):
    """3×3 convolutions with a sum around them, pooling, a product."""
    n = Network("residual", ["N", 3, 19, 21], 1)
    n.conv(32, 3, 3, relu=True, pads=[1, 1, 1, 1], strides=[2, 2])
    before = (n.codes, n.scale, n.zero)
    n.conv(32, 32, 3, relu=True, pads=[1, 1, 1, 1]).conv(32, 32, 3, pads=[1, 1, 1, 1])
    a, step = n.floats(), n.scale
    n.codes, n.scale, n.zero = before
    n.quantize(n.node("Add", [a, n.floats()]), max(step, before[1]) * 1.3)
    n.quantize(n.node("AveragePool", [n.floats()], kernel_shape=[2, 2], strides=[2, 2]), n.scale * 0.7)
    n.quantize(n.node("Flatten", [n.floats()]), n.scale, n.zero).gemm(10, 32 * 5 * 5)
    n.save(folder, 3, ["N", 10])


def separable(folder):
    """Depthwise convolutions of three sizes and strides between 1×1 ones, activations by table."""
    n = Network("separable", ["N", 5, 17, 15], 2)
    n.conv(24, 5, 1, relu=True)
    for kernel, stride in [(3, 1), (5, 2), (3, 2)]:
        n.conv(24, 1, kernel, group=24, pads=[kernel // 2] * 4, strides=[stride, stride])
        x = n.floats()
        n.quantize(n.node("Mul", [x, n.node("HardSigmoid", [x])]), n.scale)
        n.conv(24, 24, 1)
    n.save(folder, 3, ["N", 24, 5, 4])


def branches(folder):
    """Grouped, dilated and wide convolutions side by side, joined with different scales, max pool, resize."""
    n = Network("branches", ["N", 16, 12, 13], 3)
    start, joined = (n.codes, n.scale, n.zero), []
    for layer in [dict(inputs=4, kernel=3, group=4, pads=[1] * 4), dict(inputs=16, kernel=3, dilations=[2, 2], pads=[2] * 4),
                  dict(inputs=16, kernel=1), dict(inputs=16, kernel=7, pads=[3] * 4)]:
        n.codes, n.scale, n.zero = start
        n.conv(20, **layer)
        joined.append(n.floats())
    n.quantize(n.node("Concat", joined, axis=1), n.scale * 0.8)
    n.quantize(n.node("MaxPool", [n.floats()], kernel_shape=[3, 3], strides=[2, 2]), n.scale)
    scales = n.constant(np.float32([1, 1, 2, 2]))
    n.quantize(n.node("Resize", [n.floats(), "", scales], mode="nearest"), n.scale)
    n.save(folder, 2, ["N", 80, 10, 12])


def perceptron(folder):
    """Products of many sizes, a gate, and depths that are no multiple of 4."""
    n = Network("perceptron", ["N", 131], 4)
    n.gemm(257, 131).gemm(64, 257)
    a = n.floats()
    n.quantize(n.node("Mul", [a, n.node("Sigmoid", [a])]), n.scale).gemm(1030, 64).gemm(7, 1030)
    n.save(folder, 29, ["N", 7])


def integers(folder):
    """QLinearConv, QLinearMatMul and MatMulInteger, with zero points of the weights."""
    n = Network("integers", ["N", 8, 9, 9], 5)
    for kernel, group in [(3, 1), (1, 1), (3, 8)]:
        w = n.random.integers(-100, 101, (8, 8 // group, kernel, kernel)).astype(np.int8)
        x = n.parameters()
        n.scale *= 110 * 0.001 * np.sqrt(w[0].size)
        y = n.parameters()
        n.codes = n.node(
            "QLinearConv", [n.codes, *x, n.constant(w), n.constant(np.float32(0.001)), n.constant(np.int8(0)), *y],
            group=group, pads=[kernel // 2] * 4)
    n.codes = n.node("Flatten", [n.codes])
    w = n.random.integers(28, 228, (648, 40)).astype(np.uint8)
    x = n.parameters()
    n.scale *= 110 * 0.001 * np.sqrt(648)
    y = n.parameters()
    n.codes = n.node(
        "QLinearMatMul", [n.codes, *x, n.constant(w), n.constant(np.float32(0.001)), n.constant(np.uint8(128)), *y])
    w = n.random.integers(-128, 128, (40, 33)).astype(np.int8)
    n.codes = n.node("MatMulInteger", [n.codes, n.constant(w), n.constant(np.uint8(n.zero)), n.constant(np.int8(0))])
    n.save(folder, 3, ["N", 33], TensorProto.INT32)


def attention(folder):
    """Products of operands that are both made while running, with zero points of both, in all forms; ConvInteger."""
    n = Network("attention", ["N", 3, 37, 22], 6)
    x, start = n.floats(), (n.codes, n.scale, n.zero)
    turned = n.node("Transpose", [x], perm=[0, 1, 3, 2])
    n.quantize(n.node("MatMul", [x, turned]), 110 * 110 * n.scale**2 * 0.1, 77)
    n.quantize(n.node("MatMul", [n.floats(), x]), n.scale * 110 * start[1] * 2, 140)
    a, (n.codes, n.scale, n.zero) = (n.codes, n.scale, n.zero), start
    signed = n.node("QuantizeLinear", [turned, n.constant(np.float32(0.025)), n.constant(np.int8(-9))])
    row_zeros = n.constant(n.random.integers(0, 256, 37).astype(np.uint8))
    column_scales = n.constant(n.random.uniform(0.01, 0.05, 37).astype(np.float32))
    scores = n.node("QLinearMatMul", [a[0], n.constant(np.float32(a[1])), row_zeros, signed, column_scales,
                                      n.constant(np.int8(-9)), n.constant(np.float32(a[1] * 20)), n.constant(np.int8(5))])
    sums = n.node("MatMulInteger", [scores, start[0], n.constant(np.int8(5)), n.constant(np.uint8(start[2]))])
    w = n.constant(n.random.integers(0, 256, (3, 3, 2, 1)).astype(np.uint8))
    filtered = n.node("ConvInteger", [start[0], w, n.constant(np.uint8(128)), n.constant(np.uint8([3, 99, 250]))],
                      pads=[0, 0, 1, 0])
    n.codes = n.node("Add", [sums, filtered])
    n.save(folder, 2, ["N", 3, 37, 22], TensorProto.INT32)


for write in (residual, separable, branches, perceptron, integers, attention):
    write(sys.argv[1])
