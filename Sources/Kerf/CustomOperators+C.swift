import CKerf
import Foundation
import IR

public typealias CustomOperator = IR.CustomOperator
public typealias CustomOperators = IR.CustomOperators
public typealias CustomTypes = IR.CustomTypes
public typealias CustomInputs = IR.CustomInputs
public typealias CustomAttributes = IR.CustomAttributes

extension CustomOperators {
  /// Registers every operator of a shared library written against `kerf_custom_operator.h`. The library stays loaded.
  /// Throws `KerfError` where it cannot be loaded, exports no table, or one of its operators is refused.
  public static func load(path: String) throws {
    // A name without a slash would be searched for in the system's folders.
    guard let library = dlopen(path.contains("/") ? path : "./" + path, RTLD_NOW | RTLD_LOCAL) else {
      throw KerfError("cannot load custom operators from '\(printable(path))': \(String(cString: dlerror()))")
    }
    guard let symbol = dlsym(library, "kerf_custom_operators") else {
      throw KerfError(
        "'\(printable(path))' exports no kerf_custom_operators",
        notes: ["it has to be built against kerf_custom_operator.h; see docs/custom-operators.md"])
    }
    guard let table = unsafeBitCast(symbol, to: kerf_custom_operators_fn.self)() else {
      throw KerfError("kerf_custom_operators of '\(printable(path))' returned nothing")
    }
    var index = 0
    while let entry = table[index] {
      do {
        try register(entry)
      } catch let error as KerfError {
        throw KerfError("'\(printable(path))': \(error.message)", notes: error.notes)
      }
      index += 1
    }
  }

  /// Registers an operator given by C functions; the table must stay where it is. Throws `KerfError` where its version is
  /// another one, a part is missing, or Kerf has the operator itself.
  public static func register(_ entry: UnsafePointer<kerf_custom_operator>) throws {
    guard entry.pointee.version == KERF_CUSTOM_OPERATOR_VERSION else {
      throw KerfError(
        "a custom operator is of version \(entry.pointee.version), this program takes \(KERF_CUSTOM_OPERATOR_VERSION)",
        notes: ["build its library again with the header of this version"])
    }
    guard let domain = entry.pointee.domain, let name = entry.pointee.name, let infer = entry.pointee.infer,
      let evaluate = entry.pointee.evaluate
    else { throw KerfError("a custom operator lacks its domain, name, infer or evaluate") }
    let functions = CFunctions(infer: infer, evaluate: evaluate)
    do throws(Diagnostic) {
      try register(
        CustomOperator(
          String(cString: name), domain: String(cString: domain), infer: { try functions.types($0) },
          evaluate: { try functions.values($0) }))
    } catch {
      throw KerfError(error)
    }
  }
}

/// Calls the two functions of a C operator.
private struct CFunctions: Sendable {
  typealias Function = @convention(c) (UnsafePointer<kerf_custom_call>?) -> Int32
  let infer: Function
  let evaluate: Function

  func types(_ types: CustomTypes) throws -> [TensorType] {
    var symbols = DimNumbers()
    let call = try CCall(types.attributes, outputs: types.outputCount)
    for (index, type) in types.inputs.enumerated() {
      try call.add(type, value: types.constants[index], &symbols)
    }
    try call.run(infer)
    return try call.outputs.map { try symbols.type($0) }
  }

  func values(_ inputs: CustomInputs) throws -> [Tensor] {
    var symbols = DimNumbers()
    let call = try CCall(inputs.attributes, outputs: inputs.outputCount)
    for tensor in inputs.inputs { try call.add(tensor?.tensorType, value: tensor, &symbols) }
    try call.run(infer)
    let types = try call.outputs.map { try symbols.type($0) }
    let storages = try types.map { type -> (shape: [Int], storage: TensorStorage, type: ElementType) in
      guard let shape = type.knownShape, let count = Tensor.elementCount(of: shape),
        let bytes = type.element.byteCount(of: count), bytes <= 1 << 34
      else { throw KerfError("its inference gave \(type) for an output when it was to be computed") }
      return (shape, TensorStorage(byteCount: bytes) { _ in }, type.element)
    }
    for (index, output) in storages.enumerated() { call.give(output.storage, to: index) }
    try call.run(evaluate)
    return try storages.map { output in
      guard let tensor = Tensor(output.type, output.shape, storage: output.storage) else {
        throw KerfError("an output does not fit its shape")
      }
      return tensor
    }
  }
}

/// Symbolic dimensions as the negative numbers that C sees.
private struct DimNumbers {
  private var dims: [Dim] = []

  mutating func number(_ dim: Dim) -> Int64 {
    if let value = dim.value { return Int64(value) }
    if dim.isUnknown { return -1 }
    if let index = dims.firstIndex(of: dim) { return -2 - Int64(index) }
    dims.append(dim)
    return -1 - Int64(dims.count)
  }

  /// What an inference wrote into an output.
  func type(_ tensor: kerf_custom_tensor) throws -> TensorType {
    guard let element = UInt8(exactly: tensor.type).flatMap(ElementType.init(rawValue:)), element != .string,
      element.bitWidth >= 8
    else { throw KerfError("its inference gave element type \(tensor.type) for an output") }
    guard (0...KERF_CUSTOM_MAX_RANK).contains(tensor.rank) else {
      throw KerfError("its inference gave rank \(tensor.rank) for an output")
    }
    let shape = try withUnsafeBytes(of: tensor.dims) { bytes in
      try bytes.bindMemory(to: Int64.self).prefix(Int(tensor.rank)).map { number -> Dim in
        if number >= 0 { return Dim(Int(number)) }
        if number == -1 { return .unknown }
        guard number >= -1 - Int64(dims.count) else {
          throw KerfError("its inference gave dimension \(number), which stands for no dimension of an input")
        }
        return dims[Int(-2 - number)]
      }
    }
    return TensorType(element, shape as Shape?)
  }
}

/// A call of one C function, with everything it points to.
private final class CCall {
  private var inputs: [kerf_custom_tensor] = []
  private var attributes: [kerf_custom_attribute] = []
  private(set) var outputs: [kerf_custom_tensor]
  /// Keeps the memory of inputs and attributes.
  private var kept: [Tensor] = []
  private var names: [UnsafeMutablePointer<CChar>] = []

  init(_ attributes: CustomAttributes, outputs: Int) throws {
    self.outputs = Array(repeating: kerf_custom_tensor(), count: outputs)
    for (name, value) in attributes.values {
      guard let text = strdup(name) else { throw KerfError("no memory for an attribute") }
      names.append(text)
      // A string is its bytes.
      let tensor = value.type == .string ? Tensor(value.strings.first ?? []) : value
      guard value.type != .string || value.count == 1 else {
        throw KerfError("attribute '\(name)' is a list of strings, which C operators do not get")
      }
      var symbols = DimNumbers()
      self.attributes.append(
        kerf_custom_attribute(name: text, value: try describe(tensor.tensorType, tensor, &symbols)))
    }
  }

  deinit { for name in names { free(name) } }

  func add(_ type: TensorType?, value: Tensor?, _ symbols: inout DimNumbers) throws {
    inputs.append(try type.map { try describe($0, value, &symbols) } ?? kerf_custom_tensor())
  }

  private func describe(_ type: TensorType, _ value: Tensor?, _ symbols: inout DimNumbers) throws -> kerf_custom_tensor
  {
    guard type.element != .string, type.element.bitWidth >= 8 else {
      throw KerfError("a value is \(type), which C operators do not get")
    }
    guard let shape = type.shape, shape.count <= Int(KERF_CUSTOM_MAX_RANK) else {
      throw KerfError("a value is \(type), C operators take ranks up to \(KERF_CUSTOM_MAX_RANK)")
    }
    var result = kerf_custom_tensor()
    result.type = Int32(type.element.rawValue)
    result.rank = Int32(shape.count)
    for (axis, dim) in shape.enumerated() {
      let number = symbols.number(dim)
      withUnsafeMutableBytes(of: &result.dims) { $0.bindMemory(to: Int64.self)[axis] = number }
    }
    if let value {
      kept.append(value)
      result.data = UnsafeMutableRawPointer(mutating: value.bytes.baseAddress)
      result.byte_count = value.bytes.count
    }
    return result
  }

  /// Lets an output's data be this memory, which is written once.
  func give(_ storage: TensorStorage, to output: Int) {
    outputs[output].data = UnsafeMutableRawPointer(mutating: storage.bytes.baseAddress)
    outputs[output].byte_count = storage.bytes.count
  }

  /// Throws the function's message where it does not return 0.
  func run(_ function: CFunctions.Function) throws {
    var message = [CChar](repeating: 0, count: 512)
    let code = inputs.withUnsafeBufferPointer { inputs in
      attributes.withUnsafeBufferPointer { attributes in
        outputs.withUnsafeMutableBufferPointer { outputs in
          message.withUnsafeMutableBufferPointer { message -> Int32 in
            var call = kerf_custom_call(
              input_count: inputs.count, inputs: inputs.baseAddress, attribute_count: attributes.count,
              attributes: attributes.baseAddress, output_count: outputs.count, outputs: outputs.baseAddress,
              message: message.baseAddress, message_size: message.count)
            return withExtendedLifetime(kept) { function(&call) }
          }
        }
      }
    }
    guard code != 0 else { return }
    message[message.count - 1] = 0
    let text = message.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "" }
    throw KerfError(text.isEmpty ? "it returned \(code)" : printable(text))
  }
}
