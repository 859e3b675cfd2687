import Foundation

/// One run of the built `kerf`.
struct CommandLineRun {
  let status: Int32
  /// Whether a signal ended it.
  let wasKilled: Bool
  let output: String
  let errors: String

  /// The executable that SwiftPM builds beside the tests.
  static let executable: URL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    .deletingLastPathComponent().appendingPathComponent("kerf")

  init(
    _ arguments: [String], executable: URL = CommandLineRun.executable, environment: [String: String] = [:]
  ) throws {
    let process = Process()
    process.executableURL = executable
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(["COLUMNS": "100"]) { _, new in new }
      .merging(environment) { _, new in new }
    let files = try (0..<2).map { _ -> FileHandle in
      let url = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
      _ = FileManager.default.createFile(atPath: url.path, contents: nil)
      defer { try? FileManager.default.removeItem(at: url) }
      return try FileHandle(forUpdating: url)
    }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = files[0]
    process.standardError = files[1]
    try process.run()
    process.waitUntilExit()
    status = process.terminationStatus
    wasKilled = process.terminationReason == .uncaughtSignal
    let texts = try files.map { file -> String in
      try file.seek(toOffset: 0)
      return String(decoding: try file.readToEnd() ?? Data(), as: UTF8.self)
    }
    output = texts[0]
    errors = texts[1]
  }

  /// Keys and values of the one JSON object that it printed.
  func json() throws -> [String: Any] {
    try JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: Any] ?? [:]
  }

  var firstErrorLine: String { String(errors.split(separator: "\n").first ?? "") }
}
