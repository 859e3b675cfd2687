import Foundation
import IR
import ONNX
import Synchronization

/// Runs one conformance case in this process.
public struct ConformanceRun {
  /// Evaluate the imported graph by the reference meaning of its operators instead of compiling it.
  public var usesReference = false
  /// Seconds after which reference evaluation gives up.
  public var seconds = 60.0
  /// How models are imported and compiled.
  public var options = CompileOptions()

  public init(usesReference: Bool = false, seconds: Double = 60) {
    self.usesReference = usesReference
    self.seconds = seconds
  }

  public func run(_ item: ConformanceCase) -> ConformanceResult {
    var result = ConformanceResult(item)
    do {
      let inference = try check(item)
      result.inference = item.mode == .symbolic ? inference : nil
    } catch let error as ConformanceSkip {
      (result.status, result.reason) = (.skipped, error.reason)
    } catch let error as KerfError {
      let notes = error.notes.first.map { "; \($0)" } ?? ""
      (result.status, result.reason) = (.failed, printable(error.message + notes, limit: 600))
    } catch {
      (result.status, result.reason) = (.failed, printable("\(error)", limit: 600))
    }
    return result
  }

  /// Throws unless every data set gives what is expected.
  private func check(_ item: ConformanceCase) throws -> ShapeInference {
    let sets = try item.dataSets()
    guard !sets.isEmpty else { throw ConformanceSkip(reason: "the folder has no test_data_set_*") }
    let tolerance = try item.tolerance()
    var shared: ConformanceModel?
    for set in sets {
      let data = ConformanceData(folder: set)
      let model = try shared ?? self.model(item, item.mode, data)
      // Constants are those of one data set.
      if item.mode != .constant { shared = model }
      let inputs = try data.inputs(of: model)
      let expected = try data.outputs(of: model)
      guard expected.contains(where: { $0 != nil }) else {
        throw ConformanceSkip(reason: "\(data.name) has no output_*.pb")
      }
      let results = try model.run(inputs)
      for (index, value) in expected.enumerated() {
        guard let value, let found = difference(results[index], value, item, tolerance) else { continue }
        throw KerfError("\(data.name): output \(index) '\(printable(model.outputs[index].name))': \(found)")
      }
      if let random = item.random { try check(random, item, data) }
    }
    return shared?.inference ?? ShapeInference()
  }

  private func model(_ item: ConformanceCase, _ mode: ConformanceMode, _ data: ConformanceData) throws
    -> ConformanceModel
  {
    try ConformanceModel(
      path: item.path + "/model.onnx", mode: mode, options: options, usesReference: usesReference, seconds: seconds,
      fixed: { (index, type) throws(Diagnostic) in try data.constant(index, type) })
  }

  /// Of drawn values only type and shape can be the expected ones.
  private func difference(
    _ value: Datum, _ expected: Datum, _ item: ConformanceCase, _ tolerance: Tolerance
  ) -> String? {
    guard item.random != nil else { return tolerance.difference(value, expected: expected) }
    return value.type == expected.type ? nil : "it is \(value.type), expected \(expected.type)"
  }

  /// Draws many values at once, which the symbolic form of the model takes, and checks their distribution.
  private func check(_ random: RandomOutputs, _ item: ConformanceCase, _ data: ConformanceData) throws {
    let model = try self.model(item, .symbolic, data)
    let inputs = try RandomOutputs.repeated(ConformanceData(folder: data.folder).inputs(of: model))
    if let found = random.deviation(of: try model.run(inputs), for: inputs) {
      throw KerfError("\(data.name): \(found)")
    }
  }
}

/// One data set of a case.
private final class ConformanceData: Sendable {
  let folder: String
  /// Places of inputs that did not become constants.
  private let open = Mutex<[Int]?>(nil)

  init(folder: String) { self.folder = folder }

  var name: String { (folder as NSString).lastPathComponent }

  /// The value of an input that is a tensor; nil for others, which stay inputs.
  func constant(_ index: Int, _ type: ValueType) throws(Diagnostic) -> Tensor? {
    let tensor = try read("input", index, type)?.tensor
    open.withLock { places in places = (places ?? []) + (tensor == nil ? [index] : []) }
    return tensor
  }

  func inputs(of model: ConformanceModel) throws -> [Datum?] {
    let places = open.withLock { $0 } ?? Array(model.inputs.indices)
    return try zip(places, model.inputs).map { place, port in
      try converted { () throws(Diagnostic) in try read("input", place, port.valueType) } ?? port.absentValue
    }
  }

  /// Nil where there is no file.
  func outputs(of model: ConformanceModel) throws -> [Datum?] {
    try model.outputs.enumerated().map { index, port in
      try converted { () throws(Diagnostic) in try read("output", index, port.valueType) }
    }
  }

  private func converted(_ body: () throws(Diagnostic) -> Datum?) throws -> Datum? {
    do throws(Diagnostic) {
      return try body()
    } catch {
      throw KerfError(error)
    }
  }

  private func read(_ kind: String, _ index: Int, _ type: ValueType) throws(Diagnostic) -> Datum? {
    let file = "\(folder)/\(kind)_\(index).pb"
    guard FileManager.default.fileExists(atPath: file) else { return nil }
    return try readTestData(path: file, as: type)
  }
}

struct ConformanceSkip: Error {
  let reason: String
}
