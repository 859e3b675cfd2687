import Bundle
import IR

/// A program in the making: interned expressions, slots, steps.
final class ProgramBuilder {
  var program = Program()
  let weights: WeightStore
  private var interned: [ExpressionKey: Int32] = [:]
  private var isLate: [Bool] = []
  /// What each symbol, and each dimension of an input that is no bare symbol, is computed from.
  private var symbols: [String: Int32] = [:]
  private var dimensions: [Dim: Int32] = [:]
  private var weightSlots: [WeightKey: Int32] = [:]

  private struct ExpressionKey: Hashable {
    let kind: UInt8
    let a: Int64
    let b: Int64
  }

  private struct WeightKey: Hashable {
    let type: UInt8
    let dims: [Int]
    let offset: UInt64
  }

  init(weights: WeightStore) { self.weights = weights }

  // MARK: Expressions

  func expression(_ kind: Expression.Kind, _ a: Int64, _ b: Int64 = 0) -> Int32 {
    let key = ExpressionKey(kind: kind.rawValue, a: a, b: b)
    if let known = interned[key] { return known }
    program.expressions.append(Expression(kind, a, b))
    isLate.append(late(kind, a, b))
    let index = Int32(program.expressions.count - 1)
    interned[key] = index
    return index
  }

  private func late(_ kind: Expression.Kind, _ a: Int64, _ b: Int64) -> Bool {
    switch kind {
    case .constant, .inputDimension: false
    case .element, .resultDimension: true
    default: isLate[Int(a)] || isLate[Int(b)]
    }
  }

  /// Whether an expression is known only once some step has run.
  func isLate(_ expression: Int32) -> Bool { isLate[Int(expression)] }

  func constant(_ value: Int) -> Int32 { expression(.constant, Int64(value)) }

  /// The expression of a dimension, or nil where a symbol in it has no source yet.
  func expression(_ dim: Dim) -> Int32? {
    if let value = dim.value { return constant(value) }
    if let known = dimensions[dim] { return known }
    var sum: Int32? = dim.constant == 0 ? nil : constant(dim.constant)
    for term in dim.terms {
      var product: Int32?
      for factor in term.factors {
        guard let f = expression(factor) else { return nil }
        product = product.map { expression(.multiply, Int64($0), Int64(f)) } ?? f
      }
      guard var value = product else { return nil }
      if term.coefficient != 1 { value = expression(.multiply, Int64(value), Int64(constant(term.coefficient))) }
      sum = sum.map { expression(.add, Int64($0), Int64(value)) } ?? value
    }
    return sum
  }

  private func expression(_ atom: Dim.Atom) -> Int32? {
    func both(_ kind: Expression.Kind, _ a: Dim, _ b: Dim) -> Int32? {
      guard let x = expression(a), let y = expression(b) else { return nil }
      return expression(kind, Int64(x), Int64(y))
    }
    switch atom {
    case .symbol(let name): return symbols[name]
    case .quotient(let a, let b): return both(.floorDivide, a, b)
    case .modulo(let a, let b): return both(.modulo, a, b)
    case .minimum(let a, let b): return both(.minimum, a, b)
    case .maximum(let a, let b): return both(.maximum, a, b)
    }
  }

  /// Notes that a dimension has the value of an expression, unless it is known already. A bare symbol, or one symbol
  /// plus a number, gives that symbol.
  func bind(_ dim: Dim, to source: Int32) {
    guard dim.value == nil, expression(dim) == nil else { return }
    dimensions[dim] = source
    guard dim.terms.count == 1, dim.terms[0].factors.count == 1, case .symbol(let name) = dim.terms[0].factors[0] else {
      return
    }
    let offset = constant(-dim.constant)
    var value = dim.constant == 0 ? source : expression(.add, Int64(source), Int64(offset))
    let coefficient = dim.terms[0].coefficient
    if coefficient != 1 { value = expression(.floorDivide, Int64(value), Int64(constant(coefficient))) }
    symbols[name] = value
  }

  // MARK: Slots

  func addSlot(_ type: UInt8, _ dims: [Int32], _ storage: Slot.Storage) -> Int32 {
    program.slots.append(Slot(type: type, dims: dims, storage: storage))
    return Int32(program.slots.count - 1)
  }

  /// A result's slot: in the arena, or in a buffer of its own where its size is known only while running.
  func resultSlot(_ type: UInt8, _ dims: [Int32]) -> Int32 {
    addSlot(type, dims, dims.contains(where: isLate) ? .dynamic : .arena)
  }

  func dims(_ slot: Int32) -> [Int32] { program.slots[Int(slot)].dims }
  func type(_ slot: Int32) -> UInt8 { program.slots[Int(slot)].type }

  /// A constant's slot in the weight section.
  func weight(_ tensor: Tensor) -> Int32 {
    weight(tensor.storage, type: tensor.type.rawValue, dims: tensor.shape)
  }

  func weight(_ storage: TensorStorage, type: UInt8, dims: [Int]) -> Int32 {
    let place = weights.add(storage)
    let key = WeightKey(type: type, dims: dims, offset: place.offset)
    if let known = weightSlots[key] { return known }
    let slot = addSlot(type, dims.map(constant), .weights(offset: place.offset, length: place.length))
    weightSlots[key] = slot
    return slot
  }

  /// Packed weights: `size` bytes filled by `pack`, which may be nil when the arguments were out of range (size 0).
  func packed(_ size: UInt64, _ pack: (UnsafeMutableRawPointer) -> Void) throws(Diagnostic) -> Int32 {
    guard size > 0, let count = Int(exactly: size) else { throw .unsupported("weights of this shape cannot be packed") }
    let storage = TensorStorage(byteCount: count) { if let base = $0.baseAddress { pack(base) } }
    return weight(storage, type: 255, dims: [count])
  }

  // MARK: Steps

  func add(_ step: Step) { program.steps.append(step) }
}
