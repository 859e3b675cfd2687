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

  /// Of each input over the rows, [groups, depth].
  public var means: [Double] { sums.map { $0 / Double(max(rows, 1)) } }

  /// The matrices that weigh the groups' rounding errors, [groups, depth, depth]. `centred`: of the inputs' distances from
  /// their means, for layers whose bias takes the mean error.
  ///
  /// From few rows correlations are not known well: those off the diagonal shrink by depth / (depth + rows), at least 1 %.
  /// Source of the shrinking: Ledoit and Wolf, "A well-conditioned estimator for large-dimensional covariance matrices",
  /// 2004, with the diagonal as target.
  public consuming func covariances(centred: Bool) -> [Float] {
    let means = means.map { centred ? Float($0) : 0 }
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
