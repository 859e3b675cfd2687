import ArgumentParser
import Foundation
import Kerf

struct KerfCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kerf",
    abstract: "Compiles ONNX models into small, fast bundles, shows what it did, and runs them.",
    discussion: """
      A first tour:
        kerf compile model.onnx -o model.kerf
        kerf report model.kerf
        kerf run model.kerf --inputs x.npy --outputs out
        kerf bench model.kerf

      Exit status: 0 done, 1 the work failed (the reason is on standard error), 64 wrong usage.
      """,
    version: kerfVersion,
    subcommands: [
      CompileCommand.self, RunCommand.self, BenchCommand.self, ProfileCommand.self, ReportCommand.self,
      InspectCommand.self, CompareCommand.self, EvaluateCommand.self, DebugCommand.self, ExportCommand.self,
      VerifyCommand.self, OperatorsCommand.self,
      ConformanceCommand.self, ConformanceWorkerCommand.self,
    ])

  /// Parses and runs; gives the exit status: 0, 1 or 64.
  static func run(_ arguments: [String]) -> Int32 {
    do {
      var command = try parseAsRoot(try Recipe.expanded(arguments))
      try InstructionSets.checkEnvironment()
      try command.run()
      return 0
    } catch let error as KerfError {
      Console.error(error)
      return 1
    } catch {
      return finish(error)
    }
  }

  /// Help and completions go to standard output, wrong usage to standard error.
  private static func finish(_ error: any Error) -> Int32 {
    let code = exitCode(for: error)
    if code == .success {
      do { try Console.result(fullMessage(for: error)) } catch { return 1 }
      return 0
    }
    guard code == .validationFailure else {
      let text = message(for: error)
      if !text.isEmpty { Console.error(KerfError(text)) }
      return 1
    }
    let full = fullMessage(for: error)
    let usage = full.range(of: "\nUsage: ", options: .backwards)
    Console.error(usageError(String(full[..<(usage?.lowerBound ?? full.endIndex)])))
    if let usage { Console.line(String(full[full.index(after: usage.lowerBound)...])) }
    return 64
  }

  /// What ArgumentParser says, as one line and notes: lists of accepted values in the line, help in a note.
  private static func usageError(_ text: String) -> KerfError {
    var lines = text.split(separator: "\n").map(String.init)
    guard !lines.isEmpty else { return KerfError("wrong usage") }
    var message = lines.removeFirst()
    if message.hasPrefix("Error: ") { message.removeFirst("Error: ".count) }
    let values = lines.filter { $0.hasPrefix("  - ") }.map { String($0.dropFirst(4)) }
    if !values.isEmpty { message += " " + values.joined(separator: ", ") }
    let notes = lines.filter { !$0.hasPrefix("  - ") }.map { $0.hasPrefix("Help:  ") ? String($0.dropFirst(7)) : $0 }
    return KerfError(message, notes: notes)
  }
}
