import ArgumentParser
import Kerf

extension CalibrationMethod: ExpressibleByArgument {}

/// How samples decide what is quantized and how.
struct QuantizationFlags: ParsableArguments {
  @Option(
    name: .long,
    help: ArgumentHelp(
      "How activation ranges follow from the samples. Default: the one nearest to the float model.",
      valueName: "method"))
  var calibration: CalibrationMethod?

  @Option(
    name: .customLong("min-sqnr"),
    help: ArgumentHelp(
      "Signal over noise that every output must keep on the samples: layers stay float until it holds. Default: 28, for "
        + "classifiers 20, where not too many layers are the cause. 0: no such check.", valueName: "dB"))
  var minimumSQNR: Double?

  @Option(
    name: .customLong("max-drop"),
    help: ArgumentHelp(
      "Largest drop on the samples, as 0.5%: of rows with another largest score or, where outputs are numbers, of their "
        + "magnitude. Layers stay float until it holds.", valueName: "share"))
  var maxDrop: Share?

  @Option(
    name: .customLong("calibration-cache"),
    help: ArgumentHelp(
      "File that keeps what calibration measured, for the next compilation of this model with these samples.",
      valueName: "file"), completion: .file())
  var calibrationCache: String?

  @Option(
    name: .customLong("keep-float"), help: ArgumentHelp("ONNX node that stays float. Repeatable.", valueName: "node"))
  var keepFloat: [String] = []

  @Option(
    name: .customLong("max-memory"),
    help: ArgumentHelp("Memory that the compiled model and calibration may take, as 2GB or 512MiB.", valueName: "size"))
  var maxMemory: ByteSize?

  func apply(to options: inout CompileOptions) {
    options.calibration = calibration
    options.minimumSQNR = minimumSQNR
    options.maxDrop = maxDrop?.value
    options.calibrationCache = calibrationCache
    options.keepFloat = keepFloat
    options.maxMemory = maxMemory?.bytes
  }

  /// Options that say nothing without samples to measure on.
  var namesWithoutEffect: [String] {
    [
      ("--calibration", calibration != nil), ("--min-sqnr", minimumSQNR != nil), ("--max-drop", maxDrop != nil),
      ("--calibration-cache", calibrationCache != nil),
    ].filter(\.1).map(\.0)
  }
}

/// A share as `0.5%` or `0.005`.
struct Share: Equatable, ExpressibleByArgument {
  var value: Double

  init?(argument: String) {
    let isPercent = argument.hasSuffix("%")
    guard let number = Double(isPercent ? String(argument.dropLast()) : argument), number.isFinite else { return nil }
    value = isPercent ? number / 100 : number
    guard (0...1).contains(value) else { return nil }
  }
}
