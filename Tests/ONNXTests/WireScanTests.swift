import TestSupport
import Testing

@testable import ONNX

private let relu = Proto.simple([Proto.node("Relu", ["x"], ["y"])])
private let head = Wire.int(1, 8) + Wire.bytes(8, Proto.opset(17))

@Suite struct WireScanTests {
  @Test func acceptsWhatTheFormatAllows() throws {
    for more in [
      Wire.bytes(999, [1, 2, 3]), Wire.tag((1 << 29) - 1, 0) + [1], Wire.tag(50, 3) + Wire.int(1, 1) + Wire.tag(50, 4),
    ] {
      #expect(try importBytes(relu + more).graph.nodeCount == 1)
    }
    let overlong: [UInt8] = [0x08, 0x88, 0x80, 0x80, 0x80, 0x00]
    #expect(try importBytes(overlong + relu.dropFirst(2)).irVersion == 8)
  }

  @Test func cutsDocumentationAndUnknownFieldsFromTheStructure() throws {
    let model = try importBytes(relu + Wire.bytes(6, [UInt8](repeating: 65, count: 100_000)))
    #expect(model.structureBytes == relu.count)
  }

  @Test(
    arguments: [
      ([], "the file is empty"),
      ([0x08] + [UInt8](repeating: 0x80, count: 32), "byte 1: ModelProto: ir_version is not a 64-bit varint"),
      ([0x08, 0x80], "byte 1: ModelProto: ir_version is cut off"),
      ([0x00, 0x01] + relu, "byte 0: ModelProto: field number 0 is not valid"),
      (Wire.varint(1 << 35) + [1], "byte 0: ModelProto: field number 4294967296 is not valid"),
      (Wire.tag(50, 6) + relu, "byte 0: ModelProto: wire type 6 does not exist"),
      (Wire.tag(50, 4) + relu, "byte 0: ModelProto: a group ends that never began"),
      (Wire.tag(50, 3) + Wire.tag(51, 4), "byte 4: ModelProto: a group ends with another group's number"),
      (Wire.tag(50, 3) + Wire.int(1, 1), "byte 4: ModelProto: a group is cut off"),
      (Wire.text(1, "8"), "byte 0: ModelProto: ir_version is stored with wire type 2"),
      (
        head + Wire.tag(7, 2) + Wire.varint(1 << 63),
        "byte 6: ModelProto: graph takes 9223372036854775808 bytes, only 0 are left"
      ),
      (head + Wire.bytes(7, []) + Wire.bytes(7, []), "byte 8: ModelProto: graph is given twice"),
      (head + Wire.bytes(7, [0x0a, 0x00]), "byte 8: GraphProto: node is empty"),
      (head + Wire.bytes(7, [0x2a, 0x00]), "byte 8: GraphProto: initializer is empty"),
    ] as [([UInt8], String)])
  func refusesBrokenBytes(_ bytes: [UInt8], _ message: String) {
    #expect(refusal(bytes) == message)
  }

  @Test func refusesDeepNesting() {
    let groups = (0..<100).flatMap { _ in Wire.tag(50, 3) } + (0..<100).flatMap { _ in Wire.tag(50, 4) }
    #expect(refusal(groups + relu) == "byte 0: ModelProto: groups are nested deeper than 64")
    var graph = Proto.graph([])
    for _ in 0..<30 {
      graph = Proto.graph([Proto.node("If", ["c"], ["y"], [Proto.attribute("then_branch", graph: graph)])])
    }
    #expect(refusal(Proto.model(graph)).hasSuffix("messages are nested deeper than 64"))
  }

  @Test func refusesCountsAboveTheLimits() {
    var options = ImportOptions()
    options.limits.nodes = 2
    options.limits.nameBytes = 8
    let node = Proto.node("Relu", ["x"], ["y"])
    #expect(refusal(Proto.simple([node, node, node]), options).hasSuffix("GraphProto: more than 2 nodes"))
    let long = Proto.simple([Proto.node("Relu", ["x"], ["a long name"])])
    #expect(refusal(long, options).hasSuffix("NodeProto: output has 11 bytes, the limit is 8"))
    let deep = Proto.floats("w", [Int64](repeating: 1, count: 65), [1])
    #expect(refusal(Proto.simple([node], initializers: [deep])).hasSuffix("dims has more than 64 entries"))
    options.limits.fileBytes = 10
    #expect(
      refusal(relu, options)
        == "the file has \(relu.count) bytes, the limit is 10; keep weights of larger models in external data")
  }

  @Test func refusesEveryPrefixWithoutATrap() {
    for count in 0..<relu.count { _ = refusal(Array(relu.prefix(count))) }
  }

  @Test func survivesEveryFlippedBit() {
    for position in relu.indices {
      for bit in 0..<8 {
        var bytes = relu
        bytes[position] ^= 1 << UInt8(bit)
        _ = refusal(bytes)
      }
    }
  }
}
