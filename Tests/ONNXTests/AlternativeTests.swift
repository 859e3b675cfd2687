import IR
import Testing

@testable import ONNX

/// Diagnostics of a refused model with their notes.
private func complaint(_ nodes: [[UInt8]], opset: Int64 = 17) -> String {
  do throws(ImportError) {
    _ = try importBytes(Proto.simple(nodes, opset: opset))
    return "accepted"
  } catch {
    return error.diagnostics.prefix(1).map(\.description).joined()
  }
}

@Suite struct AlternativeTests {
  @Test func unsupportedOperatorsComeWithWhatElseThereIs() {
    let nodes = [
      Proto.node("Sofmax", ["x"], ["a"], name: "n1"), Proto.node("Scaler", ["a"], ["b"], name: "n2"),
      Proto.node("Sofmax", ["b"], ["c"], name: "n3"), Proto.node("Quux", ["c"], ["y"], name: "n4", domain: "my"),
    ]
    #expect(
      complaint(nodes) == """
        4 operators are not supported: Sofmax 'n1', 'n3'; Scaler 'n2'; my.Quux 'n4'
        note: Sofmax: did you mean 'Softmax'?
        note: Scaler: domain ai.onnx.ml has an operator of that name
        note: give an operator as a custom operator (--custom-operators LIBRARY, or CustomOperators.register in Swift), or \
        define it as a function inside the model
        """)
  }

  @Test func everythingUnsupportedIsSaidAtOnce() {
    let nodes = [
      Proto.node("Quux", ["x"], ["a"], name: "n1"), Proto.node("Gelu", ["x"], ["b"], name: "n2"),
      // Behind a node that is missing.
      Proto.node("ThresholdedRelu", ["a"], ["c"], [Proto.attribute("alhpa", float: 1)], name: "n3"),
      Proto.node("Add", ["b", "c"], ["y"], name: "n4"),
    ]
    do throws(ImportError) {
      _ = try importBytes(Proto.simple(nodes))
      Issue.record("accepted")
    } catch {
      #expect(
        error.diagnostics.map(\.message) == [
          "1 operator is not supported: Quux 'n1'",
          "Gelu 'n2': the operator exists from opset 20 on, the model imports 17",
          "ThresholdedRelu 'n3': there is no attribute 'alhpa'",
        ])
      #expect(error.diagnostics[1].notes == ["export the model with opset 20 or newer"])
    }
  }

  @Test func unknownAttributesComeWithTheNearest() {
    let near = Proto.node("LeakyRelu", ["x"], ["y"], [Proto.attribute("alhpa", float: 1)])
    #expect(
      complaint([near]) == """
        LeakyRelu 'y': there is no attribute 'alhpa'
        note: did you mean 'alpha'?
        """)
    let far = Proto.node("LeakyRelu", ["x"], ["y"], [Proto.attribute("bogus", float: 1)])
    #expect(
      complaint([far]) == """
        LeakyRelu 'y': there is no attribute 'bogus'
        note: LeakyRelu has 'alpha'
        """)
  }
}
