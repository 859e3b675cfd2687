import IR

/// y = scale · x + shift per output channel, to be folded into the weights of the operator that computes x.
struct ChannelAffine {
  var scale: [Double]
  var shift: [Double]

  var changesScale: Bool { scale.contains { $0 != 1 } }

  /// An operator with constant weights per output channel: Conv, ConvTranspose, Gemm, MatMul (its second operand a matrix).
  struct Target {
    let node: Node
    let axis: Int
    let rank: Int
    let channels: Int

    init?(_ node: Node, _ graph: Graph) {
      guard let output = node.outputs.first, let shape = graph.shape(output), shape.count >= 2 else { return nil }
      switch node.op {
      case let op as Conv where op.activation.isNone && node.input(3) == nil: axis = 1
      case let op as ConvTranspose where op.activation.isNone: axis = 1
      case let op as Gemm where op.activation.isNone && node.input(3) == nil: axis = 1
      case let op as MatMul where op.activation.isNone && node.input(3) == nil && graph.rank(node.input(1)) ?? 0 > 1:
        axis = shape.count - 1
      default: return nil
      }
      guard let count = shape[axis].value else { return nil }
      self.node = node
      rank = shape.count
      channels = count
    }

    var weight: ValueID? { node.input(1) }
    var bias: ValueID? { node.input(2) }

    /// Why a constant cannot be added to the bias; nil where it can.
    func reasonNotToShift(_ graph: Graph) -> String? {
      guard let bias else { return nil }
      guard graph.constant(bias) != nil else { return "the bias of \(node.label) is not constant" }
      guard biasElements(graph) != nil else { return "the addend of \(node.label) is no bias per channel" }
      return nil
    }

    /// Why the weights cannot be scaled; nil where they can.
    func reasonNotToScale(_ graph: Graph) -> String? {
      guard let tensor = graph.constant(weight), let weight else {
        return "the weights of \(node.label) are not constant"
      }
      if graph.useCount(weight) > 1 { return "the weights of \(node.label) have \(graph.useCount(weight)) readers" }
      guard tensor.type == .float32 || tensor.type == .float64 else {
        return "the weights are \(tensor.type.name): scaling would round them again"
      }
      return node.op is MatMul && tensor.rank != 2 ? "the weights of \(node.label) are a stack of matrices" : nil
    }

    /// The bias as it enters the sum, one element per channel; zeros where there is none.
    func biasElements(_ graph: Graph) -> [Double]? {
      guard bias != nil else { return [Double](repeating: 0, count: channels) }
      guard let values = graph.perChannel(bias, axis: 1, rank: 2, count: channels) else { return nil }
      if let gemm = node.op as? Gemm { return values.map { $0 * Double(gemm.beta) } }
      return values
    }

    /// Adds the operator with its new weights and bias to a patch.
    func rewrite(
      _ affine: ChannelAffine, _ element: ElementType, _ graph: Graph, _ patch: inout Patch, replacing output: ValueID,
      activation: Activation = .none
    ) {
      let old = biasElements(graph) ?? affine.shift.map { _ in 0 }
      let values = old.indices.map { old[$0] * affine.scale[$0] + affine.shift[$0] }
      var inputs: [Patch.Operand?] = node.inputs.map { $0.map { .existing($0) } }
      while inputs.count < 3 { inputs.append(nil) }
      let biasName = bias.map { graph[$0].name } ?? ""
      inputs[2] = patch.constant(Tensor(wide: values, element, [channels]), name: biasName)
      if affine.changesScale, let weight, let tensor = graph.constant(weight) {
        inputs[1] = patch.constant(scaled(tensor, affine.scale), name: graph[weight].name)
      }
      var op = node.op
      if var gemm = op as? Gemm {
        gemm.beta = 1
        op = gemm
      }
      if !activation.isNone, var fusing = op as? any FusesActivation {
        fusing.activation = activation
        op = fusing
      }
      patch.replace(output, with: patch.add(op, inputs))
    }

    /// The weights with every output channel multiplied by its factor.
    private func scaled(_ tensor: Tensor, _ scale: [Double]) -> Tensor {
      if node.op is Conv, var values = tensor.elements(Float.self) {
        let size = values.count / max(channels, 1)
        values.withUnsafeMutableBufferPointer { values in
          for (channel, factor) in scale.enumerated() {
            for i in channel * size..<(channel + 1) * size { values[i] = Float(Double(values[i]) * factor) }
          }
        }
        return Tensor(values, shape: tensor.shape)
      }
      var values = tensor.wide(Double.self)
      let (group, count) = layout(tensor)
      for i in values.indices { values[i] *= scale[channel(i, tensor, group, count)] }
      return Tensor(wide: values, tensor.type, tensor.shape)
    }

    /// Elements per step of the channel axis, and (for ConvTranspose) channels per group.
    private func layout(_ tensor: Tensor) -> (inner: Int, perGroup: Int) {
      switch node.op {
      case is Conv: (tensor.count / max(tensor.shape[0], 1), channels)
      case is ConvTranspose: (tensor.shape.dropFirst(2).reduce(1, *), tensor.shape[1])
      case let op as Gemm: (op.transposesB ? tensor.shape[1] : 1, channels)
      case let op as MatMul: (op.transposesB ? tensor.shape[1] : 1, channels)
      default: (1, channels)
      }
    }

    private func channel(_ index: Int, _ tensor: Tensor, _ inner: Int, _ perGroup: Int) -> Int {
      guard let op = node.op as? ConvTranspose else { return index / inner % channels }
      // W[C, M/group, k…]: input channel c belongs to group c / (C / group).
      let row = index / inner / perGroup
      let group = row / max(tensor.shape[0] / op.group, 1)
      return group * perGroup + index / inner % perGroup
    }
  }
}
