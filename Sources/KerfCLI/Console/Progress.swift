import Foundation
import Kerf
import Synchronization

/// One line on standard error that says how far the work is, its rate and the time left. Only where that is a terminal.
final class Progress: Sendable {
  private struct State {
    var label: String
    var start = ContinuousClock.now
    /// What was done when this label first came.
    var first = 0.0
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
      if label != state.label { state = State(label: label, start: now, first: done?.amount ?? 0) }
      if let shown = state.shown, shown.duration(to: now) < .milliseconds(100) { return }
      state.shown = now
      Progress.draw(Progress.text(label, done, since: state.first, state.start.duration(to: now)))
    }
  }

  /// Shows that `done` of `total` items are done.
  func show(_ done: Int, of total: Int) {
    guard isShown else { return }
    state.withLock { state in
      let now = ContinuousClock.now
      if let shown = state.shown, done != total, shown.duration(to: now) < .milliseconds(100) { return }
      state.shown = now
      Progress.draw(Progress.text(state.label, .count(done, of: total), state.start.duration(to: now)))
    }
  }

  func finish() { Progress.clear() }

  /// - Parameters:
  ///   - first: what was done before `elapsed` began; rate and time left follow from what came after.
  static func text(_ label: String, _ done: WorkDone?, since first: Double = 0, _ elapsed: Duration) -> String {
    guard let done, done.amount > 0 else { return "\(label) …" }
    let rate = (done.amount - first) / max(seconds(elapsed), 1e-6)
    let isKnown = rate > 0 && elapsed > .milliseconds(1)
    let left = isKnown ? ", \(Format.time((done.total - done.amount) / rate)) left" : ""
    switch done {
    case .fraction(let part): return "\(label) \(Int(part * 100)) %" + left
    case .count(let count, let total):
      return "\(label) \(count)/\(total)" + (isKnown ? ", \(Format.number(rate, 1))/s" : "") + left
    }
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
