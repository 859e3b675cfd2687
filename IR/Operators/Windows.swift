#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

extension OperatorCatalog {
  static let windows: [any Operator.Type] = [
    HannWindow.self, HammingWindow.self, BlackmanWindow.self, MelWeightMatrix.self,
  ]
}

/// What the window functions share: the size is the input, a scalar.
public protocol WindowFunctionOperator: Operator {
  var periodic: Bool { get set }
  var outputDatatype: ElementType? { get set }
  /// The weight at an angle that runs from 0 to 2π over the window.
  func weight(_ angle: Double) -> Double
}

extension WindowFunctionOperator {
  public static var inputs: Arity { 1 }
  public static var attributes: [AttributeField<Self>] {
    [.elementType("output_datatype", \Self.outputDatatype), .flag("periodic", \Self.periodic)]
  }

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, [.int32, .int64])
    try context.requireScalar(0, "the size")
    guard let outputDatatype, numberTypes.contains(outputDatatype) else {
      throw .invalid("attribute 'output_datatype' is no type of numbers")
    }
    let size = context.contents(0)?.first ?? .unknown
    if let value = size.value, value < 0 { throw .invalid("the size is \(value)") }
    return [.tensor(outputDatatype, [size])]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let type = try checkedTypes(inputs, context)[0]
    let size = try inputs.scalarInteger(0, "the size")
    let period = Double(max(periodic ? size : size - 1, 1))
    let weights = (0..<size).map { weight(2 * .pi * Double($0) / period) }
    return [.tensor(Tensor(wide: size == 1 && !periodic ? [1] : weights, type.element, [size]))]
  }
}

/// sin²(n π / N). ONNX HannWindow, opsets 17–28.
public struct HannWindow: WindowFunctionOperator {
  public static let name = "HannWindow"
  public var periodic = true
  public var outputDatatype: ElementType? = .float32
  public init() {}
  public func weight(_ angle: Double) -> Double { 0.5 - 0.5 * cos(angle) }
}

/// 25/46 − 21/46 cos(2 n π / N). ONNX HammingWindow, opsets 17–28.
public struct HammingWindow: WindowFunctionOperator {
  public static let name = "HammingWindow"
  public var periodic = true
  public var outputDatatype: ElementType? = .float32
  public init() {}
  public func weight(_ angle: Double) -> Double { 25.0 / 46 - 21.0 / 46 * cos(angle) }
}

/// 0.42 − 0.5 cos(2 n π / N) + 0.08 cos(4 n π / N). ONNX BlackmanWindow, opsets 17–28.
public struct BlackmanWindow: WindowFunctionOperator {
  public static let name = "BlackmanWindow"
  public var periodic = true
  public var outputDatatype: ElementType? = .float32
  public init() {}
  public func weight(_ angle: Double) -> Double { 0.42 - 0.5 * cos(angle) + 0.08 * cos(2 * angle) }
}

/// Triangular filters with peaks of 1, spaced evenly on the mel scale. Scalars: number of filters M, DFT length L,
/// sample rate, lower and upper edge in hertz → [L / 2 + 1, M]. ONNX MelWeightMatrix, opsets 17–28.
public struct MelWeightMatrix: Operator {
  public static let name = "MelWeightMatrix"
  public static let inputs: Arity = 5
  public static let attributes: [AttributeField<Self>] = [.elementType("output_datatype", \.outputDatatype)]
  public var outputDatatype: ElementType? = .float32
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    for index in 0..<5 {
      try context.require(index, index < 3 ? [.int32, .int64] : floatTypes)
      try context.requireScalar(index, "the parameter")
    }
    guard let outputDatatype, numberTypes.contains(outputDatatype) else {
      throw .invalid("attribute 'output_datatype' is no type of numbers")
    }
    let filters = context.contents(0)?.first ?? .unknown
    let length = context.contents(1)?.first ?? .unknown
    if let value = filters.value, value < 0 { throw .invalid("the number of filters is \(value)") }
    if let value = length.value, value < 0 { throw .invalid("the DFT length is \(value)") }
    let bins = length.isUnknown ? .unknown : (length.quotient(by: 2) ?? .unknown) + 1
    return [.tensor(outputDatatype, [bins, filters])]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let type = try checkedTypes(inputs, context)[0]
    let filters = try inputs.scalarInteger(0, "the number of filters")
    let length = try inputs.scalarInteger(1, "the DFT length")
    let rate = try inputs.scalarInteger(2, "the sample rate")
    guard rate > 0 else { throw .invalid("the sample rate is \(rate)") }
    func mel(_ hertz: Double) -> Double { 2595 * log10(1 + hertz / 700) }
    let low = mel(try inputs.scalarNumber(3, "the lower edge"))
    let high = mel(try inputs.scalarNumber(4, "the upper edge"))
    let rows = length / 2 + 1
    let edges = (0...(filters + 1)).map { i in
      let hertz = 700 * (pow(10, (low + Double(i) * (high - low) / Double(filters + 2)) / 2595) - 1)
      // Beyond the table one step is as good as many.
      return min(max(Int(Int64(saturating: ((Double(length) + 1) * hertz / Double(rate)).rounded(.down))), -1), rows)
    }
    var result = [Double](repeating: 0, count: rows * filters)
    for i in 0..<filters {
      let (left, centre, right) = (edges[i], edges[i + 1], edges[i + 2])
      for row in 0..<rows {
        if row >= left && row <= centre {
          result[row * filters + i] = left == centre ? 1 : Double(row - left) / Double(centre - left)
        }
        if row >= centre && row < right { result[row * filters + i] = Double(right - row) / Double(right - centre) }
      }
    }
    return [.tensor(Tensor(wide: result, type.element, [rows, filters]))]
  }
}
