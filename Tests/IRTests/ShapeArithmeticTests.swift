import IR
import TestSupport
import Testing

/// Shape computations on dimensions that are not all numbers.
@Suite struct ShapeArithmeticTests {
  let n = Dim.symbol("N")

  func contents(_ op: any Operator, _ operands: [[Dim]], _ type: ElementType = .int64) -> [Dim]? {
    let inputs = operands.map { InferenceContext.Input(type: .tensor(type, [Dim($0.count)]), contents: $0) }
    return op.inferContents(InferenceContext(inputs: inputs, outputCount: 1)).first ?? nil
  }

  @Test func arithmeticStaysSymbolic() {
    #expect(contents(Add(), [[n, 2], [1]]) == [n + 1, 3])
    #expect(contents(Mul(), [[n], [4]]) == [n * 4])
    #expect(contents(Div(), [[n * 4], [2]]) == [n * 2])
    #expect(contents(Sub(), [[n, n], [n, 1]]) == [0, n - 1])
    #expect(contents(Mod(), [[7], [-2]]) == [-1])
    #expect(contents(Neg(), [[n]]) == [-n])
    #expect(contents(Max(), [[n], [n + 1]]) == [n + 1])
    #expect(contents(ReduceProd(), [[n, 3, 2]]) == [n * 6])
  }

  @Test func divisionRoundsTowardZero() throws {
    #expect(contents(Div(), [[-7], [2]]) == [-3])
    #expect(contents(Div(), [[n], [0]]) == nil)
    let half = try #require(contents(Div(), [[n - 1], [2]])?.first)
    for size in 0...5 { #expect(half.substituting(["N": Dim(size)]) == Dim((size - 1) / 2)) }
  }

  @Test func comparisonsDecideWhatCanBeProven() {
    #expect(contents(Equal(), [[n, 3, n], [-1, 3, 2]]) == nil)
    #expect(contents(Equal(), [[n, 3], [-1, 3]]) == [0, 1])
    #expect(contents(Less(), [[n], [n + 2]]) == [1])
    #expect(contents(GreaterOrEqual(), [[n], [0]]) == [1])
  }

  @Test func whereAndCastCarryOn() {
    let inputs = [
      InferenceContext.Input(type: .tensor(.bool, [2]), contents: [0, 1]),
      InferenceContext.Input(type: .tensor(.int64, [2]), contents: [7, 8]),
      InferenceContext.Input(type: .tensor(.int64, [2]), contents: [n, 9]),
    ]
    #expect(Where().inferContents(InferenceContext(inputs: inputs, outputCount: 1)) == [[n, 8]])
    #expect(contents(Cast(to: .float32), [[n]]) == [n])
    #expect(contents(Cast(to: .bool), [[n + 1]]) == [1])
    #expect(contents(Cast(to: .int8), [[300]]) == nil)
    #expect(contents(Floor(), [[n]], .float32) == [n])
  }

  @Test func nothingSaturated() {
    #expect(contents(Mul(), [[Dim(1 << 40)], [Dim(1 << 40)]]) == nil)
    #expect(contents(Add(), [[Dim(Int(Int32.max))], [1]], .int32) == nil)
  }
}
