import IR
import Kernels
import Testing

@testable import Lowering

/// What the table says about layers on 8-bit codes.
@Suite struct PrecisionCostsTests {
  /// Whether a layer's weights are quantized to fit in pairs.
  private func addsPairs(_ text: String) throws -> Bool {
    let graph = try Graph(parsing: text)
    let node = try #require(graph.orderedNodes.first { $0.inputs.count > 1 })
    return PrecisionCosts.addsPairs(node, graph)
  }

  private func conv(_ x: String, _ y: String, _ weights: String, group: Int = 1) -> String {
    let count = weights.split(separator: ",").reduce(1) { $0 * (Int($1) ?? 1) }
    let values = (0..<count).map { "\($0 % 7)" }.joined(separator: ", ")
    return """
      graph @g(%x: f32[\(x)]) -> (%y: f32[\(y)]) {
        %w = constant [\(values)] : f32[\(weights)]
        %y = Conv(%x, %w) {group=\(group)} : f32[\(y)]
        return %y
      }
      """
  }

  private func product(_ rows: String) -> String {
    """
    graph @g(%x: f32[\(rows),2]) -> (%y: f32[\(rows),2]) {
      %w = constant [1, 2, 3, 4] : f32[2,2]
      %y = MatMul(%x, %w) : f32[\(rows),2]
      return %y
    }
    """
  }

  @Test func convolutionsOfAnyRank() throws {
    #expect(try addsPairs(conv("1,2,9", "1,3,7", "3,2,3")))
    #expect(try addsPairs(conv("1,2,9,9", "1,3,7,7", "3,2,3,3")))
    #expect(try addsPairs(conv("1,2,3,9,9", "1,3,1,7,7", "3,2,3,3,3")))
    #expect(try !addsPairs(conv("1,2,9,9", "1,2,7,7", "2,1,3,3", group: 2)))
    // These run as Winograd's, but for images of a few pixels.
    #expect(try !addsPairs(conv("1,32,18,18", "1,16,16,16", "16,32,3,3")))
    #expect(try addsPairs(conv("1,32,4,4", "1,16,2,2", "16,32,3,3")))
  }

  /// Costs of an attention in float and on codes.
  private func attention(_ sets: [Int32]) throws -> [Double] {
    let graph = try Graph(
      parsing: """
        graph @g(%q: f32[2,9,12], %k: f32[2,20,12]) -> (%y: f32[2,9,12]) {
          %y = Attention(%q, %k, %k) {kv_num_heads=3, q_num_heads=3} : f32[2,9,12]
          return %y
        }
        """)
    let node = try #require(graph.orderedNodes.first { $0.op is Attention })
    let mask = sets.reduce(UInt32(1)) { $0 | 1 << UInt32($1) }
    return try #require(PrecisionCosts(isaMask: mask).question(node, graph)).candidates.map(\.cost)
  }

  /// 2 · 3 · 9 · 20 scores of 4 + 4 multiply-adds, and 75 of softmax.
  @Test func attentionGainsFromDotProducts() throws {
    let vnni = try attention([Int32(KERF_ISA_AVX2), Int32(KERF_ISA_AVX512VNNI)])
    #expect(vnni[0] == 1080 * (8 + 75) && vnni[1] < vnni[0] * 0.6)
    #expect(try attention([Int32(KERF_ISA_AVX2), Int32(KERF_ISA_AVXVNNI)]) == vnni)
    let avx2 = try attention([Int32(KERF_ISA_AVX2)])
    #expect(avx2[0] == vnni[0] && avx2[1] > avx2[0])
  }

  /// Bundles for x86-64-v3 run on AVX-VNNI where the processor has it, but most do not.
  @Test func targetsCountOnWhatTheirProcessorsHave() {
    let set = UInt32(1) << UInt32(KERF_ISA_AVXVNNI)
    #expect(Target.x8664v3.isaMask & set != 0 && Target.x8664v3.expectedMask == Target.x8664v3.isaMask & ~set)
    #expect(Target.x8664v4.expectedMask == Target.x8664v4.isaMask && Target.native.expectedMask == kerf_isa_supported())
  }

  @Test func productsOfMoreThanAFewRows() throws {
    #expect(try addsPairs(product("5")))
    #expect(try addsPairs(product("N")))
    #expect(try addsPairs(product("2,3")))
    #expect(try !addsPairs(product("4")))
  }
}
