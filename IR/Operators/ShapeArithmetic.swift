/// Shape arithmetic: what operators on small integer tensors do to dimensions that are not all numbers.
extension Dim {
  /// Whether it is at least zero for every value of its symbols. False means only "not proven".
  var isNonNegative: Bool {
    constant >= 0 && terms.allSatisfy { $0.coefficient > 0 && $0.factors.allSatisfy(\.isNonNegative) }
  }

  /// a / b rounded toward zero, as integer division of tensors does; nil where b is zero or nothing can be said.
  func truncatingQuotient(by divisor: Dim) -> Dim? {
    if let n = value, let d = divisor.value { return d == 0 ? nil : d == -1 ? -self : Dim(n / d) }
    if isNonNegative && divisor.isNonNegative { return quotient(by: divisor) }
    guard let d = divisor.value, d > 0 else { return nil }
    guard let positive = Dim.maximum(self, 0).quotient(by: divisor),
      let negative = Dim.maximum(-self, 0).quotient(by: divisor)
    else { return nil }
    return positive - negative
  }

  /// Whether the two are equal, where that can be proven either way.
  func provenEqual(_ other: Dim) -> Bool? {
    if let known = isEqual(to: other) { return known }
    return provenLess(other) == true || other.provenLess(self) == true ? false : nil
  }

  /// Whether this is below the other, where that can be proven either way.
  func provenLess(_ other: Dim) -> Bool? {
    if (other - self - 1).isNonNegative { return true }
    return (self - other).isNonNegative ? false : nil
  }

  /// Nil for what is no element of a shape computation: saturated, or beyond the element type.
  func fitting(_ type: ElementType) -> Dim? {
    guard let value else { return isUnknown ? nil : self }
    switch type {
    case .bool: return value == 0 || value == 1 ? self : nil
    case .float16, .bfloat16: return value.magnitude <= 256 ? self : nil
    case .float32: return value.magnitude <= 1 << 24 ? self : nil
    default:
      if type.bitWidth < 64, type.isInteger {
        let low = type.arithmetic == .signed ? -(1 << (type.bitWidth - 1)) : 0
        let high = (1 << (type.arithmetic == .signed ? type.bitWidth - 1 : type.bitWidth)) - 1
        return value >= low && value <= high ? self : nil
      }
      if type == .uint64 && value < 0 { return nil }
      return value.magnitude <= Dim.limit.magnitude ? self : nil
    }
  }
}

extension Dim.Atom {
  var isNonNegative: Bool {
    switch self {
    case .symbol: true
    case .quotient(let a, let b): a.isNonNegative && b.isNonNegative
    case .modulo(_, let b): b.isNonNegative
    case .minimum(let a, let b): a.isNonNegative && b.isNonNegative
    case .maximum(let a, let b): a.isNonNegative || b.isNonNegative
    }
  }
}

extension InferenceContext {
  /// Elements of an input as dimensions; float constants count where they are whole (`Floor(Cast(N) * 2)`).
  func dims(_ index: Int) -> [Dim]? {
    if let known = contents(index) { return known }
    guard let tensor = constant(index), tensor.type.isFloat, tensor.rank <= 1, tensor.count <= 1024 else { return nil }
    var dims: [Dim] = []
    for value in tensor.wide(Double.self) {
      guard value.rounded() == value, value.magnitude <= Double(Dim.limit) else { return nil }
      dims.append(Dim(Int(value)))
    }
    return dims
  }

  /// Elements of the result of an operator that works element by element, where every one of them is known.
  func elementwiseContents(_ type: ElementType?, _ indices: Range<Int>, _ body: ([Dim]) -> Dim?) -> [[Dim]?] {
    var operands: [[Dim]] = []
    for index in indices {
      guard let dims = dims(index) else { return [nil] }
      operands.append(dims)
    }
    guard let count = operands.map(\.count).first(where: { $0 != 1 }) ?? operands.first?.count else { return [nil] }
    guard let result = type ?? input(indices.lowerBound)?.type.tensor?.element else { return [nil] }
    guard operands.allSatisfy({ $0.count == 1 || $0.count == count }) else { return [nil] }
    var dims: [Dim] = []
    for i in 0..<count {
      guard let dim = body(operands.map { $0.count == 1 ? $0[0] : $0[i] })?.fitting(result) else { return [nil] }
      dims.append(dim)
    }
    return [dims]
  }
}
