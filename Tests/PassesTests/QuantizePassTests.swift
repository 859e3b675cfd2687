import Foundation
import IR
import TestSupport
import Testing

@testable import Passes

/// Each pass of quantization on graphs with known numbers.
@Suite struct QuantizePassTests {
  static let linear = """
    graph @g(%x: f32[4,2]) -> (%y: f32[4,2]) {
      %w = constant [127, 0.5, -63.2, -1] : f32[2,2]
      %b = constant [1, 2] : f32[2]
      %y = Gemm(%x, %w, %b) : f32[4,2] from "fc"
      return %y
    }
    """

  func run(_ pass: any Pass, _ graph: inout Graph) throws -> PassReport {
    var options = PassOptions()
    options.verifiesEachEdit = true
    return try Pipeline([pass]).run(on: &graph, options).passes[0]
  }

  @Test func weightsBecomeCodesPerChannel() throws {
    let weights = LayerWeights(Tensor([Float(127), 0.5, -63.2, -1], shape: [2, 2]), axis: 1)
    #expect(weights.scales.elements(Float.self) == [1, Float(1) / 127])
    #expect(weights.codes.elements(Int8.self) == [127, 64, -63, -127])
    let rows = LayerWeights(Tensor([Float(2), -1, 0, 0], shape: [2, 2]), axis: 0)
    #expect(rows.scales.elements(Float.self) == [Float(2) / 127, 1])
    #expect(rows.codes.elements(Int8.self) == [127, -64, 0, 0])
  }

  @Test func blocksGetScalesOfTheirOwn() throws {
    // 33 inputs, one output: the last one is a block of its own.
    let values = (0..<33).map { Float($0 == 32 ? 70 : $0 % 2 == 0 ? 7 : -3) }
    let weights = LayerWeights(blocksOf: Tensor(values, shape: [33, 1]), axis: 1)
    #expect(weights.codes.type == .int4)
    #expect(weights.scales.shape == [2, 1])
    #expect(weights.scales.elements(Float.self) == [1, 10])
    #expect(weights.codes.integers == values.map { $0 == 70 ? 7 : Int($0) })
    #expect((weights.axis, weights.block) == (0, 32))
  }

  @Test func qualityIsThatOfTheWeights() throws {
    let graph = try Graph(parsing: Self.linear)
    let plan = QuantizationPlan(graph, weightsOnly: true)
    // Lost: 0.2 of 63.2, 1/254 of 0.5.
    let quality = try #require(plan.weightQuality(graph, LayerWeights.all(plan, graph))[Name("fc")])
    #expect(abs(quality - 57.0150) < 1e-3)
    #expect(plan.weightQuality(graph, [:]).isEmpty)
    // Blocks along each axis: what codes hold exactly has no noise.
    let values = (0..<192).map { index -> Float in
      let code = Float(index % 15 - 7)
      return index % 64 < 32 ? code : code * 8
    }
    var rows = WeightQuality()
    rows.add(Tensor(values, shape: [3, 64]), LayerWeights(blocksOf: Tensor(values, shape: [3, 64]), axis: 0))
    #expect(rows.signal > 0 && rows.noise == 0 && rows.decibels == 120)
    let columns = (0..<192).map { index -> Float in values[index % 3 * 64 + index / 3] }
    var other = WeightQuality()
    other.add(Tensor(columns, shape: [64, 3]), LayerWeights(blocksOf: Tensor(columns, shape: [64, 3]), axis: 1))
    #expect(other.noise == 0 && other.signal == rows.signal)
    var directions = WeightQuality()
    let recurrent = Tensor([Float(127), 1, 254, 2], shape: [2, 1, 2])
    directions.add(recurrent, LayerWeights(rowsOf: recurrent))
    #expect(directions.signal == 80650 && directions.noise == 0)
  }

  @Test func weightsOnlyKeepsInputsInFloat() throws {
    var graph = try Graph(parsing: Self.linear)
    let plan = QuantizationPlan(graph, weightsOnly: true)
    #expect(plan.layers.isEmpty && plan.values.isEmpty && plan.weightLayers.count == 1)
    let report = try run(QuantizeWeights(plan, LayerWeights.all(plan, graph)), &graph)
    #expect(report.edits == 1)
    #expect(
      graph.text == """
        graph @g(%x: f32[4,2]) -> (%y: f32[4,2]) {
          %w.int8 = constant [127, 64, -63, -127] : i8[2,2]
          %w.scale = constant [1.0, 0.007874016] : f32[2]
          %0 = DequantizeLinear(%w.int8, %w.scale) : f32[2,2] from "fc"
          %b = constant [1.0, 2.0] : f32[2]
          %y = Gemm(%x, %0, %b) : f32[4,2] from "fc"
          return %y
        }

        """)
  }

  @Test func weightsOnlyLeavesConvolutionsInFloat() throws {
    var graph = try Graph(parsing: Self.pair)
    let before = graph.text
    let plan = QuantizationPlan(graph, weightsOnly: true)
    #expect(plan.isEmpty)
    let report = try run(QuantizeWeights(plan, LayerWeights.all(plan, graph)), &graph)
    #expect(report.edits == 0 && graph.text == before)
    let reason = "no kernel reads 8-bit weights of a convolution: it stays float"
    #expect(report.rejected.map(\.reason) == [reason, reason])
  }

  @Test func biasTakesTheMeanError() throws {
    var graph = try Graph(parsing: Self.linear)
    let plan = QuantizationPlan(graph)
    let gemm = try #require(graph.orderedNodes.first { $0.op is Gemm }).id
    let report = try run(CorrectBias(plan, LayerWeights.all(plan, graph), means: [gemm: [10, 100]]), &graph)
    #expect(report.edits == 1)
    try expectCorrectedBias(graph)
  }

  /// Column 0 of `linear`: 127 exact, −63.2 became −63. Column 1: 0.5 became 64 / 127, −1 exact.
  private func expectCorrectedBias(_ graph: Graph) throws {
    let bias = try #require(graph.orderedNodes.first { $0.op is Gemm }?.inputs[2].flatMap { graph.constant($0) })
    let values = bias.wide(Double.self)
    #expect(abs(values[0] - (1 - 0.2 * 100)) < 1e-4)
    #expect(abs(values[1] - (2 + (0.5 - 64.0 / 127) * 10)) < 1e-5)
  }

  /// What rounding the weights takes does not depend on how the inputs are stored.
  @Test func biasOfLayersWithFloatInputsTakesTheMeanErrorToo() throws {
    let graph = try Graph(parsing: Self.linear)
    let gemm = try #require(graph.orderedNodes.first { $0.op is Gemm }).id
    let exception = QuantizationPlan.Exception(.weights, "few values")
    for plan in [
      QuantizationPlan(graph, exceptions: [gemm: exception]), QuantizationPlan(graph, weightsOnly: true),
    ] {
      #expect(plan.layers.isEmpty && plan.weightLayers == [gemm])
      var copy = graph
      let report = try run(CorrectBias(plan, LayerWeights.all(plan, copy), means: [gemm: [10, 100]]), &copy)
      #expect(report.edits == 1)
      try expectCorrectedBias(copy)
    }
  }

  /// 33 inputs: two blocks, each with a scale of its own.
  @Test(arguments: [true, false]) func biasOfBlocksUsesTheirScales(_ transposed: Bool) throws {
    let numbers = (0..<66).map { Float(sin(Double($0) * 1.7)) * ($0 % 33 < 32 ? 1 : 8) }
    let rows = Tensor(numbers, shape: [2, 33])
    let columns = Tensor((0..<66).map { numbers[$0 % 2 * 33 + $0 / 2] }, shape: [33, 2])
    var graph = Graph()
    let x = graph.addInput("x", .tensor(.float32, [4, 33]))
    var product = MatMul()
    product.transposesB = transposed
    let w = graph.addConstant(transposed ? rows : columns)
    let y = try graph.add(product, [x, w], names: ["fc"], before: nil)
    graph.setOutputs([y[0]], names: ["y"])
    let node = try #require(graph.orderedNodes.first { $0.op is MatMul })
    let weight = try #require(graph.constant(node.inputs[1]))
    let layer = LayerWeights(blocksOf: weight, axis: transposed ? 0 : 1)
    let means = (0..<33).map { Double($0) }
    let shift = try #require(CorrectBias.shift(node, weight, layer, means))
    let (codes, scales) = (layer.codes.wide(Double.self), layer.scales.wide(Double.self))
    for output in 0..<2 {
      var expected = 0.0
      for input in 0..<33 {
        let code = codes[transposed ? output * 33 + input : input * 2 + output]
        let scale = scales[transposed ? output * 2 + input / 32 : input / 32 * 2 + output]
        expected += (Double(numbers[output * 33 + input]) - scale * code) * means[input]
      }
      #expect(abs(shift[output] - expected) < 1e-9 && abs(expected) > 1e-3)
    }
  }

  @Test func biasOfGroupsUsesTheirOwnChannels() throws {
    let layer = LayerWeights(Tensor([Float(127), 0.4, 127, 0.4], shape: [2, 1, 1, 2]), axis: 0)
    var conv = Conv()
    conv.group = 2
    var graph = try Graph(
      parsing: """
        graph @g(%x: f32[1,2,1,2]) -> (%y: f32[1,2,1,1]) {
          %w = constant [127, 0.4, 127, 0.4] : f32[2,1,1,2]
          %y = Conv(%x, %w) {group=2} : f32[1,2,1,1] from "c"
          return %y
        }
        """)
    let node = try #require(graph.orderedNodes.first { $0.op is Conv })
    let weight = try #require(graph.constant(node.inputs[1]))
    let shift = try #require(CorrectBias.shift(node, weight, layer, [1, 10]))
    #expect(abs(shift[0] - 0.4) < 1e-6 && abs(shift[1] - 4) < 1e-6)
    // Of each weight's input.
    let byInput = try #require(CorrectBias.shift(node, weight, layer, [1, 2, 10, 20]))
    #expect(abs(byInput[0] - 0.8) < 1e-6 && abs(byInput[1] - 8) < 1e-6)
    #expect(CorrectBias.shift(node, weight, layer, [1, 10, 100]) == nil)
    // Without a bias the layer gets one. A trial: a depthwise layer on codes needs a reader on codes.
    let plan = QuantizationPlan(graph, isTrial: true)
    _ = try run(CorrectBias(plan, [node.id: layer], means: [node.id: [1, 10]]), &graph)
    #expect(graph[node.id]?.inputs.count == 3)
  }

  static let pair = """
    graph @g(%x: f32[1,2,2,2]) -> (%y: f32[1,1,2,2]) {
      %w = constant [1, 2, 64, 128] : f32[2,2,1,1]
      %b = constant [1, 64] : f32[2]
      %v = constant [64, 1] : f32[1,2,1,1]
      %1 = Conv(%x, %w, %b) {activation="relu"} : f32[1,2,2,2] from "first"
      %y = Conv(%1, %v) : f32[1,1,2,2] from "second"
      return %y
    }
    """

  @Test func channelsAreEvenedOutExactly() throws {
    var graph = try Graph(parsing: Self.pair)
    let x = Tensor([Float(0.1), -0.2, 3, 4, 5, -6, 7, 0.8], shape: [1, 2, 2, 2])
    let context = EvaluationContext(outputCount: 1)
    let before = try graph.evaluate([.tensor(x)], context)
    let plan = QuantizationPlan(graph)
    let value = try #require(plan.values.last)
    let report = try run(EqualizeLayers(plan, magnitudes: [value: [1, 64]], leastImbalance: 4), &graph)
    #expect(report.edits == 1)
    #expect(try graph.evaluate([.tensor(x)], context) == before)
    let first = try #require(graph.orderedNodes.first { $0.op is Conv })
    // sqrt(1/64 / 1) and sqrt(1 / (1/64)): factors 1/8 and 8.
    #expect(graph.constant(first.inputs[1])?.elements(Float.self) == [8, 16, 8, 16])
    #expect(graph.constant(first.inputs[2])?.elements(Float.self) == [8, 8])
  }

  @Test func evenChannelsStay() throws {
    var graph = try Graph(parsing: Self.pair)
    let plan = QuantizationPlan(graph)
    let value = try #require(plan.values.last)
    #expect(try run(EqualizeLayers(plan, magnitudes: [value: [1, 1.5]]), &graph).edits == 0)
  }

  @Test func otherReadersKeepChannelsAsTheyAre() throws {
    let text = Self.pair.replacing("(%y: f32[1,1,2,2])", with: "(%y: f32[1,1,2,2], %1: f32[1,2,2,2])")
      .replacing("return %y", with: "return %y, %1")
    var graph = try Graph(parsing: text)
    let plan = QuantizationPlan(graph)
    let value = try #require(plan.values.last)
    let report = try run(EqualizeLayers(plan, magnitudes: [value: [1, 64]], leastImbalance: 4), &graph)
    #expect(report.edits == 0)
    #expect(report.rejected.map(\.reason) == ["what reads its result cannot take the factors"])
  }

  @Test func dynamicIsStandardONNX() throws {
    var graph = try Graph(parsing: Self.linear)
    let before = graph
    let plan = QuantizationPlan(graph)
    let report = try run(QuantizeDynamic(plan, LayerWeights.all(plan, graph)), &graph)
    #expect(report.edits == 1)
    let names = graph.orderedNodes.map { type(of: $0.op).qualifiedName }
    #expect(names == ["DynamicQuantizeLinear", "MatMulInteger", "Mul", "Cast", "Mul", "Add"])
    let x = Tensor([Float(0), 255, 17, 3, 100, 0, 1, 2], shape: [4, 2])
    let context = EvaluationContext(outputCount: 1)
    let a = try #require(try before.evaluate([.tensor(x)], context)[0].tensor).wide(Double.self)
    let b = try #require(try graph.evaluate([.tensor(x)], context)[0].tensor).wide(Double.self)
    for (p, q) in zip(a, b) { #expect(abs(p - q) <= 0.01 * abs(p) + 2) }
  }

  /// Whatever the graph, dynamic quantization leaves types as they are and stays near the float result.
  @Test func dynamicStaysNearTheFloatResult() throws {
    var changed = 0
    for seed in UInt64(1000)..<1080 {
      let sample = RandomGraph(seed: seed)
      var graph = sample.graph
      var options = PassOptions()
      _ = try Pipelines.lossless(forCodes: true).run(on: &graph, options)
      let float = graph
      let plan = QuantizationPlan(graph)
      options.verifiesEachEdit = true
      let report = try Pipelines.dynamic(plan, LayerWeights.all(plan, graph)).run(on: &graph, options)
      guard report.edits > 0 else { continue }
      changed += 1
      let context = EvaluationContext(outputCount: graph.outputs.count, maximumBytes: 1 << 24)
      for (a, b) in zip(
        try float.evaluate(sample.arguments, context), try graph.evaluate(sample.arguments, context))
      {
        #expect(a.type == b.type, "seed \(seed)")
      }
    }
    #expect(changed > 20)
  }

  @Test func attentionWithoutRangesStaysFloat() throws {
    var graph = try Graph(
      parsing: """
        graph @g(%x: f32[1,3,4]) -> (%y: f32[1,3,4]) {
          %y = Attention(%x, %x, %x) {kv_num_heads=2, q_num_heads=2} : f32[1,3,4] from "attend"
          return %y
        }
        """)
    let node = try #require(graph.orderedNodes.first { $0.op is Attention })
    let before = graph.text
    let plan = QuantizationPlan(graph)
    #expect(plan.attentions == [node.id] && plan.values == graph.inputs && plan.revertible == [node.id])
    let report = try run(QuantizeAttention(plan), &graph)
    #expect(graph.text == before)
    #expect(report.rejected.map(\.reason) == ["no finite range of its queries and keys was measured"])
    #expect(QuantizationPlan(graph, exceptions: [node.id: .init(.float, "too noisy")]).values.isEmpty)
    #expect(QuantizationPlan(graph, hasRanges: false).attentions.isEmpty)
  }

  @Test func exceptionsSayWhy() throws {
    let graph = try Graph(parsing: Self.linear)
    let node = try #require(graph.orderedNodes.first { $0.op is Gemm })
    let float = QuantizationPlan(graph, exceptions: [node.id: .init(.float, "too noisy")])
    #expect(float.layers.isEmpty && float.weightLayers.isEmpty && float.values.isEmpty)
    #expect(float.rejected.map(\.reason) == ["too noisy"])
    let weights = QuantizationPlan(graph, exceptions: [node.id: .init(.weights, "few values")])
    #expect(weights.layers.isEmpty && weights.weightLayers == [node.id])
  }

  /// Two layers joined by a concatenation that a third one reads; %a has other readers where `keeps` names it an output.
  static func joined(alsoReturning extra: Bool) -> String {
    let outputs = extra ? ", %a: f32[1,1,2,2]" : ""
    return """
      graph @g(%x: f32[1,1,2,2]) -> (%y: f32[1,1,2,2]\(outputs)) {
        %u = constant [1] : f32[1,1,1,1]
        %v = constant [2] : f32[1,1,1,1]
        %w = constant [1, 2] : f32[1,2,1,1]
        %a = Conv(%x, %u) : f32[1,1,2,2] from "a"
        %b = Conv(%x, %v) : f32[1,1,2,2] from "b"
        %c = Concat(%a, %b) {axis=1} : f32[1,2,2,2] from "join"
        %y = Conv(%c, %w) : f32[1,1,2,2] from "c"
        return %y\(extra ? ", %a" : "")
      }
      """
  }

  /// Ranges by value: what is joined takes the codes of the result, unless another reader would get coarser ones.
  @Test func joinedValuesShareCodes() throws {
    for (extra, shares) in [(false, true), (true, false)] {
      let graph = try Graph(parsing: Self.joined(alsoReturning: extra))
      let plan = QuantizationPlan(graph, isTrial: true)
      var ranges: [ValueID: ValueRange] = [:]
      let measured: [Name: ValueRange] = [
        Name("x"): .init(0, 1), Name("a"): .init(0, 1), Name("b"): .init(-1, 2), Name("c"): .init(-1, 2),
      ]
      for value in plan.values { ranges[value] = measured[graph[value].name] }
      let shared = SharedRanges(plan, ranges, graph)
      let join = try #require(graph.orderedNodes.first { $0.op is Concat })
      try #require(plan.carriers.contains(join.id))
      let (a, b) = (try #require(join.input(0)), try #require(join.input(1)))
      #expect(shared.range(join.outputs[0]) == ValueRange(-1, 2))
      #expect(shared.range(b) == ValueRange(-1, 2))
      #expect(shared.range(a) == (shares ? ValueRange(-1, 2) : ValueRange(0, 1)))
    }
  }
}
