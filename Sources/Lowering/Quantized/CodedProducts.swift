import Bundle
import IR
import Kernels

/// Float products by weights that are stored as codes of 8 or 4 bits and stay codes: MatMul and Gemm whose weights are
/// DequantizeLinear of constants, and rows gathered from such tables.
extension LoweringCatalog {
  static func codedProduct(
    _ l: GraphLowering, _ node: Node, transB: Bool, residualAfter: Bool, activation: Activation
  ) throws(Diagnostic) -> Bool {
    guard let a = node.inputs[0], l.computeType(a) == .float32, l.rank(a) >= 1, activation.kernelCode != nil,
      let w = CodedWeights(l, node.inputs[1], transposed: transB)
    else { return false }
    let y = node.outputs[0]
    var bias: Int32 = -1
    if node.inputs.count > 2, let value = node.inputs[2] {
      guard let tensor = l.weights(value), tensor.count == w.n, tensor.shape.last == w.n else { return false }
      bias = l.builder.weight(Tensor(tensor.wide(Float.self), shape: [w.n]))
    }
    let residual = try l.residual(node, 3, .identity(l.rank(y)), after: residualAfter)
    let sizes = (Int64(w.k), Int64(w.n), Int64(w.bits), Int64(w.block))
    let packed = try l.builder.packed(kerf_pack_gemm_codes_size(sizes.0, sizes.1, sizes.2, sizes.3)) {
      kerf_pack_gemm_codes(sizes.0, sizes.1, sizes.2, sizes.3, w.codes, w.scales, w.offsets, $0)
    }
    let attributes: [Step.Attribute] =
      [.int(w.k), .int(w.n), .int(w.bits), .int(w.block)] + activation.attributes + [.int(residual.mode)]
    l.emit(Op.gemmCodes, [try l.slot(a), packed, bias, residual.slot ?? -1], [try l.result(y)], attributes, node)
    return true
  }

  static let quantizedIndexing: [String: LoweringRule] = ["Gather": gatheredCodes]

  /// Gather(Dequantize(codes), i) → Dequantize(Gather(codes, i)): rows of an embedding table.
  private static let gatheredCodes: LoweringRule = { (l, node) throws(Diagnostic) in
    guard let op = node.op as? Gather, let indices = node.inputs[1], [.int32, .int64].contains(l.element(indices)),
      let table = l.graph.producer(node.inputs[0]), let quantization = table.op as? DequantizeLinear,
      quantization.granularity.blockSize == 0, let codes = l.graph.constant(table.inputs[0]),
      [.int8, .uint8].contains(codes.type), let scale = l.graph.constant(table.inputs[1]), scale.type == .float32,
      codes.rank >= 1, op.axis == 0 || op.axis == -codes.rank
    else { return false }
    let zero = table.inputs.count > 2 ? table.inputs[2] : nil
    guard zero == nil || l.graph.constant(zero)?.count == scale.count, l.computeType(node.outputs[0]) == .float32 else {
      return false
    }
    let axis = quantization.granularity.axis
    let isScalar = scale.count == 1
    guard isScalar || axis == 0 || axis == -codes.rank else { return false }
    let i = try l.slot(indices)
    let count = try l.dims([l.shape(indices).reduce(Dim(1), *)])
    func gathered(_ tensor: Tensor, _ rest: [Int]) throws(Diagnostic) -> Int32 {
      let inner = try l.dims(rest.map { Dim($0) })
      let result = l.builder.resultSlot(tensor.type.rawValue, l.builder.dims(i) + inner)
      l.emit(Op.gather, [l.builder.weight(tensor), i], [result], [.int(0)], node)
      return l.view(result, count + inner)
    }
    let one = [l.builder.constant(1)]
    func parameter(_ tensor: Tensor) throws(Diagnostic) -> Int32 {
      isScalar ? l.view(l.builder.weight(tensor), one) : try gathered(tensor, [])
    }
    let rows = try gathered(codes, Array(codes.shape.dropFirst()))
    let scales = try parameter(scale)
    let zeros = try l.graph.constant(zero).map { (z) throws(Diagnostic) in try parameter(z) } ?? -1
    let result = l.builder.resultSlot(ElementType.float32.rawValue, l.builder.dims(rows))
    l.emit(Op.dequantize, [rows, scales, zeros], [result], [.int(isScalar ? -1 : 0)], node)
    try l.alias(node.outputs[0], result, .identity(l.rank(node.outputs[0])))
    return true
  }
}

/// Weights [k, n] as codes, with weight = code · scale + offset per column and block of k.
struct CodedWeights {
  let k: Int
  let n: Int
  let bits: Int
  let block: Int
  /// [k, n], −128…127 for 8 bits, 0…15 for 4.
  let codes: [Int8]
  /// [⌈k / block⌉, n].
  let scales: [Float]
  let offsets: [Float]

  /// Of a value that is DequantizeLinear of a constant matrix; nil where the scales do not go by columns.
  init?(_ l: GraphLowering, _ value: ValueID?, transposed: Bool) {
    guard let node = l.graph.producer(value), let op = node.op as? DequantizeLinear,
      let tensor = l.graph.constant(node.inputs[0]), tensor.rank == 2, tensor.count > 0,
      let scale = l.graph.constant(node.inputs[1]), [.float32, .float16, .bfloat16].contains(scale.type)
    else { return nil }
    switch tensor.type {
    case .int8, .uint8: bits = 8
    case .int4, .uint4: bits = 4
    default: return nil
    }
    var zero: Tensor?
    if node.inputs.count > 2, let input = node.inputs[2] {
      guard let constant = l.graph.constant(input), constant.count == scale.count else { return nil }
      zero = constant
    }
    let (k, n) = transposed ? (tensor.shape[1], tensor.shape[0]) : (tensor.shape[0], tensor.shape[1])
    guard let block = CodedWeights.block(op.granularity, scale, k: k, along: transposed ? 1 : 0),
      bits == 8 || block % 2 == 0 || block == k
    else { return nil }
    (self.k, self.n, self.block) = (k, n, block)
    let shift = tensor.type == .uint8 ? -128 : tensor.type == .int4 ? 8 : 0
    let integers = tensor.integers
    codes = CodedWeights.matrix(k, n) { Int8(integers[transposed ? $1 * k + $0 : $0 * n + $1] + shift) }
    let blocks = (k + block - 1) / block
    let values = scale.wide(Float.self)
    let zeros = zero?.integers
    func parameter(_ b: Int, _ column: Int) -> Int {
      values.count == 1 ? 0 : blocks == 1 ? column : transposed ? column * blocks + b : b * n + column
    }
    scales = CodedWeights.matrix(blocks, n) { values[parameter($0, $1)] }
    offsets = CodedWeights.matrix(blocks, n) { b, column in
      let index = parameter(b, column)
      return -Float((zeros?[index] ?? 0) + shift) * values[index]
    }
  }

  private static func matrix<T>(_ rows: Int, _ columns: Int, _ element: (Int, Int) -> T) -> [T] {
    (0..<rows).flatMap { row in (0..<columns).map { element(row, $0) } }
  }

  /// Rows of k that share a scale; nil where columns do not each have their own and k is not cut into blocks.
  private static func block(_ granularity: QuantizationGranularity, _ scale: Tensor, k: Int, along: Int) -> Int? {
    if scale.count == 1 { return k }
    let axis = granularity.axis < 0 ? granularity.axis + 2 : granularity.axis
    if granularity.blockSize == 0 { return axis == along ? nil : k }
    return axis == along ? min(granularity.blockSize, k) : nil
  }
}
