/// Second moments of what a layer multiplies with its weights, over samples: for each group of a convolution a matrix
/// Σ x xᵀ over rows x of `depth` inputs, in the order of the weights.
public struct InputMoments: Sendable {
  /// Inputs of one output channel.
  public let depth: Int
  public let groups: Int
  /// Rows summed so far.
  public private(set) var rows = 0
  /// [groups, depth, depth].
  private var products: [Float]
  /// [groups, depth].
  private var sums: [Double]

  public init(depth: Int, groups: Int) {
    self.depth = depth
    self.groups = groups
    products = Array(repeating: 0, count: groups * depth * depth)
    sums = Array(repeating: 0, count: groups * depth)
  }

  /// Bytes that the moments of such a layer take.
  public static func bytes(depth: Int, groups: Int) -> Int { groups * depth * depth * 4 }

  /// Adds the products and sums of `rows` more rows.
  public mutating func add(rows: Int, products more: UnsafeBufferPointer<Float>, sums moreSums: [Double]) {
    guard more.count == products.count, moreSums.count == sums.count else { return }
    products.withUnsafeMutableBufferPointer { products in
      for index in 0..<products.count { products[index] += more[index] }
    }
    for index in sums.indices { sums[index] += moreSums[index] }
    self.rows += rows
  }

  /// Mean of each input over the rows, [groups, depth].
  public var means: [Double] { sums.map { $0 / Double(max(rows, 1)) } }

  /// How much of the means is worth believing for rows that were not seen: 1 less the share of their square that their own
  /// uncertainty explains, 0 of a single row.
  /// Source: James and Stein, "Estimation with quadratic loss", 1961, in the form that stays positive.
  public var certainty: Double {
    guard rows > 1 else { return 0 }
    let count = Double(rows)
    var (variance, square) = (0.0, 0.0)
    for row in sums.indices {
      let mean = sums[row] / count
      square += mean * mean
      variance += max(0, Double(products[row * depth + row % depth]) - count * mean * mean) / (count - 1)
    }
    return square > 0 ? max(0, 1 - variance / count / square) : 0
  }

  /// The matrices that weigh the groups' rounding errors, [groups, depth, depth]. `meanShare`: how much of the inputs' means
  /// a layer's bias makes up for, 1 for distances from the means.
  ///
  /// From few rows correlations are not known well: those off the diagonal shrink by depth / (depth + rows), at least 1 %.
  /// Source of the shrinking: Ledoit and Wolf, "A well-conditioned estimator for large-dimensional covariance matrices",
  /// 2004, with the diagonal as target.
  public consuming func covariances(meanShare: Double) -> [Float] {
    let share = meanShare.squareRoot()
    let means = means.map { Float($0 * share) }
    let kept = Float(1 - max(0.01, Double(depth) / Double(depth + max(rows, 1))))
    let scale = Float(1 / Double(max(rows, 1)))
    products.withUnsafeMutableBufferPointer { products in
      for row in 0..<groups * depth {
        let group = row / max(depth, 1)
        for column in 0..<depth {
          let at = row * depth + column
          let value = products[at] * scale - means[row] * means[group * depth + column]
          products[at] = column == row - group * depth ? max(value, 0) : value * kept
        }
      }
    }
    return products
  }
}
