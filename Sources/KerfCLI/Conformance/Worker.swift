import Foundation
import Kerf

/// A process that runs conformance cases one after another. Replaced by a new one when a case ends it or takes too long.
final class Worker {
  private let arguments: [String]
  private let timeout: Double
  private var process: Process?
  private var input: FileHandle?
  private var output: FileHandle?
  private var pending = Data()

  init(timeout: Double, arguments: [String]) {
    self.arguments = arguments
    self.timeout = timeout
  }

  /// Runs a case; a failure of the process is a failure of the case.
  func run(_ item: ConformanceCase) -> ConformanceResult {
    func failed(_ reason: String) -> ConformanceResult { ConformanceResult(item, .failed, reason) }
    do {
      try startIfNeeded()
      guard let input else { return failed("the worker process has no input") }
      try input.write(contentsOf: try JSONEncoder().encode(item) + Data([10]))
    } catch {
      stop()
      return failed("the worker process cannot be used: \(error.localizedDescription)")
    }
    switch readLine() {
    case .line(let line):
      guard let result = try? JSONDecoder().decode(ConformanceResult.self, from: line) else {
        stop()
        return failed("the worker process answered something else")
      }
      return result
    case .ended: return failed(endReason())
    case .late:
      stop()
      return failed("no answer in \(Format.number(timeout, 0)) s")
    }
  }

  /// Ends the process.
  func stop() {
    if let process, process.isRunning {
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
    }
    forget()
  }

  private func forget() {
    try? input?.close()
    process = nil
    input = nil
    output = nil
    pending = Data()
  }

  private func startIfNeeded() throws {
    if let process, process.isRunning { return }
    forget()
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    process.arguments = ["conformance-worker"] + arguments
    // A crash is reported by the parent; a backtrace of a release build takes seconds and says little.
    process.environment = ProcessInfo.processInfo.environment.merging(["SWIFT_BACKTRACE": "enable=no"]) { _, new in new
    }
    let toWorker = Pipe()
    let fromWorker = Pipe()
    process.standardInput = toWorker
    process.standardOutput = fromWorker
    process.standardError = FileHandle.nullDevice
    try process.run()
    self.process = process
    input = toWorker.fileHandleForWriting
    output = fromWorker.fileHandleForReading
  }

  private enum Answer {
    case line(Data)
    case ended
    case late
  }

  private func readLine() -> Answer {
    guard let output else { return .ended }
    let start = ContinuousClock.now
    // Reference evaluation gives up by itself at the same time; let it say so.
    let limit = Duration.seconds(timeout + 2)
    while true {
      if let end = pending.firstIndex(of: 10) {
        let line = pending[pending.startIndex..<end]
        pending = Data(pending[pending.index(after: end)...])
        return .line(Data(line))
      }
      let left = limit - start.duration(to: .now)
      guard left > .zero else { return .late }
      var descriptor = pollfd(fd: output.fileDescriptor, events: Int16(POLLIN), revents: 0)
      let ready = poll(&descriptor, 1, Int32(min(60_000, Benchmark.milliseconds(left) + 1)))
      if ready <= 0 { continue }
      // Not FileHandle's read: it waits until all it was asked for is there.
      var bytes = [UInt8](repeating: 0, count: 1 << 16)
      let count = read(output.fileDescriptor, &bytes, bytes.count)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return .ended }
      pending.append(contentsOf: bytes[0..<count])
    }
  }

  private func endReason() -> String {
    guard let process else { return "the process ended" }
    process.waitUntilExit()
    let status = process.terminationStatus
    let isSignal = process.terminationReason == .uncaughtSignal
    forget()
    guard isSignal else { return "the process ended with exit status \(status)" }
    return "the process was ended by signal \(status) (\(strsignal(status).map { String(cString: $0) } ?? "unknown"))"
  }
}
