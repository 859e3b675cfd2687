import Bundle
import Foundation
import IR
import Lowering
import ONNX
import Passes
import Reports
import Runtime

/// The version of Kerf, as bundles and reports state it.
public let kerfVersion = "0.1.0"

/// A compiled model: the bytes of its bundle, and what was done.
public struct CompiledModel: Sendable {
  public var bundle: [UInt8] { image.array }
  public var byteCount: Int { image.count }
  /// The report with measured times; the one inside the bundle has none, so that equal inputs give equal bytes.
  public var report: CompileReport
  public var warnings: [String]
  /// The bundle, its weights where the model and the lowering have them.
  let image: ScatteredBytes

  /// Writes the bundle, whole or not at all, without making a copy of the weights.
  public func write(to path: String) throws {
    do throws(BundleError) {
      try AtomicFile.write(image, to: path)
    } catch {
      throw KerfError(error.description)
    }
  }
}

/// From an ONNX file to a bundle.
public enum Compiler {
  /// Compiles the model at `path`. Throws `KerfError` with everything that is wrong with it.
  public static func compile(path: String, options: CompileOptions = CompileOptions()) throws -> CompiledModel {
    options.progress?("import", nil)
    let source = try importModel(path, options)
    var warnings = try checkNames(options, source.graph, path: path)
    warnings += try warning(
      source.expandedNodes.map { printable($0) },
      "have no form of Kerf's own and are expanded from their ONNX definition", options)
    let description = try SourceDescription(path: path, opset: source.opset)
    // Given away, so that a large graph is changed in place and never there twice.
    let graph = (consume source).graph
    let measured = options.measuresKernels ? try MeasuredCosts(graph, options) : nil
    let costs: any KernelCosts = measured ?? TabulatedCosts()
    var compiled =
      options.comparesSpeed
      ? try compileComparing(graph, from: description, options, costs)
      : try compile(consume graph, from: description, options, costs)
    compiled.warnings = warnings + compiled.warnings + (try measured?.finish() ?? [])
    return compiled
  }

  /// What a model file may ask for: limits that `CompileOptions.importLimits` can set.
  public static var importLimitNames: [String] { ImportLimits.names }

  /// What keeps a limit from being set, if anything.
  public static func problem(withLimit name: String, _ value: Int) -> String? {
    var limits = ImportLimits()
    return limits.set(name, to: value)
  }

  /// The graph of a model file, with shapes and dimensions set as the options say, and `adjust` on top of that.
  static func importModel(
    _ path: String, _ options: CompileOptions, adjust: (inout ImportOptions) -> Void = { _ in }
  ) throws -> ImportedModel {
    var settings = ImportOptions()
    adjust(&settings)
    settings.inputShapes = options.inputShapes.map { (Name($0.name), $0.shape) }
    for (name, range) in options.dimensions where range.lowerBound == range.upperBound {
      settings.dimensions.append((name, range.lowerBound))
    }
    settings.expandedOperators = options.expandedOperators
    settings.externalRoot = options.externalRoot
    settings.allowsHardLinks = options.allowsHardLinks
    for (name, value) in options.importLimits {
      if let problem = settings.limits.set(name, to: value) { throw KerfError(problem) }
    }
    do throws(ImportError) {
      return try ONNX.importModel(path: path, options: settings)
    } catch {
      let first = error.diagnostics.first ?? .invalid("the model cannot be read")
      let rest = error.diagnostics.dropFirst().flatMap { [$0.message] + $0.notes }
      throw KerfError("\(path): \(first.message)", notes: first.notes + rest)
    }
  }

  /// What is said of nodes that Kerf runs in a slower way, `items` being the nodes. Throws where that is refused.
  private static func warning(_ items: [String], _ what: String, _ options: CompileOptions) throws -> [String] {
    guard !items.isEmpty else { return [] }
    let shown = Array(items.prefix(8))
    let text = "\(items.count) nodes \(what)"
    if options.strict { throw KerfError("--strict: \(text)", notes: shown) }
    return [text + " (" + shown.joined(separator: "; ") + (items.count > 8 ? "; …)" : ")")]
  }

  /// `costs` decide between kernels. `notes`: warnings for the report.
  static func compile(
    _ graph: consuming Graph, from source: SourceDescription, _ options: CompileOptions,
    _ costs: any KernelCosts = TabulatedCosts(), notes: [String] = []
  ) throws -> CompiledModel {
    var findings = Findings(warnings: notes)
    let inputTypes = graph.inputs.map { graph.type($0) }
    let inputs = inputTypes.map(\.description)
    let outputs = graph.outputs.map { graph.type($0).description }
    let report = try optimize(&graph, options, costs, &findings)
    var warnings = findings.warnings
    if let limit = options.stopAfter, report.edits >= limit {
      warnings.append(
        "rewriting stopped after \(report.edits) edits" + (report.lastEdit.map { ", the last: \($0)" } ?? ""))
    }
    // Before lowering, so that the graph's weights can go as soon as they are packed.
    let kept = options.keepsGraph ? try exported(graph) : []
    options.progress?("lower", nil)
    var lowered: LoweredModel
    do throws(Diagnostic) {
      if options.verifyEach { try graph.verify() }
      lowered = try lower(consume graph, bounds: options.bounds, costs: costs)
    } catch {
      throw KerfError(error, file: source.path)
    }
    lowered.choices = findings.choices + lowered.choices
    warnings += try warning(
      lowered.fallbacks.map { "\($0.node): \($0.reason)" }, "run by reference evaluation, which is slow", options)
    var full = CompileReport(pipeline: report, lowered, source, options, warnings, findings.weightQuality)
    full.memory = try lowered.memory(inputTypes, options)
    let image = try assemble(lowered, full.withoutTimes, source, (inputs, outputs), options, graph: kept)
    return CompiledModel(report: full, warnings: warnings, image: image)
  }

  /// The graph as an ONNX model.
  private static func exported(_ graph: Graph) throws -> [UInt8] {
    do throws(Diagnostic) {
      return try exportModel(graph, producerVersion: kerfVersion)
    } catch {
      throw KerfError(error)
    }
  }

  private static func assemble(
    _ lowered: LoweredModel, _ report: CompileReport, _ source: SourceDescription,
    _ types: (inputs: [String], outputs: [String]), _ options: CompileOptions, graph: [UInt8]
  ) throws -> ScatteredBytes {
    options.progress?("write", nil)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    encoder.keyEncodingStrategy = .useDefaultKeys
    var writer = BundleWriter()
    writer.program = lowered.program
    writer.weights = lowered.weightSection
    writer.report = try report.stored()
    writer.metadata = try [UInt8](
      encoder.encode(
        BundleMetadata(
          kerfVersion: kerfVersion, source: source.fileName, sha256: source.sha256, opset: source.opset,
          target: options.target.rawValue, inputs: types.inputs, outputs: types.outputs,
          bounds: options.bounds.mapValues { [$0.lowerBound, $0.upperBound] })))
    writer.isaMask = options.target.isaMask
    writer.graph = graph
    if options.bounds.isEmpty { writer.arenaBytes = UInt64(report.memory?.arenaBytes ?? 0) }
    do throws(BundleError) {
      return try writer.image()
    } catch {
      throw KerfError("internal error: \(error)")
    }
  }
}

/// Where a model came from, for its report.
struct SourceDescription {
  let path: String
  let opset: Int
  let sha256: String

  init(path: String, opset: Int) throws {
    self.path = path
    self.opset = opset
    let data = try NumpyFile.mapped(path)
    sha256 = data.withUnsafeBytes { SHA256.hash($0) }.bytes.map { byte in
      (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }.joined()
  }

  /// The file's name without its folder: reports must not depend on where the file lies.
  var fileName: String { URL(fileURLWithPath: path).lastPathComponent }
}
