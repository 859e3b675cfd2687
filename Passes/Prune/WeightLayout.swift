import IR

/// A weight tensor seen as matrices of output × input channels, one per kernel position (or matrix of a stack).
struct WeightLayout: Hashable {
  var outputs: Int
  var inputs: Int
  var positions: Int
  var outputStride: Int
  var inputStride: Int
  var positionStride: Int

  /// The layout of the weights (input 1) of Conv, ConvTranspose, Gemm or MatMul; nil for other operators.
  init?(_ op: any Operator, _ shape: [Int]) {
    guard shape.count >= 2, let count = Tensor.elementCount(of: shape), count > 0 else { return nil }
    let inner = shape.dropFirst(2).reduce(1, *)
    switch op {
    case is Conv:
      self.init(outputs: shape[0], inputs: shape[1], positions: inner, strides: (shape[1] * inner, inner, 1))
    case is ConvTranspose:
      self.init(outputs: shape[1], inputs: shape[0], positions: inner, strides: (inner, shape[1] * inner, 1))
    case let op as Gemm: self.init(matrices: shape, transposed: op.transposesB)
    case let op as MatMul: self.init(matrices: shape, transposed: op.transposesB)
    default: return nil
    }
  }

  private init(outputs: Int, inputs: Int, positions: Int, strides: (output: Int, input: Int, position: Int)) {
    self.outputs = outputs
    self.inputs = inputs
    self.positions = positions
    outputStride = strides.output
    inputStride = strides.input
    positionStride = strides.position
  }

  /// A stack of [K,N], or [N,K] where transposed.
  private init(matrices shape: [Int], transposed: Bool) {
    let (rows, columns) = (shape[shape.count - 2], shape[shape.count - 1])
    let stack = shape.dropLast(2).reduce(1, *)
    self.init(
      outputs: transposed ? rows : columns, inputs: transposed ? columns : rows, positions: stack,
      strides: transposed ? (columns, 1, rows * columns) : (1, columns, rows * columns))
  }

  func index(_ output: Int, _ input: Int, _ position: Int) -> Int {
    output * outputStride + input * inputStride + position * positionStride
  }
}
