import IR

extension PortDescription {
  /// Whether the model can run without a value for it.
  var isOptional: Bool {
    if case .optional = valueType { true } else { false }
  }

  /// What it is when nothing is given: an empty optional, or nil where a value is needed.
  var absentValue: Datum? {
    if case .optional(let inner) = valueType { .optional(nil, of: inner) } else { nil }
  }

  /// Whether a shape fits: free dimensions take any size.
  public func accepts(_ shape: [Int]) -> Bool {
    guard let expected = valueType.tensor?.shape else { return true }
    return shape.count == expected.count && zip(shape, expected).allSatisfy { $1.value == nil || $0 == $1.value }
  }

  /// A tensor from a file as a value of this input. Types NumPy lacks are narrowed from the type Kerf writes them as,
  /// where that changes no value.
  /// - Throws: `KerfError` with what was given and what is expected.
  func accept(_ tensor: Tensor, from origin: String) throws -> Datum {
    var type = valueType
    if case .optional(let inner) = type { type = inner }
    guard let expected = type.tensor else {
      throw KerfError(
        "input '\(printable(name))' expects \(self.type), '\(printable(origin))' holds a tensor",
        notes: ["give it as a .pb file"])
    }
    guard let fitting = narrowed(tensor, to: expected.element) else {
      throw mismatch(tensor, origin, "save it as \(NumpyHeader.numpyName(expected.element))")
    }
    guard accepts(fitting.shape) || isOptional else {
      throw mismatch(tensor, origin, "the array needs \(describe(expected.shape ?? [])) as its shape")
    }
    return isOptional ? .optional(.tensor(fitting), of: type) : .tensor(fitting)
  }

  private func mismatch(_ tensor: Tensor, _ origin: String, _ advice: String) -> KerfError {
    KerfError(
      "input '\(printable(name))' expects \(printable(type)), but '\(printable(origin))' holds \(tensor.tensorType)",
      notes: [advice])
  }

  /// The tensor with that element type: itself, or an exact conversion to a type that NumPy has no name for.
  private func narrowed(_ tensor: Tensor, to element: ElementType) -> Tensor? {
    if tensor.type == element { return tensor }
    switch (tensor.type, element) {
    case (.float32, .bfloat16), (.float32, .float8e4m3fn), (.float32, .float8e4m3fnuz), (.float32, .float8e5m2),
      (.float32, .float8e5m2fnuz), (.float32, .float8e8m0), (.float32, .float4e2m1):
      let values = tensor.wide(Float.self)
      let result = Tensor(wide: values, element, tensor.shape)
      return zip(result.wide(Float.self), values).allSatisfy { $0 == $1 || ($0.isNaN && $1.isNaN) } ? result : nil
    case (.int8, .int4), (.int8, .int2), (.uint8, .uint4), (.uint8, .uint2):
      let values = tensor.wide(Int64.self)
      let result = Tensor(wide: values, element, tensor.shape)
      return result.wide(Int64.self) == values ? result : nil
    default: return nil
    }
  }
}

extension NumpyHeader {
  /// What NumPy calls the type that holds these elements in a file.
  static func numpyName(_ type: ElementType) -> String {
    switch type {
    case .float32: "float32"
    case .float64: "float64"
    case .float16: "float16"
    case .uint8: "uint8"
    case .uint16: "uint16"
    case .uint32: "uint32"
    case .uint64: "uint64"
    case .int8: "int8"
    case .int16: "int16"
    case .int32: "int32"
    case .int64: "int64"
    case .bool: "bool"
    case .string: "str"
    case .complex64: "complex64"
    case .complex128: "complex128"
    case .uint4, .uint2: "uint8 with values that fit \(type.name)"
    case .int4, .int2: "int8 with values that fit \(type.name)"
    default: "float32 with values that \(type.name) represents exactly"
    }
  }
}
