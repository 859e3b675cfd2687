import IR
import Runtime

/// What calibration knows of one value: fixed memory whatever the number of samples.
public struct ValueStatistics: Equatable, Sendable {
  public internal(set) var histogram = Histogram()
  /// Axis of the channels, the sum and the largest magnitude of each; empty where the value has no fixed channels.
  public let axis: Int
  public internal(set) var sums: [Double]
  public internal(set) var magnitudes: [Float]
  /// Of each sample's minimum and maximum: mean, variance, and the mean that forgets (momentum 0.9).
  public internal(set) var lows = RunningMoments()
  public internal(set) var highs = RunningMoments()

  public init(axis: Int, channels: Int) {
    self.axis = axis
    sums = Array(repeating: 0, count: channels)
    magnitudes = Array(repeating: 0, count: channels)
  }

  /// Bytes that the statistics of a value take: its histogram, and of each channel sum and magnitude.
  public static func bytes(channels: Int) -> Int { Histogram.bytes + channels * 12 }

  public var samples: Int { highs.count }
  /// Mean of each channel.
  public var means: [Double] {
    let each = Double(histogram.count &+ histogram.skipped) / Double(max(sums.count, 1))
    return sums.map { each > 0 ? $0 / each : 0 }
  }

  /// Adds one sample's tensor; tensors that are not float are ignored.
  mutating func add(_ view: TensorView) {
    switch IR.ElementType(rawValue: view.type) {
    case .float32: add(view.bytes.bindMemory(to: Float.self), view.dims)
    case .float16:
      let wide = view.bytes.bindMemory(to: Float16.self).map { Float($0) }
      wide.withUnsafeBufferPointer { add($0, view.dims) }
    default: return
    }
  }

  private mutating func add(_ values: UnsafeBufferPointer<Float>, _ dims: [Int]) {
    guard let (low, high) = histogram.add(values) else { return }
    lows.add(Double(low))
    highs.add(Double(high))
    guard !sums.isEmpty, dims.indices.contains(axis), dims[axis] == sums.count else { return }
    let inner = dims[(axis + 1)...].reduce(1, *)
    guard inner > 0 else { return }
    var start = 0
    var channel = 0
    while start < values.count {
      addChannel(values, start, inner, channel)
      start += inner
      channel = channel + 1 == sums.count ? 0 : channel + 1
    }
  }

  private mutating func addChannel(_ values: UnsafeBufferPointer<Float>, _ start: Int, _ count: Int, _ channel: Int) {
    var sum = 0.0
    var largest: Float = 0
    var index = start
    while index < start &+ count {
      let value = values[index]
      if value.isFinite {
        sum += Double(value)
        if value.magnitude > largest { largest = value.magnitude }
      }
      index &+= 1
    }
    sums[channel] += sum
    if largest > magnitudes[channel] { magnitudes[channel] = largest }
  }
}

/// Mean and variance of a stream. Source: Welford, "Note on a method for calculating corrected sums of squares", 1962.
public struct RunningMoments: Equatable, Codable, Sendable {
  public private(set) var count = 0
  public private(set) var mean = 0.0
  public private(set) var squares = 0.0
  /// 0.9 of the old and 0.1 of the new, from the first on.
  public private(set) var moving = 0.0

  public init() {}

  public mutating func add(_ value: Double) {
    count += 1
    let distance = value - mean
    mean += distance / Double(count)
    squares += distance * (value - mean)
    moving = count == 1 ? value : 0.9 * moving + 0.1 * value
  }

  /// Standard deviation of the values (n − 1); 0 below two of them.
  public var deviation: Double { count > 1 ? (squares / Double(count - 1)).squareRoot() : 0 }
}
