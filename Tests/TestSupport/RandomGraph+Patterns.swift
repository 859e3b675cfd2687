import IR

/// Patterns that exporters write out.
extension RandomGraph {
  mutating func permuted(_ x: ValueID, _ permutation: [Int]) throws -> ValueID {
    var transpose = Transpose()
    transpose.permutation = permutation
    return try node(transpose, [x])
  }

  /// Transposes with elementwise operators between.
  mutating func transposes() throws -> Bool {
    guard let x = value(rank: 2...4) else { return false }
    let rank = shape(x).count
    let permutation = Array(0..<rank).shuffled(using: &random)
    var y = try permuted(x, permutation)
    if random.chance(50) { y = try applyActivation(y) }
    if random.chance(30), let last = shape(y).last?.value { y = try node(Add(), [y, weight([last])]) }
    if random.chance(30) {
      y = try node(Add(), [y, try permuted(try applyActivation(x), permutation)])
    }
    if random.chance(20), permutation[rank - 1] != 0 {
      var concat = Concat()
      concat.axis = -1
      y = try node(concat, [y, try permuted(x, permutation)])
    }
    let back =
      random.chance(60) ? permutation.indices.map { axis in permutation.firstIndex(of: axis) ?? 0 } : permutation
    y = try permuted(y, back)
    // The symbol must stay in front for the other makers.
    if shape(y).dropFirst().allSatisfy({ $0.value != nil }) { keep(y) }
    return true
  }

  mutating func reshapes() throws -> Bool {
    guard let x = value(rank: 2...4) else { return false }
    let rank = shape(x).count
    switch random.int(0...4) {
    case 4:
      // Of unknown rank, so nothing but an output for the other makers.
      let y = try node(Squeeze(), [x])
      keep(try node(Mul(), [try node(Sigmoid(), [y]), scalar(0.5)]))
    case 0:
      let y = try node(Unsqueeze(), [x, constant([1])])
      keep(try node(Squeeze(), [y, constant([1])]))
    case 1: keep(try node(Flatten(), [x]))
    case 2:
      let inner = shape(x).dropFirst().map { $0.value ?? 1 }.reduce(1, *)
      let flat = try node(Flatten(), [x])
      keep(try node(Reshape(), [flat, constant([0, 1, inner])]))
    default:
      let y = try node(Unsqueeze(), [x, constant([rank])])
      keep(try node(Reshape(), [y, constant(Array(repeating: 0, count: rank))]))
    }
    return true
  }

  /// A target shape computed from the input's.
  mutating func shapeArithmetic() throws -> Bool {
    guard let x = value(rank: 3...4) else { return false }
    let inner = shape(x).dropFirst().map { $0.value ?? 1 }.reduce(1, *)
    let full = try node(ShapeOf(), [x])
    let first = try node(Gather(), [full, graph.addConstant(Tensor(scalar: Int64(0)))])
    let list = try node(Unsqueeze(), [first, constant([0])])
    var concat = Concat()
    concat.axis = 0
    let target = try node(concat, [list, constant(random.chance(50) ? [inner] : [-1])])
    keep(try node(Reshape(), [x, target]))
    return true
  }

  mutating func gelu() throws -> Bool {
    guard let x = value(rank: 2...4) else { return false }
    if random.chance(50) {
      let scaled =
        random.chance(50) ? try node(Div(), [x, scalar(1.4142135)]) : try node(Mul(), [x, scalar(0.70710677)])
      let sum = try node(Add(), [try node(Erf(), [scaled]), scalar(1)])
      keep(
        random.chance(50)
          ? try node(Mul(), [try node(Mul(), [x, sum]), scalar(0.5)])
          : try node(Mul(), [try node(Mul(), [scalar(0.5), x]), sum]))
      return true
    }
    let cube = random.chance(50) ? try node(Pow(), [x, scalar(3)]) : try node(Mul(), [x, try node(Mul(), [x, x])])
    let sum = try node(Add(), [x, try node(Mul(), [scalar(0.044715), cube])])
    let tanh = try node(Tanh(), [try node(Mul(), [sum, scalar(0.7978846)])])
    let half = try node(Mul(), [x, scalar(0.5)])
    keep(try node(Mul(), [half, try node(Add(), [tanh, scalar(1)])]))
    return true
  }

  mutating func swish() throws -> Bool {
    guard let x = value(rank: 2...4) else { return false }
    switch random.int(0...3) {
    case 0: keep(try node(Mul(), [x, try node(Sigmoid(), [x])]))
    case 1: keep(try node(Mul(), [try node(Sigmoid(), [try node(Mul(), [scalar(1.702), x])]), x]))
    case 2:
      let clip = try node(Clip(), [try node(Add(), [x, scalar(3)]), scalar(0), scalar(6)])
      keep(try node(Div(), [try node(Mul(), [x, clip]), scalar(6)]))
    default: keep(try node(Mul(), [x, try node(Tanh(), [try node(Softplus(), [x])])]))
    }
    return true
  }

  mutating func softmax() throws -> Bool {
    guard let x = value(rank: 2...4) else { return false }
    let axes = constant([-1])
    let shifted = random.chance(70) ? try node(Sub(), [x, try node(ReduceMax(), [x, axes])]) : try node(Tanh(), [x])
    let powers = try node(Exp(), [shifted])
    keep(try node(Div(), [powers, try node(ReduceSum(), [powers, axes])]))
    return true
  }

  mutating func layerNormalization() throws -> Bool {
    guard let x = value(rank: 2...4), size(x, -1) > 1 else { return false }
    let axes = constant([-1])
    let isCentered = random.chance(70)
    let d = isCentered ? try node(Sub(), [x, try node(ReduceMean(), [x, axes])]) : x
    let square = random.chance(50) ? try node(Pow(), [d, scalar(2)]) : try node(Mul(), [d, d])
    let root = try node(Sqrt(), [try node(Add(), [try node(ReduceMean(), [square, axes]), scalar(0.1)])])
    var y =
      random.chance(60) ? try node(Div(), [d, root]) : try node(Mul(), [d, try node(Reciprocal(), [root])])
    if random.chance(80) { y = try node(Mul(), [y, weight([size(x, -1)])]) }
    if random.chance(80) { y = try node(Add(), [y, weight([size(x, -1)])]) }
    keep(y)
    return true
  }

  /// A part that depends on constants only, and the same constant twice.
  mutating func constants() throws -> Bool {
    guard let x = value(rank: 2...4) else { return false }
    let values = tensor([size(x, -1)])
    let a = graph.addConstant(values)
    let b = graph.addConstant(values)
    let folded = try node(Mul(), [try node(Tanh(), [a]), try node(Add(), [b, a])])
    keep(try node(Add(), [x, folded]))
    return true
  }

  mutating func joinAndSplit() throws -> Bool {
    guard let x = value(rank: 2...4) else { return false }
    var concat = Concat()
    concat.axis = 1
    let joined = try node(concat, [x, try applyActivation(x)])
    if random.chance(50), size(x, 1) < 8 {
      keep(joined)
      return true
    }
    var split = Split()
    split.axis = 1
    split.outputCount = 2
    let parts = try graph.add(split, [joined], outputs: 2, names: ["split"])
    keep(parts[0])
    keep(parts[1])
    return true
  }

  mutating func reduction() throws -> Bool {
    guard let x = value(rank: 3...4) else { return false }
    var mean = ReduceMean()
    mean.keepdims = random.chance(50)
    let axes = shape(x).count == 4 && random.chance(50) ? [2, 3] : [-1]
    keep(try node(mean, [x, constant(axes)]))
    return true
  }

  /// The same node twice.
  mutating func twins() throws -> Bool {
    guard let x = value(rank: 2...4) else { return false }
    let op = random.pick(activations())
    keep(try node(Mul(), [try node(op, [x]), try node(op, [x])]))
    return true
  }

  /// An Einstein sum over the last axes of a value, with weights; the axes of the result in any order.
  mutating func einsum() throws -> Bool {
    guard let x = value(rank: 2...4) else { return false }
    let letters = Array("abcd".utf8.prefix(shape(x).count))
    let summed = random.chance(50) || letters.count == 2 ? 1 : 2
    let inner = shape(x).suffix(summed).map { $0.value ?? 1 }
    var op = Einsum()
    let result = (letters.dropLast(summed) + [UInt8(ascii: "z")]).shuffled(using: &random)
    let terms = letters + [UInt8(ascii: ",")] + letters.suffix(summed) + [UInt8(ascii: "z")]
    op.equation = terms + Array("->".utf8) + result
    keep(try node(op, [x, weight(inner + [3])]))
    return true
  }

  /// A branch that captures a value and a constant; the condition is constant or computed.
  mutating func conditional() throws -> Bool {
    guard let x = value(rank: 2...4) else { return false }
    var op = If()
    let factor = tensor([1])
    func branch(_ name: String, _ make: (inout Graph, ValueID, ValueID) throws -> ValueID) throws -> Graph {
      var body = Graph(name: Name(name))
      let a = body.addInput("a", graph.type(x))
      let b = body.addInput("b", .tensor(.float32, [1] as Shape))
      body.setOutputs([try make(&body, a, b)], names: ["result"])
      return body
    }
    op.thenBranch = try branch("then") { body, a, b in
      let sum = try body.add(Add(), [a, try body.add(Tanh(), [b], names: ["t"])[0]], names: ["s"])
      return try body.add(Relu(), sum, names: ["r"])[0]
    }
    op.elseBranch = try branch("else") { body, a, _ in try body.add(Neg(), [a], names: ["n"])[0] }
    op.captures = 2
    let condition: ValueID
    if random.chance(50) {
      condition = graph.addConstant(Tensor([random.chance(50)], shape: []))
    } else {
      var whole = ReduceMax()
      whole.keepdims = false
      condition = try node(Greater(), [try node(whole, [x]), scalar(0.3)])
    }
    let result = try node(op, [condition, x, graph.addConstant(factor)])
    keep(result)
    return true
  }
}
