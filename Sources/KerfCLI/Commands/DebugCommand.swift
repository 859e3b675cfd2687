import ArgumentParser
import Foundation
import Kerf

struct DebugCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "debug",
    abstract: "Rank the layers that 8-bit codes hurt, with a fix for each.",
    discussion: """
        kerf debug model.onnx --samples calibration.npy
        kerf debug model.onnx --samples calibration.npy --max-drop 1% --apply recipe.yaml
        kerf compile model.onnx -o model.kerf --samples calibration.npy --recipe recipe.yaml

      alone: signal over noise of the worst output when only this layer computes on codes; cumulative: of this layer's \
      result when all do. fix: what helps the layer most, with the signal over noise it then has alone: another \
      --calibration, or equalize, which kerf compile does by itself; else keep-float. The recipe keeps the layers in float \
      that the stated drop (or --min-sqnr) needs after that.
      """)

  @Argument(help: "The ONNX model.", completion: .file(extensions: ["onnx"]))
  var model: String

  @OptionGroup var samples: SampleOptions

  @Option(
    name: .long,
    help: ArgumentHelp("Values for inputs that are the same in all samples. Repeatable.", valueName: "path"),
    completion: .file())
  var inputs: [String] = []

  @Option(
    name: .customLong("apply"), help: ArgumentHelp("Write the recipe that holds the drop.", valueName: "recipe.yaml"),
    completion: .file())
  var apply: String?

  @OptionGroup(title: "Shapes")
  var shapes: ShapeOptions
  @OptionGroup(title: "Quantization")
  var quantization: QuantizationFlags
  @OptionGroup var threads: ThreadOptions
  @OptionGroup var json: JSONOption
  @OptionGroup var strictness: StrictOption
  @OptionGroup var verbosity: VerbosityOptions

  func validate() throws {
    if samples.samples == nil { throw ValidationError("debug needs --samples") }
  }

  func run() throws {
    let diagnosis = try verbosity.step("diagnose \(model)") {
      try Compiler.diagnose(path: model, options: options($0))
    }
    if let apply {
      try verbosity.step("write \(apply)") { _ in
        try OutputFiles.write(Array(diagnosis.recipe.yaml.utf8), to: apply)
      }
    }
    if let warning = diagnosis.recipe.warning { Console.warning(warning) }
    if json.json { return try Console.json(diagnosis) }
    try Console.result(DebugCommand.text(diagnosis))
  }

  private func options(_ progress: Progress) -> CompileOptions {
    var options = CompileOptions()
    shapes.apply(to: &options)
    quantization.apply(to: &options)
    options.threads = threads.count
    options.strict = strictness.strict
    options.progress = { progress.show($0, $1) }
    options.log = verbosity.log
    if let path = samples.samples {
      let constants = inputs
      options.openSamples = { ports in
        try SampleFiles.open(path, for: ports, constants: try InputFiles.load(constants, for: ports)).set
      }
    }
    return options
  }

  private static func text(_ diagnosis: Diagnosis) -> String {
    let head =
      "all layers on 8-bit codes, ranges by \(diagnosis.calibration): \(decibels(diagnosis.sqnrDB)) at the worst output, "
      + "\(Format.number(100 * diagnosis.top1Agreement, 1)) % of the largest scores unchanged, over \(diagnosis.samples) samples"
    var rows = [["layer", "operator", "alone", "cumulative", "seen", "codes", "outliers", "channels", "fix"]]
    for layer in diagnosis.layers.prefix(40) {
      rows.append([
        printable(layer.name, limit: 60), layer.operator, decibels(layer.aloneDB),
        layer.cumulativeDB.map(decibels) ?? "–", range(layer.seen), range(layer.range),
        Format.number(layer.outlierRatio, 1), Format.number(layer.channelImbalance, 1),
        layer.fix.kind + (layer.fix.aloneDB.map { " (\(decibels($0)))" } ?? ""),
      ])
    }
    let more = diagnosis.layers.count > 40 ? "\n… \(diagnosis.layers.count - 40) more with --json" : ""
    let recipe = diagnosis.recipe
    let kept = recipe.keepFloat.isEmpty ? "nothing" : recipe.keepFloat.map { printable($0) }.joined(separator: ", ")
    return head + "\n\n" + Format.table(rows, right: [2, 3, 6, 7]) + more
      + "\n\nrecipe: ranges by \(recipe.calibration), keep float: \(kept); \(decibels(recipe.sqnrDB)) at the worst output for "
      + "\(Format.bytes(recipe.bytes)) more of weights"
  }

  private static func decibels(_ value: Double) -> String { "\(Format.number(value, 1)) dB" }

  private static func range(_ ends: [Float]) -> String {
    ends.count == 2 ? "\(Format.figure(Double(ends[0]))) … \(Format.figure(Double(ends[1])))" : "–"
  }
}
