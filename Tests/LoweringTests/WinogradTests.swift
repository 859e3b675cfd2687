import IR
import Testing

@testable import Lowering

/// Which convolutions become Winograd's, and with which tile.
@Suite struct WinogradTests {
  /// Outputs of the chosen tile along a side; nil for a direct convolution.
  private func tile(
    _ weights: [Int], _ output: [Dim], group: Int = 1, strides: [Int]? = nil, dilations: [Int]? = nil
  ) -> Int64? {
    var window = Window()
    window.strides = strides
    window.dilations = dilations
    let found = ConvolutionAlgorithm.candidates(FilterShape(weights, group: group), window, output: output)
    guard case .winograd(let tile)? = found.min(by: { $0.cost < $1.cost })?.0 else { return nil }
    return tile
  }

  @Test func manyChannelsTakeTheLargestTile() {
    #expect(tile([64, 64, 3, 3], [56, 56]) == 4)
    #expect(tile([512, 512, 3, 3], [28, 28]) == 4)
    #expect(tile([64, 48, 5, 5], [35, 35]) == 2)
  }

  @Test func aTileThatFitsTheImageCostsLess() {
    #expect(tile([256, 256, 3, 3], [16, 16]) == 4)
    #expect(tile([256, 256, 3, 3], [6, 6]) == 2)
  }

  @Test func theseStayDirect() {
    #expect(tile([64, 64, 1, 1], [56, 56]) == nil)
    #expect(tile([64, 64, 7, 7], [56, 56]) == nil)
    #expect(tile([64, 64, 1, 3], [56, 56]) == nil)
    #expect(tile([64, 64, 3, 3], [28, 28], strides: [2, 2]) == nil)
    #expect(tile([64, 64, 3, 3], [56, 56], dilations: [2, 2]) == nil)
    #expect(tile([64, 32, 3, 3], [56, 56], group: 2) == nil)
    #expect(tile([64, 64, 3], [56]) == nil)
    #expect(tile([512, 512, 3, 3], [1, 1]) == nil)
    #expect(tile([8, 1, 3, 3], [32, 32]) == nil)
  }

  @Test func unknownSizesStayDirect() {
    #expect(tile([64, 64, 3, 3], [.symbol("height"), 56]) == nil)
  }
}
