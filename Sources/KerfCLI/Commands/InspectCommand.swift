import ArgumentParser
import Kerf

struct InspectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "Show a model's inputs, outputs, operators, parameters and cost.",
    discussion: """
        kerf inspect model.onnx
        kerf inspect model.onnx --dim N=8          figures for a batch of eight
        kerf inspect model.onnx --ir               the graph as text, before any pass
        kerf inspect model.kerf --ir               the steps of a bundle

      Free dimensions count as 1; in a bundle that cannot run with that, as a power of two that it can run with.
      """)

  @Argument(help: "A bundle or an ONNX model.", completion: .file(extensions: ["kerf", "onnx"]))
  var model: String

  @Flag(name: .customLong("ir"), help: "Print the graph as text.")
  var showsText = false

  @OptionGroup(title: "Shapes of an ONNX model")
  var shapes: ShapeOptions
  @OptionGroup var custom: CustomOperatorOptions
  @OptionGroup var json: JSONOption
  @OptionGroup var strictness: StrictOption
  @OptionGroup var verbosity: VerbosityOptions

  func run() throws {
    try custom.load()
    var options = CompileOptions()
    shapes.apply(to: &options)
    try strictness.check(model, options)
    let result = try verbosity.step("inspect \(model)") { _ in
      try Inspection.of(path: model, options: options, withText: showsText)
    }
    if json.json { return try Console.json(result) }
    if let text = result.text { return try Console.result(text) }
    for (title, ports) in [("input", result.inputs), ("output", result.outputs)] {
      for port in ports { try Console.result("\(title)  \(printable(port.name)): \(printable(port.type))") }
    }
    try Console.result(
      Format.table([
        ["nodes", "\(result.nodes)"],
        ["parameters", "\(Format.count(result.parameters))"],
        ["weights", Format.bytes(result.weightBytes)],
        ["MACs", Format.count(result.macs)],
        ["activations", Format.bytes(result.peakActivationBytes) + Self.ratio(result)],
      ]))
    let counts = result.operators.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
    try Console.result(Format.table(counts.map { ["\($0.value)", $0.key] }, right: [0]))
  }

  /// How close a bundle's arena is to the smallest possible.
  private static func ratio(_ result: Inspection) -> String {
    guard let bound = result.arenaLowerBoundBytes, bound > 0 else { return "" }
    return ", \(Format.number(Double(result.peakActivationBytes) / Double(bound), 2)) of the least possible"
  }
}
