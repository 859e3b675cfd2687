import Kernels
import Testing

/// The cases of each operation. Every operation of the table must have an entry, and every kernel runs every case.
let kernelCases: [UInt16: @Sendable () -> [KernelCase]] = floatKernelCases.merging(otherKernelCases) { a, _ in a }

/// An operation as a test argument.
struct NamedOperation: CustomTestStringConvertible, Sendable {
  var op: UInt16
  var name: String
  var testDescription: String { name }
}

private let namedOperations = allOperations().map { NamedOperation(op: $0.op, name: String(cString: $0.name)) }

@Suite struct KernelTableTests {
  @Test(arguments: namedOperations)
  func everyKernelPassesEveryCase(_ named: NamedOperation) throws {
    let op = try #require(kerf_find_op(named.op)).pointee
    let cases = kernelCases[named.op]?() ?? []
    #expect(!cases.isEmpty, "\(named.name) has no cases")
    let pool = kerf_pool_create(3)
    defer { kerf_pool_destroy(pool) }
    for kernel in runnableKernels(named.op) {
      var executed = 0
      for test in cases where check(op, kernel, test, pool) { executed += 1 }
      #expect(executed == cases.count, "\(String(cString: kernel.name)): \(executed) of \(cases.count) cases")
    }
  }

  /// Runs a case at both ends of guarded memory, alone and with threads, and compares.
  private func check(_ op: kerf_op, _ kernel: kerf_kernel, _ test: KernelCase, _ pool: OpaquePointer?) -> Bool {
    let label = "\(String(cString: kernel.name)) \(test.name)"
    let alone = runKernel(op, kernel, test)
    guard alone.prepareCode == Int32(KERF_OK) else {
      Issue.record("\(label): prepare returned \(alone.prepareCode)")
      return false
    }
    guard alone.runCode == Int32(test.runCode) else {
      Issue.record("\(label): run returned \(alone.runCode)")
      return false
    }
    if test.runCode != KERF_OK { return true }
    let threaded = runKernel(op, kernel, test, atEnd: false, pool: pool)
    for (i, expected) in test.outputs.enumerated() {
      if let text = difference(alone.outputs[i], expected, test) {
        Issue.record("\(label): output \(i), \(text)")
        return false
      }
      #expect(alone.outputs[i].bytes == threaded.outputs[i].bytes, "\(label): output \(i) differs with threads")
    }
    return true
  }

  @Test func everyKernelHasAnOperation() {
    var count = 0
    for kernel in UnsafeBufferPointer(start: kerf_kernels(&count), count: count) {
      #expect(kerf_find_op(kernel.op) != nil, "\(String(cString: kernel.name))")
    }
    for op in allOperations() {
      #expect(kerf_find_kernel(op.op, 1)?.pointee.isa == UInt8(KERF_ISA_PORTABLE), "\(String(cString: op.name))")
    }
  }

  /// Bundles hold the numbers of sets; which kernel runs is a matter of their order.
  @Test func setsHaveNamesAndAnOrder() {
    let sets = (0..<Int32(KERF_ISA_COUNT)).map(kerf_isa_at)
    #expect(sets.sorted() == Array(0..<Int32(KERF_ISA_COUNT)) && sets.first == Int32(KERF_ISA_PORTABLE))
    for set in sets { #expect(kerf_isa_find(kerf_isa_name(set)) == set) }
    #expect(kerf_isa_find("avx") == -1 && kerf_isa_find("unknown") == -1)
    #if arch(x86_64)
      func best(_ sets: [Int]) -> Int? {
        let mask = sets.reduce(UInt32(1)) { $0 | 1 << UInt32($1) }
        return kerf_find_kernel(UInt16(KERF_OP_GEMM_U8_U8), mask).map { Int($0.pointee.isa) }
      }
      let (avx2, avxVNNI) = (Int(KERF_ISA_AVX2), Int(KERF_ISA_AVXVNNI))
      #expect(best([avx2]) == avx2 && best([avx2, avxVNNI]) == avxVNNI)
      let all = [avx2, avxVNNI, Int(KERF_ISA_AVX512), Int(KERF_ISA_AVX512VNNI)]
      #expect(best(all) == Int(KERF_ISA_AVX512VNNI))
    #endif
  }
}
