extension OperatorCatalog {
  static let transposing: [any Operator.Type] = [Transpose.self, DepthToSpace.self, SpaceToDepth.self]
}

/// Axis i of the result is axis perm[i] of the input; absent: axes reversed. ONNX Transpose, opsets 1–25.
public struct Transpose: Operator {
  public static let name = "Transpose"
  public static let inputs: Arity = 1
  public static let attributes: [AttributeField<Self>] = [.ints("perm", \.permutation)]
  public var permutation: [Int]?
  public init() {}

  /// The permutation for that rank, checked.
  public func permutation(rank: Int) throws(Diagnostic) -> [Int] {
    guard let permutation else { return Array((0..<rank).reversed()) }
    guard permutation.count == rank, permutation.sorted() == Array(0..<rank) else {
      throw .invalid("perm \(describe(permutation)) is no permutation of \(rank) axes")
    }
    return permutation
  }

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    let type = try context.tensor(0)
    guard let shape = type.shape else {
      return [.tensor(type.element, permutation.map { InferenceContext.unknown($0.count) })]
    }
    return [.tensor(type.element, try permutation(rank: shape.count).map { shape[$0] })]
  }

  public func inferContents(_ context: InferenceContext) -> [[Dim]?] { [context.contents(0)] }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let shape = try resolvedShape(inputs, context)
    let x = try inputs.tensor(0)
    let strides = rowMajorStrides(x.shape)
    return [.tensor(x.view(shape, strides: try permutation(rank: x.rank).map { strides[$0] }))]
  }
}

/// How the depth axis is split: depth-column-row or column-row-depth.
public enum DepthOrder: String, CaseIterable, Sendable {
  case depthFirst = "DCR"
  case depthLast = "CRD"
}

/// What operators share that move blocks of the plane from or to the depth axis.
public protocol BlockOperator: Operator {
  var blockSize: Int { get set }
  var mode: DepthOrder { get set }
}

extension BlockOperator {
  public static var inputs: Arity { 1 }

  static var blockAttributes: [AttributeField<Self>] {
    [.int("blocksize", \.blockSize, in: sizeRange, isRequired: true), .choice("mode", \.mode)]
  }
}

/// [N,C·b²,H,W] to [N,C,H·b,W·b]. ONNX DepthToSpace, opsets 1–28.
public struct DepthToSpace: BlockOperator {
  public static let name = "DepthToSpace"
  public static let attributes: [AttributeField<Self>] = blockAttributes
  public var blockSize = 1
  public var mode = DepthOrder.depthFirst
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.requireRank(0, 4...4)
    let type = try context.tensor(0)
    guard let x = type.shape else { return [.tensor(type.element, InferenceContext.unknown(4))] }
    let block = Dim(blockSize)
    if let channels = x[1].value, channels % saturatingMultiply(blockSize, blockSize) != 0 {
      throw .invalid("\(channels) channels do not divide by the block size squared, \(block * block)")
    }
    return [.tensor(type.element, [x[0], x[1].quotient(by: block * block) ?? .unknown, x[2] * block, x[3] * block])]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let shape = try resolvedShape(inputs, context)
    let x = try inputs.tensor(0)
    let (b, c, h, w) = (blockSize, shape[1], x.shape[2], x.shape[3])
    // Where output (n, c, h, row, w, column) lies.
    let plane = h * w
    let (channel, row, column) =
      mode == .depthFirst ? (plane, b * c * plane, c * plane) : (b * b * plane, b * plane, plane)
    let view = x.view(
      [x.shape[0], c, h, b, w, b], strides: [x.shape[1] * plane, channel, w, row, 1, column])
    return [.tensor(view.reshaped(shape) ?? view)]
  }
}

/// [N,C,H,W] to [N,C·b²,H/b,W/b]. ONNX SpaceToDepth, opsets 1–28; mode since 28.
public struct SpaceToDepth: BlockOperator {
  public static let name = "SpaceToDepth"
  public static let attributes: [AttributeField<Self>] = blockAttributes
  public var blockSize = 1
  public var mode = DepthOrder.depthFirst
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.requireRank(0, 4...4)
    let type = try context.tensor(0)
    guard let x = type.shape else { return [.tensor(type.element, InferenceContext.unknown(4))] }
    let block = Dim(blockSize)
    for axis in 2...3 {
      if let size = x[axis].value, size % blockSize != 0 {
        throw .invalid("axis \(axis) of \(describe(x)) does not divide by the block size \(blockSize)")
      }
    }
    let (h, w) = (x[2].quotient(by: block) ?? .unknown, x[3].quotient(by: block) ?? .unknown)
    return [.tensor(type.element, [x[0], x[1] * block * block, h, w])]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let shape = try resolvedShape(inputs, context)
    let x = try inputs.tensor(0)
    let (b, c, h, w) = (blockSize, x.shape[1], shape[2], shape[3])
    let (width, plane) = (x.shape[3], x.shape[2] * x.shape[3])
    let sizes = mode == .depthFirst ? [x.shape[0], b, b, c, h, w] : [x.shape[0], c, b, b, h, w]
    let (row, column) = (width, 1)
    let strides =
      mode == .depthFirst
      ? [c * plane, row, column, plane, b * width, b] : [c * plane, plane, row, column, b * width, b]
    let view = x.view(sizes, strides: strides)
    return [.tensor(view.reshaped(shape) ?? view)]
  }
}
