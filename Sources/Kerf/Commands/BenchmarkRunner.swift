import CSystem
import Foundation
import IR

extension Benchmark {
  /// Measures a bundle in a process of `kerf-run`, which holds the runtime and nothing else, so that the memory is what
  /// running the model takes. Nil where that program is not beside this one or cannot run the model: operators that the
  /// host evaluates, inputs without a form in .npy.
  public static func inRunner(
    model: String, _ session: Session, _ values: [Datum?], threads: Int, seconds: Double
  ) throws -> Benchmark? {
    let runner = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
      .deletingLastPathComponent().appendingPathComponent("kerf-run")
    guard FileManager.default.isExecutableFile(atPath: runner.path), session.hostCalls.isEmpty else { return nil }
    var files: [MemoryFile] = []
    for value in values {
      guard let tensor = value?.tensor, types.contains(tensor.type) else { return nil }
      files.append(try MemoryFile(tensor))
    }
    let process = Process()
    process.executableURL = runner
    process.arguments =
      ["--bench", "\(max(1, Int(seconds * 1000)))", "--threads", "\(threads)", URL(fileURLWithPath: model).path]
      + files.map(\.path)
    let output = Pipe()
    let errors = Pipe()
    process.standardOutput = output
    process.standardError = errors
    try process.run()
    let figures = output.fileHandleForReading.readDataToEndOfFile()
    let text = errors.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    withExtendedLifetime(files) {}
    guard process.terminationReason == .exit, process.terminationStatus == 0 else {
      throw KerfError("kerf-run: \(String(decoding: text, as: UTF8.self).dropFirst("error: ".count))")
    }
    var result = try JSONDecoder().decode(Benchmark.self, from: figures)
    result.model = model
    return result
  }

  /// What the runner reads from a .npy file.
  private static let types = Set(NumpyHeader.descriptors.values).subtracting([.complex64, .complex128])
}

/// An array as a .npy file in memory, which a process started from here can open by its path.
private final class MemoryFile {
  private let descriptor: Int32
  var path: String { "/proc/\(ProcessInfo.processInfo.processIdentifier)/fd/\(descriptor)" }

  init(_ tensor: Tensor) throws {
    let bytes = NumpyFile.encode(tensor)
    descriptor = csystem_memory_file()
    guard descriptor >= 0 else {
      throw KerfError("a file in memory: \(String(cString: csystem_error_text(descriptor)))")
    }
    let written = bytes.withUnsafeBytes { csystem_write(descriptor, $0.baseAddress, UInt64($0.count)) }
    guard written == bytes.count else {
      throw KerfError("a file in memory: \(String(cString: csystem_error_text(Int32(clamping: written))))")
    }
  }

  deinit { csystem_close(descriptor) }
}
