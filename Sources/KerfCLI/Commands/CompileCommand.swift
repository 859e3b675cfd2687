import ArgumentParser
import Foundation
import Kerf

struct CompileCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compile",
    abstract: "Compile an ONNX model to a bundle.",
    discussion: """
      Without compression options the bundle computes what the model computes, up to the order of floating-point sums.

        kerf compile model.onnx -o model.kerf
        kerf compile model.onnx -o model.kerf --input-shape x:1x3x224x224 --target x86-64-v3
        kerf compile model.onnx -o small.kerf --quantize int8 --samples calibration.npy

      What was done is stored in the bundle: see `kerf report`. How much accuracy a compression costs: see `kerf compare` \
      and `kerf evaluate`.
      """)

  @Argument(help: "The ONNX model.", completion: .file(extensions: ["onnx"]))
  var model: String

  @Option(
    name: [.short, .customLong("output")], help: ArgumentHelp("The bundle to write.", valueName: "out.kerf"),
    completion: .file())
  var output: String

  @OptionGroup(title: "Shapes")
  var shapes: ShapeOptions
  @OptionGroup(title: "Compilation")
  var flags: CompileFlags
  @OptionGroup(title: "Samples for calibration")
  var samples: SampleOptions

  @Option(
    name: .long,
    help: ArgumentHelp(
      "Values for inputs that are the same in all samples, as for `kerf run`. Repeatable.", valueName: "path"),
    completion: .file())
  var inputs: [String] = []

  @Option(
    name: .long, help: ArgumentHelp("Also write the report as JSON.", valueName: "file.json"), completion: .file())
  var report: String?

  @Option(
    name: .long,
    help: ArgumentHelp(
      "Take options from a YAML file: every long option as a key. Those on the command line win.",
      valueName: "file.yaml"), completion: .file(extensions: ["yaml", "yml"]))
  var recipe: String?

  @OptionGroup var custom: CustomOperatorOptions
  @OptionGroup var threads: ThreadOptions
  @OptionGroup var json: JSONOption
  @OptionGroup var verbosity: VerbosityOptions

  func validate() throws {
    if output == model { throw ValidationError("the output must be another file than the model") }
  }

  func run() throws {
    try custom.load()
    let unused = flags.withoutEffect(samples: samples.samples, inputs: inputs)
    if flags.strict, let first = unused.first {
      throw KerfError("--strict: \(first)", notes: Array(unused.dropFirst()))
    }
    let compiled = try verbosity.step("compile \(model)") { try Compiler.compile(path: model, options: options($0)) }
    for warning in unused + compiled.warnings { Console.warning(warning) }
    try verbosity.step("write \(output)") { _ in try compiled.write(to: output) }
    if let report {
      try verbosity.step("write \(report)") { _ in
        try OutputFiles.write(try compiled.report.encoded(pretty: true), to: report)
      }
    }
    try summarize(compiled)
  }

  private func options(_ progress: Progress) -> CompileOptions {
    var options = CompileOptions()
    shapes.apply(to: &options)
    flags.apply(to: &options)
    options.threads = threads.count
    options.progress = { progress.show($0, $1) }
    options.log = verbosity.log
    options.printGraph = { Console.line($0) }
    if let path = samples.samples {
      let constants = inputs
      options.openSamples = { ports in
        try SampleFiles.open(path, for: ports, constants: try InputFiles.load(constants, for: ports)).set
      }
    }
    return options
  }

  private struct Summary: Encodable {
    var model: String
    var output: String
    var bytes: Int
    var layers: Int
    var warnings: [String]
    var peakRSSBytes: Int

    enum CodingKeys: String, CodingKey {
      case model, output, bytes, layers, warnings
      case peakRSSBytes = "peak_rss_bytes"
    }
  }

  private func summarize(_ compiled: CompiledModel) throws {
    let report = compiled.report
    if json.json {
      return try Console.json(
        Summary(
          model: model, output: output, bytes: compiled.byteCount, layers: report.layers.count,
          warnings: compiled.warnings, peakRSSBytes: Benchmark.peakResidentBytes()))
    }
    guard !verbosity.quiet else { return }
    let before = report.totals.nodesBefore
    try Console.result(
      "\(output): \(Format.bytes(compiled.byteCount)), \(before) nodes became \(report.layers.count) steps"
        + (report.hostCalls.isEmpty ? "" : ", \(report.hostCalls.count) of them without a kernel"))
  }
}
