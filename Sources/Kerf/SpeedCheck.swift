import IR
import Lowering
import Reports

/// Runs a quantized model and its float form side by side, so that quantization never costs time.
struct SpeedCheck {
  /// Milliseconds of the fastest run of each.
  let float: Double
  let quantized: Double

  /// Slower than float by more than the measurement's noise.
  var isSlower: Bool { quantized > float * 1.05 }

  /// For the compile report.
  var report: SpeedReport {
    SpeedReport(quantizedMilliseconds: quantized, floatMilliseconds: float, keptFloat: isSlower)
  }

  /// Milliseconds that each model runs for, at least; and runs, at least and at most.
  private static let time = 250.0
  private static let runs = 5...2000

  /// Times two bundles in turn on one sample, so that other load on the machine meets both. Without one on generated values.
  init(float: [UInt8], quantized: [UInt8], _ values: [Datum?]?, threads: Int) throws {
    let options = SessionOptions(threads: threads)
    let sessions = [try Session(bundle: float, options: options), try Session(bundle: quantized, options: options)]
    let values = try values ?? sessions[0].generatedInputs()
    for session in sessions { _ = try session.run(values) }
    let clock = ContinuousClock()
    var fastest = [Double.infinity, Double.infinity]
    var total = 0.0
    var count = 0
    while count < SpeedCheck.runs.lowerBound || total < 2 * SpeedCheck.time && count < SpeedCheck.runs.upperBound {
      for (index, session) in sessions.enumerated() {
        let start = clock.now
        _ = try session.run(values)
        let elapsed = Benchmark.milliseconds(start.duration(to: clock.now))
        fastest[index] = min(fastest[index], elapsed)
        total += elapsed
      }
      count += 1
    }
    (self.float, self.quantized) = (fastest[0], fastest[1])
  }
}

extension CompileOptions {
  /// Whether the quantized model must show that it is not slower.
  var comparesSpeed: Bool { refusesSlower && quantize != nil && target == .native }
}

extension Compiler {
  /// The quantized model, or its float form where the quantized one would be slower on this machine.
  static func compileComparing(
    _ graph: Graph, from source: SourceDescription, _ options: CompileOptions, _ costs: any KernelCosts
  ) throws -> CompiledModel {
    let quantized = try compile(graph, from: source, options, costs)
    options.progress?("compare with float", nil)
    var plain = options
    plain.quantize = nil
    let reason = "quantized layers were slower than float ones on this machine: all stay float"
    let float = try compile(graph, from: source, plain, costs, notes: [reason])
    let ports = graph.inputs.map { PortDescription(name: graph[$0].name.bytes, graph.type($0)) }
    let values = try options.openSamples?(ports).load(0)
    let check = try SpeedCheck(float: float.bundle, quantized: quantized.bundle, values, threads: options.threads)
    let times = "\(milliseconds(check.quantized)) ms quantized, \(milliseconds(check.float)) ms in float"
    options.log?("speed: \(times)")
    if check.isSlower, options.strict { throw KerfError("--strict: quantization would cost time: \(times)") }
    var result = quantized
    if check.isSlower {
      result = float
      result.warnings = quantized.warnings + ["\(reason) (\(times); --allow-slower keeps them)"]
      result.report.warnings = result.warnings
    }
    result.report.speed = check.report
    return result
  }

  private static func milliseconds(_ value: Double) -> Double { (value * 1000).rounded() / 1000 }
}
