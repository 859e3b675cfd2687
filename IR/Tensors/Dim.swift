/// A dimension: a number, a symbol, or arithmetic on those.
///
/// Kept as a polynomial with integer coefficients over atoms, normalised when built, so that equal expressions compare
/// equal cheaply. Symbols stand for non-negative integers. Arithmetic saturates: a saturated dimension is above
/// `Dim.limit` and every type check refuses it.
public struct Dim: Hashable, Sendable {
  /// What a product is made of.
  public indirect enum Atom: Hashable, Sendable {
    case symbol(String)
    /// Rounded toward negative infinity.
    case quotient(Dim, Dim)
    case modulo(Dim, Dim)
    case minimum(Dim, Dim)
    case maximum(Dim, Dim)
  }

  /// coefficient × product of the factors.
  public struct Term: Hashable, Sendable {
    public internal(set) var factors: [Atom]
    public internal(set) var coefficient: Int
  }

  /// Sorted by factors; no zero coefficients.
  public internal(set) var terms: [Term]
  public internal(set) var constant: Int

  /// Largest dimension any tensor may have.
  public static let limit = 1 << 47

  init(terms: [Term], constant: Int) {
    self.terms = terms
    self.constant = constant
  }

  public init(_ value: Int) { self.init(terms: [], constant: value) }
  public static func known(_ value: Int) -> Dim { Dim(value) }
  public static func symbol(_ name: String) -> Dim { Dim(atom: .symbol(name)) }

  /// Not known when inferred; the graph puts a symbol of its own in its place.
  public static let unknown = Dim.symbol("?")
  public var isUnknown: Bool { terms.count == 1 && symbolName == "?" }

  /// Largest number of parts of an expression. What is larger (a model can square a dimension again and again) is unknown.
  static let maximumSize = 256

  /// How many numbers and symbols it consists of.
  var size: Int {
    var size = 1
    for term in terms { for factor in term.factors { size += factor.size } }
    return size
  }

  private var bounded: Dim { terms.count > 1 && size > Dim.maximumSize ? .unknown : self }

  init(atom: Atom) { self.init(terms: [Term(factors: [atom], coefficient: 1)], constant: 0) }

  /// The number, where it is one.
  public var value: Int? { terms.isEmpty ? constant : nil }

  /// The symbol, where it is nothing but one.
  public var symbolName: String? {
    guard constant == 0, terms.count == 1, terms[0].coefficient == 1, terms[0].factors.count == 1,
      case .symbol(let name) = terms[0].factors[0]
    else { return nil }
    return name
  }

  /// Whether the two are equal; nil where that depends on a symbol.
  public func isEqual(to other: Dim) -> Bool? {
    if self == other { return true }
    let difference = self - other
    return difference.terms.isEmpty ? difference.constant == 0 : nil
  }
}

extension Dim: ExpressibleByIntegerLiteral {
  public init(integerLiteral value: Int) { self.init(value) }
}

// MARK: Arithmetic

func saturatingAdd(_ a: Int, _ b: Int) -> Int {
  let (sum, overflow) = a.addingReportingOverflow(b)
  return overflow ? (a < 0 ? .min / 2 : .max / 2) : sum
}

func saturatingMultiply(_ a: Int, _ b: Int) -> Int {
  let (product, overflow) = a.multipliedReportingOverflow(by: b)
  return overflow ? ((a < 0) == (b < 0) ? .max / 2 : .min / 2) : product
}

func floorDivide(_ n: Int, _ d: Int) -> Int {
  if d == -1 { return saturatingMultiply(n, -1) }
  let q = n / d
  return n % d != 0 && (n < 0) != (d < 0) ? q - 1 : q
}

extension Dim {
  public static func + (a: Dim, b: Dim) -> Dim {
    if a.terms.isEmpty && b.terms.isEmpty { return Dim(saturatingAdd(a.constant, b.constant)) }
    // Two unknown dimensions must never look equal because they went through the same arithmetic.
    if a.isUnknown || b.isUnknown { return .unknown }
    return Dim(terms: merge(a.terms + b.terms), constant: saturatingAdd(a.constant, b.constant)).bounded
  }

  public static prefix func - (a: Dim) -> Dim { a * Dim(-1) }
  public static func - (a: Dim, b: Dim) -> Dim { a + -b }

  public static func * (a: Dim, b: Dim) -> Dim {
    if a.terms.isEmpty && b.terms.isEmpty { return Dim(saturatingMultiply(a.constant, b.constant)) }
    if a.isUnknown || b.isUnknown || a.size * b.size > 4 * maximumSize { return .unknown }
    var products: [Term] = []
    var constant = 0
    for x in a.terms + [Term(factors: [], coefficient: a.constant)] {
      for y in b.terms + [Term(factors: [], coefficient: b.constant)] {
        let coefficient = saturatingMultiply(x.coefficient, y.coefficient)
        if x.factors.isEmpty && y.factors.isEmpty {
          constant = saturatingAdd(constant, coefficient)
        } else if coefficient != 0 {
          let factors = (x.factors + y.factors).sorted { $0.description < $1.description }
          products.append(Term(factors: factors, coefficient: coefficient))
        }
      }
    }
    return Dim(terms: merge(products), constant: constant).bounded
  }

  private static func merge(_ terms: [Term]) -> [Term] {
    var merged: [Term] = []
    for term in terms.map({ (key: $0.key, term: $0) }).sorted(by: { $0.key < $1.key }) {
      if let last = merged.indices.last, merged[last].factors == term.term.factors {
        merged[last].coefficient = saturatingAdd(merged[last].coefficient, term.term.coefficient)
      } else {
        merged.append(term.term)
      }
    }
    return merged.filter { $0.coefficient != 0 }
  }

  /// a / b rounded toward negative infinity; nil where b is zero.
  public func quotient(by divisor: Dim) -> Dim? {
    if isUnknown || divisor.isUnknown { return divisor == 0 ? nil : .unknown }
    if let d = divisor.value {
      if d == 0 { return nil }
      if let n = value { return Dim(floorDivide(n, d)) }
      if d == 1 { return self }
      if d > 0, terms.allSatisfy({ $0.coefficient % d == 0 }) {
        let whole = terms.map { Term(factors: $0.factors, coefficient: $0.coefficient / d) }
        return Dim(terms: whole, constant: floorDivide(constant, d))
      }
    }
    if self == divisor { return 1 }
    if let exact = exactQuotient(by: divisor) { return exact }
    return Dim.checked(.quotient(self, divisor))
  }

  /// Division of a product by one of its factors: (N·H·4) / (H·2) = 2N.
  private func exactQuotient(by divisor: Dim) -> Dim? {
    guard divisor.constant == 0, divisor.terms.count == 1, constant == 0, let d = divisor.terms.first else {
      return nil
    }
    var result: [Term] = []
    for term in terms {
      var factors = term.factors
      for factor in d.factors {
        guard let i = factors.firstIndex(of: factor) else { return nil }
        factors.remove(at: i)
      }
      guard term.coefficient % d.coefficient == 0 else { return nil }
      result.append(Term(factors: factors, coefficient: term.coefficient / d.coefficient))
    }
    let plain = result.filter { $0.factors.isEmpty }.reduce(0) { saturatingAdd($0, $1.coefficient) }
    return Dim(terms: Dim.merge(result.filter { !$0.factors.isEmpty }), constant: plain)
  }

  /// a / b rounded toward positive infinity; nil where b is zero.
  public func ceilQuotient(by divisor: Dim) -> Dim? {
    if let n = value, let d = divisor.value {
      return d == 0 ? nil : Dim(saturatingMultiply(floorDivide(saturatingMultiply(n, -1), d), -1))
    }
    return (self + divisor - 1).quotient(by: divisor)
  }

  /// Remainder with the divisor's sign; nil where the divisor is zero.
  public func modulo(_ divisor: Dim) -> Dim? {
    guard let whole = quotient(by: divisor) else { return nil }
    if whole.terms.allSatisfy({ !$0.factors.contains { if case .quotient = $0 { true } else { false } } }) {
      return self - whole * divisor
    }
    return isUnknown || divisor.isUnknown ? .unknown : Dim.checked(.modulo(self, divisor))
  }

  public static func minimum(_ a: Dim, _ b: Dim) -> Dim {
    if a.isUnknown || b.isUnknown { return .unknown }
    if let d = (a - b).value { return d <= 0 ? a : b }
    if let known = absorbed(a, b, isMinimum: true) ?? absorbed(b, a, isMinimum: true) { return known }
    return checked(.minimum(a, b))
  }

  public static func maximum(_ a: Dim, _ b: Dim) -> Dim {
    if a.isUnknown || b.isUnknown { return .unknown }
    if let d = (a - b).value { return d >= 0 ? a : b }
    if let known = absorbed(a, b, isMinimum: false) ?? absorbed(b, a, isMinimum: false) { return known }
    return checked(.maximum(a, b))
  }

  private static func checked(_ atom: Atom) -> Dim { atom.size > maximumSize ? .unknown : Dim(atom: atom) }

  /// min(max(x, b), b) = b and min(min(x, b), b) = min(x, b), and the same the other way round; nil for anything else.
  private static func absorbed(_ a: Dim, _ b: Dim, isMinimum: Bool) -> Dim? {
    guard a.constant == 0, a.terms.count == 1, a.terms[0].coefficient == 1, a.terms[0].factors.count == 1 else {
      return nil
    }
    switch a.terms[0].factors[0] {
    case .minimum(let x, let y) where x == b || y == b: return isMinimum ? a : b
    case .maximum(let x, let y) where x == b || y == b: return isMinimum ? b : a
    default: return nil
    }
  }

  /// The same with symbols replaced; nil where a division by zero appears.
  public func substituting(_ values: [String: Dim]) -> Dim? {
    if terms.isEmpty { return self }
    var sum = Dim(constant)
    for term in terms {
      var product = Dim(term.coefficient)
      for factor in term.factors {
        guard let f = factor.substituting(values) else { return nil }
        product = product * f
      }
      sum = sum + product
    }
    return sum
  }

  /// Names of all symbols in it, in order of appearance.
  public var symbols: [String] {
    var names: [String] = []
    for atom in terms.flatMap(\.factors) {
      for name in atom.symbols where !names.contains(name) { names.append(name) }
    }
    return names
  }
}

extension Dim.Atom {
  func substituting(_ values: [String: Dim]) -> Dim? {
    func both(_ a: Dim, _ b: Dim, _ combine: (Dim, Dim) -> Dim?) -> Dim? {
      guard let x = a.substituting(values), let y = b.substituting(values) else { return nil }
      return combine(x, y)
    }
    switch self {
    case .symbol(let name): return values[name] ?? Dim(atom: self)
    case .quotient(let a, let b): return both(a, b) { $0.quotient(by: $1) }
    case .modulo(let a, let b): return both(a, b) { $0.modulo($1) }
    case .minimum(let a, let b): return both(a, b) { Dim.minimum($0, $1) }
    case .maximum(let a, let b): return both(a, b) { Dim.maximum($0, $1) }
    }
  }

  var size: Int {
    switch self {
    case .symbol: 1
    case .quotient(let a, let b), .modulo(let a, let b), .minimum(let a, let b), .maximum(let a, let b): a.size + b.size
    }
  }

  var symbols: [String] {
    switch self {
    case .symbol(let name): [name]
    case .quotient(let a, let b), .modulo(let a, let b), .minimum(let a, let b), .maximum(let a, let b):
      a.symbols + b.symbols
    }
  }
}

// MARK: Text

extension Dim.Term {
  var key: String { factors.map(\.description).joined(separator: "*") }
}

extension Dim.Atom: CustomStringConvertible {
  public var description: String {
    switch self {
    case .symbol(let name): Dim.quoted(name)
    case .quotient(let a, let b): "floor(\(a), \(b))"
    case .modulo(let a, let b): "mod(\(a), \(b))"
    case .minimum(let a, let b): "min(\(a), \(b))"
    case .maximum(let a, let b): "max(\(a), \(b))"
    }
  }
}

extension Dim: CustomStringConvertible {
  /// A symbol as it prints: bare where it is an identifier, else in back quotes.
  static func quoted(_ name: String) -> String {
    let plain =
      !name.isEmpty && name.utf8.allSatisfy { isIdentifierByte($0) } && !(48...57).contains(name.utf8.first ?? 48)
    if plain { return name }
    var text = ""
    for byte in name.utf8 {
      if byte >= 0x20, byte < 0x7F, byte != UInt8(ascii: "`"), byte != UInt8(ascii: "\\") {
        text.unicodeScalars.append(Unicode.Scalar(byte))
      } else {
        text += "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
      }
    }
    return "`\(text)`"
  }

  static func isIdentifierByte(_ byte: UInt8) -> Bool {
    (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte) || byte == 95 || byte == 46
      || byte == 63
  }

  public var description: String {
    if terms.isEmpty { return String(constant) }
    var text = ""
    for term in terms {
      let sign = term.coefficient < 0 ? "-" : text.isEmpty ? "" : "+"
      let magnitude = term.coefficient.magnitude
      text += sign + (magnitude == 1 ? "" : "\(magnitude)*") + term.key
    }
    if constant != 0 { text += (constant < 0 ? "-" : "+") + String(constant.magnitude) }
    return text
  }
}
