import Bundle
import IR
import Testing

@testable import Lowering

@Test func equalWeightsAreStoredOnce() {
  let store = WeightStore()
  func add(_ bytes: [UInt8]) -> [UInt64] {
    let place = store.add(TensorStorage(byteCount: bytes.count) { $0.copyBytes(from: bytes) })
    return [place.offset, place.length]
  }
  #expect(add([1, 2, 3]) == [0, 3])
  #expect(add([4]) == [64, 1])
  #expect(add([1, 2, 3]) == [0, 3])
  #expect(add([1, 2, 4]) == [128, 3])
  #expect(store.chunks.count == 3 && store.size == 192)
}

/// What a bundle is written from must not depend on the lowered model's lifetime: optimized builds end that early.
@Test func theWeightSectionKeepsItsBytes() {
  weak var weights: TensorStorage?
  var section: ScatteredBytes?
  do {
    let storage = TensorStorage(byteCount: 3) { $0.copyBytes(from: [1, 2, 3]) }
    weights = storage
    section =
      LoweredModel(
        program: Program(), weights: [(64, storage)], weightBytes: 128, layers: [], choices: [],
        hostCalls: []
      )
      .weightSection
  }
  #expect(weights != nil)
  #expect(section?.array == [UInt8](repeating: 0, count: 64) + [1, 2, 3] + [UInt8](repeating: 0, count: 61))
  section = nil
  #expect(weights == nil)
}
