import Bundle
import Kernels
import Runtime
import Testing

/// Writes small programs by hand.
struct ProgramBuilder {
  var program = Program()
  /// The bytes behind the slots of `weight`.
  private(set) var weights: [UInt8] = []

  mutating func expression(_ kind: Expression.Kind, _ a: Int64, _ b: Int64 = 0) -> Int32 {
    program.expressions.append(Expression(kind, a, b))
    return Int32(program.expressions.count - 1)
  }

  mutating func constant(_ value: Int64) -> Int32 { expression(.constant, value) }
  mutating func constants(_ values: [Int64]) -> [Int32] {
    var result: [Int32] = []
    for value in values { result.append(constant(value)) }
    return result
  }

  mutating func slot(_ type: Int, _ dims: [Int32], _ storage: Slot.Storage = .arena) -> Int32 {
    program.slots.append(Slot(type: UInt8(type), dims: dims, storage: storage))
    return Int32(program.slots.count - 1)
  }

  /// A constant.
  mutating func weight<Element>(_ type: Int, _ dims: [Int64], _ elements: [Element]) -> Int32 {
    let offset = weights.count
    elements.withUnsafeBytes { weights += Array($0) }
    let length = weights.count - offset
    weights += [UInt8](repeating: 0, count: (64 - weights.count % 64) % 64)
    return slot(type, constants(dims), .weights(offset: UInt64(offset), length: UInt64(length)))
  }

  /// An input whose free dimensions (-1) are symbols of its own.
  mutating func input(_ name: String, _ type: Int, _ dims: [Int64]) -> Int32 {
    let number = Int64(program.inputs.count)
    var expressions: [Int32] = []
    program.inputs.append(Port(name: Array(name.utf8), slot: 0))
    for (axis, dim) in dims.enumerated() {
      expressions.append(dim < 0 ? expression(.inputDimension, number, Int64(axis)) : constant(dim))
    }
    let result = slot(type, expressions, .input)
    program.inputs[Int(number)].slot = result
    return result
  }

  mutating func output(_ name: String, _ slot: Int32) {
    program.outputs.append(Port(name: Array(name.utf8), slot: slot))
  }

  mutating func kernel(
    _ operation: Int, _ inputs: [Int32], _ outputs: [Int32], _ attributes: [Step.Attribute] = [], inPlace: Int32 = -1
  ) {
    var step = Step(
      kind: .kernel(UInt16(operation)), inputs: inputs, outputs: outputs, attributes: attributes,
      name: Array("n\(program.steps.count)".utf8))
    step.inPlace = inPlace
    program.steps.append(step)
  }

  mutating func step(
    _ kind: Step.Kind, _ inputs: [Int32], _ outputs: [Int32], _ bodies: [Int32] = [],
    _ attributes: [Step.Attribute] = []
  ) {
    var step = Step(kind: kind, inputs: inputs, outputs: outputs, attributes: attributes, name: Array("control".utf8))
    step.bodies = bodies
    program.steps.append(step)
  }

  /// a + b of 64-bit integers.
  mutating func add(_ a: Int32, _ b: Int32, _ result: Int32, inPlace: Int32 = -1) {
    kernel(KERF_OP_BINARY_INT, [a, b], [result], [.int(Int64(KERF_BINARY_ADD))], inPlace: inPlace)
  }
}

/// The bundle of a program.
func bundle(_ program: Program, weights: [UInt8] = []) throws -> [UInt8] {
  var writer = BundleWriter()
  writer.program = program
  writer.weights = ScatteredBytes(weights)
  return try writer.assemble()
}

func model(_ program: Program, weights: [UInt8] = [], provider: HostProvider? = nil, threads: Int = 1) throws -> Model {
  var options = ModelOptions()
  options.provider = provider
  options.threads = threads
  return try Model(bytes: bundle(program, weights: weights), options: options)
}

/// A tensor that owns its elements.
final class Tensor {
  let view: TensorView
  private let memory: UnsafeMutableRawBufferPointer

  init<Element>(_ type: Int, _ dims: [Int], _ elements: [Element]) {
    let count = max(1, elements.count * MemoryLayout<Element>.stride)
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 64)
    elements.withUnsafeBytes { buffer.copyMemory(from: $0) }
    memory = buffer
    view = TensorView(type: UInt8(type), dims: dims, data: memory.baseAddress)
  }
  deinit { memory.deallocate() }

  static func int64(_ dims: [Int], _ elements: [Int64]) -> Tensor { Tensor(KERF_I64, dims, elements) }
  static func bool(_ value: Bool) -> Tensor { Tensor(KERF_BOOL, [], [value]) }
}

extension Context {
  func run(_ tensors: [Tensor]) throws { try run(tensors.map { $0.view }) }

  /// Runs and gives the error's text.
  func refusal(_ tensors: [Tensor]) -> String {
    do throws(RuntimeError) {
      try run(tensors.map { $0.view })
      return "no error"
    } catch { return error.description }
  }

  func values<Element>(_ index: Int, as type: Element.Type = Int64.self) -> [Element] {
    guard let view = tensor(index) else { return [] }
    return Array(view.bytes.bindMemory(to: type))
  }

  func dims(_ index: Int) -> [Int] { tensor(index)?.dims ?? [-1] }
}
