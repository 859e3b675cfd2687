import Testing

@testable import IR

@Suite struct TextTests {
  func roundTrip(_ graph: Graph) throws {
    for constants in [GraphPrinter.Constants.named(above: 3), .embedded] {
      var printer = GraphPrinter(constants: constants)
      let text = printer.print(graph)
      let parsed = try Graph(parsing: text, constants: printer.table)
      #expect(parsed == graph, "\(text)")
      try parsed.verify()
      var again = GraphPrinter(constants: constants)
      #expect(again.print(parsed) == text)
      #expect(again.table == printer.table)
    }
  }

  @Test func printsAndReadsBack() throws {
    var graph = Graph(name: "net")
    let x = graph.addInput("x", .tensor(.float32, ["N", 3] as Shape))
    let y = try graph.add(LeakyRelu(), [x], names: ["a/b", "odd \"name\"\n"], outputNames: ["y"])
    var second = LeakyRelu()
    second.alpha = 0.2
    let z = try graph.add(second, [y[0]], outputNames: ["x"])
    graph.setOutputs([z[0], y[0], x], names: ["z", "y:0", ""])
    #expect(
      graph.text == """
        graph @net(%x: f32[N,3]) -> (%z: f32[N,3], %"y:0": f32[N,3], %"": f32[N,3]) {
          %y = LeakyRelu(%x) : f32[N,3] from "a/b", "odd \\x22name\\x22\\x0a"
          %0 as "x" = LeakyRelu(%y) {alpha=0.2} : f32[N,3]
          return %0, %y, %x
        }

        """)
    try roundTrip(graph)
  }

  @Test(arguments: ElementType.allCases)
  func everyElementTypeRoundTrips(_ type: ElementType) throws {
    var graph = Graph(name: "c")
    var random = SystemRandomNumberGenerator()
    for shape in [[], [0], [2], [2, 3], [9]] {
      guard let count = Tensor.elementCount(of: shape) else { continue }
      if type == .string {
        let strings = (0..<count).map { [UInt8(truncatingIfNeeded: $0 * 37), 65, 200] }
        graph.addOutput(Tensor(strings: strings, shape: shape))
        continue
      }
      let bytes = (0..<(type.byteCount(of: count) ?? 0)).map { _ in UInt8.random(in: 0...255, using: &random) }
      if let tensor = ElementText.tensor(bytes: masked(bytes, count, type), type, shape) { graph.addOutput(tensor) }
    }
    try roundTrip(graph)
  }

  /// Bits past the last packed element are zero, as everywhere.
  private func masked(_ bytes: [UInt8], _ count: Int, _ type: ElementType) -> [UInt8] {
    guard type.bitWidth < 8, count * type.bitWidth % 8 != 0, let last = bytes.last else { return bytes }
    return bytes.dropLast() + [last & UInt8((1 << (count * type.bitWidth % 8)) - 1)]
  }

  @Test func specialFloatsRoundTrip() throws {
    let values: [Float] = [
      .nan, .infinity, -.infinity, -0.0, .leastNonzeroMagnitude, .greatestFiniteMagnitude,
      Float(bitPattern: 0xFFC0_0123),
    ]
    var graph = Graph(name: "f")
    graph.addOutput(Tensor(values))
    try roundTrip(graph)
  }

  @Test func typesAndDimensionsRoundTrip() throws {
    let n = Dim.symbol("N")
    let h = Dim.symbol("odd name`")
    let dims: [Dim] = [
      n * h * 2 - 3, -n + 7, try #require((h + 1).quotient(by: 2)), try #require((h - n).modulo(n * 3)),
      .minimum(n, h), .maximum(.minimum(n, 4), h + 1), .unknown,
    ]
    var graph = Graph(name: "")
    let type = ValueType.tensor(.float16, dims)
    let all: [ValueType] = [
      type, .sequence(type), .optional(.sequence(type)), .map(key: .int64, value: type),
      .tensor(.string, nil as Shape?),
      .tensor(.int4, [] as Shape),
    ]
    let ids = all.map { graph.addInput("", $0) }
    graph.setOutputs(ids, names: ids.map { Name("o\($0.index)") })
    try roundTrip(graph)
  }

  @Test func madeUpSymbolsStayApart() throws {
    var graph = try Graph(parsing: "graph @g(%x: f32[?7.0]) -> (%y: f32[?7.0]) { return %x }")
    let added = graph.addInput("z", .tensor(.float32, [.unknown] as Shape))
    #expect(graph.type(added) != graph.type(graph.inputs[0]))
  }

  @Test(arguments: [
    ("grape", "line 1, column 1: expected 'graph'"),
    ("graph @g() -> () {\n  %y = Nope(%x) : f32[]\n  return\n}", "line 2, column 8: there is no operator 'Nope'"),
    ("graph @g() -> () {\n  %y = LeakyRelu(%x) : f32[]\n", "line 2, column 19: %x is not defined before it is read"),
    (
      "graph @g(%x: f32[2]) -> (%y: f32[3]) { return %x }",
      "line 1, column 51: the value is f32[2] but is declared as f32[3]"
    ),
    ("graph @g() -> () { %c = constant [1, 2] : u4[3] return }", "line 1, column 34: 2 numbers do not fill u4[3]"),
    ("graph @g() -> () { %c = constant [16] : u4[1] return }", "line 1, column 35: '16' is no u4"),
    ("graph @g() -> () { %c = constant @c : u4[1] return }", "line 1, column 34: no data is given for constant @c"),
    (
      "graph @g(%x: f32[2]) -> () {\n%y = LeakyRelu(%x) {beta=1.0} : f32[2] return }",
      "line 2, column 21: there is no attribute 'beta'"
    ),
    ("graph @g(%x: f32[floor(1,0)]) -> () { return }", "line 1, column 18: a dimension divides by zero"),
  ])
  func errorsNameThePlace(_ text: String, _ message: String) {
    #expect(throws: Diagnostic.invalid(message)) { try Graph(parsing: text) }
  }

  @Test func deepNestingIsRefused() {
    let types = String(repeating: "sequence<", count: 100_000)
    let dims = String(repeating: "floor(", count: 100_000)
    for text in ["graph @g(%x: \(types)", "graph @g(%x: f32[\(dims)"] {
      #expect(throws: Diagnostic.self) { try Graph(parsing: text) }
    }
  }

  @Test func damagedTextNeverTraps() throws {
    var graph = Graph(name: "net")
    let x = graph.addInput("x", .tensor(.float32, [.symbol("N") * 2 - 1, 3] as Shape))
    graph.addOutput(Tensor([1.5, .nan] as [Float]))
    let y = try graph.add(LeakyRelu(), [x], names: ["a"])
    graph.setOutputs(graph.outputs + y, names: graph.outputNames + ["y"])
    let bytes = Array(graph.standaloneText.utf8)
    for index in bytes.indices {
      for replacement in [nil, 0, 40, 41, 44, 34, 91, 45, 57, 96, 255] as [UInt8?] {
        var damaged = bytes
        if let replacement { damaged[index] = replacement } else { damaged.removeSubrange(index...) }
        _ = try? Graph(parsing: String(decoding: damaged, as: UTF8.self))
      }
    }
  }
}

extension Graph {
  fileprivate mutating func addOutput(_ tensor: Tensor) {
    let id = addConstant(tensor)
    setOutputs(outputs + [id], names: outputNames + [Name("c\(outputs.count)")])
  }
}

extension Dim: ExpressibleByStringLiteral {
  public init(stringLiteral value: String) { self = .symbol(value) }
}
