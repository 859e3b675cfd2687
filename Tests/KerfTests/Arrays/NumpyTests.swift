import Foundation
import IR
import TestSupport
import Testing

@testable import Kerf

/// Arrays in files, against bytes as NumPy writes them.
@Suite struct NumpyTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// A .npy file with this header text, padded as NumPy does.
  static func npy(_ header: String, _ body: [UInt8]) -> [UInt8] {
    let padded = header + String(repeating: " ", count: 63 - (10 + header.utf8.count) % 64) + "\n"
    return [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(padded.utf8.count & 255), UInt8(padded.utf8.count >> 8)]
      + Array(padded.utf8) + body
  }

  static func floats(_ values: [Float]) -> [UInt8] { values.withUnsafeBytes { Array($0) } }

  @Test func readsFloats() throws {
    let bytes = Self.npy(
      "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", Self.floats([1, 2, 3, 4, 5, 6]))
    let tensor = try NumpyFile.read(folder.write(bytes, "a.npy"))
    #expect(tensor == Tensor([Float(1), 2, 3, 4, 5, 6], shape: [2, 3]))
  }

  @Test func readsFortranOrder() throws {
    let bytes = Self.npy("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }", Self.floats([1, 4, 2, 5, 3, 6]))
    let tensor = try NumpyFile.read(folder.write(bytes, "a.npy"))
    #expect(tensor == Tensor([Float(1), 2, 3, 4, 5, 6], shape: [2, 3]))
  }

  @Test func readsScalarsAndBooleans() throws {
    let scalar = Self.npy("{'descr': '<i8', 'fortran_order': False, 'shape': (), }", [7, 0, 0, 0, 0, 0, 0, 0])
    #expect(try NumpyFile.read(folder.write(scalar, "s.npy")) == Tensor(scalar: Int64(7)))
    let flags = Self.npy("{'descr': '|b1', 'fortran_order': False, 'shape': (3,), }", [0, 2, 1])
    let tensor = try NumpyFile.read(folder.write(flags, "b.npy"))
    #expect(Array(tensor.bytes) == [0, 1, 1])
  }

  @Test func readsOneElementOfMany() throws {
    let bytes = Self.npy(
      "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }", Self.floats([1, 2, 3, 4, 5, 6]))
    let array = try NumpyArray(folder.write(bytes, "a.npy"))
    #expect(try array.element(1) == Tensor([Float(3), 4], shape: [2]))
    #expect(throws: KerfError.self) { try array.element(3) }
  }

  @Test(arguments: [
    (
      "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", 20,
      "it holds 20 bytes of elements, its shape [2,3] needs 24"
    ),
    ("{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }", 4, "its type '>f4' is none Kerf has"),
    ("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", 8, "its type '|O' is none Kerf has"),
    ("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", 4, "its header cannot be read"),
    ("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000, 1000000, 1000000), }", 4, "its shape is too large"),
    ("{'descr': '<U0', 'fortran_order': False, 'shape': (100000000,), }", 0, "it has 100000000 empty strings"),
  ])
  func refuses(_ header: String, _ bodyBytes: Int, _ reason: String) throws {
    let file = try folder.write(Self.npy(header, [UInt8](repeating: 0, count: bodyBytes)), "a.npy")
    let error = #expect(throws: KerfError.self) { try NumpyFile.read(file) }
    #expect(error?.message == "'\(file)' is no usable .npy file: \(reason)")
  }

  @Test func refusesEveryTruncation() throws {
    let whole = Self.npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", Self.floats([1, 2]))
    for length in 0..<whole.count {
      let file = try folder.write(Array(whole.prefix(length)), "cut.npy")
      #expect(throws: KerfError.self) { try NumpyFile.read(file) }
    }
  }

  @Test func refusesWhatIsNoFile() throws {
    let error = #expect(throws: KerfError.self) { try NumpyFile.read(folder.path) }
    #expect(error?.message == "cannot read '\(folder.path)': it is no regular file")
    let missing = #expect(throws: KerfError.self) { try NumpyFile.read(folder.path + "/none.npy") }
    #expect(missing?.message == "cannot read '\(folder.path)/none.npy': No such file or directory")
  }

  @Test func writesWhatItReads() throws {
    let tensors = [
      Tensor([Float(1.5), -2], shape: [2]), Tensor([Int64(1), 2, 3, 4], shape: [2, 2]),
      Tensor([true, false], shape: [2]),
      Tensor(strings: [Array("a".utf8), Array("äb".utf8)], shape: [2]), Tensor([Double](), shape: [0, 3]),
    ]
    for tensor in tensors {
      let file = try folder.write([UInt8](NumpyFile.encode(tensor)), "a.npy")
      #expect(try NumpyFile.read(file) == tensor)
    }
  }

  @Test func archivesRoundTrip() throws {
    let arrays = [("x", Tensor([Float(1), 2])), ("y/z", Tensor([Int32(3)]))]
    let bytes = try NumpyArchive.encode(arrays)
    let read = try NumpyArchive.read(folder.write(bytes, "a.npz"))
    #expect(read.map(\.name) == ["x", "y/z"])
    #expect(read.map(\.tensor) == arrays.map(\.1))
    for length in 0..<bytes.count {
      let file = try folder.write(Array(bytes.prefix(length)), "cut.npz")
      #expect(throws: KerfError.self) { try NumpyArchive.read(file) }
    }
  }
}
