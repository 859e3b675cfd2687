import IR

extension ContribCatalog {
  /// Weights of few bits, each block of them with a scale of its own.
  static let blocks: [ContribOperator] = [
    ContribOperator("MatMulNBits", inputs: 3...6, expandMatMulNBits),
    ContribOperator("MatMulBnb4", inputs: 3...3, expandMatMulBnb4),
    ContribOperator("GatherBlockQuantized", inputs: 3...4, expandGatherBlocks),
  ]

  /// What is packed in the bytes of a tensor: so many bits each, the lowest first, every row from a byte of its own.
  private struct Packing {
    let bits: Int

    init(bits: Int) throws(Diagnostic) {
      guard [2, 4, 8].contains(bits) else { throw .unsupported("weights of \(bits) bits") }
      self.bits = bits
    }

    var type: ElementType { bits == 2 ? .uint2 : bits == 4 ? .uint4 : .uint8 }
    /// The code that stands for 0 where no zero point is given.
    var middle: UInt8 { UInt8(1 << (bits - 1)) }

    /// The first `columns` codes of each row.
    func codes(_ bytes: Tensor, rows: Int, columns: Int) throws(Diagnostic) -> [UInt8] {
      let perByte = 8 / bits
      let stride = (columns + perByte - 1) / perByte
      guard bytes.type == .uint8, bytes.count == Tensor.elementCount(of: [rows, stride]) else {
        throw .invalid("packed codes are \(bytes.tensorType), expected \(rows) rows of \(stride) bytes")
      }
      let all = bytes.bytes
      let mask = UInt8(truncatingIfNeeded: (1 << bits) - 1)
      return [UInt8](unsafeUninitializedCapacity: rows * columns) { buffer, count in
        for row in 0..<rows {
          for column in 0..<columns {
            let byte = all[row * stride + column / perByte]
            buffer[row * columns + column] = byte >> UInt8(column % perByte * bits) & mask
          }
        }
        count = rows * columns
      }
    }

    /// Codes as a tensor of the element type of so many bits.
    func tensor(_ codes: [UInt8], _ shape: [Int]) -> Tensor {
      bits == 8 ? Tensor(codes, shape: shape) : Tensor(wide: codes.map { Int64($0) }, type, shape)
    }
  }

  // MARK: Products

  /// A · Bᵀ with B[N,K] in blocks along K: a blocked dequantize and a product. Zero points are packed like B, or floats.
  private static func expandMatMulNBits(_ e: Expansion) throws(Diagnostic) -> [ValueID] {
    let (n, k) = (try e.size("N"), try e.size("K"))
    let size = try e.size("block_size")
    let packing = try Packing(bits: try e.int("bits") ?? 4)
    e.ignore("accuracy_level")
    if let layout = try e.int("weight_prepacked"), layout != 0 { throw .unsupported("weights packed for a device") }
    try e.refuse(4, "an order of groups")
    guard let packed = e.constant(e.optional(1)) else { throw .unsupported("packed weights that are no constant") }
    let blocks = (k + size - 1) / size
    let a = try e.input(0)
    guard packed.count > 0 else { return [try omitted(e, a, n: n, bias: e.optional(5))] }
    guard Tensor.elementCount(of: [n, blocks, size]) != nil else { throw .invalid("N and K are too large") }
    let all = try packing.codes(packed, rows: n * blocks, columns: size)
    let columns = blocks * size
    let kept = columns == k ? all : (0..<n).flatMap { row in all[(row * columns)..<(row * columns + k)] }
    let codes = e.constant(packing.tensor(kept, [n, k]))
    let scales = try e.reshape(try e.input(2), [n, blocks])
    let weights = try blockWeights(e, codes, scales, packing, rows: n, blocks: blocks, size: size, columns: k)
    let product = try e.node("MatMul", [a, weights], hints: [("transB", .int(1))])
    return [try e.sum(product, e.optional(5))]
  }

  /// B left out: zeros, or the bias.
  private static func omitted(_ e: Expansion, _ a: ValueID, n: Int, bias: ValueID?) throws(Diagnostic) -> ValueID {
    let rank = try e.knownShape(a, "A").count
    let rows = try e.node("Shape", [a], [("end", .int(Int64(rank - 1)))])
    let shape = try e.node("Concat", [rows, e.constant([n])], [("axis", .int(0))])
    let zero = try e.scalar(0, like: a)
    return try e.node("Expand", [bias ?? zero, shape])
  }

  private static func blockWeights(
    _ e: Expansion, _ codes: ValueID, _ scales: ValueID, _ packing: Packing, rows: Int, blocks: Int, size: Int,
    columns: Int
  ) throws(Diagnostic) -> ValueID {
    let attributes: Expansion.Attributes = [("axis", .int(1)), ("block_size", .int(Int64(size)))]
    if let given = e.optional(3), try e.element(given) != .uint8 {
      // w = code · scale − zero · scale
      let plain = try e.node("DequantizeLinear", [codes, scales], attributes)
      let offset = try e.node("Mul", [try e.reshape(given, [rows, blocks]), scales])
      let index = e.constant((0..<columns).map { $0 / size })
      return try e.node("Sub", [plain, try e.node("Gather", [offset, index], [("axis", .int(1))])])
    }
    let zeros: [UInt8]
    if let given = e.optional(3) {
      guard let tensor = e.constant(given) else { throw .unsupported("zero points that are no constant") }
      zeros = try packing.codes(tensor, rows: rows, columns: blocks)
    } else {
      zeros = [UInt8](repeating: packing.middle, count: rows * blocks)
    }
    let zero = e.constant(packing.tensor(zeros, [rows, blocks]))
    return try e.node("DequantizeLinear", [codes, scales, zero], attributes)
  }

  /// A · Bᵀ (or A · B) with B in the 16 values of a table, times the largest magnitude of its block. Tables: bitsandbytes.
  private static func expandMatMulBnb4(_ e: Expansion) throws(Diagnostic) -> [ValueID] {
    let (n, k, size) = (try e.size("N"), try e.size("K"), try e.size("block_size"))
    let kind = try e.size("quant_type", in: 0...1)
    let isTransposed = try e.int("transB") ?? 1 != 0
    e.ignore("training_mode")
    guard let packed = e.constant(e.optional(1)), packed.type == .uint8,
      let count = Tensor.elementCount(of: [n, k]), packed.count == count / 2 + count % 2
    else { throw .unsupported("packed weights that are not \(n) × \(k) constant half bytes") }
    // The first of two codes stands in the upper half of the byte.
    let codes = (0..<count).map { packed.bytes[$0 / 2] >> ($0 % 2 == 0 ? 4 : 0) & 15 }
    let table = kind == 1 ? normalFloat4 : float4
    let blocks = count / size + (count % size == 0 ? 0 : 1)
    let magnitudes = try e.reshape(try e.input(2), [blocks])
    let factors = try e.node("Gather", [magnitudes, e.constant((0..<count).map { $0 / size })])
    let flat = e.constant(Tensor(wide: codes.map { table[Int($0)] }, try e.element(try e.input(0)), [count]))
    let weights = try e.reshape(try e.node("Mul", [flat, factors]), [n, k])
    return [try e.node("MatMul", [try e.input(0), weights], hints: [("transB", .int(isTransposed ? 1 : 0))])]
  }

  private static let normalFloat4: [Float] = [
    -1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
    -0.09105003625154495, 0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
    0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1,
  ]

  private static let float4: [Float] = [
    0, 0.00520833333, 0.66666667, 1, 0.33333333, 0.5, 0.16666667, 0.25, 0, -0.00520833333, -0.66666667, -1, -0.33333333,
    -0.5, -0.16666667, -0.25,
  ]

  // MARK: Gathering

  /// Rows picked by index from a table in blocks: codes, scales and zero points are picked, then multiplied. An index
  /// outside of the table is refused, as ONNX's Gather does.
  private static func expandGatherBlocks(_ e: Expansion) throws(Diagnostic) -> [ValueID] {
    guard let data = e.constant(e.optional(0)) else { throw .unsupported("a table that is no constant") }
    guard [.uint8, .uint4, .int4].contains(data.type) else { throw .unsupported("a table of \(data.type.name)") }
    let packing = try Packing(bits: data.type == .uint8 ? try e.int("bits") ?? 4 : 8)
    e.ignore("bits")
    let size = try e.int("block_size") ?? 128
    guard size >= 16, size & (size - 1) == 0 else { throw .invalid("attribute 'block_size' is \(size)") }
    let axis = try normalizedAxis(try e.int("gather_axis") ?? 0, rank: data.rank, "gather_axis")
    let blocked = try normalizedAxis(try e.int("quantize_axis") ?? 1, rank: data.rank, "quantize_axis")
    guard axis != blocked else { throw .unsupported("gathering along the axis of the blocks") }
    let table = try BlockTable(e, data, packing, axis: axis, blocked: blocked, size: size)
    return [try table.gathered(try e.input(1))]
  }

  /// Codes, scales and zero points of a table, and how to pick from all three alike.
  private struct BlockTable {
    let e: Expansion
    let codes: Tensor
    let zeros: Tensor
    let scales: ValueID
    let axis: Int
    let blocked: Int
    let size: Int

    init(
      _ e: Expansion, _ data: Tensor, _ packing: Packing, axis: Int, blocked: Int, size: Int
    ) throws(Diagnostic) {
      self.e = e
      (self.axis, self.blocked, self.size) = (axis, blocked, size)
      scales = try e.input(2)
      guard let shape = e.constant(scales)?.shape else { throw .unsupported("scales that are no constant") }
      let given = e.constant(e.optional(3))
      if e.optional(3) != nil, given == nil { throw .unsupported("zero points that are no constant") }
      guard data.type == .uint8 else {
        codes = Self.bytes(data)
        zeros = given.map(Self.bytes) ?? Tensor([Int8](repeating: 0, count: shape.reduce(1, *)), shape: shape)
        return
      }
      let perByte = 8 / packing.bits
      let whole = Array(data.shape.dropLast()) + [data.shape[data.rank - 1] * perByte]
      let rows = whole.dropLast().reduce(1, *)
      codes = Tensor(try packing.codes(data, rows: rows, columns: whole[data.rank - 1]), shape: whole)
      let middle = [UInt8](repeating: packing.middle, count: shape.reduce(1, *))
      let own = try given.map { (tensor) throws(Diagnostic) in
        try packing.codes(tensor, rows: shape.dropLast().reduce(1, *), columns: shape[shape.count - 1])
      }
      zeros = Tensor(own ?? middle, shape: shape)
    }

    /// 4-bit codes one to a byte, signed; picking from packed ones would need to unpack all of them.
    private static func bytes(_ x: Tensor) -> Tensor { Tensor(x.wide(Int64.self).map { Int8($0) }, shape: x.shape) }

    func gathered(_ indices: ValueID) throws(Diagnostic) -> ValueID {
      let rank = try e.knownShape(indices, "indices").count
      let along: Expansion.Attributes = [("axis", .int(Int64(axis)))]
      let element = try e.element(scales)
      func picked(_ x: ValueID) throws(Diagnostic) -> ValueID { try e.node("Gather", [x, indices], along) }
      // The axis of the blocks as it stands in the result.
      let position = Int64(blocked > axis ? blocked + rank - 1 : blocked)
      let index = e.constant((0..<codes.shape[blocked]).map { $0 / size })
      func spread(_ x: ValueID) throws(Diagnostic) -> ValueID {
        try e.node("Gather", [x, index], [("axis", .int(position))])
      }
      let values = try e.cast(try picked(e.constant(codes)), element)
      let offset = try spread(try e.cast(try picked(e.constant(zeros)), element))
      return try e.node("Mul", [try e.node("Sub", [values, offset]), try spread(try picked(scales))])
    }
  }
}
