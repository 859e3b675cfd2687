import Foundation
import IR

/// How near the codes of weights are to the weights: energies of the weights and of what the codes lack.
struct WeightQuality {
  var signal = 0.0
  var noise = 0.0

  /// 10 log₁₀(Σ w² / Σ (w − ŵ)²), at most 120.
  var decibels: Double { noise > 0 && signal > 0 ? max(-120, min(120, 10 * log10(signal / noise))) : 120 }

  /// Adds a constant and its codes.
  mutating func add(_ weight: Tensor, _ layer: LayerWeights) {
    guard weight.shape == layer.codes.shape, weight.count > 0 else { return }
    let values = weight.elements(Float.self) ?? weight.wide(Float.self)
    let codes = layer.codes.elements(Int8.self) ?? layer.codes.integers.map { Int8(truncatingIfNeeded: $0) }
    let scales = layer.scales.wide(Float.self)
    let (size, inner) = (weight.shape[layer.axis], weight.shape[(layer.axis + 1)...].reduce(1, *))
    let block = layer.block
    let blocks = block > 0 ? (size + block - 1) / block : 0
    // Elements whose places along the axis are the same stand next to each other.
    for (row, start) in stride(from: 0, to: values.count, by: inner).enumerated() {
      let place = row % size
      let first = block > 0 ? (row / size * blocks + place / block) * inner : place
      for index in 0..<inner {
        let value = Double(values[start + index])
        let difference = value - Double(scales[block > 0 ? first + index : first]) * Double(codes[start + index])
        signal += value * value
        noise += difference * difference
      }
    }
  }
}

extension QuantizationPlan {
  /// Signal over quantization noise of the weights of each layer whose weights become codes, in dB, by the first ONNX name
  /// of its node. `graph` has the float weights, `weights` the codes of products and convolutions.
  public func weightQuality(_ graph: Graph, _ weights: [NodeID: LayerWeights]) -> [Name: Double] {
    var result: [Name: Double] = [:]
    func note(_ id: NodeID, _ inputs: ClosedRange<Int>, _ codes: (Tensor) -> LayerWeights?) {
      guard let node = graph[id], let name = node.names.first else { return }
      var quality = WeightQuality()
      for index in inputs {
        guard let weight = graph.constant(node.input(index)), let layer = codes(weight) else { continue }
        quality.add(weight, layer)
      }
      if quality.signal > 0 { result[name] = quality.decibels }
    }
    for id in coded { note(id, 1...1) { _ in weights[id] } }
    for id in recurrent.sorted() { note(id, 1...2) { $0.rank == 3 ? LayerWeights(rowsOf: $0) : nil } }
    for id in tables.sorted() { note(id, 0...0) { LayerWeights($0, axis: 0) } }
    return result
  }
}
