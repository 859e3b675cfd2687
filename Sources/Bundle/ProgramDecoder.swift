/// Bounds of what a program may hold. Part of the format: a reader refuses more, a writer never makes more.
public enum ProgramLimits {
  public static let sectionBytes = 64 << 20
  public static let rank = 8
  /// Bodies inside bodies.
  public static let depth = 16
  public static let nameBytes = 64 << 10
  public static let attributes = 4096
  public static let tensorsPerStep = 1 << 17
  public static let ports = 1 << 16
}

/// Reads the bytes of a program section. What comes back is well-formed, not yet meaningful: `ProgramVerifier` decides.
public enum ProgramDecoder {
  public static func decode(_ bytes: UnsafeRawBufferPointer) throws(BundleError) -> Program {
    guard bytes.count <= ProgramLimits.sectionBytes else {
      throw .program("it has \(bytes.count) bytes, at most \(ProgramLimits.sectionBytes) are allowed")
    }
    var cursor = ByteCursor(bytes)
    let program = try program(&cursor, depth: 0)
    guard cursor.left == 0 else { throw .program("\(cursor.left) bytes follow its end") }
    return program
  }

  private static func program(_ cursor: inout ByteCursor, depth: Int) throws(BundleError) -> Program {
    guard depth <= ProgramLimits.depth else {
      throw .program("bodies are nested more than \(ProgramLimits.depth) deep")
    }
    var program = Program()
    let expressions = try cursor.count(minimum: 3, of: "expressions")
    program.expressions.reserveCapacity(expressions)
    for _ in 0..<expressions { program.expressions.append(try expression(&cursor)) }
    let slots = try cursor.count(minimum: 3, of: "slots")
    program.slots.reserveCapacity(slots)
    for _ in 0..<slots { program.slots.append(try slot(&cursor)) }
    let steps = try cursor.count(minimum: 7, of: "steps")
    program.steps.reserveCapacity(steps)
    for _ in 0..<steps { program.steps.append(try step(&cursor)) }
    program.inputs = try ports(&cursor)
    program.outputs = try ports(&cursor)
    let bodies = try cursor.count(minimum: 6, of: "bodies")
    for _ in 0..<bodies { program.bodies.append(try Self.program(&cursor, depth: depth + 1)) }
    return program
  }

  private static func expression(_ cursor: inout ByteCursor) throws(BundleError) -> Expression {
    let code = try cursor.byte()
    guard let kind = Expression.Kind(rawValue: code) else { throw .program("expression kind \(code) is not known") }
    let a = try cursor.signed()
    return Expression(kind, a, try cursor.signed())
  }

  private static func slot(_ cursor: inout ByteCursor) throws(BundleError) -> Slot {
    let type = try cursor.byte()
    let dims = try indices(&cursor, limit: ProgramLimits.rank, of: "dimensions")
    let tag = try cursor.byte()
    let storage: Slot.Storage
    switch tag {
    case 0: storage = .arena
    case 1:
      let offset = try cursor.unsigned()
      storage = .weights(offset: offset, length: try cursor.unsigned())
    case 2: storage = .input
    case 3: storage = .alias(of: try cursor.index())
    case 4: storage = .dynamic
    case 5: storage = .host
    default: throw .program("storage kind \(tag) is not known")
    }
    return Slot(type: type, dims: dims, storage: storage)
  }

  private static func step(_ cursor: inout ByteCursor) throws(BundleError) -> Step {
    let kind = try kind(&cursor)
    let inputs = try indices(&cursor, limit: ProgramLimits.tensorsPerStep, of: "inputs of a step")
    let outputs = try indices(&cursor, limit: ProgramLimits.tensorsPerStep, of: "outputs of a step")
    let count = try cursor.count(minimum: 2, limit: ProgramLimits.attributes, of: "attributes of a step")
    var attributes: [Step.Attribute] = []
    attributes.reserveCapacity(count)
    for _ in 0..<count { attributes.append(try attribute(&cursor)) }
    var step = Step(kind: kind, inputs: inputs, outputs: outputs, attributes: attributes)
    step.bodies = try indices(&cursor, limit: 2, of: "bodies of a step")
    step.inPlace = try cursor.index()
    step.name = try cursor.string(limit: ProgramLimits.nameBytes, of: "bytes of a name")
    return step
  }

  private static func kind(_ cursor: inout ByteCursor) throws(BundleError) -> Step.Kind {
    let tag = try cursor.byte()
    switch tag {
    case 0:
      let number = try cursor.unsigned()
      guard let operation = UInt16(exactly: number) else { throw .program("operation \(number) is not known") }
      return .kernel(operation)
    case 1: return .host(try cursor.string(limit: ProgramLimits.sectionBytes, of: "bytes of a host call"))
    case 2: return .conditional
    case 3: return .loop(carried: try cursor.index())
    case 4:
      let states = try cursor.index()
      return .scan(states: states, scanned: try cursor.index())
    default: throw .program("step kind \(tag) is not known")
    }
  }

  private static func attribute(_ cursor: inout ByteCursor) throws(BundleError) -> Step.Attribute {
    let tag = try cursor.byte()
    switch tag {
    case 0: return .dimension(try cursor.index())
    case 1: return .int(try cursor.signed())
    case 2: return .float(try cursor.double())
    default: throw .program("attribute kind \(tag) is not known")
    }
  }

  private static func indices(
    _ cursor: inout ByteCursor, limit: Int, of what: String
  ) throws(BundleError) -> [Int32] {
    let count = try cursor.count(minimum: 1, limit: limit, of: what)
    var result: [Int32] = []
    result.reserveCapacity(count)
    for _ in 0..<count { result.append(try cursor.index()) }
    return result
  }

  private static func ports(_ cursor: inout ByteCursor) throws(BundleError) -> [Port] {
    let count = try cursor.count(minimum: 2, limit: ProgramLimits.ports, of: "inputs or outputs")
    var result: [Port] = []
    result.reserveCapacity(count)
    for _ in 0..<count {
      let name = try cursor.string(limit: ProgramLimits.nameBytes, of: "bytes of a name")
      let slot = try cursor.index()
      result.append(Port(name: name, slot: slot < 0 ? ~slot : slot, isSqueezed: slot < 0))
    }
    return result
  }
}
