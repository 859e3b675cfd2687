import IR
import TestSupport
import Testing

@Suite struct ResamplingTests {
  func resize(_ change: (inout Resize) -> Void = { _ in }) -> Resize {
    var op = Resize()
    change(&op)
    return op
  }
  func scales(_ values: [Float]) -> Tensor { Tensor(values) }

  @Test func nearestMovesEveryType() throws {
    #expect(try run(resize(), [counting([2]), nil, scales([2])])[0].floats == [0, 0, 1, 1])
    let words = Tensor(strings: [[97], [98]], shape: [2])
    #expect(try run(resize(), [words, nil, nil, longs([3])])[0].strings == [[97], [97], [98]])
  }

  @Test(
    arguments: [
      (Resize.Coordinates.halfPixel, [0, 0.25, 0.75, 1]), (.alignCorners, [0, 1.0 / 3, 2.0 / 3, 1]),
      (.asymmetric, [0, 0.5, 1, 1]), (.pytorchHalfPixel, [0, 0.25, 0.75, 1]),
      (.halfPixelSymmetric, [0, 0.25, 0.75, 1]),
    ] as [(Resize.Coordinates, [Float])]) func linear(_ mode: Resize.Coordinates, _ expected: [Float]) throws
  {
    let op = resize {
      $0.mode = .linear
      $0.coordinates = mode
    }
    let result = try run(op, [counting([2]), nil, scales([2])])[0].floats
    #expect(zip(result, expected).allSatisfy { abs($0 - $1) < 1e-6 }, "\(result)")
  }

  @Test func cubicAntialiasAndCrop() throws {
    let cubic = resize { $0.mode = .cubic }
    #expect(try run(cubic, [Tensor([Float(5), 5, 5]), nil, scales([2])])[0].floats == [5, 5, 5, 5, 5, 5])
    let smooth = resize {
      $0.mode = .linear
      $0.isAntialiased = true
    }
    #expect(try run(smooth, [counting([4]), nil, nil, longs([1])])[0].floats == [1.5])
    let crop = resize {
      $0.mode = .linear
      $0.coordinates = .tfCropAndResize
      $0.extrapolation = -1
    }
    #expect(try run(crop, [counting([3]), Tensor([Float(0.5), 1.5]), nil, longs([3])])[0].floats == [1, 2, -1])
    let keep = resize {
      $0.mode = .linear
      $0.aspect = .notLarger
      $0.axes = [1, 2]
    }
    #expect(try run(keep, [counting([1, 2, 4]), nil, nil, longs([8, 8])])[0].shape == [1, 4, 8])
  }

  @Test func scalesKeepSymbols() throws {
    var graph = Graph()
    let x = graph.addInput("x", .tensor(.float32, [1, 3, .symbol("H"), .symbol("W")]))
    let factors = graph.addConstant(scales([1, 1, 2, 1.5]))
    let y = try graph.add(resize(), [x, nil, factors])[0]
    #expect(graph.type(y).description == "f32[1,3,2*H,floor(3*W, 2)]")
    #expect(
      message { _ = try run(resize(), [counting([2]), nil, scales([0])]) }
        == "the scale along axis 0 is 0.0, it must be positive")
    #expect(message { _ = try run(resize(), [counting([2])]) } == "exactly one of scales and sizes must be given")
    #expect(message { _ = try run(resize(), [counting([2]), nil, scales([1e30])]) } != nil)
  }

  @Test func gridSamples() throws {
    var op = GridSample()
    op.alignsCorners = true
    let x = counting([1, 1, 2, 2])
    let grid = Tensor([Float(0), 0, -1, 1, 3, 3], shape: [1, 1, 3, 2])
    #expect(try run(op, [x, grid])[0].floats == [1.5, 2, 0])
    op.border = .border
    #expect(try run(op, [x, grid])[0].floats == [1.5, 2, 3])
    op.mode = .nearest
    #expect(try run(op, [x, Tensor([Float.nan, .infinity], shape: [1, 1, 1, 2])])[0].shape == [1, 1, 1, 1])
    let identity = Tensor([Float(1), 0, 0, 0, 1, 0], shape: [1, 2, 3])
    #expect(try run(AffineGrid(), [identity, longs([1, 1, 1, 2])])[0].floats == [-0.5, 0, 0.5, 0])
  }

  @Test func boxes() throws {
    let x = counting([1, 1, 4, 4])
    var align = RoiAlign()
    align.coordinates = .outputHalfPixel
    align.samplingRatio = 1
    #expect(try run(align, [x, Tensor([Float(0), 0, 2, 2], shape: [1, 4]), longs([0])])[0].floats == [5])
    #expect(
      message { _ = try run(align, [x, Tensor([Float(0), 0, 2, 2], shape: [1, 4]), longs([1])]) }
        == "batch index 1 is out of range 0..<1")
    align.samplingRatio = 1 << 30
    #expect(message { _ = try run(align, [x, Tensor([Float(0), 0, 2, 2], shape: [1, 4]), longs([0])]) } != nil)
    var pool = MaxRoiPool()
    pool.pooledShape = [1, 1]
    #expect(try run(pool, [x, Tensor([Float(0), 1, 1, 2, 2], shape: [1, 5])])[0].floats == [10])
    let boxes = Tensor([Float(0), 0, 1, 1, 0, 0, 1, 0.9, 0, 5, 1, 6], shape: [1, 3, 4])
    let scores = Tensor([Float(0.5), 0.9, 0.3], shape: [1, 1, 3])
    let kept = try run(
      NonMaxSuppression(), [boxes, scores, longs([3]), Tensor([Float(0.5)]), Tensor([Float(0.1)])])[0]
    #expect(kept == longs([0, 0, 1, 0, 0, 2], [2, 3]))
  }

  @Test func columnsAndDeformation() throws {
    let columns = Tensor([Float](repeating: 1, count: 2 * 2), shape: [1, 2, 2])
    #expect(try run(Col2Im(), [columns, longs([3]), longs([2])])[0] == Tensor([Float(1), 2, 1], shape: [1, 1, 3]))
    let x = counting([1, 1, 2, 2])
    let w = Tensor([Float(1)], shape: [1, 1, 1, 1])
    let offset = Tensor([Float](repeating: 0.5, count: 8), shape: [1, 2, 2, 2])
    #expect(try run(DeformConv(), [x, w, offset])[0].floats == [1.5, 1, 1.25, 0.75])
  }

  @Test func scatters() throws {
    let x = counting([3])
    #expect(try run(ScatterElements(), [x, longs([-1]), Tensor([Float(9)])])[0].floats == [0, 1, 9])
    var add = ScatterND()
    add.reduction = .add
    #expect(try run(add, [x, longs([1, 1], [2, 1]), Tensor([Float(5), 6])])[0].floats == [0, 12, 2])
    #expect(
      message { _ = try run(add, [x, longs([3], [1, 1]), Tensor([Float(5)])]) }
        == "index 3 is out of range, accepted are -3...2")
    let bytes = Tensor([Int8(100)])
    #expect(try run(add, [bytes, longs([0], [1, 1]), bytes])[0].integers == [-56])
    var circular = TensorScatter()
    circular.mode = .circular
    let cache = counting([1, 3, 1])
    #expect(try run(circular, [cache, Tensor([Float(8), 9], shape: [1, 2, 1]), longs([2])])[0].floats == [9, 1, 8])
    #expect(
      message { _ = try run(TensorScatter(), [cache, Tensor([Float(8), 9], shape: [1, 2, 1]), longs([2])]) } != nil)
  }
}
