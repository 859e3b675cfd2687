import IR
import TestSupport
import Testing

@Suite struct DimTests {
  let n = Dim.symbol("N"), m = Dim.symbol("M")

  @Test func equalExpressionsAreEqual() {
    #expect((n + 1) * (n - 1) == n * n - 1)
    #expect(n * m * 2 == m * 2 * n)
    #expect(n - n == 0)
    #expect((n * 4).quotient(by: 4) == n)
    #expect((n * m * 4).quotient(by: m * 2) == n * 2)
    #expect((n * 4 + 6).quotient(by: 2) == n * 2 + 3)
    #expect(n.quotient(by: 0) == nil)
    #expect(Dim(-7).quotient(by: 2) == -4)
    #expect(Dim(-7).modulo(2) == 1)
    #expect(Dim(7).ceilQuotient(by: 2) == 4)
    #expect(Dim.minimum(n, n + 1) == n)
    #expect(Dim.maximum(n, n + 1) == n + 1)
  }

  @Test func equalityIsOnlyClaimedWhereItHolds() {
    #expect(n.isEqual(to: n) == true)
    #expect(n.isEqual(to: n + 1) == false)
    #expect(n.isEqual(to: m) == nil)
    #expect(n.isEqual(to: 3) == nil)
    #expect(n.value == nil)
    #expect((n - n + 3).value == 3)
  }

  @Test func unknownStaysUnknownThroughArithmetic() {
    let unknown = Dim.unknown
    for dim in [unknown + 1, unknown * 2, n - unknown, Dim.minimum(unknown, 3), Dim.maximum(n, unknown)] {
      #expect(dim.isUnknown)
    }
    #expect((unknown + 1).quotient(by: 2)?.isUnknown == true)
    #expect(n.modulo(unknown)?.isUnknown == true)
  }

  @Test func arithmeticSaturates() {
    let huge = Dim(Int.max) * Dim(Int.max)
    #expect((huge.value ?? 0) > Dim.limit)
    #expect((Dim(Int.max) + Dim(Int.max)).value ?? 0 > Dim.limit)
    #expect(Dim(Int.min).quotient(by: -1) != nil)
  }

  @Test func expressionsThatGrowWithoutBoundBecomeUnknown() {
    var squared = n + m
    for _ in 0..<64 { squared = squared * squared }
    #expect(squared.isUnknown)
    var nested = n
    for i in 0..<200 { nested = Dim.minimum(nested * 2 + m, (nested + Dim(i)).quotient(by: 3) ?? 0) }
    #expect(nested.isUnknown)
  }

  /// Random expressions: substituting numbers gives what computing with the numbers gives.
  @Test(arguments: UInt64(0)..<200)
  func substitutionAgreesWithComputing(_ seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let values = ["N": Dim(random.int(1...9)), "M": Dim(random.int(1...9))]
    func expression(_ depth: Int) -> (Dim, Int)? {
      if depth == 0 || random.chance(20) {
        let name = random.pick(["N", "M", ""])
        if name.isEmpty {
          let number = random.int(-3...9)
          return (Dim(number), number)
        }
        return (.symbol(name), values[name]?.value ?? 0)
      }
      guard let (a, x) = expression(depth - 1), let (b, y) = expression(depth - 1) else { return nil }
      switch random.int(0...6) {
      case 0: return (a + b, x + y)
      case 1: return (a - b, x - y)
      case 2: return (a * b, x * y)
      case 3: return (Dim.minimum(a, b), min(x, y))
      case 4: return (Dim.maximum(a, b), max(x, y))
      case 5: return y > 0 ? a.quotient(by: b).map { ($0, Int((Double(x) / Double(y)).rounded(.down))) } : (a, x)
      default: return y > 0 ? a.modulo(b).map { ($0, ((x % y) + y) % y) } : (a, x)
      }
    }
    guard let (dim, number) = expression(4), !dim.isUnknown, number.magnitude < 1 << 40 else { return }
    #expect(dim.substituting(values)?.value == number, "seed \(seed): \(dim)")
    let text = "graph @g(%x: f32[\(dim)]) -> () { return }"
    #expect(try Graph(parsing: text).inputType == .tensor(.float32, [dim]), "seed \(seed): \(dim)")
  }
}

extension Graph {
  fileprivate var inputType: ValueType { type(inputs[0]) }
}
