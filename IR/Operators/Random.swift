#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

extension OperatorCatalog {
  static let random: [any Operator.Type] = [
    RandomNormal.self, RandomUniform.self, RandomNormalLike.self, RandomUniformLike.self, Bernoulli.self,
    Multinomial.self, Dropout.self,
  ]
}

/// Random numbers that are the same for the same seed on every machine: SplitMix64 (Steele, Lea, Flood 2014).
public struct SeededNumbers: Sendable {
  var state: UInt64

  /// Without a seed a new sequence each time.
  public init(seed: Float?) { state = seed.map { UInt64($0.bitPattern) } ?? UInt64.random(in: 0 ... .max) }

  mutating func next() -> UInt64 {
    state = state &+ 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// In [0, 1), 53 bits.
  public mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// Mean 0, deviation 1 (Box and Muller 1958).
  public mutating func normal() -> Double {
    let radius = (-2 * log(1 - uniform())).squareRoot()
    return radius * cos(2 * .pi * uniform())
  }
}

private let dimensionRange = 0...Dim.limit

/// What operators that draw independent numbers share.
public protocol RandomNumbers: Operator {
  var dtype: ElementType? { get }
  var seed: Float? { get }
  func draw(_ numbers: inout SeededNumbers) -> Double
}

extension RandomNumbers {
  public static var isDeterministic: Bool { false }

  fileprivate func fill(
    _ shape: [Int], _ type: ElementType, _ context: EvaluationContext
  ) throws(Diagnostic) -> [Datum] {
    var numbers = SeededNumbers(seed: seed)
    let count = try context.checkSize(shape, type)
    return [.tensor(Tensor(wide: (0..<count).map { _ in draw(&numbers) }, type, shape))]
  }

  fileprivate func floatType(_ fallback: ElementType) throws(Diagnostic) -> ElementType {
    let chosen = dtype ?? fallback
    guard floatTypes.contains(chosen) else {
      throw .invalid("attribute 'dtype' is \(chosen.name), which is no float type")
    }
    return chosen
  }
}

/// Numbers of a normal distribution.
public protocol NormalNumbers: RandomNumbers {
  var mean: Float { get }
  var scale: Float { get }
}

extension NormalNumbers {
  public func draw(_ numbers: inout SeededNumbers) -> Double { numbers.normal() * Double(scale) + Double(mean) }
}

/// Numbers between `low` and `high`.
public protocol UniformNumbers: RandomNumbers {
  var low: Float { get }
  var high: Float { get }
}

extension UniformNumbers {
  public func draw(_ numbers: inout SeededNumbers) -> Double {
    Double(low) + numbers.uniform() * (Double(high) - Double(low))
  }
}

/// A tensor of a given shape.
public protocol RandomOfShape: RandomNumbers {
  var shape: [Int]? { get }
}

extension RandomOfShape {
  public static var inputs: Arity { 0 }

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    guard let shape else { throw .invalid("attribute 'shape' is missing") }
    return [.tensor(TensorType(try floatType(.float32), shape))]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    try fill(shape ?? [], try floatType(.float32), context)
  }
}

/// A tensor in the shape of the input.
public protocol RandomLike: RandomNumbers {}

extension RandomLike {
  public static var inputs: Arity { 1 }

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    let like = try context.tensor(0)
    return [.tensor(try floatType(like.element), like.shape)]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let like = try inputs.tensor(0)
    return try fill(like.shape, try floatType(like.type), context)
  }
}

/// Normally distributed numbers of a given shape. ONNX RandomNormal, opsets 1–28.
public struct RandomNormal: NormalNumbers, RandomOfShape {
  public static let name = "RandomNormal"
  public static let attributes: [AttributeField<Self>] = [
    .ints("shape", \.shape, in: dimensionRange, isRequired: true), .elementType("dtype", \.dtype),
    .float("mean", \.mean), .float("scale", \.scale), .optionalFloat("seed", \.seed),
  ]
  public var shape: [Int]?
  public var dtype: ElementType? = .float32
  public var mean: Float = 0
  public var scale: Float = 1
  public var seed: Float?
  public init() {}
}

/// Uniformly distributed numbers of a given shape. ONNX RandomUniform, opsets 1–28.
public struct RandomUniform: UniformNumbers, RandomOfShape {
  public static let name = "RandomUniform"
  public static let attributes: [AttributeField<Self>] = [
    .ints("shape", \.shape, in: dimensionRange, isRequired: true), .elementType("dtype", \.dtype), .float("low", \.low),
    .float("high", \.high), .optionalFloat("seed", \.seed),
  ]
  public var shape: [Int]?
  public var dtype: ElementType? = .float32
  public var low: Float = 0
  public var high: Float = 1
  public var seed: Float?
  public init() {}
}

/// Normally distributed numbers in the shape of the input. ONNX RandomNormalLike, opsets 1–28.
public struct RandomNormalLike: NormalNumbers, RandomLike {
  public static let name = "RandomNormalLike"
  public static let attributes: [AttributeField<Self>] = [
    .elementType("dtype", \.dtype), .float("mean", \.mean), .float("scale", \.scale), .optionalFloat("seed", \.seed),
  ]
  public var dtype: ElementType?
  public var mean: Float = 0
  public var scale: Float = 1
  public var seed: Float?
  public init() {}
}

/// Uniformly distributed numbers in the shape of the input. ONNX RandomUniformLike, opsets 1–28.
public struct RandomUniformLike: UniformNumbers, RandomLike {
  public static let name = "RandomUniformLike"
  public static let attributes: [AttributeField<Self>] = [
    .elementType("dtype", \.dtype), .float("low", \.low), .float("high", \.high), .optionalFloat("seed", \.seed),
  ]
  public var dtype: ElementType?
  public var low: Float = 0
  public var high: Float = 1
  public var seed: Float?
  public init() {}
}

/// 1 with the probability that the input gives, else 0. ONNX Bernoulli, opsets 15–28.
public struct Bernoulli: Operator {
  public static let name = "Bernoulli"
  public static let inputs: Arity = 1
  public static let isDeterministic = false
  public static let attributes: [AttributeField<Self>] = [
    .elementType("dtype", \.dtype), .optionalFloat("seed", \.seed),
  ]
  public var dtype: ElementType?
  public var seed: Float?
  public init() {}

  private func target(_ input: ElementType) throws(Diagnostic) -> ElementType {
    let type = dtype ?? input
    guard numberTypes.contains(type) || type == .bool else { throw .invalid("attribute 'dtype' is \(type.name)") }
    return type
  }

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, floatTypes)
    return [.tensor(try target(try context.element(0)), try context.shape(0))]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let x = try inputs.tensor(0, of: floatTypes)
    let type = try target(x.type)
    try context.checkSize(x.shape, type)
    var numbers = SeededNumbers(seed: seed)
    let draws = x.wide(Double.self).map { numbers.uniform() < $0 ? 1.0 : 0.0 }
    return [.tensor(Tensor(wide: draws, type, x.shape))]
  }
}

/// Classes drawn by unnormalized log-probabilities [N,C] → [N,sample_size]. ONNX Multinomial, opsets 7–28.
public struct Multinomial: Operator {
  public static let name = "Multinomial"
  public static let inputs: Arity = 1
  public static let isDeterministic = false
  public static let attributes: [AttributeField<Self>] = [
    .elementType("dtype", \.dtype), .int("sample_size", \.sampleSize, in: 0...Int(Int32.max)),
    .optionalFloat("seed", \.seed),
  ]
  public var dtype: ElementType? = .int32
  public var sampleSize = 1
  public var seed: Float?
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, floatTypes)
    try context.requireRank(0, 2...2)
    guard let dtype, dtype == .int32 || dtype == .int64 else {
      throw .invalid("attribute 'dtype' is no int32 or int64")
    }
    if try context.shape(0)?[1] == 0 { throw .invalid("there are no classes to draw from") }
    return [.tensor(dtype, [try context.shape(0)?[0] ?? .unknown, Dim(sampleSize)])]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let type = try checkedTypes(inputs, context)[0]
    let x = try inputs.tensor(0)
    var numbers = SeededNumbers(seed: seed)
    var draws: [Int64] = []
    for row in forEachGroup(x.wide(Double.self), x.shape, [1], { Softmax().apply($0) }) {
      for _ in 0..<sampleSize {
        let target = numbers.uniform()
        var sum = 0.0
        let drawn = row.firstIndex { probability in
          sum += probability
          return target < sum
        }
        draws.append(Int64(drawn ?? row.count - 1))
      }
    }
    return [.tensor(Tensor(wide: draws, type.element, type.knownShape ?? []))]
  }
}

/// The input, or where training mode is on each element with probability `ratio` 0 and else divided by 1 − ratio.
/// data, ratio?, training mode? → output, mask?. ONNX Dropout, opsets 1–28.
public struct Dropout: Operator {
  public static let name = "Dropout"
  public static let inputs = Arity(1...3)
  public static let outputs = Arity(1...2)
  public static let isDeterministic = false
  public static let attributes: [AttributeField<Self>] = [.optionalInt("seed", \.seed)]
  public var seed: Int?
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, floatTypes + float8Types)
    if context.has(1) {
      try context.require(1, floatTypes + float8Types)
      try context.requireScalar(1, "the ratio")
    }
    if context.has(2) {
      try context.require(2, [.bool])
      try context.requireScalar(2, "the training mode")
    }
    let x = try context.tensor(0)
    return context.outputCount == 1 ? [.tensor(x)] : [.tensor(x), .tensor(.bool, x.shape)]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let x = try inputs.tensor(0, of: floatTypes + float8Types)
    try context.checkSize(x.shape, x.type)
    let ratio = inputs.optionalTensor(1) == nil ? 0.5 : try inputs.scalarNumber(1, "the ratio")
    let isTraining = inputs.optionalTensor(2) == nil ? false : try inputs.scalarNumber(2, "the training mode") != 0
    guard isTraining, ratio != 0 else {
      let mask = Tensor([Bool](repeating: true, count: x.count), shape: x.shape)
      return Array([.tensor(x), .tensor(mask)].prefix(context.outputCount))
    }
    guard ratio > 0, ratio < 1 else { throw .invalid("the ratio is \(ratio), accepted range is 0..<1") }
    var numbers = SeededNumbers(seed: seed.map { Float($0) })
    let mask = (0..<x.count).map { _ in numbers.uniform() >= ratio }
    let kept = zip(x.wide(Double.self), mask).map { $1 ? $0 / (1 - ratio) : 0 }
    let outputs: [Datum] = [.tensor(Tensor(wide: kept, x.type, x.shape)), .tensor(Tensor(mask, shape: x.shape))]
    return Array(outputs.prefix(context.outputCount))
  }
}
