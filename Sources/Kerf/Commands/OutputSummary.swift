import Foundation
import IR

/// A value in one line, for people.
public enum OutputSummary {
  public static func text(_ value: Datum) -> String {
    switch value {
    case .tensor(let tensor): return text(tensor)
    case .sequence(let items, let element): return "sequence of \(items.count) × \(element)"
    case .optional(nil, _): return "empty"
    case .optional(let inner?, _): return text(inner)
    case .map(let keys, _, let key, let value): return "map of \(keys.count), \(key.name) to \(value)"
    }
  }

  private static func text(_ tensor: Tensor) -> String {
    let head = "\(tensor.tensorType)"
    if tensor.type == .string {
      let first = tensor.strings.prefix(4).map { "'\(printable(String(decoding: $0, as: UTF8.self), limit: 40))'" }
      return "\(head) \(first.joined(separator: " "))\(tensor.count > 4 ? " …" : "")"
    }
    let numbers = tensor.numbers
    let shown =
      numbers.prefix(6).map { String(format: "%g", $0) }.joined(separator: " ") + (numbers.count > 6 ? " …" : "")
    guard numbers.count > 1, let low = numbers.min(), let high = numbers.max() else { return "\(head) \(shown)" }
    let mean = numbers.reduce(0, +) / Double(numbers.count)
    return
      "\(head) min \(String(format: "%g", low)) max \(String(format: "%g", high)) mean \(String(format: "%g", mean)): \(shown)"
  }
}
