import Foundation
import IR
import TestSupport
import Testing

@testable import ONNX

/// Operators of onnxruntime's domain that it has no kernel for on processors, so that there is nothing to compare with:
/// against their definitions in its ContribOperators.md, in double precision, on eight shapes each.
@Suite struct ContribFormulaTests {
  /// A batch, rows and columns; one row or column and no batch at all among them.
  static let shapes = [
    [1, 1, 2], [2, 3, 4], [1, 7, 6], [3, 1, 8], [0, 2, 4], [2, 5, 10], [1, 2, 30], [4, 4, 2],
  ]

  private func run(
    _ op: String, _ inputs: [Tensor], _ attributes: [[UInt8]] = [], outputs: [String] = ["y"]
  ) throws -> [Tensor] {
    let names = inputs.indices.map { "i\($0)" }
    let node = Proto.node(op, names, outputs, attributes, name: "n", domain: "com.microsoft")
    let graph = Proto.graph(
      [node],
      inputs: zip(names, inputs).map { Proto.value($0, $1.type == .uint8 ? 2 : 1, $1.shape.map(Int64.init)) },
      outputs: outputs.map { Proto.value($0, $0 == "mask" ? 9 : inputs[0].type == .uint8 ? 2 : 1) })
    return try ONNXTests.evaluate(Proto.model(graph, more: Wire.bytes(8, Proto.opset(1, "com.microsoft"))), inputs)
  }

  private func random(_ shape: [Int], _ seed: Int) -> Tensor {
    var numbers = SeededGenerator(seed: UInt64(seed + 1))
    return Tensor((0..<shape.reduce(1, *)).map { _ in numbers.float(-3...3) }, shape: shape)
  }

  private func expect(_ y: Tensor, _ shape: [Int], _ expected: [Double]) {
    #expect(y.shape == shape)
    let values = y.wide(Double.self)
    #expect(values.count == expected.count)
    for (value, wanted) in zip(values, expected) { #expect(abs(value - wanted) <= 1e-5 * (1 + abs(wanted))) }
  }

  private func fastGelu(_ x: Double) -> Double { 0.5 * x * (1 + tanh(0.7978845608028654 * (x + 0.044715 * x * x * x))) }

  @Test(arguments: shapes.indices) func biasSplitGelu(_ index: Int) throws {
    let shape = Self.shapes[index]
    let (x, bias) = (random(shape, index), random([shape[2]], 10 + index))
    let sums = zip(x.wide(Double.self).indices, x.wide(Double.self)).map { $1 + bias.wide(Double.self)[$0 % shape[2]] }
    let half = shape[2] / 2
    let expected = (0..<shape[0] * shape[1]).flatMap { row in
      (0..<half).map { column -> Double in
        let gate = sums[row * shape[2] + half + column]
        return sums[row * shape[2] + column] * 0.5 * gate * (1 + erf(gate / 2.0.squareRoot()))
      }
    }
    expect(try run("BiasSplitGelu", [x, bias])[0], [shape[0], shape[1], half], expected)
  }

  @Test(arguments: shapes.indices) func biasAddAndBiasDropout(_ index: Int) throws {
    let shape = Self.shapes[index]
    let (x, bias, skip) = (random(shape, index), random([shape[2]], 10 + index), random(shape, 20 + index))
    let (b, s) = (bias.wide(Double.self), skip.wide(Double.self))
    let expected = x.wide(Double.self).enumerated().map { $1 + b[$0 % shape[2]] + s[$0] }
    expect(try run("BiasAdd", [x, bias, skip])[0], shape, expected)
    let dropout = try run("BiasDropout", [x, bias, skip], outputs: ["y", "mask"])
    expect(dropout[0], shape, expected)
    #expect(dropout[1].wide(Double.self) == expected.map { _ in 1 })
  }

  @Test(arguments: shapes.indices) func biasSoftmax(_ index: Int) throws {
    let shape = Self.shapes[index]
    let (x, bias) = (random(shape, index), random([1, 1, shape[2]], 10 + index))
    let axis = index % 3
    let sums = x.wide(Double.self).enumerated().map { $1 + bias.wide(Double.self)[$0 % shape[2]] }
    // Over the axis and all behind it together.
    let length = shape[axis...].reduce(1, *)
    var expected: [Double] = []
    for start in stride(from: 0, to: sums.count, by: max(length, 1)) {
      let exponents = sums[start..<start + length].map { exp($0) }
      expected += exponents.map { $0 / exponents.reduce(0, +) }
    }
    let axes = [Proto.attribute("axis", int: Int64(axis)), Proto.attribute("is_inner_broadcast", int: 0)]
    expect(try run("BiasSoftmax", [x, bias], axes)[0], shape, expected)
  }

  @Test(arguments: shapes.indices) func productsWithoutAPeer(_ index: Int) throws {
    let shape = Self.shapes[index]
    let (rows, depth, columns) = (shape[0] * shape[1], shape[2], index + 1)
    let (a, b, bias) = (
      random([rows, depth], index), random([depth, columns], 10 + index), random([columns], 20 + index)
    )
    let (x, w) = (a.wide(Double.self), b.wide(Double.self))
    let products = (0..<rows * columns).map { at in
      (0..<depth).reduce(0.0) { $0 + x[at / columns * depth + $1] * w[$1 * columns + at % columns] }
    }
    let sums = products.enumerated().map { fastGelu($1 + bias.wide(Double.self)[$0 % columns]) }
    expect(try run("GemmFastGelu", [a, b, bias])[0], [rows, columns], sums)
    let scaled = try run("SparseToDenseMatMul", [a, b], [Proto.attribute("alpha", float: 0.5)])[0]
    expect(scaled, [rows, columns], products.map { $0 / 2 })
  }

  @Test(arguments: shapes.indices) func meansOfCodes(_ index: Int) throws {
    let shape = [shape(index, 0), Self.shapes[index][1], Self.shapes[index][2]]
    var numbers = SeededGenerator(seed: UInt64(index))
    let codes = (0..<shape.reduce(1, *)).map { _ in UInt8(numbers.int(0...255)) }
    let inputs = [
      Tensor(codes, shape: shape), Tensor(scalar: Float(0.5)), Tensor(scalar: UInt8(7)), Tensor(scalar: Float(0.25)),
      Tensor(scalar: UInt8(3)),
    ]
    let attributes = [Proto.attribute("axes", ints: [1]), Proto.attribute("keepdims", int: Int64(index % 2))]
    let y = try run("QLinearReduceMean", inputs, attributes)[0]
    let expected = (0..<shape[0] * shape[2]).map { at -> Double in
      let (batch, column) = (at / shape[2], at % shape[2])
      let sum = (0..<shape[1]).reduce(0.0) { $0 + Double(codes[(batch * shape[1] + $1) * shape[2] + column]) - 7 }
      return min(max((sum / Double(shape[1]) * 2).rounded(.toNearestOrEven) + 3, 0), 255)
    }
    #expect(y.shape == (index % 2 == 1 ? [shape[0], 1, shape[2]] : [shape[0], shape[2]]))
    // The mean in float32 can lie on the other side of a half.
    for (code, wanted) in zip(y.wide(Double.self), expected) { #expect(abs(code - wanted) <= 1) }
  }

  private func shape(_ index: Int, _ axis: Int) -> Int { max(Self.shapes[index][axis], 1) }
}
