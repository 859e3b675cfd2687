import CKerf
import Foundation
import IR
import TestSupport
import Testing

@testable import Kerf

/// `y = Relu(my.Op(Relu(x)))` on `f32[N,3]`, with the custom operator in the domain "tests".
private func model(_ op: String, inputs: [String] = ["a"]) -> [UInt8] {
  TinyModel.model(
    inputs: [("x", ["N", 3])], outputs: [("y", ["N", 3])],
    nodes: [("Relu", ["x"], ["a"]), ("tests." + op, inputs, ["b"]), ("Relu", ["b"], ["y"])])
}

private let input = Tensor([1, -2, 3, 4, 5, -6] as [Float], shape: [2, 3])

private func plusOne(_ name: String) -> CustomOperator {
  CustomOperator(
    name, domain: "tests", infer: { [try $0.input(0)] },
    evaluate: { call in
      let x = try call.input(0)
      return [Tensor((x.elements(Float.self) ?? []).map { $0 + 1 }, shape: x.shape)]
    })
}

@Suite struct CustomOperatorTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func compile(_ bytes: [UInt8], strict: Bool = true) throws -> CompiledModel {
    var options = CompileOptions()
    options.strict = strict
    return try Compiler.compile(path: try folder.write(bytes, "model.onnx"), options: options)
  }

  @Test func runsInABundle() throws {
    try CustomOperators.register(plusOne("PlusOne"))
    let compiled = try compile(model("PlusOne"))
    #expect(compiled.warnings.isEmpty)
    #expect(compiled.report.hostCalls == [.init(node: "tests.PlusOne 'tests.plusone'", reason: "custom operator")])
    let session = try Session(bundle: compiled.bundle)
    #expect(session.outputs.first?.type == "f32[N,3]")
    #expect(session.fallbacks.isEmpty)
    #expect(try session.run(["x": input])["y"]?.elements(Float.self) == [2, 1, 4, 5, 6, 1])
  }

  @Test func isNamedWhereItIsNotRegistered() throws {
    do {
      _ = try compile(model("Unknown"))
      Issue.record("accepted")
    } catch let error as KerfError {
      #expect(error.message.hasSuffix("1 operator is not supported: tests.Unknown 'tests.unknown'"))
      #expect(error.notes.contains { $0.contains("--custom-operators") })
    }
  }

  @Test func whatItThrowsBecomesTheErrorOfTheNode() throws {
    struct Failure: Error, CustomStringConvertible { var description: String { "too cold" } }
    try CustomOperators.register(
      CustomOperator("Throws", domain: "tests", infer: { _ in throw Failure() }, evaluate: { _ in [] }))
    #expect { _ = try compile(model("Throws")) } throws: {
      ($0 as? KerfError)?.message.hasSuffix("tests.Throws 'tests.throws': too cold") ?? false
    }
    try CustomOperators.register(
      CustomOperator("Short", domain: "tests", infer: { [try $0.input(0)] }, evaluate: { _ in [] }))
    let session = try Session(bundle: try compile(model("Short")).bundle)
    #expect { _ = try session.run(["x": input]) } throws: {
      ($0 as? KerfError)?.message.contains("its evaluation gave 0 outputs, expected 1") ?? false
    }
  }

  /// A wrong shape or type out of an evaluation is refused, not read out of bounds.
  @Test func resultsMustBeWhatInferenceSaid() throws {
    for (name, result) in [
      ("Small", Tensor([1] as [Float], shape: [1, 1])), ("Flat", Tensor([1, 2, 3] as [Float])),
      ("Whole", Tensor([1, 2, 3, 4, 5, 6] as [Int64], shape: [2, 3])),
    ] {
      try CustomOperators.register(
        CustomOperator(name, domain: "tests", infer: { [try $0.input(0)] }, evaluate: { _ in [result] }))
      let session = try Session(bundle: try compile(model(name)).bundle)
      #expect(throws: KerfError.self) { _ = try session.run(["x": input]) }
    }
  }

  @Test func operatorsOfKerfAreNotReplaced() {
    #expect(throws: Diagnostic.self) {
      try CustomOperators.register(CustomOperator("Relu", domain: "", infer: { _ in [] }, evaluate: { _ in [] }))
    }
    #expect(throws: Diagnostic.self) {
      try CustomOperators.register(
        CustomOperator("Scaler", domain: "ai.onnx.ml", infer: { _ in [] }, evaluate: { _ in [] }))
    }
  }

  // MARK: C

  /// Tables must outlive the process's use of them.
  private func table(
    _ name: StaticString, version: UInt32 = UInt32(KERF_CUSTOM_OPERATOR_VERSION),
    infer: @convention(c) (UnsafePointer<kerf_custom_call>?) -> Int32 = { call in
      guard let call = call?.pointee else { return 1 }
      call.outputs[0] = call.inputs[0]
      return 0
    },
    evaluate: @convention(c) (UnsafePointer<kerf_custom_call>?) -> Int32
  ) -> UnsafePointer<kerf_custom_operator> {
    let table = UnsafeMutablePointer<kerf_custom_operator>.allocate(capacity: 1)
    table.initialize(
      to: kerf_custom_operator(
        version: version, domain: strdup("tests"), name: strdup("\(name)"), infer: infer, evaluate: evaluate))
    return UnsafePointer(table)
  }

  @Test func runsInC() throws {
    try CustomOperators.register(
      table("Twice") { call in
        guard let call = call?.pointee, let x = call.inputs[0].data, let y = call.outputs[0].data else { return 1 }
        for index in 0..<call.outputs[0].byte_count / 4 {
          y.storeBytes(
            of: 2 * x.load(fromByteOffset: 4 * index, as: Float.self), toByteOffset: 4 * index, as: Float.self)
        }
        return 0
      })
    let session = try Session(bundle: try compile(model("Twice")).bundle)
    // The symbolic dimension came through the C inference.
    #expect(session.outputs.first?.type == "f32[N,3]")
    #expect(try session.run(["x": input])["y"]?.elements(Float.self) == [2, 0, 6, 8, 10, 0])
  }

  @Test func refusesOtherVersionsAndMessages() throws {
    #expect { try CustomOperators.register(table("Old", version: 99) { _ in 0 }) } throws: {
      ($0 as? KerfError)?.message == "a custom operator is of version 99, this program takes 1"
    }
    try CustomOperators.register(
      table(
        "Says",
        infer: { call in
          guard let call = call?.pointee else { return 1 }
          _ = "wants two inputs".withCString { strncpy(call.message, $0, call.message_size) }
          return 7
        },
        evaluate: { _ in 0 }))
    #expect { _ = try compile(model("Says")) } throws: {
      ($0 as? KerfError)?.message.hasSuffix("tests.Says 'tests.says': wants two inputs") ?? false
    }
  }

  @Test func refusesShapesOutOfNowhere() throws {
    try CustomOperators.register(
      table(
        "Wild",
        infer: { call in
          guard let call = call?.pointee else { return 1 }
          call.outputs[0].type = 1
          call.outputs[0].rank = 1
          call.outputs[0].dims.0 = -40
          return 0
        },
        evaluate: { _ in 0 }))
    #expect { _ = try compile(model("Wild")) } throws: {
      ($0 as? KerfError)?.message.hasSuffix(
        "its inference gave dimension -40, which stands for no dimension of an input")
        ?? false
    }
  }

  @Test func missingLibrariesAreNamed() {
    #expect { try CustomOperators.load(path: "/nonexistent/x.so") } throws: {
      ($0 as? KerfError)?.message.hasPrefix("cannot load custom operators from '/nonexistent/x.so'") ?? false
    }
  }
}
