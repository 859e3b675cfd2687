extension OperatorCatalog {
  static let padding: [any Operator.Type] = [Pad.self, CenterCropPad.self]
}

public enum PadMode: String, CaseIterable, Sendable { case constant, reflect, edge, wrap }

/// Elements put around the data; negative pads cut off. Inputs data, pads (begins then ends, of `axes` or all),
/// constant_value?, axes?. ONNX Pad, opsets 1–25.
public struct Pad: Operator {
  public static let name = "Pad"
  public static let inputs = Arity(2...4)
  public static let attributes: [AttributeField<Self>] = [.choice("mode", \.mode)]
  public var mode = PadMode.constant
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(1, [.int64])
    if context.has(2) { try context.sameElement([0, 2]) }
    if context.has(3) { try context.require(3, indexTypes) }
    let type = try context.tensor(0)
    guard var shape = type.shape else { return [.tensor(type.element, nil)] }
    _ = try context.length(1)
    guard let pads = context.contents(1), !context.has(3) || context.integers(3) != nil else {
      return [.tensor(type.element, InferenceContext.unknown(shape.count))]
    }
    let axes = try normalizedAxes(context.integers(3) ?? Array(shape.indices), rank: shape.count)
    guard pads.count == 2 * axes.count else {
      throw .invalid("pads has \(pads.count) elements, expected \(2 * axes.count) for \(axes.count) axes")
    }
    for pad in pads {
      if let value = pad.value, value.magnitude > Dim.limit { throw .invalid("pads holds \(value)") }
    }
    for (i, axis) in axes.enumerated() {
      let size = shape[axis]
      shape[axis] = size + pads[i] + pads[i + axes.count]
      if let padded = shape[axis].value, padded < 0 {
        throw .invalid("pads \(describe(pads)) cut more off axis \(axis) than its \(size) elements")
      }
      if mode == .reflect, let length = size.value, length > 0 {
        for pad in [pads[i], pads[i + axes.count]] {
          guard let value = pad.value, value >= length else { continue }
          throw .invalid("a reflection of \(value) does not fit axis \(axis) of \(length) elements")
        }
      }
      if mode != .constant, size == 0, shape[axis] != 0 {
        throw .invalid("axis \(axis) is empty, there is nothing to pad with")
      }
    }
    return [.tensor(type.element, shape)]
  }

  /// Begin and end of every axis.
  public static func resolve(_ pads: [Int], axes: [Int]?, rank: Int) throws(Diagnostic) -> (begins: [Int], ends: [Int])
  {
    var begins = [Int](repeating: 0, count: rank)
    var ends = begins
    let axes = try normalizedAxes(axes ?? Array(0..<rank), rank: rank)
    guard pads.count == 2 * axes.count else {
      throw .invalid("pads has \(pads.count) elements, expected \(2 * axes.count) for \(axes.count) axes")
    }
    for (i, axis) in axes.enumerated() { (begins[axis], ends[axis]) = (pads[i], pads[i + axes.count]) }
    return (begins, ends)
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let shape = try resolvedShape(inputs, context)
    let x = try inputs.tensor(0)
    let (begins, _) = try Pad.resolve(
      try inputs.tensor(1).integers, axes: inputs.optionalTensor(3)?.integers, rank: x.rank)
    if let value = inputs.optionalTensor(2), value.count != 1 {
      throw .invalid("constant_value has shape \(describe(value.shape)), expected one element")
    }
    return [.tensor(pad(x, shape, begins, inputs.optionalTensor(2)))]
  }

  private func pad(_ x: Tensor, _ shape: [Int], _ begins: [Int], _ value: Tensor?) -> Tensor {
    let target = ElementTarget(x.type, shape)
    guard target.count > 0 else { return target.tensor() }
    if mode == .constant, let value { target.fill(ElementSource(value)) }
    let source = ElementSource(x)
    let strides = rowMajorStrides(x.shape)
    let maps = shape.indices.map { axis in
      (0..<shape[axis]).map { position(saturatingAdd($0, -begins[axis]), x.shape[axis]) * strides[axis] }
    }
    let lastMap = maps.last ?? [0]
    let outer = Array(shape.dropLast())
    var index = [Int](repeating: 0, count: outer.count)
    var to = 0
    repeat {
      var base = 0
      for axis in outer.indices { base = base < 0 || maps[axis][index[axis]] < 0 ? -1 : base + maps[axis][index[axis]] }
      if base >= 0 { copyRow(source, target, lastMap, base, to) }
      to += lastMap.count
    } while advance(&index, in: outer)
    return target.tensor()
  }

  /// Copies runs of neighbours at once.
  private func copyRow(_ source: ElementSource, _ target: ElementTarget, _ map: [Int], _ base: Int, _ to: Int) {
    var start = 0
    while start < map.count {
      var end = start + 1
      while end < map.count, map[end] == map[end - 1] + 1, map[start] >= 0 { end += 1 }
      if map[start] >= 0 { target.copy(source, from: base + map[start], to: to + start, count: end - start) }
      start = end
    }
  }

  /// Where the element at a position before, in or after the data comes from; negative: the constant.
  private func position(_ i: Int, _ size: Int) -> Int {
    if i >= 0 && i < size { return i }
    switch mode {
    case .constant: return -1
    case .edge: return i < 0 ? 0 : size - 1
    case .wrap: return i - floorDivide(i, size) * size
    case .reflect:
      if size == 1 { return 0 }
      let period = 2 * (size - 1)
      let phase = i - floorDivide(i, period) * period
      return phase < size ? phase : period - phase
    }
  }
}

/// The middle of the data along some axes, cut or padded with zeros to the sizes of input 1.
/// ONNX CenterCropPad, opset 18.
public struct CenterCropPad: Operator {
  public static let name = "CenterCropPad"
  public static let inputs: Arity = 2
  public static let attributes: [AttributeField<Self>] = [.ints("axes", \.axes)]
  public var axes: [Int]?
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    try context.require(1, indexTypes)
    let type = try context.tensor(0)
    guard var shape = type.shape else { return [.tensor(type.element, nil)] }
    let axes = try normalizedAxes(axes ?? Array(shape.indices), rank: shape.count)
    let length = try context.length(1)
    let sizes = context.contents(1) ?? InferenceContext.unknown(length ?? axes.count)
    guard sizes.count == axes.count else {
      throw .invalid("shape has \(sizes.count) elements, expected \(axes.count)")
    }
    try checkDimensions(sizes, "shape")
    for (axis, size) in zip(axes, sizes) { shape[axis] = size }
    return [.tensor(type.element, shape)]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let shape = try resolvedShape(inputs, context)
    let x = try inputs.tensor(0)
    var begins: [Int] = []
    var ends: [Int] = []
    for (have, want) in zip(x.shape, shape) {
      // Of an odd difference the larger part is at the end, for cutting and padding alike.
      let begin = want >= have ? (want - have) / 2 : -((have - want) / 2)
      begins.append(begin)
      ends.append(want - have - begin)
    }
    let pads = Tensor((begins + ends).map { Int64($0) })
    return try Pad().evaluate([.tensor(x), .tensor(pads)], context)
  }
}
