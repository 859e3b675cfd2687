import Bundle
import Kernels
import Testing

@testable import Runtime

/// Branches that threads run side by side give the same bytes as steps one after the other. All numbers are small
/// integers, so that sums are exact.
@Suite struct BranchTests {
  /// Random branches of products over [8, channels] from one input, joined at the end; some steps write in place.
  private struct RandomBranches {
    var builder = ProgramBuilder()
    var random: Generator
    let x: Int32

    init(seed: UInt64, forks: Int) {
      random = Generator(state: seed)
      x = builder.input("x", KERF_F32, [64, 48])
      var ends: [Int32] = []
      for fork in 0..<forks {
        var slot = fork > 0 && Bool.random(using: &random) ? ends[0] : x
        for _ in 0..<Int.random(in: 1...4, using: &random) {
          slot = Bool.random(using: &random) ? product(slot) : activation(slot)
        }
        ends.append(slot)
      }
      let joined = builder.slot(KERF_F32, builder.constants([64, 48 * Int64(forks)]))
      builder.kernel(KERF_OP_CONCAT, ends, [joined], [.int(1)])
      builder.output("y", joined)
    }

    private mutating func product(_ from: Int32) -> Int32 {
      let floats = (0..<48 * 48).map { _ in Float(Int.random(in: -1...1, using: &random)) }
      let packed = TestPacking.gemm(48, 48, floats)
      let weights = builder.weight(KERF_PACKED, [Int64(packed.count)], packed)
      let y = builder.slot(KERF_F32, builder.constants([64, 48]))
      let act: [Step.Attribute] = [.int(Int64(KERF_UNARY_CLIP)), .float(-3), .float(3), .int(0)]
      builder.kernel(KERF_OP_GEMM_F32, [from, weights, -1, -1], [y], [.int(48), .int(48)] + act)
      return y
    }

    private mutating func activation(_ from: Int32) -> Int32 {
      let y = builder.slot(KERF_F32, builder.constants([64, 48]))
      let act: [Step.Attribute] = [.int(Int64(KERF_UNARY_RELU)), .float(0), .float(0)]
      builder.kernel(KERF_OP_UNARY_F32, [from], [y], act, inPlace: 0)
      return y
    }

    mutating func input() -> Tensor {
      Tensor(KERF_F32, [64, 48], (0..<64 * 48).map { _ in Float(Int.random(in: -2...2, using: &random)) })
    }
  }

  private enum TestPacking {
    static func gemm(_ k: Int64, _ n: Int64, _ values: [Float]) -> [UInt8] {
      var result = [UInt8](repeating: 0, count: Int(kerf_pack_gemm_f32_size(k, n)))
      result.withUnsafeMutableBytes { kerf_pack_gemm_f32(k, n, 0, values, $0.baseAddress) }
      return result
    }
  }

  private func plan(_ model: Model, threads: Int) throws -> Plan {
    let pool = kerf_pool_create(Int32(threads))
    defer { kerf_pool_destroy(pool) }
    return try Plan(model.unit, key: [64, 48], pool: pool, limit: .max, policy: BandPolicy())
  }

  @Test func branchesGiveTheSameBytes() throws {
    var found = 0
    for seed in 0..<120 {
      var program = RandomBranches(seed: UInt64(seed), forks: 2 + seed % 4)
      let input = program.input()
      let single = Context(try model(program.builder.program, weights: program.builder.weights))
      try single.run([input])
      let expected = single.values(0, as: UInt8.self)
      for threads in [2, 3] {
        let shared = try model(program.builder.program, weights: program.builder.weights, threads: threads)
        if try !plan(shared, threads: threads).branches.isEmpty { found += 1 }
        let context = Context(shared)
        for isProfiling in [false, true, false] {
          context.isProfiling = isProfiling
          try context.run([input])
          #expect(context.values(0, as: UInt8.self) == expected, "seed \(seed), \(threads) threads")
        }
      }
    }
    #expect(found > 150)
  }

  /// What is in a window of branches is in exactly one thread's list, in order, and reads nothing of another's.
  @Test func branchesDoNotReadEachOther() throws {
    for seed in 0..<120 {
      let program = RandomBranches(seed: UInt64(seed), forks: 2 + seed % 4)
      let steps = program.builder.program.steps
      for found in try plan(
        model(program.builder.program, weights: program.builder.weights, threads: 2), threads: 2
      ).branches {
        #expect(found.slots.flatMap { $0 }.sorted() == Array(found.first...found.last))
        for slot in found.slots {
          #expect(slot == slot.sorted())
          let others = found.slots.flatMap { $0 }.filter { !slot.contains($0) }
          let written = Set(others.flatMap { steps[$0].outputs })
          for step in slot { #expect(written.isDisjoint(with: steps[step].inputs)) }
        }
      }
    }
  }
}
