import Foundation
import IR

/// What is known of a case whose outputs are drawn: their distribution, given input 0.
public enum RandomOutputs: String, CaseIterable, Codable, Sendable {
  /// Output 0 is 1 with the probability that input 0 gives, else 0.
  case bernoulli
  /// Output 0 is 0 with the probability that input 0 gives, else 1.
  case complement
  /// Output 0 is input 0 divided by 1 − ratio (input 1), or 0 with the probability of the ratio; output 1 says which.
  case dropout

  /// Copies of input 0 that one run draws for.
  static let copies = 4096
  /// Deviations by which a mean over the copies may be off: less than one in 10⁸ runs is further.
  static let deviations = 6.0

  /// The inputs with as many copies of input 0 behind each other along its first axis.
  static func repeated(_ inputs: [Datum?]) throws -> [Datum?] {
    guard let first = inputs.first??.tensor, first.rank > 0, first.type.bitWidth >= 8 else {
      throw KerfError("a case of random outputs needs a tensor of rank 1 or more as input 0")
    }
    let bytes = Array(first.bytes)
    let storage = TensorStorage(byteCount: bytes.count * copies) { target in
      for copy in 0..<copies {
        for index in bytes.indices { target[copy * bytes.count + index] = bytes[index] }
      }
    }
    guard let tensor = Tensor(first.type, [first.shape[0] * copies] + first.shape.dropFirst(), storage: storage) else {
      throw KerfError("input 0 cannot be repeated")
    }
    return [.tensor(tensor)] + inputs.dropFirst()
  }

  /// What of the outputs for repeated inputs does not have the distribution, or nil.
  func deviation(of outputs: [Datum], for inputs: [Datum?]) -> String? {
    guard let x = inputs.first??.tensor?.numbers, let y = outputs.first?.tensor?.numbers, y.count == x.count else {
      return "output 0 has another number of elements than input 0"
    }
    switch self {
    case .bernoulli: return deviation(y, values: { _ in 1 }, probability: { x[$0] }, x.count)
    case .complement: return deviation(y, values: { _ in 1 }, probability: { 1 - x[$0] }, x.count)
    case .dropout:
      guard inputs.count > 1, let ratio = inputs[1]?.tensor?.numbers.first else { return "input 1 is no ratio" }
      if outputs.count > 1, let mask = outputs[1].tensor?.numbers {
        if let index = y.indices.first(where: { x[$0] != 0 && (y[$0] != 0) != (mask[$0] != 0) }) {
          return "element \(index) is \(y[index]), but the mask says \(mask[index])"
        }
      }
      return deviation(y, values: { x[$0] / (1 - ratio) }, probability: { _ in 1 - ratio }, x.count)
    }
  }

  /// Every element must be 0 or its value; the share of the latter over the copies, for each place, must be the probability.
  private func deviation(_ y: [Double], values: (Int) -> Double, probability: (Int) -> Double, _ count: Int) -> String?
  {
    let places = count / Self.copies
    for place in 0..<places {
      var taken = 0
      let value = values(place)
      for copy in 0..<Self.copies {
        let element = y[copy * places + place]
        if abs(element - value) <= 1e-6 * abs(value), element != 0 {
          taken += 1
        } else if element != 0 {
          return "element \(copy * places + place) is \(element), expected 0 or \(value)"
        }
      }
      let p = probability(place)
      let share = Double(taken) / Double(Self.copies)
      let allowed = Self.deviations * (p * (1 - p) / Double(Self.copies)).squareRoot()
      if abs(share - p) > allowed {
        return "place \(place) has share \(share) over \(Self.copies) draws, expected \(p) within \(allowed)"
      }
    }
    return nil
  }
}
