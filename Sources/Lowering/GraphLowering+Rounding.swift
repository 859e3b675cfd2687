import Bundle
import IR

/// Kernels compute half precision in float32. Between two of them float16 results stay wide: rounding moves them by less
/// than the tolerance of ONNX's own tests. bfloat16 results are rounded where ONNX defines it, after each node: its unit of
/// 2⁻⁸ is four times that tolerance.
extension GraphLowering {
  func roundResults(_ node: Node) throws(Diagnostic) {
    guard !LoweringCatalog.keepsRoundedValues(node.op) else { return }
    for output in node.outputs where element(output) == .bfloat16 {
      guard let place = placements[output.index].first, place.type == .float32 else { continue }
      let slot = builder.resultSlot(ElementType.bfloat16.rawValue, builder.dims(place.slot))
      emit(Op.cast, [place.slot], [slot], [], node)
      placements[output.index] = [Placement(slot: slot, layout: place.layout, type: .bfloat16)]
    }
  }
}

extension LoweringCatalog {
  /// Operators whose results are among their inputs, or their negatives.
  static func keepsRoundedValues(_ op: any Operator) -> Bool { exactOperators.contains(Swift.type(of: op).name) }

  private static let exactOperators: Set<String> = Set(reshaping.keys).union(movement.keys).union(indexing.keys).union([
    "Abs", "Clip", "GlobalMaxPool", "Identity", "If", "Loop", "Max", "MaxPool", "Min", "Neg", "ReduceMax", "ReduceMin",
    "Relu", "Scan", "Sign", "Where",
  ])
}
