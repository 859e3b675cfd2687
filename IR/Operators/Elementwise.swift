/// Element types the element-by-element operators of ONNX accept, in the groups their schemas use.
public let floatTypes: [ElementType] = [.float32, .float64, .float16, .bfloat16]
let float8Types: [ElementType] = [.float8e4m3fn, .float8e4m3fnuz, .float8e5m2, .float8e5m2fnuz]
let signedTypes: [ElementType] = [.int8, .int16, .int32, .int64]
let unsignedTypes: [ElementType] = [.uint8, .uint16, .uint32, .uint64]
let integerTypes: [ElementType] = signedTypes + unsignedTypes
let numberTypes: [ElementType] = floatTypes + integerTypes
let wideNumberTypes: [ElementType] = floatTypes + [.int32, .int64, .uint32, .uint64]

/// What functions of one input share whose output has its type.
public protocol UnaryOperator: ElementwiseOperator {
  static var elementTypes: [ElementType] { get }
}

extension UnaryOperator {
  public static var inputs: Arity { 1 }

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, Self.elementTypes)
    return [.tensor(try context.tensor(0))]
  }
}

/// What float functions of one input share: the function is computed in double and rounded once.
public protocol UnaryFloatOperator: UnaryOperator {
  func apply(_ x: Double) -> Double
}

extension UnaryFloatOperator {
  public static var elementTypes: [ElementType] { floatTypes }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let x = try inputs.tensor(0, of: Self.elementTypes)
    try context.checkSize(x.shape, x.type)
    return [.tensor(Tensor(wide: x.wide(Double.self).map { apply($0) }, x.type, x.shape))]
  }
}

extension UnaryFloatOperator where Self: ActivationOperator {
  public func apply(_ x: Double) -> Double { asActivation?.apply(x) ?? x }
}

// MARK: Broadcasting

/// The results of a function of two operands, broadcast by numpy's rule to `shape`.
func broadcastMap<A, B, R>(
  _ a: [A], _ aShape: [Int], _ b: [B], _ bShape: [Int], to shape: [Int], _ body: (A, B) -> R
) -> [R] {
  if aShape == shape && bShape == shape { return zip(a, b).map { body($0, $1) } }
  if bShape.allSatisfy({ $0 == 1 }) && aShape == shape { return a.map { body($0, b[0]) } }
  if aShape.allSatisfy({ $0 == 1 }) && bShape == shape { return b.map { body(a[0], $0) } }
  var results: [R] = []
  results.reserveCapacity(Tensor.elementCount(of: shape) ?? 0)
  forEachOffset(shape, [broadcastStrides(aShape, to: shape), broadcastStrides(bShape, to: shape)]) {
    results.append(body(a[$0[0]], b[$0[1]]))
  }
  return results
}

/// Broadcast elements of one operand.
func broadcastElements<A>(_ a: [A], _ aShape: [Int], to shape: [Int]) -> [A] {
  if aShape == shape { return a }
  var results: [A] = []
  results.reserveCapacity(Tensor.elementCount(of: shape) ?? 0)
  forEachOffset(shape, [broadcastStrides(aShape, to: shape)]) { results.append(a[$0[0]]) }
  return results
}

extension InferenceContext {
  /// The element type and broadcast shape of these inputs, which must be tensors of one type among `types`.
  func broadcastType(_ indices: Range<Int>, _ types: [ElementType]) throws(Diagnostic) -> TensorType {
    let element = try sameElement(indices)
    if let first = indices.first { try require(first, types) }
    return TensorType(element, try broadcastShape(indices))
  }

  func broadcastShape(_ indices: Range<Int>) throws(Diagnostic) -> Shape? {
    var shape: Shape? = []
    for index in indices { shape = try IR.broadcast(shape, try self.shape(index)) }
    return shape
  }

  /// Throws unless the input is a tensor of that rank (or of unknown rank).
  func requireRank(_ index: Int, _ rank: Int, _ what: String) throws(Diagnostic) {
    if let actual = try tensor(index).rank, actual != rank {
      throw .invalid("\(what) (input \(index)) has rank \(actual), expected \(rank)")
    }
  }

  /// Throws unless the input holds one element: rank 0, or rank 1 of one element.
  func requireScalar(_ index: Int, _ what: String) throws(Diagnostic) {
    guard let shape = try tensor(index).shape else { return }
    if shape.count > 1 || shape.first.map({ $0.isEqual(to: 1) == false }) ?? false {
      throw .invalid("\(what) (input \(index)) has shape \(describe(shape)), expected one element")
    }
  }
}

extension [Datum?] {
  /// The tensor at an input; throws unless it is one of these element types.
  func tensor(_ index: Int, of types: [ElementType]) throws(Diagnostic) -> Tensor {
    let tensor = try tensor(index)
    guard types.contains(tensor.type) else {
      throw .invalid(
        "input \(index) has element type \(tensor.type.name), accepted are \(types.map(\.name).joined(separator: ", "))"
      )
    }
    return tensor
  }

  /// The one element of an integer input.
  func scalarInteger(_ index: Int, _ what: String) throws(Diagnostic) -> Int {
    let tensor = try tensor(index)
    guard tensor.count == 1, tensor.type.isInteger else {
      throw .invalid("\(what) (input \(index)) is \(tensor.tensorType), expected one integer")
    }
    return tensor.integers[0]
  }

  /// The one element of a number input.
  func scalarNumber(_ index: Int, _ what: String) throws(Diagnostic) -> Double {
    let tensor = try tensor(index)
    guard tensor.count == 1, tensor.type != .string, tensor.type.arithmetic != .complex else {
      throw .invalid("\(what) (input \(index)) is \(tensor.tensorType), expected one number")
    }
    return tensor.wide(Double.self)[0]
  }
}

/// Two tensors of one type, broadcast. Throws where they do not fit.
func checkedBroadcast(_ a: Tensor, _ b: Tensor, _ context: EvaluationContext) throws(Diagnostic) -> [Int] {
  guard a.type == b.type else { throw .invalid("operands have element types \(a.type.name) and \(b.type.name)") }
  let shape = try broadcast(a.shape, b.shape)
  try context.checkSize(shape, a.type)
  return shape
}

extension AttributeField where Op: Operator {
  /// A string that names one of the cases of an enumeration, and that a model must give.
  static func requiredChoice<E: RawRepresentable & CaseIterable & Equatable & Sendable>(
    _ name: String, _ path: FieldPath<Op, E>
  ) -> Self where E.RawValue == String {
    let field = Self.choice(name, path)
    return Self(
      name: name, get: { op in .string(Array(op[keyPath: path].rawValue.utf8)) }, set: field.set, isInternal: false,
      isRequired: true)
  }

  /// A float that a model must give.
  static func requiredFloat(_ name: String, _ path: FieldPath<Op, Float>) -> Self {
    let field = Self.float(name, path)
    return Self(
      name: name, get: { op in .float(op[keyPath: path]) }, set: field.set, isInternal: false, isRequired: true)
  }
}
