import IR
import Lowering

public typealias Target = Lowering.Target

/// Which weights and activations become integers.
public enum QuantizeMode: String, CaseIterable, Sendable {
  /// Weights and activations 8-bit, activation ranges from samples.
  case int8
}

/// How activation ranges follow from samples.
public enum CalibrationMethod: String, CaseIterable, Sendable {
  /// The smallest and the largest value seen.
  case minmax
}

/// Samples of a model's inputs, loaded one at a time.
public struct SampleSet: Sendable {
  public var count: Int
  /// The values of one sample, in the order of the model's inputs.
  public var load: @Sendable (Int) throws -> [Datum?]

  public init(count: Int, load: @escaping @Sendable (Int) throws -> [Datum?]) {
    self.count = count
    self.load = load
  }
}

/// How far a piece of work is.
public enum WorkDone: Equatable, Sendable {
  /// From 0 to 1.
  case fraction(Double)
  /// Items done.
  case count(Int, of: Int)

  /// How much is done, of `total`.
  public var amount: Double {
    switch self {
    case .fraction(let part): part
    case .count(let count, _): Double(count)
    }
  }
  public var total: Double {
    switch self {
    case .fraction: 1
    case .count(_, let total): Double(total)
    }
  }
}

/// What a compilation is asked for. The defaults change no value beyond rounding: sums are reordered,
/// and convolutions may run as Winograd's (about 2e-6 of the output's range).
public struct CompileOptions: Sendable {
  public var target = Target.native
  /// Shapes for inputs that the model leaves open.
  public var inputShapes: [(name: String, shape: [Int])] = []
  /// Numbers, or bounds, for symbolic dimensions.
  public var dimensions: [(name: String, range: ClosedRange<Int>)] = []
  public var quantize: QuantizeMode?
  public var calibration = CalibrationMethod.minmax
  /// As on the command line: `magnitude:0.8`, `block:1x4:0.7`, `n:m=2:4`.
  public var prune: String?
  /// ONNX names of nodes that stay float.
  public var keepFloat: [String] = []
  public var disabledPasses: [String] = []
  /// Operators to expand from their ONNX definition although Kerf has a form of its own; `all` is all of them.
  public var expandedOperators: [String] = []
  /// Pass after which the graph's text is given to `printGraph`.
  public var printAfter: String?
  public var verifyEach = false
  public var stopAfter: Int?
  /// Fallbacks and passes that were asked for and changed nothing are errors.
  public var strict = false
  public var threads = 1
  /// Bytes that arena and calibration may take.
  public var maxMemory: Int?
  /// Opens the samples once the model's inputs are known.
  public var openSamples: (@Sendable ([PortDescription]) throws -> SampleSet)?
  /// Called with what is being done and how far it is (nil where unknown).
  public var progress: (@Sendable (String, WorkDone?) -> Void)?
  public var log: (@Sendable (String) -> Void)?
  public var printGraph: (@Sendable (String) -> Void)?

  public init() {}
}
