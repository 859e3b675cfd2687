import Foundation
import Kernels
import Testing

/// A case to be timed: what its output is does not matter.
struct KernelBenchmark {
  var test: KernelCase
  /// Multiply-adds; 0 where bytes count.
  var macs = 0.0
}

/// Times of the kernels of the table, one thread, on operations as layers have them. They report and assert no time:
///
///     KERF_BENCH_KERNELS=conv2d swift test -c release -Xswiftc -enable-testing --filter KernelBenchmarks
///
/// runs those of operations whose names contain the text, `make bench-kernels` all. What has no benchmark of its own is
/// timed on the largest of its cases.
@Suite(.serialized) struct KernelBenchmarks {
  static func benchmarks(_ op: kerf_op) -> [KernelBenchmark] {
    if let own = layerBenchmarks[op.op]?() { return own }
    func bytes(_ test: KernelCase) -> Int { (test.inputs + test.outputs).reduce(0) { $0 + $1.bytes.count } }
    let cases = (kernelCases[op.op]?() ?? []).filter { $0.runCode == KERF_OK }
    return cases.max { bytes($0) < bytes($1) }.map { [KernelBenchmark(test: $0)] } ?? []
  }

  /// The shortest time of a run within 20 ms, and at least three, in seconds; nil where the call is refused.
  static func time(_ op: kerf_op, _ kernel: kerf_kernel, _ test: KernelCase, enough: Duration) -> Double? {
    let clock = ContinuousClock()
    let outcome = withCall(op, test) { call, _ -> Double? in
      var best = Duration.seconds(1_000_000)
      let end = clock.now + enough
      var runs = 0
      repeat {
        let begin = clock.now
        guard kernel.run(call) == Int32(KERF_OK) else { return nil }
        best = min(best, clock.now - begin)
        runs += 1
      } while runs < 3 || clock.now < end
      return best / .seconds(1)
    }
    return outcome.result ?? nil
  }

  @Test func everyOperationHasOne() {
    for op in allOperations() {
      let found = Self.benchmarks(op)
      #expect(!found.isEmpty, "\(String(cString: op.name)) has no benchmark")
      guard let kernel = kerf_find_kernel(op.op, kerf_isa_supported())?.pointee else { continue }
      for benchmark in found {
        let seconds = Self.time(op, kernel, benchmark.test, enough: .zero)
        #expect(seconds != nil, "\(String(cString: kernel.name)) \(benchmark.test.name): refused")
      }
    }
  }

  static let filter = ProcessInfo.processInfo.environment["KERF_BENCH_KERNELS"]

  @Test(.enabled(if: filter != nil, "KERF_BENCH_KERNELS is not set"))
  func report() {
    print("operation and case: kernel, microseconds, GMAC/s or GB/s, times as fast as in plain C")
    for op in allOperations() where Self.filter == "" || String(cString: op.name).contains(Self.filter ?? "") {
      for benchmark in Self.benchmarks(op) {
        print("\(String(cString: op.name)) \(benchmark.test.name)")
        let bytes = (benchmark.test.inputs + benchmark.test.outputs).reduce(0) { $0 + $1.bytes.count }
        var plain: Double?
        for kernel in runnableKernels(op.op).sorted(by: { $0.isa < $1.isa }) {
          guard let seconds = Self.time(op, kernel, benchmark.test, enough: .milliseconds(20)) else { continue }
          if kernel.isa == UInt8(KERF_ISA_PORTABLE) { plain = seconds }
          let rate = (benchmark.macs > 0 ? benchmark.macs : Double(bytes)) / seconds / 1e9
          let unit = benchmark.macs > 0 ? "GMAC/s" : "GB/s"
          let name = String(cString: kernel.name).padding(toLength: 34, withPad: " ", startingAt: 0)
          let figures = String(format: "%10.2f %8.1f", seconds * 1e6, rate)
          print("  \(name) \(figures) \(unit.padding(toLength: 6, withPad: " ", startingAt: 0))", terminator: "")
          print(String(format: " %6.1f", (plain ?? seconds) / seconds))
        }
      }
    }
  }
}
