import IR
import Testing

@testable import Lowering

@Suite struct LayoutTests {
  @Test func transposingSharesMemory() {
    // [N,C,H,W] in channels-last memory, seen as [N,H,W,C], is in order.
    #expect(Layout.channelsLast(4).transposed(by: [0, 2, 3, 1]) == .identity(4))
  }

  @Test func permutationsTurnOneLayoutIntoAnother() {
    #expect(Layout.identity(4).permutation(to: .channelsLast(4)) == [0, 2, 3, 1])
    #expect(Layout.channelsLast(4).permutation(to: .identity(4)) == [0, 3, 1, 2])
  }

  @Test func onlyOnesMove() {
    #expect(Layout.identity(4).isSame(as: .channelsLast(4), [2, 8, 1, 1]))
    #expect(!Layout.identity(4).isSame(as: .channelsLast(4), [2, 8, 2, 1]))
  }

  @Test func reshapesCarryLayoutsGroupByGroup() throws {
    // Channel shuffle: [N,8,H,W] to [N,2,4,H,W] in channels-last memory.
    let n = Dim.symbol("N")
    let split = try #require(Regrouping(from: [n, 8, 5, 7], to: [n, 2, 4, 5, 7]))
    let carried = try #require(split.carry(.channelsLast(4)))
    #expect(carried.source == .channelsLast(4))
    #expect(carried.result == Layout(axes: [0, 3, 4, 1, 2]))
  }

  @Test func fixedPointFactorsAreWithinHalfAStep() throws {
    for factor in [1e-6, 0.003, 0.5, 1, 1.7, 900] {
      let fixed = try #require(FixedPoint(factor))
      let value = Double(fixed.multiplier) / Double(sign: .plus, exponent: Int(fixed.shift), significand: 1)
      #expect(abs(value - factor) <= factor * 1e-9)
      #expect((1...62).contains(fixed.shift))
    }
    #expect(FixedPoint(.nan) == nil)
    #expect(FixedPoint(-1) == nil)
  }
}
