import Bundle
import Kernels
import Runtime
import Testing

/// Numbers that are the same in every run.
struct Generator {
  var state: UInt64
  mutating func next(_ limit: Int) -> Int {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Int((state >> 33) % UInt64(limit))
  }
}

/// A bundle of one program section (and weights) whatever its bytes, with right hashes: what an attacker would send.
func forged(program: [UInt8], weights: [UInt8]) -> [UInt8] {
  var table: [UInt8] = []
  var sections: [[UInt8]] = [program]
  if !weights.isEmpty { sections.append(weights) }
  var end = 128 + 96 * sections.count
  var offsets: [Int] = []
  for (index, bytes) in sections.enumerated() {
    let alignment = index == 0 ? 64 : 4096
    end = (end + alignment - 1) / alignment * alignment
    offsets.append(end)
    table += little(UInt32(index + 1)) + little(UInt32(1)) + little(UInt64(end)) + little(UInt64(bytes.count))
    table += little(UInt32(alignment)) + little(bytes.withUnsafeBytes { CRC32C.checksum($0) })
    table += SectionHash.hash(bytes).bytes + [UInt8](repeating: 0, count: 32)
    end += bytes.count
  }
  var header = BundleFormat.magic + little(UInt16(1)) + little(UInt16(0)) + little(UInt32(128)) + little(UInt64(end))
  header +=
    little(UInt32(sections.count)) + little(UInt32(0)) + little(UInt32(0)) + little(UInt32(0)) + little(UInt64(0))
  header += [UInt8](repeating: 0, count: 32) + SHA256.hash(table).bytes + [UInt8](repeating: 0, count: 12)
  header += little(header.withUnsafeBytes { CRC32C.checksum($0) })
  var file = header + table
  for (index, bytes) in sections.enumerated() {
    file += [UInt8](repeating: 0, count: offsets[index] - file.count) + bytes
  }
  return file
}

private func little<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
  withUnsafeBytes(of: number.littleEndian) { Array($0) }
}

/// Programs that together use every kind of step, slot and expression.
func seeds() -> [(Program, [UInt8])] {
  var gather = ProgramBuilder()
  let x = gather.input("x", KERF_I64, [-1, 3])
  let dims = gather.program.slots[Int(x)].dims
  let index = gather.input("i", KERF_I64, [2])
  let two = gather.program.slots[Int(index)].dims[0]
  let sum = gather.slot(KERF_I64, dims)
  let picked = gather.slot(KERF_I64, [two, dims[1]])
  let turned = gather.slot(KERF_I64, [dims[1], two])
  let half = gather.slot(KERF_I64, [gather.constant(3), gather.constant(1)])
  gather.add(x, x, sum)
  gather.kernel(KERF_OP_GATHER, [sum, index], [picked], [.int(0)])
  gather.kernel(KERF_OP_TRANSPOSE, [picked], [turned], [.int(1), .int(0)])
  gather.kernel(KERF_OP_SLICE, [turned], [half], [.int(0), .int(1), .int(1), .int(1)])
  gather.kernel(
    KERF_OP_SCATTER_ND, [sum, gather.slot(KERF_I64, [two, two], .weights(offset: 0, length: 32)), index],
    [
      gather.slot(KERF_I64, dims)
    ], [.int(1)])
  gather.output("y", half)
  gather.output("z", 6)
  return [
    (chain(length: 4, inPlace: true), []), (lateProgram(), zeroAndOne), (conditionalProgram(), []), (loopProgram(), []),
    (scanProgram(reverseIn: true, reverseOut: false), []), (hostProgram(), []),
    (gather.program, [UInt8](repeating: 0, count: 32)),
  ]
}

/// Opens and runs whatever it is given; true when it ran. Anything but an error or a result ends the test process.
func attempt(_ bytes: [UInt8], _ generator: inout Generator) -> Bool {
  var options = ModelOptions()
  options.provider = TestProvider()
  var contextOptions = ContextOptions()
  contextOptions.memoryLimit = 8 << 20
  var ran = false
  do throws(RuntimeError) {
    let context = Context(try Model(bytes: bytes, options: options), options: contextOptions)
    for _ in 0..<2 {
      context.deadline = Context.now + 5_000_000
      var memory: [Tensor] = []
      var inputs: [HostArgument] = []
      for port in context.model.inputs {
        if port.isHost {
          inputs.append(.host(Strings(["a", "bcd"])))
          continue
        }
        let free = generator.next(4)
        let dims = port.dims.map { $0 < 0 ? free : min($0, 1 << 12) }
        let count = dims.reduce(1) { $0 * min($1, 1 << 12) % (1 << 20) }
        let words = (0..<count * 2).map { _ in Int64(generator.next(6)) - 1 }
        let tensor = Tensor(Int(port.type), dims, words)
        memory.append(tensor)
        guard tensor.view.count * 16 <= words.count * 8 || tensor.view.count <= count else { return ran }
        inputs.append(.tensor(tensor.view))
      }
      try context.run(inputs)
      ran = true
      for index in context.model.outputs.indices {
        if let view = context.tensor(index) { _ = view.bytes.reduce(0) { $0 &+ Int($1) } }
      }
      withExtendedLifetime(memory) {}
    }
    return ran
  } catch { return ran && !error.description.isEmpty }
}

@Test func mutatedProgramsAreRefusedOrRun() {
  var generator = Generator(state: 1)
  var ran = 0
  let seeds = seeds()
  let rounds = 3000
  for (program, weights) in seeds {
    let bytes = ProgramEncoder.encode(program)
    let whole = forged(program: bytes, weights: weights)
    // Some inputs are refused (a negative length, an index out of range), not all.
    #expect((0..<100).contains { _ in attempt(whole, &generator) })
    for _ in 0..<rounds {
      var mutated = bytes
      for _ in 0...generator.next(3) {
        let place = generator.next(mutated.count)
        switch generator.next(4) {
        case 0: mutated[place] ^= 1 << UInt8(generator.next(8))
        case 1: mutated[place] = UInt8(generator.next(256))
        case 2: mutated[place] = mutated[place] &+ UInt8(generator.next(2) * 2) &- 1
        default: mutated[place] = mutated[generator.next(mutated.count)]
        }
      }
      if attempt(forged(program: mutated, weights: weights), &generator) { ran += 1 }
    }
  }
  // Many mutations are harmless (names, attributes): those must still run.
  #expect(ran > rounds / 4)
}
