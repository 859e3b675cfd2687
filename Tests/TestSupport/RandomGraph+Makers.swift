import IR

/// What a random graph is made of. Each maker adds some nodes, or returns false where nothing fits.
extension RandomGraph {
  typealias Maker = @Sendable (inout RandomGraph) throws -> Bool

  static let makers: [Maker] = [
    { try $0.convolution() }, { try $0.convolution() }, { try $0.convolution() }, { try $0.transposedConvolution() },
    { try $0.pooling() }, { try $0.product() }, { try $0.product() }, { try $0.gemm() }, { try $0.activation() },
    { try $0.activation() }, { try $0.elementwise() }, { try $0.elementwise() }, { try $0.residual() },
    { try $0.transposes() }, { try $0.transposes() }, { try $0.reshapes() }, { try $0.shapeArithmetic() },
    { try $0.gelu() }, { try $0.swish() }, { try $0.softmax() }, { try $0.layerNormalization() }, { try $0.identity() },
    { try $0.constants() }, { try $0.joinAndSplit() }, { try $0.reduction() }, { try $0.scaledProduct() },
    { try $0.twins() }, { try $0.conditional() }, { try $0.einsum() },
  ]

  mutating func convolution() throws -> Bool {
    guard var x = value(rank: 4...4) else { return false }
    if random.chance(30) { x = try pad(x) }
    let channels = size(x, 1)
    var conv = Conv()
    conv.group = channels > 1 && random.chance(30) ? channels : 1
    let filters = conv.group * random.int(1...3)
    let kernel = random.pick([1, 2, 3])
    if random.chance(50) { conv.window.pads = [1, 0, 1, 1] }
    if random.chance(20) { conv.window.strides = [2, 1] }
    let w = weight([filters, channels / conv.group, kernel, kernel])
    let bias = random.chance(50) ? weight([filters]) : nil
    var y = try node(conv, [x, w, bias])
    y = try channelwise(y, filters)
    keep(y)
    return true
  }

  private mutating func pad(_ x: ValueID) throws -> ValueID {
    let pads = random.chance(80) ? [0, 0, 1, 0, 0, 0, 0, 1] : [0, 1, 0, 0, 0, 0, 0, 0]
    let fill = random.chance(20) ? scalar(0.5) : nil
    return try node(Pad(), [x, constant(pads), fill])
  }

  /// Normalization, factor, bias and activation behind a convolution, each by chance.
  private mutating func channelwise(_ value: ValueID, _ channels: Int) throws -> ValueID {
    var y = value
    if random.chance(50) {
      let parameters = [weight([channels]), weight([channels]), weight([channels]), weight([channels], in: 0.2...2)]
      y = try node(BatchNormalization(), [y] + parameters)
    }
    if random.chance(20) { y = try node(Mul(), [y, weight([channels, 1, 1])]) }
    if random.chance(10) { y = try node(Div(), [y, weight([1, channels, 1, 1], in: 0.5...2)]) }
    if random.chance(20) { y = try node(Add(), [weight([1, channels, 1, 1]), y]) }
    return random.chance(60) ? try applyActivation(y) : y
  }

  mutating func transposedConvolution() throws -> Bool {
    guard let x = value(rank: 4...4), size(x, 2) < 12, size(x, 3) < 12 else { return false }
    let channels = size(x, 1)
    var conv = ConvTranspose()
    conv.group = channels > 1 && random.chance(40) ? channels : 1
    let perGroup = random.int(1...2)
    if random.chance(40) { conv.window.strides = [2, 2] }
    let bias = random.chance(50) ? weight([conv.group * perGroup]) : nil
    let y = try node(conv, [x, weight([channels, perGroup, 2, 2]), bias])
    keep(try channelwise(y, conv.group * perGroup))
    return true
  }

  mutating func pooling() throws -> Bool {
    guard var x = value(rank: 4...4), size(x, 2) >= 2, size(x, 3) >= 2 else { return false }
    switch random.int(0...2) {
    case 0:
      var pool = MaxPool()
      pool.window.kernelShape = random.chance(20) ? [1, 1] : [2, 2]
      keep(try node(pool, [x]))
    case 1:
      if random.chance(50) { x = try pad(x) }
      var pool = AveragePool()
      pool.window.kernelShape = [2, 2]
      pool.countsPadding = random.chance(50)
      if random.chance(30) { pool.window.pads = [1, 1, 0, 0] }
      keep(try node(pool, [x]))
    default: keep(try node(GlobalAveragePool(), [x]))
    }
    return true
  }

  mutating func product() throws -> Bool {
    guard let x = value(rank: 2...4) else { return false }
    let columns = random.int(1...5)
    var y = try node(MatMul(), [x, weight([size(x, -1), columns])])
    if random.chance(50) { y = try node(Add(), [y, weight(random.pick([[columns], [1, columns], [1]]))]) }
    if random.chance(20) { y = try node(Mul(), [y, weight([columns])]) }
    keep(random.chance(50) ? try applyActivation(y) : y)
    return true
  }

  mutating func gemm() throws -> Bool {
    guard let x = value(rank: 2...2) else { return false }
    var gemm = Gemm()
    gemm.transposesB = random.chance(50)
    gemm.alpha = random.pick([1, 0.5])
    gemm.beta = random.pick([1, 2])
    let (k, n) = (size(x, 1), random.int(1...5))
    let bias = random.chance(60) ? weight(random.pick([[n], [1, n], [1]])) : nil
    var y = try node(gemm, [x, weight(gemm.transposesB ? [n, k] : [k, n]), bias])
    if random.chance(30) { y = try node(Add(), [y, weight([n])]) }
    if random.chance(30) { y = try node(Mul(), [y, weight([1, n])]) }
    keep(random.chance(50) ? try applyActivation(y) : y)
    return true
  }

  /// Attention's scores: a factor, a transposed operand, softmax; then the sum of the values they weigh.
  mutating func scaledProduct() throws -> Bool {
    guard let x = value(rank: 3...4) else { return false }
    let rank = shape(x).count
    // Each of the three is x itself, or a projection of it.
    let projects = random.chance(50)
    let (size, columns) = (random.int(1...4), random.int(1...4))
    func operand(_ graph: inout RandomGraph, _ columns: Int) throws -> ValueID {
      guard projects else { return x }
      let bias = graph.random.chance(50)
      let y = try graph.node(MatMul(), [x, graph.weight([graph.size(x, -1), columns])])
      return bias ? try graph.node(Add(), [y, graph.weight([columns])]) : y
    }
    let (q, key, v) = (try operand(&self, size), try operand(&self, size), try operand(&self, columns))
    var transpose = Transpose()
    transpose.permutation = Array(0..<rank - 2) + [rank - 1, rank - 2]
    let k = try node(transpose, [key])
    let scaled = random.chance(50) ? try node(Mul(), [q, scalar(0.25)]) : q
    var scores = try node(MatMul(), [scaled, k])
    if random.chance(50) { scores = try node(Div(), [scores, scalar(2)]) }
    let weights = try node(Softmax(), [scores])
    keep(random.chance(50) ? weights : try node(MatMul(), [weights, v]))
    return true
  }

  func activations() -> [any Operator] {
    [Relu(), Sigmoid(), Tanh(), LeakyRelu(), Elu(), HardSigmoid(), HardSwish(), Softplus(), Gelu(), Abs(), Neg()]
  }

  mutating func applyActivation(_ x: ValueID) throws -> ValueID {
    if random.chance(20) { return try node(Clip(), [x, random.chance(80) ? scalar(0) : nil, scalar(6)]) }
    return try node(random.pick(activations()), [x])
  }

  mutating func activation() throws -> Bool {
    guard let x = value(rank: 1...5) else { return false }
    keep(try applyActivation(x))
    return true
  }

  mutating func elementwise() throws -> Bool {
    guard let x = value(rank: 1...5) else { return false }
    let operand = random.chance(50) ? scalar(random.pick([0, 1, 0.5])) : weight([size(x, -1)])
    let ops: [any Operator] = [Add(), Sub(), Mul()]
    keep(try node(random.pick(ops), random.chance(50) ? [x, operand] : [operand, x]))
    return true
  }

  /// A branch around a convolution or product, and plain sums.
  mutating func residual() throws -> Bool {
    guard let x = value(rank: 2...4) else { return false }
    var branch = x
    if shape(x).count == 4, random.chance(70) {
      var conv = Conv()
      conv.window.pads = [1, 1, 1, 1]
      branch = try node(conv, [x, weight([size(x, 1), size(x, 1), 3, 3])])
    } else {
      branch = try node(MatMul(), [x, weight([size(x, -1), size(x, -1)])])
    }
    if random.chance(30) { branch = try applyActivation(branch) }
    let y = try node(Add(), random.chance(50) ? [x, branch] : [branch, x])
    keep(random.chance(50) ? try applyActivation(y) : y)
    return true
  }

  mutating func identity() throws -> Bool {
    guard let x = value(rank: 1...5) else { return false }
    let rank = shape(x).count
    switch random.int(0...5) {
    case 0: keep(try node(Identity(), [x]))
    case 1: keep(try node(Pad(), [x, constant([Int](repeating: 0, count: 2 * rank))]))
    case 2: keep(try node(Concat(), [x]))
    case 3:
      var transpose = Transpose()
      transpose.permutation = Array(0..<rank)
      keep(try node(transpose, [x]))
    case 4: keep(try node(Slice(), [x, constant([0]), constant([1 << 40]), constant([rank - 1])]))
    default: keep(try node(Relu(), [try node(Relu(), [x])]))
    }
    return true
  }
}
