import CSystem
import Calibration
import Foundation
import IR
import Lowering
import Runtime

/// Times one layer as it runs inside a model: its input has just been written, its weights have left the caches because
/// those of the other layers passed through them.
final class LayerTimer {
  /// Bytes that pass through the caches between two runs.
  let otherBytes: Int
  private let others: Buffer
  /// Most rounds of a question, and the nanoseconds after which no further one begins.
  private static let rounds = 25
  private static let time: UInt64 = 40_000_000
  /// Rounds without which a figure says nothing.
  private static let fewestRounds = 3

  /// `weightBytes`: of the whole model. Rounded to a power of two, so that models of about one size share figures.
  init(weightBytes: Int) {
    var bytes = 1 << 20
    while bytes < min(weightBytes, 1 << 25) { bytes *= 2 }
    otherBytes = bytes
    others = Buffer(bytes)
  }

  /// Nanoseconds of the fastest run of each candidate; these run in turn, so that other load on the machine meets all. Nil
  /// where the deadline (monotonic nanoseconds) leaves too little time. One thread.
  func nanoseconds(_ question: KernelQuestion, deadline: UInt64) throws -> [Double]? {
    let layers = try question.candidates.enumerated().map { index, candidate in
      try Layer(question.sample(index), FixedKernel(candidate.kernel))
    }
    return try fastest(layers, deadline)
  }

  private func fastest(_ layers: [Layer], _ deadline: UInt64) throws -> [Double]? {
    var best = layers.map { _ in UInt64.max }
    for layer in layers {
      _ = try layer.run()
      if csystem_now() >= deadline { return nil }
    }
    let start = csystem_now()
    for round in 0..<LayerTimer.rounds {
      let now = csystem_now()
      if round >= LayerTimer.fewestRounds, now - start >= LayerTimer.time || now >= deadline { break }
      if now >= deadline { return nil }
      for (index, layer) in layers.enumerated() {
        others.fill(UInt8(truncatingIfNeeded: round))
        layer.writeInputs()
        best[index] = min(best[index], try layer.run())
      }
    }
    return best.map { Double($0) }
  }
}

/// A graph of one layer, ready to run on inputs of its own.
private final class Layer {
  private let runner: GraphRunner
  private var inputs: [Buffer] = []
  private var arguments: [HostArgument] = []

  init(_ graph: Graph, _ costs: any KernelCosts) throws {
    do throws(Diagnostic) {
      runner = try GraphRunner(graph, threads: 1, provider: ReferenceProvider(), costs: costs)
    } catch {
      throw KerfError(error)
    }
    for input in graph.inputs {
      guard let type = graph.type(input).tensor, let dims = type.shape?.compactMap(\.value),
        let count = Tensor.elementCount(of: dims), let bytes = type.element.byteCount(of: count)
      else { throw KerfError("internal error: a layer to be timed has an input of unknown size") }
      let buffer = Buffer(bytes)
      inputs.append(buffer)
      arguments.append(.tensor(TensorView(type: type.element.rawValue, dims: dims, data: buffer.base)))
    }
    writeInputs()
  }

  /// Floats of 0.75, codes of 63: no kernel's time depends on which.
  func writeInputs() { for input in inputs { input.fill(0x3F) } }

  /// Nanoseconds of one run.
  func run() throws -> UInt64 {
    let start = csystem_now()
    do throws(RuntimeError) {
      try runner.run(arguments)
    } catch {
      throw KerfError(error.description)
    }
    return csystem_now() - start
  }
}

/// Memory of a fixed size.
private final class Buffer {
  let base: UnsafeMutableRawPointer
  private let count: Int

  init(_ count: Int) {
    self.count = max(count, 1)
    base = .allocate(byteCount: self.count, alignment: 64)
  }

  deinit { base.deallocate() }

  func fill(_ byte: UInt8) { memset(base, Int32(byte), count) }
}
