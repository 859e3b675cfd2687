import Foundation
import IR
import ONNX

/// Runs one conformance case in this process.
public struct ConformanceRun {
  /// Evaluate the imported graph by the reference meaning of its operators instead of compiling it.
  public var usesReference = false
  /// Seconds after which reference evaluation gives up.
  public var seconds = 60.0

  public init(usesReference: Bool = false, seconds: Double = 60) {
    self.usesReference = usesReference
    self.seconds = seconds
  }

  public func run(_ item: ConformanceCase) -> ConformanceResult {
    do {
      return ConformanceResult(item.name, .passed, try check(item))
    } catch let error as ConformanceSkip {
      return ConformanceResult(item.name, .skipped, error.reason)
    } catch let error as KerfError {
      let notes = error.notes.first.map { "; \($0)" } ?? ""
      return ConformanceResult(item.name, .failed, printable(error.message + notes, limit: 600))
    } catch {
      return ConformanceResult(item.name, .failed, printable("\(error)", limit: 600))
    }
  }

  /// Throws unless every data set gives what is expected.
  private func check(_ item: ConformanceCase) throws -> String {
    let sets = try item.dataSets()
    guard !sets.isEmpty else { throw ConformanceSkip(reason: "the folder has no test_data_set_*") }
    let tolerance = try item.tolerance()
    let model = try opened(item.path + "/model.onnx")
    for set in sets {
      let inputs = try read(set, "input", model.inputs)
      let expected = try read(set, "output", model.outputs)
      guard expected.contains(where: { $0 != nil }) else {
        throw ConformanceSkip(reason: "\((set as NSString).lastPathComponent) has no output_*.pb")
      }
      let results = try model.run(inputs)
      for (index, value) in expected.enumerated() {
        guard let value, let found = tolerance.difference(results[index], expected: value) else { continue }
        let name = (set as NSString).lastPathComponent
        throw KerfError("\(name): output \(index) '\(printable(model.outputs[index].name))': \(found)")
      }
    }
    return ""
  }

  /// A model that can be run, with its interface.
  private struct Opened {
    let inputs: [PortDescription]
    let outputs: [PortDescription]
    let run: ([Datum?]) throws -> [Datum]
  }

  private func opened(_ path: String) throws -> Opened {
    guard usesReference else {
      let session = try Session(path: path)
      return Opened(inputs: session.inputs, outputs: session.outputs, run: session.run)
    }
    let graph = try Compiler.importModel(path, CompileOptions()).graph
    let inputs = graph.inputs.map { PortDescription(name: graph[$0].name.bytes, graph.type($0)) }
    let outputs = zip(graph.outputs, graph.outputNames).map { PortDescription(name: $1.bytes, graph.type($0)) }
    return Opened(inputs: inputs, outputs: outputs) { values in
      let arguments = try zip(values, inputs).map { value, port in
        guard let value else { throw KerfError("no value for input '\(printable(port.name))'") }
        return value
      }
      do throws(Diagnostic) {
        let deadline = EvaluationContext.deadline(seconds: seconds)
        return try graph.evaluate(arguments, EvaluationContext(outputCount: outputs.count, deadline: deadline))
      } catch {
        throw KerfError(error)
      }
    }
  }

  /// `input_J.pb` or `output_J.pb` for each port; nil where there is no file.
  private func read(_ folder: String, _ kind: String, _ ports: [PortDescription]) throws -> [Datum?] {
    try ports.enumerated().map { index, port in
      let file = "\(folder)/\(kind)_\(index).pb"
      guard FileManager.default.fileExists(atPath: file) else {
        return kind == "input" ? port.absentValue : nil
      }
      do throws(Diagnostic) {
        return try readTestData(path: file, as: port.valueType)
      } catch {
        throw KerfError(error)
      }
    }
  }
}

struct ConformanceSkip: Error {
  let reason: String
}
