import IR

/// Random small graphs that make sense to evaluate: smooth operators, shapes with a symbolic batch, and on purpose much
/// that passes look for (normalizations behind convolutions, transposes that cancel, functions written out, …).
public struct RandomGraph {
  public internal(set) var graph: Graph
  public private(set) var arguments: [Datum] = []
  var random: SeededGenerator
  /// Float values that later nodes may read.
  var pool: [ValueID] = []
  private var serial = 0
  /// What the symbol N is in `arguments`.
  public let batch: Int

  public init(seed: UInt64, steps: ClosedRange<Int> = 4...14) {
    random = SeededGenerator(seed: seed)
    graph = Graph(name: Name("seed\(seed)"))
    batch = random.int(1...3)
    addInput("image", [.symbol("N"), Dim(random.pick([1, 2, 4])), Dim(random.int(3...6)), Dim(random.int(3...6))])
    if random.chance(70) { addInput("tokens", [.symbol("N"), Dim(random.int(2...4)), Dim(random.pick([4, 6]))]) }
    if random.chance(50) { addInput("row", [.symbol("N"), Dim(random.pick([4, 6]))]) }
    let count = random.int(steps)
    var attempts = 0
    var added = 0
    while added < count, attempts < 10 * count {
      attempts += 1
      let makers = RandomGraph.makers
      let make = makers[random.int(0...makers.count - 1)]
      if (try? make(&self)) ?? false { added += 1 }
    }
    chooseOutputs()
  }

  private mutating func addInput(_ name: String, _ shape: Shape) {
    let id = graph.addInput(Name(name), .tensor(.float32, shape))
    let sizes = shape.map { $0.value ?? batch }
    arguments.append(.tensor(tensor(sizes)))
    pool.append(id)
  }

  /// The newest value and some others.
  private mutating func chooseOutputs() {
    var outputs = [pool[pool.count - 1]]
    for id in pool.dropLast()
    where graph.producer(id) != nil && (graph.users(id).isEmpty ? random.chance(70) : random.chance(8)) {
      outputs.append(id)
    }
    graph.setOutputs(outputs, names: outputs.indices.map { Name("y\($0)") })
  }

  // MARK: Building blocks

  /// Floats in −1…1.
  mutating func tensor(_ shape: [Int], in range: ClosedRange<Float> = -1...1) -> Tensor {
    let count = Tensor.elementCount(of: shape) ?? 0
    return Tensor((0..<count).map { _ in random.float(range) }, shape: shape)
  }

  mutating func weight(_ shape: [Int], in range: ClosedRange<Float> = -1...1) -> ValueID {
    serial += 1
    return graph.addConstant(tensor(shape, in: range), name: Name("w\(serial)"))
  }

  func ints(_ values: [Int]) -> Tensor { Tensor(values.map { Int64($0) }) }
  mutating func constant(_ values: [Int]) -> ValueID { graph.addConstant(ints(values)) }
  mutating func scalar(_ value: Float) -> ValueID { graph.addConstant(Tensor(scalar: value)) }

  /// Appends a node of one output, named by kind and number.
  mutating func node(_ op: any Operator, _ inputs: [ValueID?]) throws -> ValueID {
    serial += 1
    return try graph.add(op, inputs, names: [Name("\(type(of: op).name)_\(serial)")])[0]
  }

  func shape(_ id: ValueID) -> Shape { graph.type(id).tensor?.shape ?? [] }

  /// A value of that rank all of whose dimensions but the first are numbers; the newer the likelier.
  mutating func value(rank: ClosedRange<Int>) -> ValueID? {
    let fitting = pool.filter { id in
      let shape = shape(id)
      return rank.contains(shape.count) && shape.dropFirst().allSatisfy { $0.value != nil }
    }
    guard !fitting.isEmpty else { return nil }
    if random.chance(60) { return fitting[fitting.count - 1] }
    return random.pick(fitting)
  }

  func size(_ id: ValueID, _ axis: Int) -> Int {
    let shape = shape(id)
    return shape[axis < 0 ? axis + shape.count : axis].value ?? 0
  }

  /// Makes values available to later nodes.
  mutating func keep(_ id: ValueID) { pool.append(id) }
}
