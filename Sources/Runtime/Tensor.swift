import Bundle
import Kernels

/// A dense row-major tensor in somebody else's memory: an input that the caller holds, or an output that is valid until
/// the context runs again.
public struct TensorView {
  var tensor: kerf_tensor

  init(_ tensor: kerf_tensor) { self.tensor = tensor }

  /// - Parameters:
  ///   - type: ONNX TensorProto.DataType of the elements.
  ///   - dims: at most 8; negative numbers are refused when the tensor is used.
  ///   - data: the elements; must stay valid and unchanged while a context runs on them.
  public init(type: UInt8, dims: [Int], data: UnsafeRawPointer?) {
    tensor = kerf_tensor()
    tensor.type = Int32(type)
    // A rank above 8 fits no input, so the error names it.
    tensor.rank = Int32(truncatingIfNeeded: min(dims.count, 255))
    tensor.data = UnsafeMutableRawPointer(mutating: data)
    withUnsafeMutablePointer(to: &tensor) { pointer in
      for index in 0..<min(dims.count, ProgramLimits.rank) { pointer.dims[index] = Int64(dims[index]) }
    }
  }

  public var type: UInt8 { UInt8(truncatingIfNeeded: tensor.type) }
  public var rank: Int { Int(tensor.rank) }
  public var data: UnsafeRawPointer? { UnsafeRawPointer(tensor.data) }

  public var dims: [Int] {
    var copy = tensor
    return withUnsafeMutablePointer(to: &copy) { pointer in
      var result: [Int] = []
      for index in 0..<min(rank, ProgramLimits.rank) { result.append(Int(pointer.dims[index])) }
      return result
    }
  }

  /// The same elements without the axes of one element.
  var squeezed: TensorView { TensorView(type: type, dims: dims.filter { $0 != 1 }, data: data) }

  /// Bytes of the elements; nil when a dimension is negative, the type is none of a tensor or the product is out of
  /// range.
  public var byteCount: Int? {
    var copy = tensor
    return withUnsafeMutablePointer(to: &copy) { $0.checkedBytes.map { Int($0) } }
  }

  /// Number of elements; 0 when `byteCount` is nil.
  public var count: Int { (byteCount ?? 0) / max(1, ElementType.width(type)) }

  /// The elements as bytes.
  public var bytes: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: tensor.data, count: tensor.data == nil ? 0 : byteCount ?? 0)
  }
}

extension UnsafeMutablePointer where Pointee == kerf_tensor {
  /// The eight dimensions.
  var dims: UnsafeMutablePointer<Int64> {
    (UnsafeMutableRawPointer(self) + 8).assumingMemoryBound(to: Int64.self)
  }

  /// Bytes of the elements, or nil when a dimension is negative, the type has no width, or the product of the non-zero
  /// dimensions exceeds 2^47 bytes.
  var checkedBytes: UInt64? {
    let width = ElementType.width(UInt8(truncatingIfNeeded: pointee.type))
    guard width > 0, pointee.rank <= ProgramLimits.rank else { return nil }
    var product = UInt64(width)
    var isEmpty = false
    for index in 0..<Int(pointee.rank) {
      let dim = dims[index]
      if dim < 0 { return nil }
      if dim == 0 {
        isEmpty = true
      } else {
        let (next, overflow) = product.multipliedReportingOverflow(by: UInt64(dim))
        if overflow || next > 1 << 47 { return nil }
        product = next
      }
    }
    return isEmpty ? 0 : product
  }

  var shape: String {
    var list: [Int64] = []
    for index in 0..<min(Int(pointee.rank), ProgramLimits.rank) { list.append(dims[index]) }
    return shapeText(list)
  }

  func hasSameDims(as other: UnsafeMutablePointer<kerf_tensor>) -> Bool {
    guard pointee.rank == other.pointee.rank else { return false }
    for index in 0..<Int(pointee.rank) where dims[index] != other.dims[index] { return false }
    return true
  }
}
