import IR
import Lowering
import Reports

/// Runs a quantized model and its float form side by side, so that quantization never costs time.
struct SpeedCheck {
  /// Each step at its fastest.
  private(set) var float: ModelTimes
  private(set) var quantized: ModelTimes

  /// Where both take the same time, codes take less memory.
  var isSlower: Bool { ratio > 1 + SpeedCheck.noise }

  /// How long the quantized model takes, of what its float form takes.
  var ratio: Double { quantized.milliseconds / max(float.milliseconds, .leastNonzeroMagnitude) }

  /// For the compile report.
  var report: SpeedReport {
    SpeedReport(
      quantizedMilliseconds: quantized.milliseconds, floatMilliseconds: float.milliseconds, keptFloat: isSlower)
  }

  var text: String { "\(rounded(quantized)) ms quantized, \(rounded(float)) ms in float" }

  private func rounded(_ times: ModelTimes) -> Double { (times.milliseconds * 1000).rounded() / 1000 }

  /// Milliseconds of measuring where the two are far apart, and where they are within `near` of each other.
  private static let time = 500.0
  private static let longTime = 2000.0
  private static let near = 0.1
  /// By how much one time exceeds another that is the same.
  private static let noise = 0.02
  private static let rounds = 5...2000
  /// Runs of one model in a row: but for the first, its weights are where they are when it runs alone.
  private static let runs = 3

  /// Times two bundles in turn on one sample, so that other load on the machine meets both. Without one on generated values.
  init(float: [UInt8], quantized: [UInt8], _ values: [Datum?]?, threads: Int) throws {
    let options = SessionOptions(threads: threads)
    let sessions = [try Session(bundle: float, options: options), try Session(bundle: quantized, options: options)]
    let values = try values ?? sessions[0].generatedInputs()
    self.float = ModelTimes(try sessions[0].profile(values, runs: 1))
    self.quantized = ModelTimes(try sessions[1].profile(values, runs: 1))
    for session in sessions { session.context.isProfiling = true }
    let clock = ContinuousClock()
    let start = clock.now
    for round in 0..<SpeedCheck.rounds.upperBound {
      let elapsed = Benchmark.milliseconds(start.duration(to: clock.now))
      if round >= SpeedCheck.rounds.lowerBound, elapsed > (isNear ? SpeedCheck.longTime : SpeedCheck.time) { break }
      for _ in 0..<SpeedCheck.runs {
        _ = try sessions[0].run(values)
        self.float.merge(sessions[0].context.stepNanoseconds)
      }
      for _ in 0..<SpeedCheck.runs {
        _ = try sessions[1].run(values)
        self.quantized.merge(sessions[1].context.stepNanoseconds)
      }
    }
  }

  private var isNear: Bool {
    abs(quantized.milliseconds - float.milliseconds) < SpeedCheck.near * float.milliseconds
  }
}

extension CompileOptions {
  /// Whether the quantized model must show that it is not slower.
  var comparesSpeed: Bool { refusesSlower && measuresSpeed && quantize != nil && target == .native }
}

extension Compiler {
  /// The quantized model. Where it would be slower on this machine than its float form, one in which more layers are float,
  /// by what each takes within the two models; where that is slower as well, the float form.
  static func compileComparing(
    _ graph: Graph, from source: SourceDescription, _ options: CompileOptions, _ costs: any KernelCosts
  ) throws -> CompiledModel {
    let quantized = try compile(graph, from: source, options, costs)
    options.progress?("compare with float", nil)
    var plain = options
    plain.quantize = nil
    plain.maxMemory = nil
    let reason = "quantized layers were slower than float ones on this machine: all stay float"
    let float = try compile(graph, from: source, plain, costs, notes: [reason])
    // Nothing became codes: there is nothing to compare.
    guard quantized.report.layers != float.report.layers else { return quantized }
    if let limit = options.maxMemory, let bytes = together([quantized, float]), bytes > limit {
      let what = "not compared with its float form: both take \(bytes) bytes, --max-memory is \(limit)"
      if options.strict { throw KerfError("--strict: \(what)") }
      var result = quantized
      result.warnings.append(what)
      result.report.warnings.append(what)
      return result
    }
    let ports = graph.inputs.map { PortDescription(name: graph[$0].name.bytes, graph.type($0)) }
    let values = try options.openSamples?(ports).load(0)
    // On one thread and on all: what wins on one may lose on the other.
    func compared(_ model: CompiledModel) throws -> SpeedCheck {
      let checks = try Set([1, options.threads]).sorted().map { threads in
        let check = try SpeedCheck(float: float.bundle, quantized: model.bundle, values, threads: threads)
        options.log?("speed on \(threads) thread\(threads == 1 ? "" : "s"): \(check.text)")
        return check
      }
      return checks.dropFirst().reduce(checks[0]) { $1.ratio > $0.ratio ? $1 : $0 }
    }
    var result = quantized
    var check = try compared(quantized)
    if check.isSlower, options.quantize?.searchesPrecision == true {
      options.progress?("compare layers in place", nil)
      let inPlace = CostsInPlace(others: costs, float: check.float, quantized: check.quantized)
      result = try compile(graph, from: source, options, inPlace)
      check = try compared(result)
    }
    if check.isSlower {
      if options.strict { throw KerfError("--strict: quantization would cost time: \(check.text)") }
      let warnings = result.warnings + ["\(reason) (\(check.text); --allow-slower keeps them)"]
      result = float
      result.warnings = warnings
      result.report.warnings = warnings
    }
    result.report.speed = check.report
    return result
  }
}

extension Compiler {
  /// Bytes that models take in memory at the same time; nil where one does not say.
  private static func together(_ models: [CompiledModel]) -> Int? {
    var bytes = 0
    for model in models {
      guard let memory = model.report.memory else { return nil }
      bytes += memory.weightBytes + (memory.arenaBytes ?? 0)
    }
    return bytes
  }
}

extension QuantizeMode {
  /// Whether layers are compared in float and on codes.
  fileprivate var searchesPrecision: Bool { self == .int8 || self == .int8Dynamic }
}
