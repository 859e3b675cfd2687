import Bundle
import Kernels

/// When steps run band by band.
public struct BandPolicy: Sendable {
  /// Bytes of one image between two steps from which on they do: less stays in the cache between them anyway.
  public var leastBytes: UInt64 = 512 << 10
  /// Bytes that the rows of a band have together: so much stays in the second-level cache of a core.
  public var bandBytes: UInt64 = 640 << 10
  /// Bytes of weights, which are read once a band, up to which a step takes part.
  public var weightBytes: UInt64 = 160 << 10

  public init() {}
}

/// Finds steps that follow each other and whose tensors in between are large, and cuts their images into bands of rows,
/// so that a band goes through all of them while it is in the cache. The tensors in between are never whole in memory.
struct BandPlanner {
  let plan: Plan
  let policy: BandPolicy

  /// Steps `first` to `last`, the input of each that is the output of the one before.
  struct Chain {
    var first: Int
    var operations: [RowOperation]
    var inputs: [Int]
    /// Rows of the last output that a band has at most.
    var rows: Int64 = 0
    var last: Int { first + operations.count - 1 }

    /// A multiple of so many rows has all steps compute whole tiles.
    var multiple: Int64 {
      var result: Int64 = 1
      for operation in operations { result = max(operation.together, operation.multiple(before: result)) }
      return result
    }

    func roundUp(_ rows: Int64) -> Int64 { (rows + multiple - 1) / multiple * multiple }
  }

  func chains() -> [Chain] {
    var result: [Chain] = []
    var index = 0
    while index + 1 < plan.unit.kinds.count {
      if let chain = chain(from: index) {
        result.append(chain)
        index = chain.last + 1
      } else {
        index += 1
      }
    }
    return result
  }

  /// The longest chain whose bands still fit the cache.
  private func chain(from first: Int) -> Chain? {
    guard let start = operation(first, from: nil) else { return nil }
    var chain = Chain(first: first, operations: [start.0], inputs: [start.1])
    while chain.last + 1 < plan.unit.kinds.count {
      let output = plan.unit.program.steps[chain.last].outputs[0]
      guard isLarge(Int(output), after: chain.last), let next = operation(chain.last + 1, from: output) else { break }
      var longer = chain
      longer.operations.append(next.0)
      longer.inputs.append(next.1)
      longer.rows = rowsOfBand(longer)
      guard longer.rows > 0 else { break }
      chain = longer
    }
    return chain.operations.count > 1 ? chain : nil
  }

  /// The operation of a step and the input that it follows, where it can go by rows.
  private func operation(_ index: Int, from slot: Int32?) -> (RowOperation, Int)? {
    let unit = plan.unit
    let step = unit.program.steps[index]
    guard unit.kinds[index] == .kernel, case .kernel(let number) = step.kind, step.outputs.count == 1,
      unit.lateOffsets[index + 1] == unit.lateOffsets[index + 2],
      let operation = RowOperation(number, plan.calls[index])
    else { return nil }
    let input = operation.inputs.first { slot == nil || step.inputs.indices.contains($0) && step.inputs[$0] == slot }
    guard let input, let x = image(step.inputs[input]), let y = image(step.outputs[0]), x.dims[0] == y.dims[0],
      operation.fits(input: x.dims[1], output: y.dims[1])
    else { return nil }
    if !operation.isWindow, !x.hasSameDims(as: y) { return nil }
    for (position, slot) in step.inputs.enumerated() where slot >= 0 && position != input {
      let tensor = plan.tensors + Int(slot)
      let isSide = operation.sides?.contains(position) == true
      if isSide, slot == step.inputs[input] || !tensor.hasSameDims(as: y) { return nil }
      if case .weights = unit.program.slots[Int(slot)].storage {
        guard tensor.checkedBytes ?? .max <= policy.weightBytes else { return nil }
      } else if !isSide {
        return nil
      }
    }
    return (operation, input)
  }

  /// A tensor [N,H,W,C] that has elements, all rows of which follow each other.
  private func image(_ slot: Int32) -> UnsafeMutablePointer<kerf_tensor>? {
    guard slot >= 0 else { return nil }
    let tensor = plan.tensors + Int(slot)
    guard tensor.pointee.rank == 4, tensor.pointee.pitch == 0, tensor.checkedBytes ?? 0 > 0 else { return nil }
    return tensor
  }

  /// Whether a tensor is read by the next step alone, and too large to stay in the cache.
  private func isLarge(_ slot: Int, after step: Int) -> Bool {
    let unit = plan.unit
    guard unit.program.slots[slot].storage == .arena, unit.dynamicBuffer[slot] < 0,
      Int(unit.analysis.lastUse[slot]) == step + 1, let tensor = image(Int32(slot)),
      let bytes = tensor.checkedBytes
    else { return false }
    return bytes / UInt64(tensor.dims[0]) >= policy.leastBytes
  }

  // MARK: Rows

  /// What one step does for a band: it writes `written` of the output, of which `kept` are there already, from `read` of
  /// the input.
  struct Part {
    var read: Rows
    var kept: Rows
    var written: Rows
  }

  /// Regions of an image that are independent of each other, so that threads share them: always as many, so that results
  /// do not depend on the threads. Where two meet, rows are computed twice.
  private static let regions: Int64 = 4

  /// Per region of an image, per band, per step; nil for steps that have nothing to add to what is there. nil where an
  /// image is not worth cutting.
  func regions(_ chain: Chain) -> [[[Part?]]]? {
    let height = (plan.tensors + Int(plan.unit.program.steps[chain.last].outputs[0])).dims[1]
    guard chain.rows < height else { return nil }
    let share = chain.roundUp((height + Self.regions - 1) / Self.regions)
    var result: [[[Part?]]] = []
    for low in stride(from: 0, to: height, by: Int(share)) {
      guard let bands = bands(chain, Rows(low: low, high: min(height, low + share))) else { return nil }
      result.append(bands)
    }
    return result
  }

  private func bands(_ chain: Chain, _ region: Rows) -> [[Part?]]? {
    let steps = chain.operations.count
    let count = (region.count + chain.rows - 1) / chain.rows
    let rows = chain.roundUp((region.count + count - 1) / count)
    var done = [Int64](repeating: 0, count: steps)  // rows of each output
    var result: [[Part?]] = []
    for low in stride(from: region.low, to: region.high, by: Int(rows)) {
      var wanted = Rows(low: low, high: min(region.high, low + rows))
      var parts = [Part?](repeating: nil, count: steps)
      for number in (0..<steps).reversed() {
        // What is not there yet of what is wanted; windows move on from band to band.
        let begin = max(wanted.low, min(done[number], wanted.high))
        var written = Rows(low: begin, high: wanted.high)
        if written.count == 0 { break }
        if number < steps - 1 {
          // Whole tiles: the rest is there for the next band.
          let together = chain.operations[number].together
          written.high = min(
            begin + (written.count + together - 1) / together * together, outputOf(chain, number).dims[1])
        }
        let window = chain.operations[number].window(written)
        let read = Rows(low: max(0, window.low), high: min(inputOf(chain, number).dims[1], window.high))
        guard read.count > 0 else { return nil }
        parts[number] = Part(read: read, kept: Rows(low: wanted.low, high: begin), written: written)
        done[number] = written.high
        wanted = read
      }
      result.append(parts)
    }
    return result
  }

  func inputOf(_ chain: Chain, _ number: Int) -> UnsafeMutablePointer<kerf_tensor> {
    plan.tensors + Int(plan.unit.program.steps[chain.first + number].inputs[chain.inputs[number]])
  }

  private func outputOf(_ chain: Chain, _ number: Int) -> UnsafeMutablePointer<kerf_tensor> {
    plan.tensors + Int(plan.unit.program.steps[chain.first + number].outputs[0])
  }

  /// Rows of the last output whose band, with what it needs of all tensors before, fits the cache; 0 where not even
  /// one comes near it.
  private func rowsOfBand(_ chain: Chain) -> Int64 {
    let last = plan.tensors + Int(plan.unit.program.steps[chain.last].outputs[0])
    // Very wide images: as few rows as there can be, where that is not far too much.
    let multiple = chain.multiple
    let least = bytesOfBand(chain, multiple, last)
    guard least <= policy.bandBytes else { return least <= 2 * policy.bandBytes ? multiple : 0 }
    var (rows, end): (Int64, Int64) = (multiple, last.dims[1] + multiple)
    while rows + 1 < end {
      let middle = rows + (end - rows) / 2
      if bytesOfBand(chain, middle, last) <= policy.bandBytes { rows = middle } else { end = middle }
    }
    return rows / multiple * multiple
  }

  private func bytesOfBand(_ chain: Chain, _ rows: Int64, _ last: UnsafeMutablePointer<kerf_tensor>) -> UInt64 {
    var wanted = Rows(low: 0, high: rows)
    var sum = UInt64(rows) * last.rowBytes
    for number in chain.operations.indices.reversed() {
      wanted = chain.operations[number].window(wanted)
      let input = inputOf(chain, number)
      sum += UInt64(min(wanted.count, input.dims[1])) * input.rowBytes
    }
    return sum
  }
}

extension UnsafeMutablePointer where Pointee == kerf_tensor {
  /// Bytes of a row of an image [N,H,W,C] that has elements.
  var rowBytes: UInt64 { (checkedBytes ?? 0) / UInt64(max(1, dims[0])) / UInt64(max(1, dims[1])) }
}
