import Bundle
import FaultInjection
import Foundation
import Testing

/// A file that is replaced while the system fails or the process ends: it has the old bytes or the new, whole.
@Suite struct InterruptedWriteTests {
  let folder: String
  let path: String
  let old = [UInt8](repeating: 1, count: 5000)
  let new = [UInt8](repeating: 2, count: 9000)

  init() throws {
    folder = FileManager.default.temporaryDirectory.appendingPathComponent("kerf-\(UUID().uuidString)").path
    path = folder + "/model.kerf"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try AtomicFile.write(old, to: path)
  }

  /// What lies in the folder, and the bytes under the name.
  private func state() throws -> (names: [String], bytes: [UInt8]) {
    (
      try FileManager.default.contentsOfDirectory(atPath: folder).sorted(),
      [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    )
  }

  private func write() -> BundleError? {
    do throws(BundleError) {
      try AtomicFile.write(new, to: path)
      return nil
    } catch { return error }
  }

  @Test(.enabled(if: fault_injection_works() == 1), arguments: [ENOSPC, EIO, EDQUOT, EROFS, EINTR])
  func everyCallFailsOnce(_ error: Int32) throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    var calls = 0
    while true {
      calls += 1
      fault_arm(FAULT_ERROR, Int64(calls), error)
      let failure = write()
      guard fault_disarm() == 1 else { break }
      let state = try state()
      #expect(state.names == ["model.kerf"], "call \(calls)")
      // A failure after the renaming leaves the new file; an interrupted write goes on.
      #expect(state.bytes == old || state.bytes == new, "call \(calls)")
      if failure == nil { #expect(state.bytes == new, "call \(calls)") }
      try AtomicFile.write(old, to: path)
    }
    #expect(calls > 8)
    #expect(try state().bytes == new)
  }

  @Test(.enabled(if: fault_injection_works() == 1)) func shortWritesGoOn() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    fault_arm(FAULT_SHORT_WRITE, 1, 0)
    let failure = write()
    #expect(fault_disarm() == 1)
    #expect(failure == nil)
    #expect(try state().bytes == new)
  }

  @Test(.enabled(if: fault_injection_works() == 1), arguments: [FAULT_KILL_BEFORE.rawValue, FAULT_KILL_AFTER.rawValue])
  func theProcessEndsAtEveryCall(_ kind: UInt32) throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    var ended = 0
    var left = 0
    for call in 1...100 {
      let job = Job(path: path, bytes: new, kind: fault_kind(kind), call: Int64(call))
      let status = fault_run_in_child(
        { Unmanaged<Job>.fromOpaque($0!).takeUnretainedValue().run() }, Unmanaged.passUnretained(job).toOpaque())
      let state = try state()
      #expect(state.bytes == old || state.bytes == new, "call \(call)")
      guard status == -SIGKILL else { break }
      ended += 1
      left = max(left, state.names.count - 1)
      // What the next compilation does first.
      try AtomicFile.write(old, to: path)
      #expect(try self.state().names == ["model.kerf"], "call \(call)")
    }
    #expect(ended > 8 && ended < 100)
    #expect(left == 1)
    #expect(try state().bytes == new)
  }

  @Test func filesOfRunningProcessesStay() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let abandoned = folder + "/.model.kerf.0.tmp"
    let others = [".model.kerf.12x.tmp", ".model.kerf..tmp", ".other.kerf.0.tmp", "model.kerf.0.tmp"]
    for name in others { try Data([1]).write(to: URL(fileURLWithPath: folder + "/" + name)) }
    try Data([1]).write(to: URL(fileURLWithPath: abandoned))
    let file = open(abandoned, O_RDWR | O_CLOEXEC)
    #expect(flock(file, LOCK_EX | LOCK_NB) == 0)
    try AtomicFile.write(new, to: path)
    #expect(FileManager.default.fileExists(atPath: abandoned))
    // A child that another test forked meanwhile shares the lock, and would keep it beyond a mere closing.
    #expect(flock(file, LOCK_UN) == 0)
    close(file)
    try AtomicFile.write(new, to: path)
    #expect(try state().names == (others + ["model.kerf"]).sorted())
  }

  @Test func linksAreNotTakenOver() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let victim = folder + "/victim"
    try Data([1]).write(to: URL(fileURLWithPath: victim))
    try FileManager.default.createSymbolicLink(atPath: folder + "/.model.kerf.0.tmp", withDestinationPath: victim)
    try FileManager.default.linkItem(atPath: victim, toPath: folder + "/.model.kerf.1.tmp")
    try AtomicFile.write(new, to: path)
    #expect(FileManager.default.contents(atPath: victim) == Data([1]))
    #expect(try state().bytes == new)
  }
}

/// One write in a process of its own.
private final class Job {
  let path: String
  let bytes: [UInt8]
  let kind: fault_kind
  let call: Int64

  init(path: String, bytes: [UInt8], kind: fault_kind, call: Int64) {
    self.path = path
    self.bytes = bytes
    self.kind = kind
    self.call = call
  }

  func run() {
    fault_arm(kind, call, 0)
    try? AtomicFile.write(bytes, to: path)
  }
}
