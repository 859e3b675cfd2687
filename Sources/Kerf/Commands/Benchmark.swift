import CSystem
import Foundation
import Runtime

/// Latency, load time and memory of a model.
public struct Benchmark: Codable, Sendable {
  public var model: String
  public var threads: Int
  public var runs: Int
  public var medianMS: Double
  public var minMS: Double
  public var p90MS: Double
  public var p99MS: Double
  /// The first run, which touches weights and kernels for the first time and plans where shapes are free.
  public var firstMS: Double
  /// From the file to a session that is ready for its first run; for an .onnx file this includes compiling it.
  public var loadMS: Double
  /// The peak of the process that ran it.
  public var peakRSSBytes: Int
  public var arenaBytes: Int
  public var weightsBytes: Int
  public var isa: String

  private enum CodingKeys: String, CodingKey {
    case model, threads, runs, isa
    case medianMS = "median_ms"
    case minMS = "min_ms"
    case p90MS = "p90_ms"
    case p99MS = "p99_ms"
    case firstMS = "first_ms"
    case loadMS = "load_ms"
    case peakRSSBytes = "peak_rss_bytes"
    case arenaBytes = "arena_bytes"
    case weightsBytes = "weights_bytes"
  }

  /// Runs in this process for at least `seconds` after a warm-up of a tenth of that, at least three times.
  public static func run(
    model: String, _ session: Session, loadMilliseconds: Double, _ values: [Datum?], threads: Int, seconds: Double
  ) throws -> Benchmark {
    let latency = try Latency(nanoseconds: UInt64(seconds * 1e9)) { _ = try session.run(values) }
    return Benchmark(
      model: model, threads: threads, runs: latency.runs, medianMS: latency.quantile(0.5) / 1e6,
      minMS: latency.quantile(0) / 1e6, p90MS: latency.quantile(0.9) / 1e6, p99MS: latency.quantile(0.99) / 1e6,
      firstMS: Double(latency.first) / 1e6, loadMS: loadMilliseconds, peakRSSBytes: peakResidentBytes(),
      arenaBytes: session.arenaBytes, weightsBytes: session.weightsBytes, isa: session.isaName)
  }

  public static func milliseconds(_ duration: Duration) -> Double {
    let parts = duration.components
    return Double(parts.seconds) * 1e3 + Double(parts.attoseconds) * 1e-15
  }

  /// Most memory this process ever held.
  public static func peakResidentBytes() -> Int { Int(clamping: csystem_peak_resident()) }
}
