import IR
import TestSupport
import Testing

@Suite struct MovementTests {
  /// Four elements of every type, so that each is moved.
  static func sample(_ type: ElementType) -> Tensor {
    if type == .string { return Tensor(strings: [[97], [], [98, 99], [100]], shape: [2, 2]) }
    let bytes = (0..<4 * 16).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 27) }
    let count = type.byteCount(of: 4) ?? 0
    let storage = TensorStorage(byteCount: count) { for i in 0..<count { $0[i] = bytes[i] } }
    return Tensor(type, [2, 2], storage: storage) ?? Tensor([UInt8]())
  }

  @Test(arguments: ElementType.allCases) func movesEveryType(_ type: ElementType) throws {
    let x = Self.sample(type)
    let turned = try run(Transpose(), [x])[0]
    #expect(turned != x)
    #expect(try run(Transpose(), [turned])[0] == x)
    var gather = Gather()
    gather.axis = 1
    let columns = try run(gather, [x, longs([1, 0])])[0]
    #expect(try run(gather, [columns, longs([-1, -2])])[0] == x)
    var concat = Concat()
    concat.axis = 1
    let joined = try run(concat, [x, x])[0]
    var split = Split()
    split.axis = 1
    #expect(try run(split, [joined, longs([2, 2])], outputs: 2) == [x, x])
    #expect(try run(Slice(), [joined, longs([-1]), longs([.min]), longs([0]), longs([-1])])[0].shape == [2, 4])
    #expect(try run(Tile(), [x, longs([1, 2])])[0] == joined)
    #expect(try run(Pad(), [x, longs([0, 0, 0, 2])])[0].shape == [2, 4])
    #expect(try run(GatherElements(), [x, longs([0, 1, 0, 1], [2, 2])])[0].shape == [2, 2])
  }

  @Test func reshapes() throws {
    let x = counting([2, 3, 4])
    #expect(try run(Reshape(), [x, longs([0, -1])])[0].shape == [2, 12])
    #expect(try run(Reshape(), [counting([0, 3]), longs([0, -1])])[0].shape == [0, 3])
    #expect(message { _ = try run(Reshape(), [x, longs([5, -1])]) } != nil)
    #expect(message { _ = try run(Reshape(), [x, longs([-1, -1])]) } == "shape [-1,-1] has more than one -1")
    #expect(
      message { _ = try run(Reshape(), [x, longs([5, 5])]) } == "input [2,3,4] has 24 elements, shape [5,5] has 25")
    #expect(message { _ = try run(Reshape(), [x, longs([-2, 5])]) } == "shape [-2,5] holds dimension -2")
    var flatten = Flatten()
    flatten.axis = 0
    #expect(try run(flatten, [counting([])])[0].shape == [1, 1])
    #expect(try run(Squeeze(), [counting([1, 2, 1])])[0].shape == [2])
    #expect(try run(Squeeze(), [counting([1, 2, 1]), longs([-1])])[0].shape == [1, 2])
    #expect(
      message { _ = try run(Squeeze(), [counting([1, 2]), longs([1])]) }
        == "axis 1 of [1,2] has 2 elements, only 1 can be squeezed")
    #expect(try run(Unsqueeze(), [counting([2]), longs([0, -1])])[0].shape == [1, 2, 1])
    #expect(message { _ = try run(Unsqueeze(), [counting([2]), longs([0, 0])]) } == "axis 0 is named twice")
    #expect(message { _ = try run(Unsqueeze(), [counting([2]), longs([1 << 32])]) } != nil)
  }

  @Test(arguments: [
    (0, 10, 1, [0, 1, 2, 3, 4]), (1, -1, 1, [1, 2, 3]), (-2, Int.max, 1, [3, 4]), (4, 1, -2, [4, 2]),
    (-1, Int.min, -1, [4, 3, 2, 1, 0]), (3, 2, 1, []), (0, 5, Int.max, [0]), (4, Int.min, Int.min, [4]),
  ]) func slices(_ start: Int, _ end: Int, _ step: Int, _ expected: [Int]) throws {
    let x = longs([0, 1, 2, 3, 4])
    #expect(try run(Slice(), [x, longs([start]), longs([end]), nil, longs([step])])[0].integers == expected)
  }

  @Test func sliceKeepsSymbols() throws {
    func length(_ start: Dim, _ end: Dim, _ step: Int = 1) throws -> String {
      let x = InferenceContext.Input(type: .tensor(.float32, [.symbol("N")]))
      func list(_ dim: Dim) -> InferenceContext.Input { .init(type: .tensor(.int64, [1]), contents: [dim]) }
      let context = InferenceContext(inputs: [x, list(start), list(end), nil, list(Dim(step))], outputCount: 1)
      return try Slice().inferTypes(context)[0].description
    }
    #expect(try length(0, .symbol("N")) == "f32[N]")
    #expect(try length(0, 9_223_372_036_854_775_807) == "f32[N]")
    #expect(try length(0, -1) == "f32[max(N-1, 0)]")
    #expect(try length(1, Dim(Int(Int32.max))) == "f32[max(N-1, 0)]")
    #expect(try length(-2, Dim(Int.max)) == "f32[min(2, N)]")
    #expect(try length(0, 3) == "f32[min(3, N)]")
    #expect(try length(0, Dim(Int.max), 2) == "f32[floor(N+1, 2)]")
    #expect(try length(-1, Dim(-Int.max), -1) == "f32[N]")
  }

  @Test func shapeArithmeticStaysSymbolic() throws {
    var graph = Graph()
    let x = graph.addInput("x", .tensor(.float32, [.symbol("N"), .symbol("S"), 64]))
    let shape = try graph.add(ShapeOf(), [x])[0]
    let batch = try graph.add(Gather(), [shape, graph.addConstant(Tensor(scalar: Int64(0)))])[0]
    let list = try graph.add(Unsqueeze(), [batch, graph.addConstant(longs([0]))])[0]
    var concat = Concat()
    concat.axis = 0
    let target = try graph.add(concat, [list, graph.addConstant(longs([-1, 8, 8]))])[0]
    let y = try graph.add(Reshape(), [x, target])[0]
    #expect(graph.type(y).description == "f32[N,S,8,8]")
    let tail = try graph.add(
      Slice(), [shape, graph.addConstant(longs([1])), graph.addConstant(longs([2]))])[0]
    let zeros = try graph.add(ConstantOfShape(), [tail])[0]
    #expect(graph.type(zeros).description == "f32[S]")
    let length = try graph.add(Squeeze(), [tail])[0]
    let positions = try graph.add(
      NumberRange(), [graph.addConstant(Tensor(scalar: Int64(0))), length, graph.addConstant(Tensor(scalar: Int64(1)))])[
        0]
    #expect(graph.type(positions).description == "i64[S]")
  }

  @Test func joinsAndSplits() throws {
    var split = Split()
    split.outputCount = 2
    #expect(try run(split, [counting([3])], outputs: 2).map(\.shape) == [[2], [1]])
    #expect(
      message { _ = try run(Split(), [counting([3]), longs([1, 1])], outputs: 2) }
        == "the parts have 2 elements, the input has 3")
    #expect(
      message { _ = try run(Concat(), [counting([2, 2]), counting([2, 3])]) }
        == "input 1 is [2,3], but axis 1 of the inputs before is 2")
    #expect(message { _ = try run(Concat(), [counting([]), counting([])]) } != nil)
  }

  @Test func gathers() throws {
    let x = counting([2, 3])
    #expect(try run(Gather(), [x, Tensor(scalar: Int32(-1))])[0].floats == [3, 4, 5])
    #expect(message { _ = try run(Gather(), [x, longs([2])]) } == "index 2 is out of range, accepted are -2...1")
    #expect(try run(GatherND(), [x, longs([1, 2, 0, 0], [2, 2])])[0].floats == [5, 0])
    #expect(try run(GatherND(), [x, longs([1], [1, 1])])[0].floats == [3, 4, 5])
    var batched = GatherND()
    batched.batchDims = 1
    #expect(try run(batched, [x, longs([1, 0], [2, 1])])[0].floats == [1, 3])
    #expect(message { _ = try run(GatherND(), [x, longs([-3, 0], [1, 2])]) } != nil)
    #expect(message { _ = try run(GatherElements(), [x, longs([5], [1, 1])]) } != nil)
  }

  @Test(
    arguments: [
      (PadMode.constant, [9, 9, 0, 1, 2, 9]), (.edge, [0, 0, 0, 1, 2, 2]), (.reflect, [2, 1, 0, 1, 2, 1]),
      (.wrap, [1, 2, 0, 1, 2, 0]),
    ] as [(PadMode, [Float])]) func pads(_ mode: PadMode, _ expected: [Float]) throws
  {
    var op = Pad()
    op.mode = mode
    #expect(try run(op, [counting([3]), longs([2, 1]), Tensor(scalar: Float(9))])[0].floats == expected)
    #expect(try run(op, [counting([3]), longs([-1, 0])])[0].floats == [1, 2])
    #expect(message { _ = try run(op, [counting([3]), longs([-4, 0])]) } != nil)
    #expect(message { _ = try run(op, [counting([3]), longs([1 << 40, 0])]) } != nil)
  }

  @Test func shapesAndFills() throws {
    var shape = ShapeOf()
    shape.start = -2
    #expect(try run(shape, [counting([2, 3, 4])])[0].integers == [3, 4])
    #expect(try run(SizeOf(), [counting([2, 3])])[0].integers == [6])
    #expect(
      try run(Expand(), [counting([3, 1]), longs([2, 1, 2])])[0].floats == [0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2])
    #expect(message { _ = try run(Expand(), [counting([3]), longs([2])]) } != nil)
    #expect(message { _ = try run(ConstantOfShape(), [longs([1 << 40])]) } != nil)
    #expect(message { _ = try run(ConstantOfShape(), [longs([-1])]) } == "shape [-1] holds dimension -1")
    let range = NumberRange()
    #expect(
      try run(range, [Tensor(scalar: Int64(5)), Tensor(scalar: Int64(0)), Tensor(scalar: Int64(-2))])[0].integers == [
        5, 3, 1,
      ])
    #expect(
      try run(range, [Tensor(scalar: Float(0)), Tensor(scalar: Float(1)), Tensor(scalar: Float(0.5))])[0].floats == [
        0, 0.5,
      ])
    #expect(
      message { _ = try run(range, [Tensor(scalar: Int64(0)), Tensor(scalar: Int64(1)), Tensor(scalar: Int64(0))]) }
        == "delta is 0")
    #expect(
      message {
        _ = try run(range, [Tensor(scalar: Float(0)), Tensor(scalar: Float.infinity), Tensor(scalar: Float(1))])
      } != nil)
  }

  @Test func centreCropsAndPads() throws {
    #expect(
      try run(CenterCropPad(), [counting([3, 2]), longs([1, 4])])[0] == Tensor([Float(0), 2, 3, 0], shape: [1, 4]))
    var rows = CenterCropPad()
    rows.axes = [0]
    #expect(try run(rows, [counting([4, 1]), longs([1])])[0].floats == [1])
    #expect(throws: Diagnostic.self) { try run(rows, [counting([4, 1]), longs([1, 1])]) }
  }

  @Test func identityGivesBackAnything() throws {
    #expect(try run(Identity(), [counting([2, 1])])[0] == counting([2, 1]))
    let list = Datum.sequence([.tensor(longs([1]))], of: .tensor(.int64, [1]))
    #expect(try runValues(Identity(), [list])[0] == list)
  }

  @Test func masksAndSelections() throws {
    var eye = EyeLike()
    eye.diagonal = 1
    #expect(try run(eye, [counting([2, 2])])[0].floats == [0, 1, 0, 0])
    var lower = Trilu()
    lower.isUpper = false
    #expect(try run(lower, [counting([2, 2], from: 1)])[0].floats == [1, 0, 3, 4])
    #expect(try run(Trilu(), [counting([2, 2], from: 1), Tensor(scalar: Int64(1))])[0].floats == [0, 2, 0, 0])
    let hot = try run(OneHot(), [longs([1, -1, 7]), Tensor(scalar: Int64(2)), Tensor([Float(0), 5])])[0]
    #expect(hot == Tensor([Float(0), 5, 0, 5, 0, 0], shape: [3, 2]))
    #expect(try run(NonZero(), [Tensor([Float(0), 2, 3, 0], shape: [2, 2])])[0].integers == [0, 1, 1, 0])
    #expect(try run(Compress(), [counting([3]), Tensor([true, false, true])])[0].floats == [0, 2])
    #expect(message { _ = try run(Compress(), [counting([1]), Tensor([false, true])]) } != nil)
    let unique = try run(Unique(), [Tensor([Float(2), 1, 2, 3])], outputs: 4)
    #expect(unique.map(\.integers) == [[1, 2, 3], [1, 0, 3], [1, 0, 1, 2], [1, 2, 1]])
    var unsorted = Unique()
    unsorted.isSorted = false
    #expect(try run(unsorted, [Tensor([Float(2), 1, 2])])[0].floats == [2, 1])
    #expect(try run(ReverseSequence(), [counting([3, 2]), longs([3, 2])])[0].floats == [4, 3, 2, 1, 0, 5])
    var depth = DepthToSpace()
    depth.blockSize = 2
    let spread = try run(depth, [counting([1, 4, 1, 2])])[0]
    #expect(spread.floats == [0, 2, 1, 3, 4, 6, 5, 7])
    var space = SpaceToDepth()
    space.blockSize = 2
    #expect(try run(space, [spread])[0] == counting([1, 4, 1, 2]))
  }
}
