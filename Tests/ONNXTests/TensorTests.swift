import IR
import TestSupport
import Testing

@testable import ONNX

/// The tensor as a model reads it whose only output is that initializer.
private func constant(_ tensor: [UInt8]) throws -> Tensor? {
  let output = Wire.bytes(12, Wire.text(1, "w"))
  let plain = Wire.bytes(5, tensor) + Wire.text(2, "g") + output
  let model = try importBytes(Proto.model(plain)).graph
  return model.outputs.first.flatMap { model.constant($0) }
}

private func refused(_ tensor: [UInt8]) -> String {
  refusal(Proto.simple([Proto.node("Relu", ["x"], ["y"])], initializers: [tensor]))
}

@Suite struct TensorTests {
  @Test func readsEveryEncodingOfFloats() throws {
    let values: [Float] = [1, -2, 0.5]
    let packed = Wire.bytes(4, Wire.raw(values))
    let unpacked = values.flatMap { Wire.float(4, $0) }
    for content in [Wire.bytes(9, Wire.raw(values)), packed, unpacked] {
      #expect(try constant(Proto.tensor("w", 1, [3], content)) == Tensor(values))
    }
  }

  @Test func readsTypedFields() throws {
    let numbers = Wire.bytes(7, [1, 2] + Wire.varint(UInt64(bitPattern: -3)))
    #expect(try constant(Proto.tensor("w", 7, [3], numbers)) == Tensor([1, 2, -3] as [Int64]))
    let half = Wire.bytes(5, Wire.varint(0x3c00) + Wire.varint(0xc000))
    #expect(try constant(Proto.tensor("w", 10, [2], half)) == Tensor([1, -2] as [Float16]))
    let brain = try constant(Proto.tensor("w", 16, [1], Wire.bytes(5, Wire.varint(0x3f80))))
    #expect(brain?.wide(Float.self) == [1])
    let bytes = Wire.bytes(5, Wire.varint(UInt64(bitPattern: -1)) + [5])
    #expect(try constant(Proto.tensor("w", 3, [2], bytes)) == Tensor([-1, 5] as [Int8]))
    let flags = try constant(Proto.tensor("w", 9, [2], Wire.bytes(5, [1, 0])))
    #expect(flags?.elements(Bool.self) == [true, false])
    #expect(try constant(Proto.tensor("w", 12, [1], Wire.bytes(11, [7]))) == Tensor([7] as [UInt32]))
    #expect(try constant(Proto.tensor("w", 11, [1], Wire.bytes(10, Wire.raw([2.5])))) == Tensor([2.5] as [Double]))
  }

  @Test func readsPackedHalfBytes() throws {
    let fromInts = try constant(Proto.tensor("w", 22, [3], Wire.bytes(5, Wire.varint(0x21) + Wire.varint(0x0f))))
    let fromRaw = try constant(Proto.tensor("w", 22, [3], Wire.bytes(9, [0x21, 0x0f])))
    #expect(fromInts?.integers == [1, 2, -1])
    #expect(fromRaw?.integers == [1, 2, -1])
  }

  @Test func readsStrings() throws {
    let strings = Wire.bytes(6, Array("one".utf8)) + Wire.bytes(6, [0xff, 0x00])
    #expect(try constant(Proto.tensor("w", 8, [2], strings))?.strings == [Array("one".utf8), [0xff, 0]])
  }

  @Test(
    arguments: [
      (Proto.tensor("w", 1, [2], Wire.bytes(9, [1, 2, 3])), "raw_data has 3 bytes, dims [2] ask for 8"),
      (Proto.tensor("w", 1, [2], []), "raw_data has 0 elements, dims [2] ask for 2"),
      (Proto.tensor("w", 1, [0], Wire.bytes(9, [1])), "raw_data has 1 bytes, dims [0] ask for 0"),
      (Proto.tensor("w", 1, [4], Wire.float(4, 1)), "float_data has 1 elements, dims [4] ask for 4"),
      (Proto.tensor("w", 1, [1], Wire.int(7, 1)), "a tensor of f32 cannot be stored as int64_data"),
      (Proto.tensor("w", 8, [1], Wire.bytes(9, [1])), "a tensor of string cannot be stored as raw_data"),
      (
        Proto.tensor("w", 1, [1], Wire.bytes(9, [0, 0, 0, 0]) + Wire.float(4, 1)),
        "the elements are given twice, as raw_data and as float_data"
      ),
      (Proto.tensor("w", 1, [-1], Wire.bytes(9, [0, 0, 0, 0])), "dims hold -1, which is negative"),
      (Proto.tensor("w", 1, [1 << 32, 1 << 32], []), "dims [4294967296,4294967296] ask for too many elements"),
      (
        Proto.tensor("w", 1, [0, .max, .max], []),
        "dims [0,9223372036854775807,9223372036854775807] ask for too many elements"
      ),
      (Proto.tensor("w", 0, [1], Wire.bytes(9, [0])), "element type 0 does not exist"),
      (Proto.tensor("w", 99, [1], Wire.bytes(9, [0])), "element type 99 does not exist"),
      (Proto.tensor("w", 1, [1], Wire.bytes(3, Wire.int(1, 0))), "the tensor is stored in segments"),
    ] as [([UInt8], String)])
  func refusesContentsThatDoNotFit(_ tensor: [UInt8], _ message: String) {
    #expect(refused(tensor) == "initializer 'w': \(message)")
  }

  private func sparse(_ indices: [Int64], _ dims: [Int64], indexDims: [Int64]? = nil) -> [UInt8] {
    let values = Wire.bytes(1, Proto.floats("w", [2], [5, 7]))
    let positions = Proto.tensor("i", 7, indexDims ?? [2], Wire.bytes(9, Wire.raw(indices)))
    let proto = values + Wire.bytes(2, positions) + dims.flatMap { Wire.int(3, $0) }
    return Proto.model(Wire.text(2, "g") + Wire.bytes(12, Wire.text(1, "w")) + Wire.bytes(15, proto))
  }

  @Test func makesSparseTensorsDense() throws {
    for model in [sparse([1, 3], [2, 2]), sparse([0, 1, 1, 1], [2, 2], indexDims: [2, 2])] {
      let graph = try importBytes(model).graph
      #expect(graph.constant(graph.outputs.first) == Tensor([0, 5, 0, 7] as [Float], shape: [2, 2]))
    }
  }

  @Test func refusesBadSparseIndices() {
    #expect(
      refusal(sparse([3, 1], [8])).hasPrefix("initializer 'w': sparse indices are not sorted and unique: 1 follows 3"))
    #expect(
      refusal(sparse([3, 3], [8])).hasPrefix("initializer 'w': sparse indices are not sorted and unique: 3 follows 3"))
    #expect(refusal(sparse([1, 8], [8])).hasPrefix("initializer 'w': sparse index 8 is outside dims [8]"))
    #expect(refusal(sparse([-1, 3], [8])).hasPrefix("initializer 'w': sparse index -1 is outside dims [8]"))
    #expect(refusal(sparse([0, 1], [1 << 40])).contains("more memory than the import limit allows"))
    #expect(
      refusal(sparse([0, 1, 2, 3], [8], indexDims: [4])).hasPrefix(
        "initializer 'w': sparse indices are i64[4], expected i64[2] or i64[2,1]"))
  }

  @Test func referencesWeightsInsteadOfCopyingThem() throws {
    let count = 1 << 20
    let folder = TemporaryFolder()
    let weights = Proto.floats("w", [Int64(count)], [Float](repeating: 1, count: count))
    let bytes = Proto.model(Wire.bytes(5, weights) + Wire.text(2, "g") + Wire.bytes(12, Wire.text(1, "w")))
    let model = try importModel(path: folder.write(bytes))
    let tensor = try #require(model.graph.constant(model.graph.outputs.first))
    #expect(tensor.byteCount == count * 4)
    #expect(tensor.bytes.loadUnaligned(fromByteOffset: count * 4 - 4, as: Float.self) == 1)
    #expect(model.structureBytes < 200)
  }
}
