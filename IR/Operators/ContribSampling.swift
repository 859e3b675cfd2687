/// Operators of onnxruntime's domain com.microsoft that ONNX's own do not express: crops and pools.
extension OperatorCatalog {
  static let contribSampling: [any Operator.Type] = [CropAndResize.self, MaxpoolWithMask.self]
}

/// Boxes cut out of images and resized with corners aligned. X[images,channels,height,width], boxes[n,4] as y1, x1, y2,
/// x2 in units of the image, image of each box int32[n], size int32[2] (constant for a known shape) →
/// [n,channels,size]. Positions outside of the image give `extrapolation_value`.
/// Source: onnxruntime, docs/ContribOperators.md, com.microsoft.CropAndResize.
public struct CropAndResize: Operator {
  public enum Mode: String, CaseIterable, Sendable { case bilinear, nearest }

  public static let name = "CropAndResize"
  public static let domain = "com.microsoft"
  public static let opsets = 1...1
  public static let inputs: Arity = 4
  public static let attributes: [AttributeField<Self>] = [
    .choice("mode", \.mode), .float("extrapolation_value", \.outside),
  ]
  public var mode = Mode.bilinear
  public var outside: Float = 0
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, [.float32])
    try context.require(1, [.float32])
    for index in 2...3 { try context.require(index, [.int32]) }
    let (x, boxes) = (try context.shape(0), try context.shape(1))
    if let x, x.count != 4 { throw .invalid("X is \(describe(x)), expected rank 4") }
    if let boxes, boxes.count != 2 || boxes[1].isEqual(to: 4) == false {
      throw .invalid("the boxes are \(describe(boxes)), expected [n,4]")
    }
    if let images = try context.shape(2), images.count != 1 || boxes?[0].isEqual(to: images[0]) == false {
      throw .invalid("the images of the boxes are \(describe(images)), expected one for each box")
    }
    if let size = try context.shape(3), size.count != 1 || size[0].isEqual(to: 2) == false {
      throw .invalid("the size is \(describe(size)), expected [2]")
    }
    let size = context.contents(3) ?? [.unknown, .unknown]
    if let bad = size.first(where: { ($0.value ?? 1) < 1 }) { throw .invalid("a crop of size \(bad)") }
    let count = boxes?[0] ?? .unknown
    return [.tensor(.float32, [count, x?[1] ?? .unknown] + size)]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let shape = try resolvedShape(inputs, context)
    let (x, boxes) = (try inputs.tensor(0), try inputs.tensor(1).wide(Float.self))
    let images = try inputs.tensor(2).integers
    let (channels, height, width) = (x.shape[1], x.shape[2], x.shape[3])
    let values = x.wide(Float.self)
    let plane = shape[2] * shape[3]
    var result = [Float](repeating: outside, count: try context.checkSize(shape, .float32))
    for (box, image) in images.enumerated() {
      guard image >= 0, image < x.shape[0] else {
        throw .invalid("box \(box) is of image \(image), there are \(x.shape[0])")
      }
      try context.checkDeadline()
      let corner = Array(boxes[(box * 4)..<(box * 4 + 4)])
      for row in 0..<shape[2] {
        guard let y = position(row, shape[2], corner[0], corner[2], height) else { continue }
        for column in 0..<shape[3] {
          guard let across = position(column, shape[3], corner[1], corner[3], width) else { continue }
          for channel in 0..<channels {
            let base = (image * channels + channel) * height * width
            let to = (box * channels + channel) * plane + row * shape[3] + column
            result[to] = sample(values, base, width, y, across)
          }
        }
      }
    }
    return [.tensor(Tensor(result, shape: shape))]
  }

  /// Where an element of the crop lies in the image, in elements; nil outside. Computed in float, as it is defined.
  private func position(_ index: Int, _ count: Int, _ start: Float, _ end: Float, _ size: Int) -> Float? {
    let last = Float(size - 1)
    let at: Float
    if count == 1 {
      at = Float(0.5 * Double(start + end) * Double(last))
    } else if index == count - 1 {
      at = end * last
    } else {
      at = start * last + Float(index) * ((end - start) * last / Float(count - 1))
    }
    return at >= 0 && at <= last ? at : nil
  }

  private func sample(_ values: [Float], _ base: Int, _ width: Int, _ y: Float, _ x: Float) -> Float {
    func value(_ row: Float, _ column: Float) -> Float { values[base + Int(row) * width + Int(column)] }
    if mode == .nearest {
      return value(y.rounded(.toNearestOrAwayFromZero), x.rounded(.toNearestOrAwayFromZero))
    }
    let (top, left) = (y.rounded(.down), x.rounded(.down))
    let (bottom, right) = (y.rounded(.up), x.rounded(.up))
    let upper = value(top, left) + (value(top, right) - value(top, left)) * (x - left)
    let lower = value(bottom, left) + (value(bottom, right) - value(bottom, left)) * (x - left)
    return upper + (lower - upper) * (y - top)
  }
}

/// Maximum over a window of the elements before the first, in each row of the window, whose mask is 0; the lowest float
/// where there is none. With two or three spatial axes the very first element counts whatever its mask.
/// X[n,channels,…], mask int32[1,1,…]. Source: onnxruntime's kernel, which reads other masks at places of no meaning.
public struct MaxpoolWithMask: PoolOperator {
  public static let name = "MaxpoolWithMask"
  public static let domain = "com.microsoft"
  public static let opsets = 1...1
  public static let inputs: Arity = 2
  public static let attributes: [AttributeField<Self>] = poolAttributes + [.flag("storage_order", \.columnMajorIndices)]
  public var window = Window()
  public var ceilMode = false
  /// Changes nothing: there are no indices.
  public var columnMajorIndices = false
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, [.float32])
    try context.require(1, [.int32])
    if let mask = try context.shape(1), let x = try context.shape(0) {
      let fits =
        mask.count == x.count && mask.prefix(2).allSatisfy { $0.isEqual(to: 1) != false }
        && zip(mask.dropFirst(2), x.dropFirst(2)).allSatisfy { $0.isEqual(to: $1) != false }
      guard fits else { throw .unsupported("a mask of \(describe(mask)) for an input of \(describe(x))") }
    }
    return [.tensor(.float32, try outputShape(try context.shape(0)))]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let shape = try resolvedShape(inputs, context)
    let (x, mask) = (try inputs.tensor(0), try inputs.tensor(1).integers)
    let geometry = try geometry(x)
    let values = x.wide(Float.self)
    let (plane, size) = (geometry.outputCount, geometry.inputCount)
    let width = max(x.shape[x.rank - 1], 1)
    let count = try context.checkSize(shape, .float32)
    var result = [Float](repeating: -.greatestFiniteMagnitude, count: count)
    try geometry.forEachWindow(context) { output, offsets, _ in
      var ended = -1
      for offset in offsets where offset / width != ended {
        if mask[offset] == 0, offset > 0 || x.rank == 3 {
          ended = offset / width
          continue
        }
        for channel in 0..<(x.shape[0] * x.shape[1]) {
          let value = values[channel * size + offset]
          if value > result[channel * plane + output] { result[channel * plane + output] = value }
        }
      }
    }
    return [.tensor(Tensor(result, shape: shape))]
  }
}
