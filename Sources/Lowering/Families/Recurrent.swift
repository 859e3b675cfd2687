import Bundle
import IR
import Kernels

/// LSTM, GRU and RNN with constant weights. Batch-first operators ask for their tensors in the kernels' time-first layout.
extension LoweringCatalog {
  static let recurrent: [String: LoweringRule] = ["LSTM": recurrent(4), "GRU": recurrent(3), "RNN": recurrent(1)]

  private static func recurrent(_ gates: Int) -> LoweringRule {
    { (l, node) throws(Diagnostic) in
      guard let x = node.inputs[0], l.computeType(x) == .float32, let cell = Cell(l, node, gates) else { return false }
      let isBatchFirst = cell.isBatchFirst
      let stateLayout = Layout(axes: isBatchFirst ? [1, 0, 2] : [0, 1, 2])
      func state(_ index: Int) throws(Diagnostic) -> Int32 {
        guard index < node.inputs.count, let value = node.inputs[index] else { return -1 }
        return try l.slot(value, stateLayout)
      }
      var inputs = [
        try l.slot(x, Layout(axes: isBatchFirst ? [1, 0, 2] : [0, 1, 2])), try cell.pack(l, 1), try cell.pack(l, 2),
      ]
      inputs += cell.biases(l)
      inputs.append(try state(5))
      if gates == 4 { inputs += [try state(6), try l.optionalSlot(node, 7)] }
      inputs.append(try lengths(l, node))
      var outputs: [Int32] = []
      for (index, output) in node.outputs.enumerated() {
        let layout = index > 0 ? stateLayout : Layout(axes: isBatchFirst ? [1, 2, 0, 3] : [0, 1, 2, 3])
        outputs.append(l.graph.useCount(output) > 0 ? try l.result(output, layout) : -1)
      }
      let expected = gates == 4 ? 3 : 2
      outputs += Array(repeating: -1, count: max(0, expected - outputs.count))
      l.emit(cell.kernel, inputs, outputs, cell.attributes, node)
      return true
    }
  }

  private static func lengths(_ l: GraphLowering, _ node: Node) throws(Diagnostic) -> Int32 {
    guard node.inputs.count > 4, let value = node.inputs[4] else { return -1 }
    return try l.slot(value)
  }
}

/// Weights and attributes of a recurrent node.
private struct Cell {
  let gates: Int
  let hidden: Int
  let inputSize: Int
  let directions: Int
  /// W and R, as codes where both are.
  private let floats: [Tensor]
  private let codes: [CodedRows]
  private let b: Tensor?
  let isBatchFirst: Bool
  let linearBeforeReset: Bool
  let attributes: [Step.Attribute]

  /// Nil where weights are not constant or an activation has no kernel.
  init?(_ l: GraphLowering, _ node: Node, _ gates: Int) {
    guard let w = l.weights(node.inputs[1]), let r = l.weights(node.inputs[2]), w.rank == 3, r.rank == 3 else {
      return nil
    }
    self.gates = gates
    let coded = [1, 2].compactMap { CodedRows(l, node.inputs[$0]) }
    codes = coded.count == 2 ? coded : []
    floats = codes.isEmpty ? [w, r] : []
    hidden = r.shape[2]
    inputSize = w.shape[2]
    directions = w.shape[0]
    if node.inputs.count > 3, let bias = node.inputs[3] {
      guard let tensor = l.weights(bias) else { return nil }
      b = tensor
    } else {
      b = nil
    }
    let given = AttributeReader(node.op)
    isBatchFirst = given.int("layout", 0) == 1
    linearBeforeReset = given.int("linear_before_reset", 0) != 0
    let perDirection = gates == 4 ? 3 : gates == 3 ? 2 : 1
    let defaults = Array(["Sigmoid", "Tanh", "Tanh"].prefix(perDirection))
    let standard = gates == 1 ? ["Tanh"] : defaults
    let names = given.strings("activations") ?? Array(repeating: standard, count: directions).flatMap { $0 }
    guard names.count == perDirection * directions else { return nil }
    var functions: [Step.Attribute] = []
    var alphas = (given.floats("activation_alpha") ?? [])[...]
    var betas = (given.floats("activation_beta") ?? [])[...]
    for name in names {
      guard let activation = Cell.activation(name, &alphas, &betas) else { return nil }
      functions += activation.attributes
    }
    let direction = ["forward": 0, "reverse": 1, "bidirectional": 2][given.string("direction", "forward")] ?? 0
    var list: [Step.Attribute] = [
      .int(hidden), .int(inputSize), .int(direction), .float(Double(given.float("clip", 0))),
    ]
    if gates == 4 { list.append(.int(given.int("input_forget", 0))) }
    if gates == 3 { list.append(.flag(linearBeforeReset)) }
    attributes = list + functions
  }

  /// An activation by its ONNX name; those with parameters take the next of the lists, or ONNX's defaults.
  private static func activation(_ name: String, _ alphas: inout ArraySlice<Float>, _ betas: inout ArraySlice<Float>)
    -> Activation?
  {
    func alpha(_ missing: Float) -> Float { alphas.popFirst() ?? missing }
    func beta(_ missing: Float) -> Float { betas.popFirst() ?? missing }
    switch name.lowercased() {
    case "relu": return .relu
    case "tanh": return Activation(.tanh)
    case "sigmoid": return Activation(.sigmoid)
    case "affine": return Activation(.affine, alpha: alpha(1), beta: beta(0))
    case "leakyrelu": return Activation(.leakyRelu, alpha: alpha(0.01))
    case "thresholdedrelu": return Activation(.thresholdedRelu, alpha: alpha(1))
    case "hardsigmoid": return Activation(.hardSigmoid, alpha: alpha(0.2), beta: beta(0.5))
    case "elu": return Activation(.elu, alpha: alpha(1))
    case "softsign": return Activation(.softsign)
    case "softplus": return Activation(.softplus)
    default: return nil
    }
  }

  var kernel: UInt16 {
    switch gates {
    case 4: codes.isEmpty ? Op.lstm : Op.lstmCodes
    case 3: codes.isEmpty ? Op.gru : Op.gruCodes
    default: codes.isEmpty ? Op.rnn : Op.rnnCodes
    }
  }

  /// W (1) or R (2).
  func pack(_ l: GraphLowering, _ index: Int) throws(Diagnostic) -> Int32 {
    let (d, g, h, k) = (Int64(directions), Int64(gates), Int64(hidden), Int64(index == 1 ? inputSize : hidden))
    if !codes.isEmpty {
      let rows = codes[index - 1]
      return try l.builder.packed(kerf_pack_rnn_codes_size(d, g, h, k)) {
        kerf_pack_rnn_codes(d, g, h, k, rows.codes, rows.scales, $0)
      }
    }
    let values = floats[index - 1].wide(Float.self)
    return try l.builder.packed(kerf_pack_rnn_f32_size(d, g, h, k)) { kerf_pack_rnn_f32(d, g, h, k, values, $0) }
  }

  /// LSTM and RNN: Wb + Rb. GRU: both, since the reset gate may act between them.
  func biases(_ l: GraphLowering) -> [Int32] {
    guard let b else { return gates == 3 ? [-1, -1] : [-1] }
    let values = b.wide(Float.self)
    let width = gates * hidden
    var first: [Float] = []
    var second: [Float] = []
    for d in 0..<directions {
      let row = values[(d * 2 * width)..<((d + 1) * 2 * width)]
      let (wb, rb) = (Array(row.prefix(width)), Array(row.suffix(width)))
      first += gates == 3 ? wb : zip(wb, rb).map { $0 + $1 }
      second += rb
    }
    let shape = [directions, width]
    let slot = l.builder.weight(Tensor(first, shape: shape))
    return gates == 3 ? [slot, l.builder.weight(Tensor(second, shape: shape))] : [slot]
  }
}

/// Recurrent weights [directions, rows, k] as codes, with weight = code · scale of its row.
private struct CodedRows {
  let codes: [Int8]
  let scales: [Float]

  /// Of a value that is DequantizeLinear of a constant; nil where rows have several scales or zero points do not fit.
  init?(_ l: GraphLowering, _ value: ValueID?) {
    guard let node = l.graph.producer(value), let op = node.op as? DequantizeLinear,
      let stored = l.graph.constant(node.inputs[0]), stored.rank == 3, stored.count > 0,
      let scale = l.graph.constant(node.inputs[1])
    else { return nil }
    let (rows, zero) = (stored.shape[1], node.inputs.count > 2 ? node.inputs[2] : nil)
    let axis = op.granularity.axis < 0 ? op.granularity.axis + 3 : op.granularity.axis
    let isBlocked = op.granularity.blockSize > 0
    let isByRow =
      isBlocked ? axis == 2 && scale.shape == [stored.shape[0], rows, 1] : axis == 1 && stored.shape[0] == 1
    guard scale.count == 1 || isByRow, let flat = stored.reshaped([stored.shape[0] * rows, stored.shape[2]]),
      let centred = l.centred(flat, zero, channelAxis: 0), let codes = centred.elements(Int8.self)
    else { return nil }
    let values = scale.wide(Float.self)
    self.codes = codes
    scales = values.count == 1 ? Array(repeating: values[0], count: flat.shape[0]) : values
  }
}

/// Attributes by their ONNX names, for operators whose families differ only in them.
struct AttributeReader {
  private let values: [String: AttributeValue]

  init(_ op: any Operator) {
    values = Dictionary(op.attributeValues.map { ($0.name, $0.value) }, uniquingKeysWith: { a, _ in a })
  }

  func int(_ name: String, _ missing: Int) -> Int {
    if case .int(let value) = values[name] { Int(value) } else { missing }
  }
  func float(_ name: String, _ missing: Float) -> Float {
    if case .float(let value) = values[name] { value } else { missing }
  }
  func floats(_ name: String) -> [Float]? {
    if case .floats(let value) = values[name] { value } else { nil }
  }
  func string(_ name: String, _ missing: String) -> String {
    if case .string(let value) = values[name] { String(decoding: value, as: UTF8.self) } else { missing }
  }
  func strings(_ name: String) -> [String]? {
    guard case .strings(let value) = values[name] else { return nil }
    return value.map { String(decoding: $0, as: UTF8.self) }
  }
}
