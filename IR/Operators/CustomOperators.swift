import Synchronization

/// An operator that a user defines: what its outputs are, and how they are computed. Equal inputs and attributes must
/// give equal outputs: constants are folded and equal nodes are computed once. Both functions are called from any thread.
public struct CustomOperator: Sendable {
  public let name: String
  public let domain: String
  /// Types of the outputs from those of the inputs. Throws what is wrong with them.
  public let infer: @Sendable (CustomTypes) throws -> [TensorType]
  /// The outputs.
  public let evaluate: @Sendable (CustomInputs) throws -> [Tensor]

  /// - Parameters:
  ///   - name: the operator's name in the model.
  ///   - domain: its domain; not one of ONNX's own.
  ///   - infer: types of the outputs from those of the inputs.
  ///   - evaluate: the outputs themselves.
  public init(
    _ name: String, domain: String, infer: @escaping @Sendable (CustomTypes) throws -> [TensorType],
    evaluate: @escaping @Sendable (CustomInputs) throws -> [Tensor]
  ) {
    self.name = name
    self.domain = domain
    self.infer = infer
    self.evaluate = evaluate
  }
}

/// What a custom operator's inference gets.
public struct CustomTypes: Sendable {
  /// Types of the inputs; nil for absent ones.
  public let inputs: [TensorType?]
  /// Values of the inputs that are constants; nil for others.
  public let constants: [Tensor?]
  public let attributes: CustomAttributes
  /// Outputs the node has.
  public let outputCount: Int

  /// The type of an input. Throws where it is absent.
  public func input(_ index: Int) throws(Diagnostic) -> TensorType {
    guard index < inputs.count, let type = inputs[index] else { throw .invalid("input \(index) is missing") }
    return type
  }
}

/// What a custom operator's evaluation gets.
public struct CustomInputs: Sendable {
  /// The inputs; nil for absent ones.
  public let inputs: [Tensor?]
  public let attributes: CustomAttributes
  /// Outputs the node has.
  public let outputCount: Int

  /// An input. Throws where it is absent.
  public func input(_ index: Int) throws(Diagnostic) -> Tensor {
    guard index < inputs.count, let tensor = inputs[index] else { throw .invalid("input \(index) is missing") }
    return tensor
  }
}

/// Attributes of a node of a custom operator, each as a tensor: a number or string as a scalar, a list as a vector.
public struct CustomAttributes: Sendable {
  public let values: [(name: String, value: Tensor)]

  public init(_ values: [(name: String, value: Tensor)]) { self.values = values }

  public subscript(_ name: String) -> Tensor? { values.first { $0.name == name }?.value }

  /// An attribute of one integer; `fallback` where the node has none. Throws where it is something else.
  public func int(_ name: String, default fallback: Int) throws(Diagnostic) -> Int {
    guard let value = self[name] else { return fallback }
    guard value.type == .int64, let number = value.integers.first, value.count == 1 else {
      throw .invalid("attribute '\(name)' is \(value.tensorType), expected an int")
    }
    return Int(number)
  }

  /// An attribute of one float; `fallback` where the node has none. Throws where it is something else.
  public func float(_ name: String, default fallback: Float) throws(Diagnostic) -> Float {
    guard let value = self[name] else { return fallback }
    guard value.type == .float32, let number = value.elements(Float.self)?.first, value.count == 1 else {
      throw .invalid("attribute '\(name)' is \(value.tensorType), expected a float")
    }
    return number
  }

  /// A string attribute; `fallback` where the node has none. Throws where it is something else.
  public func string(_ name: String, default fallback: String) throws(Diagnostic) -> String {
    guard let value = self[name] else { return fallback }
    guard value.type == .string, value.count == 1, let bytes = value.strings.first else {
      throw .invalid("attribute '\(name)' is \(value.tensorType), expected a string")
    }
    return Name(bytes).string
  }
}

/// The custom operators of this process.
public enum CustomOperators {
  private static let table = Mutex<[String: CustomOperator]>([:])

  /// Makes an operator known, for compiling models that use it and for running their bundles. An operator of the same
  /// name and domain is replaced. Throws where Kerf has the operator itself, or the domain is empty.
  public static func register(_ op: CustomOperator) throws(Diagnostic) {
    guard !op.domain.isEmpty, op.domain != "ai.onnx" else {
      throw .invalid("custom operator '\(op.name)' needs a domain of its own")
    }
    guard !op.name.isEmpty, OperatorCatalog.find(op.name, domain: op.domain) == nil else {
      throw .invalid("'\(op.domain).\(op.name)' is an operator of Kerf itself")
    }
    table.withLock { $0["\(op.domain).\(op.name)"] = op }
  }

  public static func find(_ name: String, domain: String) -> CustomOperator? { find("\(domain).\(name)") }

  static func find(_ qualifiedName: String) -> CustomOperator? { table.withLock { $0[qualifiedName] } }

  /// `domain.name` of all, sorted.
  public static var names: [String] { table.withLock { $0.keys.sorted() } }
}

/// A node of a custom operator. Its name and attributes are values, not a type of their own.
public struct CustomCall: Operator {
  public static let name = "Custom"
  public static let domain = "kerf"
  public static let inputs = Arity.variadic(0)
  public static let outputs = Arity.variadic(1)
  public static let attributes: [AttributeField<Self>] = [
    .string("operator", \.target, isInternal: true), .strings("names", \.names, isInternal: true),
    .tensors("values", \.values, isInternal: true),
  ]
  var target: [UInt8] = []
  var names: [[UInt8]]?
  var values: [Tensor]?

  public init() {}

  /// A call of `domain.name`.
  public init(_ qualifiedName: String, _ attributes: [(name: String, value: Tensor)]) {
    target = Array(qualifiedName.utf8)
    names = attributes.isEmpty ? nil : attributes.map { Array($0.name.utf8) }
    values = attributes.isEmpty ? nil : attributes.map(\.value)
  }

  public var displayName: String { Name(target).string }

  private var arguments: CustomAttributes {
    CustomAttributes(zip(names ?? [], values ?? []).map { (Name($0).string, $1) })
  }

  private func definition() throws(Diagnostic) -> CustomOperator {
    guard let op = CustomOperators.find(displayName) else {
      throw Diagnostic(
        .unsupported, "the custom operator is not registered in this program",
        notes: ["register it with CustomOperators.register, or name its library with --custom-operators"])
    }
    return op
  }

  public func inferTypes(_ context: InferenceContext) throws(Diagnostic) -> [ValueType] {
    let op = try definition()
    var inputs: [TensorType?] = []
    for index in context.inputs.indices { inputs.append(context.has(index) ? try context.tensor(index) : nil) }
    let types = CustomTypes(
      inputs: inputs, constants: context.inputs.map { $0?.constant }, attributes: arguments,
      outputCount: context.outputCount)
    let result = try CustomCall.converting { try op.infer(types) }
    guard result.count >= context.outputCount else {
      throw .invalid("its inference gave \(result.count) outputs, expected \(context.outputCount)")
    }
    return result.prefix(context.outputCount).map { .tensor($0) }
  }

  public func evaluate(_ inputs: [Datum?], _ context: EvaluationContext) throws(Diagnostic) -> [Datum] {
    let op = try definition()
    var tensors: [Tensor?] = []
    for index in inputs.indices { tensors.append(inputs[index] == nil ? nil : try inputs.tensor(index)) }
    let call = CustomInputs(inputs: tensors, attributes: arguments, outputCount: context.outputCount)
    let results = try CustomCall.converting { try op.evaluate(call) }
    guard results.count >= context.outputCount else {
      throw .invalid("its evaluation gave \(results.count) outputs, expected \(context.outputCount)")
    }
    return results.prefix(context.outputCount).map { .tensor($0) }
  }

  /// Runs a user's function; whatever it throws becomes a diagnostic.
  private static func converting<Result>(_ body: () throws -> Result) throws(Diagnostic) -> Result {
    do {
      return try body()
    } catch let error as Diagnostic {
      throw error
    } catch {
      throw .invalid("\(error)")
    }
  }
}
