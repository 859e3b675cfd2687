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

  /// What helps a layer: `none`, `calibration METHOD`, `equalize`, `keep-float`, with the signal over noise it gives.
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

    private enum CodingKeys: String, CodingKey {
      case calibration, bytes
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
    try quantizer.calibrate(equalizing: false)
    return try Diagnostician(quantizer).diagnosis()
  }
}

/// Makes a diagnosis with a calibrated quantizer.
private struct Diagnostician {
  private var quantizer: Quantizer
  private let method: RangeMethod
  private let all: OutputQuality
  private let layers: [Node]
  /// Layers for which fixes are tried.
  private static let triedFixes = 5

  init(_ quantizer: Quantizer) throws {
    self.quantizer = quantizer
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
    for (index, layer) in ranking.enumerated() {
      let fix = index < Diagnostician.triedFixes ? try fix(layer) : Diagnosis.Fix(kind: "none", aloneDB: nil)
      rows.append(row(layer, cumulative[layer.node.id], fix))
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
      channelImbalance: rounded(statistics.map { EqualizeLayers.imbalance($0.magnitudes) } ?? 1), fix: fix)
  }

  /// Signal over noise of each layer's result with all layers on codes.
  private func cumulative() throws -> [NodeID: Double] {
    let values = layers.map { $0.outputs[0] }
    let quality = try quantizer.checks.quality(
      quantizer.passes(quantizer.plan(), method), on: quantizer.graph, tapping: values)
    return Dictionary(zip(layers.map(\.id), quality.decibels)) { first, _ in first }
  }

  /// The cheapest fix that makes the layer's noise a quarter: another method, evening out, else float.
  private func fix(_ layer: LayerSensitivity) throws -> Diagnosis.Fix {
    if layer.decibels >= quantizer.goal.decibels + 10 { return Diagnosis.Fix(kind: "none", aloneDB: nil) }
    let others = quantizer.only(layer.node, layers)
    for other in [RangeMethod.mse, .minmax, .percentile, .entropy] where other != method {
      let value = try quantizer.quality(others, other, isTrial: true).lowest
      if value >= layer.decibels + 6 {
        return Diagnosis.Fix(kind: "calibration \(other.rawValue)", aloneDB: rounded(value))
      }
    }
    let magnitudes = layer.node.inputs[0].flatMap { quantizer.statistics[$0]?.magnitudes } ?? []
    if EqualizeLayers.imbalance(magnitudes) >= 8 {
      var evened = quantizer
      try evened.calibrate(equalizing: true)
      let value = try evened.quality(evened.only(layer.node, layers), method, isTrial: true).lowest
      if value >= layer.decibels + 6 { return Diagnosis.Fix(kind: "equalize", aloneDB: rounded(value)) }
    }
    return Diagnosis.Fix(kind: "keep-float", aloneDB: nil)
  }

  /// The options that hold what is asked for.
  private func recipe() throws -> Diagnosis.Recipe {
    var holding = quantizer
    try holding.holdFloor(method)
    let plan = holding.plan()
    let kept = layers.filter { !plan.revertible.contains($0.id) && !plan.weightLayers.contains($0.id) }
    let quality = try holding.quality(holding.exceptions, method)
    let bytes = kept.flatMap(\.inputs).reduce(0) { $0 + (holding.graph.constant($1)?.byteCount ?? 0) * 3 / 4 }
    return Diagnosis.Recipe(
      calibration: method.rawValue, keepFloat: kept.compactMap { $0.names.first?.string },
      sqnrDB: rounded(quality.lowest),
      top1Agreement: quality.agreement, bytes: bytes)
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
