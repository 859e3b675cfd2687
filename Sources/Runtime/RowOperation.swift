import Kernels

/// The rows of one tensor of an image, `low` up to `high`.
struct Rows {
  var low: Int64
  var high: Int64
  var count: Int64 { high - low }
}

/// How rows of a step's output follow from rows of its input, both [N,H,W,C].
struct RowOperation {
  /// Along the height: size, stride and dilation of the window, padding above and below.
  private var size: Int64 = 1
  private var stride: Int64 = 1
  private var dilation: Int64 = 1
  private var top: Int64 = 0
  private var bottom: Int64 = 0
  /// Rows of the output that are computed together: other numbers take as long as the next multiple.
  private(set) var together: Int64 = 1
  /// Whether the attributes begin with a geometry.
  let isWindow: Bool
  /// Inputs that may be the one whose rows are followed.
  let inputs: ClosedRange<Int>
  /// Inputs of the output's shape, of which the same rows are read.
  let sides: ClosedRange<Int>?

  /// nil for operations whose outputs depend on more than a window of rows.
  init?(_ operation: UInt16, _ call: kerf_call) {
    switch Int(operation) {
    case KERF_OP_CONV2D_F32, KERF_OP_DEPTHWISE_F32: self.init(window: call, sides: 3...3)
    case KERF_OP_WINOGRAD_F32:
      self.init(window: call, sides: 3...3)
      guard call.attr_count >= 12, let tile = call.attrs?[11].i, tile > 0, tile <= 16 else { return nil }
      together = tile
    case KERF_OP_CONV2D_U8_F32: self.init(window: call, sides: 4...4)
    case KERF_OP_CONV2D_U8_U8: self.init(window: call, sides: 6...6)
    case KERF_OP_DEPTHWISE_U8_U8, KERF_OP_MAX_POOL_F32, KERF_OP_AVG_POOL_F32, KERF_OP_MAX_POOL_U8,
      KERF_OP_AVG_POOL_U8:
      self.init(window: call, sides: nil)
    case KERF_OP_ADD_U8, KERF_OP_BINARY_F32:
      self.init(inputs: 0...1, sides: 0...1)
    case KERF_OP_LUT_U8, KERF_OP_UNARY_F32:
      self.init(inputs: 0...0, sides: nil)
    default: return nil
    }
  }

  /// Element by element.
  private init(inputs: ClosedRange<Int>, sides: ClosedRange<Int>?) {
    isWindow = false
    self.inputs = inputs
    self.sides = sides
  }

  private init?(window call: kerf_call, sides: ClosedRange<Int>?) {
    isWindow = true
    inputs = 0...0
    self.sides = sides
    guard call.attr_count >= 10, let attributes = call.attrs else { return nil }
    size = attributes[0].i
    stride = attributes[2].i
    dilation = attributes[4].i
    top = attributes[6].i
    bottom = attributes[8].i
    let most: Int64 = 1 << 16
    for number in [size, stride, dilation] where number < 1 || number > most { return nil }
    for number in [top, bottom] where number < 0 || number > most { return nil }
  }

  private var extent: Int64 { (size - 1) * dilation + 1 }

  /// The rows of the input, those of the padding included, that rows of the output need.
  func window(_ rows: Rows) -> Rows {
    Rows(low: rows.low * stride - top, high: (rows.high - 1) * stride - top + extent)
  }

  /// The multiple of rows of the output of which a step before, that computes `count` rows together, has a multiple.
  func multiple(before count: Int64) -> Int64 {
    var result = count
    while result % 2 == 0, result / 2 * stride % count == 0 { result /= 2 }
    return result
  }

  /// Whether all windows lie within the input and its padding.
  func fits(input: Int64, output: Int64) -> Bool {
    output > 0 && window(Rows(low: 0, high: output)).high <= input + bottom
  }
}
