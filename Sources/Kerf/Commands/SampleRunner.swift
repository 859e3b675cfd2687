import IR

/// Runs a model on samples, one after another, and stacks each output along a new first axis.
public struct SampleRunner {
  /// Feeds an output back as the next sample's input.
  public struct Carry: Equatable, Sendable {
    public var output: Int
    public var input: Int
  }

  private let session: Session
  private let carries: [Carry]
  /// The input a carry starts with.
  private var state: [Int: Datum] = [:]

  /// - Parameters:
  ///   - session: the model.
  ///   - texts: `OUTPUT=INPUT` by name, for each output that is fed back.
  ///   - constants: values given for all samples; for a carried input, its first value. Without one it starts as zeros.
  public init(_ session: Session, carries texts: [String], constants: [Datum?]) throws {
    self.session = session
    carries = try texts.map { try SampleRunner.carry($0, session) }
    for carry in carries {
      state[carry.input] = try constants[carry.input] ?? SampleRunner.zeros(session.inputs[carry.input])
    }
  }

  /// Inputs that carries feed.
  public static func carriedInputs(_ texts: [String], _ session: Session) throws -> Set<Int> {
    var inputs: Set<Int> = []
    for text in texts {
      let carry = try carry(text, session)
      guard inputs.insert(carry.input).inserted else {
        throw KerfError("--carry feeds input '\(printable(session.inputs[carry.input].name))' twice")
      }
    }
    return inputs
  }

  static func carry(_ text: String, _ session: Session) throws -> Carry {
    let bytes = Array(text.utf8)
    for (output, from) in session.outputs.enumerated() where bytes.starts(with: from.nameBytes + [UInt8(ascii: "=")]) {
      let rest = Array(bytes.dropFirst(from.nameBytes.count + 1))
      if let input = session.inputs.firstIndex(where: { $0.nameBytes == rest }) {
        return Carry(output: output, input: input)
      }
    }
    throw KerfError(
      "--carry '\(printable(text))' is not OUTPUT=INPUT with names of this model",
      notes: [
        "its outputs are \(InputFiles.list(session.outputs))", "its inputs are \(InputFiles.list(session.inputs))",
      ])
  }

  static func zeros(_ port: PortDescription) throws -> Datum {
    guard let type = port.valueType.tensor else {
      throw KerfError("input '\(printable(port.name))' is a \(port.type): give its first value with --inputs")
    }
    let shape = port.smallestShape
    guard let count = Tensor.elementCount(of: shape), let bytes = type.element.byteCount(of: count), bytes <= 1 << 32
    else {
      throw KerfError("input '\(printable(port.name))' (\(port.type)) is too large to start as zeros")
    }
    if type.element == .string { return .tensor(Tensor(strings: Array(repeating: [], count: count), shape: shape)) }
    let storage = TensorStorage(byteCount: bytes) { _ in }
    guard let tensor = Tensor(type.element, shape, storage: storage) else {
      throw KerfError("input '\(printable(port.name))' (\(port.type)) cannot start as zeros")
    }
    return .tensor(tensor)
  }

  /// Runs one sample with the carried values in place, and keeps what it gives for the next.
  public mutating func run(_ values: [Datum?]) throws -> [Datum] {
    var values = values
    for (input, value) in state { values[input] = value }
    let outputs = try session.run(values)
    for carry in carries { state[carry.input] = outputs[carry.output] }
    return outputs
  }

  /// Runs all samples in order; gives each output stacked. Where samples got a leading axis, an output's own leading axis
  /// of 1 is dropped.
  public mutating func runAll(_ samples: SampleFiles, progress: ((Int) -> Void)? = nil) throws -> [Datum] {
    guard samples.set.count > 0 else { throw KerfError("there are no samples") }
    var stacks = session.outputs.map { OutputStack($0.name, dropsAxis: samples.addsAxis) }
    for index in 0..<samples.set.count {
      let outputs: [Datum]
      do {
        outputs = try run(try samples.set.load(index))
      } catch let error as KerfError {
        throw KerfError("sample \(index): \(error.message)", notes: error.notes)
      }
      for (position, output) in outputs.enumerated() { try stacks[position].append(output, index) }
      progress?(index + 1)
    }
    return try stacks.map { .tensor(try $0.tensor()) }
  }
}

/// Outputs of one name, stacked along a new first axis.
struct OutputStack {
  private let name: String
  private let dropsAxis: Bool
  private var type = ElementType.float32
  private var shape: [Int] = []
  private var count = 0
  private var bytes: [UInt8] = []
  private var strings: [[UInt8]] = []

  init(_ name: String, dropsAxis: Bool) {
    self.name = name
    self.dropsAxis = dropsAxis
  }

  mutating func append(_ value: Datum, _ sample: Int) throws {
    guard let tensor = value.tensor, tensor.type == .string || tensor.type.bitWidth >= 8 else {
      throw KerfError("output '\(printable(name))' is a \(value.type), which cannot be stacked over samples")
    }
    var given = tensor.shape
    if dropsAxis, given.first == 1 { given.removeFirst() }
    if count == 0 {
      type = tensor.type
      shape = given
    }
    guard given == shape, tensor.type == type else {
      throw KerfError(
        "output '\(printable(name))' has shape \(describe(given)) for sample \(sample), \(describe(shape)) for sample 0",
        notes: ["outputs of different shapes cannot be stacked; run such samples one by one with --inputs"])
    }
    count += 1
    if type == .string { strings += tensor.strings } else { bytes.append(contentsOf: tensor.bytes) }
  }

  func tensor() throws -> Tensor {
    let full = [count] + shape
    if type == .string { return Tensor(strings: strings, shape: full) }
    let storage = bytes.withUnsafeBytes { source in
      TensorStorage(byteCount: source.count) { if source.count > 0 { $0.copyMemory(from: source) } }
    }
    guard let tensor = Tensor(type, full, storage: storage) else {
      throw KerfError("output '\(printable(name))' is too large when stacked: \(describe(full))")
    }
    return tensor
  }
}
