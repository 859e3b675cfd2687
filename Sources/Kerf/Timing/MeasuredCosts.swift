import CSystem
import Foundation
import IR
import Kernels
import Lowering

/// Answers by running the candidates on this machine, each distinct layer once, for a bounded time in all. What was
/// measured before stands in the cache; what there is no time for, the table decides.
final class MeasuredCosts: KernelCosts {
  private var cache: TimingCache
  private let path: String?
  private let timer: LayerTimer
  private let options: CompileOptions
  /// Nanoseconds that are left.
  private var remaining: UInt64
  private var measured: Set<String> = []
  private var unanswered: Set<String> = []

  /// A measured time must be below this fraction of that of the table's choice to be preferred: less is noise.
  private static let clearly = 0.97

  /// - Throws: `KerfError` where the file of the cache is something else.
  init(_ graph: Graph, _ options: CompileOptions) throws {
    self.options = options
    path = options.timingCache
    let machine = MeasuredCosts.machine
    cache = try path.map { try TimingCache(path: $0, machine: machine) } ?? TimingCache(machine: machine)
    timer = LayerTimer(weightBytes: graph.valueIDs.reduce(0) { $0 + (graph.constant($1)?.byteCount ?? 0) })
    remaining = UInt64(max(0, options.measuringSeconds) * 1e9)
  }

  func answer(_ question: KernelQuestion) -> KernelAnswer {
    let table = TabulatedCosts().answer(question)
    guard let times = times(question) else { return table }
    let microseconds = question.candidates.map { times.figures[$0.kernel] }
    var winner = table.winner
    if let best = microseconds.indices.min(by: { microseconds[$0] ?? .infinity < microseconds[$1] ?? .infinity }),
      let fastest = microseconds[best], let tabulated = microseconds[winner], fastest < tabulated * Self.clearly
    {
      winner = best
    }
    return KernelAnswer(winner: winner, microseconds: microseconds, source: times.source)
  }

  /// Figures of the cache where they are complete, else new ones; nil where there is no time left.
  private func times(_ question: KernelQuestion) -> (figures: TimingCache.Times, source: KernelAnswer.Source)? {
    let key = "\(question.shape); beside \(timer.otherBytes >> 20) MiB"
    let kernels = question.candidates.map(\.kernel)
    if let known = cache[key], kernels.allSatisfy({ known[$0] != nil }) {
      return (known, measured.contains(key) ? .measured : .cached)
    }
    options.progress?("measure kernels", nil)
    let start = csystem_now()
    let found = try? timer.nanoseconds(question, deadline: start &+ remaining)
    remaining -= min(remaining, csystem_now() - start)
    guard let found else {
      unanswered.insert(key)
      return nil
    }
    // To a hundredth, as the cache keeps them.
    let figures = zip(kernels, found).map { ($0, max(1, ($1 / 10).rounded()) / 100) }
    let times = TimingCache.Times(figures, uniquingKeysWith: { first, _ in first })
    cache[key] = times
    measured.insert(key)
    return (times, .measured)
  }

  /// Writes what is new to the cache's file. Returns what the compilation should warn of.
  func finish() throws -> [String] {
    if let path, !measured.isEmpty { try cache.write(to: path) }
    guard !unanswered.isEmpty else { return [] }
    return [
      "\(options.measuringSeconds) seconds were too few to measure all kernels: for \(unanswered.count) kinds of layers "
        + "the table decided"
    ]
  }

  /// What figures of kernels hold for: this processor, the instruction sets in use, and the kernels.
  static var machine: String {
    let sets = InstructionSets.names(kerf_isa_supported())
    return "\(processor), \(sets.joined(separator: " ")), kernels \(KERF_KERNELS_VERSION)"
  }

  /// The processor's name, or on arm64 its implementer and part.
  private static let processor: String = {
    let text = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
    func field(_ name: String) -> String? {
      let line = text.split(separator: "\n").first { $0.hasPrefix(name) }
      return line?.split(separator: ":", maxSplits: 1).last?.trimmingCharacters(in: .whitespaces)
    }
    let parts = field("CPU implementer").map { [$0, field("CPU part") ?? "", field("CPU variant") ?? ""] }
    return printable(field("model name") ?? parts?.joined(separator: " ") ?? "unknown processor")
  }()
}
