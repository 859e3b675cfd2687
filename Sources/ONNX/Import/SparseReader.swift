import IR

extension TensorReader {
  /// A sparse tensor made dense. Throws unless the indices are sorted, unique and inside dims, and fit the values.
  func read(_ proto: ProtoSparse) throws(Diagnostic) -> Tensor {
    guard let valuesProto = proto.values, let indicesProto = proto.indices else {
      throw .invalid("a sparse tensor lacks its values or indices")
    }
    let values = try read(valuesProto)
    let indices = try read(indicesProto)
    let shape = try Self.shape(proto.dims)
    guard let count = Tensor.elementCount(of: shape), let byteCount = values.type.byteCount(of: count) else {
      throw .invalid("sparse dims \(describe(shape)) ask for too many elements")
    }
    guard values.type.bitWidth >= 8, values.rank == 1 else {
      throw .unsupported("sparse values are \(values.tensorType), expected rank 1 and whole bytes")
    }
    try spend(byteCount)
    let positions = try positions(indices, count: values.count, shape: shape, elements: count)
    let width = values.type.bitWidth / 8
    let storage = TensorStorage(byteCount: byteCount) { out in
      for (source, target) in positions.enumerated() {
        UnsafeMutableRawBufferPointer(rebasing: out[(target * width)..<((target + 1) * width)])
          .copyMemory(from: UnsafeRawBufferPointer(rebasing: values.bytes[(source * width)..<((source + 1) * width)]))
      }
    }
    guard let tensor = Tensor(values.type, shape, storage: storage) else {
      throw .invalid("sparse dims \(describe(shape)) do not fit")
    }
    return tensor
  }

  /// Linear positions of the values: from one index each, or from one tuple each.
  private func positions(
    _ indices: Tensor, count: Int, shape: [Int], elements: Int
  ) throws(Diagnostic) -> [Int] {
    let isTuple = indices.rank == 2
    guard indices.type == .int64, indices.shape == (isTuple ? [count, shape.count] : [count]) else {
      throw .invalid(
        "sparse indices are \(indices.tensorType), expected i64[\(count)] or i64[\(count),\(shape.count)]")
    }
    let numbers = indices.integers
    var result: [Int] = []
    result.reserveCapacity(count)
    for index in 0..<count {
      let position = isTuple ? try linear(numbers[(index * shape.count)...], shape) : numbers[index]
      guard position >= 0, position < elements else {
        throw .invalid("sparse index \(position) is outside dims \(describe(shape))")
      }
      if let last = result.last, position <= last {
        throw .invalid("sparse indices are not sorted and unique: \(position) follows \(last)")
      }
      result.append(position)
    }
    return result
  }

  private func linear(_ tuple: ArraySlice<Int>, _ shape: [Int]) throws(Diagnostic) -> Int {
    var position = 0
    for (coordinate, dim) in zip(tuple, shape) {
      guard coordinate >= 0, coordinate < dim else {
        throw .invalid("sparse index \(coordinate) is outside dims \(describe(shape))")
      }
      position = position &* dim &+ coordinate
    }
    return position
  }
}
