import Bundle
import Kernels

/// A value that only host calls understand (strings, sequences, optionals, maps, tensors of unknown rank). Subclasses
/// hold it.
open class HostValue: @unchecked Sendable {
  public init() {}
}

/// What a host call gets, and what a context takes and gives.
public enum HostArgument {
  case tensor(TensorView)
  case host(HostValue)
  /// An optional input that is not there.
  case absent
}

/// What a host call returns. Tensors are copied into the context's memory.
public enum HostResult {
  case tensor(type: UInt8, dims: [Int], bytes: [UInt8])
  case host(HostValue)
  /// For an output that the call names as unused.
  case absent
}

/// One host call of a model.
public struct HostCall: Sendable {
  /// Number of the call in its model, counted from 0 over all bodies: a provider may keep what it parsed by it.
  public var site: Int
  /// IR text of a graph of one node.
  public var text: [UInt8]
  /// ONNX names of the nodes it stands for.
  public var name: [UInt8]
  /// Per output, whether anything uses it.
  public var usedOutputs: [Bool]
}

/// Evaluates host calls. Contexts on several threads may call at the same time.
open class HostProvider: @unchecked Sendable {
  public init() {}

  /// - Returns: one result per output of the call.
  open func evaluate(_ call: HostCall, inputs: [HostArgument]) throws(RuntimeError) -> [HostResult] {
    throw .host("'\(printable(call.name))': this provider evaluates nothing")
  }
}

extension Step {
  /// The operator of a host call, from its text (`%y = nonZero(%x)`), and the node's name.
  var hostOperator: String {
    guard case .host(let text) = kind else { return "'\(printable(name))'" }
    var index = 0
    while index + 1 < text.count {
      if text[index] == UInt8(ascii: "="), text[index + 1] == UInt8(ascii: " ") {
        var end = index + 2
        while end < text.count, text[end].isNameByte { end += 1 }
        if end > index + 2, end < text.count, text[end] == UInt8(ascii: "(") {
          return "\(printable([UInt8](text[(index + 2)..<end]))) '\(printable(name))'"
        }
      }
      index += 1
    }
    return "'\(printable(name))'"
  }
}

extension UInt8 {
  fileprivate var isNameByte: Bool {
    switch self {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"),
      UInt8(ascii: "_"), UInt8(ascii: "."):
      true
    default: false
    }
  }
}
