import IR

extension LayerWeights {
  /// Inputs that share one scale in 4-bit weights.
  public static let blockSize = 32

  /// A matrix as 4-bit codes in −7…7, with a scale for each block of 32 inputs of each output, chosen for the least squared
  /// error among shrunken largest magnitudes.
  public init(blocksOf weight: Tensor, axis: Int) {
    let inputAxis = 1 - axis
    let values = weight.elements(Float.self) ?? weight.wide(Float.self)
    let (outputs, inputs) = (weight.shape[axis], weight.shape[inputAxis])
    let blocks = (inputs + LayerWeights.blockSize - 1) / LayerWeights.blockSize
    var codes = [Int64](repeating: 0, count: values.count)
    var scales = [Float](repeating: 1, count: outputs * blocks)
    for output in 0..<outputs {
      for block in 0..<blocks {
        let range = block * LayerWeights.blockSize..<min((block + 1) * LayerWeights.blockSize, inputs)
        let places = range.map { axis == 0 ? output * inputs + $0 : $0 * outputs + output }
        let scale = LayerWeights.blockScale(places.map { values[$0] })
        scales[axis == 0 ? output * blocks + block : block * outputs + output] = scale
        for place in places { codes[place] = Int64(LayerWeights.nibble(values[place], scale)) }
      }
    }
    self.codes = Tensor(wide: codes, .int4, weight.shape)
    self.scales = Tensor(scales, shape: axis == 0 ? [outputs, blocks] : [blocks, outputs])
    self.axis = inputAxis
    block = LayerWeights.blockSize
  }

  private static func nibble(_ value: Float, _ scale: Float) -> Float {
    let code = (value / scale).rounded(.toNearestOrEven)
    return code.isNaN ? 0 : min(max(code, -7), 7)
  }

  private static func blockScale(_ values: [Float]) -> Float {
    let largest = values.reduce(0) { max($0, $1.magnitude) }
    guard largest > 1e-30, largest.isFinite else { return 1 }
    var best = (error: Float.infinity, scale: largest / 7)
    for step in 0..<12 {
      let scale = largest / 7 * (1 - Float(step) * 0.03)
      let error = values.reduce(Float(0)) { sum, value in
        let difference = value - scale * nibble(value, scale)
        return sum + difference * difference
      }
      if error < best.error { best = (error, scale) }
    }
    return best.scale
  }
}
