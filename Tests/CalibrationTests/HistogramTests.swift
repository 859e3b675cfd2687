import Foundation
import IR
import Passes
import Testing

@testable import Calibration

@Suite struct HistogramTests {
  func histogram(_ values: [Float]) -> Histogram {
    var histogram = Histogram()
    values.withUnsafeBufferPointer { _ = histogram.add($0) }
    return histogram
  }

  /// Values of several sizes, some of them zero.
  func values(_ count: Int, seed: UInt64 = 7) -> [Float] {
    var state = seed
    return (0..<count).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      let uniform = Float(state >> 40) / Float(1 << 24)
      return uniform < 0.1 ? 0 : (uniform - 0.4) * (uniform - 0.4) * 8 - 0.5
    }
  }

  @Test func countsEveryFiniteValueOnceAndZerosApart() {
    let h = histogram([0, 1, -1, 1.5, .nan, .infinity, 0, 2047])
    #expect(h.count == 6)
    #expect(h.zeros == 2)
    #expect(h.skipped == 2)
    #expect(h.exponent == 0)
    #expect(h.counts[Histogram.half + 1] == 2)
    #expect(h.counts[Histogram.half - 1] == 1)
    #expect(h.counts[Histogram.half + 2047] == 1)
    #expect((h.minimum, h.maximum) == (-1, 2047))
  }

  @Test func widensByMergingNeighbours() {
    var h = histogram([0.5, 1, 2, 3])
    let before = h.exponent
    [Float(10_000)].withUnsafeBufferPointer { _ = h.add($0) }
    #expect(h.exponent > before)
    #expect(h.exponent == 3)
    #expect(h.counts[Histogram.half] == 4)
    #expect(h.counts[Histogram.half + 1250] == 1)
  }

  @Test func theOrderOfValuesDoesNotMatter() {
    let all = values(5000) + [300, -20]
    #expect(histogram(all) == histogram(all.reversed()))
    var parts = Histogram()
    for start in stride(from: 0, to: all.count, by: 17) {
      all[start..<min(start + 17, all.count)].withUnsafeBufferPointer { _ = parts.add($0) }
    }
    #expect(parts == histogram(all))
  }

  @Test func extremesAreHeld() {
    let h = histogram([.greatestFiniteMagnitude, -.greatestFiniteMagnitude, .leastNonzeroMagnitude])
    #expect(h.count == 3)
    #expect(h.skipped == 0)
  }
}

@Suite struct RangeTests {
  func statistics(_ samples: [[Float]]) -> ValueStatistics {
    var statistics = ValueStatistics(axis: 0, channels: 0)
    for sample in samples {
      sample.withUnsafeBufferPointer {
        let ends = statistics.histogram.add($0)
        statistics.lows.add(Double(ends?.minimum ?? 0))
        statistics.highs.add(Double(ends?.maximum ?? 0))
      }
    }
    return statistics
  }

  @Test func methodsOnKnownValues() throws {
    // 100,000 values from 0 to 1 and one of 100.
    let ramp = (0..<100_000).map { Float($0) / 100_000 }
    let seen = statistics([ramp + [100]])
    #expect(seen.range(.minmax) == ValueRange(0, 100))
    #expect(seen.range(.movingAverage) == ValueRange(0, 100))
    let percentile = try #require(seen.range(.percentile))
    #expect(abs(percentile.maximum - 1) < 0.07)
    let mse = try #require(seen.range(.mse))
    #expect(mse.minimum == 0)
    #expect(mse.maximum > 60 && mse.maximum < 100)
    let entropy = try #require(seen.range(.entropy))
    #expect(entropy.maximum < 100)
  }

  @Test func movingAverageForgets() {
    let seen = statistics([[-1, 1], [-1, 11]])
    #expect(seen.range(.movingAverage) == ValueRange(-1, 2))
  }

  @Test func fewValuesGetHeadroom() throws {
    let seen = statistics([[0, 1], [0, 2], [0, 3]])
    // Mean 2, deviation 1: three of them beyond are 5, but at most half more than was seen.
    #expect(seen.range(.minmax) == ValueRange(0, 4.5))
    #expect(statistics([[0, 1]]).range(.minmax) == ValueRange(0, 1))
  }

  @Test func nothingSeenGivesNoRange() {
    #expect(statistics([[.nan]]).range(.minmax) == nil)
    #expect(statistics([]).range(.mse) == nil)
  }

  /// The error that rounding and clipping to codes over a range really makes.
  func error(_ values: [Float], _ range: ValueRange) -> Double {
    let step = (Double(max(range.maximum, 0)) - Double(min(range.minimum, 0))) / 255
    let zero = (-Double(min(range.minimum, 0)) / step).rounded()
    return values.reduce(0) { sum, value in
      let code = min(max((Double(value) / step).rounded() + zero, 0), 255)
      return sum + pow(Double(value) - step * (code - zero), 2)
    } / Double(values.count)
  }

  @Test func leastErrorIsTheLeastOfRealErrors() throws {
    for seed in UInt64(1)...8 {
      var values = HistogramTests().values(20_000, seed: seed)
      for index in stride(from: 0, to: values.count, by: 700) { values[index] *= Float(index % 9) }
      let seen = statistics([values])
      let chosen = try #require(seen.range(.mse))
      let own = error(values, chosen)
      for percent in stride(from: 20, through: 100, by: 5) {
        let (low, high) = (seen.histogram.minimum, seen.histogram.maximum)
        let other = ValueRange(low * Float(percent) / 100, high * Float(percent) / 100)
        #expect(own <= error(values, other) * 1.05, "seed \(seed), \(percent) %")
      }
    }
  }
}

@Suite struct StatisticsFileTests {
  @Test func statisticsSurviveTheFile() throws {
    var statistics = ValueStatistics(axis: 1, channels: 2)
    let values: [Float] = [1, -2, 0, 4096, 1e-3]
    values.withUnsafeBufferPointer { _ = statistics.histogram.add($0) }
    statistics.sums = [1, 2]
    statistics.magnitudes = [3, 4]
    statistics.lows.add(-2)
    statistics.highs.add(4096)
    var file = StatisticsFile()
    file.add([ValueID(5): statistics], samples: 1, key: "k")
    file.add([ValueID(6): statistics], samples: 1, key: "other")
    let again = try #require(StatisticsFile(try file.encoded()))
    #expect(again["k"] == [ValueID(5): statistics])
    #expect(again["other"] == [ValueID(6): statistics])
    #expect(again["none"] == nil)
    file.add([:], samples: 1, key: "k")
    #expect(file["k"] == [:])
  }

  @Test func theOldestGoes() {
    var file = StatisticsFile()
    for index in 0..<17 { file.add([:], samples: 1, key: "\(index)") }
    #expect(file["0"] == nil && file["1"] == [:] && file["16"] == [:])
  }

  @Test func contradictionsAreRefused() throws {
    for other in ["", "{}", #"{"format":"kerf timings","version":1,"entries":[]}"#] {
      #expect(StatisticsFile(Data(other.utf8)) == nil)
    }
    #expect(StatisticsFile(Data(#"{"format":"kerf calibration","version":2,"entries":[]}"#.utf8)) == nil)
    let bad =
      #"{"format":"kerf calibration","version":1,"entries":[{"key":"k","samples":1,"values":[{"value":0,"axis":0,"#
      + #""bins":[5000,1],"exponent":0,"zeros":0,"skipped":0,"minimum":0,"#
      + #""maximum":1,"sums":[],"magnitudes":[],"lows":{"count":0,"mean":0,"squares":0,"moving":0},"#
      + #""highs":{"count":0,"mean":0,"squares":0,"moving":0}}]}]}"#
    let file = try #require(StatisticsFile(Data(bad.utf8)))
    #expect(file["k"] == nil)
  }
}

@Suite struct OutputQualityTests {
  @Test func decibelsAndAgreement() {
    let quality = OutputQuality(
      rowWidth: 2, reference: [[[3, 4]], [[0, 10]]], actual: [[[3, 4.5]], [[10, 0]]])
    #expect(quality.signal == [125])
    #expect(quality.noise == [200.25])
    #expect(quality.agreement == 0.5)
    #expect(abs(quality.lowest - 10 * log10(125 / 200.25)) < 1e-9)
  }

  @Test func equalOutputsAndWrongShapes() {
    let equal = OutputQuality(reference: [[[1, 2]]], actual: [[[1, 2]]])
    #expect(equal.lowest == 120)
    #expect(OutputQuality(reference: [[[1, 2]]], actual: [[[1]]]).lowest == -120)
  }
}
