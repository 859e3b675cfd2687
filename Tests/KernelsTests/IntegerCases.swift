import Kernels

/// The integer types, as values of one Swift function each.
protocol KernelInteger: FixedWidthInteger & BitwiseCopyable & Sendable {
  static var kernelType: Int { get }
}
extension UInt8: KernelInteger { static var kernelType: Int { KERF_U8 } }
extension Int8: KernelInteger { static var kernelType: Int { KERF_I8 } }
extension UInt16: KernelInteger { static var kernelType: Int { KERF_U16 } }
extension Int16: KernelInteger { static var kernelType: Int { KERF_I16 } }
extension UInt32: KernelInteger { static var kernelType: Int { KERF_U32 } }
extension Int32: KernelInteger { static var kernelType: Int { KERF_I32 } }
extension UInt64: KernelInteger { static var kernelType: Int { KERF_U64 } }
extension Int64: KernelInteger { static var kernelType: Int { KERF_I64 } }

extension TestTensor {
  static func integers<T: KernelInteger>(_ values: [T], _ dims: [Int]) -> Self {
    Self(values, dims, type: T.kernelType)
  }
}

extension TestRandom {
  /// Values over the whole range, extremes first.
  mutating func integers<T: KernelInteger>(_ count: Int) -> [T] {
    let special: [T] = [.min, .max, 0, 1, T.max - 1, T.min + 1]
    return (0..<count).map { i in
      i < special.count && count > 8 ? special[i] : T(truncatingIfNeeded: next() >> 3)
    }
  }
}

@Sendable func unaryIntegerCases() -> [KernelCase] {
  var random = TestRandom(60)
  func cases<T: KernelInteger>(_: T.Type) -> [KernelCase] {
    let functions: [(Int, (T) -> T)] = [
      (KERF_UNARY_ABS, { $0 < 0 ? 0 &- $0 : $0 }), (KERF_UNARY_NEG, { 0 &- $0 }), (KERF_UNARY_SIGN, { $0.signum() }),
      (KERF_UNARY_NOT, { ~$0 }), (KERF_UNARY_IDENTITY, { $0 }),
    ]
    return functions.flatMap { code, f in
      [0, 1, 33, 70_000].map { n in
        let x: [T] = random.integers(n)
        return KernelCase(
          name: "\(T.self) \(code) \(n)", inputs: [.integers(x, [n])], attributes: [.integer(code)],
          outputs: [.integers(x.map(f), [n])], inPlace: n == 33 ? 0 : nil)
      }
    }
  }
  let not = KernelCase(
    name: "bool", inputs: [.bool([true, false, true], [3])], attributes: [.integer(KERF_UNARY_NOT)],
    outputs: [.bool([false, true, false], [3])])
  return cases(UInt8.self) + cases(Int8.self) + cases(UInt16.self) + cases(Int16.self) + cases(UInt32.self)
    + cases(Int32.self) + cases(UInt64.self) + cases(Int64.self) + [not]
}

private func power<T: KernelInteger>(_ base: T, _ exponent: T) -> T {
  if exponent < 0 { return base == 1 ? 1 : base &+ 1 == 0 ? (exponent & 1 == 0 ? 1 : base) : 0 }
  return (0..<Int(exponent)).reduce(1) { value, _ in value &* base }
}

private func remainder<T: KernelInteger>(_ a: T, _ b: T) -> T {
  a.remainderReportingOverflow(dividingBy: b).partialValue
}

private func shifted<T: KernelInteger>(_ a: T, _ b: T, left: Bool) -> T {
  if b < 0 || b >= T.bitWidth { return !left && a < 0 ? ~0 : 0 }
  return left ? a << b : a >> b
}

private func integerFunctions<T: KernelInteger>(_: T.Type) -> [(Int, (T, T) -> T)] {
  [
    (KERF_BINARY_ADD, { $0 &+ $1 }), (KERF_BINARY_SUB, { $0 &- $1 }), (KERF_BINARY_MUL, { $0 &* $1 }),
    (KERF_BINARY_DIV, { $0.dividedReportingOverflow(by: $1).partialValue }),
    (KERF_BINARY_POW, power), (KERF_BINARY_MIN, { min($0, $1) }), (KERF_BINARY_MAX, { max($0, $1) }),
    (
      KERF_BINARY_MOD,
      { a, b in
        let r = remainder(a, b)
        return r != 0 && (r < 0) != (b < 0) ? r &+ b : r
      }
    ),
    (KERF_BINARY_FMOD, remainder), (KERF_BINARY_PRELU, { $0 >= 0 ? $0 : $0 &* $1 }),
    (KERF_BINARY_SQUARED_DIFFERENCE, { ($0 &- $1) &* ($0 &- $1) }), (KERF_BINARY_AND, { $0 & $1 }),
    (KERF_BINARY_OR, { $0 | $1 }), (KERF_BINARY_XOR, { $0 ^ $1 }),
    (KERF_BINARY_SHIFT_LEFT, { shifted($0, $1, left: true) }),
    (KERF_BINARY_SHIFT_RIGHT, { shifted($0, $1, left: false) }),
  ]
}

private let integerShapes: [([Int], [Int])] = [
  ([33], [33]), ([], [3]), ([3, 4, 5], [4, 1]), ([0, 2], [2]), ([2, 1], [1, 600]),
]

@Sendable func binaryIntegerCases() -> [KernelCase] {
  var random = TestRandom(61)
  func cases<T: KernelInteger>(_: T.Type) -> [KernelCase] {
    var cases: [KernelCase] = []
    for (code, f) in integerFunctions(T.self) {
      for (da, db) in integerShapes {
        let a: [T] = random.integers(Grid.count(da))
        var b: [T] = random.integers(Grid.count(db))
        if [KERF_BINARY_DIV, KERF_BINARY_MOD, KERF_BINARY_FMOD].contains(code) { b = b.map { $0 == 0 ? ~0 : $0 } }
        if code == KERF_BINARY_POW { b = b.indices.map { T(truncatingIfNeeded: $0 % 9) } }
        if code >= KERF_BINARY_SHIFT_LEFT { b = b.indices.map { T(truncatingIfNeeded: $0 % (T.bitWidth + 5) - 2) } }
        let shape = Broadcast.shape(da, db)
        let ia = Broadcast.indices(da, in: shape)
        let ib = Broadcast.indices(db, in: shape)
        let y = zip(ia, ib).map { f(a[$0], b[$1]) }
        cases.append(
          KernelCase(
            name: "\(T.self) \(code) \(da) \(db)", inputs: [.integers(a, da), .integers(b, db)],
            attributes: [.integer(code)], outputs: [.integers(y, shape)], inPlace: da == shape ? 0 : nil))
      }
    }
    for code in [KERF_BINARY_DIV, KERF_BINARY_MOD, KERF_BINARY_FMOD] {
      let a = TestTensor.integers([T](repeating: 5, count: 20), [20])
      cases.append(
        KernelCase(
          name: "\(T.self) \(code) by zero", inputs: [a, .integers([T(0)], [])], attributes: [.integer(code)],
          outputs: [a], runCode: KERF_BAD_DIVISOR))
    }
    return cases
  }
  let a = TestTensor([6.5, -3.0], [2], type: KERF_F64)
  let b = TestTensor([2.0], [], type: KERF_F64)
  let product = TestTensor([13.0, -6.0], [2], type: KERF_F64)
  let float = KernelCase(name: "f64", inputs: [a, b], attributes: [.integer(KERF_BINARY_MUL)], outputs: [product])
  return cases(UInt8.self) + cases(Int8.self) + cases(UInt16.self) + cases(Int16.self) + cases(UInt32.self)
    + cases(Int32.self) + cases(UInt64.self) + cases(Int64.self) + [float]
}

@Sendable func compareCases() -> [KernelCase] {
  var random = TestRandom(62)
  func cases<T: Comparable & BitwiseCopyable>(_ type: Int, _ make: (Int) -> [T]) -> [KernelCase] {
    let functions: [(T, T) -> Bool] = [
      { $0 == $1 }, { $0 < $1 }, { $0 <= $1 }, { $0 > $1 }, { $0 >= $1 }, { $0 != $1 },
    ]
    return integerShapes.flatMap { da, db in
      functions.enumerated().map { code, f in
        let a = make(Grid.count(da))
        let b = make(Grid.count(db))
        let shape = Broadcast.shape(da, db)
        let ia = Broadcast.indices(da, in: shape)
        let ib = Broadcast.indices(db, in: shape)
        return KernelCase(
          name: "\(T.self) \(code) \(da) \(db)",
          inputs: [TestTensor(a, da, type: type), TestTensor(b, db, type: type)],
          attributes: [.integer(code)], outputs: [.bool(zip(ia, ib).map { f(a[$0], b[$1]) }, shape)])
      }
    }
  }
  let floats = cases(KERF_F32) { n in random.floats(n).enumerated().map { $0 % 7 == 3 ? .nan : ($1 * 4).rounded() } }
  let doubles = cases(KERF_F64) { n in (0..<n).map { Double($0 % 3) } }
  let signed = cases(KERF_I64) { n -> [Int64] in random.integers(n) }
  let unsigned = cases(KERF_U64) { n -> [UInt64] in random.integers(n) }
  let bytes = cases(KERF_U8) { n -> [UInt8] in (0..<n).map { UInt8($0 % 5) } }
  let i8 = cases(KERF_I8) { n -> [Int8] in random.integers(n) } + cases(KERF_I16) { n -> [Int16] in random.integers(n) }
  let u16 =
    cases(KERF_U16) { n -> [UInt16] in random.integers(n) } + cases(KERF_U32) { n -> [UInt32] in random.integers(n) }
  let halves = KernelCase(  // 1, -0, NaN, 65504 against 1, 0, NaN, -1
    name: "f16",
    inputs: [
      TestTensor([0x3c00, 0x8000, 0x7e00, 0x7bff] as [UInt16], [4], type: KERF_F16),
      TestTensor([0x3c00, 0x0000, 0x7e00, 0xbc00] as [UInt16], [4], type: KERF_F16),
    ], attributes: [0], outputs: [.bool([true, true, false, false], [4])])
  let truths = KernelCase(
    name: "bool of 2", inputs: [TestTensor([2, 0] as [UInt8], [2], type: KERF_BOOL), .bool([true, false], [2])],
    attributes: [0], outputs: [.bool([true, true], [2])])
  return floats + doubles + signed + unsigned + bytes + i8 + u16
    + cases(KERF_I32) { n -> [Int32] in random.integers(n) }
    + [halves, truths]
}

@Sendable func logicalCases() -> [KernelCase] {
  let functions: [(Int, (Bool, Bool) -> Bool)] = [
    (KERF_BINARY_AND, { $0 && $1 }), (KERF_BINARY_OR, { $0 || $1 }), (KERF_BINARY_XOR, { $0 != $1 }),
  ]
  return integerShapes.flatMap { da, db in
    functions.map { code, f in
      let a = (0..<Grid.count(da)).map { $0 % 2 == 0 }
      let b = (0..<Grid.count(db)).map { $0 % 3 == 0 }
      let shape = Broadcast.shape(da, db)
      let ia = Broadcast.indices(da, in: shape)
      let ib = Broadcast.indices(db, in: shape)
      return KernelCase(
        name: "\(code) \(da) \(db)", inputs: [.bool(a, da), .bool(b, db)], attributes: [.integer(code)],
        outputs: [.bool(zip(ia, ib).map { f(a[$0], b[$1]) }, shape)])
    }
  }
}

@Sendable func whereCases() -> [KernelCase] {
  var random = TestRandom(63)
  let shapes: [([Int], [Int], [Int])] = [
    ([33], [33], [33]), ([5], [], [5]), ([5], [5], []), ([4, 1], [3, 1, 5], [1]), ([0], [1], [0]),
    ([40_000], [40_000], []),
  ]
  return shapes.flatMap { dc, da, db in
    widthTypes.map { type, width in
      let shape = Broadcast.shape(Broadcast.shape(dc, da), db)
      let condition = (0..<Grid.count(dc)).map { _ in random.int(0...1) == 1 }
      let a = random.tensor(type, width, da)
      let b = random.tensor(type, width, db)
      let ic = Broadcast.indices(dc, in: shape)
      let ia = Broadcast.indices(da, in: shape)
      let ib = Broadcast.indices(db, in: shape)
      let bytes = ic.indices.flatMap { i -> ArraySlice<UInt8> in
        condition[ic[i]] ? a.bytes[ia[i] * width..<(ia[i] + 1) * width] : b.bytes[ib[i] * width..<(ib[i] + 1) * width]
      }
      return KernelCase(
        name: "\(dc) \(da) \(db), \(width)", inputs: [.bool(condition, dc), a, b], attributes: [],
        outputs: [TestTensor(type: type, dims: shape, bytes: bytes)], inPlace: da == shape ? 1 : nil)
    }
  }
}
