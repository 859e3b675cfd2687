import ArgumentParser
import Foundation
import Kerf

extension Kerf.Target: ExpressibleByArgument {}
extension QuantizeMode: ExpressibleByArgument {}

/// `--input-shape` and `--dim`, and what a model file may reach and ask for.
struct ShapeOptions: ParsableArguments {
  @Option(
    name: .customLong("input-shape"),
    help: ArgumentHelp(
      "Shape of an input that the model leaves open, as x:1x3x224x224. Repeatable.", valueName: "name:shape"),
    transform: InputShape.init(argument:))
  var inputShapes: [InputShape] = []

  @Option(
    name: .customLong("dim"),
    help: ArgumentHelp(
      "A number for a symbolic dimension, or its bounds: N=1, T=1..512. Repeatable.", valueName: "name=value"),
    transform: DimensionRange.init(argument:))
  var dimensions: [DimensionRange] = []

  @OptionGroup var importing: ImportFlags

  func apply(to options: inout CompileOptions) {
    importing.apply(to: &options)
    options.inputShapes = inputShapes.map { ($0.name, $0.shape) }
    options.dimensions = dimensions.map { ($0.name, $0.range) }
  }
}

/// `NAME:1x3x224x224`; the name may hold colons.
struct InputShape: Equatable {
  var name: String
  var shape: [Int]

  init(argument: String) throws {
    guard let colon = argument.lastIndex(of: ":"), colon != argument.startIndex else {
      throw ValidationError("'\(argument)' is not NAME:SHAPE, as x:1x3x224x224")
    }
    name = String(argument[..<colon])
    let parts = argument[argument.index(after: colon)...].split(separator: "x", omittingEmptySubsequences: false)
    shape =
      try parts == [""]
      ? []
      : parts.map { part in
        guard let size = Int(part), size >= 0, size <= 1 << 47 else {
          throw ValidationError("'\(part)' in '\(argument)' is no dimension")
        }
        return size
      }
  }
}

/// `NAME=VALUE` or `NAME=MIN..MAX`.
struct DimensionRange: Equatable {
  var name: String
  var range: ClosedRange<Int>

  init(argument: String) throws {
    let problem = ValidationError("'\(argument)' is not NAME=VALUE or NAME=MIN..MAX")
    guard let equals = argument.lastIndex(of: "="), equals != argument.startIndex else { throw problem }
    name = String(argument[..<equals])
    let text = String(argument[argument.index(after: equals)...])
    let bounds = text.components(separatedBy: "..")
    guard bounds.count <= 2, let low = Int(bounds[0]), let high = Int(bounds[bounds.count - 1]), low >= 0, low <= high,
      high <= 1 << 47
    else { throw problem }
    range = low...high
  }
}

/// Bytes as `2GB`, `512MiB` or a plain number.
struct ByteSize: Equatable, ExpressibleByArgument {
  var bytes: Int

  init?(argument: String) {
    let units: [(String, Double)] = [
      ("KiB", 1024), ("MiB", 1_048_576), ("GiB", 1_073_741_824), ("kB", 1e3), ("KB", 1e3), ("MB", 1e6), ("GB", 1e9),
      ("TB", 1e12), ("k", 1e3), ("K", 1e3), ("M", 1e6), ("G", 1e9), ("B", 1),
    ]
    let unit = units.first { argument.hasSuffix($0.0) }
    let digits = argument.dropLast(unit?.0.count ?? 0)
    guard !digits.isEmpty, digits.allSatisfy({ $0.isASCII && ($0.isNumber || $0 == ".") }), let value = Double(digits)
    else {
      return nil
    }
    let product = value * (unit?.1 ?? 1)
    guard product >= 1, product < 1e15 else { return nil }
    bytes = Int(product)
  }
}

/// What `--expand` takes.
enum ExpandOption {
  static func check(_ names: [String]) throws {
    for name in names where name != "all" && !Compiler.expandableOperators.contains(name) {
      let near = Compiler.expandableOperators.nearest(to: name).map { "; did you mean '\($0)'?" } ?? ""
      throw ValidationError("--expand: ONNX defines no operator '\(name)' as a function\(near)")
    }
  }
}

/// Options of `compile` beyond shapes, samples and threads.
struct CompileFlags: ParsableArguments {
  @Option(
    name: .long,
    help: ArgumentHelp(
      "The processor the bundle is for. Default: this one. When native is asked for, kernels are measured here; a table "
        + "decides for all others.", valueName: "name"))
  var target: Kerf.Target?

  @Option(
    name: .customLong("timing-cache"),
    help: ArgumentHelp(
      "File that keeps what --target native measured: the same figures give the same bundle.", valueName: "file"),
    completion: .file())
  var timingCache: String?

  @Flag(
    name: .customLong("no-measure"),
    help: ArgumentHelp(
      "For this processor: the table decides, and a quantized model is not run against the float one. Nothing then rests on "
        + "time: the same input gives the same bytes."))
  var noMeasure = false

  @Option(
    name: .long,
    help: ArgumentHelp(
      "Turn weights, or weights and activations, into integers. int8 measures activations on --samples; without them each "
        + "run does.", valueName: "kind"))
  var quantize: QuantizeMode?

  @OptionGroup var quantization: QuantizationFlags

  @Flag(
    name: .customLong("keep-graph"),
    help: "Keep the optimized graph in the bundle, for kerf export: costs the size of its weights once more.")
  var keepGraph = false

  @Flag(
    name: .customLong("allow-slower"),
    help: "Keep a quantized model that is slower than the float one on this machine (--target native compares them).")
  var allowSlower = false

  @Option(
    name: .long,
    help: ArgumentHelp(
      "Set the least important weights to zero: magnitude:0.8 for 80 % of each layer's.", valueName: "kind:amount"))
  var prune: String?

  @Option(
    name: .customLong("expand"),
    help: ArgumentHelp(
      "Expand an operator from its ONNX definition instead of using Kerf's own form, to tell the two apart; all expands "
        + "every one that has a definition. Repeatable.", valueName: "operator"))
  var expandedOperators: [String] = []

  @Option(name: .customLong("disable-pass"), help: ArgumentHelp("Leave a pass out. Repeatable.", valueName: "name"))
  var disabledPasses: [String] = []

  @Option(
    name: .customLong("print-after"),
    help: ArgumentHelp("Print the graph to standard error after this pass.", valueName: "pass"))
  var printAfter: String?

  @Flag(name: .customLong("verify-each"), help: "Check the graph after every single edit.")
  var verifyEach = false

  @Option(
    name: .customLong("stop-after"),
    help: ArgumentHelp("Stop rewriting after so many edits, to find a wrong one by bisection.", valueName: "n"))
  var stopAfter: Int?

  @Flag(
    name: .long,
    help: "Turn into errors: options without effect, fallbacks to slower paths, passes that changed nothing.")
  var strict = false

  func validate() throws {
    try ExpandOption.check(expandedOperators)
    if let stopAfter, stopAfter < 0 { throw ValidationError("--stop-after is \(stopAfter), must not be negative") }
    if let prune, let problem = Compiler.problem(withPruning: prune) { throw ValidationError("--prune: \(problem)") }
    for name in disabledPasses + [printAfter].compactMap(\.self) where !Compiler.passNames.contains(name) {
      throw ValidationError("there is no pass '\(name)'; passes are \(Compiler.passNames.joined(separator: ", "))")
    }
  }

  func apply(to options: inout CompileOptions) {
    options.target = target ?? .native
    options.measuresKernels = target == .native && !noMeasure
    options.measuresSpeed = !noMeasure
    options.timingCache = timingCache
    options.quantize = quantize
    options.prune = prune
    quantization.apply(to: &options)
    options.refusesSlower = !allowSlower
    options.keepsGraph = keepGraph
    options.disabledPasses = disabledPasses
    options.expandedOperators = expandedOperators
    options.printAfter = printAfter
    options.verifyEach = verifyEach
    options.stopAfter = stopAfter
    options.strict = strict
  }

  /// Options that say nothing without another one.
  func withoutEffect(samples: String?, inputs: [String]) -> [String] {
    var list: [String] = []
    if noMeasure, target ?? .native != .native { list.append("--no-measure has no effect without --target native") }
    if timingCache != nil, target != .native || noMeasure {
      list.append("--timing-cache has no effect \(noMeasure ? "with --no-measure" : "without --target native")")
    }
    if quantize != .int8 || samples == nil {
      list += quantization.namesWithoutEffect.map { "\($0) has no effect without --quantize int8 and --samples" }
    }
    if quantize == nil {
      if !quantization.keepFloat.isEmpty, prune == nil {
        list.append("--keep-float has no effect without --quantize or --prune")
      }
      if samples != nil { list.append("--samples has no effect without --quantize") }
      if allowSlower { list.append("--allow-slower has no effect without --quantize") }
    }
    if !inputs.isEmpty, samples == nil { list.append("--inputs has no effect without --samples") }
    return list
  }
}
