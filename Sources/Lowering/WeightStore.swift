import IR

/// The weight section in the making: chunks one after another, each 64-byte aligned, equal ones stored once.
final class WeightStore {
  private(set) var chunks: [(offset: UInt64, storage: TensorStorage)] = []
  private(set) var size: UInt64 = 0
  private var bySignature: [Int: [Int]] = [:]

  /// Where the bytes lie; adds them unless equal bytes are there already.
  func add(_ storage: TensorStorage) -> (offset: UInt64, length: UInt64) {
    let bytes = storage.bytes
    var hasher = Hasher()
    hasher.combine(bytes.count)
    hasher.combine(bytes: UnsafeRawBufferPointer(rebasing: bytes.prefix(4096)))
    let signature = hasher.finalize()
    for index in bySignature[signature] ?? [] where chunks[index].storage.bytes.elementsEqualFast(bytes) {
      return (chunks[index].offset, UInt64(bytes.count))
    }
    let offset = size
    chunks.append((offset, storage))
    bySignature[signature, default: []].append(chunks.count - 1)
    size = (offset + UInt64(bytes.count) + 63) & ~63
    return (offset, UInt64(bytes.count))
  }
}

extension UnsafeRawBufferPointer {
  fileprivate func elementsEqualFast(_ other: UnsafeRawBufferPointer) -> Bool {
    guard count == other.count else { return false }
    if baseAddress == other.baseAddress { return true }
    return withMemoryRebound(to: UInt8.self) { a in other.withMemoryRebound(to: UInt8.self) { b in a.elementsEqual(b) }
    }
  }
}
