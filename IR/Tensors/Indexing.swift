/// Row-major strides, in elements.
public func rowMajorStrides(_ shape: [Int]) -> [Int] {
  var strides = [Int](repeating: 1, count: shape.count)
  for axis in stride(from: shape.count - 2, through: 0, by: -1) {
    strides[axis] = strides[axis + 1] &* max(shape[axis + 1], 1)
  }
  return strides
}

/// The axis counted from the front, or an error naming the accepted range.
public func normalizedAxis(_ axis: Int, rank: Int, _ what: String = "axis") throws(Diagnostic) -> Int {
  guard axis >= -rank, axis < rank else {
    throw .invalid("\(what) is \(axis), accepted range for rank \(rank) is \(-rank)...\(rank - 1)")
  }
  return axis < 0 ? axis + rank : axis
}

/// The shape both broadcast to by numpy's rule (ONNX "Broadcasting in ONNX", multidirectional). A symbol against 1 gives
/// the symbol; two different symbols give their maximum, to be checked when running.
public func broadcast(_ a: Shape, _ b: Shape) throws(Diagnostic) -> Shape {
  var result: Shape = []
  let rank = max(a.count, b.count)
  for axis in 0..<rank {
    let x = axis < rank - a.count ? 1 : a[axis - (rank - a.count)]
    let y = axis < rank - b.count ? 1 : b[axis - (rank - b.count)]
    if x == y || y == 1 {
      result.append(x)
    } else if x == 1 {
      result.append(y)
    } else if let known = x.value, y.value == nil {
      // A number other than 1 against a symbol: whatever the symbol is, the result is the number.
      result.append(Dim(known))
    } else if let known = y.value, x.value == nil {
      result.append(Dim(known))
    } else if x.isEqual(to: y) == false {
      throw .invalid("shapes \(describe(a)) and \(describe(b)) do not broadcast: axis \(axis) is \(x) against \(y)")
    } else {
      // Two symbols: equal, or one of them is 1 (checked when running).
      result.append(Dim.maximum(x, y))
    }
  }
  return result
}

public func broadcast(_ a: Shape?, _ b: Shape?) throws(Diagnostic) -> Shape? {
  guard let a, let b else { return nil }
  return try broadcast(a, b)
}

/// The same for numbers.
public func broadcast(_ a: [Int], _ b: [Int]) throws(Diagnostic) -> [Int] {
  let shape = try broadcast(a.map { Dim($0) }, b.map { Dim($0) })
  return shape.map { $0.value ?? 0 }
}

public func describe(_ shape: Shape) -> String { "[" + shape.map(\.description).joined(separator: ",") + "]" }
public func describe(_ shape: [Int]) -> String { "[" + shape.map(String.init).joined(separator: ",") + "]" }

/// Strides with which a tensor of `shape` is read along `result`, zero where it is broadcast.
public func broadcastStrides(_ shape: [Int], to result: [Int]) -> [Int] {
  let own = rowMajorStrides(shape)
  let lead = result.count - shape.count
  return result.indices.map { $0 < lead || shape[$0 - lead] == 1 ? 0 : own[$0 - lead] }
}

/// Calls `body` with the offset into each operand for every position of `shape`, row-major.
/// `strides[k][axis]` is the step of operand k along the axis.
public func forEachOffset(_ shape: [Int], _ strides: [[Int]], _ body: ([Int]) -> Void) {
  guard let count = Tensor.elementCount(of: shape), count > 0 else { return }
  var index = [Int](repeating: 0, count: shape.count)
  var offsets = [Int](repeating: 0, count: strides.count)
  for _ in 0..<count {
    body(offsets)
    var axis = shape.count - 1
    while axis >= 0 {
      index[axis] += 1
      for k in offsets.indices { offsets[k] += strides[k][axis] }
      if index[axis] < shape[axis] { break }
      for k in offsets.indices { offsets[k] -= strides[k][axis] * shape[axis] }
      index[axis] = 0
      axis -= 1
    }
  }
}
