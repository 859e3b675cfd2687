import IR

/// The order in which a value's axes lie in memory: physical axis j is logical axis `axes[j]`.
struct Layout: Hashable {
  var axes: [Int]

  static func identity(_ rank: Int) -> Layout { Layout(axes: Array(0..<rank)) }

  /// Channels last: axis 1 moved to the end. For ranks below 3, the identity.
  static func channelsLast(_ rank: Int) -> Layout {
    rank < 3 ? identity(rank) : Layout(axes: [0] + Array(2..<rank) + [1])
  }

  var isIdentity: Bool { axes == Array(axes.indices) }
  var rank: Int { axes.count }

  func physical<T>(_ logical: [T]) -> [T] { axes.map { logical[$0] } }

  /// Physical position of a logical axis.
  func position(_ axis: Int) -> Int { axes.firstIndex(of: axis) ?? axis }

  /// The permutation (output axis j is input axis perm[j]) that turns memory of this layout into another.
  func permutation(to other: Layout) -> [Int] { other.axes.map { position($0) } }

  /// Whether memory of both layouts is the same for these dimensions, because only axes of size 1 move.
  func isSame(as other: Layout, _ dims: Shape) -> Bool {
    axes.filter { dims[$0] != 1 } == other.axes.filter { dims[$0] != 1 }
  }

  /// The layout a transposed value has when it shares its input's memory. ONNX Transpose: output axis i is input axis
  /// perm[i].
  func transposed(by perm: [Int]) -> Layout {
    var inverse = perm
    for (i, p) in perm.enumerated() { inverse[p] = i }
    return Layout(axes: axes.map { inverse[$0] })
  }
}
