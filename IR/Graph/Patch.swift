/// A proposed edit: new nodes, and which existing values they take the place of. A rule returns one; the driver checks
/// and applies it.
public struct Patch: Sendable {
  /// A value the patch can read: one of the graph, or one it makes.
  public enum Operand: Hashable, Sendable {
    case existing(ValueID)
    case new(Int)
  }

  enum Creation: Sendable {
    case constant(Tensor, name: Name)
    case node(any Operator, [Operand?], outputs: Range<Int>, names: [Name])
  }

  /// The node the rule matched: new nodes stand before it, and carry its names.
  public let anchor: NodeID
  /// Nodes the rewrite also makes superfluous; their names go to the new nodes.
  public var absorbed: [NodeID] = []
  /// What was done, for the log: "folded BatchNormalization into Conv".
  public var note: String
  var creations: [Creation] = []
  var newCount = 0
  var replacements: [(old: ValueID, new: Operand)] = []

  public init(at anchor: NodeID, note: String) {
    self.anchor = anchor
    self.note = note
  }

  /// Adds a constant.
  public mutating func constant(_ tensor: Tensor, name: Name = "") -> Operand {
    creations.append(.constant(tensor, name: name))
    newCount += 1
    return .new(newCount - 1)
  }

  /// Adds a node with one output. `names` beyond those of anchor and absorbed nodes are rarely needed.
  public mutating func add(_ op: any Operator, _ inputs: [Operand?], names: [Name]? = nil) -> Operand {
    add(op, inputs, outputs: 1, names: names)[0]
  }

  public mutating func add(_ op: any Operator, _ inputs: [Operand?], outputs: Int, names: [Name]? = nil) -> [Operand] {
    let range = newCount..<(newCount + outputs)
    creations.append(.node(op, inputs, outputs: range, names: names ?? []))
    newCount += outputs
    return range.map { .new($0) }
  }

  /// Lets all readers of `old` read `new`.
  public mutating func replace(_ old: ValueID, with new: Operand) { replacements.append((old, new)) }
}

extension Graph {
  /// Applies a patch: makes its constants and nodes before the anchor, checks that each replaced value's type is
  /// compatible with its replacement's, rewires, and removes what nothing reads any more. On an error the graph is
  /// unchanged. Returns the values made.
  @discardableResult
  public mutating func apply(_ patch: Patch) throws(Diagnostic) -> [ValueID] {
    guard let anchor = self[patch.anchor] else { throw .invalid("the patch's anchor is gone") }
    var made: [ValueID?] = Array(repeating: nil, count: patch.newCount)
    var madeNodes: [NodeID] = []
    // In order of the data: rules list what they absorb from the anchor upwards.
    var names: [Name] = []
    for id in patch.absorbed.reversed() + [patch.anchor] {
      for name in self[id]?.nameList ?? [] where !names.suffix(64).contains(name) { names.append(name) }
    }
    do throws(Diagnostic) {
      var slot = 0
      for creation in patch.creations {
        switch creation {
        case .constant(let tensor, let name):
          made[slot] = addConstant(tensor, name: name)
          slot += 1
        case .node(let op, let inputs, let outputs, let own):
          let values = inputs.map { $0.flatMap { resolve($0, made) } }
          let added = NodeID(nodes.count)
          let results = try add(
            op, values, outputs: outputs.count, names: own.isEmpty ? names : own, before: patch.anchor)
          madeNodes.append(added)
          for (index, value) in zip(outputs, results) { made[index] = value }
          slot += outputs.count
        }
      }
      for (old, new) in patch.replacements {
        guard let value = resolve(new, made) else { throw Diagnostic.invalid("a patch replaces a value with nothing") }
        guard type(value).isCompatible(with: type(old)) else {
          throw Diagnostic.invalid("\(anchor.label): the rewrite gives \(type(value)) where \(type(old)) was")
        }
      }
    } catch {
      for id in madeNodes.reversed() { remove(id) }
      throw error
    }
    for (old, new) in patch.replacements {
      guard let value = resolve(new, made) else { continue }
      values[value.index].type = Graph.narrowed(type(value), by: type(old))
      if self[value].name.isEmpty { setName(value, self[old].name) }
      if case .constant = self[value].definition {
      } else if self[value].contents == nil {
        values[value.index].contents = self[old].contents
      }
      replaceUses(of: old, with: value)
    }
    removeDead(from: patch.anchor)
    for id in patch.absorbed { removeDead(from: id) }
    return made.compactMap { $0 }
  }

  private func resolve(_ operand: Patch.Operand, _ made: [ValueID?]) -> ValueID? {
    switch operand {
    case .existing(let id): id
    case .new(let index): made[index]
    }
  }
}
