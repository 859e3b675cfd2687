import ArgumentParser
import Kerf

struct BenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Measure latency, load time and memory.",
    discussion: """
        kerf bench model.kerf
        kerf bench model.kerf --seconds 5 --threads 1 --inputs x.npy --json

      A process loads the model once, runs it once, warms up and then measures for the given time. Memory is the peak of \
      that process: for a bundle kerf-run, which holds the runtime and nothing else; for an ONNX model, a bundle with \
      operators that have no kernel, or where kerf-run is not beside kerf, kerf itself. For an ONNX model the load time \
      includes compiling it.
      """)

  @Argument(help: "A bundle or an ONNX model.", completion: .file(extensions: ["kerf", "onnx"]))
  var model: String

  @Option(name: .long, help: ArgumentHelp("Time to measure.", valueName: "s"))
  var seconds = 2.0

  @OptionGroup var inputs: InputOptions
  @OptionGroup var opening: OpeningOptions
  @OptionGroup var json: JSONOption
  @OptionGroup var verbosity: VerbosityOptions

  func validate() throws {
    guard seconds >= 0, seconds <= 86400 else { throw ValidationError("--seconds is \(seconds), must be in 0...86400") }
  }

  func run() throws {
    let opened = try opening.open(model, verbosity)
    let values = try inputs.values(for: opened.session)
    let result = try verbosity.step("measure for \(Format.figure(seconds)) s") { _ in
      if !model.hasSuffix(".onnx"),
        let result = try Benchmark.inRunner(
          model: model, opened.session, values, threads: opening.threads.count, seconds: seconds)
      {
        return result
      }
      return try Benchmark.run(
        model: model, opened.session, loadMilliseconds: opened.loadMilliseconds, values, threads: opening.threads.count,
        seconds: seconds)
    }
    if json.json { return try Console.json(result) }
    try Console.result(
      Format.table([
        ["median", Format.milliseconds(result.medianMS)],
        ["min", Format.milliseconds(result.minMS)],
        ["p90", Format.milliseconds(result.p90MS)],
        ["p99", Format.milliseconds(result.p99MS)],
        ["first run", Format.milliseconds(result.firstMS)],
        ["load", Format.milliseconds(result.loadMS)],
        ["runs", "\(result.runs)"],
        ["threads", "\(result.threads)"],
        ["instruction set", result.isa],
        ["peak memory", Format.bytes(result.peakRSSBytes)],
        ["arena", Format.bytes(result.arenaBytes)],
        ["weights", Format.bytes(result.weightsBytes)],
      ]))
  }
}
