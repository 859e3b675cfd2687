extension OperatorCatalog {
  static let optionals: [any Operator.Type] = [OptionalOf.self, OptionalHasElement.self, OptionalGetElement.self]
}

/// An optional that holds its input, or nothing of the type that the attribute gives. ONNX Optional, opsets 15–28.
public struct OptionalOf: Operator {
  public static let name = "Optional"
  public static let inputs = Arity(0...1)
  public static let attributes: [AttributeField<Self>] = [.type("type", \.type)]
  public var type: ValueType?
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    guard let input = context.input(0) else {
      guard let type else { throw .invalid("has neither an input nor the attribute 'type'") }
      return [.optional(type)]
    }
    if let type, !type.isCompatible(with: input.type) {
      throw .invalid("input 0 is \(input.type), but attribute 'type' is \(type)")
    }
    return [.optional(input.type)]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let input = inputs.first ?? nil
    guard let element = input?.type ?? type else { throw .invalid("has neither an input nor the attribute 'type'") }
    return [.optional(input, of: element)]
  }
}

/// Whether there is an element; true for what is no optional. ONNX OptionalHasElement, opsets 15–28.
public struct OptionalHasElement: Operator {
  public static let name = "OptionalHasElement"
  public static let inputs = Arity(0...1)
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] { [.tensor(.bool, [])] }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    switch inputs.first ?? nil {
    case nil, .optional(nil, of: _): [.tensor(Tensor(scalar: false))]
    default: [.tensor(Tensor(scalar: true))]
    }
  }
}

/// The element of an optional; what is no optional as it is. ONNX OptionalGetElement, opsets 15–28.
public struct OptionalGetElement: Operator {
  public static let name = "OptionalGetElement"
  public static let inputs: Arity = 1
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    guard let input = context.input(0) else { throw .invalid("input 0 is missing") }
    if case .optional(let element) = input.type { return [element] }
    return [input.type]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    switch inputs.first ?? nil {
    case nil, .optional(nil, of: _): throw .invalid("the optional is empty")
    case .optional(let element?, of: _): return [element]
    case let datum?: return [datum]
    }
  }
}
