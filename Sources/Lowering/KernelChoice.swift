import IR

/// One way to compute a layer.
public struct KernelCandidate: Hashable, Sendable {
  /// The kernel operation, and how it is used where that is not said by the layer: `winograd_f32 tile 4`.
  public let kernel: String
  /// What the table says it costs, in multiply-adds of a matrix product in float32. Only ratios count.
  public let cost: Double

  public init(kernel: String, cost: Double) {
    self.kernel = kernel
    self.cost = cost
  }
}

/// A layer that can be computed in several ways.
public struct KernelQuestion {
  /// ONNX names of the nodes that it stands for.
  public let names: [String]
  /// Everything that the time depends on: operator, dimensions, attributes, types.
  public let shape: String
  /// At least two.
  public let candidates: [KernelCandidate]
  /// The layer and nothing else, as the candidate of that index has it; every dimension is a number.
  public let sample: (Int) throws(Diagnostic) -> Graph

  public init(
    _ node: Node, _ shape: String, _ candidates: [KernelCandidate],
    sample: @escaping (Int) throws(Diagnostic) -> Graph
  ) {
    names = node.names.map(\.description)
    self.shape = shape
    self.candidates = candidates
    self.sample = sample
  }

  /// The names in one line.
  public var layer: String { names.joined(separator: " + ") }
}

/// Which candidate computes a layer, and what that rests on.
public struct KernelAnswer: Sendable {
  public enum Source: String, Sendable { case table, measured, cached }

  /// Index of the candidate.
  public let winner: Int
  /// Of each candidate; nil where none was measured.
  public let microseconds: [Double?]
  public let source: Source

  public init(winner: Int, microseconds: [Double?], source: Source) {
    self.winner = winner
    self.microseconds = microseconds
    self.source = source
  }
}

/// Says which of several kernels a layer takes.
public protocol KernelCosts {
  func answer(_ question: KernelQuestion) -> KernelAnswer
}

/// By the costs of the table, the same on every machine.
public struct TabulatedCosts: KernelCosts {
  public init() {}

  public func answer(_ question: KernelQuestion) -> KernelAnswer {
    let costs = question.candidates.map(\.cost)
    // The first of equals.
    let winner = costs.indices.min { costs[$0] < costs[$1] } ?? 0
    return KernelAnswer(winner: winner, microseconds: costs.map { _ in nil }, source: .table)
  }
}

/// The kernel of that name where there is one, to see what it does; else as the table says.
public struct FixedKernel: KernelCosts {
  let kernel: String

  public init(_ kernel: String) { self.kernel = kernel }

  public func answer(_ question: KernelQuestion) -> KernelAnswer {
    let table = TabulatedCosts().answer(question)
    let winner = question.candidates.firstIndex { $0.kernel == kernel } ?? table.winner
    return KernelAnswer(winner: winner, microseconds: table.microseconds, source: .table)
  }
}

/// A question with its answer, for the report.
public struct KernelChoice: Sendable {
  public let layer: String
  public let shape: String
  public let candidates: [KernelCandidate]
  public let answer: KernelAnswer

  public init(_ question: KernelQuestion, _ answer: KernelAnswer) {
    layer = question.layer
    shape = question.shape
    candidates = question.candidates
    self.answer = answer
  }
}

extension GraphLowering {
  /// The candidate to take, which is noted for the report.
  func choose(_ question: KernelQuestion) -> Int {
    let answer = costs.answer(question)
    record.choices.append(KernelChoice(question, answer))
    return answer.winner
  }
}
