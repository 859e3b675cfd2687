import IR

extension ContribCatalog {
  /// Operators that move elements, and small ones of shapes.
  static let movement: [ContribOperator] = [
    ContribOperator("ExpandDims", inputs: 2...2) { (e) throws(Diagnostic) in
      let axis = try e.reshape(try e.cast(try e.input(1), .int64), [1])
      return [try e.node("Unsqueeze", [try e.input(0), axis])]
    },
    ContribOperator("GatherND", inputs: 2...2) { (e) throws(Diagnostic) in
      [try e.node("GatherND", [try e.input(0), try e.cast(try e.input(1), .int64)])]
    },
    ContribOperator("Trilu", inputs: 1...2) { (e) throws(Diagnostic) in
      [try e.node("Trilu", [try e.input(0), e.optional(1)], e.pass("upper"))]
    },
    ContribOperator("Range", inputs: 2...3, expandRange),
    ContribOperator("Pad", inputs: 2...3, expandPad),
    ContribOperator("Unique", inputs: 1...1, outputs: 1...3, expandUnique),
    ContribOperator("UnfoldTensor", inputs: 1...1, expandUnfold),
    ContribOperator("GridSample", inputs: 2...2, expandGridSample),
    ContribOperator("CDist", inputs: 2...2, expandDistances),
  ]

  private static func expandRange(_ e: Expansion) throws(Diagnostic) -> [ValueID] {
    let start = try e.reshape(try e.input(0), [])
    let delta = try e.optional(2).map { (id) throws(Diagnostic) in try e.reshape(id, []) }
    let one = try e.scalar(1, like: start)
    return [try e.node("Range", [start, try e.reshape(try e.input(1), []), delta ?? one])]
  }

  /// The pads may have a leading axis of 1, the value may be a vector of one element.
  private static func expandPad(_ e: Expansion) throws(Diagnostic) -> [ValueID] {
    let pads = try e.reshape(try e.input(1), [-1])
    let value = try e.optional(2).map { (id) throws(Diagnostic) in try e.reshape(id, []) }
    return [try e.node("Pad", [try e.input(0), pads, value], e.pass("mode"))]
  }

  /// Distinct elements in the order in which they first occur, where each element is among them, and counts.
  private static func expandUnique(_ e: Expansion) throws(Diagnostic) -> [ValueID] {
    let all = try e.nodes("Unique", [try e.input(0)], [("sorted", .int(0))], outputs: 4)
    return [all[0], all[2], all[3]]
  }

  /// All slices of `size` elements along an axis, `step` apart; the elements of a slice become the last axis.
  private static func expandUnfold(_ e: Expansion) throws(Diagnostic) -> [ValueID] {
    let x = try e.input(0)
    let rank = try e.knownShape(x, "an input").count
    let axis = try normalizedAxis(try e.int("dim") ?? -1, rank: rank, "attribute 'dim'")
    let size = try e.size("size")
    let step = try e.int("step") ?? 1
    guard step >= 1 else { throw .invalid("attribute 'step' is \(step), expected at least 1") }
    if let length = e.shape(x)?[axis].value, length < size {
      throw .invalid("axis \(axis) has \(length) elements, which is less than the slices' \(size)")
    }
    func number(_ value: Int) -> ValueID { e.constant(Tensor(scalar: Int64(value))) }
    let length = try e.reshape(try e.length(x, axis: axis), [])
    let room = try e.node("Div", [try e.node("Sub", [length, number(size)]), number(step)])
    let firsts = try e.node("Mul", [try e.range(try e.node("Add", [room, number(1)])), number(step)])
    let column = try e.node("Unsqueeze", [firsts, e.constant([1])])
    let indices = try e.node("Add", [column, try e.range(number(size))])
    let slices = try e.node("Gather", [x, indices], [("axis", .int(Int64(axis)))])
    let order = Array(0...axis) + Array((axis + 2)..<(rank + 1)) + [axis + 1]
    return [try e.transpose(slices, order)]
  }

  /// The modes had other names before ONNX took the operator over.
  private static func expandGridSample(_ e: Expansion) throws(Diagnostic) -> [ValueID] {
    let mode = try e.string("mode") ?? "bilinear"
    guard let renamed = ["bilinear": "linear", "bicubic": "cubic", "nearest": "nearest"][mode] else {
      throw .invalid("attribute 'mode' is '\(mode)', accepted are 'bilinear', 'bicubic' and 'nearest'")
    }
    let padding = e.pass("padding_mode")
    if mode == "bicubic", case .string(let name)? = padding.first?.value, name == Array("border".utf8) {
      throw .unsupported("bicubic sampling beyond a repeated border, which ONNX's operator places elsewhere")
    }
    let attributes = [("mode", AttributeValue.string(Array(renamed.utf8)))] + padding + e.pass("align_corners")
    return [try e.node("GridSample", [try e.input(0), try e.input(1)], attributes)]
  }

  /// Distances between the rows of A[M,N] and of B[K,N].
  private static func expandDistances(_ e: Expansion) throws(Diagnostic) -> [ValueID] {
    let metric = try e.string("metric") ?? "sqeuclidean"
    guard metric == "sqeuclidean" || metric == "euclidean" else { throw .unsupported("the metric '\(metric)'") }
    let a = try e.node("Unsqueeze", [try e.input(0), e.constant([1])])
    let b = try e.node("Unsqueeze", [try e.input(1), e.constant([0])])
    let difference = try e.node("Sub", [a, b])
    let sums = try e.node(
      "ReduceSumSquare", [difference, e.constant([2])], [("keepdims", .int(0))])
    return [metric == "euclidean" ? try e.node("Sqrt", [sums]) : sums]
  }
}
