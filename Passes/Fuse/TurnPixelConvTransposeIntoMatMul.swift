import IR

/// A transposed convolution of a single pixel, as generators begin with, multiplies each weight once: it is a product, not
/// a window of which all but one input lie outside.
///
///     before: ConvTranspose(%x, %w, %b)                       %x: f32[N,C,1,1]   %w: f32[C,O,H,W]
///     after:  Transpose(Reshape(Gemm(Flatten(%x), w', b')))   w': f32[C,H·W·O]   b' = b, H·W times
public struct TurnPixelConvTransposeIntoMatMul: RewriteRule {
  public static let name = "turn-pixel-conv-transpose-into-mat-mul"
  public init() {}

  public func rewrite(_ op: ConvTranspose, at node: Node, in graph: Graph) -> Outcome {
    guard let x = node.input(0), let shape = graph.type(x).tensor?.shape, shape.count > 2,
      shape.dropFirst(2).allSatisfy({ $0.value == 1 })
    else { return .noMatch }
    guard let w = graph.constant(node.input(1)), w.type == .float32, w.rank == shape.count, w.count > 0, op.group == 1
    else { return .rejected("its weights are not constant, or it has groups") }
    let bias = node.input(2).map { graph.constant($0) }
    if let bias, bias?.count != w.shape[1] { return .rejected("its bias is not constant") }
    guard let result = graph.type(node.outputs[0]).tensor?.shape, isWhole(op, result, w.shape) else {
      return .rejected("its result is not the whole kernel")
    }
    var patch = Patch(at: node.id, note: "one pixel's transposed convolution is a product")
    let (channels, taps) = (w.shape[1], w.shape.dropFirst(2).reduce(1, *))
    var inputs: [Patch.Operand?] = [patch.add(Flatten(), [.existing(x)]), patch.constant(matrix(w))]
    if let row = bias??.wide(Float.self) {
      inputs.append(patch.constant(Tensor((0..<taps).flatMap { _ in row }, shape: [taps * channels])))
    }
    var product = Gemm()
    product.activation = op.activation
    // 0 copies the size of the batch.
    let sizes = patch.constant(Tensor([0] + w.shape.dropFirst(2).map { Int64($0) } + [Int64(channels)]))
    let spread = patch.add(Reshape(), [patch.add(product, inputs), sizes])
    var turn = Transpose()
    turn.permutation = [0, w.rank - 1] + Array(1..<w.rank - 1)
    patch.replace(node.outputs[0], with: patch.add(turn, [spread]))
    return .patch(patch)
  }

  /// Whether the output is one kernel, nothing of it cut off or added, its taps next to each other.
  private func isWhole(_ op: ConvTranspose, _ result: [Dim], _ filter: [Int]) -> Bool {
    filter.indices.dropFirst(2).allSatisfy { axis in
      let kernel = filter[axis]
      return result[axis].value == kernel && op.window.dilation(axis - 2) == 1
        && op.beginPadding(axis - 2, input: 1, kernel: kernel, output: kernel) == 0
    }
  }

  /// w[c, o, h, w] as [c, (h, w, o)].
  private func matrix(_ w: Tensor) -> Tensor {
    let (c, o) = (w.shape[0], w.shape[1])
    let taps = w.count / (c * o)
    let values = w.wide(Float.self)
    var result = [Float](repeating: 0, count: values.count)
    for row in 0..<c {
      for channel in 0..<o {
        for tap in 0..<taps { result[(row * taps + tap) * o + channel] = values[(row * o + channel) * taps + tap] }
      }
    }
    return Tensor(result, shape: [c, taps * o])
  }
}
