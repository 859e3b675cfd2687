import Calibration
import IR
import Lowering

public typealias Target = Lowering.Target

/// Which weights and activations become integers.
public enum QuantizeMode: String, CaseIterable, Sendable {
  /// Weights and activations 8-bit, activation ranges from samples; without samples as `int8Dynamic`.
  case int8
  /// Weights and the inputs of products and convolutions 8-bit, ranges of the inputs from each run.
  case int8Dynamic = "int8-dynamic"
  /// Weights of products and recurrent layers 8-bit, one scale for each output channel; all else float.
  case int8Weights = "int8-weights"
  /// Weights of products 4-bit, one scale for 32 inputs; of recurrent layers as `int8Weights`.
  case int4Weights = "int4-weights"
}

/// How activation ranges follow from samples.
public typealias CalibrationMethod = Calibration.RangeMethod

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
  /// Measures on this machine where several kernels compute a layer; else a table decides.
  public var measuresKernels = false
  /// File that keeps what was measured. With the same figures the same bundle comes out.
  public var timingCache: String?
  /// Time that measuring may take; afterwards the table decides.
  public var measuringSeconds = 3.0
  /// Shapes for inputs that the model leaves open.
  public var inputShapes: [(name: String, shape: [Int])] = []
  /// Folder that external data is confined to; nil is the model's own.
  public var externalRoot: String?
  /// Accept external data files that have more than one hard link, as stores without duplicates have.
  public var allowsHardLinks = false
  /// What a model file may ask for, by the names of `Compiler.importLimitNames`.
  public var importLimits: [(name: String, value: Int)] = []
  /// Numbers, or bounds, for symbolic dimensions.
  public var dimensions: [(name: String, range: ClosedRange<Int>)] = []
  public var quantize: QuantizeMode?
  /// Nil: the method whose result is nearest to the float model's on the samples.
  public var calibration: CalibrationMethod?
  /// Signal over noise, in dB, that every output must keep on the samples: layers go back to float until it holds. Nil:
  /// 28 where outputs are used as numbers and 20 where only the largest score matters, unless that takes more than 85 % or
  /// 25 % of the multiplications; 0: no such check.
  public var minimumSQNR: Double?
  /// Largest drop on the samples, as a fraction: of rows with another largest score, or, for outputs that are numbers, of
  /// the outputs' magnitude. Layers go back to float until it holds.
  public var maxDrop: Double?
  /// For this machine's processor: runs the quantized model against the float one; where it is slower, more of its layers
  /// stay float, and where that does not help either, all. The only decision that rests on a measurement: where the two
  /// are equally fast two compilations may differ. For all targets: layers that a table says are slower on codes stay float.
  public var refusesSlower = false
  /// Whether `refusesSlower` runs the two; false: the table alone decides, and the same input gives the same bytes.
  public var measuresSpeed = true
  /// Keeps the optimized graph in the bundle, as an ONNX model with all its weights, for `kerf export`.
  public var keepsGraph = false
  /// File that keeps what calibration measured.
  public var calibrationCache: String?
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
