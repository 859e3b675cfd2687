import IR

/// How two results differ.
public enum Comparison {
  /// Nil where two lists of tensors agree: same types and shapes, floats within `tolerance` × max(1, largest magnitude of
  /// the output), everything else exactly. NaN agrees with NaN.
  public static func difference(_ a: [Datum], _ b: [Datum], tolerance: Double) -> String? {
    guard a.count == b.count else { return "\(a.count) outputs against \(b.count)" }
    for (index, pair) in zip(a, b).enumerated() {
      guard let x = pair.0.tensor, let y = pair.1.tensor else {
        if pair.0 != pair.1 { return "output \(index) differs" }
        continue
      }
      if let text = difference(x, y, tolerance) { return "output \(index): \(text)" }
    }
    return nil
  }

  static func difference(_ a: Tensor, _ b: Tensor, _ tolerance: Double) -> String? {
    guard a.tensorType == b.tensorType else { return "\(a.tensorType) against \(b.tensorType)" }
    guard a.type.isFloat else { return a == b ? nil : "elements differ" }
    let x = a.wide(Double.self)
    let y = b.wide(Double.self)
    let largest = x.filter(\.isFinite).map(\.magnitude).max() ?? 0
    let bound = tolerance * max(1, largest)
    for i in x.indices where x[i] != y[i] && !(x[i].isNaN && y[i].isNaN) {
      let distance = (x[i] - y[i]).magnitude
      if !(distance <= bound) { return "element \(i) is \(y[i]), expected \(x[i]) ± \(bound)" }
    }
    return nil
  }
}
