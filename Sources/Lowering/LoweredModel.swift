import Bundle
import IR

/// A program with its weights, ready to be written.
public struct LoweredModel: Sendable {
  public var program: Program
  /// Pieces of the weight section in order; gaps up to the next offset are zero.
  public var weights: [(offset: UInt64, storage: TensorStorage)]
  public var weightBytes: UInt64
  public var layers: [LayerSummary]
  /// Layers for which several kernels were at hand.
  public var choices: [KernelChoice]
  /// Nodes that run by reference evaluation, with the reason.
  public var hostCalls: [(node: String, reason: String)]

  /// Those of them that run so for want of a kernel; custom operators run where they were meant to.
  public var fallbacks: [(node: String, reason: String)] {
    hostCalls.filter { $0.reason != LoweringCatalog.customReason }
  }
}

/// One step as the report lists it.
public struct LayerSummary: Sendable {
  /// ONNX names of the nodes it stands for.
  public var nodes: [Name]
  /// ONNX operator.
  public var `operator`: String
  /// Kernel operation, or `reference`.
  public var kernel: String
  /// `f32`, `u8`, ….
  public var precision: String
  /// Fraction of weights that are zero.
  public var sparsity: Double
  /// Bits a weight takes.
  public var bits: Int
  public var weightBytes: Int

  public var name: String { nodes.map(\.description).joined(separator: " + ") }
}

/// The element types of the graph; the bundle's are their numbers.
typealias ElementType = IR.ElementType

extension LoweredModel {
  /// The weight section: its pieces where they are.
  public var weightSection: ScatteredBytes {
    var section = ScatteredBytes()
    for (offset, storage) in weights {
      section.append(borrowing: storage.bytes, of: storage, isFile: storage.isFile, at: Int(offset))
    }
    section.extend(to: Int(weightBytes))
    return section
  }
}
