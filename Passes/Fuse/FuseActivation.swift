import IR

/// Lets the operator before an activation apply it while it writes its result.
///
///     before: Relu(Conv(%x, %w, %b))
///     after:  Conv(%x, %w, %b) {activation="relu"}
public struct FuseActivation: RewriteRule {
  public static let name = "fuse-activation"
  /// Leaves activations behind depthwise convolutions that do more than limit: on 8-bit codes they are a table of their own.
  let forCodes: Bool

  public init(forCodes: Bool = false) { self.forCodes = forCodes }

  public static func isRoot(_ op: any Operator) -> Bool { op is any ActivationOperator || op is Clip }

  public func rewrite(_ op: any ElementwiseOperator, at node: Node, in graph: Graph) -> Outcome {
    guard let activation = activation(op, node, graph), let input = node.input(0), let producer = graph.producer(input),
      var target = producer.op as? any FusesActivation, target.activation.isNone, producer.outputs.count == 1,
      let element = graph.element(input), element.isFloat, element != .float64
    else { return .noMatch }
    if let reason = graph.reasonToKeep(input, "the result of \(producer.label)") { return .rejected(reason) }
    if target.addsResidualLast { return .rejected("\(producer.label) already adds a residual after its activation") }
    if forCodes, let conv = target as? Conv, !activation.onlyLimits, graph.isDepthwise(conv, producer) {
      return .rejected("on codes it is a table of its own")
    }
    target.activation = activation
    return .patch(
      .replacing(node, with: target, producer.inputs, absorbing: [producer.id], "fused \(activation.function.rawValue)")
    )
  }

  private func activation(_ op: any ElementwiseOperator, _ node: Node, _ graph: Graph) -> Activation? {
    if let op = op as? any ActivationOperator { return op.asActivation }
    guard op is Clip else { return nil }
    if node.input(1) != nil, graph.constant(node.input(1)) == nil { return nil }
    if node.input(2) != nil, graph.constant(node.input(2)) == nil { return nil }
    return Clip.asActivation(minimum: graph.constant(node.input(1)), maximum: graph.constant(node.input(2)))
  }
}

extension Activation {
  /// Whether it only cuts values off.
  var onlyLimits: Bool { [.none, .relu, .clip].contains(function) }
}

extension Graph {
  /// Whether every group of a convolution has one input channel.
  func isDepthwise(_ conv: Conv, _ node: Node) -> Bool {
    conv.group > 1 && (constant(node.input(1))?.shape.dropFirst().first ?? 0) == 1
  }
}

extension FusesActivation {
  var addsResidualLast: Bool {
    switch self {
    case let op as Conv: op.residualAfterActivation
    case let op as MatMul: op.residualAfterActivation
    case let op as Gemm: op.residualAfterActivation
    default: false
    }
  }
}
