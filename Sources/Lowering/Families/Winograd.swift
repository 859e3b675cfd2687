import IR

/// Which convolutions run as WINOGRAD_F32, by a cost in multiply-adds of a full tile of the matrix product. The weights of
/// the model's constants are transformed now; the results differ from the direct sums by about 2e-6 of their range.
struct WinogradChoice {
  /// Outputs of a tile along a side.
  let tile: Int64

  /// The transform of one channel of one position, against one multiply-add.
  private static let transform = 6.0
  /// Loading a weight, which few outputs share.
  private static let weight = 6.0
  /// A direct convolution, against the product alone.
  private static let direct = 1.06
  /// It must cost less than this fraction of the direct convolution: its weights are larger.
  private static let worthwhile = 0.85

  /// Nil where the direct convolution is as good, or the image's size is unknown. `output`: height and width.
  init?(_ filter: FilterShape, _ window: Window, output: [Dim]) {
    guard output.count == 2, let height = output[0].value, let width = output[1].value, filter.group == 1,
      filter.kh == filter.kw, (0..<2).allSatisfy({ window.stride($0) == 1 && window.dilation($0) == 1 })
    else {
      return nil
    }
    let taps = Double(filter.kh)
    let tiles: [Double] = taps == 3 ? [4, 2] : taps == 5 ? [2] : []
    let product = Double(filter.c) * Double(filter.oc)
    var best = Self.worthwhile * taps * taps * product * (Double(height) * Double(width) * Self.direct + Self.weight)
    var chosen: Double?
    for m in tiles {
      let positions = (m + taps - 1) * (m + taps - 1)
      let count = (Double(height) / m).rounded(.up) * (Double(width) / m).rounded(.up)
      let channels = (Double(filter.c) / 16).rounded(.up) * 16 + Double(filter.oc)
      let cost = positions * (count * (product + Self.transform * channels) + Self.weight * product)
      if cost < best { (best, chosen) = (cost, m) }
    }
    guard let chosen else { return nil }
    tile = Int64(chosen)
  }
}
