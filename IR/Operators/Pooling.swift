#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

extension OperatorCatalog {
  static let pooling: [any Operator.Type] = [
    MaxPool.self, AveragePool.self, LpPool.self, GlobalMaxPool.self, GlobalAveragePool.self, GlobalLpPool.self,
    MaxUnpool.self,
  ]
}

/// What the pools share: the shape of the result, and the walk over windows.
public protocol PoolOperator: WindowOperator {
  var ceilMode: Bool { get set }
}

extension PoolOperator {
  public static var inputs: Arity { 1 }

  static var poolAttributes: [AttributeField<Self>] {
    windowAttributes(kernelRequired: true) + [.flag("ceil_mode", \.ceilMode)]
  }

  /// [N,C] and the pooled spatial dimensions; nil where the rank is unknown.
  func outputShape(_ input: Shape?) throws(Diagnostic) -> Shape? {
    guard let kernel = window.kernelShape else { throw .invalid("attribute 'kernel_shape' is missing") }
    guard let input else { return nil }
    guard input.count >= 3 else { throw .invalid("input has rank \(input.count), expected at least 3") }
    let spatial = try window.outputShape(
      Array(input.dropFirst(2)), kernel: kernel.map { Dim($0) }, roundUp: ceilMode)
    return Array(input.prefix(2)) + spatial
  }

  func geometry(_ x: Tensor) throws(Diagnostic) -> SpatialGeometry {
    try window.geometry(input: Array(x.shape.dropFirst(2)), kernel: window.kernelShape ?? [], roundUp: ceilMode)
  }
}

extension SpatialGeometry {
  /// Calls `body` for each output position with the input offsets inside its window and the window's element count with
  /// the padding (but nothing beyond it) counted in.
  func forEachWindow(
    _ context: EvaluationContext, _ body: (_ output: Int, _ inputs: [Int], _ padded: Int) -> Void
  ) throws(Diagnostic) {
    guard outputCount > 0 else { return }
    let inputStrides = rowMajorStrides(input)
    var position = [Int](repeating: 0, count: rank)
    var number = 0
    var offsets: [Int] = []
    var wider: [Int] = []
    repeat {
      try context.checkDeadline()
      offsets.removeAll(keepingCapacity: true)
      offsets.append(0)
      var padded = 1
      for axis in 0..<rank {
        let origin = saturatingAdd(saturatingMultiply(position[axis], strides[axis]), -begins[axis])
        wider.removeAll(keepingCapacity: true)
        for offset in offsets {
          for tap in taps(axis, output: position[axis]) {
            wider.append(offset + (origin + tap * dilations[axis]) * inputStrides[axis])
          }
        }
        swap(&offsets, &wider)
        let room = saturatingAdd(input[axis], ends[axis]) - origin
        let inside = min(kernel[axis], room <= 0 ? 0 : (room - 1) / dilations[axis] + 1)
        padded = saturatingMultiply(padded, inside)
      }
      body(number, offsets, padded)
      number += 1
    } while advance(&position, in: output)
  }
}

/// The maximum of every window, and where it was (first of equals). ONNX MaxPool, opsets 1–22.
public struct MaxPool: PoolOperator {
  public static let name = "MaxPool"
  public static let outputs = Arity(1...2)
  public static let attributes: [AttributeField<Self>] = poolAttributes + [.flag("storage_order", \.columnMajorIndices)]
  public static let types: [ElementType] = floatTypes + [.int8, .uint8]

  public var window = Window()
  public var ceilMode = false
  /// Indices count spatial positions first axis fastest.
  public var columnMajorIndices = false
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, Self.types)
    let shape = try outputShape(try context.shape(0))
    return Array([.tensor(try context.element(0), shape), .tensor(.int64, shape)].prefix(context.outputCount))
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let shape = try resolvedShape(inputs, context)
    let x = try inputs.tensor(0)
    let geometry = try geometry(x)
    let source = x.wide(Double.self)
    let (planes, plane, size) = (x.shape[0] * x.shape[1], geometry.outputCount, geometry.inputCount)
    let lowest: Double = x.type == .int8 ? -128 : x.type == .uint8 ? 0 : -.infinity
    var values = [Double](repeating: lowest, count: planes * plane)
    var places = [Int](repeating: 0, count: values.count)
    try geometry.forEachWindow(context) { output, offsets, _ in
      for p in 0..<planes {
        var best = offsets.first ?? 0
        for offset in offsets
        where source[p * size + offset] > source[p * size + best] || source[p * size + offset].isNaN {
          best = offset
        }
        if !offsets.isEmpty { values[p * plane + output] = source[p * size + best] }
        places[p * plane + output] = p * size + best
      }
    }
    let result = Datum.tensor(Tensor(wide: values, x.type, shape))
    if context.outputCount == 1 { return [result] }
    let indices = columnMajorIndices ? places.map { columnMajor($0, geometry.input, size) } : places
    return [result, .tensor(Tensor(indices.map { Int64($0) }, shape: shape))]
  }

  private func columnMajor(_ index: Int, _ input: [Int], _ size: Int) -> Int {
    // Nothing lies in an empty plane.
    guard size > 0 else { return index }
    var rest = index % size
    var result = 0
    for axis in input.indices.reversed() {
      result += rest % input[axis] * product(input.prefix(axis))
      rest /= input[axis]
    }
    return index - index % size + result
  }
}

/// What pools share that add up each window.
public protocol SumPoolOperator: PoolOperator {
  /// What an element adds.
  func term(_ x: Double) -> Double
  /// The result of a window with `count` elements, `padded` with the padding counted in.
  func result(_ sum: Double, count: Int, padded: Int) -> Double
}

extension SumPoolOperator {
  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, floatTypes)
    return [.tensor(try context.element(0), try outputShape(try context.shape(0)))]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let shape = try resolvedShape(inputs, context)
    let x = try inputs.tensor(0)
    let geometry = try geometry(x)
    let source = x.wide(Double.self).map { term($0) }
    let (planes, plane, size) = (x.shape[0] * x.shape[1], geometry.outputCount, geometry.inputCount)
    var values = [Double](repeating: 0, count: planes * plane)
    try geometry.forEachWindow(context) { output, offsets, padded in
      for p in 0..<planes {
        var sum = 0.0
        for offset in offsets { sum += source[p * size + offset] }
        values[p * plane + output] = result(sum, count: offsets.count, padded: padded)
      }
    }
    return [.tensor(Tensor(wide: values, x.type, shape))]
  }
}

/// The mean of every window; padding counts in with `count_include_pad`. ONNX AveragePool, opsets 1–22.
public struct AveragePool: SumPoolOperator {
  public static let name = "AveragePool"
  public static let attributes: [AttributeField<Self>] = poolAttributes + [.flag("count_include_pad", \.countsPadding)]

  public var window = Window()
  public var ceilMode = false
  public var countsPadding = false
  public init() {}

  public func term(_ x: Double) -> Double { x }
  public func result(_ sum: Double, count: Int, padded: Int) -> Double { sum / Double(countsPadding ? padded : count) }
}

/// (Σ |x|ᵖ)^(1/p) of every window. ONNX LpPool, opsets 1–22.
public struct LpPool: SumPoolOperator {
  public static let name = "LpPool"
  public static let attributes: [AttributeField<Self>] = poolAttributes + [.int("p", \.p, in: sizeRange)]

  public var window = Window()
  public var ceilMode = false
  public var p = 2
  public init() {}

  public func term(_ x: Double) -> Double { pow(x.magnitude, Double(p)) }
  public func result(_ sum: Double, count: Int, padded: Int) -> Double { pow(sum, 1 / Double(p)) }
}

/// What pools over the whole plane share: [N,C,D…] to [N,C,1…].
public protocol GlobalPoolOperator: Operator {
  /// One plane to one number.
  func reduce(_ plane: ArraySlice<Double>) -> Double
}

extension GlobalPoolOperator {
  public static var inputs: Arity { 1 }

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, floatTypes)
    guard let input = try context.shape(0) else { return [.tensor(try context.element(0), nil)] }
    guard input.count >= 2 else { throw .invalid("input has rank \(input.count), expected at least 2") }
    return [.tensor(try context.element(0), input.prefix(2) + Array(repeating: 1, count: input.count - 2))]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let shape = try resolvedShape(inputs, context)
    let x = try inputs.tensor(0)
    let source = x.wide(Double.self)
    let size = product(x.shape.dropFirst(2))
    let values = (0..<product(shape)).map { reduce(source[$0 * size..<($0 + 1) * size]) }
    return [.tensor(Tensor(wide: values, x.type, shape))]
  }
}

/// ONNX GlobalMaxPool, opsets 1–22.
public struct GlobalMaxPool: GlobalPoolOperator {
  public static let name = "GlobalMaxPool"
  public init() {}
  public func reduce(_ plane: ArraySlice<Double>) -> Double {
    plane.reduce(-.infinity) { $1 > $0 || $1.isNaN ? $1 : $0 }
  }
}

/// ONNX GlobalAveragePool, opsets 1–22.
public struct GlobalAveragePool: GlobalPoolOperator {
  public static let name = "GlobalAveragePool"
  public init() {}
  public func reduce(_ plane: ArraySlice<Double>) -> Double { plane.reduce(0, +) / Double(plane.count) }
}

/// ONNX GlobalLpPool, opsets 1–22.
public struct GlobalLpPool: GlobalPoolOperator {
  public static let name = "GlobalLpPool"
  public static let attributes: [AttributeField<Self>] = [.int("p", \.p, in: sizeRange)]
  public var p = 2
  public init() {}
  public func reduce(_ plane: ArraySlice<Double>) -> Double {
    pow(plane.reduce(0) { $0 + pow($1.magnitude, Double(p)) }, 1 / Double(p))
  }
}

/// Puts the elements of X where the indices of a MaxPool say, zeros elsewhere. Indices count in the shape that undoes
/// the pool; a larger `output_shape` holds that shape in its corner. ONNX MaxUnpool, opsets 9–22.
public struct MaxUnpool: Operator {
  public static let name = "MaxUnpool"
  public static let inputs = Arity(2...3)
  public static let attributes: [AttributeField<Self>] = [
    .ints("kernel_shape", \.window.kernelShape, in: sizeRange, isRequired: true),
    .ints("strides", \.window.strides, in: sizeRange), .ints("pads", \.window.pads, in: padRange),
  ]
  public var window = Window()
  public init() {}

  private func unpooled(_ input: Shape) throws(Diagnostic) -> Shape {
    guard let kernel = window.kernelShape else { throw .invalid("attribute 'kernel_shape' is missing") }
    guard input.count >= 3 else { throw .invalid("input has rank \(input.count), expected at least 3") }
    let rank = input.count - 2
    try window.check(rank: rank)
    var shape = Array(input.prefix(2))
    for axis in 0..<rank {
      let cut = (window.pads?[axis] ?? 0) + (window.pads?[axis + rank] ?? 0)
      shape.append((input[axis + 2] - 1) * Dim(window.stride(axis)) + Dim(kernel[axis]) - Dim(cut))
    }
    return shape
  }

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, floatTypes)
    try context.require(1, [.int64])
    let element = try context.element(0)
    guard let input = try context.shape(0) else { return [.tensor(element, nil)] }
    if let indices = try context.shape(1),
      indices.count != input.count || zip(input, indices).contains(where: { $0.isEqual(to: $1) == false })
    {
      throw .invalid("indices \(describe(indices)) do not have the shape of the input, \(describe(input))")
    }
    let shape = try unpooled(input)
    if let known = TensorType(element, shape).knownShape, let count = Tensor.elementCount(of: known) {
      try context.checkConstant(1, in: 0..<count) {
        "index \($0) is outside the unpooled shape \(describe(known))"
      }
    }
    guard context.has(2) else { return [.tensor(element, shape)] }
    guard let given = context.contents(2) else { return [.tensor(element, InferenceContext.unknown(shape.count))] }
    try checkDimensions(given, "output_shape")
    guard given.count == shape.count else {
      throw .invalid("output_shape has \(given.count) elements, expected \(shape.count)")
    }
    return [.tensor(element, given)]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let shape = try resolvedShape(inputs, context)
    let x = try inputs.tensor(0)
    let inner = try unpooled(x.shape.map { Dim($0) }).map { $0.value ?? 0 }
    let innerCount = try context.checkSize(inner, x.type)
    let strides = rowMajorStrides(shape)
    var values = [Double](repeating: 0, count: product(shape))
    for (value, index) in zip(x.wide(Double.self), try inputs.tensor(1).integers) {
      guard index >= 0, index < innerCount else {
        throw .invalid("index \(index) is outside the unpooled shape \(describe(inner))")
      }
      var rest = index
      var to = 0
      var isInside = true
      for axis in inner.indices.reversed() {
        let position = rest % inner[axis]
        rest /= inner[axis]
        isInside = isInside && position < shape[axis]
        to += position * strides[axis]
      }
      if isInside { values[to] = value }
    }
    return [.tensor(Tensor(wide: values, x.type, shape))]
  }
}
