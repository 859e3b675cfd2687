/// Why a bundle or a program is refused. Every text states the fact, what was found and what is expected.
public enum BundleError: Error, Equatable, Sendable {
  /// The file is something else.
  case notABundle(String)
  /// The bytes are not those that were written: cut, changed or stretched.
  case damaged(String)
  /// Whole, but made for another version.
  case version(String)
  /// The program breaks a rule of the format.
  case program(String)
  /// The operating system refused.
  case system(String)

  public var text: String {
    switch self {
    case .notABundle(let text), .damaged(let text), .version(let text), .program(let text), .system(let text): text
    }
  }
}

extension BundleError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .notABundle(let text): "not a Kerf bundle: " + text
    case .damaged(let text): "bundle is damaged: " + text
    case .version(let text): text
    case .program(let text): "bundle's program is invalid: " + text
    case .system(let text): text
    }
  }
}

/// A stranger's name as text: control characters and broken UTF-8 replaced, long names cut.
public func printable(_ name: [UInt8]) -> String {
  let limit = 200
  var bytes: [UInt8] = []
  bytes.reserveCapacity(min(name.count, limit) + 3)
  for byte in name.prefix(limit) { bytes.append(byte < 32 || byte == 127 ? 63 : byte) }
  if name.count > limit { bytes.append(contentsOf: [46, 46, 46]) }
  return String(decoding: bytes, as: UTF8.self)
}
