import Bundle

/// Why a model cannot be opened or run. Names the input or step, what was given and what is expected.
public enum RuntimeError: Error, Equatable, Sendable {
  /// The bundle is refused.
  case bundle(BundleError)
  /// This runtime cannot run the program: a kernel or a host provider is missing.
  case unsupported(String)
  /// Inputs that do not fit the model.
  case input(String)
  /// A step refused its shapes or its data.
  case step(String)
  /// More memory than allowed, or than there is.
  case memory(String)
  /// A host call failed.
  case host(String)
  case deadlinePassed
  case cancelled
}

extension RuntimeError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .bundle(let error): error.description
    case .unsupported(let text), .input(let text), .step(let text), .memory(let text), .host(let text): text
    case .deadlinePassed: "the deadline has passed before the run was done"
    case .cancelled: "the run was cancelled"
    }
  }
}

/// Dimensions as text: 1x3x224x224, or "scalar" for rank 0; a negative dimension is printed as "?".
public func shapeText(_ dims: [Int64]) -> String {
  if dims.isEmpty { return "scalar" }
  var text = ""
  for (index, dim) in dims.enumerated() {
    if index > 0 { text += "x" }
    text += dim < 0 ? "?" : "\(dim)"
  }
  return text
}
