import Foundation
import Kerf
import Synchronization

/// One line on standard error that says how far the work is, its rate and the time left. Only where that is a terminal.
final class Progress: Sendable {
  private struct State {
    var label: String
    var start = ContinuousClock.now
    var shown: ContinuousClock.Instant?
  }
  private let state: Mutex<State>
  private let isShown: Bool
  private static let isDirty = Mutex(false)

  init(_ label: String, quiet: Bool) {
    state = Mutex(State(label: label))
    isShown = !quiet && isatty(2) == 1
  }

  /// Shows a step of the work; `done` is nil where it is not known.
  func show(_ label: String, _ done: WorkDone?) {
    guard isShown else { return }
    state.withLock { state in
      let now = ContinuousClock.now
      if label != state.label {
        state.label = label
        state.start = now
        state.shown = nil
      }
      if let shown = state.shown, shown.duration(to: now) < .milliseconds(100) { return }
      state.shown = now
      Progress.draw(Progress.text(label, done, state.start.duration(to: now)))
    }
  }

  /// Shows that `done` of `total` items are done.
  func show(_ done: Int, of total: Int) {
    guard isShown else { return }
    state.withLock { state in
      let now = ContinuousClock.now
      if let shown = state.shown, done != total, shown.duration(to: now) < .milliseconds(100) { return }
      state.shown = now
      Progress.draw(Progress.text(state.label, done, total, state.start.duration(to: now)))
    }
  }

  func finish() { Progress.clear() }

  static func text(_ label: String, _ done: WorkDone?, _ elapsed: Duration) -> String {
    let fraction: Double
    switch done {
    case .count(let count, let total) where count > 0: return text(label, count, total, elapsed)
    case .fraction(let part) where part > 0: fraction = part
    default: return "\(label) …"
    }
    let left = seconds(elapsed) * (1 - fraction) / fraction
    return "\(label) \(Int(fraction * 100)) %, \(Format.time(left)) left"
  }

  static func text(_ label: String, _ done: Int, _ total: Int, _ elapsed: Duration) -> String {
    let rate = Double(done) / max(seconds(elapsed), 1e-6)
    let left = rate > 0 ? Double(total - done) / rate : 0
    return "\(label) \(done)/\(total), \(Format.number(rate, 1))/s, \(Format.time(left)) left"
  }

  private static func seconds(_ duration: Duration) -> Double {
    Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18
  }

  private static func draw(_ text: String) {
    isDirty.withLock { $0 = true }
    Console.raw("\r\u{1B}[K" + text)
  }

  /// Removes the line, so that other text can follow.
  static func clear() {
    let wasDirty = isDirty.withLock { dirty -> Bool in
      defer { dirty = false }
      return dirty
    }
    if wasDirty { Console.raw("\r\u{1B}[K") }
  }
}
