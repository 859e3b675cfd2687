import Bundle
import Kernels
import Runtime
import Testing

/// Pieces that lie within other tensors give the same bytes as tensors with places of their own. All numbers are small
/// integers, so that sums are exact.
@Suite struct ViewTests {
  /// A program of random steps on [n, h, w, channels] or [length, channels], many of them concatenations and slices.
  private struct RandomPieces {
    var builder = ProgramBuilder()
    var random: Generator
    let lead: [Int64]
    let isCodes: Bool
    private var slots: [(slot: Int32, channels: Int64)] = []

    init(seed: UInt64, isCodes: Bool) {
      random = Generator(state: seed)
      self.isCodes = isCodes
      lead = [
        Int64.random(in: 1...2, using: &random), Int64.random(in: 1...6, using: &random),
        Int64.random(in: 1...6, using: &random),
      ]
      let channels = Int64.random(in: 1...20, using: &random)
      slots.append((builder.input("x", type, lead + [channels]), channels))
      for _ in 0..<Int.random(in: 3...14, using: &random) { add() }
      let last = Int.random(in: 2...4, using: &random)
      concatenate((0..<last).map { _ in slots.count - 1 - Int.random(in: 0..<min(slots.count, 5), using: &random) })
      builder.output("y", slots[slots.count - 1].slot)
    }

    private var type: Int { isCodes ? KERF_U8 : KERF_F32 }

    private mutating func add() {
      let from = Int.random(in: max(0, slots.count - 4)..<slots.count, using: &random)
      switch Int.random(in: 0...6, using: &random) {
      case 0: pool(from)
      case 1: elementwise(from)
      case 2: cut(from)
      case 3: concatenate((0..<Int.random(in: 1...3, using: &random)).map { max(0, from - $0) })
      case 4: concatenate([0] + Array(1..<slots.count).suffix(3))
      default: isCodes ? pool(from) : convolution(from)
      }
    }

    private mutating func emit(_ operation: Int, _ inputs: [Int32], _ attributes: [Step.Attribute], _ channels: Int64) {
      let result = builder.slot(type, builder.constants(lead + [channels]))
      builder.kernel(operation, inputs, [result], attributes)
      slots.append((result, channels))
    }

    private mutating func pool(_ from: Int) {
      let geometry: [Int64] = [3, 3, 1, 1, 1, 1, 1, 1, 1, 1]
      let operation = isCodes ? KERF_OP_MAX_POOL_U8 : KERF_OP_MAX_POOL_F32
      emit(operation, [slots[from].slot], geometry.map { .int($0) }, slots[from].channels)
    }

    private mutating func elementwise(_ from: Int) {
      let channels = slots[from].channels
      if isCodes {
        let table = builder.weight(KERF_U8, [256], (0..<256).map { UInt8(truncatingIfNeeded: 255 - $0) })
        emit(KERF_OP_LUT_U8, [slots[from].slot, table], [], channels)
        return
      }
      let scale = builder.weight(KERF_F32, [channels], small(channels))
      let act: [Step.Attribute] = [.int(Int64(KERF_UNARY_RELU)), .float(0), .float(0)]
      emit(KERF_OP_SCALE_SHIFT_F32, [slots[from].slot, scale, scale], act, channels)
    }

    private mutating func convolution(_ from: Int) {
      let channels = Int64.random(in: 1...20, using: &random)
      let side: Int64 = Bool.random(using: &random) ? 1 : 3
      let inner = slots[from].channels
      let filter = builder.weight(KERF_F32, [channels, inner, side, side], small(channels * inner * side * side))
      let numbers = [side, side, 1, 1, 1, 1, side / 2, side / 2, side / 2, side / 2, 1, channels]
      let act: [Step.Attribute] = [.int(Int64(KERF_UNARY_CLIP)), .float(-9), .float(9), .int(0)]
      emit(KERF_OP_CONV2D_F32, [slots[from].slot, filter, -1, -1], numbers.map { .int($0) } + act, channels)
    }

    private mutating func cut(_ from: Int) {
      let channels = Int64.random(in: 1...slots[from].channels, using: &random)
      let start = Int64.random(in: 0...slots[from].channels - channels, using: &random)
      let attributes: [Int64] = [0, 1, 0, 1, 0, 1, start, 1]
      emit(KERF_OP_SLICE, [slots[from].slot], attributes.map { .int($0) }, channels)
    }

    private mutating func concatenate(_ pieces: [Int]) {
      let inputs = pieces.map { slots[$0].slot }
      emit(KERF_OP_CONCAT, inputs, [.int(3)], pieces.reduce(0) { $0 + slots[$1].channels })
    }

    private mutating func small(_ count: Int64) -> [Float] {
      (0..<count).map { _ in Float(Int.random(in: -2...2, using: &random)) }
    }

    mutating func input() -> Tensor {
      let dims = (lead + [slots[0].channels]).map { Int($0) }
      let count = dims.reduce(1, *)
      if isCodes { return Tensor(KERF_U8, dims, (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }) }
      return Tensor(KERF_F32, dims, small(Int64(count)))
    }

    /// The same, every tensor of which is an output and so has a place of its own.
    var apart: ProgramBuilder {
      var result = builder
      for (index, place) in slots.enumerated() { result.output("s\(index)", place.slot) }
      return result
    }
  }

  @Test(arguments: [false, true]) func viewsGiveTheSameBytes(isCodes: Bool) throws {
    for seed in 0..<400 {
      var pieces = RandomPieces(seed: UInt64(seed), isCodes: isCodes)
      let input = pieces.input()
      let apart = pieces.apart
      let whole = Context(try model(apart.program, weights: apart.weights))
      try whole.run([input])
      let expected = whole.values(0, as: UInt8.self)
      #expect(!expected.isEmpty)
      let context = Context(try model(pieces.builder.program, weights: pieces.builder.weights))
      for _ in 0..<2 {
        try context.run([input])
        #expect(context.values(0, as: UInt8.self) == expected, "seed \(seed)")
      }
    }
  }

  /// A convolution of 1 × 1 over [1, 8, 8, from].
  private func convolve(_ builder: inout ProgramBuilder, _ x: Int32, from: Int64, to: Int64) -> Int32 {
    let filter = builder.weight(KERF_F32, [to, from, 1, 1], [Float](repeating: 1, count: Int(to * from)))
    let numbers = [1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1, to, Int64(KERF_UNARY_IDENTITY)]
    let y = builder.slot(KERF_F32, builder.constants([1, 8, 8, to]))
    builder.kernel(
      KERF_OP_CONV2D_F32, [x, filter, -1, -1], [y], numbers.map { .int($0) } + [.float(0), .float(0), .int(0)])
    return y
  }

  @Test func piecesOfAConcatenationTakeNoMemoryOfTheirOwn() throws {
    var builder = ProgramBuilder()
    let x = builder.input("x", KERF_F32, [1, 8, 8, 16])
    let a = convolve(&builder, x, from: 16, to: 32)
    let b = convolve(&builder, x, from: 16, to: 96)
    let joined = builder.slot(KERF_F32, builder.constants([1, 8, 8, 128]))
    builder.kernel(KERF_OP_CONCAT, [a, b], [joined], [.int(3)])
    builder.output("y", joined)
    let context = Context(try model(builder.program, weights: builder.weights))
    try context.run([Tensor(KERF_F32, [1, 8, 8, 16], [Float](repeating: 1, count: 1024))])
    #expect(context.values(0, as: Float.self) == [Float](repeating: 16, count: 8192))
    // 32 KB for the result; the rest is scratch. With copies it was twice that.
    #expect(context.arenaBytes < 48 << 10)
  }

  /// What is joined along rows has its rows behind each other, and is copied into what is joined along columns.
  @Test func rowsJoinedWithinColumnsAreCopied() throws {
    var builder = ProgramBuilder()
    let x = builder.input("x", KERF_I64, [1, 2, 2])
    // Something large before, so that the arena needs no more with views.
    let tall = builder.slot(KERF_I64, builder.constants([1, 2, 2, 64]))
    builder.kernel(KERF_OP_EXPAND, [builder.weight(KERF_I64, [1], [Int64(7)])], [tall])
    let seven = builder.slot(KERF_I64, builder.constants([1, 1, 1, 1]))
    builder.kernel(KERF_OP_SLICE, [tall], [seven], [0, 1, 0, 1, 0, 1, 0, 1].map { .int($0) })
    builder.output("seven", seven)
    let sums = (0..<2).map { _ in builder.slot(KERF_I64, builder.constants([1, 2, 2])) }
    for sum in sums { builder.add(x, x, sum) }
    let rows = builder.slot(KERF_I64, builder.constants([1, 4, 2]))
    builder.kernel(KERF_OP_CONCAT, sums, [rows], [.int(1)])
    let columns = builder.slot(KERF_I64, builder.constants([1, 4, 4]))
    builder.kernel(KERF_OP_CONCAT, [rows, rows], [columns], [.int(2)])
    builder.output("y", columns)
    let context = Context(try model(builder.program, weights: builder.weights))
    try context.run([.int64([1, 2, 2], [1, 2, 3, 4])])
    #expect(context.values(0) == [7])
    #expect(context.values(1) == [2, 4, 2, 4, 6, 8, 6, 8, 2, 4, 2, 4, 6, 8, 6, 8])
  }

  @Test func dimensionsAreReadWhereTheyAre() throws {
    var builder = ProgramBuilder()
    let x = builder.input("x", KERF_I64, [2, 2])
    let sums = (0..<2).map { _ in builder.slot(KERF_I64, builder.constants([2, 2])) }
    for sum in sums { builder.add(x, x, sum) }
    let part = builder.slot(KERF_I64, builder.constants([2, 4]))
    builder.kernel(KERF_OP_CONCAT, sums, [part], [.int(1)])
    let whole = builder.slot(KERF_I64, builder.constants([2, 6]))
    builder.kernel(KERF_OP_CONCAT, [part, x], [whole], [.int(1)])
    let element = builder.expression(.element, Int64(part), 5)
    let y = builder.slot(KERF_I64, builder.constants([1]))
    builder.kernel(KERF_OP_DIMS, [], [y], [.dimension(element)])
    builder.output("whole", whole)
    builder.output("y", y)
    let context = Context(try model(builder.program))
    try context.run([.int64([2, 2], [1, 2, 3, 4])])
    #expect(context.values(0) == [2, 4, 2, 4, 1, 2, 6, 8, 6, 8, 3, 4])
    #expect(context.values(1) == [8])
  }

  @Test func hostileSlicesAreRefused() throws {
    for (start, channels) in [(Int64.max, Int64(4)), (13, 4), (-1, 4), (0, 17), (Int64.min, 4)] {
      var builder = ProgramBuilder()
      let x = builder.input("x", KERF_F32, [1, 8, 8, 16])
      let y = convolve(&builder, x, from: 16, to: 16)
      let piece = builder.slot(KERF_F32, builder.constants([1, 8, 8, channels]))
      builder.kernel(KERF_OP_SLICE, [y], [piece], [0, 1, 0, 1, 0, 1, start, 1].map { .int($0) })
      let joined = builder.slot(KERF_F32, builder.constants([1, 8, 8, channels + 16]))
      builder.kernel(KERF_OP_CONCAT, [piece, y], [joined], [.int(3)])
      builder.output("y", joined)
      let context = Context(try model(builder.program, weights: builder.weights))
      let refusal = context.refusal([Tensor(KERF_F32, [1, 8, 8, 16], [Float](repeating: 1, count: 1024))])
      #expect(refusal.contains("attribute") || refusal.contains("n1"), "\(start): \(refusal)")
    }
  }
}
