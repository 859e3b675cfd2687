import Bundle
import IR

/// Operators that only rename positions: most cost nothing.
extension LoweringCatalog {
  static let reshaping: [String: LoweringRule] = [
    "Reshape": reshape, "Flatten": reshape, "Squeeze": reshape, "Unsqueeze": reshape, "Identity": identity,
    "Dropout": dropout, "Transpose": transpose,
  ]

  private static let identity: LoweringRule = { (l, node) throws(Diagnostic) in
    guard let x = node.inputs[0] else { return false }
    return try share(l, x, node.outputs[0])
  }

  /// The output is the input under the same layouts.
  static func share(_ l: GraphLowering, _ x: ValueID, _ y: ValueID) throws(Diagnostic) -> Bool {
    let layout = try l.commonLayout([x], rank: l.rank(x))
    let type = l.placedType(x)
    try l.alias(y, l.slot(x, layout, type: type), layout, type: type)
    return true
  }

  private static let dropout: LoweringRule = { (l, node) throws(Diagnostic) in
    guard let x = node.inputs[0], node.outputs.count == 1 || l.graph.useCount(node.outputs[1]) == 0 else {
      return false
    }
    if node.inputs.count > 2, let training = node.inputs[2] {
      guard let flag = l.graph.constant(training), flag.bytes.allSatisfy({ $0 == 0 }) else { return false }
    }
    return try share(l, x, node.outputs[0])
  }

  /// Shares the input's memory under another layout; nothing moves until someone needs a particular one.
  private static let transpose: LoweringRule = { (l, node) throws(Diagnostic) in
    guard let x = node.inputs[0] else { return false }
    let rank = l.rank(x)
    let perm = (node.op as? Transpose)?.permutation ?? Array((0..<rank).reversed())
    guard perm.sorted() == Array(0..<rank) else { return false }
    // What nothing asked for yet may never be: products read the codes.
    if l.placements[x.index].isEmpty, l.graph.producer(x)?.op is DequantizeLinear {
      l.postpone(node.outputs[0]) { [unowned l] () throws(Diagnostic) in try turn(l, x, node.outputs[0], perm) }
    } else {
      try turn(l, x, node.outputs[0], perm)
    }
    return true
  }

  private static func turn(_ l: GraphLowering, _ x: ValueID, _ y: ValueID, _ perm: [Int]) throws(Diagnostic) {
    if try l.layouts(x).isEmpty { _ = try l.slot(x) }
    let places = l.placements[x.index]
    if places.isEmpty { try l.alias(y, l.slot(x), Layout.identity(perm.count).transposed(by: perm)) }
    for place in places { try l.alias(y, place.slot, place.layout.transposed(by: perm), type: place.type) }
  }

  static let reshape: LoweringRule = { (l, node) throws(Diagnostic) in
    guard let x = node.inputs[0] else { return false }
    let y = node.outputs[0]
    let type = l.placedType(x)
    for layout in try l.layouts(x) where !layout.isIdentity {
      guard let (source, result) = Regrouping(from: l.shape(x), to: l.shape(y))?.carry(layout) else { continue }
      try l.alias(y, l.slot(x, source, type: type), result, type: type)
      return true
    }
    try l.alias(y, l.slot(x, type: type), .identity(l.rank(y)), type: type)
    return true
  }
}

/// How a reshape groups axes: runs of input axes whose product equals that of runs of output axes, in order.
struct Regrouping {
  var groups: [(input: Range<Int>, output: Range<Int>)] = []

  /// Nil where the dimensions (symbols, say) do not show the groups.
  init?(from: Shape, to: Shape) {
    var i = 0
    var j = 0
    while i < from.count || j < to.count {
      let (startI, startJ) = (i, j)
      var a: Dim = 1
      var b: Dim = 1
      if i < from.count {
        a = from[i]
        i += 1
      }
      if j < to.count {
        b = to[j]
        j += 1
      }
      while a != b {
        // Grow the side that divides the other; with symbols try the input's side first.
        if i < from.count, Regrouping.isSmaller(a, b) {
          a = a * from[i]
          i += 1
        } else if j < to.count {
          b = b * to[j]
          j += 1
        } else if i < from.count {
          a = a * from[i]
          i += 1
        } else {
          return nil
        }
      }
      groups.append((startI..<i, startJ..<j))
    }
  }

  private static func isSmaller(_ a: Dim, _ b: Dim) -> Bool {
    if let x = a.value, let y = b.value { return x < y }
    return a.value != nil
  }

  /// The layout the input must have (the given one, with the axes of each group brought together) and the one the
  /// output then has; nil where bringing them together would tear the layout apart.
  func carry(_ layout: Layout) -> (source: Layout, result: Layout)? {
    var source: [Int] = []
    var result: [Int] = []
    var seen = Set<Int>()
    for axis in layout.axes {
      guard let index = groups.firstIndex(where: { $0.input.contains(axis) }), seen.insert(index).inserted else {
        continue
      }
      source += Array(groups[index].input)
      result += Array(groups[index].output)
    }
    // Output groups without input axes hold only ones: they may stand anywhere.
    for group in groups where group.input.isEmpty { result += Array(group.output) }
    return (Layout(axes: source), Layout(axes: result))
  }
}
