import Bundle
import IR

/// Lowers one graph (the model, or the body of a control-flow node) into one program.
///
/// Every value may stand in memory in several layouts and element types; each such place is made when something asks for
/// it. Constants, dequantized values and shape arithmetic that nothing asks for never become a step.
final class GraphLowering {
  /// Where a value stands in memory.
  struct Placement {
    let slot: Int32
    let layout: Layout
    let type: ElementType
  }

  private(set) var graph: Graph
  let builder: ProgramBuilder
  let record: LoweringRecord
  let costs: any KernelCosts
  var placements: [[Placement]]
  /// Steps to emit when a value is first asked for.
  private var deferred: [ValueID: () throws(Diagnostic) -> Void] = [:]
  /// Slots of values that only host calls understand.
  private var hostSlots: [ValueID: Int32] = [:]
  /// Nodes that an earlier node's step already covers.
  var covered: Set<NodeID> = []
  let depth: Int
  /// Bounds of symbolic dimensions of the inputs.
  private let bounds: [String: ClosedRange<Int>]

  init(
    _ graph: consuming Graph, weights: WeightStore, record: LoweringRecord, costs: any KernelCosts, depth: Int = 0,
    bounds: [String: ClosedRange<Int>] = [:]
  ) {
    self.bounds = bounds
    self.record = record
    self.costs = costs
    self.depth = depth
    builder = ProgramBuilder(weights: weights)
    placements = Array(repeating: [], count: graph.valueCount)
    self.graph = graph
  }

  /// The program of the whole graph. Throws where something can be neither lowered nor evaluated by the host.
  func lower() throws(Diagnostic) -> Program {
    try addInputs()
    for id in graph.nodeIDs() where !covered.contains(id) {
      guard let node = graph[id] else { continue }
      try lower(node)
      letGo(weightsOf: node)
    }
    for (value, name) in zip(graph.outputs, graph.outputNames) {
      if let source = squeezed(value) {
        let slot = try slot(source, type: element(source))
        builder.program.outputs.append(Port(name: name.bytes, slot: slot, isSqueezed: true))
        continue
      }
      let slot = try isTensor(value) ? slot(value, type: element(value)) : hostSlot(value)
      builder.program.outputs.append(Port(name: name.bytes, slot: slot))
    }
    return builder.program
  }

  /// What an output of the model is squeezed from, where its rank is known only to a run: the runtime hands out the same
  /// elements under fewer axes.
  private func squeezed(_ value: ValueID) -> ValueID? {
    guard depth == 0, !isTensor(value), let node = graph.producer(value), node.op is Squeeze,
      node.inputs.dropFirst().allSatisfy({ $0 == nil }), let source = node.inputs[0], isTensor(source)
    else { return nil }
    return source
  }

  /// Frees large constants once they are packed: nothing asks for them again. Those that lie in a file leave memory until
  /// they are read again.
  private func letGo(weightsOf node: Node) {
    let isPacked = node.op is any FusesActivation
    for input in node.inputs {
      guard let input, let storage = graph.constant(input)?.storage, storage.bytes.count >= 1 << 16 else { continue }
      storage.setAside()
      if isPacked, graph.useCount(input) == 1 { graph.forgetConstant(input) }
    }
  }

  // MARK: Inputs

  private func addInputs() throws(Diagnostic) {
    for (index, value) in graph.inputs.enumerated() {
      guard let shape = graph.type(value).tensor?.shape, isTensor(value) else { continue }
      for (axis, dim) in shape.enumerated() where dim.symbolName != nil {
        builder.bind(dim, to: source(dim, index, axis))
      }
    }
    for (index, value) in graph.inputs.enumerated() {
      let slot: Int32
      if isTensor(value), let shape = graph.type(value).tensor?.shape {
        var dims: [Int32] = []
        for (axis, dim) in shape.enumerated() {
          if builder.expression(dim) == nil {
            builder.bind(dim, to: builder.expression(.inputDimension, Int64(index), Int64(axis)))
          }
          dims.append(builder.expression(dim) ?? builder.expression(.inputDimension, Int64(index), Int64(axis)))
        }
        slot = builder.addSlot(element(value).rawValue, dims, .input)
        placements[value.index].append(Placement(slot: slot, layout: .identity(shape.count), type: element(value)))
      } else {
        slot = builder.addSlot(0, [], .host)
        hostSlots[value] = slot
      }
      builder.program.inputs.append(Port(name: graph[value].name.bytes, slot: slot))
    }
  }

  /// Where a symbol gets its value: an axis of an input, clamped to its bounds. Outside of them the program then expects
  /// another dimension than was given, and refuses the run.
  private func source(_ dim: Dim, _ input: Int, _ axis: Int) -> Int32 {
    let given = builder.expression(.inputDimension, Int64(input), Int64(axis))
    guard let range = dim.symbolName.flatMap({ bounds[$0] }) else { return given }
    let raised = builder.expression(.maximum, Int64(given), Int64(builder.constant(range.lowerBound)))
    return builder.expression(.minimum, Int64(raised), Int64(builder.constant(range.upperBound)))
  }

  // MARK: Nodes

  private func lower(_ node: Node) throws(Diagnostic) {
    if try deferShapeArithmetic(node) { return }
    if let output = node.outputs.first, squeezed(output) != nil, graph.users(output, limit: 1).isEmpty { return }
    let name = Swift.type(of: node.op).qualifiedName
    if node.op is CustomCall { return try lowerToHost(node, reason: LoweringCatalog.customReason) }
    guard let rule = LoweringCatalog.rules[name] else {
      return try lowerToHost(node, reason: LoweringCatalog.referenceReason(name))
    }
    guard let problem = obstacle(node) else {
      if let quantized = LoweringCatalog.quantizedRules[name], try quantized(self, node) { return }
      if try rule(self, node) { return try roundResults(node) }
      return try lowerToHost(node, reason: "no kernel takes these element types, shapes or attributes")
    }
    try lowerToHost(node, reason: problem)
  }

  /// Why no kernel can be given this node's tensors, or nil.
  private func obstacle(_ node: Node) -> String? {
    for input in node.inputs {
      guard let input, graph.constant(input) == nil else { continue }
      if !isTensor(input) { return "an input is a \(graph.type(input))" }
    }
    for output in node.outputs where graph.useCount(output) > 0 {
      guard isTensor(output), let shape = graph.type(output).tensor?.shape else {
        return "an output is a \(graph.type(output))"
      }
      if shape.contains(where: { builder.expression($0) == nil }), !GraphLowering.hasBodies(node) {
        return "the output's size depends on data"
      }
    }
    return nil
  }

  private static func hasBodies(_ node: Node) -> Bool {
    ["If", "Loop", "Scan", "SequenceMap"].contains(Swift.type(of: node.op).name)
  }

  /// Integer vectors whose elements are dimension arithmetic are computed while planning, if anything reads them.
  private func deferShapeArithmetic(_ node: Node) throws(Diagnostic) -> Bool {
    guard !GraphLowering.hasBodies(node) else { return false }
    var resolved: [(ValueID, [Int32])] = []
    for output in node.outputs {
      guard let contents = graph[output].contents, isTensor(output) else { return false }
      let elements = contents.map { builder.expression($0) }
      guard !elements.contains(nil), [.int64, .int32, .bool].contains(element(output)) else { return false }
      resolved.append((output, elements.compactMap { $0 }))
    }
    for (output, elements) in resolved {
      postpone(output) { [unowned self] () throws(Diagnostic) in emitDims(output, elements, node) }
    }
    return true
  }

  private func emitDims(_ value: ValueID, _ elements: [Int32], _ node: Node) {
    let shape = graph.type(value).tensor?.shape ?? []
    let dims = shape.isEmpty ? [] : [builder.constant(elements.count)]
    let long = builder.resultSlot(ElementType.int64.rawValue, dims)
    emit(Op.dims, [], [long], elements.map { .dimension($0) }, node)
    var slot = long
    if element(value) != .int64 {
      slot = builder.resultSlot(element(value).rawValue, dims)
      emit(Op.cast, [long], [slot], [], node)
    }
    placements[value.index].append(Placement(slot: slot, layout: .identity(shape.count), type: element(value)))
  }

  /// Emits steps only when the value is asked for.
  func postpone(_ value: ValueID, _ emit: @escaping () throws(Diagnostic) -> Void) { deferred[value] = emit }

  // MARK: Values

  func element(_ value: ValueID) -> ElementType { graph.type(value).tensor?.element ?? .float32 }
  func shape(_ value: ValueID) -> Shape { graph.type(value).tensor?.shape ?? [] }
  func rank(_ value: ValueID) -> Int { shape(value).count }

  /// The type kernels compute with: half precision is widened.
  func computeType(_ value: ValueID) -> ElementType { GraphLowering.computeType(element(value)) }

  static func computeType(_ type: ElementType) -> ElementType {
    type == .float16 || type == .bfloat16 ? .float32 : type
  }

  /// Element types kernels move.
  static let kernelTypes: Set<ElementType> = [
    .float32, .uint8, .int8, .uint16, .int16, .int32, .int64, .bool, .float16, .float64, .uint32, .uint64, .bfloat16,
  ]

  /// Whether a value can stand in a slot: a tensor of known rank up to 8 and a type kernels know.
  func isTensor(_ value: ValueID) -> Bool {
    guard let type = graph.type(value).tensor, let shape = type.shape else { return false }
    return shape.count <= 8 && GraphLowering.kernelTypes.contains(type.element) && hostSlots[value] == nil
  }

  /// The slot of a value in that layout and element type (by default the identity and the compute type), emitting what
  /// brings it there.
  func slot(_ value: ValueID, _ layout: Layout? = nil, type: ElementType? = nil) throws(Diagnostic) -> Int32 {
    let layout = layout ?? .identity(rank(value))
    let type = type ?? computeType(value)
    if let tensor = graph.constant(value) { return try constantSlot(tensor, layout, type) }
    if placements[value.index].isEmpty, let emit = deferred.removeValue(forKey: value) { try emit() }
    let dims = shape(value)
    for place in placements[value.index] where place.type == type {
      if place.layout == layout { return place.slot }
    }
    for place in placements[value.index] where place.type == type && place.layout.isSame(as: layout, dims) {
      return adopt(value, aliased(place.slot, place.layout.permutation(to: layout)), layout, type)
    }
    if let place = placements[value.index].first(where: { $0.type == type }) {
      let slot = transposed(place.slot, place.layout.permutation(to: layout), value)
      return adopt(value, slot, layout, type)
    }
    guard let place = placements[value.index].first else {
      throw .invalid(
        "internal: value '\(graph[value].name)' of \(graph.producer(value)?.label ?? "no node") has no place")
    }
    let slot = converted(place.slot, value, type)
    _ = adopt(value, slot, place.layout, type)
    return try self.slot(value, layout, type: type)
  }

  /// The slot's elements as another type. Of a value of int8, u8 stands for its elements plus 128.
  private func converted(_ slot: Int32, _ value: ValueID, _ type: ElementType) -> Int32 {
    let dims = builder.dims(slot)
    let result = builder.resultSlot(type.rawValue, dims)
    guard element(value) == .int8, type == .uint8 || builder.type(slot) == ElementType.uint8.rawValue else {
      emit(Op.cast, [slot], [result], [], graph.producer(value))
      return result
    }
    let table = builder.weight(Tensor((0..<256).map { UInt8($0) ^ 128 }))
    emit(Op.lutU8, [slot, table], [result], [], graph.producer(value))
    return result
  }

  private func adopt(_ value: ValueID, _ slot: Int32, _ layout: Layout, _ type: ElementType) -> Int32 {
    placements[value.index].append(Placement(slot: slot, layout: layout, type: type))
    return slot
  }

  private func aliased(_ slot: Int32, _ perm: [Int]) -> Int32 {
    let dims = builder.dims(slot)
    return builder.addSlot(builder.type(slot), perm.map { dims[$0] }, .alias(of: slot))
  }

  private func transposed(_ slot: Int32, _ perm: [Int], _ value: ValueID?) -> Int32 {
    let dims = builder.dims(slot)
    let result = builder.resultSlot(builder.type(slot), perm.map { dims[$0] })
    emit(Op.transpose, [slot], [result], perm.map { .int(Int64($0)) }, graph.producer(value))
    return result
  }

  private func constantSlot(_ tensor: Tensor, _ layout: Layout, _ type: ElementType) throws(Diagnostic) -> Int32 {
    var tensor = tensor
    if tensor.type == .int8, type == .uint8 {
      tensor = Tensor(tensor.bytes.map { $0 ^ 128 }, shape: tensor.shape)
    } else if tensor.type != type {
      tensor = Tensor(wide: tensor.wide(Float.self), type, tensor.shape)
    }
    if !layout.isIdentity { tensor = try tensor.permuted(layout.axes) }
    return builder.weight(tensor)
  }

  /// A new slot for a node's output, in that layout, of the compute type.
  func result(_ value: ValueID, _ layout: Layout? = nil, type: ElementType? = nil) throws(Diagnostic) -> Int32 {
    let layout = layout ?? .identity(rank(value))
    let type = type ?? computeType(value)
    let slot = builder.resultSlot(type.rawValue, try dims(layout.physical(shape(value))))
    return adopt(value, slot, layout, type)
  }

  /// Lets an output share the memory of an existing slot, under dimensions of its own.
  func alias(_ value: ValueID, _ slot: Int32, _ layout: Layout, type: ElementType? = nil) throws(Diagnostic) {
    let dims = try dims(layout.physical(shape(value)))
    let own = dims == builder.dims(slot) ? slot : builder.addSlot(builder.type(slot), dims, .alias(of: slot))
    _ = adopt(value, own, layout, type ?? computeType(value))
  }

  /// Another view of a slot's memory.
  func view(_ slot: Int32, _ dims: [Int32]) -> Int32 {
    dims == builder.dims(slot) ? slot : builder.addSlot(builder.type(slot), dims, .alias(of: slot))
  }

  func dims(_ shape: Shape) throws(Diagnostic) -> [Int32] {
    var result: [Int32] = []
    for dim in shape {
      guard let expression = builder.expression(dim) else { throw .invalid("internal: dimension \(dim) has no source") }
      result.append(expression)
    }
    return result
  }

  /// A computed value that turned out constant.
  func placeConstant(_ value: ValueID, _ tensor: Tensor) throws(Diagnostic) {
    let slot = try constantSlot(tensor, .identity(tensor.rank), computeType(value))
    _ = adopt(value, slot, .identity(tensor.rank), computeType(value))
  }

  /// The type to move a value's elements in: codes of int8 stay as they stand.
  func placedType(_ value: ValueID) -> ElementType {
    element(value) == .int8 && isPlaced(value, as: .uint8) ? .uint8 : computeType(value)
  }

  /// Whether a value stands in memory with elements of that type.
  func isPlaced(_ value: ValueID, as type: ElementType) -> Bool {
    placements[value.index].contains { $0.type == type }
  }

  /// Layouts in which a value stands already, or would for free; none for a constant.
  func layouts(_ value: ValueID) throws(Diagnostic) -> [Layout] {
    if graph.constant(value) != nil { return [] }
    if placements[value.index].isEmpty, let emit = deferred.removeValue(forKey: value) { try emit() }
    return placements[value.index].map(\.layout)
  }

  /// The layout of that rank which the fewest of the values would have to be brought into. Ties: what comes first.
  func commonLayout(_ values: [ValueID], rank: Int) throws(Diagnostic) -> Layout {
    var candidates: [(layout: Layout, count: Int)] = []
    for value in values where self.rank(value) == rank {
      for layout in Set(try layouts(value)).sorted(by: { $0.axes.lexicographicallyPrecedes($1.axes) }) {
        if let i = candidates.firstIndex(where: { $0.layout == layout }) {
          candidates[i].count += 1
        } else {
          candidates.append((layout, 1))
        }
      }
    }
    let best = candidates.map(\.count).max() ?? 0
    let tied = candidates.filter { $0.count == best }
    return tied.first { !$0.layout.isIdentity }?.layout ?? tied.first?.layout ?? .identity(rank)
  }

  /// A broadcast operand of an operation whose output has that rank and layout.
  func operand(_ value: ValueID, _ layout: Layout, type: ElementType? = nil) throws(Diagnostic) -> Int32 {
    let own = rank(value)
    if own == layout.rank { return try slot(value, layout, type: type) }
    if layout.isIdentity || own == 0 { return try slot(value, type: type) }
    let lead = layout.rank - own
    if let tensor = graph.constant(value), let wide = tensor.reshaped(Array(repeating: 1, count: lead) + tensor.shape) {
      return try constantSlot(wide, layout, type ?? computeType(value))
    }
    let shape = Array(repeating: Dim(1), count: lead) + self.shape(value)
    let full = view(try slot(value, type: type), try dims(shape))
    let identity = Layout.identity(layout.rank)
    let perm = identity.permutation(to: layout)
    return identity.isSame(as: layout, shape) ? aliased(full, perm) : transposed(full, perm, value)
  }

  // MARK: Steps

  /// Appends a kernel step.
  func emit(
    _ op: UInt16, _ inputs: [Int32], _ outputs: [Int32], _ attributes: [Step.Attribute], _ node: Node?,
    inPlace: Int32 = -1
  ) {
    var step = Step(
      kind: .kernel(op), inputs: inputs, outputs: outputs, attributes: attributes, name: node?.stepName ?? [])
    step.inPlace = inPlace
    builder.add(step)
    record.add(step, self, node)
  }

  /// A host slot of a value that is no tensor in a slot.
  func hostSlot(_ value: ValueID) throws(Diagnostic) -> Int32 {
    if let slot = hostSlots[value] { return slot }
    if let tensor = graph.constant(value) { return try emitHostConstant(value, tensor) }
    throw .invalid("internal: value '\(graph[value].name)' has no host slot")
  }

  func setHostSlot(_ value: ValueID, _ slot: Int32) { hostSlots[value] = slot }
}

extension Node {
  /// The ONNX nodes that a step stands for, a line each: as many as a bundle has room for.
  var stepName: [UInt8] {
    var result: [UInt8] = []
    for (index, name) in names.enumerated() {
      let line = (index > 0 ? [10] : []) + name.bytes.prefix(ProgramLimits.nameBytes)
      if result.count + line.count > ProgramLimits.nameBytes { break }
      result += line
    }
    return result
  }
}

/// What lowering notes for the report, over all programs of a model.
final class LoweringRecord {
  var layers: [LayerSummary] = []
  var choices: [KernelChoice] = []
  var hostCalls: [(node: String, reason: String)] = []

  func add(_ step: Step, _ lowering: GraphLowering, _ node: Node?) {
    guard let node, case .kernel(let op) = step.kind else { return }
    let slots = lowering.builder.program.slots
    var bytes = 0
    var bits = 0
    for slot in step.inputs where slot >= 0 {
      guard case .weights(_, let length) = slots[Int(slot)].storage else { continue }
      bytes += Int(length)
      let type = slots[Int(slot)].type
      if type == 255 { bits = LoweringRecord.bits(step, Op.name(op)) }
      // A table of codes.
      if op == Op.gather, [ElementType.int8.rawValue, ElementType.uint8.rawValue].contains(type) { bits = 8 }
    }
    let weights = bits > 0 && node.inputs.count > 1 ? lowering.weights(node.inputs[1]) : nil
    let name = Op.name(op)
    let result = step.outputs.first { $0 >= 0 }.map { slots[Int($0)].type } ?? 0
    layers.append(
      LayerSummary(
        nodes: node.names, operator: node.op.displayName,
        kernel: name, precision: ElementType(rawValue: result)?.name ?? "", sparsity: weights?.zeroFraction ?? 0,
        bits: bits, weightBytes: bytes))
  }
}

extension LoweringRecord {
  /// Of a packed weight.
  fileprivate static func bits(_ step: Step, _ name: String) -> Int {
    if case .kernel(Op.gemmCodes) = step.kind, case .int(let bits) = step.attributes[2] { return Int(bits) }
    return ["_u8", "_codes", "_dynamic"].contains { name.contains($0) } ? 8 : 32
  }
}

extension Tensor {
  /// Fraction of elements that are zero.
  fileprivate var zeroFraction: Double {
    guard type == .float32, count > 0 else { return 0 }
    var zeros = 0
    for index in 0..<count {
      let bits = bytes.loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self)
      if bits << 1 == 0 { zeros += 1 }
    }
    return Double(zeros) / Double(count)
  }
}
