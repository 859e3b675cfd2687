import IR

/// Calls of functions: the model's own, and operators that ONNX defines as functions.
extension GraphBuilder {
  /// The function a node is expanded from: one of the model, or the body that ONNX gives its operator where Kerf has no
  /// form of its own or was asked to expand it. Nil where the node is to be added as it is.
  func function(_ node: ProtoNode) throws(Diagnostic) -> LocalFunction? {
    if let function = importer.functions.function(node) { return function }
    let isNative = importer.operators.find(node) != nil
    if isNative ? importer.options.expandedOperators.isEmpty : SupportScan.isCustom(node) { return nil }
    let name = node.operatorName
    let domain = OpsetTable.normalized(node.domain)
    guard !isNative || importer.options.isExpanded(name.string), FunctionLibrary.standard.has(name, domain: domain)
    else {
      return nil
    }
    guard let opset = frames[frames.count - 1].opsets.version(of: domain) else { return nil }
    let body = FunctionLibrary.standard.body(name, domain: domain, opset: opset, try facts(node))
    guard let body else {
      guard !isNative else { return nil }
      throw .unsupported(
        "ONNX defines it as a function, but no definition fits opset \(opset), these inputs and attributes")
    }
    guard !frames.contains(where: { $0.calls(body) }) else { throw .invalid("its definition contains itself") }
    importer.noteExpansion(of: node, isNative: isNative, nodeName(node))
    return body
  }

  private func facts(_ node: ProtoNode) throws(Diagnostic) -> NodeFacts {
    let inputs = node.inputs.map { name -> ValueType? in
      if !name.isEmpty, case .value(let id) = binding(name) { return graph.type(id) }
      return nil
    }
    var attributes: [Name: ProtoAttribute] = [:]
    for attribute in node.attributes { attributes[attribute.name] = try resolve(attribute)?.attribute }
    return NodeFacts(inputs: inputs, attributes: attributes)
  }

  /// Pushes a frame for a call. Reports wrong arguments.
  func expand(_ function: LocalFunction, _ node: ProtoNode) {
    let label = label(node)
    do throws(Diagnostic) {
      let outputs = node.outputs
      guard node.inputCount <= function.inputs.count, outputs.count <= function.outputs.count else {
        throw Diagnostic.invalid(
          "is called with \(node.inputCount) inputs and \(outputs.count) outputs, "
            + "the function has \(function.inputs.count) and \(function.outputs.count)")
      }
      var frame = Frame(
        source: .function(function), opsets: function.opsets, tensors: importer.tensors(of: function),
        arguments: try arguments(function, node), prefix: Array(nodeName(node).bytes.prefix(512)), results: outputs)
      for (index, formal) in function.inputs.enumerated() {
        let name = index < node.inputCount ? node.input(index) : ""
        guard let actual = name.isEmpty ? .absent : binding(name) else {
          throw Diagnostic.invalid("input \(index), '\(name)', is made by no earlier node")
        }
        guard frame.bindings.updateValue(actual, forKey: formal) == nil else {
          throw Diagnostic.invalid("the function has two inputs named '\(formal)'")
        }
      }
      frames.append(frame)
    } catch {
      report(error.about(label))
      breakOutputs(node)
    }
  }

  private func arguments(_ function: LocalFunction, _ node: ProtoNode) throws(Diagnostic) -> [Name: Argument] {
    let tensors = importer.tensors(of: function)
    var result = function.defaults.mapValues { Argument(attribute: $0, tensors: tensors) }
    for proto in node.attributes {
      guard function.parameters.contains(proto.name) else {
        throw .invalid("the function has no parameter '\(proto.name)'")
      }
      guard let value = try resolve(proto) else { continue }
      guard try value.attribute.kind() != 5 else {
        throw .unsupported("a graph as argument of parameter '\(proto.name)'")
      }
      result[proto.name] = value
    }
    return result
  }
}

extension GraphBuilder.Frame {
  /// Whether this frame expands a definition of the same operator.
  fileprivate func calls(_ function: LocalFunction) -> Bool {
    guard case .function(let open) = source else { return false }
    return open.proto.name == function.proto.name && open.proto.domain == function.proto.domain
  }
}
