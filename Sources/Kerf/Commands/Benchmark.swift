import Foundation

/// Latency, load time and memory of a model, measured in this process.
public struct Benchmark: Encodable, Sendable {
  public var model: String
  public var threads: Int
  public var runs: Int
  public var medianMS: Double
  public var minMS: Double
  public var p90MS: Double
  public var p99MS: Double
  /// The first run, which plans and touches memory for the first time.
  public var firstMS: Double
  /// From the file to a session that is ready for its first run; for an .onnx file this includes compiling it.
  public var loadMS: Double
  /// The process's own peak.
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

  /// Runs for at least `seconds` after a warm-up of a tenth of that, at least three times.
  public static func run(
    model: String, _ session: Session, loadMilliseconds: Double, _ values: [Datum?], threads: Int, seconds: Double
  ) throws -> Benchmark {
    let clock = ContinuousClock()
    func measure() throws -> Double {
      let start = clock.now
      _ = try session.run(values)
      return milliseconds(start.duration(to: clock.now))
    }
    let first = try measure()
    let warm = clock.now
    repeat { _ = try measure() } while milliseconds(warm.duration(to: clock.now)) < seconds * 100
    var times: [Double] = []
    let start = clock.now
    repeat {
      times.append(try measure())
    } while times.count < 3 || milliseconds(start.duration(to: clock.now)) < seconds * 1000
    times.sort()
    return Benchmark(
      model: model, threads: threads, runs: times.count, medianMS: quantile(times, 0.5), minMS: times[0],
      p90MS: quantile(times, 0.9), p99MS: quantile(times, 0.99), firstMS: first, loadMS: loadMilliseconds,
      peakRSSBytes: peakResidentBytes(), arenaBytes: session.arenaBytes, weightsBytes: session.weightsBytes,
      isa: session.isaName)
  }

  /// Quantile of sorted numbers, interpolated between the two nearest.
  static func quantile(_ sorted: [Double], _ fraction: Double) -> Double {
    guard let last = sorted.last else { return 0 }
    let position = fraction * Double(sorted.count - 1)
    let index = Int(position)
    guard index + 1 < sorted.count else { return last }
    return sorted[index] + (sorted[index + 1] - sorted[index]) * (position - Double(index))
  }

  public static func milliseconds(_ duration: Duration) -> Double {
    let parts = duration.components
    return Double(parts.seconds) * 1e3 + Double(parts.attoseconds) * 1e-15
  }

  /// Most memory this process ever held.
  public static func peakResidentBytes() -> Int {
    // Not getrusage: its figure survives exec, so it would be the parent's where that was larger.
    guard let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8) else { return 0 }
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
    let kilobytes = line?.split(separator: " ").compactMap { Int($0) }.first ?? 0
    return kilobytes * 1024
  }
}
