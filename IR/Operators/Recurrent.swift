extension OperatorCatalog {
  static let recurrent: [any Operator.Type] = [RNN.self, GRU.self, LSTM.self]
}

public enum RecurrentDirection: String, CaseIterable, Sendable {
  case forward, reverse, bidirectional

  public var count: Int { self == .bidirectional ? 2 : 1 }
}

/// Attributes that RNN, GRU and LSTM share.
public struct Recurrence: Hashable, Sendable {
  public var direction = RecurrentDirection.forward
  public var hiddenSize: Int?
  public var clip: Float?
  public var activations: [[UInt8]]?
  public var alphas: [Float]?
  public var betas: [Float]?
  /// false: time first; true: batch first.
  public var isBatchFirst = false

  public init() {}

  /// The activations of every direction; `defaults` are those of one. Values of alpha and beta are used up in order by
  /// the functions that have them.
  public func functions(_ defaults: [Activation.Function]) throws(Diagnostic) -> [[Activation]] {
    let names = activations ?? []
    let wanted = defaults.count * direction.count
    guard activations == nil || names.count == wanted else {
      throw .invalid("attribute 'activations' has \(names.count) elements, expected \(wanted)")
    }
    var restAlphas = (alphas ?? [])[...]
    var restBetas = (betas ?? [])[...]
    var all: [Activation] = []
    for index in 0..<wanted {
      guard activations != nil else {
        all.append(Activation(defaults[index % defaults.count]))
        continue
      }
      all.append(try Recurrence.activation(names[index], &restAlphas, &restBetas))
    }
    return (0..<direction.count).map { Array(all[$0 * defaults.count..<($0 + 1) * defaults.count]) }
  }

  /// Source: ONNX LSTM, "Notation"; defaults as of the operators of these names.
  private static func activation(
    _ name: [UInt8], _ alphas: inout ArraySlice<Float>, _ betas: inout ArraySlice<Float>
  ) throws(Diagnostic) -> Activation {
    switch Name(name).string.lowercased() {
    case "relu": return .relu
    case "tanh": return Activation(.tanh)
    case "sigmoid": return Activation(.sigmoid)
    case "softsign": return Activation(.softsign)
    case "softplus": return Activation(.softplus)
    case "affine": return Activation(.affine, alpha: alphas.popFirst() ?? 1, beta: betas.popFirst() ?? 0)
    case "leakyrelu": return Activation(.leakyRelu, alpha: alphas.popFirst() ?? 0.01)
    case "thresholdedrelu": return Activation(.thresholdedRelu, alpha: alphas.popFirst() ?? 1)
    case "hardsigmoid": return Activation(.hardSigmoid, alpha: alphas.popFirst() ?? 0.2, beta: betas.popFirst() ?? 0.5)
    case "elu": return Activation(.elu, alpha: alphas.popFirst() ?? 1)
    default: throw .unsupported("activation '\(Name(name))'")
    }
  }
}

/// What RNN, GRU and LSTM share. Inputs X[time,batch,in], W[dir,gates·hidden,in], R[dir,gates·hidden,hidden],
/// B[dir,2·gates·hidden]?, sequence_lens[batch]?, initial_h[dir,batch,hidden]?, more. Outputs Y[time,dir,batch,hidden],
/// Y_h[dir,batch,hidden], more. Batch first: X[batch,time,in], Y[batch,time,dir,hidden], Y_h[batch,dir,hidden].
public protocol RecurrentOperator: Operator {
  var recurrence: Recurrence { get set }
  static var gates: Int { get }
  static var defaultFunctions: [Activation.Function] { get }
}

extension RecurrentOperator {
  public static var inputs: Arity { Arity(3...6) }
  public static var outputs: Arity { Arity(1...2) }

  static var recurrentAttributes: [AttributeField<Self>] {
    [
      .choice("direction", \.recurrence.direction), .optionalInt("hidden_size", \.recurrence.hiddenSize, in: sizeRange),
      .optionalFloat("clip", \.recurrence.clip), .strings("activations", \.recurrence.activations),
      .floats("activation_alpha", \.recurrence.alphas), .floats("activation_beta", \.recurrence.betas),
      .flag("layout", \.recurrence.isBatchFirst),
    ]
  }

  /// The activations of every direction.
  public func functions() throws(Diagnostic) -> [[Activation]] { try recurrence.functions(Self.defaultFunctions) }

  /// Sizes as dimensions, unknown where nothing tells; checks every input against them.
  private func sizes(
    _ context: InferenceContext
  ) throws(Diagnostic) -> (time: Dim, batch: Dim, hidden: Dim) {
    try context.requireRank(0, 3...3)
    try context.requireRank(1, 3...3)
    try context.requireRank(2, 3...3)
    let x = try context.shape(0) ?? InferenceContext.unknown(3)
    let w = try context.shape(1) ?? InferenceContext.unknown(3)
    let r = try context.shape(2) ?? InferenceContext.unknown(3)
    var hidden = r[2]
    if let given = recurrence.hiddenSize {
      guard let same = unified(hidden, Dim(given)) else {
        throw .invalid("attribute 'hidden_size' is \(given), but R is \(describe(r))")
      }
      hidden = same
    }
    let (time, batch) = recurrence.isBatchFirst ? (x[1], x[0]) : (x[0], x[1])
    let directions = Dim(recurrence.direction.count)
    try check("W", w, [directions, hidden * Dim(Self.gates), x[2]])
    try check("R", r, [directions, hidden * Dim(Self.gates), hidden])
    if let b = try context.has(3) ? context.shape(3) : nil {
      try check("B", b, [directions, hidden * Dim(2 * Self.gates)])
    }
    if let lengths = try context.has(4) ? context.shape(4) : nil { try check("sequence_lens", lengths, [batch]) }
    if let steps = time.value { try context.checkConstantLengths(4, steps: steps) }
    for index in 5...6 {
      guard let state = try context.has(index) ? context.shape(index) : nil else { continue }
      let expected = recurrence.isBatchFirst ? [batch, directions, hidden] : [directions, batch, hidden]
      try check(index == 5 ? "initial_h" : "initial_c", state, expected)
    }
    if let p = try context.has(7) ? context.shape(7) : nil { try check("P", p, [directions, hidden * 3]) }
    return (time, batch, hidden)
  }

  private func check(_ name: String, _ shape: Shape, _ expected: Shape) throws(Diagnostic) {
    let fits =
      shape.count == expected.count
      && zip(shape, expected).allSatisfy {
        $0.isUnknown || !$1.symbols.allSatisfy { $0 != "?" } || $0.isEqual(to: $1) != false
      }
    guard fits else { throw .invalid("\(name) is \(describe(shape)), expected \(describe(expected))") }
  }

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, floatTypes)
    let element = try context.sameElement([0, 1, 2, 3, 5, 6, 7])
    if context.has(4) { try context.require(4, [.int32]) }
    _ = try functions()
    let (time, batch, hidden) = try sizes(context)
    let directions = Dim(recurrence.direction.count)
    let first = recurrence.isBatchFirst
    let state = ValueType.tensor(element, first ? [batch, directions, hidden] : [directions, batch, hidden])
    let all = ValueType.tensor(
      element, first ? [batch, time, directions, hidden] : [time, directions, batch, hidden])
    return Array([all, state, state].prefix(context.outputCount))
  }

  /// Runs `cell` over all directions, batch entries and steps; states after each step are in `h` (and `c`).
  func evaluate(
    _ inputs: [Datum?], _ context: EvaluationContext, cell: (inout RecurrentStep) -> Void
  ) throws(Diagnostic) -> [Datum] {
    for type in try resolvedTypes(inputs, context) {
      if let tensor = type.tensor, let shape = tensor.knownShape { try context.checkSize(shape, tensor.element) }
    }
    var run = try RecurrentRun(inputs, recurrence, gates: Self.gates)
    let functions = try functions()
    for direction in 0..<recurrence.direction.count {
      let isReverse = recurrence.direction == .reverse || direction == 1
      var step = run.step(direction, functions[direction], recurrence.clip)
      for batch in 0..<run.batch {
        run.load(&step, direction, batch)
        let length = try run.length(batch)
        for t in 0..<length {
          try context.checkDeadline()
          run.feed(&step, isReverse ? length - 1 - t : t, batch)
          cell(&step)
          run.store(step, isReverse ? length - 1 - t : t, direction, batch)
        }
        run.finish(step, direction, batch)
      }
    }
    return Array(run.outputs().prefix(context.outputCount))
  }
}

/// One step of one batch entry: what a cell reads and writes.
struct RecurrentStep {
  let hidden: Int
  let functions: [Activation]
  let clip: Double?
  /// R of this direction, [gates · hidden][hidden].
  let recurrentWeights: [Double]
  /// W·x + Wb, one number per gate and unit; and Rb.
  var fromInput: [Double] = []
  let recurrentBias: [Double]
  let peepholes: [Double]
  var h: [Double] = []
  var c: [Double] = []

  /// R·state + Rb for one unit of a gate.
  func recurrent(_ gate: Int, _ unit: Int, _ state: [Double]) -> Double {
    let row = (gate * hidden + unit) * hidden
    var sum = recurrentBias[gate * hidden + unit]
    for k in 0..<hidden { sum += recurrentWeights[row + k] * state[k] }
    return sum
  }

  func input(_ gate: Int, _ unit: Int) -> Double { fromInput[gate * hidden + unit] }

  /// An activation of the clipped number.
  func apply(_ function: Int, _ x: Double) -> Double {
    guard let clip else { return functions[function].apply(x) }
    return functions[function].apply(min(max(x, -clip), clip))
  }
}

/// Inputs and outputs of a whole run, time first throughout.
struct RecurrentRun {
  let time: Int
  let batch: Int
  private let type: ElementType
  private let inputSize: Int
  private let hidden: Int
  private let gates: Int
  private let directions: Int
  private let isBatchFirst: Bool
  private let x: [Double]
  private let w: [Double]
  private let r: [Double]
  private let b: [Double]
  private let p: [Double]
  private let lengths: [Int]?
  private var h: [Double]
  private var c: [Double]
  private var y: [Double]

  /// Shapes have been checked by inference.
  init(_ inputs: [Datum?], _ recurrence: Recurrence, gates: Int) throws(Diagnostic) {
    let x = try inputs.tensor(0)
    let w = try inputs.tensor(1)
    type = x.type
    isBatchFirst = recurrence.isBatchFirst
    (time, batch) = isBatchFirst ? (x.shape[1], x.shape[0]) : (x.shape[0], x.shape[1])
    inputSize = x.shape[2]
    hidden = try inputs.tensor(2).shape[2]
    self.gates = gates
    directions = recurrence.direction.count
    self.x = x.wide(Double.self)
    self.w = w.wide(Double.self)
    r = try inputs.tensor(2).wide(Double.self)
    b = inputs.optionalTensor(3)?.wide(Double.self) ?? Array(repeating: 0, count: directions * 2 * gates * hidden)
    p = inputs.optionalTensor(7)?.wide(Double.self) ?? Array(repeating: 0, count: directions * 3 * hidden)
    lengths = inputs.optionalTensor(4)?.integers
    let zeros = [Double](repeating: 0, count: directions * batch * hidden)
    h = inputs.optionalTensor(5)?.wide(Double.self) ?? zeros
    c = inputs.optionalTensor(6)?.wide(Double.self) ?? zeros
    y = Array(repeating: 0, count: time * directions * batch * hidden)
  }

  func length(_ entry: Int) throws(Diagnostic) -> Int {
    guard let lengths else { return time }
    guard lengths[entry] >= 0, lengths[entry] <= time else {
      throw .invalid("sequence length \(lengths[entry]) is out of range 0...\(time)")
    }
    return lengths[entry]
  }

  func step(_ direction: Int, _ functions: [Activation], _ clip: Float?) -> RecurrentStep {
    let rows = gates * hidden
    return RecurrentStep(
      hidden: hidden, functions: functions, clip: clip.map { Double($0) },
      recurrentWeights: Array(r[direction * rows * hidden..<(direction + 1) * rows * hidden]),
      recurrentBias: Array(b[(2 * direction + 1) * rows..<(2 * direction + 2) * rows]),
      peepholes: Array(p[direction * 3 * hidden..<(direction + 1) * 3 * hidden]))
  }

  private func stateOffset(_ direction: Int, _ entry: Int) -> Int {
    (isBatchFirst ? entry * directions + direction : direction * batch + entry) * hidden
  }

  mutating func load(_ step: inout RecurrentStep, _ direction: Int, _ entry: Int) {
    let offset = stateOffset(direction, entry)
    step.h = Array(h[offset..<offset + hidden])
    step.c = Array(c[offset..<offset + hidden])
    currentDirection = direction
  }

  private var currentDirection = 0

  /// W·x + Wb of a step.
  func feed(_ step: inout RecurrentStep, _ t: Int, _ entry: Int) {
    let rows = gates * hidden
    let from = (isBatchFirst ? entry * time + t : t * batch + entry) * inputSize
    let weights = currentDirection * rows * inputSize
    step.fromInput = (0..<rows).map { row in
      var sum = b[2 * currentDirection * rows + row]
      for k in 0..<inputSize { sum += w[weights + row * inputSize + k] * x[from + k] }
      return sum
    }
  }

  mutating func store(_ step: RecurrentStep, _ t: Int, _ direction: Int, _ entry: Int) {
    let to = isBatchFirst ? (entry * time + t) * directions + direction : (t * directions + direction) * batch + entry
    for k in 0..<hidden { y[to * hidden + k] = step.h[k] }
  }

  mutating func finish(_ step: RecurrentStep, _ direction: Int, _ entry: Int) {
    let offset = stateOffset(direction, entry)
    for k in 0..<hidden { (h[offset + k], c[offset + k]) = (step.h[k], step.c[k]) }
  }

  func outputs() -> [Datum] {
    let state = isBatchFirst ? [batch, directions, hidden] : [directions, batch, hidden]
    let all = isBatchFirst ? [batch, time, directions, hidden] : [time, directions, batch, hidden]
    return [
      .tensor(Tensor(wide: y, type, all)), .tensor(Tensor(wide: h, type, state)), .tensor(Tensor(wide: c, type, state)),
    ]
  }
}

/// h = f(W·x + R·h + b). ONNX RNN, opsets 1–22.
public struct RNN: RecurrentOperator {
  public static let name = "RNN"
  public static let gates = 1
  public static let defaultFunctions: [Activation.Function] = [.tanh]
  public static let attributes: [AttributeField<Self>] = recurrentAttributes
  public var recurrence = Recurrence()
  public init() {}

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    try evaluate(inputs, context) { step in
      step.h = (0..<step.hidden).map { step.apply(0, step.input(0, $0) + step.recurrent(0, $0, step.h)) }
    }
  }
}

/// Gates z, r, h. h′ = (1 − z) ⊙ g(…) + z ⊙ h. ONNX GRU, opsets 1–22.
public struct GRU: RecurrentOperator {
  public static let name = "GRU"
  public static let gates = 3
  public static let defaultFunctions: [Activation.Function] = [.sigmoid, .tanh]
  public static let attributes: [AttributeField<Self>] =
    recurrentAttributes + [.flag("linear_before_reset", \.isLinearBeforeReset)]
  public var recurrence = Recurrence()
  /// r ⊙ (R·h + Rb) instead of R·(r ⊙ h) + Rb.
  public var isLinearBeforeReset = false
  public init() {}

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    try evaluate(inputs, context) { step in
      let units = 0..<step.hidden
      let z = units.map { step.apply(0, step.input(0, $0) + step.recurrent(0, $0, step.h)) }
      let r = units.map { step.apply(0, step.input(1, $0) + step.recurrent(1, $0, step.h)) }
      let reset = zip(r, step.h).map { $0 * $1 }
      let candidate = units.map { unit in
        let state = isLinearBeforeReset ? r[unit] * step.recurrent(2, unit, step.h) : step.recurrent(2, unit, reset)
        return step.apply(1, step.input(2, unit) + state)
      }
      step.h = units.map { (1 - z[$0]) * candidate[$0] + z[$0] * step.h[$0] }
    }
  }
}

/// Gates i, o, f, c; peepholes P for i, o, f. ONNX LSTM, opsets 1–22. Further inputs: initial_c, P[dir,3·hidden].
public struct LSTM: RecurrentOperator {
  public static let name = "LSTM"
  public static let inputs = Arity(3...8)
  public static let outputs = Arity(1...3)
  public static let gates = 4
  public static let defaultFunctions: [Activation.Function] = [.sigmoid, .tanh, .tanh]
  public static let attributes: [AttributeField<Self>] = recurrentAttributes + [.flag("input_forget", \.couplesForget)]
  public var recurrence = Recurrence()
  /// f = 1 − i.
  public var couplesForget = false
  public init() {}

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    try evaluate(inputs, context) { step in
      let n = step.hidden
      let units = 0..<n
      func gate(_ number: Int, _ unit: Int) -> Double {
        step.input(number, unit) + step.recurrent(number, unit, step.h)
      }
      let i = units.map { step.apply(0, gate(0, $0) + step.peepholes[$0] * step.c[$0]) }
      let f = units.map {
        couplesForget ? 1 - i[$0] : step.apply(0, gate(2, $0) + step.peepholes[2 * n + $0] * step.c[$0])
      }
      let c = units.map { f[$0] * step.c[$0] + i[$0] * step.apply(1, gate(3, $0)) }
      let o = units.map { step.apply(0, gate(1, $0) + step.peepholes[n + $0] * c[$0]) }
      step.h = units.map { o[$0] * step.apply(2, c[$0]) }
      step.c = c
    }
  }
}
