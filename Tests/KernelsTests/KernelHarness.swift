import Kernels
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A tensor of a kernel test: type, dimensions and bytes. `type` KERF_NONE marks an absent optional tensor.
struct TestTensor: Sendable {
  var type: Int32
  var dims: [Int]
  var bytes: [UInt8]
  /// Elements between rows; 0: they follow each other.
  var pitch = 0

  var count: Int { dims.reduce(1, *) }

  /// The same rows, `gap` elements between them, which are all ones.
  func spaced(by gap: Int) -> TestTensor {
    guard let columns = dims.last, count > 0 else { return self }
    let width = bytes.count / count
    var result = self
    result.pitch = columns + gap
    result.bytes = []
    for row in 0..<count / columns {
      if row > 0 { result.bytes += [UInt8](repeating: 0xFF, count: gap * width) }
      result.bytes += bytes[row * columns * width..<(row + 1) * columns * width]
    }
    return result
  }

  init(type: Int, dims: [Int], bytes: [UInt8]) {
    self.type = Int32(type)
    self.dims = dims
    self.bytes = bytes
  }

  /// A tensor of the elements in `values`, which are the bytes of a tensor of that type.
  init<T: BitwiseCopyable>(_ values: [T], _ dims: [Int], type: Int) {
    self.init(type: type, dims: dims, bytes: values.withUnsafeBytes { Array($0) })
  }

  static let none = TestTensor(type: KERF_NONE, dims: [], bytes: [])
  static func f32(_ values: [Float], _ dims: [Int]) -> Self { Self(values, dims, type: KERF_F32) }
  static func i32(_ values: [Int32], _ dims: [Int]) -> Self { Self(values, dims, type: KERF_I32) }
  static func i64(_ values: [Int64], _ dims: [Int]) -> Self { Self(values, dims, type: KERF_I64) }
  static func u8(_ values: [UInt8], _ dims: [Int]) -> Self { Self(values, dims, type: KERF_U8) }
  static func i8(_ values: [Int8], _ dims: [Int]) -> Self { Self(values, dims, type: KERF_I8) }
  static func bool(_ values: [Bool], _ dims: [Int]) -> Self {
    Self(values.map { $0 ? UInt8(1) : 0 }, dims, type: KERF_BOOL)
  }
  /// Packed weights: `fill` writes `size` bytes at a 64-byte aligned address.
  static func packed(_ size: UInt64, _ fill: (UnsafeMutableRawPointer) -> Void) -> Self {
    let memory = UnsafeMutableRawPointer.allocate(byteCount: max(Int(size), 1), alignment: 64)
    defer { memory.deallocate() }
    memory.initializeMemory(as: UInt8.self, repeating: 0xA5, count: Int(size))
    fill(memory)
    return Self(
      type: KERF_PACKED, dims: [Int(size)], bytes: Array(UnsafeRawBufferPointer(start: memory, count: Int(size))))
  }

  func values<T: BitwiseCopyable>(as type: T.Type) -> [T] {
    bytes.withUnsafeBytes { raw in
      (0..<bytes.count / MemoryLayout<T>.stride).map {
        raw.loadUnaligned(fromByteOffset: $0 * MemoryLayout<T>.stride, as: T.self)
      }
    }
  }
}

/// An attribute, integer or floating point.
enum TestAttribute: ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral, Sendable {
  case integer(Int)
  case double(Double)
  init(integerLiteral value: Int) { self = .integer(value) }
  init(floatLiteral value: Double) { self = .double(value) }

  var raw: kerf_attr {
    switch self {
    case .integer(let i): kerf_attr(i: Int64(i))
    case .double(let f): kerf_attr(f: f)
    }
  }
}

/// One call of an operation and what it must return.
struct KernelCase: Sendable {
  var name: String
  var inputs: [TestTensor]
  var attributes: [TestAttribute]
  /// The right outputs, from a naive computation in the test. KERF_NONE: the output is absent.
  var outputs: [TestTensor]
  /// Float outputs may differ by absolute + relative * |expected|; all others are compared byte for byte.
  var absolute: Float = 1e-5
  var relative: Float = 1e-5
  /// Input that shares the memory of output 0 (in place), or nil.
  var inPlace: Int?
  /// The expected result of run, where it is not KERF_OK (outputs are then not compared).
  var runCode = KERF_OK
}

/// Memory between two inaccessible pages. `atEnd`: the last byte touches the page after it; else the first byte
/// touches the page before it. A read or write outside the bytes is a crash, not a silent error.
final class GuardedMemory {
  let start: UnsafeMutableRawPointer
  private let base: UnsafeMutableRawPointer
  private let length: Int

  init(_ bytes: Int, atEnd: Bool) {
    let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    let inner = (max(bytes, 1) + page - 1) / page * page
    length = inner + 2 * page
    base = mmap(nil, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    mprotect(base, page, PROT_NONE)
    mprotect(base + page + inner, page, PROT_NONE)
    start = base + page + (atEnd ? inner - bytes : 0)
  }

  deinit { munmap(base, length) }
}

/// A test tensor in guarded memory, as the kernel interface wants it.
final class BoundTensor {
  let memory: GuardedMemory?
  let native: UnsafeMutablePointer<kerf_tensor>

  init(_ tensor: TestTensor, atEnd: Bool, filled: Bool, sharing other: BoundTensor? = nil) {
    let own = GuardedMemory(tensor.bytes.count, atEnd: atEnd && tensor.type != KERF_PACKED)
    memory = other == nil ? own : nil
    let start = other?.native.pointee.data ?? own.start
    if filled {
      tensor.bytes.withUnsafeBytes {
        start.copyMemory(from: $0.baseAddress ?? UnsafeRawPointer(start), byteCount: $0.count)
      }
    } else if other == nil {
      memset(start, 0xFF, tensor.bytes.count)
    }
    native = .allocate(capacity: 1)
    native.initialize(to: kerf_tensor())
    native.pointee.data = start
    native.pointee.rank = Int32(tensor.dims.count)
    native.pointee.type = tensor.type
    native.pointee.pitch = Int64(tensor.pitch)
    withUnsafeMutableBytes(of: &native.pointee.dims) { raw in
      for (i, d) in tensor.dims.enumerated() { raw.storeBytes(of: Int64(d), toByteOffset: 8 * i, as: Int64.self) }
    }
  }

  deinit { native.deallocate() }
}

/// What a call returned.
struct KernelResult {
  var prepareCode: Int32
  var runCode: Int32 = 0
  var outputs: [TestTensor] = []
}

/// A call of an operation on a case, all tensors and the scratch in guarded memory: what `body` makes of it and of the
/// memory of its outputs, or the code of `prepare` where that refuses.
func withCall<Result>(
  _ op: kerf_op, _ test: KernelCase, atEnd: Bool = true, pool: OpaquePointer? = nil,
  _ body: (UnsafePointer<kerf_call>, [UnsafeMutableRawPointer]) -> Result
) -> (code: Int32, result: Result?) {
  let inputs = test.inputs.map { BoundTensor($0, atEnd: atEnd, filled: true) }
  let outputs = test.outputs.enumerated().map { i, output in
    BoundTensor(output, atEnd: atEnd, filled: false, sharing: i == 0 ? test.inPlace.map { inputs[$0] } : nil)
  }
  let inputPointers = inputs.map { Optional(UnsafePointer($0.native)) }
  let outputPointers = outputs.map { Optional($0.native) }
  // The pointers outlive the last use of their owners.
  defer { withExtendedLifetime((inputs, outputs)) {} }
  let attributes = test.attributes.map(\.raw)
  return inputPointers.withUnsafeBufferPointer { ins in
    outputPointers.withUnsafeBufferPointer { outs in
      attributes.withUnsafeBufferPointer { attrs in
        var call = kerf_call(
          inputs: ins.baseAddress, outputs: outs.baseAddress, attrs: attrs.baseAddress, scratch: nil, pool: pool,
          input_count: Int32(ins.count), output_count: Int32(outs.count), attr_count: Int32(attrs.count))
        var scratchBytes: UInt64 = 0
        let code = op.prepare(&call, &scratchBytes)
        guard code == Int32(KERF_OK) else { return (code, nil) }
        let padded = (Int(scratchBytes) + 63) / 64 * 64
        let scratch = GuardedMemory(padded, atEnd: true)
        memset(scratch.start, 0xFF, padded)
        call.scratch = scratch.start
        return withExtendedLifetime(scratch) { (code, body(&call, outputs.map { $0.native.pointee.data })) }
      }
    }
  }
}

/// Runs one kernel of an operation on a case.
func runKernel(
  _ op: kerf_op, _ kernel: kerf_kernel, _ test: KernelCase, atEnd: Bool = true, pool: OpaquePointer? = nil
) -> KernelResult {
  let (code, result) = withCall(op, test, atEnd: atEnd, pool: pool) { call, memory in
    let runCode = kernel.run(call)
    let results = zip(test.outputs, memory).map { expected, start in
      TestTensor(
        type: Int(expected.type), dims: expected.dims,
        bytes: Array(UnsafeRawBufferPointer(start: start, count: expected.bytes.count)))
    }
    return KernelResult(prepareCode: Int32(KERF_OK), runCode: runCode, outputs: results)
  }
  return result ?? KernelResult(prepareCode: code)
}

/// The first difference between two tensors, described, or nil.
func difference(_ got: TestTensor, _ expected: TestTensor, _ test: KernelCase) -> String? {
  guard expected.type == KERF_F32 else {
    guard got.bytes != expected.bytes else { return nil }
    let at = zip(got.bytes, expected.bytes).enumerated().first { $0.element.0 != $0.element.1 }?.offset ?? 0
    return "byte \(at): \(got.bytes[at]), expected \(expected.bytes[at])"
  }
  for (i, (a, b)) in zip(got.values(as: Float.self), expected.values(as: Float.self)).enumerated() {
    if a == b || (a.isNaN && b.isNaN) { continue }
    if abs(a - b) <= test.absolute + test.relative * abs(b) { continue }
    return "element \(i): \(a), expected \(b)"
  }
  return nil
}

/// The operations of the table.
func allOperations() -> [kerf_op] {
  var count = 0
  let first = kerf_ops(&count)
  return Array(UnsafeBufferPointer(start: first, count: count))
}

/// The kernels of an operation that this processor can run.
func runnableKernels(_ op: UInt16) -> [kerf_kernel] {
  var count = 0
  let all = UnsafeBufferPointer(start: kerf_kernels(&count), count: count)
  let supported = kerf_isa_supported()
  return all.filter { $0.op == op && supported >> UInt32($0.isa) & 1 == 1 }
}

/// Repeatable test numbers.
struct TestRandom {
  private var state: UInt64
  init(_ seed: Int) { state = UInt64(truncatingIfNeeded: seed) &* 0x9E37_79B9_7F4A_7C15 | 1 }

  mutating func next() -> UInt64 {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return state &* 0x2545_F491_4F6C_DD1D
  }
  mutating func float(_ low: Float = -1, _ high: Float = 1) -> Float {
    low + (high - low) * Float(next() >> 40) / 16_777_216
  }
  mutating func int(_ range: ClosedRange<Int>) -> Int {
    range.lowerBound + Int(next() >> 33) % (range.upperBound - range.lowerBound + 1)
  }
  mutating func floats(_ count: Int, _ low: Float = -1, _ high: Float = 1) -> [Float] {
    (0..<count).map { _ in float(low, high) }
  }
}
