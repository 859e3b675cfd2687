import Bundle
import IR
import Runtime

extension Session {
  /// Steps that run by reference evaluation for want of a kernel, bodies included: operator and node names. Custom
  /// operators are none: they run as they were meant to.
  public var fallbacks: [String] {
    var found: [String] = []
    var pending = [model.program]
    while let program = pending.popLast() {
      for step in program.steps {
        guard case .host(let text) = step.kind, let graph = try? Graph(parsing: String(decoding: text, as: UTF8.self)),
          let node = graph.orderedNodes.first(where: { _ in true }), !(node.op is CustomCall)
        else { continue }
        found.append(node.label)
      }
      pending += program.bodies
    }
    return found
  }

  /// The steps for inputs whose free dimensions are 1 (or their lower bound), without running; `arenaBytes` is then that
  /// of this plan.
  func planned() throws -> [StepProfile] {
    let dims = zip(model.inputs, inputs).map { port, description in
      let smallest = description.smallestShape
      return port.isHost ? [] : smallest.count == port.dims.count ? smallest : port.dims.map { $0 < 0 ? 1 : $0 }
    }
    do throws(RuntimeError) {
      try context.prepare(inputDims: dims)
    } catch {
      throw KerfError(error.description)
    }
    return context.steps.map { StepProfile($0, nanoseconds: 0) }
  }
}
