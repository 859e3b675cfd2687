/// How padding follows from the shapes. ONNX attribute `auto_pad`.
public enum AutoPad: String, CaseIterable, Sendable {
  case notSet = "NOTSET"
  case sameUpper = "SAME_UPPER"
  case sameLower = "SAME_LOWER"
  case valid = "VALID"

  public var isSame: Bool { self == .sameUpper || self == .sameLower }
}

/// The attributes with which convolutions and pools slide a kernel over the spatial axes; absent ones are nil.
public struct Window: Hashable, Sendable {
  public var kernelShape: [Int]?
  public var strides: [Int]?
  /// Begin of every axis, then end of every axis.
  public var pads: [Int]?
  public var dilations: [Int]?
  public var autoPad = AutoPad.notSet

  public init() {}

  public func stride(_ axis: Int) -> Int { strides?[axis] ?? 1 }
  public func dilation(_ axis: Int) -> Int { dilations?[axis] ?? 1 }

  /// Elements the kernel spans along an axis.
  func extent(_ kernel: Dim, _ axis: Int) -> Dim { (kernel - 1) * Dim(dilation(axis)) + 1 }

  /// Throws unless every list is as long as there are spatial axes.
  func check(rank: Int) throws(Diagnostic) {
    func length(_ list: [Int]?, _ expected: Int, _ name: String) throws(Diagnostic) {
      if let list, list.count != expected {
        throw .invalid("attribute '\(name)' has \(list.count) elements, expected \(expected) for \(rank) spatial axes")
      }
    }
    try length(kernelShape, rank, "kernel_shape")
    try length(strides, rank, "strides")
    try length(dilations, rank, "dilations")
    try length(pads, 2 * rank, "pads")
  }

  /// Padding before and after an axis. With SAME it follows from the input, which must be a number then.
  public func padding(_ axis: Int, rank: Int, input: Int, kernel: Int) -> (begin: Int, end: Int) {
    switch autoPad {
    case .valid: return (0, 0)
    case .notSet: return (pads?[axis] ?? 0, pads?[axis + rank] ?? 0)
    case .sameUpper, .sameLower:
      let step = stride(axis)
      let output = input / step + (input % step == 0 ? 0 : 1)
      let span = saturatingAdd(saturatingMultiply(kernel - 1, dilation(axis)), 1)
      let needed = saturatingAdd(saturatingMultiply(output - 1, step), span) - input
      let total = max(0, needed)
      return autoPad == .sameUpper ? (total / 2, total - total / 2) : (total - total / 2, total / 2)
    }
  }

  /// Spatial output dimensions of a convolution or pool. Source: ONNX MaxPool and Conv, "output_spatial_shape".
  /// With `roundUp`, windows that would start in the end padding are left out.
  public func outputShape(_ input: Shape, kernel: Shape, roundUp: Bool = false) throws(Diagnostic) -> Shape {
    let rank = input.count
    try check(rank: rank)
    guard kernel.count == rank else {
      throw .invalid("kernel \(describe(kernel)) does not fit \(rank) spatial axes")
    }
    var result: Shape = []
    for axis in 0..<rank {
      let dim = try outputDim(input[axis], kernel[axis], axis, rank, roundUp)
      if let value = dim.value, value < 1 {
        throw .invalid(
          "kernel \(describe(kernel)) does not fit into input \(describe(input)) along spatial axis \(axis)")
      }
      result.append(dim)
    }
    return result
  }

  private func outputDim(_ input: Dim, _ kernel: Dim, _ axis: Int, _ rank: Int, _ roundUp: Bool) throws(Diagnostic)
    -> Dim
  {
    if input.isUnknown || kernel.isUnknown { return .unknown }
    let step = Dim(stride(axis))
    if autoPad.isSame { return input.ceilQuotient(by: step) ?? .unknown }
    let begin = autoPad == .valid ? 0 : pads?[axis] ?? 0
    let end = autoPad == .valid ? 0 : pads?[axis + rank] ?? 0
    let room = input + Dim(begin) + Dim(end) - extent(kernel, axis)
    guard roundUp else { return (room.quotient(by: step) ?? .unknown) + 1 }
    let all = (room.ceilQuotient(by: step) ?? .unknown) + 1
    let starting = ((input + Dim(begin) - 1).quotient(by: step) ?? .unknown) + 1
    return Dim.minimum(all, starting)
  }

  /// Everything as numbers, for evaluation.
  public func geometry(input: [Int], kernel: [Int], roundUp: Bool = false) throws(Diagnostic) -> SpatialGeometry {
    let output = try outputShape(input.map { Dim($0) }, kernel: kernel.map { Dim($0) }, roundUp: roundUp)
    let rank = input.count
    let padding = (0..<rank).map { self.padding($0, rank: rank, input: input[$0], kernel: kernel[$0]) }
    return SpatialGeometry(
      input: input, kernel: kernel, output: output.map { $0.value ?? 0 }, strides: (0..<rank).map { stride($0) },
      dilations: (0..<rank).map { dilation($0) }, begins: padding.map(\.begin), ends: padding.map(\.end))
  }
}

/// An operator with window attributes.
public protocol WindowOperator: Operator {
  var window: Window { get set }
}

/// Bounds of attributes that count elements.
let sizeRange = 1...Int(Int32.max)
let padRange = 0...Int(Int32.max)

extension WindowOperator {
  /// kernel_shape, strides, pads, dilations, auto_pad.
  static func windowAttributes(kernelRequired: Bool = false) -> [AttributeField<Self>] {
    [
      .ints("kernel_shape", \.window.kernelShape, in: sizeRange, isRequired: kernelRequired),
      .ints("strides", \.window.strides, in: sizeRange), .ints("pads", \.window.pads, in: padRange),
      .ints("dilations", \.window.dilations, in: sizeRange), .choice("auto_pad", \.window.autoPad),
    ]
  }
}

/// A kernel sliding over spatial axes, all numbers known.
public struct SpatialGeometry: Hashable, Sendable {
  public var input: [Int]
  public var kernel: [Int]
  public var output: [Int]
  public var strides: [Int]
  public var dilations: [Int]
  public var begins: [Int]
  public var ends: [Int]

  public var rank: Int { input.count }
  public var inputCount: Int { product(input) }
  public var outputCount: Int { product(output) }
  public var kernelCount: Int { product(kernel) }

  /// Output positions along an axis at which kernel element `tap` lies inside the input; and the input position of the
  /// first of them.
  func overlap(_ axis: Int, tap: Int) -> (outputs: Range<Int>, input: Int) {
    let step = strides[axis]
    // Input position of output 0. Saturating: kernel and dilation come from the model.
    let origin = saturatingAdd(saturatingMultiply(tap, dilations[axis]), -begins[axis])
    let low = origin >= 0 ? 0 : saturatingAdd(-origin, step - 1) / step
    let high = origin >= input[axis] ? 0 : min(output[axis], (input[axis] - 1 - origin) / step + 1)
    guard low < high else { return (0..<0, 0) }
    return (low..<high, origin + low * step)
  }

  /// Kernel elements along an axis that lie inside the input for an output position, as a range of taps.
  func taps(_ axis: Int, output position: Int) -> Range<Int> {
    let origin = saturatingAdd(saturatingMultiply(position, strides[axis]), -begins[axis])
    let step = dilations[axis]
    let low = origin >= 0 ? 0 : saturatingAdd(-origin, step - 1) / step
    let high = origin >= input[axis] ? 0 : min(kernel[axis], (input[axis] - 1 - origin) / step + 1)
    return low < high ? low..<high : 0..<0
  }

  /// Calls `body` for each row of outputs (all along the last axis) that kernel element `tap` reads inside the input:
  /// offset of the first output and input of the row, and how many. Inputs are `strides.last` apart.
  func forEachRow(tap: [Int], _ body: (_ output: Int, _ input: Int, _ count: Int) -> Void) {
    let ranges = (0..<rank).map { overlap($0, tap: tap[$0]) }
    guard rank > 0, ranges.allSatisfy({ !$0.outputs.isEmpty }) else {
      if rank == 0 { body(0, 0, 1) }
      return
    }
    let outputStrides = rowMajorStrides(output)
    let inputStrides = rowMajorStrides(input)
    let last = rank - 1
    var index = ranges.map(\.outputs.lowerBound)
    while true {
      var to = ranges[last].outputs.lowerBound
      var from = ranges[last].input
      for axis in 0..<last {
        to += index[axis] * outputStrides[axis]
        from +=
          (ranges[axis].input + (index[axis] - ranges[axis].outputs.lowerBound) * strides[axis]) * inputStrides[axis]
      }
      body(to, from, ranges[last].outputs.count)
      var axis = last - 1
      while axis >= 0 {
        index[axis] += 1
        if index[axis] < ranges[axis].outputs.upperBound { break }
        index[axis] = ranges[axis].outputs.lowerBound
        axis -= 1
      }
      if axis < 0 { return }
    }
  }
}

/// Counts `index` up in `shape`, last axis fastest; false after the last.
func advance(_ index: inout [Int], in shape: [Int]) -> Bool {
  var axis = shape.count - 1
  while axis >= 0 {
    index[axis] += 1
    if index[axis] < shape[axis] { return true }
    index[axis] = 0
    axis -= 1
  }
  return false
}
