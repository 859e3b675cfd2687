/// A program: a flat list of kernel calls on slots, decided for one target.
///
/// It is what lowering produces, what a bundle holds, what the runtime walks and what C emission prints. Nothing in it
/// is a pointer; every reference is an index into one of its tables, and `ProgramVerifier` checks each before use.
public struct Program: Equatable, Sendable {
  /// Dimension arithmetic. An expression refers only to earlier expressions, slots and steps.
  public var expressions: [Expression] = []
  public var slots: [Slot] = []
  public var steps: [Step] = []
  public var inputs: [Port] = []
  public var outputs: [Port] = []
  /// Bodies of If, Loop and Scan; a step names them by index.
  public var bodies: [Program] = []

  public init() {}
}

/// A named input or output.
public struct Port: Equatable, Sendable {
  /// The ONNX name, as bytes: names of strangers need not be valid UTF-8.
  public var name: [UInt8]
  public var slot: Int32
  /// Handed out without its axes of one element, however many those are: an output of the model only.
  public var isSqueezed: Bool
  public init(name: [UInt8], slot: Int32, isSqueezed: Bool = false) {
    self.name = name
    self.slot = slot
    self.isSqueezed = isSqueezed
  }
}

/// Integer arithmetic on dimensions. Operands `a` and `b` are indices of earlier expressions unless stated.
public struct Expression: Equatable, Sendable {
  public enum Kind: UInt8, Sendable {
    /// The number `a`.
    case constant = 0
    /// Axis `b` of program input `a`.
    case inputDimension = 1
    /// Element `b` of the integer (i32, i64) or bool tensor in slot `a`, once that slot is computed.
    case element = 2
    /// Axis `b` of slot `a`, once the host call, body or late kernel that produces it has run.
    case resultDimension = 3
    case add = 4
    case subtract = 5
    case multiply = 6
    /// Rounded toward negative infinity; a divisor of zero is an error.
    case floorDivide = 7
    case ceilDivide = 8
    case minimum = 9
    case maximum = 10
    /// Remainder with the sign of the divisor.
    case modulo = 11
  }
  public var kind: Kind
  public var a: Int64
  public var b: Int64
  public init(_ kind: Kind, _ a: Int64, _ b: Int64 = 0) {
    self.kind = kind
    self.a = a
    self.b = b
  }
}

/// A tensor's place: element type, dimensions, memory.
public struct Slot: Equatable, Sendable {
  public enum Storage: Equatable, Sendable {
    /// In the arena; the planner chooses the offset from the liveness of the slot.
    case arena
    /// Read-only bytes of the weight section.
    case weights(offset: UInt64, length: UInt64)
    /// Given by the caller.
    case input
    /// The same bytes as an earlier slot (a reshape): same element width, same element count.
    case alias(of: Int32)
    /// In a buffer of its own, grown when its dimensions are known: results whose size depends on data.
    case dynamic
    /// A value only host calls understand: strings, sequences, optionals, maps, tensors of unknown rank.
    case host
  }
  /// ONNX TensorProto.DataType, or 255 for packed weights (rank 1, bytes).
  public var type: UInt8
  /// Indices of expressions, one per axis; at most 8.
  public var dims: [Int32]
  public var storage: Storage
  public init(type: UInt8, dims: [Int32], storage: Storage) {
    self.type = type
    self.dims = dims
    self.storage = storage
  }
}

/// One call.
public struct Step: Equatable, Sendable {
  public enum Kind: Equatable, Sendable {
    /// Kernel operation by its number (kerf_ops.h).
    case kernel(UInt16)
    /// Reference evaluation by the host: the IR text of a graph of one node, whose inputs are this step's inputs.
    /// Constants of that graph that are large arrive as inputs too.
    case host([UInt8])
    /// inputs: condition, then captures of both bodies, in order; bodies: then, else. Each body takes all captures.
    case conditional
    /// inputs: trip count?, condition?, carried values, captures; body inputs: iteration (i64 []), condition (bool []),
    /// carried, captures; body outputs: condition, carried, scanned; outputs: carried, scanned. `carried` counts the carried.
    case loop(carried: Int32)
    /// inputs: initial states, scanned inputs, captures; body inputs: states, elements of the scanned, captures; body
    /// outputs: states, elements of the scanned outputs; outputs: final states, scanned outputs. Axes and directions in
    /// `attributes`: for each scanned input (axis, reverse), then for each scanned output (axis, reverse).
    case scan(states: Int32, scanned: Int32)
  }
  public enum Attribute: Equatable, Sendable {
    /// An expression's value.
    case dimension(Int32)
    case int(Int64)
    case float(Double)
  }
  public var kind: Kind
  /// Slots; -1 marks an absent optional.
  public var inputs: [Int32]
  public var outputs: [Int32]
  public var attributes: [Attribute]
  /// Indices into `Program.bodies`.
  public var bodies: [Int32] = []
  /// Index of the input whose memory the first output may take over when that input dies here; -1 for none.
  public var inPlace: Int32 = -1
  /// ONNX names of the nodes this step stands for, separated by newlines: for errors, profiles and reports.
  public var name: [UInt8]
  public init(
    kind: Kind, inputs: [Int32], outputs: [Int32], attributes: [Attribute] = [], name: [UInt8] = []
  ) {
    self.kind = kind
    self.inputs = inputs
    self.outputs = outputs
    self.attributes = attributes
    self.name = name
  }
}
