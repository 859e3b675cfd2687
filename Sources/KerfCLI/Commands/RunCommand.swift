import ArgumentParser
import Foundation
import Kerf

struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Run a model and write its outputs.",
    discussion: """
      MODEL is a bundle, or an ONNX model that is compiled in memory first.

        kerf run model.kerf --inputs x.npy --outputs out              writes out/output_0.npy, …
        kerf run model.kerf --inputs ids=ids.npy --inputs mask=mask.npy --outputs out
        kerf run model.kerf --samples digits.npy --outputs out        one run per sample, outputs stacked
        kerf run vad.kerf --samples frames.npy --inputs rate=rate.npy --carry state_out=state --outputs out

      Without --inputs and --samples the inputs are generated, the same every time: floats uniform in [0, 1), integers and \
      booleans 1, free dimensions 1 or, where the model cannot run with that, a power of two. Without --outputs a summary of \
      the outputs is printed.
      """)

  @Argument(help: "A bundle or an ONNX model.", completion: .file(extensions: ["kerf", "onnx"]))
  var model: String

  @OptionGroup var inputs: InputOptions
  @OptionGroup var samples: SampleOptions

  @Option(
    name: .long,
    help: ArgumentHelp(
      "With --samples: feed an output back as the next sample's input. It starts with what --inputs gives, else zeros. "
        + "Repeatable.", valueName: "output=input"))
  var carry: [String] = []

  @Option(name: .long, help: ArgumentHelp("Folder for output_0.npy, ….", valueName: "dir"), completion: .directory)
  var outputs: String?

  @Option(
    name: .long,
    help: ArgumentHelp(
      "Seconds after which one run gives up. Default: 8 for generated inputs, else no limit.", valueName: "s"))
  var timeout: Double?

  @Option(
    name: .customLong("max-memory"),
    help: ArgumentHelp("Memory that one run may take, as 2GB or 512MiB.", valueName: "size"))
  var maxMemory: ByteSize?

  @OptionGroup var opening: OpeningOptions
  @OptionGroup var json: JSONOption
  @OptionGroup var verbosity: VerbosityOptions

  func validate() throws {
    if !carry.isEmpty, samples.samples == nil { throw ValidationError("--carry needs --samples") }
    if let timeout, !(timeout > 0 && timeout <= 86400) {
      throw ValidationError("--timeout is \(timeout), must be in 0...86400")
    }
  }

  func run() throws {
    let isTrial = samples.samples == nil && inputs.inputs.isEmpty
    let session = try opening.open(
      model, verbosity, maxMemory: maxMemory?.bytes ?? (isTrial ? trialMemory(weights: 0) : nil)
    ).session
    session.timeLimit = timeout
    let results: [Datum]
    if let path = samples.samples {
      results = try runSamples(path, session)
    } else {
      let values = isTrial ? [] : try inputs.values(for: session)
      results = try verbosity.step("run") { _ in isTrial ? try runTrial(session) : try session.run(values) }
    }
    let files = try outputs.map { folder in
      try verbosity.step("write to \(folder)") { _ in try OutputFiles.write(results, to: folder) }
    }
    try report(results, session.outputs, files)
  }

  /// Bytes that a run on generated inputs may take, these included: enough for models of the file's size, or with such
  /// weights beside it, not for one that grows without end.
  private func trialMemory(weights: Int) -> Int {
    let size = (try? FileManager.default.attributesOfItem(atPath: model)[.size] as? Int) ?? 0
    return (80 << 20) + max(12 * size, weights)
  }

  private func runTrial(_ session: Session) throws -> [Datum] {
    let limit = maxMemory?.bytes ?? trialMemory(weights: session.weightsBytes)
    do {
      let values = try session.generatedInputs(limit: limit)
      let taken = values.reduce(0) { $0 + ($1?.tensor?.byteCount ?? 0) }
      let trial = try session.fork(maxMemory: limit - taken)
      trial.timeLimit = timeout ?? 8
      return try trial.run(values)
    } catch var error as KerfError where session.inputs.contains(where: { $0.dims.contains(nil) }) {
      error.notes.append("the inputs are generated, their free dimensions as small as can be: give some with --inputs")
      throw error
    }
  }

  private func runSamples(_ path: String, _ session: Session) throws -> [Datum] {
    let constants = try InputFiles.load(inputs.inputs, for: session.inputs)
    let carried = try SampleRunner.carriedInputs(carry, session)
    let files = try SampleFiles.open(path, for: session.inputs, constants: constants, carried: carried)
    var runner = try SampleRunner(session, carries: carry, constants: constants)
    return try verbosity.step("run \(files.set.count) samples") { progress in
      try runner.runAll(files) { progress.show($0, of: files.set.count) }
    }
  }

  private struct Report: Encodable {
    struct Output: Encodable {
      var name: String
      var type: String
      var file: String?
    }
    var model: String
    var outputs: [Output]
  }

  private func report(_ results: [Datum], _ ports: [PortDescription], _ files: [String]?) throws {
    if json.json {
      let list = results.indices.map { index in
        Report.Output(name: ports[index].name, type: results[index].type.description, file: files?[index])
      }
      return try Console.json(Report(model: model, outputs: list))
    }
    guard !verbosity.quiet, files == nil else { return }
    for (value, port) in zip(results, ports) {
      try Console.result("\(printable(port.name)): \(OutputSummary.text(value))")
    }
  }
}
