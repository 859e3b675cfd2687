import Kerf

// sample.Softsquash: y = x / (1 + factor · |x|), an operator that ONNX does not have.
let softsquash = CustomOperator(
  "Softsquash", domain: "sample",
  infer: { types in [try types.input(0)] },
  evaluate: { call in
    let x = try call.input(0)
    let factor = try call.attributes.float("factor", default: 1)
    let values = (x.elements(Float.self) ?? []).map { $0 / (1 + factor * abs($0)) }
    return [Tensor(values, shape: x.shape)]
  })
try CustomOperators.register(softsquash)

let model = try Compiler.compile(path: CommandLine.arguments.dropFirst().first ?? "model.onnx")
let session = try Session(bundle: model.bundle)
let outputs = try session.run(["x": Tensor([-3, -1, 0, 0.5, 2, 8] as [Float], shape: [2, 3])])
print(outputs["y"]?.elements(Float.self) ?? [])
