"""Writes model.onnx: Softsquash of the sample's own domain between two operators of ONNX. Needs the package onnx."""
import onnx
from onnx import TensorProto, helper

x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3])
y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 3])
nodes = [
    helper.make_node("Neg", ["x"], ["a"], name="first"),
    helper.make_node("Softsquash", ["a"], ["b"], name="squash", domain="sample", factor=2.0),
    helper.make_node("Neg", ["b"], ["y"], name="last"),
]
graph = helper.make_graph(nodes, "custom", [x], [y])
opsets = [helper.make_opsetid("", 21), helper.make_opsetid("sample", 1)]
onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10, producer_name="kerf samples"), "model.onnx")
