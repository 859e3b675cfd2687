import IR

extension ContribCatalog {
  /// Normalizations with the sums in front of them, and the embeddings of BERT.
  static let normalization: [ContribOperator] = [
    ContribOperator("SkipLayerNormalization", inputs: 3...5, outputs: 1...4, expandSkipLayerNormalization),
    ContribOperator("SkipSimplifiedLayerNormalization", inputs: 3...4, outputs: 1...4, expandSkipSimplified),
    ContribOperator("SimplifiedLayerNormalization", inputs: 2...2, outputs: 1...2, expandSimplified),
    ContribOperator("EmbedLayerNormalization", inputs: 7...9, outputs: 1...3, expandEmbedding),
    ContribOperator("QEmbedLayerNormalization", inputs: 18...18, outputs: 1...2, expandQuantizedEmbedding),
    ContribOperator("GatedRMSNorm", inputs: 3...3, expandGatedRMSNorm),
    ContribOperator("GatedAdd", inputs: 3...4) { (e) throws(Diagnostic) in
      try e.refuse(3, "a projected gate")
      return [try e.node("Add", [try e.input(0), try e.node("Mul", [try e.input(1), try e.input(2)])])]
    },
  ]

  /// Epsilon where the node gives none.
  private static let defaultEpsilon: Float = 1e-12

  private static func epsilon(_ e: Expansion) throws(Diagnostic) -> Expansion.Attributes {
    [("epsilon", .float(try e.float("epsilon") ?? defaultEpsilon))]
  }

  /// LayerNormalization of input + skip + bias; that sum is output 3.
  private static func expandSkipLayerNormalization(_ e: Expansion) throws(Diagnostic) -> [ValueID] {
    let sum = try e.sum(try e.node("Add", [try e.input(0), try e.input(1)]), e.optional(4))
    let inputs = [sum, try e.input(2), e.optional(3)]
    let results = try e.nodes("LayerNormalization", inputs, try epsilon(e), outputs: min(e.outputCount, 3))
    return results + (e.outputCount > 3 ? [sum] : [])
  }

  /// RMSNormalization of input + skip + bias; that sum is output 3.
  private static func expandSkipSimplified(_ e: Expansion) throws(Diagnostic) -> [ValueID] {
    let sum = try e.sum(try e.node("Add", [try e.input(0), try e.input(1)]), e.optional(3))
    let (result, inverse) = try rootMeanSquare(
      e, sum, try e.input(2), axis: -1, try e.float("epsilon") ?? defaultEpsilon)
    guard e.outputCount > 1 else { return [result] }
    // Output 1 is the mean, which this normalization does not have.
    let deviation = try inverse()
    return [result, try e.node("Sub", [deviation, deviation]), deviation, sum]
  }

  private static func expandSimplified(_ e: Expansion) throws(Diagnostic) -> [ValueID] {
    let axis = try e.int("axis") ?? -1
    e.ignore("stash_type")
    let (result, inverse) = try rootMeanSquare(
      e, try e.input(0), try e.input(1), axis: axis, try e.float("epsilon") ?? 1e-5)
    return e.outputCount > 1 ? [result, try inverse()] : [result]
  }

  /// x / sqrt(mean of x² + epsilon) · scale over the axes from `axis` on, and how 1 / sqrt(…) is written.
  static func rootMeanSquare(
    _ e: Expansion, _ x: ValueID, _ scale: ValueID, axis: Int, _ epsilon: Float
  ) throws(Diagnostic) -> (ValueID, inverse: () throws(Diagnostic) -> ValueID) {
    let attributes: Expansion.Attributes = [("axis", .int(Int64(axis))), ("epsilon", .float(epsilon))]
    let result = try e.node("RMSNormalization", [x, scale], attributes)
    return (
      result,
      { () throws(Diagnostic) in
        let wide = try e.cast(x, .float32)
        let rank = try e.knownShape(x, "an input").count
        let axes = e.constant(Array(try normalizedAxis(axis, rank: rank)..<rank))
        let mean = try e.node("ReduceMean", [try e.node("Mul", [wide, wide]), axes])
        let root = try e.node("Sqrt", [try e.node("Add", [mean, try e.scalar(epsilon, like: mean)])])
        return try e.node("Reciprocal", [root])
      }
    )
  }

  // MARK: Embeddings

  private static func expandEmbedding(_ e: Expansion) throws(Diagnostic) -> [ValueID] {
    var sum = try e.sum(
      try e.node("Gather", [try e.input(2), try e.input(0)]),
      try positions(e, ids: e.optional(8), table: try e.input(3)))
    if let segments = e.optional(1) { sum = try e.sum(sum, try e.node("Gather", [try e.input(4), segments])) }
    let result = try e.node("LayerNormalization", [sum, try e.input(5), try e.input(6)], try epsilon(e))
    e.ignore("mask_index_type")
    guard e.outputCount > 1 else { return [result] }
    return [result, try maskIndex(e, e.optional(7)), sum]
  }

  /// Rows of the table of positions: of the given ones, or of 0, 1, … of the sequence.
  private static func positions(
    _ e: Expansion, ids: ValueID?, table: ValueID
  ) throws(Diagnostic) -> ValueID {
    if let ids { return try e.node("Gather", [table, ids]) }
    let zero = e.constant([0])
    return try e.node("Slice", [table, zero, try e.length(try e.input(0), axis: 1), zero])
  }

  /// How many words of each sequence the mask lets through; 0 without a mask.
  private static func maskIndex(_ e: Expansion, _ mask: ValueID?) throws(Diagnostic) -> ValueID {
    let ids = try e.input(0)
    guard let mask else {
      let zero = Tensor([Int32(0)])
      return try e.node("ConstantOfShape", [try e.length(ids, axis: 0)], [("value", .tensor(zero))])
    }
    let ones = try e.cast(try e.node("Equal", [mask, try e.scalar(1, like: mask)]), .int32)
    return try e.node("ReduceSum", [ones, e.constant([1])], [("keepdims", .int(0))])
  }

  /// The same on tables of 8-bit codes: rows are picked as codes and dequantized then.
  private static func expandQuantizedEmbedding(_ e: Expansion) throws(Diagnostic) -> [ValueID] {
    func floats(_ codes: ValueID, _ table: Int) throws(Diagnostic) -> ValueID {
      try dequantize(e, codes, try e.input(8 + table), e.optional(13 + table))
    }
    let words = try floats(try e.node("Gather", [try e.input(2), try e.input(0)]), 0)
    var sum = try e.sum(words, try floats(try positions(e, ids: nil, table: try e.input(3)), 1))
    if let segments = e.optional(1) {
      sum = try e.sum(sum, try floats(try e.node("Gather", [try e.input(4), segments]), 2))
    }
    let parameters = [try floats(try e.input(5), 3), try floats(try e.input(6), 4)]
    let result = try e.node("LayerNormalization", [sum] + parameters, try epsilon(e))
    return e.outputCount > 1 ? [result, try maskIndex(e, e.optional(7))] : [result]
  }

  /// X · rsqrt(mean(X²) + epsilon) · scale · activation(gate), over groups of as many elements as the scale has.
  private static func expandGatedRMSNorm(_ e: Expansion) throws(Diagnostic) -> [ValueID] {
    let name = try e.string("activation") ?? "silu"
    let (x, scale, gate) = (try e.input(0), try e.input(1), try e.input(2))
    let element = try e.element(x)
    guard let size = e.shape(scale)?.first?.value else { throw .unsupported("a scale of unknown size") }
    let rank = try e.knownShape(x, "X").count
    let grouped = try e.reshape(try e.cast(x, .float32), Array(repeating: 0, count: rank - 1) + [-1, size])
    let (normal, _) = try rootMeanSquare(
      e, grouped, try e.cast(scale, .float32), axis: -1, try e.float("epsilon") ?? 1e-5)
    let flat = try e.node("Reshape", [normal, try e.node("Shape", [x])])
    let wide = try e.cast(gate, .float32)
    let factor: ValueID
    switch name {
    case "silu", "swish": factor = try e.node("Swish", [wide])
    case "sigmoid": factor = try e.node("Sigmoid", [wide])
    default: throw .invalid("attribute 'activation' is '\(name)', accepted are 'silu', 'swish' and 'sigmoid'")
    }
    return [try e.cast(try e.node("Mul", [flat, factor]), element)]
  }
}
