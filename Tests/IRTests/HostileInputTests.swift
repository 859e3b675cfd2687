import IR
import TestSupport
import Testing

/// Any operator with any attributes on any inputs: it may refuse, it may not trap, and what it evaluates to has the
/// types it inferred.
@Suite struct HostileInputTests {
  static let trials = 150

  @Test(arguments: OperatorCatalog.all.map { $0.qualifiedName })
  func refusesOrAgrees(_ name: String) throws {
    let parts = name.split(separator: ".").map(String.init)
    let domain = parts.dropLast().joined(separator: ".")
    let type = try #require(OperatorCatalog.find(parts.last ?? "", domain: domain))
    var random = SeededGenerator(seed: name.utf8.reduce(7) { $0 &* 31 &+ UInt64($1) })
    for trial in 0..<Self.trials {
      let op = Self.randomOperator(type, &random)
      let inputs = Self.randomInputs(type, &random)
      let outputs = min(type.outputs.minimum + Int.random(in: 0...2, using: &random), type.outputs.maximum)
      if let problem = Self.disagreement(op, inputs, outputs) {
        Issue.record("\(name), trial \(trial): \(problem)")
        return
      }
    }
  }

  static func disagreement(_ op: any Operator, _ inputs: [Tensor?], _ outputs: Int) -> String? {
    let known = inputs.map { tensor in
      tensor.map { tensor in
        InferenceContext.Input(
          type: .tensor(tensor.tensorType), constant: tensor,
          contents: tensor.rank < 2 && tensor.type.isInteger ? tensor.integers.map { Dim($0) } : nil)
      }
    }
    let context = InferenceContext(inputs: known, outputCount: outputs)
    guard let types = try? op.inferTypes(context) else { return nil }
    let contents = op.inferContents(context)
    let deadline = EvaluationContext.deadline(seconds: 5)
    let evaluation = EvaluationContext(outputCount: outputs, maximumBytes: 1 << 20, deadline: deadline)
    guard let results = try? op.evaluate(inputs.map { $0.map { .tensor($0) } }, evaluation) else { return nil }
    if types.count != results.count { return "\(types.count) types, \(results.count) results" }
    for (type, result) in zip(types, results) where !type.isCompatible(with: result.type) {
      return "inferred \(type), evaluated \(result.type)"
    }
    for (inferred, result) in zip(contents, results) {
      guard let inferred, let tensor = result.tensor, tensor.type.isInteger || tensor.type == .bool else { continue }
      if inferred.compactMap(\.value) != tensor.integers {
        return "inferred contents \(inferred), evaluated \(tensor.integers)"
      }
    }
    return nil
  }

  static func randomOperator(_ type: any Operator.Type, _ random: inout SeededGenerator) -> any Operator {
    var op = type.init()
    for (name, isInternal) in names(op) where !isInternal && (name.count < 4 || Bool.random(using: &random)) {
      for value in values(&random) { try? op.setAttribute(name, value, fromModel: true) }
    }
    return op
  }

  static func names(_ op: some Operator) -> [(String, Bool)] {
    type(of: op).attributes.map { ($0.name, $0.isInternal) }
  }

  static func values(_ random: inout SeededGenerator) -> [AttributeValue] {
    let odd: [Int64] = [0, 1, -1, 2, 3, 7, -2, 1 << 31, 1 << 32, .max, .min]
    let small = (0..<Int.random(in: 0...4, using: &random)).map { _ in odd[Int.random(in: 0...5, using: &random)] }
    let integer = odd[Int.random(in: 0..<odd.count, using: &random)]
    let number = [Float(0), 1, -1, 0.5, .nan, .infinity, -0.0][Int.random(in: 0...6, using: &random)]
    let words = ["", "a", "bilinear", "SUM", "ii->i", "ij,jk", "LEAF", "BRANCH_LEQ", "max"]
    let word = Array(words[Int.random(in: 0..<words.count, using: &random)].utf8)
    return [
      .int(integer), .int(Int64.random(in: 0...3, using: &random)), .float(number), .string(word), .ints(small),
      .floats(small.map { Float($0) }), .strings(small.map { _ in word }), .tensor(tensor(&random)),
    ]
  }

  static func randomInputs(_ type: any Operator.Type, _ random: inout SeededGenerator) -> [Tensor?] {
    let count = Int.random(in: type.inputs.minimum...min(type.inputs.maximum, type.inputs.minimum + 3), using: &random)
    let first = tensor(&random)
    return (0..<count).map { index in
      switch Int.random(in: 0...9, using: &random) {
      case 0: index < type.inputs.minimum ? first : nil
      case 1...3: tensor(&random)
      case 4...5: small(&random)
      default: Bool.random(using: &random) ? first : like(first, &random)
      }
    }
  }

  static func shape(_ random: inout SeededGenerator) -> [Int] {
    (0..<Int.random(in: 0...4, using: &random)).map { _ in [1, 2, 3, 2, 4, 0][Int.random(in: 0...5, using: &random)] }
  }

  static func like(_ other: Tensor, _ random: inout SeededGenerator) -> Tensor {
    filled(other.type, shape(&random), &random)
  }

  static func tensor(_ random: inout SeededGenerator) -> Tensor {
    let types: [ElementType] = [.float32, .float32, .float64, .int64, .int32, .int8, .uint8, .bool, .string, .float16]
    return filled(types[Int.random(in: 0..<types.count, using: &random)], shape(&random), &random)
  }

  /// Axes, shapes, counts and the like.
  static func small(_ random: inout SeededGenerator) -> Tensor {
    let type: ElementType = Bool.random(using: &random) ? .int64 : .int32
    return filled(type, Bool.random(using: &random) ? [] : [Int.random(in: 0...3, using: &random)], &random)
  }

  static func filled(_ type: ElementType, _ shape: [Int], _ random: inout SeededGenerator) -> Tensor {
    let count = shape.reduce(1, *)
    if type == .string { return Tensor(strings: (0..<count).map { _ in [97] }, shape: shape) }
    let odd = [0, 1, -1, 2, 3, 1, 2, 1 << 20, 1 << 40, Int.max, Int.min]
    if type.isFloat {
      let values = (0..<count).map { _ -> Double in
        let wild = [Double.nan, .infinity, 1e300, -0.0]
        return Int.random(in: 0...9, using: &random) == 0
          ? wild[Int.random(in: 0...3, using: &random)] : Double.random(in: -3...3, using: &random)
      }
      return Tensor(wide: values, type, shape)
    }
    let values = (0..<count).map { _ -> Int64 in
      Int64(odd[Int.random(in: 0..<(Int.random(in: 0...3, using: &random) == 0 ? odd.count : 7), using: &random)])
    }
    return Tensor(wide: values, type, shape)
  }
}
