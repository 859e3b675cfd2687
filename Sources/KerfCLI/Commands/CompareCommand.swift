import ArgumentParser
import Kerf

struct CompareCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare",
    abstract: "Compare the outputs of two models on the same inputs.",
    discussion: """
      The first model is the reference. Each is a bundle or an ONNX model.

        kerf compare model.onnx small.kerf --samples test.npy

      max rel is relative to the reference, at least 1e-6. SQNR is the energy of the reference over the energy of the \
      difference, in decibels (300 for equal outputs). top-1 is how often the largest element stands at the same place.
      """)

  @Argument(help: "The reference.", completion: .file(extensions: ["kerf", "onnx"]))
  var first: String

  @Argument(help: "The model to judge.", completion: .file(extensions: ["kerf", "onnx"]))
  var second: String

  @OptionGroup var samples: SampleOptions
  @OptionGroup var inputs: InputOptions
  @OptionGroup var opening: OpeningOptions
  @OptionGroup var json: JSONOption
  @OptionGroup var verbosity: VerbosityOptions

  func run() throws {
    let a = try opening.open(first, verbosity).session
    let b = try opening.open(second, verbosity).session
    let set = try openSamples(samples.samples, inputs.inputs, for: a)
    let result = try verbosity.step("compare on \(samples.samples ?? "one sample")") { progress in
      try Comparison.run(a, b, set) { progress.show($0, of: set.count) }
    }
    if json.json { return try Console.json(result) }
    func text(_ value: Double?) -> String { value.map(Format.figure) ?? "-" }
    var rows = [["output", "max abs", "max rel", "SQNR dB", "cosine", "top-1"]]
    for output in result.outputs {
      rows.append([
        printable(output.name, limit: 60), text(output.maxAbs), text(output.maxRel), text(output.sqnrDB),
        output.cosine.map { Format.number($0, 6) } ?? "-", output.top1Agreement.map { Format.number($0, 4) } ?? "-",
      ])
    }
    try Console.result(Format.table(rows, right: [1, 2, 3, 4, 5]))
    try Console.result("\(result.samples) sample\(result.samples == 1 ? "" : "s")")
  }
}
