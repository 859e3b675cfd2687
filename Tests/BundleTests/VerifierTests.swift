import Bundle
import Testing

/// Applies a change to the sample program and gives the verifier's words.
private func refusal(_ change: (inout Program) -> Void) -> String {
  var program = sampleProgram()
  change(&program)
  do throws(BundleError) {
    _ = try ProgramVerifier.verify(program, weightBytes: 129)
    return "accepted"
  } catch { return error.text }
}

@Test func verifierNamesWhatIsWrong() {
  #expect(refusal { _ in } == "accepted")
  let cases: [(String, (inout Program) -> Void)] = [
    ("slot 0 has rank 9, at most 8 is allowed", { $0.slots[0].dims = [Int32](repeating: 0, count: 9) }),
    ("slot 0 names expression 9 of 6", { $0.slots[0].dims = [9] }),
    ("slot 3 is a tensor of string, which tensors cannot have", { $0.slots[3].type = 8 }),
    ("slot 1 is at 128 + 8 of 129 bytes of weights", { $0.slots[1].storage = .weights(offset: 128, length: 8) }),
    ("slot 1 is at 192 + 8 of 129 bytes of weights", { $0.slots[1].storage = .weights(offset: 192, length: 8) }),
    ("slot 1 is at weight offset 8, not a multiple of 64", { $0.slots[1].storage = .weights(offset: 8, length: 8) }),
    ("slot 4 is an alias of slot 4, which is not earlier", { $0.slots[4].storage = .alias(of: 4) }),
    ("slot 4 is an alias of slot -1, which is not earlier", { $0.slots[4].storage = .alias(of: -1) }),
    ("slot 4 of u8 is an alias of slot 3 of f32", { $0.slots[4].type = 2 }),
    ("slot 3 is packed but not weights of rank 1", { $0.slots[3].type = 255 }),
    ("input names slot 8 of 8", { $0.inputs[0].slot = 8 }),
    ("input 'x' is slot 3, whose storage is not input", { $0.inputs[0].slot = 3 }),
    ("slot 7 belongs to no input", { $0.slots[7].storage = .input }),
    ("slot 0 is an input twice", { $0.inputs.append($0.inputs[0]) }),
    ("step 0 names slot 99 of 8", { $0.steps[0].outputs = [99] }),
    ("step 0 writes slot 1, which is an input, weights or an alias", { $0.steps[0].outputs = [1] }),
    ("step 1 writes slot 3, which has a value already", { $0.steps[1].outputs[0] = 3 }),
    ("expression 0 is a constant with a second operand", { $0.expressions[0].b = 1 }),
    ("expression 1 names input 1 of 1", { $0.expressions[1].a = 1 }),
    ("expression 1 names axis 1 of an input of rank 1", { $0.expressions[1].b = 1 }),
    ("expression 2 refers to expression 2, which is not earlier", { $0.expressions[2].a = 2 }),
    ("expression 2 refers to expression -1, which is not earlier", { $0.expressions[2].a = -1 }),
    ("expression 3 names slot 8 of 8", { $0.expressions[3].a = 8 }),
    ("expression 3 reads an element of slot 0, which is f32", { $0.expressions[3].a = 0 }),
    ("expression 3 reads 0 of slot 6, which holds no such number", { $0.expressions[3].a = 6 }),
    ("expression 4 names axis 2 of slot 5 of rank 2", { $0.expressions[4].b = 2 }),
    ("slot 0 is an input or weights and its dimensions depend on data", { $0.slots[0].dims = [3] }),
    ("step 0 ('relu?clip') reads slot 5 before it has a value", { $0.steps[0].inputs = [5] }),
    ("step 0 names slot 8 of 8", { $0.steps[0].inputs = [8] }),
    ("step 0 names expression 6 of 6", { $0.steps[0].attributes = [.dimension(6)] }),
    (
      "step 0 ('relu?clip') uses expression 4 before it can be evaluated",
      { $0.steps[0].attributes = [.dimension(4)] }
    ),
    ("slot 3 has dimensions that are not known when step 0 writes it", { $0.slots[3].dims = [4] }),
    ("step 0 names input 1 of 1", { $0.steps[0].inPlace = 1 }),
    ("step 1 has nothing to write in place", { $0.steps[1].inPlace = 0 }),
    ("step 1 names body 1 of 1", { $0.steps[1].bodies = [1] }),
    ("step 0 calls no body but names 1", { $0.steps[0].bodies = [0] }),
    ("step 1 ('loop') names 0 bodies, not 1", { $0.steps[1].bodies = [] }),
    ("step 1 ('loop') carries 9 values, more than it has", { $0.steps[1].kind = .loop(carried: 9) }),
    ("step 1 ('loop') has 4 inputs, not 3", { $0.steps[1].inputs.append(0) }),
    ("step 1 ('loop') has 3 outputs, not 2", { $0.steps[1].outputs.append(-1) }),
    ("step 1: trip count must be one i64", { $0.steps[1].inputs[0] = 2 }),
    ("step 1: input 2 is absent", { $0.steps[1].inputs[2] = -1 }),
    ("step 1: iteration number must be one i64", { $0.bodies[0].slots[0].type = 6 }),
    ("output names slot -1 of 8", { $0.outputs[0].slot = -1 }),
    ("output 'y' is slot 7, which nothing defines", { $0.steps[1].outputs[0] = -1 }),
    ("input 'x' is squeezed, which no input can be", { $0.inputs[0].isSqueezed = true }),
    ("output '\u{FFFD}?' is squeezed but no tensor", { $0.outputs[1].isSqueezed = true }),
    (
      "an output of a body is squeezed, which only outputs of the model can be",
      { $0.bodies[0].outputs[1].isSqueezed = true }
    ),
  ]
  for (text, change) in cases { #expect(refusal(change) == text) }
  #expect(refusal { $0.steps[0].inputs = [6] }.contains("before it has a value"))
}

@Test func nestingIsBounded() {
  var program = Program()
  for _ in 0..<40 {
    var outer = Program()
    outer.bodies = [program]
    program = outer
  }
  let bytes = ProgramEncoder.encode(program)
  let deep = BundleError.program("bodies are nested more than 16 deep")
  #expect(throws: deep) { try bytes.withUnsafeBytes { try ProgramDecoder.decode($0) } }
  #expect(throws: deep) { try ProgramVerifier.verify(program, weightBytes: 0) }
}

@Test func countsAreComparedWithTheBytesThatFollow() {
  // 2^31 - 1 slots announced, none there.
  let bytes: [UInt8] = [0, 0xff, 0xff, 0xff, 0xff, 0x07, 0]
  #expect(throws: BundleError.program("2147483647 slots, but only 1 bytes follow")) {
    try bytes.withUnsafeBytes { try ProgramDecoder.decode($0) }
  }
  #expect(throws: BundleError.program("number at byte 2 is not in its shortest form")) {
    try [UInt8]([0x80, 0, 0, 0, 0, 0, 0]).withUnsafeBytes { try ProgramDecoder.decode($0) }
  }
}
