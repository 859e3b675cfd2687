extension OperatorCatalog {
  static let slicing: [any Operator.Type] = [Slice.self]
}

/// Elements start, start + step, … before `end`, along some axes, as Python slices. Inputs data, starts, ends, axes?,
/// steps?. ONNX Slice, opsets 1–13.
public struct Slice: Operator {
  public static let name = "Slice"
  public static let inputs = Arity(3...5)
  public init() {}

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    let type = try context.tensor(0)
    for index in 1...4 where context.has(index) {
      try context.require(index, indexTypes)
      try context.requireRank(index, 1...1)
    }
    guard var shape = type.shape else { return [.tensor(type.element, nil)] }
    let starts = context.contents(1)
    let ends = context.contents(2)
    let length = try context.length(1)
    guard let count = starts?.count ?? ends?.count ?? length else {
      return [.tensor(type.element, InferenceContext.unknown(shape.count))]
    }
    guard count <= shape.count else {
      throw .invalid("starts has \(count) elements, but the input has rank \(shape.count)")
    }
    for list in [starts, ends, context.contents(3), context.contents(4)] {
      if let list, list.count != count { throw .invalid("starts, ends, axes and steps differ in length") }
    }
    guard !context.has(3) || context.integers(3) != nil else {
      return [.tensor(type.element, InferenceContext.unknown(shape.count))]
    }
    let axes = try normalizedAxes(context.integers(3) ?? Array(0..<count), rank: shape.count)
    for (i, axis) in axes.enumerated() {
      let step = context.has(4) ? context.contents(4)?[i].value : 1
      if step == 0 { throw .invalid("the step along axis \(axis) is 0") }
      guard let step, let start = starts?[i], let end = ends?[i] else {
        shape[axis] = .unknown
        continue
      }
      shape[axis] = Slice.length(shape[axis], start, end, step)
    }
    return [.tensor(type.element, shape)]
  }

  /// First index and number of indices of a slice along an axis. Source: Python's slice.indices; ONNX Slice.
  static func indices(_ size: Int, _ start: Int, _ end: Int, _ step: Int) -> (first: Int, count: Int) {
    func fromFront(_ i: Int) -> Int { i < 0 ? saturatingAdd(i, size) : i }
    if step > 0 {
      let first = min(max(fromFront(start), 0), size)
      let stop = min(max(fromFront(end), 0), size)
      return (first, stop > first ? (stop - first - 1) / step + 1 : 0)
    }
    let first = min(max(fromFront(start), -1), size - 1)
    let stop = min(max(fromFront(end), -1), size - 1)
    let back = step == .min ? Int.max : -step
    return (max(first, 0), first > stop ? (first - stop - 1) / back + 1 : 0)
  }

  /// The same for dimensions; the unknown one where it is not an expression.
  static func length(_ size: Dim, _ start: Dim, _ end: Dim, _ step: Int) -> Dim {
    if let n = size.value, let s = start.value, let e = end.value { return Dim(indices(n, s, e, step).count) }
    // "To the end" is written as a large number.
    let huge = Int(Int32.max) - 1
    if step < 0 {
      let isWhole = (start == -1 || start.value.map { $0 >= huge } ?? false) && end.value.map { $0 <= -huge } ?? false
      return isWhole && step != .min ? size.ceilQuotient(by: Dim(-step)) ?? .unknown : .unknown
    }
    let stop: Dim
    if end == size || end.value.map({ $0 >= huge }) ?? false {
      stop = size
    } else if let e = end.value, e < 0 {
      stop = size + end
    } else if end.isNonNegative {
      stop = Dim.minimum(end, size)
    } else {
      return .unknown
    }
    let span: Dim
    if let s = start.value, s < 0 {
      span = stop == size ? Dim.minimum(Dim(saturatingMultiply(s, -1)), size) : stop - Dim.maximum(size + start, 0)
    } else if start.isNonNegative {
      span = start == 0 ? stop : stop - start
    } else {
      return .unknown
    }
    // The size is that of a tensor, so it is not negative whatever it looks like.
    let isCertain = span == size || start == 0 && end.isNonNegative || span.isNonNegative
    let whole = isCertain ? span : Dim.maximum(span, 0)
    return whole.ceilQuotient(by: Dim(step)) ?? .unknown
  }

  public func inferContents(_ context: InferenceContext) -> [[Dim]?] {
    guard let contents = context.contents(0), let start = context.integers(1)?.first,
      let end = context.contents(2)?.first,
      let stop = end.value, context.shapeRank(0) == 1, !context.has(4) || context.integers(4)?.count == 1
    else { return [nil] }
    let step = context.integers(4)?.first ?? 1
    if step == 0 { return [nil] }
    let (first, count) = Slice.indices(contents.count, start, stop, step)
    return [(0..<count).map { contents[first + $0 * step] }]
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let shape = try resolvedShape(inputs, context)
    let x = try inputs.tensor(0)
    let starts = try inputs.tensor(1).integers
    let ends = try inputs.tensor(2).integers
    let axes = try normalizedAxes(inputs.optionalTensor(3)?.integers ?? Array(starts.indices), rank: x.rank)
    let steps = inputs.optionalTensor(4)?.integers ?? Array(repeating: 1, count: starts.count)
    var strides = rowMajorStrides(x.shape)
    var offset = 0
    for (i, axis) in axes.enumerated() {
      let (first, count) = Slice.indices(x.shape[axis], starts[i], ends[i], steps[i])
      if count == 0 { return [.tensor(ElementTarget(x.type, shape).tensor())] }
      offset += first * strides[axis]
      // One element is not stepped over; its step may be any number.
      strides[axis] = count == 1 ? 0 : strides[axis] * steps[i]
    }
    return [.tensor(x.view(shape, offset: offset, strides: strides))]
  }
}

extension InferenceContext {
  /// Rank of a tensor input where known.
  func shapeRank(_ index: Int) -> Int? { input(index)?.type.tensor?.rank }
}
