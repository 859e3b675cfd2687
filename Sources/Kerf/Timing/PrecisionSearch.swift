import IR
import Lowering
import Passes

/// Decides which layers of a graph gain from 8-bit codes once the ways between codes and float are paid for.
struct PrecisionSearch {
  /// Costs of a layer in float and on codes, and the figures for the report.
  struct LayerCost {
    let float: Double
    let codes: Double
    let text: String
  }

  private let graph: Graph
  private let makePlan: ([NodeID: QuantizationPlan.Exception]) -> QuantizationPlan
  /// The plan with none of the search's exceptions.
  private let widest: QuantizationPlan
  private(set) var choices: [KernelChoice] = []
  private var layers: [NodeID: LayerCost] = [:]
  /// Layers whose costs are known, in order.
  private var known: [NodeID] = []
  /// Those among them for which the ways between codes and float can decide.
  private var open: [NodeID] = []

  /// Rounds over the open layers in which one is turned at a time.
  private static let rounds = 3

  /// `makePlan`: the plan with these exceptions and those that hold anyway.
  init(
    _ graph: Graph, _ table: PrecisionCosts, _ costs: any KernelCosts,
    _ makePlan: @escaping ([NodeID: QuantizationPlan.Exception]) -> QuantizationPlan
  ) {
    self.graph = graph
    self.makePlan = makePlan
    widest = makePlan([:])
    for id in widest.accelerated {
      guard let node = graph[id], let question = table.question(node, graph) else { continue }
      let answer = costs.answer(question)
      choices.append(KernelChoice(question, answer))
      let cost = LayerCost(question, answer)
      layers[id] = cost
      known.append(id)
      if !widest.recurrent.contains(id), abs(cost.float - cost.codes) < ways(node) { open.append(id) }
    }
  }

  /// Most that a layer's surroundings can cost more in one precision than in the other.
  private func ways(_ node: Node) -> Double {
    let each = PrecisionCosts.quantize + PrecisionCosts.dequantize + PrecisionCosts.floatElement
    let inputs = widest.attentions.contains(node.id) ? Array(node.inputs.prefix(2)) : [node.inputs[0]]
    return (inputs.reduce(0) { $0 + elements($1) } + elements(node.outputs[0])) * each
  }

  /// The layers that should stay float, with the reason: the best that turning one open layer at a time reaches from those
  /// that are faster in float by themselves, and from these without the open ones.
  func exceptions() -> [NodeID: QuantizationPlan.Exception] {
    let losing = known.filter { id in layers[id].map { $0.float < $0.codes } ?? false }
    var best = improved(Set(losing))
    let other = improved(Set(losing).subtracting(open))
    if other.cost < best.cost { best = other }
    var result: [NodeID: QuantizationPlan.Exception] = [:]
    for id in best.floats.sorted() {
      guard let layer = layers[id] else { continue }
      result[id] = QuantizationPlan.Exception(
        .float,
        layer.float < layer.codes
          ? "it is faster in float: \(layer.text)" : "the way to codes and back costs more than it gains: \(layer.text)"
      )
    }
    return result
  }

  private func improved(_ start: Set<NodeID>) -> (floats: Set<NodeID>, cost: Double) {
    var floats = start
    var lowest = cost(floats)
    for _ in 0..<Self.rounds {
      var isBetter = false
      for id in open {
        let trial = floats.symmetricDifference([id])
        let cost = cost(trial)
        if cost < lowest { (floats, lowest, isBetter) = (trial, cost, true) }
      }
      if !isBetter { break }
    }
    return (floats, lowest)
  }

  /// Layers that lose when each run measures its inputs and results leave as floats.
  func dynamicExceptions() -> [NodeID: QuantizationPlan.Exception] {
    var result: [NodeID: QuantizationPlan.Exception] = [:]
    for id in known {
      guard let layer = layers[id], let node = graph[id] else { continue }
      // A recurrent layer's costs are those of its float inputs.
      let way = widest.layers.contains(id) ? elements(node.inputs[0]) * 2 * PrecisionCosts.quantize : 0
      guard layer.float <= layer.codes + way else { continue }
      result[id] = QuantizationPlan.Exception(
        .float, "it is faster in float, its input's range included: \(layer.text)")
    }
    return result
  }

  /// What the graph costs with these layers in float: all layers, what lies between them, and the ways between codes and
  /// float.
  private func cost(_ floats: Set<NodeID>) -> Double {
    let plan = makePlan(
      Dictionary(uniqueKeysWithValues: floats.map { ($0, QuantizationPlan.Exception(.float, "")) }))
    var sum = 0.0
    let onCodes = Set(plan.accelerated)
    for id in known { sum += layers[id].map { onCodes.contains(id) ? $0.codes : $0.float } ?? 0 }
    let coded = Set(plan.values)
    for value in plan.values {
      let elements = self.elements(value)
      let producer = graph.producer(value)
      if !(producer.map { plan.readsCodes($0.id) } ?? false) { sum += elements * PrecisionCosts.quantize }
      if let producer, plan.carriers.contains(producer.id) {
        sum -= elements * (PrecisionCosts.floatElement - PrecisionCosts.codeElement)
      }
    }
    // Results on codes that something reads in float.
    for id in plan.layers.union(plan.attentions).union(plan.carriers).sorted() {
      guard let output = graph[id]?.outputs.first, coded.contains(output) else { continue }
      let leaves = graph.isOutput(output) || graph.users(output).contains { !plan.readsCodes($0) }
      if leaves { sum += elements(output) * PrecisionCosts.dequantize }
    }
    return sum
  }

  private func elements(_ value: ValueID?) -> Double {
    let shape = value.flatMap { graph.type($0).tensor?.shape } ?? []
    return shape.reduce(1.0) { $0 * Double($1.value ?? 1) }
  }
}

extension PrecisionSearch.LayerCost {
  init(_ question: KernelQuestion, _ answer: KernelAnswer) {
    let measured = answer.microseconds.compactMap(\.self)
    let isMeasured = measured.count == 2
    let costs = isMeasured ? measured.map { $0 * PrecisionCosts.perMicrosecond } : question.candidates.map(\.cost)
    (float, codes) = (costs[0], costs[1])
    func figure(_ index: Int) -> String {
      isMeasured ? "\(measured[index]) µs" : "\((costs[index] / 1e4).rounded() / 100) million multiply-adds"
    }
    text = "\(figure(0)) in float, \(figure(1)) on codes"
  }
}
