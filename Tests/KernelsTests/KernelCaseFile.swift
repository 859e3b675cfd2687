import Kernels
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Writes all kernel cases to the file that KERF_CASE_FILE names, for scripts/run_kernel_cases.c, which runs them on
/// other processors. All numbers little-endian; the layout is the order of the calls below.
struct KernelCaseWriter {
  private(set) var bytes: [UInt8] = []

  mutating func put<T: BitwiseCopyable>(_ value: T) { withUnsafeBytes(of: value) { bytes.append(contentsOf: $0) } }

  mutating func put(_ tensor: TestTensor) {
    put(tensor.type)
    put(Int32(tensor.dims.count))
    for d in tensor.dims { put(Int64(d)) }
    put(UInt64(tensor.bytes.count))
    bytes.append(contentsOf: tensor.bytes)
  }

  mutating func put(op: UInt16, _ test: KernelCase) {
    put(Int32(op))
    let name = Array(test.name.utf8)
    put(Int32(name.count))
    bytes.append(contentsOf: name)
    put(test.absolute)
    put(test.relative)
    put(Int32(test.inPlace ?? -1))
    put(Int32(test.runCode))
    put(Int32(test.attributes.count))
    for attribute in test.attributes { put(attribute.raw.i) }
    put(Int32(test.inputs.count))
    for input in test.inputs { put(input) }
    put(Int32(test.outputs.count))
    for output in test.outputs { put(output) }
  }
}

@Suite struct KernelCaseFileTests {
  @Test func writesTheFileWhenAsked() throws {
    guard let path = getenv("KERF_CASE_FILE") else { return }
    let file = try #require(fopen(path, "wb"))
    defer { fclose(file) }
    for (op, cases) in kernelCases.sorted(by: { $0.key < $1.key }) {
      var writer = KernelCaseWriter()
      for test in cases() { writer.put(op: op, test) }
      #expect(fwrite(writer.bytes, 1, writer.bytes.count, file) == writer.bytes.count)
    }
  }
}
