/// One input of a node, as an entry in the list of what reads a value. The entries of a node's inputs stand one after
/// another; those of a value are linked, oldest first, so that each edit takes the same time however many readers it has.
struct Use: Sendable {
  let node: NodeID
  var next: Int32 = -1
  var previous: Int32 = -1
}

/// Who reads a value.
extension Graph {
  /// Nodes that read a value, once per reading input; no more than `limit`.
  public func users(_ id: ValueID, limit: Int = .max) -> [NodeID] {
    var found: [NodeID] = []
    var current = values[id.index].firstUse
    while current >= 0, found.count < limit {
      found.append(uses[Int(current)].node)
      current = uses[Int(current)].next
    }
    return found
  }

  /// How many inputs of nodes read a value.
  public func readerCount(_ id: ValueID) -> Int { Int(values[id.index].readerCount) }
  public func isOutput(_ id: ValueID) -> Bool { values[id.index].outputUses > 0 }
  /// Readers, the graph's outputs included.
  public func useCount(_ id: ValueID) -> Int { readerCount(id) + Int(values[id.index].outputUses) }

  /// Makes entries for a node's inputs and lists them with what they read.
  mutating func addUses(of id: NodeID) {
    let inputs = nodes[id.index]?.inputs ?? []
    nodes[id.index]?.firstUse = Int32(truncatingIfNeeded: uses.count)
    for input in inputs {
      uses.append(Use(node: id))
      if let input { list(uses.count - 1, at: input) }
    }
  }

  /// Takes the entries of a node's inputs off the lists of what they read.
  mutating func removeUses(of node: Node) {
    for (index, input) in node.inputs.enumerated() {
      if let input { unlist(Int(node.firstUse) + index, at: input) }
    }
  }

  mutating func list(_ use: Int, at value: ValueID) {
    let last = values[value.index].lastUse
    let own = Int32(truncatingIfNeeded: use)
    uses[use].previous = last
    uses[use].next = -1
    if last >= 0 { uses[Int(last)].next = own } else { values[value.index].firstUse = own }
    values[value.index].lastUse = own
    values[value.index].readerCount += 1
  }

  mutating func unlist(_ use: Int, at value: ValueID) {
    let (before, after) = (uses[use].previous, uses[use].next)
    if before >= 0 { uses[Int(before)].next = after } else { values[value.index].firstUse = after }
    if after >= 0 { uses[Int(after)].previous = before } else { values[value.index].lastUse = before }
    values[value.index].readerCount -= 1
  }

  /// Lets all readers of a value, the graph's outputs included, read another.
  public mutating func replaceUses(of old: ValueID, with new: ValueID) {
    guard old != new else { return }
    var current = values[old.index].firstUse
    while current >= 0 {
      let use = uses[Int(current)]
      let input = Int(current - (nodes[use.node.index]?.firstUse ?? current))
      nodes[use.node.index]?.inputs[input] = new
      current = use.next
    }
    moveUses(of: old, to: new)
    for place in outputPlaces.removeValue(forKey: old) ?? [] {
      outputs[place] = new
      outputPlaces[new, default: []].append(place)
    }
    values[new.index].outputUses += values[old.index].outputUses
    values[old.index].outputUses = 0
  }

  /// Appends one value's list to another's.
  private mutating func moveUses(of old: ValueID, to new: ValueID) {
    let (first, last) = (values[old.index].firstUse, values[old.index].lastUse)
    guard first >= 0 else { return }
    let end = values[new.index].lastUse
    uses[Int(first)].previous = end
    if end >= 0 { uses[Int(end)].next = first } else { values[new.index].firstUse = first }
    values[new.index].lastUse = last
    values[new.index].readerCount += values[old.index].readerCount
    (values[old.index].firstUse, values[old.index].lastUse, values[old.index].readerCount) = (-1, -1, 0)
  }

  public mutating func setOutputs(_ ids: [ValueID], names: [Name]) {
    for id in outputs { values[id.index].outputUses -= 1 }
    outputs = ids
    outputNames = names
    outputPlaces = [:]
    for (place, id) in ids.enumerated() {
      values[id.index].outputUses += 1
      outputPlaces[id, default: []].append(place)
    }
  }
}
