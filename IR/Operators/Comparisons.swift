extension OperatorCatalog {
  static let comparisons: [any Operator.Type] = [
    Equal.self, Less.self, LessOrEqual.self, Greater.self, GreaterOrEqual.self, And.self, Or.self, Xor.self,
    BitwiseAnd.self, BitwiseOr.self, BitwiseXor.self, BitShift.self, Where.self,
  ]
}

/// What comparisons of two broadcast operands of one type share. With NaN every comparison is false.
public protocol ComparisonOperator: ElementwiseOperator {
  static var elementTypes: [ElementType] { get }
  func holds<T: Comparable>(_ a: T, _ b: T) -> Bool
  /// The same on dimensions; nil where nothing can be said.
  func holds(_ a: Dim, _ b: Dim) -> Bool?
}

extension ComparisonOperator {
  public static var inputs: Arity { 2 }
  public static var elementTypes: [ElementType] { numberTypes }

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    [.tensor(.bool, try context.broadcastType(0..<2, Self.elementTypes).shape)]
  }

  public func inferContents(_ context: InferenceContext) -> [[Dim]?] {
    context.elementwiseContents(.bool, 0..<2) { operands in
      holds(operands[0], operands[1]).map { $0 ? 1 : 0 }
    }
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let (a, b) = (try inputs.tensor(0, of: Self.elementTypes), try inputs.tensor(1))
    let shape = try checkedBroadcast(a, b, context)
    func compare<T: Comparable>(_ x: [T], _ y: [T]) -> [Datum] {
      [.tensor(Tensor(broadcastMap(x, a.shape, y, b.shape, to: shape) { holds($0, $1) }, shape: shape))]
    }
    switch a.type.arithmetic {
    case .signed: return compare(a.wide(Int64.self), b.wide(Int64.self))
    case .unsigned, .bool: return compare(a.wide(UInt64.self), b.wide(UInt64.self))
    case .string: return compare(a.strings.map { Name($0) }, b.strings.map { Name($0) })
    default: return compare(a.wide(Double.self), b.wide(Double.self))
    }
  }
}

/// a = b; strings are compared as bytes. ONNX Equal, opsets 1–28.
public struct Equal: ComparisonOperator {
  public static let name = "Equal"
  public static let elementTypes = numberTypes + [.bool, .string]
  public init() {}
  public func holds<T: Comparable>(_ a: T, _ b: T) -> Bool { a == b }
  public func holds(_ a: Dim, _ b: Dim) -> Bool? { a.provenEqual(b) }
}

/// a < b. ONNX Less, opsets 1–28.
public struct Less: ComparisonOperator {
  public static let name = "Less"
  public init() {}
  public func holds<T: Comparable>(_ a: T, _ b: T) -> Bool { a < b }
  public func holds(_ a: Dim, _ b: Dim) -> Bool? { a.provenLess(b) }
}

/// a ≤ b. ONNX LessOrEqual, opsets 12–28.
public struct LessOrEqual: ComparisonOperator {
  public static let name = "LessOrEqual"
  public init() {}
  public func holds<T: Comparable>(_ a: T, _ b: T) -> Bool { a <= b }
  public func holds(_ a: Dim, _ b: Dim) -> Bool? { b.provenLess(a).map { !$0 } }
}

/// a > b. ONNX Greater, opsets 1–28.
public struct Greater: ComparisonOperator {
  public static let name = "Greater"
  public init() {}
  public func holds<T: Comparable>(_ a: T, _ b: T) -> Bool { a > b }
  public func holds(_ a: Dim, _ b: Dim) -> Bool? { b.provenLess(a) }
}

/// a ≥ b. ONNX GreaterOrEqual, opsets 12–28.
public struct GreaterOrEqual: ComparisonOperator {
  public static let name = "GreaterOrEqual"
  public init() {}
  public func holds<T: Comparable>(_ a: T, _ b: T) -> Bool { a >= b }
  public func holds(_ a: Dim, _ b: Dim) -> Bool? { a.provenLess(b).map { !$0 } }
}

/// What functions of the bits of two broadcast operands of one type share.
public protocol BitOperator: ElementwiseOperator {
  static var elementTypes: [ElementType] { get }
  func apply(_ a: UInt64, _ b: UInt64) -> UInt64
}

extension BitOperator {
  public static var inputs: Arity { 2 }

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    [.tensor(try context.broadcastType(0..<2, Self.elementTypes))]
  }

  public func inferContents(_ context: InferenceContext) -> [[Dim]?] {
    context.elementwiseContents(nil, 0..<2) { operands in
      guard let a = operands[0].value, let b = operands[1].value else { return nil }
      return Dim(Int(truncatingIfNeeded: apply(UInt64(truncatingIfNeeded: a), UInt64(truncatingIfNeeded: b))))
    }
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let (a, b) = (try inputs.tensor(0, of: Self.elementTypes), try inputs.tensor(1))
    let shape = try checkedBroadcast(a, b, context)
    let values = broadcastMap(a.wide(UInt64.self), a.shape, b.wide(UInt64.self), b.shape, to: shape) { apply($0, $1) }
    return [.tensor(Tensor(wide: values, a.type, shape))]
  }
}

/// Logical conjunction. ONNX And, opsets 1–28.
public struct And: BitOperator {
  public static let name = "And"
  public static let elementTypes: [ElementType] = [.bool]
  public init() {}
  public func apply(_ a: UInt64, _ b: UInt64) -> UInt64 { a & b }
}

/// Logical disjunction. ONNX Or, opsets 1–28.
public struct Or: BitOperator {
  public static let name = "Or"
  public static let elementTypes: [ElementType] = [.bool]
  public init() {}
  public func apply(_ a: UInt64, _ b: UInt64) -> UInt64 { a | b }
}

/// Logical exclusive disjunction. ONNX Xor, opsets 1–28.
public struct Xor: BitOperator {
  public static let name = "Xor"
  public static let elementTypes: [ElementType] = [.bool]
  public init() {}
  public func apply(_ a: UInt64, _ b: UInt64) -> UInt64 { a ^ b }
}

/// Bits set in both. ONNX BitwiseAnd, opsets 18–28.
public struct BitwiseAnd: BitOperator {
  public static let name = "BitwiseAnd"
  public static let elementTypes = integerTypes
  public init() {}
  public func apply(_ a: UInt64, _ b: UInt64) -> UInt64 { a & b }
}

/// Bits set in either. ONNX BitwiseOr, opsets 18–28.
public struct BitwiseOr: BitOperator {
  public static let name = "BitwiseOr"
  public static let elementTypes = integerTypes
  public init() {}
  public func apply(_ a: UInt64, _ b: UInt64) -> UInt64 { a | b }
}

/// Bits set in one only. ONNX BitwiseXor, opsets 18–28.
public struct BitwiseXor: BitOperator {
  public static let name = "BitwiseXor"
  public static let elementTypes = integerTypes
  public init() {}
  public func apply(_ a: UInt64, _ b: UInt64) -> UInt64 { a ^ b }
}

/// x shifted by y bits; right shifts of signed integers extend the sign, amounts outside the width (negative ones too)
/// leave only that. ONNX BitShift, opsets 11–28.
public struct BitShift: ElementwiseOperator {
  public enum Direction: String, CaseIterable, Sendable {
    case left = "LEFT"
    case right = "RIGHT"
  }
  public static let name = "BitShift"
  public static let inputs: Arity = 2
  public static let attributes: [AttributeField<Self>] = [.requiredChoice("direction", \.direction)]
  public var direction = Direction.left
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    [.tensor(try context.broadcastType(0..<2, integerTypes))]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let (x, y) = (try inputs.tensor(0, of: integerTypes), try inputs.tensor(1))
    let shape = try checkedBroadcast(x, y, context)
    let width = x.type.bitWidth
    let left = direction == .left
    // Swift's shifts give just that for amounts beyond the width of the number they work on.
    if x.type.arithmetic == .signed {
      let values = broadcastMap(x.wide(Int64.self), x.shape, y.wide(Int64.self), y.shape, to: shape) { a, b in
        let amount = b < 0 || b >= width ? 64 : b
        return left ? a << amount : a >> amount
      }
      return [.tensor(Tensor(wide: values, x.type, shape))]
    }
    let values = broadcastMap(x.wide(UInt64.self), x.shape, y.wide(UInt64.self), y.shape, to: shape) { a, b in
      let amount = b >= width ? 64 : b
      return left ? a << amount : a >> amount
    }
    return [.tensor(Tensor(wide: values, x.type, shape))]
  }
}

/// a where the condition holds, else b; all three broadcast. ONNX Where, opsets 9–28.
public struct Where: ElementwiseOperator {
  public static let name = "Where"
  public static let inputs: Arity = 3
  static let elementTypes = numberTypes + [.bool, .string, .complex64, .complex128]
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, [.bool])
    try context.require(1, Self.elementTypes)
    return [.tensor(try context.sameElement(1..<3), try context.broadcastShape(0..<3))]
  }

  public func inferContents(_ context: InferenceContext) -> [[Dim]?] {
    context.elementwiseContents(context.input(1)?.type.tensor?.element, 0..<3) { operands in
      if operands[1] == operands[2] { return operands[1] }
      return operands[0].value.map { $0 != 0 ? operands[1] : operands[2] }
    }
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let (condition, a, b) = (try inputs.tensor(0), try inputs.tensor(1), try inputs.tensor(2))
    guard condition.type == .bool, a.type == b.type, a.type == .string || a.type.bitWidth >= 8 else {
      throw .invalid("operands are \(condition.tensorType), \(a.tensorType) and \(b.tensorType)")
    }
    let shape = try broadcast(try broadcast(condition.shape, a.shape), b.shape)
    try context.checkSize(shape, a.type)
    let strides = [condition, a, b].map { broadcastStrides($0.shape, to: shape) }
    if a.type == .string {
      var strings: [[UInt8]] = []
      forEachOffset(shape, strides) { at in
        strings.append(condition.bytes[at[0]] != 0 ? a.strings[at[1]] : b.strings[at[2]])
      }
      return [.tensor(Tensor(strings: strings, shape: shape))]
    }
    let width = a.type.bitWidth / 8
    let count = Tensor.elementCount(of: shape) ?? 0
    let storage = TensorStorage(byteCount: count * width) { output in
      var position = 0
      forEachOffset(shape, strides) { at in
        let (source, offset) = condition.bytes[at[0]] != 0 ? (a.bytes, at[1] * width) : (b.bytes, at[2] * width)
        for i in 0..<width { output[position + i] = source[offset + i] }
        position += width
      }
    }
    return [.tensor(Tensor(unchecked: a.type, shape, storage: storage))]
  }
}
