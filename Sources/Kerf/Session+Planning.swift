import Bundle
import IR
import Runtime

extension Session {
  /// Steps that run by reference evaluation for want of a kernel, bodies included: operator and node names. Custom
  /// operators are none: they run as they were meant to.
  public var fallbacks: [String] {
    hostCalls.compactMap { text in
      guard let graph = try? Graph(parsing: String(decoding: text, as: UTF8.self)),
        let node = graph.orderedNodes.first(where: { _ in true }), !(node.op is CustomCall)
      else { return nil }
      return node.label
    }
  }

  /// Steps that the host evaluates, bodies included, as the text of a graph.
  var hostCalls: [[UInt8]] {
    var found: [[UInt8]] = []
    var pending = [model.program]
    while let program = pending.popLast() {
      for step in program.steps { if case .host(let text) = step.kind { found.append(text) } }
      pending += program.bodies
    }
    return found
  }

  /// The steps for inputs of `trialShapes`, without running; `arenaBytes` is then that of this plan.
  func planned() throws -> [StepProfile] {
    try prepare(try trialShapes())
    return context.steps.map { StepProfile($0, nanoseconds: 0) }
  }

  /// A value for every input when nobody gives any, the same every time.
  /// - Parameter limit: bytes that all inputs together may take.
  public func generatedInputs(limit: Int = 1 << 32) throws -> [Datum?] {
    try GeneratedInputs.values(for: inputs, shapes: trialShapes(), limit: limit)
  }

  /// Shapes of inputs that nobody gives: free dimensions are 1 or their lower bound. Where the model cannot be planned for
  /// that, one of them, else all, is a power of two: twice the least for which it can, where results may yet be empty.
  func trialShapes() throws -> [[Int]] {
    var names: [String] = []
    let free = inputs.enumerated().map { index, port in port.freeDimensions(of: index) }
    for case let name? in free.joined() where !names.contains(name) { names.append(name) }
    func shapes(_ size: Int, _ grown: [String]) -> [[Int]] {
      zip(inputs, free).map { port, axes in
        port.trialShape(axes.map { axis in axis.map { grown.contains($0) } == true ? size : 1 })
      }
    }
    let smallest = shapes(1, [])
    guard !names.isEmpty else { return smallest }
    do {
      try prepare(smallest)
      return smallest
    } catch {
      let larger = (1...13).flatMap { power in (names.map { [$0] } + [names]).map { (1 << power, $0) } }
      // Large programs take time to plan.
      let tried = larger.prefix(4_000_000 / max(1, model.program.steps.count))
      guard let (size, grown) = tried.first(where: { canPlan(shapes($0, $1)) }) else { throw error }
      let twice = shapes(2 * size, grown)
      return canPlan(twice) ? twice : shapes(size, grown)
    }
  }

  private func canPlan(_ shapes: [[Int]]) -> Bool { (try? prepare(shapes)) != nil }

  private func prepare(_ shapes: [[Int]]) throws {
    let dims = zip(model.inputs, shapes).map { port, shape in
      port.isHost ? [] : shape.count == port.dims.count ? shape : port.dims.map { $0 < 0 ? 1 : $0 }
    }
    do throws(RuntimeError) {
      try context.prepare(inputDims: dims)
    } catch {
      throw failure(error)
    }
  }
}

extension PortDescription {
  /// Per axis, what its dimension is called where it is free: its symbol, else its place.
  fileprivate func freeDimensions(of input: Int) -> [String?] {
    (valueType.tensor?.shape ?? []).enumerated().map { axis, dim in
      guard dim.value == nil else { return nil }
      return dim.isUnknown ? "\(input)/\(axis)" : dim.symbolName ?? "\(input)/\(axis)"
    }
  }
}
