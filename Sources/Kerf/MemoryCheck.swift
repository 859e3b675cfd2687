import IR
import Lowering
import Reports
import Runtime

extension CompileOptions {
  /// Bounds of symbolic dimensions that are no single number.
  var bounds: [String: ClosedRange<Int>] {
    Dictionary(
      dimensions.filter { $0.range.count > 1 }.map { ($0.name, $0.range) }, uniquingKeysWith: { _, last in last })
  }
}

extension LoweredModel {
  /// Memory that the model takes, at the upper bounds of its dimensions. Throws where that is above the limit.
  func memory(_ inputs: [ValueType], _ options: CompileOptions) throws -> MemoryReport {
    let bounds = options.bounds
    let largest = bounds.mapValues { Dim($0.upperBound) }
    let arena = try arenaBytes(inputs, largest)
    let report = MemoryReport(
      weightBytes: Int(weightBytes), arenaBytes: arena, dimensions: bounds.mapValues { [$0.lowerBound, $0.upperBound] })
    guard let limit = options.maxMemory else { return report }
    // A dimension without bounds counts as 1: more than that is checked when it is given.
    let needed = try arena ?? arenaBytes(inputs, largest, others: 1) ?? 0
    guard needed + Int(weightBytes) <= limit else {
      let note = arena == nil ? "dimensions without bounds count as 1" : "lower the upper bounds of --dim, or compress"
      throw KerfError(
        "the compiled model needs \(needed) bytes for its arena and \(weightBytes) for weights, --max-memory is \(limit)",
        notes: [note])
    }
    return report
  }

  /// Bytes of the arena with symbols as given, others as `others`; nil where one has no value.
  private func arenaBytes(_ inputs: [ValueType], _ symbols: [String: Dim], others: Int? = nil) throws -> Int? {
    var dims: [[Int]] = []
    for input in inputs {
      var own: [Int] = []
      for dim in input.tensor?.shape ?? [] {
        var values = symbols
        if let others { for name in dim.symbols where values[name] == nil { values[name] = Dim(others) } }
        guard let value = dim.value ?? dim.substituting(values)?.value else { return nil }
        own.append(value)
      }
      dims.append(own)
    }
    do throws(RuntimeError) {
      return Int(clamping: try ArenaSize.bytes(of: program, weightBytes: weightBytes, inputDims: dims))
    } catch {
      throw KerfError("the model cannot run on the largest inputs that its bounds allow: \(error)")
    }
  }
}
