import Bundle
import Foundation
import Kernels
import Runtime
import Testing

/// x u8[-1, 40] times random weights to u8[-1, 24], then relu-like clamping: the same bits on every processor.
func quantizedProgram() -> (Program, [UInt8]) {
  let k = 40
  let n = 24
  var generator = Generator(state: 7)
  let source = (0..<k * n).map { _ in Int8(truncatingIfNeeded: generator.next(255) - 127) }
  var packed = [UInt8](repeating: 0, count: Int(kerf_pack_gemm_s8_size(Int64(k), Int64(n))))
  packed.withUnsafeMutableBytes { kerf_pack_gemm_s8(Int64(k), Int64(n), 0, source, $0.baseAddress) }
  func words(_ value: () -> Int32) -> [UInt8] { (0..<n).map { _ in value() }.withUnsafeBytes { Array($0) } }
  var section: [UInt8] = []
  let places = [
    packed, words { Int32(generator.next(2000)) - 1000 }, words { Int32(generator.next(1 << 20)) + (1 << 20) },
    words { 30 },
  ].map { piece -> Slot.Storage in
    section += Array(repeating: 0, count: -section.count & 63)
    defer { section += piece }
    return .weights(offset: UInt64(section.count), length: UInt64(piece.count))
  }
  var builder = ProgramBuilder()
  let x = builder.input("x", KERF_U8, [-1, Int64(k)])
  let rows = builder.program.slots[Int(x)].dims[0]
  let columns = builder.constant(Int64(n))
  let weights = builder.slot(KERF_PACKED, [builder.constant(Int64(packed.count))], places[0])
  let others = places[1...].map { builder.slot(KERF_I32, [columns], $0) }
  let y = builder.slot(KERF_U8, [rows, columns])
  builder.kernel(
    KERF_OP_GEMM_U8_U8, [x, weights] + others + [-1], [y],
    [.int(Int64(k)), .int(Int64(n)), .int(120), .int(128), .int(0), .int(255)])
  builder.output("y", y)
  return (builder.program, section)
}

/// x f32[-1, 7] -> relu, in place of a copy of x.
func floatProgram() -> Program {
  var builder = ProgramBuilder()
  let x = builder.input("x", KERF_F32, [-1, 7])
  let dims = builder.program.slots[Int(x)].dims
  let copy = builder.slot(KERF_F32, dims)
  let y = builder.slot(KERF_F32, dims)
  builder.kernel(KERF_OP_COPY, [x], [copy])
  builder.kernel(
    KERF_OP_UNARY_F32, [copy], [y], [.int(Int64(KERF_UNARY_RELU)), .float(0), .float(0)], inPlace: 0)
  builder.output("y", y)
  return builder.program
}

private func deviceCases() -> [(name: String, program: Program, weights: [UInt8], inputs: [Tensor])] {
  let (quantized, weights) = quantizedProgram()
  var generator = Generator(state: 3)
  return [
    ("chain", chain(length: 5, inPlace: true), [], [Tensor.int64([3, 2], [1, 2, 3, 4, 5, -6])]),
    ("late", lateProgram(), zeroAndOne, [Tensor.int64([], [11])]),
    ("if", conditionalProgram(), [], [Tensor.bool(true), Tensor.int64([16, 2], (0..<32).map { $0 * $0 })]),
    ("loop", loopProgram(), [], loopInputs(trips: 40, limit: 5000)),
    (
      "scan", scanProgram(reverseIn: true, reverseOut: true), [],
      [Tensor.int64([2], [1, 2]), Tensor.int64([2, 3], [1, 2, 3, 4, 5, 6])]
    ),
    (
      "quantized", quantized, weights,
      [Tensor(KERF_U8, [13, 40], (0..<13 * 40).map { _ in UInt8(generator.next(256)) })]
    ),
    ("float", floatProgram(), [], [Tensor(KERF_F32, [3, 7], (0..<21).map { Float($0 - 10) / 3 })]),
  ]
}

/// With KERF_DEVICE_CASES set to a folder, writes bundles with inputs and expected outputs there for
/// scripts/test-device.sh.
@Test func deviceCasesRunOnTheHost() throws {
  let folder = ProcessInfo.processInfo.environment["KERF_DEVICE_CASES"]
  for (name, program, weights, inputs) in deviceCases() {
    let context = Context(try model(program, weights: weights))
    try context.run(inputs)
    guard let folder else { continue }
    let path = "\(folder)/\(name)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    try AtomicFile.write(bundle(program, weights: weights), to: "\(path)/model.kerf")
    for (index, input) in inputs.enumerated() {
      try AtomicFile.write(NpyArray.encode(input.view), to: "\(path)/input_\(index).npy")
    }
    for index in program.outputs.indices {
      guard let view = context.tensor(index) else { continue }
      try AtomicFile.write(NpyArray.encode(view), to: "\(path)/output_\(index).npy")
    }
  }
  if let folder { try AtomicFile.write(bundle(hostProgram()), to: "\(folder)/host.kerf") }
}

@Test func quantizedProductIsTheSameOnAllKernels() throws {
  let (program, weights) = quantizedProgram()
  let bytes = try bundle(program, weights: weights)
  var generator = Generator(state: 9)
  let x = Tensor(KERF_U8, [5, 40], (0..<200).map { _ in UInt8(generator.next(256)) })
  var results: [[UInt8]] = []
  for mask in [1, UInt32.max] {
    var options = ModelOptions()
    options.isaMask = mask
    let context = Context(try Model(bytes: bytes, options: options))
    try context.run([x])
    results.append(context.values(0, as: UInt8.self))
  }
  #expect(results[0] == results[1])
  #expect(Set(results[0]).count > 20)
}

@Test func arraysRoundTrip() throws {
  let folder = FileManager.default.temporaryDirectory.path
  let path = "\(folder)/kerf-npy-\(ProcessInfo.processInfo.processIdentifier).npy"
  defer { try? FileManager.default.removeItem(atPath: path) }
  for tensor in [Tensor.int64([2, 3], [1, 2, 3, 4, 5, 6]), Tensor.bool(true), Tensor(KERF_F32, [0, 4], [Float]())] {
    let bytes = try NpyArray.encode(tensor.view)
    try AtomicFile.write(bytes, to: path)
    let array = try NpyArray(BundleFile(path: path))
    #expect(array.view.dims == tensor.view.dims && array.view.type == tensor.view.type)
    #expect(Array(array.view.bytes) == Array(tensor.view.bytes))
    for length in bytes.indices {
      try AtomicFile.write(Array(bytes[..<length]), to: path)
      #expect(throws: (any Error).self) { try NpyArray(BundleFile(path: path)) }
    }
  }
}
