import Foundation
import IR

/// A measure of how well a model's outputs fit labels.
public enum EvaluationMetric: String, CaseIterable, Sendable {
  /// Share of rows (over the last axis) whose largest element stands at the label.
  case top1
  /// Share of rows whose label is among the five largest elements.
  case top5
  /// Share of elements that are on the label's side of one half.
  case binary
  /// Mean of squared differences.
  case mse
  /// Mean of absolute differences.
  case mae
  /// 10 log10(energy of the labels / energy of the difference).
  case sqnr

  /// Whether labels are class numbers, one per row.
  var countsRows: Bool { self == .top1 || self == .top5 }

  /// What it measures, for help texts.
  public var summary: String {
    switch self {
    case .top1: "share of samples whose largest output is the label"
    case .top5: "share of samples whose label is among the five largest outputs"
    case .binary: "share of outputs on the label's side of 0.5"
    case .mse: "mean squared difference from the labels"
    case .mae: "mean absolute difference from the labels"
    case .sqnr: "decibels of the labels over the difference"
    }
  }
}

/// The result of an evaluation.
public struct Evaluation: Encodable, Sendable {
  public var samples: Int
  public var metric: String
  public var value: Double

  /// Runs the model on all samples and measures one output against labels, whose first axis counts samples.
  /// - Parameters:
  ///   - session: the model.
  ///   - samples: its inputs.
  ///   - labels: what its output should be, one per sample.
  ///   - metric: how the two are compared.
  ///   - output: index of the output.
  ///   - progress: called with the number of samples that are done.
  public static func run(
    _ session: Session, _ samples: SampleSet, labels: Tensor, metric: EvaluationMetric, output: Int = 0,
    progress: ((Int) -> Void)? = nil
  ) throws -> Evaluation {
    guard samples.count > 0 else { throw KerfError("there are no samples") }
    guard labels.shape.first == samples.count else {
      throw KerfError("there are \(samples.count) samples, but the labels have shape \(describe(labels.shape))")
    }
    guard session.outputs.indices.contains(output) else { throw KerfError("the model has no output \(output)") }
    var sums = EvaluationSums(metric)
    for index in 0..<samples.count {
      let value = try session.run(try samples.load(index))[output]
      guard let tensor = value.tensor, tensor.type != .string else {
        throw KerfError("output '\(printable(session.outputs[output].name))' is a \(value.type), expected numbers")
      }
      do {
        try sums.add(tensor, labels.element(index))
      } catch let error as KerfError {
        throw KerfError("sample \(index): \(error.message)", notes: error.notes)
      }
      progress?(index + 1)
    }
    return Evaluation(samples: samples.count, metric: metric.rawValue, value: sums.value)
  }
}

/// Running sums of a metric.
struct EvaluationSums {
  let metric: EvaluationMetric
  private var count = 0
  private var sum = 0.0
  private var energy = 0.0

  init(_ metric: EvaluationMetric) { self.metric = metric }

  var value: Double {
    guard count > 0 else { return 0 }
    return metric == .sqnr ? ComparisonSums.decibels(signal: energy, noise: sum) : sum / Double(count)
  }

  /// Adds one sample. Throws where labels and output do not fit each other.
  mutating func add(_ output: Tensor, _ label: Tensor) throws {
    guard label.type != .string else { throw KerfError("the labels are strings, expected numbers") }
    let labels = label.numbers
    let values = output.numbers
    if metric.countsRows { return try addRows(values, output.shape, labels) }
    guard labels.count == values.count else {
      throw KerfError("the output has shape \(describe(output.shape)), its label \(describe(label.shape))")
    }
    for (value, expected) in zip(values, labels) {
      let difference = value - expected
      count += 1
      switch metric {
      case .binary: sum += (value >= 0.5) == (expected >= 0.5) ? 1 : 0
      case .mae: sum += abs(difference)
      default: sum += difference * difference
      }
      energy += expected * expected
    }
  }

  private mutating func addRows(_ values: [Double], _ shape: [Int], _ labels: [Double]) throws {
    let width = shape.last ?? 1
    guard width > 1, values.count / width == labels.count else {
      throw KerfError(
        "an output of shape \(describe(shape)) has \(width > 0 ? values.count / width : 0) rows of \(width) classes, "
          + "the labels have \(labels.count)")
    }
    for (row, label) in labels.enumerated() {
      guard let wanted = Int(exactly: label), (0..<width).contains(wanted) else {
        throw KerfError("label \(label) is no class of \(width)")
      }
      count += 1
      let scores = values[(row * width)..<((row + 1) * width)]
      let score = values[row * width + wanted]
      // Of equal scores the first counts as the larger; a NaN is never chosen.
      let ahead = scores.enumerated().reduce(0) {
        $0 + ($1.element > score || ($1.element == score && $1.offset < wanted) ? 1 : 0)
      }
      if !score.isNaN, ahead < (metric == .top1 ? 1 : 5) { sum += 1 }
    }
  }
}
