import IR
import TestSupport
import Testing

@Suite struct ConvolutionTests {
  func conv(_ change: (inout Conv) -> Void = { _ in }) -> Conv {
    var op = Conv()
    change(&op)
    return op
  }

  @Test func sumsOverTheWindow() throws {
    let x = counting([1, 1, 3, 3])
    let w = Tensor([Float](repeating: 1, count: 4), shape: [1, 1, 2, 2])
    #expect(try run(conv(), [x, w])[0].floats == [8, 12, 20, 24])
    let padded = conv {
      $0.window.pads = [1, 1, 1, 1]
      $0.window.strides = [2, 2]
    }
    #expect(try run(padded, [x, w])[0].floats == [0, 3, 9, 24])
    let dilated = conv { $0.window.dilations = [2, 2] }
    #expect(try run(dilated, [x, w])[0].floats == [16])
  }

  @Test func autoPadFollowsTheInput() throws {
    let x = counting([1, 1, 4], from: 1)
    let w = Tensor([Float](repeating: 1, count: 2), shape: [1, 1, 2])
    #expect(try run(conv { $0.window.autoPad = .sameUpper }, [x, w])[0].floats == [3, 5, 7, 4])
    #expect(try run(conv { $0.window.autoPad = .sameLower }, [x, w])[0].floats == [1, 3, 5, 7])
    #expect(try run(conv { $0.window.autoPad = .valid }, [x, w])[0].floats == [3, 5, 7])
  }

  @Test func groupsBiasResidualAndActivation() throws {
    let x = counting([1, 2, 2])
    let w = Tensor([Float(1), -1], shape: [2, 1, 1])
    let bias = Tensor([Float(0.5), 1.5])
    let residual = Tensor([Float(1), 1, 1, 1], shape: [1, 2, 2])
    let grouped = conv {
      $0.group = 2
      $0.activation = .relu
    }
    #expect(try run(grouped, [x, w, bias])[0].floats == [0.5, 1.5, 0, 0])
    #expect(try run(grouped, [x, w, bias, residual])[0].floats == [1.5, 2.5, 0.5, 0])
    var after = grouped
    after.residualAfterActivation = true
    #expect(try run(after, [x, w, nil, residual])[0].floats == [1, 2, 1, 1])
  }

  @Test func keepsSymbols() throws {
    var graph = Graph()
    let x = graph.addInput("x", .tensor(.float32, [.symbol("N"), 3, .symbol("H"), 224]))
    let w = graph.addConstant(counting([8, 3, 3, 3]))
    let y = try graph.add(
      conv {
        $0.window.strides = [2, 2]
        $0.window.pads = [1, 1, 1, 1]
      }, [x, w])[0]
    #expect(graph.type(y).description == "f32[N,8,floor(H-1, 2)+1,112]")
  }

  @Test func refusesWhatDoesNotFit() {
    let x = counting([1, 3, 4, 4])
    #expect(
      message { _ = try run(conv(), [x, counting([2, 4, 3, 3])]) }
        == "input has 3 channels but weight expects 4 (group = 1)")
    #expect(
      message { _ = try run(conv(), [x, counting([2, 3, 5, 5])]) }
        == "kernel [5,5] does not fit into input [4,4] along spatial axis 0")
    #expect(
      message { _ = try run(conv { $0.window.strides = [1] }, [x, counting([2, 3, 3, 3])]) }
        == "attribute 'strides' has 1 elements, expected 2 for 2 spatial axes")
    var op: any Operator = Conv()
    #expect(
      message { try op.setAttribute("strides", .ints([0, 1]), fromModel: true) }
        == "attribute 'strides' holds 0, accepted range is 1...2147483647")
    #expect(message { try op.setAttribute("residual_after_activation", .int(1), fromModel: true) } != nil)
  }

  @Test func transposeSpreads() throws {
    let x = counting([1, 1, 3])
    let w = Tensor([Float](repeating: 1, count: 2), shape: [1, 1, 2])
    #expect(try run(ConvTranspose(), [x, w])[0].floats == [0, 1, 3, 2])
    var op = ConvTranspose()
    op.window.strides = [2]
    #expect(try run(op, [x, w])[0].floats == [0, 0, 1, 1, 2, 2])
    op.window.pads = [1, 0]
    op.outputPadding = [1]
    #expect(try run(op, [x, w])[0].floats == [0, 1, 1, 2, 2, 0])
    op.outputShape = [8]
    #expect(try run(op, [x, w])[0].floats.count == 8)
  }

  @Test func pools() throws {
    let x = counting([1, 1, 3, 3])
    var max = MaxPool()
    max.window.kernelShape = [2, 2]
    max.window.strides = [2, 2]
    max.ceilMode = true
    let pooled = try run(max, [x], outputs: 2)
    #expect(pooled[0].floats == [4, 5, 7, 8])
    #expect(pooled[1].integers == [4, 5, 7, 8])
    max.columnMajorIndices = true
    #expect(try run(max, [x], outputs: 2)[1].integers == [4, 7, 5, 8])
    var average = AveragePool()
    average.window.kernelShape = [2, 2]
    average.window.pads = [1, 1, 0, 0]
    #expect(try run(average, [x])[0].floats.prefix(2) == [0, 0.5])
    average.countsPadding = true
    #expect(try run(average, [x])[0].floats.prefix(2) == [0, 0.25])
    var norm = LpPool()
    norm.window.kernelShape = [1, 2]
    #expect(try run(norm, [Tensor([Float(3), 4], shape: [1, 1, 1, 2])])[0].floats == [5])
    #expect(try run(GlobalAveragePool(), [x])[0] == Tensor([Float(4)], shape: [1, 1, 1, 1]))
    #expect(try run(GlobalMaxPool(), [x])[0].floats == [8])
    let planes = Tensor([Float(3), -4, 1, 0], shape: [1, 2, 2, 1])
    #expect(try run(GlobalLpPool(), [planes])[0] == Tensor([Float(5), 1], shape: [1, 2, 1, 1]))
    var sums = GlobalLpPool()
    sums.p = 1
    #expect(try run(sums, [planes])[0].floats == [7, 1])
    var unpool = MaxUnpool()
    unpool.window.kernelShape = [2]
    unpool.window.strides = [2]
    #expect(
      try run(unpool, [Tensor([Float(5), 6], shape: [1, 1, 2]), longs([1, 2], [1, 1, 2])])[0].floats == [0, 5, 6, 0])
    #expect(
      message { _ = try run(unpool, [Tensor([Float(5)], shape: [1, 1, 1]), longs([2], [1, 1, 1])]) }
        == "index 2 is outside the unpooled shape [1,1,2]")
  }

  @Test func emptyBatchesGiveEmptyResults() throws {
    #expect(try run(conv(), [counting([0, 1, 3]), counting([2, 1, 2])])[0].shape == [0, 2, 2])
    #expect(try run(GlobalAveragePool(), [counting([0, 2, 3])])[0].shape == [0, 2, 1])
  }

  @Test func hugeKernelsOverLittleInputEnd() throws {
    var pool = MaxPool()
    pool.window.kernelShape = [1 << 31 - 1, 1 << 30]
    pool.window.pads = [1 << 30, 1 << 29, 1 << 30, 1 << 29]
    #expect(message { _ = try run(pool, [counting([1, 1, 2, 2])]) } == nil)
  }

  @Test func matrixProducts() throws {
    let a = counting([2, 3])
    let b = counting([3, 2])
    #expect(try run(MatMul(), [a, b])[0].floats == [10, 13, 28, 40])
    #expect(try run(MatMul(), [counting([3]), b])[0] == Tensor([Float(10), 13]))
    #expect(try run(MatMul(), [counting([3]), counting([3])])[0] == Tensor(scalar: Float(5)))
    #expect(try run(MatMul(), [counting([2, 1, 2, 3]), counting([4, 3, 2])])[0].shape == [2, 4, 2, 2])
    var transposed = MatMul()
    transposed.transposesB = true
    transposed.alpha = 2
    transposed.activation = .clip(0, 50)
    #expect(try run(transposed, [a, counting([2, 3]), Tensor([Float(1), -100])])[0].floats == [11, 0, 29, 0])
    #expect(
      try run(MatMul(), [Tensor([Int32.max, 2], shape: [1, 2]), Tensor([Int32(2), 1], shape: [2, 1])])[0].integers == [
        0
      ])
    #expect(
      message { _ = try run(MatMul(), [a, counting([2, 2])]) }
        == "operands [2,3] and [2,2] do not multiply: 3 columns against 2 rows")
    #expect(try run(MatMul(), [counting([2, 0]), counting([0, 2])])[0].floats == [0, 0, 0, 0])
    var gemm = Gemm()
    gemm.transposesA = true
    gemm.alpha = 0.5
    gemm.beta = 2
    #expect(try run(gemm, [counting([3, 2]), b, Tensor([Float(1), 0])])[0].floats == [12, 13, 15, 17.5])
    #expect(
      message { _ = try run(Gemm(), [a, b, counting([3, 1])]) } == "C is [3,1], which does not broadcast to [2,2]")
  }
}
