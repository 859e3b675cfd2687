import Kernels

/// Row-major positions and coordinates.
enum Grid {
  static func count(_ dims: [Int]) -> Int { dims.reduce(1, *) }

  static func coordinates(_ flat: Int, _ dims: [Int]) -> [Int] {
    var rest = flat
    var at = [Int](repeating: 0, count: dims.count)
    for d in dims.indices.reversed() {
      at[d] = rest % dims[d]
      rest /= dims[d]
    }
    return at
  }

  static func flat(_ at: [Int], _ dims: [Int]) -> Int { zip(at, dims).reduce(0) { $0 * $1.1 + $1.0 } }

  static func each<T>(_ dims: [Int], _ body: ([Int]) -> T) -> [T] {
    (0..<count(dims)).map { body(coordinates($0, dims)) }
  }
}

/// Element types by width, as "any" kernels see them.
let widthTypes: [(type: Int, width: Int)] = [(KERF_U8, 1), (KERF_F16, 2), (KERF_F32, 4), (KERF_I64, 8)]

extension TestRandom {
  mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(truncatingIfNeeded: next() >> 40) } }

  mutating func tensor(_ type: Int, _ width: Int, _ dims: [Int]) -> TestTensor {
    TestTensor(type: type, dims: dims, bytes: bytes(Grid.count(dims) * width))
  }
}

extension TestTensor {
  /// The elements of this tensor at the coordinates that `map` gives for each position of `dims`; nil: `fill`.
  func moved(_ dims: [Int], width: Int, fill: [UInt8] = [], _ map: ([Int]) -> [Int]?) -> TestTensor {
    var out: [UInt8] = []
    for i in 0..<Grid.count(dims) {
      guard let at = map(Grid.coordinates(i, dims)) else {
        out += fill
        continue
      }
      let from = Grid.flat(at, self.dims) * width
      out += bytes[from..<from + width]
    }
    return TestTensor(type: Int(type), dims: dims, bytes: out)
  }
}
