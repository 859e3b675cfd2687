import Kernels

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A recurrent layer as the tests write it. Activations are sigmoid for gates and tanh for states, or softsign.
struct RecurrentShape {
  var gates: Int
  var t = 4
  var b = 2
  var i = 3
  var h = 5
  var direction = 0
  var clip = 0.0
  var flag = false
  var peephole = false
  var initial = true
  var lengths: [Int]?
  var outputs = [true, true, true]
  /// Weights are codes of 8 bits.
  var coded = false

  var directions: Int { direction == 2 ? 2 : 1 }
  var label: String {
    "gates \(gates) \(t)x\(b)x\(i)>\(h) direction \(direction) flag \(flag) clip \(clip) lengths \(lengths ?? [])"
  }
}

/// Weights and inputs of a layer, and its steps by the definition.
struct RecurrentModel {
  let s: RecurrentShape
  let x, w, r, biasW, biasR, h0, c0, peephole: [Float]
  private let wCodes, rCodes: CodedRows

  init(_ shape: RecurrentShape, _ random: inout TestRandom) {
    s = shape
    let d = s.directions
    let width = s.gates * s.h
    x = random.floats(s.t * s.b * s.i)
    let w = random.floats(d * width * s.i)
    let bound = s.h > 40 ? Float(0.1) : 0.5  // larger states must not be chaotic
    let r = random.floats(d * width * s.h, -bound, bound)
    wCodes = CodedRows(w, columns: s.i)
    rCodes = CodedRows(r, columns: s.h)
    self.w = s.coded ? wCodes.floats : w
    self.r = s.coded ? rCodes.floats : r
    biasW = random.floats(d * width)
    biasR = random.floats(d * width)
    h0 = s.initial ? random.floats(d * s.b * s.h) : [Float](repeating: 0, count: d * s.b * s.h)
    c0 = s.initial ? random.floats(d * s.b * s.h) : [Float](repeating: 0, count: d * s.b * s.h)
    peephole = random.floats(d * 3 * s.h)
  }

  private func clipped(_ x: Double) -> Double { s.clip > 0 ? min(max(x, -s.clip), s.clip) : x }
  private func gate(_ x: Double) -> Double { 1 / (1 + exp(-clipped(x))) }
  private func squash(_ x: Double) -> Double { tanh(clipped(x)) }

  /// Row `row` of gate g times a vector.
  private func dot(_ weights: [Float], _ d: Int, _ g: Int, _ row: Int, _ vector: [Double]) -> Double {
    let base = ((d * s.gates + g) * s.h + row) * vector.count
    return vector.indices.reduce(0) { $0 + Double(weights[base + $1]) * vector[$1] }
  }

  private func bias(_ values: [Float], _ d: Int, _ g: Int, _ row: Int) -> Double {
    Double(values[(d * s.gates + g) * s.h + row])
  }

  private func step(_ d: Int, _ input: [Double], _ h: inout [Double], _ c: inout [Double]) {
    let old = h
    let rows = 0..<s.h
    func sum(_ g: Int, _ i: Int) -> Double { dot(w, d, g, i, input) + dot(r, d, g, i, old) + bias(biasW, d, g, i) }
    func p(_ k: Int, _ i: Int) -> Double { s.peephole ? Double(peephole[(d * 3 + k) * s.h + i]) : 0 }
    switch s.gates {
    case 1: h = rows.map { squash(sum(0, $0)) }
    case 4:
      for i in rows {
        let gi = gate(sum(0, i) + p(0, i) * c[i])
        let gf = s.flag ? 1 - gi : gate(sum(2, i) + p(2, i) * c[i])
        c[i] = gf * c[i] + gi * squash(sum(3, i))
        h[i] = gate(sum(1, i) + p(1, i) * c[i]) * tanh(c[i])
      }
    default:
      let z = rows.map { gate(sum(0, $0) + bias(biasR, d, 0, $0)) }
      let reset = rows.map { gate(sum(1, $0) + bias(biasR, d, 1, $0)) }
      let scaled = rows.map { reset[$0] * old[$0] }
      for i in rows {
        let own = dot(w, d, 2, i, input) + bias(biasW, d, 2, i)
        let rb = bias(biasR, d, 2, i)
        let other = s.flag ? reset[i] * (dot(r, d, 2, i, old) + rb) : dot(r, d, 2, i, scaled) + rb
        h[i] = (1 - z[i]) * squash(own + other) + z[i] * old[i]
      }
    }
  }

  func outputs() -> (y: [Float], yh: [Float], yc: [Float]) {
    let d = s.directions
    var y = [Float](repeating: 0, count: s.t * d * s.b * s.h)
    var yh: [Float] = []
    var yc: [Float] = []
    for direction in 0..<d {
      for b in 0..<s.b {
        let at = (direction * s.b + b) * s.h
        var h = h0[at..<at + s.h].map(Double.init)
        var c = c0[at..<at + s.h].map(Double.init)
        let length = s.lengths?[b] ?? s.t
        for k in 0..<length {
          let t = s.direction == 1 || direction == 1 ? length - 1 - k : k
          step(direction, x[(t * s.b + b) * s.i..<(t * s.b + b + 1) * s.i].map(Double.init), &h, &c)
          for i in 0..<s.h { y[((t * d + direction) * s.b + b) * s.h + i] = Float(h[i]) }
        }
        yh += h.map(Float.init)
        yc += c.map(Float.init)
      }
    }
    return (y, yh, yc)
  }

  private func packed(_ weights: [Float], _ codes: CodedRows, _ k: Int) -> TestTensor {
    let (d, g, h, n) = (Int64(s.directions), Int64(s.gates), Int64(s.h), Int64(k))
    if s.coded {
      return .packed(kerf_pack_rnn_codes_size(d, g, h, n)) {
        kerf_pack_rnn_codes(d, g, h, n, codes.codes, codes.scales, $0)
      }
    }
    return .packed(kerf_pack_rnn_f32_size(d, g, h, n)) { kerf_pack_rnn_f32(d, g, h, n, weights, $0) }
  }

  var testCase: KernelCase {
    let d = s.directions
    let width = s.gates * s.h
    let state = [d, s.b, s.h]
    let (y, yh, yc) = outputs()
    let lengths: TestTensor = s.lengths.map { .i32($0.map(Int32.init), [s.b]) } ?? .none
    let first: TestTensor = s.initial ? .f32(h0, state) : .none
    var inputs: [TestTensor] = [
      .f32(x, [s.t, s.b, s.i]), packed(w, wCodes, s.i), packed(r, rCodes, s.h), .f32(biasW, [d, width]),
    ]
    if s.gates == 3 { inputs.append(.f32(biasR, [d, width])) }
    inputs.append(first)
    if s.gates == 4 {
      inputs += [s.initial ? .f32(c0, state) : .none, s.peephole ? .f32(peephole, [d, 3 * s.h]) : .none]
    }
    inputs.append(lengths)
    var attributes: [TestAttribute] = [.integer(s.h), .integer(s.i), .integer(s.direction), .double(s.clip)]
    if s.gates != 1 { attributes.append(.integer(s.flag ? 1 : 0)) }
    let gate: [TestAttribute] = [4, 0.0, 0.0]
    let squash: [TestAttribute] = [5, 0.0, 0.0]
    for _ in 0..<d { attributes += s.gates == 1 ? squash : s.gates == 3 ? gate + squash : gate + squash + squash }
    let all: [TestTensor] = [.f32(y, [s.t, d, s.b, s.h]), .f32(yh, state), .f32(yc, state)]
    let outputs = (0..<(s.gates == 4 ? 3 : 2)).map { s.outputs[$0] ? all[$0] : TestTensor.none }
    let tolerance: Float = s.coded ? 2e-4 : 2e-5
    return KernelCase(
      name: s.label, inputs: inputs, attributes: attributes, outputs: outputs, absolute: tolerance, relative: 2e-5)
  }
}

/// Rows of weights as codes of 8 bits with a scale each.
struct CodedRows {
  var codes: [Int8] = []
  var scales: [Float] = []

  init(_ weights: [Float], columns: Int) {
    for start in stride(from: 0, to: weights.count, by: columns) {
      let row = weights[start..<start + columns]
      let scale = (row.map(abs).max() ?? 1) / 127
      scales.append(scale)
      codes += row.map { Int8(($0 / scale).rounded()) }
    }
  }

  var floats: [Float] {
    let columns = codes.count / max(scales.count, 1)
    return codes.indices.map { Float(codes[$0]) * scales[$0 / columns] }
  }
}

private func recurrentShapes(gates: Int) -> [RecurrentShape] {
  var shapes: [RecurrentShape] = []
  for direction in 0...2 {
    shapes += [
      .init(gates: gates, direction: direction),
      .init(gates: gates, t: 5, b: 3, i: 4, h: 16, direction: direction, flag: true, lengths: [5, 0, 2]),
      .init(gates: gates, t: 3, b: 1, i: 9, h: 33, direction: direction, clip: 0.5, peephole: true, initial: false),
      .init(gates: gates, t: 6, b: 2, i: 2, h: 32, direction: direction, peephole: true, lengths: [1, 6]),
    ]
  }
  shapes += [
    .init(gates: gates, t: 1, b: 1, i: 1, h: 1, outputs: [false, true, true]),
    .init(gates: gates, t: 2, b: 2, outputs: [true, false, false]), .init(gates: gates, t: 0),
    .init(gates: gates, b: 0),
    .init(gates: gates, t: 150, b: 5, i: 8, h: 96, initial: false),
  ]
  return shapes
}

func recurrentCases(gates: Int, seed: Int, coded: Bool = false) -> [KernelCase] {
  var random = TestRandom(seed)
  return recurrentShapes(gates: gates).map { shape in
    var shape = shape
    shape.coded = coded
    return RecurrentModel(shape, &random).testCase
  }
}

@Sendable func lstmCases() -> [KernelCase] { recurrentCases(gates: 4, seed: 14) }
@Sendable func gruCases() -> [KernelCase] { recurrentCases(gates: 3, seed: 15) }
@Sendable func rnnCases() -> [KernelCase] { recurrentCases(gates: 1, seed: 16) }
