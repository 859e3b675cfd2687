import IR

/// Values for a model's inputs when nobody gives any, the same every time: floats uniform in [0, 1), integers and
/// booleans 1, strings empty, sequences and optionals empty.
enum GeneratedInputs {
  /// - Parameters:
  ///   - ports: the model's inputs.
  ///   - shapes: of each; by default its free dimensions are 1 or their lower bound.
  ///   - limit: bytes that all inputs together may take.
  /// - Throws: `KerfError` where the fixed dimensions of the inputs ask for more.
  static func values(
    for ports: [PortDescription], shapes: [[Int]]? = nil, limit: Int = 1 << 32
  ) throws -> [Datum?] {
    var generator = SplitMix64(seed: 0x4B45_5246)
    var rest = limit
    return try ports.enumerated().map { index, port in
      let value = try value(port, shapes?[index] ?? port.smallestShape, rest, &generator)
      rest -= value.tensor?.byteCount ?? 0
      return value
    }
  }

  private static func value(
    _ port: PortDescription, _ shape: [Int], _ limit: Int, _ generator: inout SplitMix64
  ) throws -> Datum {
    switch port.valueType {
    case .tensor(let type):
      guard let count = Tensor.elementCount(of: shape), let bytes = type.element.byteCount(of: count),
        max(bytes, count) <= limit
      else {
        throw KerfError(
          "a generated value for input '\(printable(port.name))' (\(printable(port.type))) would take more than the "
            + "\(limit) bytes left",
          notes: ["give one with --inputs, or raise --max-memory"])
      }
      return .tensor(tensor(type.element, shape, count, &generator))
    case .sequence(let element): return .sequence([], of: element)
    case .optional(let element): return .optional(nil, of: element)
    case .map(let key, let value): return .map(keys: [], values: [], key: key, value: value)
    }
  }

  static func tensor(_ type: ElementType, _ shape: [Int], _ count: Int, _ generator: inout SplitMix64) -> Tensor {
    switch type.arithmetic {
    case .float where type == .float32: return floats(shape, count, &generator)
    case .float: return Tensor(wide: (0..<count).map { _ in Float(generator.unit(bits: 24)) }, type, shape)
    case .double: return Tensor(wide: (0..<count).map { _ in generator.unit(bits: 53) }, type, shape)
    case .string: return Tensor(strings: Array(repeating: [], count: count), shape: shape)
    case .complex: return complex(type, shape, count, &generator)
    case .signed, .unsigned, .bool: return Tensor(wide: Array(repeating: Int64(1), count: count), type, shape)
    }
  }

  private static func floats(_ shape: [Int], _ count: Int, _ generator: inout SplitMix64) -> Tensor {
    let storage = TensorStorage(byteCount: count * 4) { target in
      for index in 0..<count {
        target.storeBytes(of: Float(generator.unit(bits: 24)), toByteOffset: index * 4, as: Float.self)
      }
    }
    return Tensor(.float32, shape, storage: storage) ?? Tensor([Float]())
  }

  private static func complex(
    _ type: ElementType, _ shape: [Int], _ count: Int, _ generator: inout SplitMix64
  ) -> Tensor {
    let storage = TensorStorage(byteCount: count * type.bitWidth / 8) { target in
      for index in 0..<(count * 2) {
        let value = generator.unit(bits: 24)
        if type == .complex64 {
          target.storeBytes(of: Float(value), toByteOffset: index * 4, as: Float.self)
        } else {
          target.storeBytes(of: value, toByteOffset: index * 8, as: Double.self)
        }
      }
    }
    return Tensor(type, shape, storage: storage) ?? Tensor([Float]())
  }
}

/// A small random generator with a fixed sequence. Source: Steele, Lea, Flood, "Fast splittable pseudorandom number
/// generators" (2014).
struct SplitMix64 {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// Uniform in [0, 1), a multiple of 2^-bits.
  mutating func unit(bits: UInt64) -> Double {
    Double(next() >> (64 - bits)) / Double(UInt64(1) << bits)
  }
}
