import Calibration
import Foundation
import IR
import Passes
import Runtime
import Synchronization

/// Weights rounded for the least error of the layers' results on the samples.
extension Quantizer {
  /// Bytes of correlations that are measured in one pass over the samples; a layer that needs more keeps the nearest codes.
  private var momentBytes: Int { min(256 << 20, memoryLeft.map { $0 / 2 } ?? .max) }
  private static let mostSamples = 64

  /// Rounds the weights of all layers on codes, with the means that biases take of rows where those of channels are not known,
  /// and keeps that where the outputs, as `quality` measures them, do not get worse.
  mutating func roundWeights(_ plan: QuantizationPlan, _ quality: (Quantizer) throws -> OutputQuality) throws {
    guard !options.disabledPasses.contains(RoundWeights.name) else { return }
    let before = try quality(self).lowest
    roundedWeights = try rounding(plan)
    guard !rowMeans.isEmpty || roundedWeights.values.contains(where: { $0.weights != nil }) else { return }
    let after = try quality(self).lowest
    options.log?("weights rounded on the samples: \(decibels(before)) dB at the worst output became \(decibels(after))")
    guard after < before else { return }
    rowMeans = [:]
    let reason =
      "all layers' codes chosen on the samples bring an output from \(decibels(before)) to \(decibels(after)) dB"
    roundedWeights = roundedWeights.mapValues { $0.weights == nil ? $0 : .kept(reason: reason) }
  }

  /// Weights of `plan` as codes, nothing else.
  mutating func weightPipeline(_ plan: QuantizationPlan, bits: Int) throws -> Pipeline {
    weights = LayerWeights.all(plan, graph, bits: bits)
    try roundWeights(plan) { (quantizer) throws in
      try quantizer.checks.quality(
        Pipelines.weightCodes(plan, quantizer.weights, quantizer.roundedWeights, means: quantizer.means(plan)),
        on: quantizer.graph, memoryLimit: quantizer.memoryLeft)
    }
    return Pipelines.weightCodes(plan, weights, roundedWeights, means: means(plan))
  }

  /// The codes that the layers get.
  var finalWeights: [NodeID: LayerWeights] {
    weights.merging(roundedWeights.compactMapValues(\.weights)) { _, better in better }
  }

  private func decibels(_ value: Double) -> Double { (value * 100).rounded() / 100 }

  private mutating func rounding(_ plan: QuantizationPlan) throws -> [NodeID: RoundedWeights] {
    var result: [NodeID: RoundedWeights] = [:]
    var batch: [NodeID] = []
    var bytes = 0
    for id in plan.coded {
      guard let node = graph[id], let more = MomentMeter.bytes(of: node, in: graph) else { continue }
      guard more <= momentBytes else {
        result[id] = .kept(
          reason:
            "its codes are the nearest: the correlations of its inputs take \(more) bytes, more than \(momentBytes)")
        continue
      }
      if bytes + more > momentBytes, !batch.isEmpty {
        try round(batch, plan, &result)
        (batch, bytes) = ([], 0)
      }
      batch.append(id)
      bytes += more
    }
    if !batch.isEmpty { try round(batch, plan, &result) }
    return result
  }

  /// One pass over some samples, then the layers one after the other; where a run that keeps all their inputs takes too much
  /// memory, half of them each time.
  private mutating func round(
    _ ids: [NodeID], _ plan: QuantizationPlan, _ result: inout [NodeID: RoundedWeights]
  ) throws {
    var moments: [NodeID: InputMoments]
    do {
      moments = try self.moments(ids)
    } catch let error as KerfError where error.isMemoryShortage {
      guard ids.count == 1 else {
        let half = ids.count / 2
        try round(Array(ids[..<half]), plan, &result)
        return try round(Array(ids[half...]), plan, &result)
      }
      for id in ids {
        result[id] = .kept(reason: "its codes are the nearest: correlations do not fit, \(error.message)")
      }
      return
    }
    for (index, id) in ids.enumerated() {
      options.progress?("round weights", .count(index, of: ids.count))
      guard let node = graph[id], let own = moments.removeValue(forKey: id), let layer = weights[id] else { continue }
      let share = meanShare(node, own, plan)
      if share > 0 { rowMeans[id] = own.means.map { $0 * share } }
      guard let rounding = WeightRounding(layer, of: node, graph, own, meanShare: share) else {
        result[id] = .kept(reason: "the samples show nothing of its input")
        continue
      }
      result[id] = rounding.result(parts(of: rounding))
    }
  }

  /// How much of the means of a layer's inputs its bias will make up for. Layers on codes have shown many values; of others the
  /// means may come from few rows.
  private func meanShare(_ node: Node, _ moments: borrowing InputMoments, _ plan: QuantizationPlan) -> Double {
    guard !options.disabledPasses.contains(CorrectBias.name),
      CorrectBias.applies(to: node, graph, means: moments.means)
    else { return 0 }
    return plan.layers.contains(node.id) ? 1 : moments.certainty
  }

  private func parts(of rounding: WeightRounding) -> [WeightRounding.Part] {
    let count = rounding.partCount
    let threads = max(1, min(options.threads, count))
    let results = Mutex([WeightRounding.Part?](repeating: nil, count: count))
    // Parts share nothing but the results.
    DispatchQueue.concurrentPerform(iterations: threads) { thread in
      for index in stride(from: thread, to: count, by: threads) {
        let part = rounding.part(index)
        results.withLock { $0[index] = part }
      }
    }
    return results.withLock { $0.compactMap(\.self) }
  }

  private func moments(_ ids: [NodeID]) throws -> [NodeID: InputMoments] {
    let selection = feed.selection(Quantizer.mostSamples)
    let meter: MomentMeter
    do throws(Diagnostic) {
      meter = try MomentMeter(
        graph, ids, samples: selection.count, threads: options.threads, provider: ReferenceProvider(),
        memoryLimit: memoryLeft.map { $0 - $0 / 2 })
    } catch {
      throw KerfError(error)
    }
    for (index, sample) in selection.enumerated() {
      options.progress?("measure correlations", .count(index, of: selection.count))
      try feed.with(sample, for: meter.runner) { (arguments) throws(RuntimeError) in try meter.add(arguments) }
    }
    do throws(RuntimeError) {
      return try meter.finish()
    } catch {
      throw KerfError("measuring correlations: \(error)")
    }
  }
}
