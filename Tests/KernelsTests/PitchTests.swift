import Kernels
import Testing

/// Operands whose rows are apart give the same as those whose rows follow each other, bit for bit, and nothing is written
/// between them: outputs begin as all ones.
@Suite struct PitchTests {
  private static let operands: [(op: UInt16, input: Int)] = allOperations().flatMap { op in
    (-1..<3).filter { kerf_takes_pitch(op.op, Int32($0)) != 0 }.map { (op.op, $0) }
  }

  @Test(arguments: operands.indices)
  func rowsMayBeApart(_ index: Int) throws {
    let (number, input) = Self.operands[index]
    let op = try #require(kerf_find_op(number)).pointee
    let name = "\(String(cString: op.name)), \(input < 0 ? "output" : "input \(input)")"
    var executed = 0
    for test in kernelCases[op.op]?() ?? [] where test.inPlace == nil && test.runCode == KERF_OK {
      if input >= test.inputs.count || input >= 0 && test.inputs[input].type == Int32(KERF_NONE) { continue }
      for gap in [1, 5, 48] {
        var spaced = test
        if input < 0 { spaced.outputs[0] = test.outputs[0].spaced(by: gap) }
        if input >= 0 { spaced.inputs[input] = test.inputs[input].spaced(by: gap) }
        for kernel in runnableKernels(op.op) {
          let expected = runKernel(op, kernel, test)
          let got = runKernel(op, kernel, spaced)
          // Residuals, axes other than the last, heads of their own.
          if got.prepareCode == Int32(KERF_BAD_SHAPE) { continue }
          #expect(got.prepareCode == Int32(KERF_OK) && got.runCode == Int32(KERF_OK), "\(name): \(test.name)")
          for (number, output) in got.outputs.enumerated() {
            var plain = expected.outputs[number]
            if input < 0, number == 0 { plain = plain.spaced(by: gap) }
            #expect(output.bytes == plain.bytes, "\(String(cString: kernel.name)), \(name), \(gap): \(test.name)")
          }
          executed += 1
        }
      }
    }
    #expect(executed > 2, "\(name): no case was run")
  }
}
