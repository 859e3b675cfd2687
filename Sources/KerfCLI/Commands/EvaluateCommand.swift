import ArgumentParser
import Kerf

extension EvaluationMetric: ExpressibleByArgument {}

struct EvaluateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "evaluate",
    abstract: "Measure a model against labels.",
    discussion: """
        kerf evaluate model.kerf --samples x_test.npy --labels y_test.npy --metric top1

      The first axis of the labels counts samples. top1 and top5 take class numbers, one per row of the output; the other \
      metrics take labels of the output's shape.

      \(EvaluationMetric.allCases.map { "\($0.rawValue): \($0.summary)" }.joined(separator: "\n"))
      """)

  @Argument(help: "A bundle or an ONNX model.", completion: .file(extensions: ["kerf", "onnx"]))
  var model: String

  @OptionGroup var samples: SampleOptions

  @Option(name: .long, help: ArgumentHelp("The labels.", valueName: "y.npy"), completion: .file(extensions: ["npy"]))
  var labels: String

  @Option(name: .long, help: ArgumentHelp("What to measure.", valueName: "metric"))
  var metric = EvaluationMetric.top1

  @Option(
    name: .customLong("output"), help: ArgumentHelp("The output to judge. Default: the first.", valueName: "name"))
  var output: String?

  @OptionGroup var inputs: InputOptions
  @OptionGroup var opening: OpeningOptions
  @OptionGroup var json: JSONOption
  @OptionGroup var verbosity: VerbosityOptions

  func validate() throws {
    if samples.samples == nil { throw ValidationError("evaluate needs --samples") }
  }

  func run() throws {
    let session = try opening.open(model, verbosity).session
    let set = try openSamples(samples.samples, inputs.inputs, for: session)
    let result = try verbosity.step("evaluate on \(samples.samples ?? "")") { progress in
      try Evaluation.run(
        session, set, labels: try NumpyFile.read(labels), metric: metric, output: try index(session)
      ) { progress.show($0, of: set.count) }
    }
    if json.json { return try Console.json(result) }
    try Console.result("\(result.metric) \(Format.figure(result.value)) over \(result.samples) samples")
  }

  private func index(_ session: Session) throws -> Int {
    guard let output else { return 0 }
    if let index = session.outputs.firstIndex(where: { $0.name == output }) { return index }
    let names = session.outputs.map { "'\(printable($0.name))'" }.joined(separator: ", ")
    throw KerfError("the model has no output '\(output)'", notes: ["its outputs are \(names)"])
  }
}
