import IR
import TestSupport
import Testing

@Suite struct ReductionTests {
  static let operators: [(any Operator, [Float])] = [
    (ReduceSum(), [3, 12]), (ReduceMean(), [1, 4]), (ReduceMax(), [2, 5]), (ReduceMin(), [0, 3]),
    (ReduceProd(), [0, 60]), (ReduceL1(), [3, 12]), (ReduceSumSquare(), [5, 50]),
  ]

  @Test func alongOneAxis() throws {
    let x = counting([2, 3])
    for (op, expected) in Self.operators {
      let result = try run(op, [x, longs([-1])])[0]
      #expect(result.shape == [2, 1] && result.floats == expected, "\(type(of: op).name)")
    }
    #expect(try run(ReduceL2(), [Tensor([Float(3), 4])])[0].floats == [5])
    #expect(try run(ReduceLogSum(), [Tensor([Float(1), 1])])[0].floats == [0.6931472])
    #expect(abs(try run(ReduceLogSumExp(), [Tensor([Float(1000), 1000])])[0].floats[0] - 1000.6931) < 1e-3)
  }

  @Test func axesAbsentOrEmpty() throws {
    var op = ReduceSum()
    #expect(try run(op, [counting([2, 3])])[0].shape == [1, 1])
    op.keepdims = false
    #expect(try run(op, [counting([2, 3])])[0] == Tensor(scalar: Float(15)))
    op.noopWithEmptyAxes = true
    #expect(try run(op, [counting([2, 3]), longs([])])[0] == counting([2, 3]))
    var squares = ReduceSumSquare()
    squares.noopWithEmptyAxes = true
    #expect(try run(squares, [counting([3])])[0].floats == [0, 1, 4])
    #expect(try run(ReduceSum(), [Tensor(scalar: Float(7))])[0] == Tensor(scalar: Float(7)))
  }

  @Test func overNothing() throws {
    let none = Tensor([Float](), shape: [2, 0])
    #expect(try run(ReduceSum(), [none, longs([1])])[0].floats == [0, 0])
    #expect(try run(ReduceMax(), [none, longs([1])])[0].floats == [-.infinity, -.infinity])
    #expect(try run(ReduceMin(), [Tensor([Int8](), shape: [0])])[0] == Tensor([Int8.max]))
    #expect(try run(ReduceMax(), [Tensor([Bool](), shape: [0])])[0] == Tensor([false]))
    #expect(try run(ReduceMean(), [none, longs([1])])[0].floats.allSatisfy(\.isNaN))
  }

  @Test func wrongAxes() {
    let x = counting([2, 3])
    #expect(message { _ = try run(ReduceSum(), [x, longs([2])]) }?.contains("-2...1") == true)
    #expect(throws: Diagnostic.self) { try run(ReduceSum(), [x, longs([0, -2])]) }
    #expect(throws: Diagnostic.self) { try run(ReduceSum(), [x, longs([.min])]) }
    #expect(throws: Diagnostic.self) { try run(ReduceSum(), [x, longs([1, 0], [1, 2])]) }
  }

  @Test func softmaxes() throws {
    let x = Tensor([Float(1000), 1000, -.infinity, 0, 0, 0], shape: [2, 3])
    let soft = try run(Softmax(), [x])[0].floats
    #expect(soft[0] == 0.5 && soft[2] == 0 && abs(soft[3] - 1.0 / 3) < 1e-7)
    #expect(abs(try run(LogSoftmax(), [x])[0].floats[0] + 0.6931472) < 1e-6)
    #expect(try run(Hardmax(), [x])[0].floats == [1, 0, 0, 1, 0, 0])
    var first = Softmax()
    first.axis = 0
    #expect(try run(first, [Tensor([Float(1), 1], shape: [2, 1])])[0].floats == [0.5, 0.5])
    first.axis = 1 << 32
    #expect(throws: Diagnostic.self) { try run(first, [x]) }
    #expect(throws: Diagnostic.self) { try run(Softmax(), [Tensor(scalar: Float(1))]) }
  }

  @Test func extremes() throws {
    let x = Tensor([Float(1), 3, 3, -1, -1, 0], shape: [2, 3])
    var last = ArgMax()
    last.axis = 1
    #expect(try run(last, [x])[0] == longs([1, 2], [2, 1]))
    last.selectLastIndex = true
    last.keepdims = false
    #expect(try run(last, [x])[0] == longs([2, 2]))
    #expect(try run(ArgMin(), [x])[0] == longs([1, 1, 1], [1, 3]))
    #expect(throws: Diagnostic.self) { try run(ArgMax(), [Tensor([Float](), shape: [0, 3])]) }
    let top = try run(TopK(), [x, longs([2])], outputs: 2)
    #expect(top[0].floats == [3, 3, 0, -1] && top[1] == longs([1, 2, 2, 0], [2, 2]))
    var smallest = TopK()
    smallest.largest = false
    smallest.axis = 0
    #expect(try run(smallest, [x, longs([1])], outputs: 2)[1] == longs([1, 1, 1], [1, 3]))
    #expect(throws: Diagnostic.self) { try run(TopK(), [x, longs([4])], outputs: 2) }
    #expect(throws: Diagnostic.self) { try run(TopK(), [x, longs([-1])], outputs: 2) }
  }

  @Test func runningSums() throws {
    let x = longs([1, 2, 3])
    var sum = CumSum()
    #expect(try run(sum, [x, longs([0], [])])[0] == longs([1, 3, 6]))
    sum.exclusive = true
    sum.reverse = true
    #expect(try run(sum, [x, longs([-1], [])])[0] == longs([5, 3, 0]))
    #expect(try run(CumProd(), [x, longs([0])])[0] == longs([1, 2, 6]))
    #expect(throws: Diagnostic.self) { try run(sum, [x, longs([1], [])]) }
  }
}
