import ArgumentParser
import Kerf

struct ExportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Write a bundle's optimized graph as an ONNX model.",
    discussion: """
        kerf compile model.onnx -o model.kerf --quantize int8 --samples calibration.npy --keep-graph
        kerf export model.kerf -o optimized.onnx

      8-bit layers are written with QuantizeLinear and DequantizeLinear. The bundle must have been compiled with \
      --keep-graph.
      """)

  @Argument(help: "A bundle.", completion: .file(extensions: ["kerf"]))
  var bundle: String

  @Option(
    name: [.short, .customLong("output")], help: ArgumentHelp("The model to write.", valueName: "out.onnx"),
    completion: .file())
  var output: String

  @OptionGroup var strictness: StrictOption
  @OptionGroup var verbosity: VerbosityOptions

  func validate() throws {
    if output == bundle { throw ValidationError("the output must be another file than the bundle") }
  }

  func run() throws {
    try strictness.check(bundle)
    let graph = try verbosity.step("read \(bundle)") { _ in try BundleContents.graph(path: bundle) }
    try verbosity.step("write \(output)") { _ in try OutputFiles.write(graph, to: output) }
  }
}
