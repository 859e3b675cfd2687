/// The text form of a graph. Parsing a print gives an equal graph.
///
///     graph @stem(%x: f32[N,3,8,8]) -> (%y: f32[N,4,4,4]) {
///       %w = constant @w : f32[4,3,3,3]
///       %0 = Conv(%x, %w, _) {strides=[2, 2]} : f32[N,4,4,4] from "stem/conv1"
///       %y = Relu(%0) : f32[N,4,4,4] from "stem/relu"
///       return %y
///     }
///
/// Nodes stand in order, constants before their first reader, attributes only where not default. An absent input is
/// `_`. Values are `%name` where the name is free, `%3` where there is none, `%3 as "name"` where it is taken. Names of
/// other characters than letters, digits, `_`, `.`, `/` are quoted, bytes outside ASCII as `\xNN`.
public struct GraphPrinter: Sendable {
  /// What is printed of a constant's elements.
  public enum Constants: Sendable {
    /// Up to so many elements as numbers, larger ones by name: the parser needs their data beside the text.
    case named(above: Int)
    /// Small ones as numbers, all others as `hex"…"`: the text stands alone.
    case embedded
  }

  public var constants: Constants
  /// Data of the constants printed by name.
  public private(set) var table: [String: Tensor] = [:]

  private var taken: Set<[UInt8]> = []
  private var counter = 0
  private var lines: [String] = []

  public init(constants: Constants = .named(above: 16)) { self.constants = constants }

  /// The text; `table` then holds what it names.
  public mutating func print(_ graph: Graph) -> String {
    taken = []
    counter = 0
    lines = []
    table = [:]
    let head = append(graph, indent: "")
    return ([head] + lines).joined(separator: "\n") + "\n"
  }

  // MARK: Graph and nodes

  /// Appends all but the first line, which it returns: nested graphs continue the line of their node.
  private mutating func append(_ graph: Graph, indent: String) -> String {
    var ids: [ValueID: String] = [:]
    let inputs = graph.inputs.map { id in "\(define(id, graph, &ids)): \(graph.type(id))" }
    let outputs = zip(graph.outputs, graph.outputNames).map { id, name in
      "%\(QuotedText.identifier(name.bytes)): \(graph.type(id))"
    }
    let first =
      "graph @\(QuotedText.identifier(graph.name.bytes))(\(inputs.joined(separator: ", ")))"
      + " -> (\(outputs.joined(separator: ", "))) {"
    let inner = indent + "  "
    for node in graph.orderedNodes {
      for input in node.inputs { appendConstant(input, graph, inner, &ids) }
      append(node, graph, inner, &ids)
    }
    for output in graph.outputs { appendConstant(output, graph, inner, &ids) }
    lines.append(inner + "return" + list(graph.outputs.map { ids[$0] ?? "_" }, prefix: " "))
    lines.append(indent + "}")
    return first
  }

  private func list(_ items: [String], prefix: String) -> String {
    items.isEmpty ? "" : prefix + items.joined(separator: ", ")
  }

  private mutating func append(_ node: Node, _ graph: Graph, _ indent: String, _ ids: inout [ValueID: String]) {
    let inputs = node.inputs.map { input in input.map { ids[$0] ?? "_" } ?? "_" }.joined(separator: ", ")
    let attributes = node.op.attributeValues.map { "\($0.name)=\(text($0.value, indent + "  "))" }
    var line = indent + node.outputs.map { define($0, graph, &ids) }.joined(separator: ", ")
    line += " = \(Swift.type(of: node.op).qualifiedName)(\(inputs))"
    if !attributes.isEmpty { line += " {\(attributes.joined(separator: ", "))}" }
    line += " : " + node.outputs.map { graph.type($0).description }.joined(separator: ", ")
    if !node.names.isEmpty {
      line += " from " + node.names.map { QuotedText.quoted($0.bytes) }.joined(separator: ", ")
    }
    lines.append(line)
  }

  /// Gives a value its identifier and returns it as it stands where the value is defined.
  private mutating func define(_ id: ValueID, _ graph: Graph, _ ids: inout [ValueID: String]) -> String {
    let name = graph[id].name.bytes
    let isNumber = name.allSatisfy { (48...57).contains($0) }
    if !isNumber, name != [95], taken.insert(name).inserted {
      let text = "%" + QuotedText.identifier(name)
      ids[id] = text
      return text
    }
    let text = "%\(counter)"
    counter += 1
    ids[id] = text
    return name.isEmpty ? text : "\(text) as \(QuotedText.quoted(name))"
  }

  // MARK: Constants

  private mutating func appendConstant(
    _ id: ValueID?, _ graph: Graph, _ indent: String, _ ids: inout [ValueID: String]
  ) {
    guard let id, let tensor = graph.constant(id), ids[id] == nil else { return }
    let defined = define(id, graph, &ids)
    let key = String((ids[id] ?? "").dropFirst())
    lines.append("\(indent)\(defined) = constant \(text(tensor, key: key)) : \(tensor.tensorType)")
  }

  /// The elements: numbers, hexadecimal bytes, or the name they go by.
  private mutating func text(_ tensor: Tensor, key: String) -> String {
    switch constants {
    case .named(let limit):
      if tensor.count <= limit { return numbers(tensor) }
      table[key] = tensor
      return "@" + key
    case .embedded:
      if tensor.count <= 16 || tensor.type == .string { return numbers(tensor) }
      return "hex\"" + hexadecimal(tensor.bytes) + "\""
    }
  }

  private func numbers(_ tensor: Tensor) -> String {
    let component = ElementText.component(tensor.type)
    let items =
      tensor.type == .string
      ? tensor.strings.map { QuotedText.quoted($0) }
      : ElementText.codes(tensor).map { ElementText.text($0, component) }
    if tensor.rank == 0, items.count == 1 { return items[0] }
    return "[" + items.joined(separator: ", ") + "]"
  }

  private func hexadecimal(_ bytes: UnsafeRawBufferPointer) -> String {
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    text.reserveCapacity(bytes.count * 2)
    for byte in bytes {
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
  }

  // MARK: Attributes

  private mutating func text(_ value: AttributeValue, _ indent: String) -> String {
    switch value {
    case .int(let number): return String(number)
    case .float(let number): return GraphPrinter.float(number)
    case .string(let bytes): return QuotedText.quoted(bytes)
    case .tensor(let tensor): return text(attribute: tensor)
    case .type(let type): return "type(\(type))"
    case .ints(let list): return (list.isEmpty ? "ints" : "") + brackets(list.map { String($0) })
    case .floats(let list): return (list.isEmpty ? "floats" : "") + brackets(list.map { GraphPrinter.float($0) })
    case .strings(let list): return (list.isEmpty ? "strings" : "") + brackets(list.map { QuotedText.quoted($0) })
    case .tensors(let list):
      var items: [String] = []
      for tensor in list { items.append(text(attribute: tensor)) }
      return "tensors" + brackets(items)
    case .graph(let graph):
      let outer = lines
      lines = []
      let head = append(graph, indent: indent)
      let text = ([head] + lines).joined(separator: "\n")
      lines = outer
      return text
    }
  }

  private func brackets(_ items: [String]) -> String { "[" + items.joined(separator: ", ") + "]" }

  private mutating func text(attribute tensor: Tensor) -> String {
    let key = String(counter)  // Never the key of a value: it has no number that is given out here.
    counter += 1
    return "tensor(\(text(tensor, key: key)) : \(tensor.tensorType))"
  }

  static func float(_ number: Float) -> String { ElementText.text(UInt64(number.bitPattern), .float32) }
}

extension Graph {
  /// The text form, constants above 16 elements by name only.
  public var text: String {
    var printer = GraphPrinter()
    return printer.print(self)
  }

  /// The text form with every element in it, so that it reads back without anything beside it.
  public var standaloneText: String {
    var printer = GraphPrinter(constants: .embedded)
    return printer.print(self)
  }
}
