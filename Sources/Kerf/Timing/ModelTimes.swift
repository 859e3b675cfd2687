/// How long the steps of a model take where they stand, each at its fastest: what else runs on the machine then meets few of
/// them in all runs.
struct ModelTimes {
  struct Step {
    let names: [String]
    let operation: String
    var milliseconds: Double
  }

  private(set) var steps: [Step] = []

  /// Of all steps.
  var milliseconds: Double { steps.reduce(0) { $0 + $1.milliseconds } }

  /// Times of one run.
  init(_ profile: [StepProfile]) {
    steps = profile.map { Step(names: $0.names, operation: $0.operation, milliseconds: $0.milliseconds) }
  }

  /// Keeps the faster time of each step.
  mutating func merge(_ nanoseconds: [UInt64]) {
    for (index, time) in nanoseconds.enumerated() where index < steps.count {
      steps[index].milliseconds = min(steps[index].milliseconds, Double(time) / 1e6)
    }
  }

  /// Microseconds of the steps that stand for an ONNX node, and whether one of them computes on codes.
  func node(_ name: String) -> (microseconds: Double, isCoded: Bool)? {
    let own = steps.filter { $0.names.contains(name) }
    guard !own.isEmpty else { return nil }
    let isCoded = own.contains { step in ["_u8", "_codes", "_dynamic"].contains { step.operation.contains($0) } }
    return (own.reduce(0) { $0 + $1.milliseconds } * 1000, isCoded)
  }
}
