import ArgumentParser
import Kerf

struct ProfileCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "profile",
    abstract: "Show where the time goes, step by step.",
    discussion: """
        kerf profile model.kerf
        kerf profile model.kerf --threads 1 --runs 100 --top 20

      Per step: median time and share, multiply-accumulates, achieved GFLOP/s and how much that is of what the threads can do in \
      registers (measured at the start), bytes read and written, the kernel with its instruction set, and the ONNX nodes it \
      computes. Steps without a kernel run by reference evaluation.
      """)

  @Argument(help: "A bundle or an ONNX model.", completion: .file(extensions: ["kerf", "onnx"]))
  var model: String

  @Option(name: .long, help: ArgumentHelp("Runs to measure.", valueName: "n"))
  var runs = 20

  @Option(
    name: .long, help: ArgumentHelp("Show only so many of the slowest steps. Default: all, in order.", valueName: "n"))
  var top: Int?

  @OptionGroup var inputs: InputOptions
  @OptionGroup var opening: OpeningOptions
  @OptionGroup var json: JSONOption
  @OptionGroup var verbosity: VerbosityOptions

  func validate() throws {
    guard (1...1_000_000).contains(runs) else { throw ValidationError("--runs is \(runs), must be in 1...1000000") }
    if let top, top < 1 { throw ValidationError("--top is \(top), must be at least 1") }
  }

  private struct Report: Encodable {
    struct Step: Encodable {
      var index: Int
      var nodes: [String]
      var operation: String
      var kernel: String
      var isa: String
      var milliseconds: Double
      var macs: Int
      var gflops: Double
      var fractionOfPeak: Double
      var bytes: Int
      /// Gigabytes a second of inputs, weights and outputs.
      var bandwidth: Double
      var inputs: [[Int]]
      var outputs: [[Int]]

      private enum CodingKeys: String, CodingKey {
        case index, nodes, operation, kernel, isa, milliseconds, macs, gflops, bytes, inputs, outputs
        case fractionOfPeak = "fraction_of_peak"
        case bandwidth = "gb_per_s"
      }
    }
    var model: String
    var threads: Int
    var runs: Int
    var totalMS: Double
    var peakGFLOPS: Double
    var steps: [Step]

    private enum CodingKeys: String, CodingKey {
      case model, threads, runs, steps
      case totalMS = "total_ms"
      case peakGFLOPS = "peak_gflops"
    }
  }

  func run() throws {
    let session = try opening.open(model, verbosity).session
    let peak = session.peakGFLOPS() * Double(opening.threads.count)
    let values = try inputs.values(for: session)
    let steps = try verbosity.step("profile \(runs) runs") { _ in try session.profile(values, runs: runs) }
    let total = steps.reduce(0) { $0 + $1.milliseconds }
    var shown = steps.map { step in
      Report.Step(
        index: step.index, nodes: step.names, operation: step.operation, kernel: step.kernel, isa: Self.isa(step),
        milliseconds: step.milliseconds, macs: step.macs, gflops: Self.gflops(step),
        fractionOfPeak: peak > 0 ? Self.gflops(step) / peak : 0, bytes: step.bytes,
        bandwidth: Self.bandwidth(step), inputs: step.inputDims, outputs: step.outputDims)
    }
    if let top {
      shown = Array(shown.sorted { ($1.milliseconds, $0.index) < ($0.milliseconds, $1.index) }.prefix(top))
    }
    if json.json {
      return try Console.json(
        Report(model: model, threads: opening.threads.count, runs: runs, totalMS: total, peakGFLOPS: peak, steps: shown)
      )
    }
    var rows = [["step", "ms", "share", "MACs", "GFLOP/s", "of peak", "bytes", "GB/s", "kernel", "nodes"]]
    for step in shown {
      let share = total > 0 ? step.milliseconds / total * 100 : 0
      rows.append([
        "\(step.index)", Format.number(step.milliseconds, 4), Format.number(share, 1) + " %",
        step.macs > 0 ? Format.count(step.macs) : "", step.macs > 0 ? Format.number(step.gflops, 1) : "",
        step.macs > 0 ? Format.number(step.fractionOfPeak * 100, 0) + " %" : "", Format.bytes(step.bytes),
        Format.number(step.bandwidth, 1), step.kernel.isEmpty ? step.operation : step.kernel,
        printable(step.nodes.joined(separator: ", "), limit: 80),
      ])
    }
    try Console.result(Format.table(rows, right: [0, 1, 2, 3, 4, 5, 6, 7]))
    try Console.result(
      "total \(Format.milliseconds(total)) over \(steps.count) steps, peak \(Format.number(peak, 1)) GFLOP/s in float32, which "
        + "steps on 8-bit codes can pass")
  }

  /// The instruction set at the end of a kernel's name: `avx512` of `gemm_f32_avx512`.
  private static func isa(_ step: StepProfile) -> String {
    step.kernel.split(separator: "_").last.map(String.init) ?? "reference"
  }

  private static func bandwidth(_ step: StepProfile) -> Double {
    step.milliseconds > 0 ? Double(step.bytes) / (step.milliseconds * 1e6) : 0
  }

  private static func gflops(_ step: StepProfile) -> Double {
    step.milliseconds > 0 ? 2 * Double(step.macs) / (step.milliseconds * 1e6) : 0
  }
}
