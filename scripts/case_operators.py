"""Names of the operators that the nodes of conformance cases name, each once: case_operators.py DIR…"""

import pathlib
import sys

import onnx


def visit(nodes, names):
    for node in nodes:
        names.add(node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}.{node.op_type}")
        for attribute in node.attribute:
            for graph in [attribute.g, *attribute.graphs]:
                visit(graph.node, names)


names = set()
for folder in sys.argv[1:]:
    for path in pathlib.Path(folder).rglob("model.onnx"):
        model = onnx.load(path, load_external_data=False)
        visit(model.graph.node, names)
        for function in model.functions:
            visit(function.node, names)
print("\n".join(sorted(names)))
