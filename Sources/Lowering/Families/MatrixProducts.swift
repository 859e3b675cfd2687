import Bundle
import IR
import Kernels

/// Matrix products. A constant right factor is packed now; two dynamic factors are packed while running.
extension LoweringCatalog {
  static let matrixProducts: [String: LoweringRule] = ["MatMul": matmul, "Gemm": gemm]

  private static let matmul: LoweringRule = { (l, node) throws(Diagnostic) in
    guard let op = node.op as? MatMul, let a = node.inputs[0], let b = node.inputs[1] else { return false }
    guard l.computeType(a) == .float32, op.activation.kernelCode != nil else { return false }
    let y = node.outputs[0]
    let (rankA, rankB) = (l.rank(a), l.rank(b))
    let residual = try l.residual(node, 3, .identity(l.rank(y)), after: op.residualAfterActivation)
    let bias = try l.optionalSlot(node, 2)
    if rankB == 2, rankA >= 1, !op.transposesA, let weights = l.weights(b) {
      let (k, n) = op.transposesB ? (weights.shape[1], weights.shape[0]) : (weights.shape[0], weights.shape[1])
      let packed = try l.packedMatrix(weights, k, n, transposed: op.transposesB, times: op.alpha)
      let inputs = [try l.slot(a), packed, bias, residual.slot ?? -1]
      let attributes: [Step.Attribute] = [.int(k), .int(n)] + op.activation.attributes + [.int(residual.mode)]
      l.emit(Op.gemm, inputs, [try l.result(y)], attributes, node)
      return true
    }
    var left = try l.slot(a)
    var right = try l.slot(b)
    var result = try l.result(y)
    if rankA == 1 || rankB == 1 {
      guard residual.slot == nil else { return false }
      let one = l.builder.constant(1)
      var dims = l.builder.dims(result)
      if rankB == 1 {
        right = l.view(right, l.builder.dims(right) + [one])
        dims.append(one)
      }
      if rankA == 1 {
        left = l.view(left, [one] + l.builder.dims(left))
        dims.insert(one, at: dims.count - 1)
      }
      // The step writes the wide shape; the value is a view of it.
      l.placements[y.index].removeAll()
      result = l.builder.resultSlot(ElementType.float32.rawValue, dims)
      try l.alias(y, result, .identity(l.rank(y)))
    }
    let attributes: [Step.Attribute] =
      [.flag(op.transposesA), .flag(op.transposesB), .float(Double(op.alpha))] + op.activation.attributes + [
        .int(residual.mode)
      ]
    l.emit(Op.matmul, [left, right, bias, residual.slot ?? -1], [result], attributes, node)
    return true
  }

  private static let gemm: LoweringRule = { (l, node) throws(Diagnostic) in
    guard let op = node.op as? Gemm, let a = node.inputs[0], let b = node.inputs[1] else { return false }
    guard l.computeType(a) == .float32, op.activation.kernelCode != nil else { return false }
    let y = node.outputs[0]
    let n = l.shape(y)[1]
    var residual = try l.residual(node, 3, .identity(2), after: op.residualAfterActivation)
    var bias: Int32 = -1
    if node.inputs.count > 2, let c = node.inputs[2] {
      if let tensor = l.graph.constant(c), let count = n.value,
        let row = Gemm.biasRow(tensor, columns: count, scale: op.beta)
      {
        bias = l.builder.weight(row)
      } else if op.beta == 1, l.shape(c) == [n] {
        bias = try l.slot(c)
      } else if op.beta == 1, residual.slot == nil, l.shape(c) == l.shape(y) {
        residual = (try l.slot(c), 1)
      } else {
        return false
      }
    }
    if let weights = l.weights(b), !op.transposesA {
      let (k, count) = op.transposesB ? (weights.shape[1], weights.shape[0]) : (weights.shape[0], weights.shape[1])
      let packed = try l.packedMatrix(weights, k, count, transposed: op.transposesB, times: op.alpha)
      let attributes: [Step.Attribute] = [.int(k), .int(count)] + op.activation.attributes + [.int(residual.mode)]
      l.emit(Op.gemm, [try l.slot(a), packed, bias, residual.slot ?? -1], [try l.result(y)], attributes, node)
      return true
    }
    let attributes: [Step.Attribute] =
      [.flag(op.transposesA), .flag(op.transposesB), .float(Double(op.alpha))] + op.activation.attributes + [
        .int(residual.mode)
      ]
    l.emit(Op.matmul, [try l.slot(a), try l.slot(b), bias, residual.slot ?? -1], [try l.result(y)], attributes, node)
    return true
  }
}

extension GraphLowering {
  /// A matrix [k, n], or [n, k] when transposed, times a factor, packed. Floats are read where they lie: a large model's
  /// weights are never there three times.
  func packedMatrix(
    _ matrix: Tensor, _ k: Int, _ n: Int, transposed: Bool, times factor: Float
  ) throws(Diagnostic) -> Int32 {
    let size = kerf_pack_gemm_f32_size(Int64(k), Int64(n))
    if matrix.type == .float32, factor == 1, let floats = matrix.bytes.baseAddress {
      return try builder.packed(size) { kerf_pack_gemm_f32(Int64(k), Int64(n), transposed ? 1 : 0, floats, $0) }
    }
    let floats = matrix.wide(Float.self).map { $0 * factor }
    return try builder.packed(size) { kerf_pack_gemm_f32(Int64(k), Int64(n), transposed ? 1 : 0, floats, $0) }
  }
}

extension Gemm {
  /// C as one value per column, times beta; nil where it differs by row.
  static func biasRow(_ c: Tensor, columns: Int, scale: Float) -> Tensor? {
    let values = c.wide(Float.self).map { $0 * scale }
    if values.count == columns, c.shape.last == columns { return Tensor(values, shape: [columns]) }
    if values.count == 1 { return Tensor(Array(repeating: values[0], count: columns), shape: [columns]) }
    return nil
  }
}
