import Foundation
import TestSupport
import Testing

/// A full disk, or an end at any time, while a bundle is replaced: the old one or the new one is there, whole.
@Suite struct InterruptionTests {
  let folder: TemporaryFolder
  let model: String
  let bundle: String

  init() throws {
    folder = try TemporaryFolder()
    model = try folder.write(TinyModel.relu, "relu.onnx")
    bundle = folder.path + "/relu.kerf"
    let run = try CommandLineRun(["compile", model, "-o", bundle, "--quiet"])
    #expect(run.status == 0)
  }

  private var names: [String] {
    get throws { try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() }
  }

  private func shell(_ script: String, _ arguments: [String]) throws -> CommandLineRun {
    try CommandLineRun(
      ["-c", script, "sh", CommandLineRun.executable.path] + arguments,
      executable: URL(fileURLWithPath: "/bin/sh"))
  }

  @Test func aFileThatMayNotGrow() throws {
    let old = try Data(contentsOf: URL(fileURLWithPath: bundle))
    // Half a kilobyte, then a kilobyte more each time, up to what the bundle needs.
    var refused = 0
    for blocks in stride(from: 1, to: 64, by: 2) {
      let run = try shell("ulimit -f \(blocks) && exec \"$1\" compile \"$2\" -o \"$3\" --quiet", [model, bundle])
      #expect(!run.wasKilled)
      #expect(try Data(contentsOf: URL(fileURLWithPath: bundle)) == old)
      #expect(try names == ["relu.kerf", "relu.onnx"])
      if run.status == 0 { break }
      refused += 1
      #expect(run.status == 1)
      #expect(run.firstErrorLine == "error: cannot write '\(bundle)': File too large")
    }
    #expect(refused > 3)
  }

  /// Whether this machine lets a test have a disk of its own.
  static let mayMount: Bool = {
    let script = "unshare -rm sh -c 'mount -t tmpfs -o size=16k tmpfs /mnt' 2>/dev/null"
    return (try? CommandLineRun(["-c", script], executable: URL(fileURLWithPath: "/bin/sh")))?.status == 0
  }()

  @Test(.enabled(if: mayMount)) func aFullDisk() throws {
    let inside = """
      mount -t tmpfs -o size=16k tmpfs "$3" && cp "$2" "$3/relu.kerf" || exit 99
      "$1" compile "$4" -o "$3/relu.kerf" --quiet
      status=$?
      cmp -s "$2" "$3/relu.kerf" && [ "$(ls -A "$3")" = relu.kerf ] && exit $status
      exit 98
      """
    let disk = folder.path + "/disk"
    try FileManager.default.createDirectory(atPath: disk, withIntermediateDirectories: true)
    let run = try shell("exec unshare -rm sh -c '\(inside)' sh \"$@\"", [bundle, disk, model])
    #expect(run.status == 1)
    #expect(run.firstErrorLine == "error: cannot write '\(disk)/relu.kerf': No space left on device")
  }

  @Test func theProcessIsKilled() throws {
    let old = try Data(contentsOf: URL(fileURLWithPath: bundle))
    let other = try folder.write(
      TinyModel.model(inputs: [("x", ["N", 5])], outputs: [("y", ["N", 5])], nodes: [("Exp", ["x"], ["y"])]),
      "exp.onnx")
    #expect(try CommandLineRun(["compile", other, "-o", folder.path + "/exp.kerf", "--quiet"]).status == 0)
    let new = try Data(contentsOf: URL(fileURLWithPath: folder.path + "/exp.kerf"))
    for round in 0..<24 {
      let process = Process()
      process.executableURL = CommandLineRun.executable
      process.arguments = ["compile", round % 2 == 0 ? other : model, "-o", bundle, "--quiet"]
      process.standardError = FileHandle.nullDevice
      try process.run()
      Thread.sleep(forTimeInterval: 0.004 * Double(round))
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
      let found = try Data(contentsOf: URL(fileURLWithPath: bundle))
      #expect(found == old || found == new, "round \(round)")
    }
    #expect(try CommandLineRun(["compile", model, "-o", bundle, "--quiet"]).status == 0)
    #expect(try names == ["exp.kerf", "exp.onnx", "relu.kerf", "relu.onnx"])
  }

  @Test func damagedBundlesEndNoCommandByASignal() throws {
    let whole = [UInt8](try Data(contentsOf: URL(fileURLWithPath: bundle)))
    let step = max(1, whole.count / 40)
    for index in stride(from: 0, to: whole.count, by: step) {
      var flipped = whole
      flipped[index] ^= 1 << UInt8(index % 8)
      for bytes in [flipped, Array(whole[..<index])] {
        let run = try CommandLineRun(["run", try folder.write(bytes, "damaged.kerf"), "--quiet"])
        #expect(run.status == 1 && !run.wasKilled && run.firstErrorLine.hasPrefix("error: "), "byte \(index)")
      }
    }
  }
}
