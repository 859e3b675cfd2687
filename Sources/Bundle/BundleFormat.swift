/// The layout of a bundle file. All numbers little-endian.
///
/// | bytes | header |
/// |---|---|
/// | 0..<8 | magic |
/// | 8, 10 | major, minor version of the format (u16 each) |
/// | 12 | bytes of the header, 128 (u32) |
/// | 16 | bytes of the file (u64) |
/// | 24 | number of sections, 1...64 (u32) |
/// | 28 | flags, 0 (u32) |
/// | 32 | instruction sets the program may use, a mask of KERF_ISA_… bits, 0 for any (u32) |
/// | 36 | runtime version needed (u32) |
/// | 40 | bytes of the arena, 0 when they depend on the inputs (u64) |
/// | 48..<80 | build id: SHA-256 of the hashes of program and weights |
/// | 80..<112 | SHA-256 of the section table |
/// | 112..<124 | zero |
/// | 124 | CRC-32C of bytes 0..<124 (u32) |
///
/// The section table follows at byte 128: entries of 96 bytes, by rising type.
///
/// | bytes | entry |
/// |---|---|
/// | 0 | type (u32) |
/// | 4 | 1 when a reader that does not know the type must refuse, else 0 (u32) |
/// | 8, 16 | offset, length (u64 each); the length is not 0 |
/// | 24 | alignment (u32): 4096 for weights, 64 for others |
/// | 28 | CRC-32C of the section (u32) |
/// | 32..<64 | hash of the section: SHA-256 of the SHA-256 hashes of its pieces of 1 MiB (`SectionHash`) |
/// | 64..<96 | zero |
///
/// Sections lie in the order of the table, each at the first aligned offset after the one before; bytes between are
/// zero; the last ends the file. So there is one file for one content.
public enum BundleFormat {
  public static let magic: [UInt8] = [0x89, 0x4B, 0x52, 0x46, 0x0D, 0x0A, 0x1A, 0x0A]
  public static let major: UInt16 = 1
  public static let minor: UInt16 = 0
  public static let headerBytes = 128
  public static let entryBytes = 96
  public static let maximumSections = 64
  /// Version of this runtime: major, minor and patch in 16, 8 and 8 bits.
  public static let runtimeVersion: UInt32 = 0x0000_0100

  public enum Section: UInt32, Sendable {
    case program = 1
    case weights = 2
    case report = 3
    case metadata = 4
    case signature = 5
    /// The optimized graph as an ONNX model, for `kerf export`; only where it was asked for.
    case graph = 6

    var isRequired: Bool { self == .program || self == .weights }
    var alignment: Int { self == .weights ? 4096 : 64 }
  }

  /// Text of a runtime version: 0.1.0.
  public static func versionText(_ version: UInt32) -> String {
    "\(version >> 16).\((version >> 8) & 255).\(version & 255)"
  }
}

/// The fixed first bytes of a bundle.
public struct BundleHeader: Equatable, Sendable {
  public var major = BundleFormat.major
  public var minor = BundleFormat.minor
  public var fileBytes: UInt64 = 0
  public var sectionCount: UInt32 = 0
  public var isaMask: UInt32 = 0
  public var runtimeVersion = BundleFormat.runtimeVersion
  public var arenaBytes: UInt64 = 0
  public var buildID: [UInt8] = []
  public var tableHash: [UInt8] = []

  public init() {}
}

/// One entry of the section table.
public struct BundleSection: Equatable, Sendable {
  public var type: UInt32
  public var isRequired: Bool
  public var offset: Int
  public var length: Int
  public var alignment: Int
  public var crc: UInt32
  public var hash: [UInt8]
}
