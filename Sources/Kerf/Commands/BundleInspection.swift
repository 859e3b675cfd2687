import Bundle
import Foundation
import IR
import Reports
import Runtime

/// What `kerf verify` found in a bundle: that it is whole and valid, and what it consists of.
public struct BundleVerificationResult: Encodable, Sendable {
  public struct Section: Encodable, Sendable {
    public var name: String
    public var bytes: Int
    public var sha256: String
  }
  public var valid = true
  public var format: String
  public var bytes: Int
  public var buildID: String
  /// Instruction sets the bundle may use.
  public var isas: [String]
  public var steps: Int
  /// Whether a signature was there and right. None is made so far, and one that cannot be checked is an error.
  public var signed: Bool
  public var sections: [Section]

  private enum CodingKeys: String, CodingKey {
    case valid, format, bytes, isas, steps, signed, sections
    case buildID = "build_id"
  }

  /// Checks structure, hashes and program without running. Throws `KerfError` with the first thing that is wrong.
  public static func verify(path: String) throws -> BundleVerificationResult {
    do throws(BundleError) {
      let file = try BundleFile(path: path)
      let reader = try BundleReader(file.bytes, verification: .full)
      guard reader.section(.signature) == nil else {
        throw .version("it has a signature, which this version cannot check")
      }
      let program = try reader.program()
      _ = try ProgramVerifier.verify(program, weightBytes: UInt64(reader.section(.weights)?.count ?? 0))
      try file.checkUnchanged()
      return BundleVerificationResult(reader, program)
    } catch {
      throw KerfError("'\(printable(path))': \(error)")
    }
  }

  private init(_ reader: BundleReader, _ program: Program) {
    format = "\(reader.header.major).\(reader.header.minor)"
    bytes = reader.bytes.count
    buildID = Self.hexadecimal(reader.header.buildID)
    isas = InstructionSets.names(reader.header.isaMask)
    steps = program.steps.count
    signed = false
    sections = reader.sections.map { section in
      let known = BundleFormat.Section(rawValue: section.type)
      return Section(
        name: known.map { "\($0)" } ?? "section \(section.type)", bytes: section.length,
        sha256: Self.hexadecimal(section.hash))
    }
  }

  private static func hexadecimal(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}

/// Reads parts of a bundle that say how it was made.
public enum BundleContents {
  /// The report that was stored when the bundle was made. Throws where the file is no valid bundle or has none.
  public static func report(path: String) throws -> CompileReport {
    guard let bytes = try section(.report, path) else {
      throw KerfError(
        "'\(printable(path))' holds no report", notes: ["it was stored without one; compile the model again"])
    }
    do {
      return try CompileReport(json: bytes)
    } catch {
      throw KerfError("the report in '\(printable(path))' cannot be read: it was written by another version of kerf")
    }
  }

  /// The optimized graph as an ONNX model. Throws where the bundle was compiled without keeping it.
  public static func graph(path: String) throws -> [UInt8] {
    guard let bytes = try section(.graph, path) else {
      throw KerfError(
        "'\(printable(path))' does not hold its graph", notes: ["compile the model again with --keep-graph"])
    }
    return bytes
  }

  static func section(_ type: BundleFormat.Section, _ path: String) throws -> [UInt8]? {
    do throws(BundleError) {
      let file = try BundleFile(path: path)
      let reader = try BundleReader(file.bytes, verification: .full)
      try file.checkUnchanged()
      return reader.section(type).map { [UInt8]($0) }
    } catch {
      throw KerfError("'\(printable(path))': \(error)")
    }
  }
}
