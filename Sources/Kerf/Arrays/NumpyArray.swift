import Foundation
import IR

/// Where the parts of a .npy file lie.
struct NumpyLayout {
  let header: NumpyHeader
  let type: ElementType
  /// Elements, and the bytes they take.
  let count: Int
  let size: Int
  /// Offset of the first element.
  let start: Int

  /// Bytes at the start of a file that hold the longest header this reads.
  static let longestHead = 12 + 1 << 16

  /// - Throws: `KerfError` where the head is no .npy header, or the file is too short for its shape.
  init(head bytes: [UInt8], fileSize: Int, name: String) throws {
    func fail(_ what: String) -> KerfError { NumpyFile.error(name, what) }
    guard bytes.count >= 10, Array(bytes[0..<6]) == NumpyFile.magic else {
      throw fail("it does not start with NumPy's mark")
    }
    let isLong = bytes[6] >= 2
    guard bytes.count >= (isLong ? 12 : 10) else { throw fail("its header is cut short") }
    var length = Int(bytes[8]) | Int(bytes[9]) << 8
    if isLong { length |= Int(bytes[10]) << 16 | Int(bytes[11]) << 24 }
    let first = isLong ? 12 : 10
    guard length <= 1 << 16, bytes.count >= first + length else { throw fail("its header is cut short") }
    guard let header = NumpyHeader(String(decoding: bytes[first..<(first + length)], as: UTF8.self)) else {
      throw fail("its header cannot be read")
    }
    guard let type = header.type else { throw fail("its type '\(printable(header.descr))' is none Kerf has") }
    guard let count = Tensor.elementCount(of: header.shape) else { throw fail("its shape is too large") }
    let (size, overflow) = count.multipliedReportingOverflow(by: header.itemSize)
    start = first + length
    guard !overflow, fileSize - start >= size else {
      let needs = "its shape \(describe(header.shape)) needs \(overflow ? Int.max : size)"
      throw fail("it holds \(fileSize - start) bytes of elements, \(needs)")
    }
    self.header = header
    self.type = type
    self.count = count
    self.size = size
  }
}

/// An array in a .npy file of which parts can be read.
final class NumpyArray: Sendable {
  let path: String
  private let file: ArrayFile
  private let layout: NumpyLayout

  var shape: [Int] { layout.header.shape }
  var type: ElementType { layout.type }

  init(_ path: String) throws {
    self.path = path
    file = try ArrayFile(path)
    let head = try file.bytes(0, min(file.size, NumpyLayout.longestHead))
    layout = try NumpyLayout(head: [UInt8](head), fileSize: file.size, name: path)
  }

  /// The whole array.
  func all() throws -> Tensor {
    if layout.type == .string || layout.header.isFortran {
      let body = try file.bytes(layout.start, layout.size)
      return try layout.header.tensor(body, layout.type, layout.count) { NumpyFile.error(path, $0) }
    }
    return try elements(at: layout.start, layout.size, shape)
  }

  /// `array[index]`.
  func element(_ index: Int) throws -> Tensor {
    guard let length = shape.first, index >= 0, index < length else {
      throw KerfError("'\(path)' has shape \(describe(shape)), there is no element \(index)")
    }
    if layout.type == .string || layout.header.isFortran { return try all().element(index) }
    let size = layout.size / length
    return try elements(at: layout.start + index * size, size, Array(shape.dropFirst()))
  }

  private func elements(at offset: Int, _ size: Int, _ shape: [Int]) throws -> Tensor {
    guard size <= ArrayFile.memoryOfMachine else {
      throw KerfError("'\(path)' has \(size) bytes of elements, more than this machine's memory")
    }
    var failure: (any Error)?
    let storage = TensorStorage(byteCount: size) { target in
      do { try file.read(offset, into: target) } catch { failure = error }
      if layout.type == .bool { target.normalizeBooleans() }
    }
    if let failure { throw failure }
    guard let tensor = Tensor(layout.type, shape, storage: storage) else {
      throw NumpyFile.error(path, "its elements do not fill its shape")
    }
    return tensor
  }
}

extension Tensor {
  /// `array[index]` of a tensor whose elements take whole bytes; the index must be within the first axis.
  func element(_ index: Int) -> Tensor {
    let inner = Array(shape.dropFirst())
    let count = Tensor.elementCount(of: inner) ?? 0
    if type == .string { return Tensor(strings: Array(strings[(index * count)..<((index + 1) * count)]), shape: inner) }
    let size = count * type.bitWidth / 8
    let part = UnsafeRawBufferPointer(rebasing: bytes[(index * size)..<((index + 1) * size)])
    let storage = TensorStorage(byteCount: size) { if size > 0 { $0.copyMemory(from: part) } }
    return Tensor(type, inner, storage: storage) ?? self
  }
}
