#!/usr/bin/env python3
"""Writes Sources/COnnx/function_bodies.onnx: what ONNX defines as a function, for expanding an operator that Kerf has no
form of its own for. An ordinary ONNX model file without a graph: `onnx.printer.to_text` shows it.

  python3 scripts/function_bodies.py [-o FILE]        needs the Python package onnx

A function's overload says where it holds, in terms separated by spaces (Sources/ONNX/Import/FunctionLibrary.swift
reads them): `13-27` the opsets of the operator's domain; `in1` or `!in1` input 1 is there or not; `axis` or `!axis` the
attribute is; `axis<0`, `axis>=0`, `mode=DCR` its value; `rank0=4` the rank of input 0; `type1=10` its element type.

Bodies that do not depend on the node are taken as they are. Where ONNX builds a body for a node (its attributes, which
inputs it has, their types), one is built for each combination listed in CONTEXTS. What varies freely within one is found
by building it twice: where the two differ by an attribute's value, the body refers to the attribute; where they differ by
an input's element type, it casts like that input. A difference that is neither is an error.
"""
import argparse
import itertools
import os

import onnx
from onnx import AttributeProto, TensorProto, defs, helper, numpy_helper

DOMAINS = ("", "ai.onnx.ml", "ai.onnx.preview", "ai.onnx.preview.training")
FLOAT, DOUBLE, INT32, INT64 = TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.INT32, TensorProto.INT64
TYPES = [number for number in TensorProto.DataType.values() if number != TensorProto.UNDEFINED]

# Built for a node in ways that no list of contexts covers, with the reason.
OMITTED = {
    "Attention": "the body depends on thirteen properties of the node, most of them independent",
    "CausalConvWithState": "the number of channels of an input becomes an attribute of Conv",
    "FlexAttention": "a body among the attributes",
    "SequenceMap": "a body among the attributes",
}


class Context:
  """A kind of node: `inputs` are (type, rank) or None for absent, `fixed` attribute values, `free` pairs of values of
  attributes that vary, `types` pairs (input, other type) of element types that vary."""

  def __init__(self, terms, inputs, fixed=None, free=None, types=()):
    self.terms, self.inputs, self.fixed, self.free, self.types = terms, inputs, fixed or {}, free or {}, list(types)


def signed(name, both):
  """An axis: its sign decides the body."""
  return [([f"{name}>=0"], {name: (1, 2)}), ([f"{name}<0"], {name: (-2, -1)})] if both else [([], {name: (-2, -1)})]


def optional(index, kind):
  return [([f"in{index}"], kind), ([f"!in{index}"], None)]


def clip(_):
  for (a, low), (b, high) in itertools.product(optional(1, (FLOAT, 0)), optional(2, (FLOAT, 0))):
    yield Context(a + b, [(FLOAT, 1), low, high])


def gelu(_):
  for value in ("none", "tanh"):
    yield Context([f"approximate={value}"], [(FLOAT, 1)], {"approximate": value})


def softmax(_):
  yield Context([], [(FLOAT, 4)], free={"axis": (-2, -1)})


def celu(_):
  yield Context([], [(FLOAT, 1)], free={"alpha": (37.0, 53.0)})


def cast_like(_):
  for kind in TYPES:
    yield Context([f"type1={kind}"], [(FLOAT, 1), (kind, 1)])


def center_crop_pad(_):
  yield Context(["axes"], [(FLOAT, 3), (INT64, 1)], {"axes": [1, 2]})
  yield Context(["!axes"], [(FLOAT, 3), (INT64, 1)])


def blocks(_):
  for mode in ("DCR", "CRD"):
    yield Context([f"mode={mode}"], [(FLOAT, 4)], {"mode": mode}, {"blocksize": (37, 53)})


def group_normalization(_):
  yield Context(["stash_type=1"], [(FLOAT, 4)] * 3, {"stash_type": FLOAT}, {"epsilon": (37.0, 53.0), "num_groups": (61, 67)},
                types=[(0, DOUBLE)])


def layer_normalization(_):
  for (terms, axis), (bias, kind) in itertools.product(signed("axis", True), optional(2, (FLOAT, 1))):
    yield Context(bias + terms + ["stash_type=1"], [(FLOAT, 4), (FLOAT, 1), kind], {"stash_type": FLOAT},
                  {"epsilon": (37.0, 53.0), **axis}, types=[(0, DOUBLE)])


def rms_normalization(_):
  for terms, axis in signed("axis", True):
    yield Context(terms + ["stash_type=1"], [(FLOAT, 4), (FLOAT, 1)], {"stash_type": FLOAT},
                  {"epsilon": (37.0, 53.0), **axis}, types=[(0, DOUBLE)])


def losses(name):
  # Of float inputs the body casts nothing; that for double casts, which is right for float as well.
  ignore = [(["ignore_index"], {"ignore_index": (37, 53)}), (["!ignore_index"], {})]
  for (a, weights), (b, free) in itertools.product(optional(2, (DOUBLE, 1)), ignore):
    if name == "SoftmaxCrossEntropyLoss":
      yield Context(a, [(DOUBLE, 3), (INT64, 2), weights])
      continue
    for reduction in ("none", "sum", "mean"):
      yield Context(a + b + [f"reduction={reduction}"], [(DOUBLE, 3), (INT64, 2), weights], {"reduction": reduction},
                    free, types=[(0, TensorProto.FLOAT16)])


def bernoulli(_):
  yield Context(["dtype"], [(FLOAT, 1)], free={"dtype": (TensorProto.INT32, TensorProto.INT64)}, types=[(0, DOUBLE)])
  yield Context(["!dtype"], [(FLOAT, 1)], types=[(0, DOUBLE)])


def range_(_):
  for kind in (FLOAT, DOUBLE, TensorProto.INT16, INT32, INT64):
    yield Context([f"type0={kind}"], [(kind, 0)] * 3)
  for kind in (TensorProto.FLOAT16, TensorProto.BFLOAT16):
    yield Context([f"type0={kind}", "stash_type=1"], [(kind, 0)] * 3, {"stash_type": FLOAT})


def rotary_embedding(_):
  part = [(["rotary_embedding_dim=0"], {}), (["rotary_embedding_dim>=1"], {"rotary_embedding_dim": (4, 6)})]
  for rank, interleaved, (terms, free), (ids, kind) in itertools.product((3, 4), (0, 1), part, optional(3, (INT64, 2))):
    heads = {"num_heads": (61, 67)} if rank == 3 else {}
    yield Context([f"rank0={rank}", f"interleaved={interleaved}"] + terms + ids,
                  [(FLOAT, rank), (FLOAT, 2), (FLOAT, 2), kind], {"interleaved": interleaved}, {**free, **heads})


def linear_attention(_):
  for rule, past, scaled in itertools.product(("linear", "gated", "delta", "gated_delta"), optional(3, (FLOAT, 4)), (0, 1)):
    decay = (FLOAT, 3) if "gated" in rule else None
    beta = (FLOAT, 3) if "delta" in rule else None
    yield Context([f"update_rule={rule}", "scale!=0" if scaled else "scale=0"] + past[0],
                  [(FLOAT, 3)] * 3 + [past[1], decay, beta], {"update_rule": rule},
                  {"q_num_heads": (61, 67), "kv_num_heads": (71, 73), **({"scale": (37.0, 53.0)} if scaled else {})},
                  types=[(0, TensorProto.FLOAT16)])


CONTEXTS = {
    "Bernoulli": bernoulli, "CastLike": cast_like, "Celu": celu, "CenterCropPad": center_crop_pad, "Clip": clip,
    "DepthToSpace": blocks, "SpaceToDepth": blocks, "Gelu": gelu, "GroupNormalization": group_normalization,
    "LayerNormalization": layer_normalization, "LinearAttention": linear_attention, "LogSoftmax": softmax,
    "NegativeLogLikelihoodLoss": losses, "RMSNormalization": rms_normalization, "Range": range_,
    "RotaryEmbedding": rotary_embedding, "Softmax": softmax, "SoftmaxCrossEntropyLoss": losses,
}


def build(schema, context, values, kinds):
  """The body ONNX builds for a node of that kind, with these attribute values and input types; None where it has none."""
  names = [f"i{k}" if kind else "" for k, kind in enumerate(context.inputs)]
  while names and not names[-1]:
    names.pop()
  node = helper.make_node(schema.name, names, [f"o{k}" for k in range(len(schema.outputs))], domain=schema.domain,
                          **{**context.fixed, **values})
  types = []
  for k, kind in enumerate(context.inputs[:len(names)]):
    if kind is None:
      types.append(onnx.TypeProto().SerializeToString())
      continue
    element = kinds.get(k, kind[0])
    types.append(helper.make_tensor_type_proto(element, [None] * kind[1]).SerializeToString())
  version = schema.context_dependent_function_opset_versions[-1]
  body = onnx.FunctionProto.FromString(
      schema.get_context_dependent_function_with_opset_version(version, node.SerializeToString(), types))
  return body if body.node else None


class Generalizer:
  """Replaces what differs between bodies by what it depends on."""

  def __init__(self, schema, context):
    self.schema, self.context = schema, context
    values = {name: pair[0] for name, pair in context.free.items()}
    self.base = build(schema, context, values, {})
    if self.base is None:
      return
    for name, pair in context.free.items():
      other = build(schema, context, {**values, name: pair[1]}, {})
      self.compare(self.base.node, other.node, lambda n, a, b, name=name, pair=pair: self.attribute(n, a, b, name, pair))
    for index, kind in context.types:
      same = {k: kind for k, own in enumerate(context.inputs) if own and own[0] == context.inputs[index][0]}
      other = build(schema, context, values, same)
      self.compare(self.base.node, other.node, lambda n, a, b, index=index, kind=kind: self.element(n, a, b, index, kind))
    # Edits put further nodes behind the marked ones.
    for nodes, added in self.insertions(self.base.node):
      merged = []
      for position, node in enumerate(nodes):
        merged.append(node)
        merged += added.get(position, [])
      copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in merged]
      del nodes[:]
      nodes.extend(copies)

  added = None

  def insertions(self, nodes):
    return [(nodes, self.added)] if self.added else []

  def fail(self, node, what):
    raise SystemExit(f"{self.schema.name} {self.context.terms}: {node.op_type} '{node.output[0]}' depends on {what}")

  def compare(self, a, b, explain):
    """Calls `explain` for attributes that differ. Nodes that earlier calls added are not in `b`."""
    if len(a) != len(b):
      raise SystemExit(f"{self.schema.name} {self.context.terms}: the number of nodes varies")
    for position, (x, y) in enumerate(zip(a, b)):
      if x.op_type != y.op_type or list(x.input) != list(y.input):
        if not (x.op_type == "CastLike" and y.op_type == "Cast"):
          self.fail(x, "more than values")
        continue
      self.position = position
      for name in {attribute.name for attribute in list(x.attribute) + list(y.attribute)}:
        p = next((v for v in x.attribute if v.name == name), None)
        q = next((v for v in y.attribute if v.name == name), None)
        if p is None or q is None:
          continue  # an earlier edit took it away
        if p.ref_attr_name or p.SerializeToString() == q.SerializeToString():
          continue
        if p.type == AttributeProto.GRAPH:
          before, self.added = self.added, {}
          self.compare(p.g.node, q.g.node, explain)
          if self.added:
            self.fail(x, "a value inside a body")
          self.added = before
        else:
          explain(x, p, q)

  def attribute(self, node, p, q, name, pair):
    kind = AttributeProto.INT if isinstance(pair[0], int) else AttributeProto.FLOAT
    value = lambda a: a.i if kind == AttributeProto.INT else a.f
    if p.type == kind and value(p) == pair[0] and value(q) == pair[1]:
      p.CopyFrom(AttributeProto(name=p.name, type=kind, ref_attr_name=name))
      return
    if node.op_type != "Constant" or p.type != AttributeProto.TENSOR:
      self.fail(node, f"{name} through {p.name}")
    x, y = numpy_helper.to_array(p.t), numpy_helper.to_array(q.t)
    power = next((n for n in (1, 2) if x.size == 1 and x.item() == pair[0]**n and y.item() == pair[1]**n), None)
    if power is None:
      self.fail(node, f"{name} in a constant")
    self.constant(node, name, kind, p.t.data_type, x.ndim, power)

  def constant(self, node, name, kind, data_type, rank, power):
    """Makes a constant of an attribute: a scalar, squared where asked, cast, given its rank."""
    result = node.output[0]
    field = "value_int" if kind == AttributeProto.INT else "value_float"
    chain = []
    if power == 2:
      chain.append(lambda i, o: helper.make_node("Mul", [i, i], [o]))
    if data_type != (INT64 if kind == AttributeProto.INT else FLOAT):
      chain.append(lambda i, o: helper.make_node("Cast", [i], [o], to=data_type))
    extra = []
    if rank == 1:
      shape = f"{result}_shape"
      extra.append(helper.make_node("Constant", [], [shape], value_ints=[1]))
      chain.append(lambda i, o: helper.make_node("Reshape", [i, shape], [o]))
    del node.attribute[:]
    node.attribute.append(AttributeProto(name=field, type=kind, ref_attr_name=name))
    names = [f"{result}_{k}" for k in range(len(chain))] + [result]
    node.output[0] = names[0]
    nodes = extra + [make(names[k], names[k + 1]) for k, make in enumerate(chain)]
    self.added = {**(self.added or {}), self.position: nodes}

  def element(self, node, p, q, index, kind):
    own, formal = self.context.inputs[index][0], self.base.input[index]
    if node.op_type in ("Cast", "RandomUniformLike") and p.i == own and q.i == kind:
      del node.attribute[[a.name for a in node.attribute].index(p.name)]
      if node.op_type == "Cast":
        node.op_type = "CastLike"
        node.input.append(formal)
      return
    if node.op_type == "Constant" and p.type == AttributeProto.TENSOR and (p.t.data_type, q.t.data_type) == (own, kind):
      x, y = numpy_helper.to_array(p.t), numpy_helper.to_array(q.t)
      if x.shape == y.shape and (x == y.astype(x.dtype)).all():
        result = node.output[0]
        node.output[0] = f"{result}_typed"
        cast = helper.make_node("CastLike", [f"{result}_typed", formal], [result])
        self.added = {**(self.added or {}), self.position: [cast]}
        return
    self.fail(node, f"the type of input {index} through {p.name}")


def finish(body, schema, terms, until):
  """The body as a function of the file: named, with defaults of the operator's attributes, without documentation."""
  body.name, body.domain = schema.name, schema.domain
  body.overload = " ".join([f"{schema.since_version}-{until}"] + terms)
  parameters = [name for name in schema.attributes]
  del body.attribute[:], body.attribute_proto[:]
  body.doc_string = ""
  for name in sorted(parameters):
    default = schema.attributes[name].default_value
    if default.name:
      body.attribute_proto.append(default)
    else:
      body.attribute.append(name)
  for node in body.node:
    node.doc_string = ""
    for attribute in node.attribute:
      # A reference states its type, so that a caller's argument of another one is refused.
      if attribute.ref_attr_name and not attribute.type:
        attribute.type = AttributeProto.AttributeType.Value(schema.attributes[attribute.ref_attr_name].type.name)
  return body


def admit_cast_like(body):
  """Lets a body that the generalizer gave a CastLike import the opset that has it. False where other operators of the
  body have lost an attribute or gained an input there."""
  opset = next((entry for entry in body.opset_import if not entry.domain), None)
  first = 15
  if opset is None or opset.version >= first or all(node.op_type != "CastLike" for node in body.node):
    return True
  for node in body.node:
    if node.op_type == "CastLike":
      continue
    old, new = (defs.get_schema(node.op_type, version, node.domain) for version in (opset.version, first))
    if not set(old.attributes) <= set(new.attributes) or len(old.inputs) != len(new.inputs):
      return False
  opset.version = first
  return True


def static_body(schema):
  return onnx.FunctionProto.FromString(schema.get_function_with_opset_version(schema.function_opset_versions[-1]))


def bodies(schema, until):
  if schema.has_function:
    yield finish(static_body(schema), schema, [], until)
    return
  if schema.name in OMITTED:
    return
  if schema.name not in CONTEXTS:
    raise SystemExit(f"{schema.name}: ONNX builds its body for a node; list its contexts, or why there is none")
  for context in CONTEXTS[schema.name](schema.name):
    context.free = {n: v for n, v in context.free.items() if n in schema.attributes}
    context.fixed = {n: v for n, v in context.fixed.items() if n in schema.attributes}
    known = lambda term: not term[0].isalpha() or term.startswith(("in", "rank", "type")) or any(
        term.startswith(name) for name in schema.attributes)
    context.terms = [term for term in context.terms if known(term)]
    body = Generalizer(schema, context).base
    if body is not None and all(node.op_type != schema.name for node in body.node) and admit_cast_like(body):
      yield finish(body, schema, context.terms, until)


def main():
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("-o", default=os.path.join(os.path.dirname(__file__), "../Sources/COnnx/function_bodies.onnx"))
  arguments = parser.parse_args()
  schemas = {}
  for schema in defs.get_all_schemas_with_history():
    if schema.domain in DOMAINS:
      schemas.setdefault((schema.domain, schema.name), []).append(schema)
  model = onnx.ModelProto(ir_version=10, producer_name="onnx", producer_version=onnx.__version__)
  counts = {}
  for key in sorted(schemas):
    versions = sorted(schemas[key], key=lambda s: s.since_version)
    for schema, following in itertools.zip_longest(versions, versions[1:]):
      if not (schema.has_function or schema.has_context_dependent_function):
        continue
      until = following.since_version - 1 if following else ""
      seen = set()
      for body in bodies(schema, until):
        key_ = body.overload
        if key_ in seen:
          continue
        seen.add(key_)
        model.functions.append(body)
        counts[schema.name] = counts.get(schema.name, 0) + 1
  with open(arguments.o, "wb") as file:
    file.write(model.SerializeToString(deterministic=True))
  print(f"{len(counts)} operators, {sum(counts.values())} bodies, {os.path.getsize(arguments.o)} bytes")
  for name, reason in OMITTED.items():
    print(f"without {name}: {reason}")


if __name__ == "__main__":
  main()
