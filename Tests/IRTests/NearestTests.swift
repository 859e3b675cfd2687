import IR
import Testing

@Test func nearestNamesAreFewEditsAway() {
  let names = ["Softmax", "Softplus", "Conv", "Gemm"]
  #expect(names.nearest(to: "Sofmax") == "Softmax")
  #expect(names.nearest(to: "softmax") == "Softmax")
  #expect(names.nearest(to: "Cnov") == "Conv")
  #expect(names.nearest(to: "Convolution") == nil)
  #expect(names.nearest(to: "") == nil)
  #expect([String]().nearest(to: "x") == nil)
}
