extension OperatorCatalog {
  static let regions: [any Operator.Type] = [RoiAlign.self, MaxRoiPool.self, NonMaxSuppression.self]
}

private func batchIndexMessage(_ image: Int, _ images: Int) -> String {
  "batch index \(image) is out of range 0..<\(images)"
}

/// X[N,C,H,W] pooled over boxes [R,4] (x1, y1, x2, y2), sampled between pixels: [R,C,height,width]. Inputs X, rois,
/// batch_indices[R]. Source: ONNX RoiAlign and its reference implementation. ONNX RoiAlign, opsets 10–22.
public struct RoiAlign: Operator {
  public enum Mode: String, CaseIterable, Sendable { case avg, max }
  public enum Coordinates: String, CaseIterable, Sendable {
    case halfPixel = "half_pixel"
    case outputHalfPixel = "output_half_pixel"
  }

  public static let name = "RoiAlign"
  public static let inputs: Arity = 3
  public static let attributes: [AttributeField<Self>] = [
    .choice("mode", \.mode), .choice("coordinate_transformation_mode", \.coordinates),
    .int("output_height", \.height, in: sizeRange), .int("output_width", \.width, in: sizeRange),
    .int("sampling_ratio", \.samplingRatio, in: 0...Int(Int32.max)), .float("spatial_scale", \.scale),
  ]
  public var mode = Mode.avg
  public var coordinates = Coordinates.halfPixel
  public var height = 1
  public var width = 1
  public var samplingRatio = 0
  public var scale: Float = 1
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, floatTypes)
    try context.require(2, [.int64])
    let element = try context.sameElement([0, 1])
    try context.requireRank(0, 4...4)
    try context.requireRank(1, 2...2)
    try context.requireRank(2, 1...1)
    let rois = try context.shape(1) ?? [.unknown, 4]
    let indices = try context.shape(2) ?? [.unknown]
    guard rois[1].isEqual(to: 4) != false else { throw .invalid("rois are \(describe(rois)), expected 4 numbers each") }
    guard let count = unified(rois[0], indices[0]) else {
      throw .invalid("there are \(rois[0]) rois and \(indices[0]) batch indices")
    }
    if let images = try context.shape(0)?[0].value {
      try context.checkConstant(2, in: 0..<images) { batchIndexMessage($0, images) }
    }
    return [.tensor(element, [count, try context.shape(0)?[1] ?? .unknown, Dim(height), Dim(width)])]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let shape = try resolvedShape(inputs, context)
    let x = try inputs.tensor(0)
    let source = x.wide(Double.self)
    let rois = try inputs.tensor(1).wide(Double.self)
    let images = try inputs.tensor(2).integers
    let plane = x.shape[2] * x.shape[3]
    var result = [Double](repeating: 0, count: product(shape))
    guard plane > 0 || result.isEmpty else { throw .invalid("there is nothing to pool in \(describe(x.shape))") }
    for (number, image) in images.enumerated() {
      guard image >= 0, image < x.shape[0] else {
        throw .invalid(batchIndexMessage(image, x.shape[0]))
      }
      let box = try Box(rois[number * 4..<number * 4 + 4].map { $0 }, self)
      for cell in 0..<height * width {
        try context.checkDeadline()
        let samples = box.samples(cell / width, cell % width, x.shape[2], x.shape[3])
        for c in 0..<shape[1] {
          let from = (image * shape[1] + c) * plane
          result[(number * shape[1] + c) * height * width + cell] = pool(samples, source, from)
        }
      }
    }
    return [.tensor(Tensor(wide: result, x.type, shape))]
  }

  private func pool(_ samples: [[(offset: Int, weight: Double)]], _ source: [Double], _ from: Int) -> Double {
    var sum = 0.0
    var best = -Double.infinity
    for sample in samples {
      for (offset, weight) in sample {
        let part = weight * source[from + offset]
        sum += part
        best = maximumOrNaN(best, part)
      }
    }
    if samples.isEmpty { return 0 }
    return mode == .avg ? sum / Double(samples.count) : best
  }

  /// A box on the feature map, and its grid of samples.
  private struct Box {
    let x: Double
    let y: Double
    let cellHeight: Double
    let cellWidth: Double
    let rows: Int
    let columns: Int

    init(_ corners: [Double], _ op: RoiAlign) throws(Diagnostic) {
      let shift = op.coordinates == .halfPixel ? 0.5 : 0
      let scaled = corners.map { $0 * Double(op.scale) - shift }
      (x, y) = (scaled[0], scaled[1])
      var (w, h) = (scaled[2] - scaled[0], scaled[3] - scaled[1])
      guard w.isFinite, h.isFinite else { throw .invalid("a box has corners \(corners)") }
      if op.coordinates == .outputHalfPixel { (w, h) = (max(w, 1), max(h, 1)) }
      cellHeight = h / Double(op.height)
      cellWidth = w / Double(op.width)
      let ratio = op.samplingRatio
      rows = ratio > 0 ? ratio : max(0, Int(Int64(saturating: cellHeight.rounded(.up))))
      columns = ratio > 0 ? ratio : max(0, Int(Int64(saturating: cellWidth.rounded(.up))))
      guard saturatingMultiply(rows, columns) <= 1 << 20 else {
        throw .invalid("a box would take \(rows) × \(columns) samples per cell, accepted are 1048576")
      }
    }

    func samples(_ row: Int, _ column: Int, _ height: Int, _ width: Int) -> [[(offset: Int, weight: Double)]] {
      var all: [[(offset: Int, weight: Double)]] = []
      for i in 0..<rows {
        let sy = y + Double(row) * cellHeight + (Double(i) + 0.5) * cellHeight / Double(rows)
        for j in 0..<columns {
          let sx = x + Double(column) * cellWidth + (Double(j) + 0.5) * cellWidth / Double(columns)
          all.append(Box.bilinear(sy, sx, height, width))
        }
      }
      return all
    }

    /// The four pixels around a point; zero weight outside the map.
    private static func bilinear(_ y: Double, _ x: Double, _ height: Int, _ width: Int) -> [(
      offset: Int, weight: Double
    )] {
      guard y >= -1, y <= Double(height), x >= -1, x <= Double(width) else { return [(0, 0)] }
      let (y0, y1, ly) = neighbours(y, height)
      let (x0, x1, lx) = neighbours(x, width)
      return [
        (y0 * width + x0, (1 - ly) * (1 - lx)), (y0 * width + x1, (1 - ly) * lx), (y1 * width + x0, ly * (1 - lx)),
        (y1 * width + x1, ly * lx),
      ]
    }

    private static func neighbours(_ position: Double, _ size: Int) -> (Int, Int, Double) {
      let low = Int(max(position, 0))
      return low >= size - 1 ? (size - 1, size - 1, 0) : (low, low + 1, max(position, 0) - Double(low))
    }
  }
}

/// X[N,C,H,W] max-pooled over boxes [R,5] (image, x1, y1, x2, y2), rounded to whole pixels: [R,C,height,width].
/// Source: Fast R-CNN's RoI pooling, as ONNX MaxRoiPool refers to. ONNX MaxRoiPool, opsets 1–22.
public struct MaxRoiPool: Operator {
  public static let name = "MaxRoiPool"
  public static let inputs: Arity = 2
  public static let attributes: [AttributeField<Self>] = [
    .ints("pooled_shape", \.pooledShape, in: sizeRange, isRequired: true), .float("spatial_scale", \.scale),
  ]
  public var pooledShape: [Int]?
  public var scale: Float = 1
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, floatTypes)
    let element = try context.sameElement([0, 1])
    try context.requireRank(0, 4...4)
    try context.requireRank(1, 2...2)
    guard let pooledShape, pooledShape.count == 2 else {
      throw .invalid("attribute 'pooled_shape' must have 2 elements")
    }
    let rois = try context.shape(1) ?? [.unknown, 5]
    guard rois[1].isEqual(to: 5) != false else { throw .invalid("rois are \(describe(rois)), expected 5 numbers each") }
    if let images = try context.shape(0)?[0].value { try checkImages(context.constant(1), images) }
    return [.tensor(element, [rois[0], try context.shape(0)?[1] ?? .unknown] + pooledShape.map { Dim($0) })]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let shape = try resolvedShape(inputs, context)
    let x = try inputs.tensor(0)
    let source = x.wide(Double.self)
    let rois = try inputs.tensor(1).wide(Double.self)
    let (height, width, plane) = (x.shape[2], x.shape[3], x.shape[2] * x.shape[3])
    var result = [Double](repeating: 0, count: product(shape))
    try checkImages(inputs.tensor(1), x.shape[0])
    for number in 0..<shape[0] {
      let roi = rois[number * 5..<number * 5 + 5].map { $0 }
      let image = Int(Int64(saturating: roi[0]))
      let corners = roi.dropFirst().map { limited(($0 * Double(scale)).rounded(.toNearestOrAwayFromZero)) }
      let (x1, y1, x2, y2) = (corners[0], corners[1], corners[2], corners[3])
      for row in 0..<shape[2] {
        try context.checkDeadline()
        let rows = cell(row, shape[2], y1, y2, height)
        for column in 0..<shape[3] {
          let columns = cell(column, shape[3], x1, x2, width)
          if rows.isEmpty || columns.isEmpty { continue }
          for c in 0..<shape[1] {
            var best = -Double.infinity
            for i in rows {
              for j in columns { best = maximumOrNaN(best, source[(image * shape[1] + c) * plane + i * width + j]) }
            }
            result[((number * shape[1] + c) * shape[2] + row) * shape[3] + column] = best
          }
        }
      }
    }
    return [.tensor(Tensor(wide: result, x.type, shape))]
  }

  /// Throws where the first column of these boxes names no image.
  private func checkImages(_ rois: Tensor?, _ images: Int) throws(Diagnostic) {
    guard let rois else { return }
    let numbers = rois.wide(Double.self)
    for first in stride(from: 0, to: numbers.count, by: 5) {
      let image = Int(Int64(saturating: numbers[first]))
      guard image >= 0, image < images else { throw .invalid(batchIndexMessage(image, images)) }
    }
  }

  private func limited(_ x: Double) -> Double { x.isNaN ? 0 : min(max(x, -1e9), 1e9) }

  /// Pixels of a cell along an axis.
  private func cell(_ i: Int, _ count: Int, _ start: Double, _ end: Double, _ size: Int) -> Range<Int> {
    let extent = max(end - start + 1, 1) / Double(count)
    let low = min(max((Double(i) * extent).rounded(.down) + start, 0), Double(size))
    let high = min(max((Double(i + 1) * extent).rounded(.up) + start, 0), Double(size))
    return Int(low)..<max(Int(low), Int(high))
  }
}

/// Boxes that no better box of their class overlaps: [count,3] of batch, class, box. Inputs boxes[N,B,4],
/// scores[N,C,B], max_output_boxes_per_class?, iou_threshold?, score_threshold?. ONNX NonMaxSuppression, opsets
/// 10–11.
public struct NonMaxSuppression: Operator {
  public static let name = "NonMaxSuppression"
  public static let inputs = Arity(2...5)
  public static let attributes: [AttributeField<Self>] = [.flag("center_point_box", \.isCentered)]
  /// Boxes are (x centre, y centre, width, height) instead of two corners (y, x).
  public var isCentered = false
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(0, [.float32])
    try context.require(1, [.float32])
    try context.requireRank(0, 3...3)
    try context.requireRank(1, 3...3)
    if context.has(2) { try context.require(2, [.int64]) }
    for index in 3...4 where context.has(index) { try context.require(index, [.float32]) }
    if let boxes = try context.shape(0), let scores = try context.shape(1) {
      guard boxes[2].isEqual(to: 4) != false, boxes[0].isEqual(to: scores[0]) != false,
        boxes[1].isEqual(to: scores[2]) != false
      else { throw .invalid("boxes \(describe(boxes)) and scores \(describe(scores)) do not belong together") }
    }
    return [.tensor(.int64, [.unknown, 3])]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    _ = try resolvedTypes(inputs, context)
    let boxes = try inputs.tensor(0)
    let scores = try inputs.tensor(1)
    let limit = inputs.optionalTensor(2)?.integers.first ?? 0
    let overlap = inputs.optionalTensor(3)?.wide(Float.self).first ?? 0
    let minimum = inputs.optionalTensor(4)?.wide(Float.self).first
    let values = scores.wide(Float.self)
    let corners = boxes.wide(Float.self)
    let count = boxes.shape[1]
    var result: [Int64] = []
    for row in 0..<scores.shape[0] * scores.shape[1] {
      let image = row / scores.shape[1]
      let areas = (0..<count).map { area(corners, (image * count + $0) * 4) }
      let own = values[row * count..<(row + 1) * count].map { $0 }
      // Best first, first of equals first.
      var candidates = (0..<count).filter { i in minimum.map { own[i] > $0 } ?? true }
      candidates.sort { own[$0] != own[$1] ? own[$0] > own[$1] : $0 < $1 }
      var chosen: [Int] = []
      for candidate in candidates where chosen.count < limit {
        try context.checkDeadline()
        if chosen.contains(where: { Box.overlap(areas[$0], areas[candidate]) > overlap }) { continue }
        chosen.append(candidate)
        result += [Int64(image), Int64(row % scores.shape[1]), Int64(candidate)]
      }
    }
    return [.tensor(Tensor(result, shape: [result.count / 3, 3]))]
  }

  private struct Box {
    var y1: Float
    var x1: Float
    var y2: Float
    var x2: Float
    var size: Float { (y2 - y1) * (x2 - x1) }

    /// Intersection over union; 0 for boxes without area.
    static func overlap(_ a: Box, _ b: Box) -> Float {
      let h = min(a.y2, b.y2) - max(a.y1, b.y1)
      let w = min(a.x2, b.x2) - max(a.x1, b.x1)
      guard h > 0, w > 0, a.size > 0, b.size > 0 else { return 0 }
      let union = a.size + b.size - h * w
      return union > 0 ? h * w / union : 0
    }
  }

  private func area(_ v: [Float], _ i: Int) -> Box {
    if isCentered {
      return Box(
        y1: v[i + 1] - v[i + 3] / 2, x1: v[i] - v[i + 2] / 2, y2: v[i + 1] + v[i + 3] / 2, x2: v[i] + v[i + 2] / 2)
    }
    return Box(
      y1: min(v[i], v[i + 2]), x1: min(v[i + 1], v[i + 3]), y2: max(v[i], v[i + 2]), x2: max(v[i + 1], v[i + 3]))
  }
}
