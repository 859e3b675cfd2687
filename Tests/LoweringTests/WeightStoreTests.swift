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
