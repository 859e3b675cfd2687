import Calibration
import IR
import Passes

/// Which layers 8-bit codes hurt, why, and what to do about it.
public struct Diagnosis: Encodable, Sendable {
  public struct Layer: Encodable, Sendable {
    public var name: String
    public var `operator`: String
    /// Signal over noise of the worst output when only this layer is on codes.
    public var aloneDB: Double
    /// Of this layer's result, when all layers are on codes.
    public var cumulativeDB: Double?
    /// What the samples show of the layer's input, and the range its codes get.
    public var seen: [Float]
    public var range: [Float]
    /// Largest magnitude over that of all but one in a thousand values.
    public var outlierRatio: Double
    /// Largest channel over the geometric mean of the channels.
    public var channelImbalance: Double
    public var fix: Fix

    private enum CodingKeys: String, CodingKey {
      case name, seen, range, fix
      case `operator` = "operator"
      case aloneDB = "alone_db"
      case cumulativeDB = "cumulative_db"
      case outlierRatio = "outlier_ratio"
      case channelImbalance = "channel_imbalance"
    }
  }

  /// What helps a layer: `calibration METHOD` or `equalize`, with the signal over noise that it gives, else `keep-float`;
  /// `none` where codes do no harm, `untried` for layers that need help behind those for which it is looked for.
  public struct Fix: Encodable, Sendable {
    public var kind: String
    public var aloneDB: Double?

    private enum CodingKeys: String, CodingKey {
      case kind
      case aloneDB = "alone_db"
    }
  }

  public struct Recipe: Encodable, Sendable {
    public var calibration: String
    public var keepFloat: [String]
    /// Signal over noise of the worst output with it.
    public var sqnrDB: Double
    /// Share of the first output's rows with the largest element at the same place.
    public var top1Agreement: Double
    /// Weight bytes that the layers kept float cost.
    public var bytes: Int
    /// Why what was asked for does not hold; nil where it does.
    public var warning: String?

    private enum CodingKeys: String, CodingKey {
      case calibration, bytes, warning
      case keepFloat = "keep_float"
      case sqnrDB = "sqnr_db"
      case top1Agreement = "top1_agreement"
    }

    /// Every option as a key, as `kerf compile --recipe` reads it.
    public var yaml: String {
      let names = keepFloat.map { "  - \(Recipe.quoted($0))\n" }.joined()
      return "# \(sqnrDB) dB at the worst output, \(top1Agreement) of the largest scores unchanged, on the samples\n"
        + "quantize: int8\ncalibration: \(calibration)\nmin-sqnr: 0\n" + (names.isEmpty ? "" : "keep-float:\n" + names)
    }

    /// A YAML string in double quotes.
    static func quoted(_ text: String) -> String {
      var result = "\""
      for scalar in text.unicodeScalars {
        switch scalar {
        case "\"": result += "\\\""
        case "\\": result += "\\\\"
        case _ where scalar.value < 0x20 || scalar.value == 0x7F:
          let digits = String(scalar.value, radix: 16)
          result += "\\x" + (digits.count < 2 ? "0" : "") + digits
        default: result.unicodeScalars.append(scalar)
        }
      }
      return result + "\""
    }
  }

  public var samples: Int
  public var calibration: String
  /// Signal over noise of the worst output with all layers on codes.
  public var sqnrDB: Double
  public var top1Agreement: Double
  /// The worst first.
  public var layers: [Layer]
  public var recipe: Recipe

  private enum CodingKeys: String, CodingKey {
    case samples, calibration, layers, recipe
    case sqnrDB = "sqnr_db"
    case top1Agreement = "top1_agreement"
  }
}

extension Compiler {
  /// Finds out which layers of the model at `path` 8-bit codes hurt. `options.openSamples` gives the samples,
  /// `options.maxDrop` and `options.minimumSQNR` what the recipe must hold.
  public static func diagnose(path: String, options: CompileOptions) throws -> Diagnosis {
    options.progress?("import", nil)
    var settings = options
    settings.quantize = .int8
    let source = try importModel(path, settings)
    _ = try checkNames(settings, source.graph, path: path)
    var graph = source.graph
    try optimizeFloat(&graph, settings)
    guard !QuantizationPlan(graph, keepFloat: settings.keepFloat).isEmpty else {
      throw KerfError("\(path): no layer has constant weights and a float input: there is nothing to quantize")
    }
    var quantizer = try quantizer(graph, settings)
    // As the layers are: what evening out would hide is to be seen.
    try quantizer.calibrate()
    return try Diagnostician(quantizer).diagnosis()
  }
}

/// Makes a diagnosis with a calibrated quantizer.
private struct Diagnostician {
  private let quantizer: Quantizer
  /// The same with channels evened out; nil where there is nothing to even out.
  private let evened: Quantizer?
  private let method: RangeMethod
  private let all: OutputQuality
  private let layers: [Node]
  /// Layers for which fixes are looked for: the worst in any case, and others where they need it.
  private static let triedFixes = 3...16
  /// By how much a fix must change a layer's signal over noise: its noise is then a quarter.
  private static let leastGain = 6.0

  init(_ quantizer: Quantizer) throws {
    self.quantizer = quantizer
    var evened = quantizer
    self.evened = try evened.evenOut() ? evened : nil
    method = try quantizer.chooseMethod()
    all = try quantizer.quality([:], method)
    layers = quantizer.plan().revertible.compactMap { quantizer.graph[$0] }
  }

  func diagnosis() throws -> Diagnosis {
    let ranking = try quantizer.sensitivities(method).sorted {
      ($0.decibels, $0.node.id) < ($1.decibels, $1.node.id)
    }
    let cumulative = try cumulative()
    var rows: [Diagnosis.Layer] = []
    for (rank, layer) in ranking.enumerated() {
      rows.append(row(layer, cumulative[layer.node.id], try fix(layer, rank)))
    }
    return Diagnosis(
      samples: quantizer.feed.count, calibration: method.rawValue, sqnrDB: rounded(all.lowest),
      top1Agreement: all.agreement, layers: rows, recipe: try recipe())
  }

  private func row(_ layer: LayerSensitivity, _ cumulative: Double?, _ fix: Diagnosis.Fix) -> Diagnosis.Layer {
    let statistics = layer.node.inputs[0].flatMap { quantizer.statistics[$0] }
    let range = statistics?.range(method)
    return Diagnosis.Layer(
      name: layer.node.names.map(\.string).joined(separator: " + "), operator: type(of: layer.node.op).qualifiedName,
      aloneDB: rounded(layer.decibels), cumulativeDB: cumulative.map(rounded),
      seen: statistics.map { [$0.histogram.minimum, $0.histogram.maximum] } ?? [],
      range: range.map { [$0.minimum, $0.maximum] } ?? [], outlierRatio: rounded(statistics?.outlierRatio ?? 1),
      channelImbalance: rounded(statistics.map { ChannelBalance.imbalance($0.magnitudes) } ?? 1), fix: fix)
  }

  /// Signal over noise of each layer's result with all layers on codes.
  private func cumulative() throws -> [NodeID: Double] {
    let values = layers.map { $0.outputs[0] }
    let quality = try quantizer.checks.quality(
      quantizer.passes(quantizer.plan(), method), on: quantizer.graph, tapping: values,
      memoryLimit: quantizer.memoryLeft)
    return Dictionary(zip(layers.map(\.id), quality.decibels)) { first, _ in first }
  }

  /// What helps a layer most, evening out before another method where they help about as much, since every layer can have
  /// it; else float.
  private func fix(_ layer: LayerSensitivity, _ rank: Int) throws -> Diagnosis.Fix {
    let needsHelp = layer.decibels < quantizer.goal.floor + 10
    guard rank < Self.triedFixes.lowerBound || needsHelp else { return Diagnosis.Fix(kind: "none", aloneDB: nil) }
    guard rank < Self.triedFixes.upperBound else { return Diagnosis.Fix(kind: "untried", aloneDB: nil) }
    let others = quantizer.only(layer.node, layers)
    var best = Diagnosis.Fix(kind: "none", aloneDB: nil)
    var least = layer.decibels + Self.leastGain
    for other in [RangeMethod.mse, .minmax, .percentile, .entropy] where other != method {
      let value = try quantizer.quality(others, other, isTrial: true).lowest
      if value >= least {
        (best, least) = (Diagnosis.Fix(kind: "calibration \(other.rawValue)", aloneDB: rounded(value)), value)
      }
    }
    if let evened, isUneven(layer) {
      let value = try evened.quality(others, method, isTrial: true).lowest
      let isAsGood = best.aloneDB == nil ? value >= least : value >= least - Self.leastGain / 2
      if isAsGood { best = Diagnosis.Fix(kind: "equalize", aloneDB: rounded(value)) }
    }
    let isToBlame = needsHelp || rank == 0 && !quantizer.goal.isReached(all)
    return best.aloneDB == nil && isToBlame ? Diagnosis.Fix(kind: "keep-float", aloneDB: nil) : best
  }

  private func isUneven(_ layer: LayerSensitivity) -> Bool {
    let magnitudes = layer.node.inputs[0].flatMap { quantizer.statistics[$0]?.magnitudes } ?? []
    return ChannelBalance.imbalance(magnitudes) >= 8
  }

  /// The options that hold what is asked for: found as the compiler does, with all that it repairs before.
  private func recipe() throws -> Diagnosis.Recipe {
    var holding = evened ?? quantizer
    let method = try holding.chooseMethod()
    try holding.roundWeights(holding.plan()) { (quantizer) throws in try quantizer.quality(quantizer.exceptions, method)
    }
    try holding.holdFloor(method)
    let plan = holding.plan()
    let kept = layers.filter { !plan.revertible.contains($0.id) && !plan.weightLayers.contains($0.id) }
    let quality = try holding.quality(holding.exceptions, method)
    let bytes = kept.flatMap(\.inputs).reduce(0) { $0 + (holding.graph.constant($1)?.byteCount ?? 0) * 3 / 4 }
    return Diagnosis.Recipe(
      calibration: method.rawValue, keepFloat: kept.compactMap { $0.names.first?.string },
      sqnrDB: rounded(quality.lowest),
      top1Agreement: quality.agreement, bytes: bytes,
      warning: holding.goal.isReached(quality) ? nil : holding.warnings.last)
  }
}

extension ValueStatistics {
  /// Largest magnitude over that of all but one in a thousand values.
  var outlierRatio: Double {
    guard let usual = range(percentileOf: 1 / 1000.0), let all = range(.minmax) else { return 1 }
    let most = max(abs(Double(usual.minimum)), abs(Double(usual.maximum)))
    return most > 0 ? max(abs(Double(all.minimum)), abs(Double(all.maximum))) / most : 1
  }
}
