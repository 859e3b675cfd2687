import Calibration
import IR
import Lowering
import Passes
import Runtime

/// Decides how a float graph becomes one on 8-bit codes: measures its values on samples, chooses ranges, and takes
/// layers back to float until the outputs are as near to the float graph's as asked for.
struct Quantizer {
  /// The float graph, its channels evened out where that helps.
  private(set) var graph: Graph
  let feed: SampleFeed
  let options: CompileOptions
  private(set) var warnings: [String] = []
  /// Layers for which codes were compared with float.
  private(set) var choices: [KernelChoice] = []
  /// Passes that have already run on `graph`.
  private(set) var report: PipelineReport?
  let checks: QuantizationChecks
  private(set) var statistics: [ValueID: ValueStatistics] = [:]
  var weights: [NodeID: LayerWeights] = [:]
  /// What rounding them on the samples gave.
  var roundedWeights: [NodeID: RoundedWeights] = [:]
  /// Of layers whose bias takes the mean error, the means of what their weights are multiplied with.
  var rowMeans: [NodeID: [Double]] = [:]
  private(set) var exceptions: [NodeID: QuantizationPlan.Exception] = [:]
  /// Bytes of the statistics.
  private var statisticsBytes = 0

  init(_ graph: Graph, _ feed: SampleFeed, _ options: CompileOptions) throws {
    self.graph = graph
    self.feed = feed
    self.options = options
    checks = try QuantizationChecks(graph, feed, options)
    warnings = [checks.warning].compactMap(\.self)
  }

  /// Bytes that `--max-memory` leaves for a run of the graph beside what is kept; nil: as many as there are.
  var memoryLeft: Int? { options.maxMemory.map { max(0, $0 - checks.keptBytes - statisticsBytes) } }

  /// The passes that quantize `graph`. `costs` say which layers are faster in float: those stay so.
  mutating func pipeline(_ costs: any KernelCosts) throws -> Pipeline {
    exceptDisabledAttention()
    try calibrate()
    try evenOut()
    if options.refusesSlower {
      let search = Compiler.precisionSearch(graph, options, costs, exceptions: exceptions)
      exceptions.merge(search.exceptions()) { first, _ in first }
      choices = search.choices
      if plan().accelerated.isEmpty {
        let what = "no layer is faster on codes than in float: none is quantized (--allow-slower does it nevertheless)"
        let hasTables = !plan().tables.isEmpty
        if options.strict, !hasTables { throw KerfError("--strict: \(what)") }
        warnings.append(what)
        if !hasTables { return passes(plan(), options.calibration ?? .mse) }
      }
    }
    let method = try chooseMethod()
    try roundWeights(plan()) { (quantizer) throws in try quantizer.quality(quantizer.exceptions, method) }
    try holdFloor(method)
    return passes(plan(), method)
  }

  /// Measures the graph and what its weights become.
  mutating func calibrate() throws {
    statistics = try measure(plan())
    takeWeights()
    exceptFewValues(plan())
  }

  /// Evens out channels of the graph that was measured, and measures it again. Returns whether anything changed.
  @discardableResult
  mutating func evenOut() throws -> Bool {
    guard try equalize() else { return false }
    statistics = try measure(plan([:]))
    takeWeights()
    return true
  }

  private mutating func takeWeights() {
    weights = LayerWeights.all(plan([:]), graph) { [graph] in PrecisionCosts.addsPairs($0, graph) }
  }

  func plan() -> QuantizationPlan { plan(exceptions) }

  func plan(_ exceptions: [NodeID: QuantizationPlan.Exception], isTrial: Bool = false) -> QuantizationPlan {
    QuantizationPlan(graph, keepFloat: options.keepFloat, exceptions: exceptions, isTrial: isTrial)
  }

  /// The passes that carry out a plan with ranges by a method.
  func passes(_ plan: QuantizationPlan, _ method: RangeMethod) -> Pipeline {
    var ranges: [ValueID: ValueRange] = [:]
    for value in plan.values { ranges[value] = statistics[value]?.range(method) }
    return Pipelines.quantized(plan, weights, roundedWeights, ranges: ranges, means: means(plan))
  }

  /// Means of what the layers read whose weights become codes. Layers on codes have shown many values: means of channels over
  /// all samples. Others may have shown few: of the rows that their weights were rounded on, which say how certain a mean is.
  func means(_ plan: QuantizationPlan) -> [NodeID: [Double]] {
    var means: [NodeID: [Double]] = [:]
    for node in plan.coded.compactMap({ graph[$0] }) {
      let isOnCodes = plan.layers.contains(node.id)
      let channels = channelMeans(node, areCertain: isOnCodes)
      let areKnown = CorrectBias.applies(to: node, graph, means: channels)
      let rows = rowMeans[node.id]
      means[node.id] = areKnown && (rows == nil || isOnCodes) ? channels : rows
    }
    return means
  }

  /// Means of a layer's input channels; none where they were not measured along its axis. Where they are not certain, as one
  /// more row of zeros would have them.
  private func channelMeans(_ node: Node, areCertain: Bool) -> [Double] {
    guard let x = node.inputs[0], let seen = statistics[x],
      seen.axis == QuantizationPlan.inputChannelAxis(node, graph)
    else { return [] }
    let rows = Double(seen.histogram.count) / Double(max(seen.means.count, 1))
    return areCertain ? seen.means : seen.means.map { $0 * rows / (rows + 1) }
  }

  // MARK: Measuring

  private mutating func measure(_ plan: QuantizationPlan) throws -> [ValueID: ValueStatistics] {
    var channels: [ValueID: Int] = [:]
    for id in plan.layers.sorted() {
      guard let node = graph[id], let x = node.inputs[0] else { continue }
      channels[x] = QuantizationPlan.inputChannelAxis(node, graph)
    }
    var cache = try options.calibrationCache.map { try CalibrationCache($0, graph, plan.values, channels, feed) }
    if let known = cache?.load() {
      options.log?("calibration: statistics from \(options.calibrationCache ?? "")")
      return known
    }
    statisticsBytes = Calibrator.statisticsBytes(graph, plan.values, channels: channels)
    if let limit = memoryLeft, limit == 0 {
      throw KerfError(
        "the statistics of \(plan.values.count) values take \(statisticsBytes) bytes, --max-memory leaves no room for a run"
      )
    }
    let (measured, passes) = try measureInParts(plan.values, channels)
    if passes > 1 {
      let what = "values are measured in \(passes) passes over the samples: all together do not fit in --max-memory"
      if !warnings.contains(what) { warnings.append(what) }
    }
    try cache?.store(measured, samples: feed.count)
    return measured
  }

  /// Measures in one pass over the samples; where keeping all values takes too much memory, half of them each time.
  private func measureInParts(
    _ values: [ValueID], _ channels: [ValueID: Int]
  ) throws -> (statistics: [ValueID: ValueStatistics], passes: Int) {
    do {
      return (try measure(values, channels), 1)
    } catch let error as KerfError where error.isMemoryShortage && values.count > 1 {
      let half = values.count / 2
      let first = try measureInParts(Array(values[..<half]), channels)
      let second = try measureInParts(Array(values[half...]), channels)
      return (first.statistics.merging(second.statistics) { first, _ in first }, first.passes + second.passes)
    }
  }

  private func measure(_ values: [ValueID], _ channels: [ValueID: Int]) throws -> [ValueID: ValueStatistics] {
    let calibrator: Calibrator
    do throws(Diagnostic) {
      calibrator = try Calibrator(
        graph, values: values, channels: channels, threads: options.threads, provider: ReferenceProvider(),
        memoryLimit: memoryLeft)
    } catch {
      throw KerfError(error)
    }
    for index in 0..<feed.count {
      options.progress?("calibrate", .count(index, of: feed.count))
      try feed.with(index, for: calibrator.runner) { (arguments) throws(RuntimeError) in try calibrator.add(arguments) }
    }
    return calibrator.statistics
  }

  /// Values that a layer's input must have shown before a range is taken from them.
  static let leastEvidence = 2048

  private mutating func exceptFewValues(_ plan: QuantizationPlan) {
    for id in plan.layers.sorted() {
      guard let node = graph[id], let x = node.inputs[0], let seen = statistics[x]?.histogram.count,
        seen < UInt64(Quantizer.leastEvidence)
      else { continue }
      let kept = QuantizationPlan.takesWeightCodes(node) ? "its input stays float" : "it stays float"
      exceptions[id] = QuantizationPlan.Exception(
        QuantizationPlan.takesWeightCodes(node) ? .weights : .float,
        "the samples show \(seen) values of its input, too few for a range (\(Quantizer.leastEvidence)): \(kept)")
    }
  }

  /// Attention stays float where its pass is turned off: else its queries and keys would become codes for nothing.
  private mutating func exceptDisabledAttention() {
    guard options.disabledPasses.contains(QuantizeAttention.name) else { return }
    for node in graph.orderedNodes where node.op is Attention {
      exceptions[node.id] = QuantizationPlan.Exception(.float, "\(QuantizeAttention.name) is turned off")
    }
  }

  /// Evens out channels where one scale fits them badly. Returns whether anything changed.
  private mutating func equalize() throws -> Bool {
    let magnitudes = statistics.mapValues(\.magnitudes).filter { !$0.value.isEmpty }
    let passes = Pipelines.balanced(plan([:]), magnitudes: magnitudes)
    do throws(Diagnostic) {
      let done = try passes.run(on: &graph, Compiler.passOptions(options))
      report = done
      return done.edits > 0
    } catch {
      throw KerfError(error)
    }
  }

  // MARK: Choosing

  /// How near the outputs are with these exceptions and that method.
  func quality(
    _ exceptions: [NodeID: QuantizationPlan.Exception], _ method: RangeMethod, isTrial: Bool = false
  ) throws -> OutputQuality {
    try checks.quality(passes(plan(exceptions, isTrial: isTrial), method), on: graph, memoryLimit: memoryLeft)
  }

  /// The method asked for, or the one whose outputs are nearest to the float graph's.
  func chooseMethod() throws -> RangeMethod {
    if let asked = options.calibration { return asked }
    var best = RangeMethod.mse
    var bestQuality = -Double.infinity
    for method in [RangeMethod.mse, .minmax, .percentile] {
      options.progress?("choose ranges", nil)
      let value = try quality(exceptions, method).lowest
      options.log?("ranges by \(method.rawValue): \(rounded(value)) dB at the worst output")
      if value > bestQuality { (best, bestQuality) = (method, value) }
    }
    return best
  }

  /// What the outputs must keep.
  var goal: QualityGoal {
    let isAsked = options.minimumSQNR != nil || options.maxDrop != nil
    return QualityGoal(
      decibels: options.minimumSQNR ?? (isAsked ? 0 : checks.hasScores ? 20 : 28), drop: options.maxDrop,
      isScores: checks.hasScores, budget: isAsked ? 1 : checks.hasScores ? 0.25 : 0.85)
  }

  /// Takes layers back, those first that hurt the outputs most for what they save, until the goal is reached.
  mutating func holdFloor(_ method: RangeMethod) throws {
    let goal = goal
    let before = try quality(exceptions, method)
    guard !goal.isReached(before) else { return }
    guard !options.disabledPasses.contains(ExcludeLayers.name) else {
      warnings.append(
        "on 8-bit codes the outputs keep \(goal.text(before)), less than \(goal.text): without \(ExcludeLayers.name) no layer "
          + "goes back to float for it")
      return
    }
    guard try isWithinReach(goal, method) else {
      warnings.append(
        "on 8-bit codes the outputs keep \(goal.text(before)), less than \(goal.text), and no few layers are the cause: more "
          + "than \(Int(goal.budget * 100)) % of the multiplications would have to stay float (--min-sqnr asks for it)")
      return
    }
    let ranking = try sensitivities(method)
    let all = Double(max(ranking.reduce(0) { $0 + $1.macs }, 1))
    var count = firstGuess(ranking, goal)
    var after = before
    var trial = exceptions
    while true {
      count = min(count, ranking.count)
      trial = exceptions
      for layer in ranking.prefix(count) { trial[layer.node.id] = exception(layer, before, goal) }
      after = try quality(trial, method)
      options.log?("\(count) of \(ranking.count) layers stay float: \(goal.text(after))")
      if goal.isReached(after) || count == ranking.count { break }
      count += max(1, count / 3)
    }
    let share = Double(ranking.prefix(count).reduce(0) { $0 + $1.macs }) / all
    let what = "\(count) of \(ranking.count) layers (\(Int((share * 100).rounded())) % of the multiplications)"
    guard share <= goal.budget else {
      warnings.append(
        "on 8-bit codes the outputs keep \(goal.text(before)), less than \(goal.text): \(what) would have to stay float, "
          + "which is not done unasked (--min-sqnr)")
      return
    }
    exceptions = trial
    warnings.append(
      "on 8-bit codes the outputs would keep \(goal.text(before)), less than \(goal.text): \(what) stay float, which "
        + "keeps \(goal.text(after)); see the report")
  }

  /// How many layers of a ranking to take back, if their noises add up.
  private func firstGuess(_ ranking: [LayerSensitivity], _ goal: QualityGoal) -> Int {
    let noises = ranking.map { $0.noise(max(goal.decibels, goal.isScores ? 0 : 10)) }
    var noise = noises.reduce(0, +)
    var count = 0
    while count < ranking.count, noise > 1 {
      noise -= noises[count]
      count += 1
    }
    return max(count, 1)
  }

  /// Whether the noise is so unevenly spread that a goal can be met within its budget: judged by eight groups of layers
  /// where there are many.
  private func isWithinReach(_ goal: QualityGoal, _ method: RangeMethod) throws -> Bool {
    let layers = plan().revertible.compactMap { graph[$0] }
    guard goal.budget < 1, layers.count > 24 else { return true }
    var groups: [LayerSensitivity] = []
    for group in 0..<8 {
      options.progress?("find sensitive layers", .count(group, of: 8))
      let own = layers[group * layers.count / 8..<(group + 1) * layers.count / 8]
      var others = exceptions
      for other in layers where !own.contains(where: { $0.id == other.id }) {
        others[other.id] = QuantizationPlan.Exception(.float, "")
      }
      let quality = try quality(others, method, isTrial: true)
      groups.append(
        LayerSensitivity(
          node: own[own.startIndex], macs: own.reduce(0) { $0 + graph.macs($1) }, decibels: quality.lowest))
    }
    groups.sort { ($0.weight, $1.node.id) > ($1.weight, $0.node.id) }
    let kept = Double(groups.reduce(0) { $0 + $1.macs }) * goal.budget
    var macs = 0.0
    var noise = groups.reduce(0) { $0 + $1.noise(goal.decibels) }
    for group in groups where noise > 1 && macs < kept {
      macs += Double(group.macs)
      noise -= group.noise(goal.decibels)
    }
    // Within a group noise is uneven as well.
    return noise <= 2
  }

  private func exception(
    _ layer: LayerSensitivity, _ before: OutputQuality, _ goal: QualityGoal
  ) -> QuantizationPlan.Exception {
    let bytes = layer.node.inputs.reduce(0) { $0 + (graph.constant($1)?.byteCount ?? 0) }
    return QuantizationPlan.Exception(
      .float,
      "on codes it alone brings an output to \(rounded(layer.decibels)) dB, all layers together to "
        + "\(goal.text(before)) where \(goal.text) is asked for: float costs \(bytes - bytes / 4) bytes",
      isExclusion: true)
  }

  /// What each layer alone does to the outputs, by falling noise per multiplication saved.
  func sensitivities(_ method: RangeMethod) throws -> [LayerSensitivity] {
    let layers = plan().revertible.compactMap { graph[$0] }
    var result: [LayerSensitivity] = []
    for (index, node) in layers.enumerated() {
      options.progress?("find sensitive layers", .count(index, of: layers.count))
      let quality = try quality(only(node, layers), method, isTrial: true)
      result.append(LayerSensitivity(node: node, macs: graph.macs(node), decibels: quality.lowest))
    }
    return result.sorted { ($0.weight, $1.node.id) > ($1.weight, $0.node.id) }
  }

  /// Exceptions for all layers but one.
  func only(_ node: Node, _ layers: [Node]) -> [NodeID: QuantizationPlan.Exception] {
    var others = exceptions
    for other in layers where other.id != node.id { others[other.id] = QuantizationPlan.Exception(.float, "") }
    return others
  }
}

/// What one layer on codes, alone, does to the outputs.
struct LayerSensitivity {
  let node: Node
  let macs: Int
  /// Signal over noise of the worst output.
  let decibels: Double

  /// Noise in units of what a floor allows.
  func noise(_ floor: Double) -> Double { OutputQuality.ratio(decibels: decibels - floor) }

  /// Noise per multiplication that codes speed up.
  var weight: Double { noise(0) / Double(macs + 10_000) }
}

/// What quantization must keep of the outputs.
struct QualityGoal {
  /// Signal over noise of the worst output, all samples together, and of numbers within 3 dB in each; 0: whatever it is.
  let decibels: Double
  /// Largest drop: share of rows with another largest score, or, for numbers, error relative to the outputs' magnitude.
  let drop: Double?
  let isScores: Bool
  /// Largest share of the multiplications that may stay float for it.
  let budget: Double

  /// Signal over noise that stands for it.
  var floor: Double {
    if decibels > 0 { return decibels }
    return isScores || drop == nil ? 20 : OutputQuality.decibels((drop ?? 0) * (drop ?? 0))
  }

  func isReached(_ quality: OutputQuality) -> Bool {
    if let drop, self.drop(quality) > drop { return false }
    return decibels <= 0 || quality.lowest >= decibels && (isScores || quality.lowestOfSamples >= decibels - 3)
  }

  private func drop(_ quality: OutputQuality) -> Double {
    isScores ? 1 - quality.agreement : OutputQuality.ratio(decibels: quality.lowest).squareRoot()
  }

  /// What is asked for.
  var text: String {
    let parts = (decibels > 0 ? ["\(rounded(decibels)) dB"] : []) + (drop.map { ["a drop of \(percent($0))"] } ?? [])
    return parts.joined(separator: " and ")
  }

  /// How a quality stands to it.
  func text(_ quality: OutputQuality) -> String {
    "\(rounded(quality.lowest)) dB" + (drop == nil ? "" : " and a drop of \(percent(self.drop(quality)))")
  }

  private func percent(_ value: Double) -> String { "\((value * 10_000).rounded() / 100) %" }
}

/// A number with one digit behind the point.
func rounded(_ value: Double) -> Double { (value * 10).rounded() / 10 }
