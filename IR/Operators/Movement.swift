/// What operators that move elements without looking at them share: every element type, strings and packed sub-byte
/// types included, is read and written as units of a fixed width.

/// Elements of a tensor as units: strings as they are, types below 8 bits one per byte.
struct ElementSource {
  let type: ElementType
  let count: Int
  /// Bytes a unit takes; 0 for strings.
  let width: Int
  let storage: TensorStorage

  init(_ tensor: Tensor) {
    type = tensor.type
    count = tensor.count
    width = tensor.type == .string ? 0 : max(tensor.type.bitWidth / 8, 1)
    storage = tensor.type == .string || tensor.type.bitWidth >= 8 ? tensor.storage : ElementSource.unpack(tensor)
  }

  private static func unpack(_ tensor: Tensor) -> TensorStorage {
    let bits = tensor.type.bitWidth
    let perByte = 8 / bits
    let mask = UInt8((1 << bits) - 1)
    let count = tensor.count
    return TensorStorage(byteCount: count) { target in
      for i in 0..<count { target[i] = (tensor.bytes[i / perByte] >> UInt8((i % perByte) * bits)) & mask }
    }
  }
}

/// A tensor being written unit by unit; zeros (or empty strings) where nothing is written.
final class ElementTarget {
  let type: ElementType
  let shape: [Int]
  let count: Int
  let width: Int
  private let memory: UnsafeMutableRawBufferPointer
  private var strings: [[UInt8]]

  /// The caller has checked the size of the shape.
  init(_ type: ElementType, _ shape: [Int]) {
    self.type = type
    self.shape = shape
    count = Tensor.elementCount(of: shape) ?? 0
    width = type == .string ? 0 : max(type.bitWidth / 8, 1)
    memory = .allocate(byteCount: count * width, alignment: 64)
    memory.initializeMemory(as: UInt8.self, repeating: 0)
    strings = type == .string ? Array(repeating: [], count: count) : []
  }

  deinit { memory.deallocate() }

  /// Copies a run of units.
  func copy(_ source: ElementSource, from: Int, to: Int, count: Int) {
    guard count > 0 else { return }
    precondition(from >= 0 && to >= 0 && from + count <= source.count && to + count <= self.count, "copy out of range")
    if width == 0 {
      for i in 0..<count { strings[to + i] = source.storage.strings[from + i] }
    } else {
      let bytes = UnsafeRawBufferPointer(rebasing: source.storage.bytes[from * width..<(from + count) * width])
      UnsafeMutableRawBufferPointer(rebasing: memory[to * width..<(to + count) * width]).copyMemory(from: bytes)
    }
  }

  /// Copies units `step` apart (0: one unit again and again) to consecutive places.
  func copy(_ source: ElementSource, from: Int, step: Int, to: Int, count: Int) {
    if step == 1 || count <= 1 { return copy(source, from: from, to: to, count: count) }
    let end = from + (count - 1) * step
    precondition(
      min(from, end) >= 0 && max(from, end) < source.count && to >= 0 && to + count <= self.count, "copy out of range")
    switch width {
    case 0: for i in 0..<count { strings[to + i] = source.storage.strings[from + i * step] }
    case 1: spread(UInt8.self, source, from, step, to, count)
    case 2: spread(UInt16.self, source, from, step, to, count)
    case 4: spread(UInt32.self, source, from, step, to, count)
    case 8: spread(UInt64.self, source, from, step, to, count)
    default: for i in 0..<count { copy(source, from: from + i * step, to: to + i, count: 1) }
    }
  }

  private func spread<U: BitwiseCopyable>(
    _: U.Type, _ source: ElementSource, _ from: Int, _ step: Int, _ to: Int, _ count: Int
  ) {
    let size = MemoryLayout<U>.size
    for i in 0..<count {
      let unit = source.storage.bytes.loadUnaligned(fromByteOffset: (from + i * step) * size, as: U.self)
      memory.storeBytes(of: unit, toByteOffset: (to + i) * size, as: U.self)
    }
  }

  /// Writes one unit of a source everywhere.
  func fill(_ source: ElementSource, at index: Int = 0) { copy(source, from: index, step: 0, to: 0, count: count) }

  /// What has been written, as a tensor. Called once, at the end.
  func tensor() -> Tensor {
    if type == .string { return Tensor(strings: strings, shape: shape) }
    let bits = type.bitWidth
    let memory = memory
    if bits >= 8 {
      let owned = TensorStorage(bytes: UnsafeRawBufferPointer(memory), owner: self)
      return Tensor(unchecked: type, shape, storage: owned)
    }
    let perByte = 8 / bits
    let count = count
    let packed = TensorStorage(byteCount: (count + perByte - 1) / perByte) { target in
      for i in 0..<count { target[i / perByte] |= memory[i] << UInt8((i % perByte) * bits) }
    }
    return Tensor(unchecked: type, shape, storage: packed)
  }
}

extension Tensor {
  /// A dense copy of the elements at offset + Σ index · stride, for every index of `shape`. All offsets must be inside.
  func view(_ shape: [Int], offset: Int = 0, strides: [Int]) -> Tensor {
    let source = ElementSource(self)
    let target = ElementTarget(type, shape)
    guard target.count > 0 else { return target.tensor() }
    let (sizes, steps) = coalesced(shape, strides)
    let run = sizes.last ?? 1
    let step = steps.last ?? 1
    let outer = Array(sizes.dropLast())
    var index = [Int](repeating: 0, count: outer.count)
    var from = offset
    var to = 0
    while to < target.count {
      target.copy(source, from: from, step: step, to: to, count: run)
      to += run
      var axis = outer.count - 1
      while axis >= 0 {
        index[axis] += 1
        from += steps[axis]
        if index[axis] < outer[axis] { break }
        from -= steps[axis] * outer[axis]
        index[axis] = 0
        axis -= 1
      }
    }
    return target.tensor()
  }
}

/// Axes of one element dropped, and neighbours that lie behind each other merged.
private func coalesced(_ shape: [Int], _ strides: [Int]) -> (sizes: [Int], steps: [Int]) {
  var sizes: [Int] = []
  var steps: [Int] = []
  for (size, step) in zip(shape, strides) where size != 1 {
    if let last = sizes.indices.last, steps[last] == step * size {
      sizes[last] *= size
      steps[last] = step
    } else {
      sizes.append(size)
      steps.append(step)
    }
  }
  return (sizes, steps)
}

// MARK: Inference on concrete inputs

/// Integer element types that indices may have.
let indexTypes: [ElementType] = [.int32, .int64]

extension Operator {
  /// Types of the outputs for concrete inputs: what inference says when everything is known. All its checks apply.
  func resolvedTypes(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [ValueType] {
    let described: [InferenceContext.Input?] = inputs.map { datum in
      guard let datum else { return nil }
      guard let tensor = datum.tensor else { return InferenceContext.Input(type: datum.type) }
      return InferenceContext.Input(type: datum.type, constant: tensor, contents: Graph.contents(of: tensor))
    }
    return try inferTypes(InferenceContext(inputs: described, outputCount: context.outputCount))
  }

  /// The shape of one tensor output for concrete inputs, its size checked against the limit.
  func resolvedShape(
    _ inputs: [Datum?], _ context: EvaluationContext, output: Int = 0
  ) throws(Diagnostic) -> [Int] {
    let types = try resolvedTypes(inputs, context)
    guard output < types.count, let type = types[output].tensor, let shape = type.knownShape else {
      throw .invalid("the shape of output \(output) does not follow from the inputs")
    }
    try context.checkSize(shape, type.element)
    return shape
  }
}

/// Axes counted from the front, each in range and at most once.
func normalizedAxes(_ axes: [Int], rank: Int) throws(Diagnostic) -> [Int] {
  var result: [Int] = []
  var met: Set<Int> = []
  for axis in axes {
    let normal = try normalizedAxis(axis, rank: rank)
    guard met.insert(normal).inserted else { throw .invalid("axis \(axis) is named twice") }
    result.append(normal)
  }
  return result
}

/// Throws where a dimension that is a number is negative or above the limit.
func checkDimensions(_ shape: Shape, _ what: String) throws(Diagnostic) {
  for dim in shape {
    if let value = dim.value, value < 0 || value > Dim.limit { throw .invalid("\(what) holds dimension \(value)") }
  }
}

/// The product of dimensions; 1 for none.
func product(_ dims: some Sequence<Dim>) -> Dim { dims.reduce(Dim(1)) { $0 * $1 } }

/// The product of numbers whose tensor exists already, so that it does not overflow.
func product(_ sizes: some Sequence<Int>) -> Int { sizes.reduce(1) { saturatingMultiply($0, $1) } }

/// Throws unless an input of known rank has one of these ranks.
extension InferenceContext {
  func requireRank(_ index: Int, _ ranks: ClosedRange<Int>) throws(Diagnostic) {
    guard let rank = try tensor(index).rank, !ranks.contains(rank) else { return }
    let accepted =
      ranks.lowerBound == ranks.upperBound ? "\(ranks.lowerBound)" : "\(ranks.lowerBound)...\(ranks.upperBound)"
    throw .invalid("input \(index) has rank \(rank), expected \(accepted)")
  }

  /// Unknown dimensions, so many.
  static func unknown(_ rank: Int) -> Shape { Array(repeating: .unknown, count: rank) }

  /// Length of a rank-1 input that says something of every axis, where it is a number. Throws where no tensor has so
  /// many axes.
  func length(_ index: Int) throws(Diagnostic) -> Int? {
    try requireRank(index, 1...1)
    guard let length = try shape(index)?.first?.value else { return nil }
    guard length <= 2 * Shape.maximumRank else {
      throw .invalid("input \(index) has \(length) elements, but no tensor has more than \(Shape.maximumRank) axes")
    }
    return length
  }
}
