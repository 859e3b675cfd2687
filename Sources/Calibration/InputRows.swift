import IR
import Passes

/// The rows of inputs that a layer multiplies with its weights, and which of them are looked at: some output positions of
/// each sample, spread evenly.
struct InputRows {
  /// Inputs of one output channel.
  let depth: Int
  let groups: Int
  private let window: Window?
  /// Sizes of the filter.
  private let kernel: [Int]

  /// Nil for nodes that are no layer, and for transposed inputs.
  init?(_ node: Node, _ graph: Graph) {
    guard let weight = graph.constant(node.inputs[1]), weight.count > 0, weight.rank >= 2 else { return nil }
    switch node.op {
    case let conv as Conv:
      guard conv.group > 0 else { return nil }
      (window, kernel, groups) = (conv.window, Array(weight.shape[2...]), conv.group)
      depth = weight.shape[1...].reduce(1, *)
    case let gemm as Gemm where !gemm.transposesA:
      (window, kernel, groups, depth) = (nil, [], 1, weight.shape[gemm.transposesB ? 1 : 0])
    case let product as MatMul where !product.transposesA && weight.rank == 2:
      (window, kernel, groups, depth) = (nil, [], 1, weight.shape[product.transposesB ? 1 : 0])
    default: return nil
    }
  }

  /// Calls `body` with up to `limit` rows of a sample's input, one after the other: [groups, depth] each.
  func forEach(
    _ values: UnsafeBufferPointer<Float>, _ dims: [Int], limit: Int, _ body: (UnsafeBufferPointer<Float>) -> Void
  ) {
    guard let source = Source(self, values, dims) else { return }
    let count = min(limit, source.positions)
    var row = [Float](repeating: 0, count: groups * depth)
    for index in 0..<count {
      // Positions by the golden ratio: no pattern of the image meets one of theirs.
      let hash = UInt64(truncatingIfNeeded: index &+ 1) &* 0x9E37_79B9_7F4A_7C15
      let position =
        count == source.positions ? index : Int(hash.multipliedFullWidth(by: UInt64(source.positions)).high)
      row.withUnsafeMutableBufferPointer { source.fill($0, position) }
      row.withUnsafeBufferPointer(body)
    }
  }

  /// One sample's input, seen by output positions.
  private struct Source {
    let rows: InputRows
    let values: UnsafeBufferPointer<Float>
    let positions: Int
    /// Of the input: channels and spatial sizes; of the output: spatial sizes; padding at the begin.
    private let channels: Int
    private let sizes: [Int]
    private let outputs: [Int]
    private let begins: [Int]

    init?(_ rows: InputRows, _ values: UnsafeBufferPointer<Float>, _ dims: [Int]) {
      self.rows = rows
      self.values = values
      guard let window = rows.window else {
        guard dims.last == rows.depth, rows.depth > 0 else { return nil }
        (channels, sizes, outputs, begins) = (rows.depth, [], [], [])
        positions = values.count / rows.depth
        return
      }
      let rank = rows.kernel.count
      guard dims.count == rank + 2, dims[1] > 0, dims[1] % rows.groups == 0,
        dims[1] / rows.groups * rows.kernel.reduce(1, *) == rows.depth
      else { return nil }
      var outputs: [Int] = []
      var begins: [Int] = []
      for axis in 0..<rank {
        let size = dims[axis + 2]
        let (begin, end) = window.padding(axis, rank: rank, input: size, kernel: rows.kernel[axis])
        let extent = (rows.kernel[axis] - 1) * window.dilation(axis) + 1
        outputs.append(max(0, (size + begin + end - extent) / max(window.stride(axis), 1) + 1))
        begins.append(begin)
      }
      channels = dims[1]
      sizes = Array(dims[2...])
      (self.outputs, self.begins) = (outputs, begins)
      positions = dims[0] * outputs.reduce(1, *)
    }

    /// The row of one output position.
    func fill(_ row: UnsafeMutableBufferPointer<Float>, _ position: Int) {
      guard let window = rows.window else {
        for index in 0..<rows.depth { row[index] = values[position * rows.depth + index] }
        return
      }
      var rest = position
      var starts = begins
      for axis in outputs.indices.reversed() {
        starts[axis] = rest % outputs[axis] * window.stride(axis) - begins[axis]
        rest /= outputs[axis]
      }
      let plane = sizes.reduce(1, *)
      let taps = rows.kernel.reduce(1, *)
      for tap in 0..<taps {
        let offset = offset(of: tap, starts, window)
        for channel in 0..<channels {
          row[channel * taps + tap] = offset < 0 ? 0 : values[(rest * channels + channel) * plane + offset]
        }
      }
    }

    /// Where a tap reads in a channel's plane; −1 in the padding.
    private func offset(of tap: Int, _ starts: [Int], _ window: Window) -> Int {
      var rest = tap
      var offset = 0
      var scale = 1
      for axis in sizes.indices.reversed() {
        let place = starts[axis] + rest % rows.kernel[axis] * window.dilation(axis)
        rest /= rows.kernel[axis]
        guard place >= 0, place < sizes[axis] else { return -1 }
        offset += place * scale
        scale *= sizes[axis]
      }
      return offset
    }
  }
}
