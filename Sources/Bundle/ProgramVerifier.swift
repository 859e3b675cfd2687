/// Checks a program from a stranger: every index in its table, every value defined before it is used and written once,
/// types, ranks and weights in range, bodies that fit the steps that call them. Linear in the size of the program.
public struct ProgramVerifier {
  let program: Program
  let weightBytes: UInt64
  var analysis = ProgramAnalysis()
  /// Per slot: the highest expression that the dimensions of it and of what it aliases refer to.
  var highestDim: [Int32] = []

  /// Verifies a program and its bodies.
  /// - Parameter weightBytes: length of the weight section.
  public static func verify(_ program: Program, weightBytes: UInt64) throws(BundleError) -> ProgramAnalysis {
    try verify(program, weightBytes: weightBytes, depth: 0)
  }

  static func verify(_ program: Program, weightBytes: UInt64, depth: Int) throws(BundleError) -> ProgramAnalysis {
    guard depth <= ProgramLimits.depth else {
      throw .program("bodies are nested more than \(ProgramLimits.depth) deep")
    }
    guard program.steps.count < Int(Int32.max), program.slots.count < Int(Int32.max) else {
      throw .program("it has \(program.steps.count) steps and \(program.slots.count) slots, too many")
    }
    guard depth == 0 || !program.outputs.contains(where: { $0.isSqueezed }) else {
      throw .program("an output of a body is squeezed, which only outputs of the model can be")
    }
    var verifier = ProgramVerifier(program: program, weightBytes: weightBytes)
    for body in program.bodies {
      verifier.analysis.bodies.append(try verify(body, weightBytes: weightBytes, depth: depth + 1))
    }
    try verifier.run()
    return verifier.analysis
  }

  private mutating func run() throws(BundleError) {
    try checkSlots()
    try checkInputs()
    try defineOutputsOfSteps()
    try checkExpressions()
    try defineAliases()
    try checkDimensions()
    for index in program.steps.indices { try check(step: index) }
    try checkOutputs()
    try extendLeaves()
  }

  // MARK: Slots

  private mutating func checkSlots() throws(BundleError) {
    analysis.defined = [Int32](repeating: ProgramAnalysis.never, count: program.slots.count)
    analysis.lastUse = [Int32](repeating: ProgramAnalysis.start, count: program.slots.count)
    analysis.root.reserveCapacity(program.slots.count)
    highestDim.reserveCapacity(program.slots.count)
    for (index, slot) in program.slots.enumerated() {
      try check(slot, index)
      var highest: Int32 = -1
      for dim in slot.dims { highest = max(highest, dim) }
      if case .alias(let base) = slot.storage {
        analysis.root.append(analysis.root[Int(base)])
        highest = max(highest, highestDim[Int(base)])
      } else {
        analysis.root.append(Int32(index))
      }
      highestDim.append(highest)
    }
  }

  private mutating func check(_ slot: Slot, _ index: Int) throws(BundleError) {
    guard slot.dims.count <= ProgramLimits.rank else {
      throw .program("slot \(index) has rank \(slot.dims.count), at most \(ProgramLimits.rank) is allowed")
    }
    for dim in slot.dims {
      guard dim >= 0, dim < program.expressions.count else {
        throw .program("slot \(index) names expression \(dim) of \(program.expressions.count)")
      }
    }
    if slot.storage == .host { return }
    guard ElementType.width(slot.type) > 0 else {
      throw .program("slot \(index) is a tensor of \(ElementType.name(slot.type)), which tensors cannot have")
    }
    switch slot.storage {
    case .weights(let offset, let length):
      guard offset <= weightBytes, length <= weightBytes - offset else {
        throw .program("slot \(index) is at \(offset) + \(length) of \(weightBytes) bytes of weights")
      }
      guard offset % 64 == 0 else {
        throw .program("slot \(index) is at weight offset \(offset), not a multiple of 64")
      }
      analysis.defined[index] = ProgramAnalysis.start
    case .alias(let base): try checkAlias(slot, index, base)
    default: break
    }
    guard slot.type != ElementType.packed || isWeights(slot) && slot.dims.count == 1 else {
      throw .program("slot \(index) is packed but not weights of rank 1")
    }
  }

  private func isWeights(_ slot: Slot) -> Bool {
    if case .weights = slot.storage { return true }
    return false
  }

  private func checkAlias(_ slot: Slot, _ index: Int, _ base: Int32) throws(BundleError) {
    guard base >= 0, base < index else {
      throw .program("slot \(index) is an alias of slot \(base), which is not earlier")
    }
    let target = program.slots[Int(base)]
    guard target.storage != .host, target.type != ElementType.packed else {
      throw .program("slot \(index) is an alias of slot \(base), which holds no tensor")
    }
    guard ElementType.width(target.type) == ElementType.width(slot.type) else {
      throw .program(
        "slot \(index) of \(ElementType.name(slot.type)) is an alias of slot \(base) of "
          + ElementType.name(target.type)
      )
    }
  }

  private mutating func checkInputs() throws(BundleError) {
    for port in program.inputs {
      let slot = try port.slot.checked(program.slots.count, "input", "slot")
      guard !port.isSqueezed else {
        throw .program("input '\(printable(port.name))' is squeezed, which no input can be")
      }
      switch program.slots[slot].storage {
      case .input, .host: break
      default: throw .program("input '\(printable(port.name))' is slot \(slot), whose storage is not input")
      }
      guard analysis.defined[slot] == ProgramAnalysis.never else {
        throw .program("slot \(slot) is an input twice")
      }
      analysis.defined[slot] = ProgramAnalysis.start
    }
    for (index, slot) in program.slots.enumerated() where slot.storage == .input {
      guard analysis.defined[index] == ProgramAnalysis.start else {
        throw .program("slot \(index) belongs to no input")
      }
    }
  }

  private mutating func defineOutputsOfSteps() throws(BundleError) {
    for (index, step) in program.steps.enumerated() {
      for output in step.outputs where output != -1 {
        let slot = try output.checked(program.slots.count, "step \(index)", "slot")
        switch program.slots[slot].storage {
        case .arena, .dynamic, .host: break
        default: throw .program("step \(index) writes slot \(slot), which is an input, weights or an alias")
        }
        guard analysis.defined[slot] == ProgramAnalysis.never else {
          throw .program("step \(index) writes slot \(slot), which has a value already")
        }
        analysis.defined[slot] = Int32(index)
      }
    }
  }

  // MARK: Expressions

  private mutating func checkExpressions() throws(BundleError) {
    analysis.ready.reserveCapacity(program.expressions.count)
    for (index, expression) in program.expressions.enumerated() {
      analysis.ready.append(try ready(expression, index))
    }
  }

  private mutating func ready(_ expression: Expression, _ index: Int) throws(BundleError) -> Int32 {
    switch expression.kind {
    case .constant:
      guard expression.b == 0 else { throw .program("expression \(index) is a constant with a second operand") }
      return ProgramAnalysis.early
    case .inputDimension:
      guard expression.a >= 0, expression.a < program.inputs.count else {
        throw .program("expression \(index) names input \(expression.a) of \(program.inputs.count)")
      }
      let slot = program.slots[Int(program.inputs[Int(expression.a)].slot)]
      guard slot.storage == .input, expression.b >= 0, expression.b < slot.dims.count else {
        throw .program("expression \(index) names axis \(expression.b) of an input of rank \(slot.dims.count)")
      }
      return ProgramAnalysis.early
    case .element, .resultDimension: return try readyLeaf(expression, index)
    default:
      for operand in [expression.a, expression.b] {
        guard operand >= 0, operand < index else {
          throw .program("expression \(index) refers to expression \(operand), which is not earlier")
        }
      }
      return max(analysis.ready[Int(expression.a)], analysis.ready[Int(expression.b)])
    }
  }

  private mutating func readyLeaf(_ expression: Expression, _ index: Int) throws(BundleError) -> Int32 {
    guard expression.a >= 0, expression.a < program.slots.count else {
      throw .program("expression \(index) names slot \(expression.a) of \(program.slots.count)")
    }
    let number = Int(expression.a)
    let slot = program.slots[number]
    guard slot.storage != .host, expression.b >= 0 else {
      throw .program("expression \(index) reads \(expression.b) of slot \(number), which holds no such number")
    }
    if expression.kind == .element {
      guard slot.type == ElementType.int32 || slot.type == ElementType.int64 || slot.type == ElementType.bool else {
        throw .program(
          "expression \(index) reads an element of slot \(number), which is \(ElementType.name(slot.type))")
      }
    } else {
      guard expression.b < slot.dims.count else {
        throw .program("expression \(index) names axis \(expression.b) of slot \(number) of rank \(slot.dims.count)")
      }
    }
    if case .alias = slot.storage {
      guard highestDim[number] < index else {
        throw .program("expression \(index) reads slot \(number), whose dimensions are later expressions")
      }
      defineAlias(number)
    }
    guard analysis.defined[number] != ProgramAnalysis.never else {
      throw .program("expression \(index) reads slot \(number), which nothing defines")
    }
    return analysis.defined[number]
  }

  // MARK: Aliases

  /// An alias exists when what it names exists and its own dimensions are known.
  private mutating func defineAlias(_ index: Int) {
    var chain: [Int] = []
    var current = index
    while analysis.defined[current] == ProgramAnalysis.never, case .alias(let base) = program.slots[current].storage {
      chain.append(current)
      current = Int(base)
    }
    var time = analysis.defined[current]
    if time == ProgramAnalysis.never { return }
    for slot in chain.reversed() {
      for dim in program.slots[slot].dims { time = max(time, analysis.ready[Int(dim)]) }
      analysis.defined[slot] = time
    }
  }

  private mutating func defineAliases() throws(BundleError) {
    for (index, slot) in program.slots.enumerated() {
      guard case .alias = slot.storage else { continue }
      defineAlias(index)
    }
  }

  private func checkDimensions() throws(BundleError) {
    for (index, slot) in program.slots.enumerated() {
      switch slot.storage {
      case .input, .weights:
        guard analysis.isEarly(slot) else {
          throw .program("slot \(index) is an input or weights and its dimensions depend on data")
        }
      default: break
      }
    }
  }

  // MARK: Outputs and lifetimes

  private mutating func checkOutputs() throws(BundleError) {
    let end = Int32(program.steps.count)
    for port in program.outputs {
      let slot = try port.slot.checked(program.slots.count, "output", "slot")
      guard analysis.defined[slot] < end else {
        throw .program("output '\(printable(port.name))' is slot \(slot), which nothing defines")
      }
      guard program.slots[slot].type != ElementType.packed || program.slots[slot].storage == .host else {
        throw .program("output '\(printable(port.name))' is packed weights")
      }
      guard !port.isSqueezed || program.slots[slot].storage != .host else {
        throw .program("output '\(printable(port.name))' is squeezed but no tensor")
      }
      analysis.lastUse[Int(analysis.root[slot])] = end
    }
  }

  /// The memory behind an element that an expression reads through an alias must outlive the alias's definition.
  private mutating func extendLeaves() throws(BundleError) {
    for expression in program.expressions where expression.kind == .element {
      let root = Int(analysis.root[Int(expression.a)])
      if root != Int(expression.a) {
        analysis.lastUse[root] = max(analysis.lastUse[root], analysis.defined[Int(expression.a)] + 1)
      }
    }
  }
}

extension Int32 {
  /// This index, if it is inside a table of `count`.
  func checked(_ count: Int, _ who: String, _ what: String) throws(BundleError) -> Int {
    guard self >= 0, Int(self) < count else { throw .program("\(who) names \(what) \(self) of \(count)") }
    return Int(self)
  }
}
