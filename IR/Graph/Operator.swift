/// An operator: attributes, type inference, constraints, and its meaning as a slow, obvious, exact evaluation.
///
/// One file per operator family holds all four. The meaning is that of the newest ONNX version; the importer resolves
/// the differences of older ones.
public protocol Operator: Sendable {
  /// ONNX operator name, as `Conv`.
  static var name: String { get }
  /// ONNX domain: empty for ai.onnx.
  static var domain: String { get }
  /// Versions of the ONNX domain in which an operator of this name is understood (by the importer, all of them).
  static var opsets: ClosedRange<Int> { get }
  static var inputs: Arity { get }
  static var outputs: Arity { get }
  static var attributes: [AttributeField<Self>] { get }
  /// Whether the same inputs always give the same outputs; random operators say no and are never folded or shared.
  static var isDeterministic: Bool { get }

  /// Graphs among the attributes, in order. Operators that have some are `BodyOperator`s.
  var subgraphs: [Graph] { get }
  /// The name that messages and reports show; that of the type, where it does not say otherwise.
  var displayName: String { get }

  init()

  /// Types of the outputs, as many as `context.outputCount`. Dimensions that depend on data are `Dim.unknown`.
  /// Throws a diagnostic that states the violated constraint.
  func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType]

  /// For shape arithmetic: the elements of the (rank 0 or 1, integer) outputs as dimensions, where they follow from the
  /// inputs' types and contents; nil for "not known". Of sequences: their length.
  func inferContents(_ context: InferenceContext) -> [[Dim]?]

  /// The outputs, as many as `context.outputCount`. Inputs that are absent are nil.
  func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum]
}

/// How many inputs or outputs: `1...3` with trailing ones optional.
public struct Arity: Hashable, Sendable, ExpressibleByIntegerLiteral {
  public var minimum: Int
  public var maximum: Int

  public init(_ range: ClosedRange<Int>) {
    minimum = range.lowerBound
    maximum = range.upperBound
  }
  public init(integerLiteral value: Int) { self.init(value...value) }
  /// At least so many, any number more.
  public static func variadic(_ minimum: Int) -> Arity { Arity(minimum...Int(Int32.max)) }
  public static func range(_ range: ClosedRange<Int>) -> Arity { Arity(range) }
}

extension Operator {
  public static var domain: String { "" }
  public static var opsets: ClosedRange<Int> { 1...28 }
  public static var outputs: Arity { 1 }
  public static var attributes: [AttributeField<Self>] { [] }
  public static var isDeterministic: Bool { true }
  public func inferContents(_ context: InferenceContext) -> [[Dim]?] { [] }

  /// `Conv`, or `ai.onnx.ml.Scaler` outside the default domain.
  public static var qualifiedName: String { domain.isEmpty ? name : "\(domain).\(name)" }

  public var displayName: String { Self.qualifiedName }

  /// Attributes that are not their defaults, in declaration order.
  public var attributeValues: [(name: String, value: AttributeValue)] {
    Self.attributes.compactMap { field in field.get(self).map { (field.name, $0) } }
  }

  /// Sets one attribute by name. `fromModel` refuses the internal ones.
  public mutating func setAttribute(_ name: String, _ value: AttributeValue, fromModel: Bool = false) throws(Diagnostic)
  {
    guard let field = Self.attributes.first(where: { $0.name == name && !(fromModel && $0.isInternal) }) else {
      let known = Self.attributes.filter { !$0.isInternal }.map(\.name)
      throw .invalid("there is no attribute '\(name)'", notes: Self.hint(known, name))
    }
    try field.set(&self, value)
  }

  /// What an unknown attribute may have meant.
  private static func hint(_ known: [String], _ name: String) -> [String] {
    if let near = known.nearest(to: name) { return ["did you mean '\(near)'?"] }
    return known.isEmpty ? [] : ["\(qualifiedName) has \(known.map { "'\($0)'" }.joined(separator: ", "))"]
  }

  /// Same operator type, same attributes.
  public func isEqual(to other: any Operator) -> Bool {
    guard let other = other as? Self else { return false }
    return Self.attributes.allSatisfy { $0.get(self) == $0.get(other) }
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(Self.qualifiedName)
    for (name, value) in attributeValues {
      hasher.combine(name)
      hasher.combine(value)
    }
  }

  public var subgraphs: [Graph] { [] }
}

/// What type inference knows of a node's inputs.
public struct InferenceContext: Sendable {
  public struct Input: Sendable {
    public var type: ValueType
    /// The value, where it is a constant.
    public var constant: Tensor?
    /// The elements of an integer tensor of rank 0 or 1 as dimensions, where known; of a sequence, its length.
    public var contents: [Dim]?
    public init(type: ValueType, constant: Tensor? = nil, contents: [Dim]? = nil) {
      self.type = type
      self.constant = constant
      self.contents = contents
    }
  }
  /// Absent optional inputs are nil; trailing ones may be missing.
  public var inputs: [Input?]
  public var outputCount: Int

  public init(inputs: [Input?], outputCount: Int) {
    self.inputs = inputs
    self.outputCount = outputCount
  }

  public func has(_ index: Int) -> Bool { index < inputs.count && inputs[index] != nil }
  public func input(_ index: Int) -> Input? { index < inputs.count ? inputs[index] : nil }
  public func constant(_ index: Int) -> Tensor? { input(index)?.constant }
  /// Elements of an integer input as dimensions.
  public func contents(_ index: Int) -> [Dim]? { input(index)?.contents }
  /// Elements of a constant integer input.
  public func integers(_ index: Int) -> [Int]? {
    guard let dims = contents(index) else {
      // Constants of many elements have no contents.
      guard let tensor = constant(index), tensor.rank <= 1, tensor.type.isInteger, tensor.type != .uint64 else {
        return nil
      }
      return tensor.integers
    }
    let values = dims.compactMap(\.value)
    return values.count == dims.count ? values : nil
  }

  /// The type as the first input holds it, where it is the same: long chains then keep one of it, not one per value.
  func shared(_ type: ValueType) -> ValueType {
    if let first = inputs.first, let own = first?.type, own == type { own } else { type }
  }

  /// Type of a tensor input. Throws where it is absent or no tensor.
  public func tensor(_ index: Int) throws(Diagnostic) -> TensorType {
    guard let input = input(index) else { throw .invalid("input \(index) is missing") }
    guard let type = input.type.tensor else { throw .invalid("input \(index) is a \(input.type), expected a tensor") }
    return type
  }

  public func shape(_ index: Int) throws(Diagnostic) -> Shape? { try tensor(index).shape }
  public func element(_ index: Int) throws(Diagnostic) -> ElementType { try tensor(index).element }

  /// Throws unless the input is a tensor of one of these element types.
  public func require(_ index: Int, _ types: [ElementType]) throws(Diagnostic) {
    let type = try element(index)
    guard types.contains(type) else {
      let accepted = types.map(\.name).joined(separator: ", ")
      throw .invalid("input \(index) has element type \(type.name), accepted are \(accepted)")
    }
  }

  /// Throws unless all these present inputs have one element type, which it returns.
  @discardableResult
  public func sameElement(_ indices: some Sequence<Int>) throws(Diagnostic) -> ElementType {
    var first: (Int, ElementType)?
    for index in indices where has(index) {
      let type = try element(index)
      if let (i, t) = first, t != type {
        throw .invalid("input \(index) has element type \(type.name), but input \(i) has \(t.name)")
      }
      if first == nil { first = (index, type) }
    }
    guard let first else { throw .invalid("inputs are missing") }
    return first.1
  }
}

/// What an evaluation may ask for.
public struct EvaluationContext: Sendable {
  public var outputCount: Int
  /// Bytes one result may take; operators check before they allocate.
  public var maximumBytes: Int
  /// Set to stop a long evaluation; checked between nodes and loop trips. Monotonic nanoseconds.
  public var deadline: UInt64?
  public var depth: Int

  public init(outputCount: Int, maximumBytes: Int = 1 << 33, deadline: UInt64? = nil, depth: Int = 0) {
    self.outputCount = outputCount
    self.maximumBytes = maximumBytes
    self.deadline = deadline
    self.depth = depth
  }

  /// Checks the size of a result before it is made. Throws where it is above the limit; returns the element count.
  @discardableResult
  public func checkSize(_ shape: [Int], _ type: ElementType) throws(Diagnostic) -> Int {
    guard let count = Tensor.elementCount(of: shape), let bytes = type.byteCount(of: count),
      max(bytes, count) <= maximumBytes
    else { throw .invalid("a result of shape \(describe(shape)) would take more than \(maximumBytes) bytes") }
    return count
  }
}

/// Inputs of an evaluation, unwrapped with errors.
extension Array where Element == Datum? {
  /// The tensor at an input; throws where it is absent or no tensor.
  public func tensor(_ index: Int) throws(Diagnostic) -> Tensor {
    guard index < count, let datum = self[index] else { throw .invalid("input \(index) is missing") }
    guard let tensor = datum.tensor else { throw .invalid("input \(index) is a \(datum.type), expected a tensor") }
    return tensor
  }

  /// The tensor at an optional input; nil where it is absent.
  public func optionalTensor(_ index: Int) -> Tensor? { index < count ? self[index]?.tensor : nil }
}
