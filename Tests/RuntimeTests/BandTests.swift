import Bundle
import Kernels
import Runtime
import Testing

extension Generator: RandomNumberGenerator {
  mutating func next() -> UInt64 { (0..<4).reduce(0) { sum, _ in sum << 16 | UInt64(next(1 << 16)) } }
}

/// Chains of steps over images give the same bytes band by band as one after the other. All numbers are small integers,
/// so that sums are exact in whatever order.
@Suite struct BandTests {
  /// A program of random windows and element-wise steps on [n, h, w, c].
  private struct RandomChain {
    var builder = ProgramBuilder()
    var random: Generator
    var dims: [Int64]
    var slot: Int32
    let first: Int32
    private let isCodes: Bool

    init(seed: UInt64, isCodes: Bool) {
      random = Generator(state: seed)
      self.isCodes = isCodes
      dims = [
        Int64.random(in: 1...3, using: &random), Int64.random(in: 9...40, using: &random),
        Int64.random(in: 3...9, using: &random), Int64.random(in: 1...18, using: &random),
      ]
      first = builder.input("x", isCodes ? KERF_U8 : KERF_F32, dims)
      slot = first
      for _ in 0..<Int.random(in: 2...5, using: &random) { isCodes ? addCodes() : addFloat() }
      builder.output("y", slot)
    }

    private var type: Int { isCodes ? KERF_U8 : KERF_F32 }

    private mutating func addFloat() {
      switch Int.random(in: 0...4, using: &random) {
      case 0: window(KERF_OP_MAX_POOL_F32, [])
      case 1, 2: convolution()
      case 3: elementwise(KERF_OP_UNARY_F32, [slot], [.int(Int64(KERF_UNARY_RELU)), .float(0), .float(0)])
      default:
        // An operand of the same shape that is not part of the chain.
        let side = builder.input("s\(builder.program.inputs.count)", type, dims)
        let operands = Bool.random(using: &random) ? [slot, side] : [side, slot]
        let identity = Int64(KERF_UNARY_IDENTITY)
        elementwise(
          KERF_OP_BINARY_F32, operands, [.int(Int64(KERF_BINARY_ADD)), .int(identity), .float(0), .float(0)])
      }
    }

    private mutating func addCodes() {
      switch Int.random(in: 0...2, using: &random) {
      case 0: window(KERF_OP_MAX_POOL_U8, [])
      case 1:
        let table = builder.weight(KERF_U8, [256], (0..<256).map { UInt8(truncatingIfNeeded: 255 - $0) })
        elementwise(KERF_OP_LUT_U8, [slot, table], [])
      default:
        let side = builder.input("s\(builder.program.inputs.count)", type, dims)
        let numbers: [Int64] = [3, 1 << 14, 5, 1 << 13, 14, 7, 0, 255]
        elementwise(KERF_OP_ADD_U8, [slot, side], numbers.map { .int($0) })
      }
    }

    private mutating func elementwise(_ operation: Int, _ inputs: [Int32], _ attributes: [Step.Attribute]) {
      let result = builder.slot(type, builder.constants(dims))
      builder.kernel(operation, inputs, [result], attributes)
      slot = result
    }

    private mutating func convolution() {
      let channels = Int64.random(in: 1...18, using: &random)
      let (kernel, geometry, spatial) = geometry()
      let count = channels * dims[3] * kernel.0 * kernel.1
      let filter = builder.weight(KERF_F32, [channels, dims[3], kernel.0, kernel.1], small(count))
      let bias = builder.weight(KERF_F32, [channels], small(channels))
      let last = dims
      dims = [dims[0], spatial.0, spatial.1, channels]
      // A residual where the shape stays.
      let residual = dims == last && slot != first && Bool.random(using: &random) ? first : -1
      let isResidual = residual >= 0 && last == inputDims
      let result = builder.slot(type, builder.constants(dims))
      let attributes = [1, channels, Int64(KERF_UNARY_IDENTITY)].map { Step.Attribute.int($0) }
      builder.kernel(
        KERF_OP_CONV2D_F32, [slot, filter, bias, isResidual ? residual : -1], [result],
        geometry + attributes + [.float(0), .float(0), .int(isResidual ? 1 : 0)])
      slot = result
    }

    private var inputDims: [Int64] {
      builder.program.slots[Int(first)].dims.map { builder.program.expressions[Int($0)].a }
    }

    private mutating func window(_ operation: Int, _ attributes: [Step.Attribute]) {
      let (_, geometry, spatial) = geometry()
      dims = [dims[0], spatial.0, spatial.1, dims[3]]
      let result = builder.slot(type, builder.constants(dims))
      builder.kernel(operation, [slot], [result], geometry + attributes)
      slot = result
    }

    /// Kernel, attributes and the output's height and width.
    private mutating func geometry() -> ((Int64, Int64), [Step.Attribute], (Int64, Int64)) {
      var kernel: [Int64] = []
      var strides: [Int64] = []
      var dilations: [Int64] = []
      var before: [Int64] = []
      var after: [Int64] = []
      var output: [Int64] = []
      for axis in 1...2 {
        let length = dims[axis]
        let dilation = Int64.random(in: 1...2, using: &random)
        let size = min(Int64.random(in: 1...4, using: &random), (length - 1) / dilation + 1)
        let stride = Int64.random(in: 1...(length > 12 ? 3 : 1), using: &random)
        let padding = [Int64.random(in: 0...size - 1, using: &random), Int64.random(in: 0...size - 1, using: &random)]
        kernel.append(size)
        strides.append(stride)
        dilations.append(dilation)
        before.append(padding[0])
        after.append(padding[1])
        let room: Int64 = length + padding[0] + padding[1] - (size - 1) * dilation - 1
        output.append(room / stride + 1)
      }
      let numbers: [Int64] = [kernel, strides, dilations, before, after].flatMap { $0 }
      return ((kernel[0], kernel[1]), numbers.map { Step.Attribute.int($0) }, (output[0], output[1]))
    }

    private mutating func small(_ count: Int64) -> [Float] {
      (0..<count).map { _ in Float(Int.random(in: -2...2, using: &random)) }
    }

    /// Inputs for a run.
    mutating func inputs() -> [Tensor] {
      var result: [Tensor] = []
      for port in builder.program.inputs {
        let dims = builder.program.slots[Int(port.slot)].dims.map { Int(builder.program.expressions[Int($0)].a) }
        let count = dims.reduce(1, *)
        if isCodes {
          result.append(Tensor(KERF_U8, dims, (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }))
        } else {
          result.append(Tensor(KERF_F32, dims, small(Int64(count))))
        }
      }
      return result
    }
  }

  private func context(_ chain: RandomChain, _ policy: BandPolicy, threads: Int) throws -> Context {
    var options = ContextOptions()
    options.bands = policy
    return Context(try model(chain.builder.program, weights: chain.builder.weights, threads: threads), options: options)
  }

  @Test(arguments: [false, true]) func bandsGiveTheSameBytes(isCodes: Bool) throws {
    var smaller = 0
    for seed in 0..<150 {
      var chain = RandomChain(seed: UInt64(seed), isCodes: isCodes)
      let inputs = chain.inputs()
      var never = BandPolicy()
      never.leastBytes = .max
      let whole = try context(chain, never, threads: 1)
      try whole.run(inputs)
      let expected = whole.values(0, as: UInt8.self)
      #expect(!expected.isEmpty)
      var always = BandPolicy()
      always.leastBytes = 1
      for (bytes, threads) in [(UInt64(2) << 10, 1), (8 << 10, 1), (8 << 10, 2), (4 << 10, 3)] {
        always.bandBytes = bytes
        let banded = try context(chain, always, threads: threads)
        try banded.run(inputs)
        #expect(banded.values(0, as: UInt8.self) == expected, "seed \(seed), \(bytes) bytes, \(threads) threads")
        if threads == 1, banded.arenaBytes < whole.arenaBytes { smaller += 1 }
      }
    }
    #expect(smaller > 50)
  }

  @Test func profiledRunsGiveEachStepItsShare() throws {
    var chain = RandomChain(seed: 3, isCodes: false)
    var policy = BandPolicy()
    policy.leastBytes = 1
    policy.bandBytes = 8 << 10
    let context = try context(chain, policy, threads: 2)
    context.isProfiling = true
    try context.run(chain.inputs())
    #expect(context.stepNanoseconds.count == chain.builder.program.steps.count)
    #expect(context.stepNanoseconds.allSatisfy { $0 > 0 })
  }

  @Test func cancelledRunsOfBandsStop() throws {
    var chain = RandomChain(seed: 3, isCodes: false)
    var options = ContextOptions()
    options.bands.leastBytes = 1
    options.cancel = CancelFlag()
    let context = Context(try model(chain.builder.program, weights: chain.builder.weights), options: options)
    options.cancel?.cancel()
    #expect(context.refusal(chain.inputs()) == RuntimeError.cancelled.description)
  }
}
